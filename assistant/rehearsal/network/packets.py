"""Reading raw IP packets. Standard library only: the border and the captures use it."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

TCP = 6
UDP = 17
FIN, SYN, RST, PUSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


class Segment(NamedTuple):
    """The parts of a packet that matter. For what is neither TCP nor UDP the ports are 0."""

    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int
    flags: int
    """TCP flags; 0 for others."""
    sequence: int
    acknowledged: int
    payload: bytes


def parse(packet: bytes) -> Segment | None:
    """The parts of a raw IPv4 or IPv6 packet; None when it is too short or neither."""
    if not packet:
        return None
    version = packet[0] >> 4
    if version == 4 and len(packet) >= 20:
        header = (packet[0] & 15) * 4
        end = int.from_bytes(packet[2:4], "big") or len(packet)
        protocol = packet[9]
        source, destination = packet[12:16], packet[16:20]
        # A later fragment has no ports of its own.
        whole = int.from_bytes(packet[6:8], "big") & 0x1FFF == 0
    elif version == 6 and len(packet) >= 40:
        header, end = 40, 40 + int.from_bytes(packet[4:6], "big")
        protocol = packet[6]
        source, destination = packet[8:24], packet[24:40]
        whole = True
    else:
        return None
    body = packet[header:end]
    ports = (0, 0)
    flags = sequence = acknowledged = 0
    if whole and protocol == TCP and len(body) >= 20:
        ports = _ports(body)
        sequence = int.from_bytes(body[4:8], "big")
        acknowledged = int.from_bytes(body[8:12], "big")
        flags = body[13]
        body = body[(body[12] >> 4) * 4 :]
    elif whole and protocol == UDP and len(body) >= 8:
        ports = _ports(body)
        body = body[8:]
    return Segment(
        str(ipaddress.ip_address(source)),
        str(ipaddress.ip_address(destination)),
        protocol,
        *ports,
        flags,
        sequence,
        acknowledged,
        body,
    )


def _ports(body: bytes) -> tuple[int, int]:
    return int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")


def is_link_local(packet: bytes) -> bool:
    """Whether a packet is talk among neighbours, which never crosses a border."""
    if packet[0] >> 4 == 6:
        return packet[24] == 0xFF or (packet[24] == 0xFE and packet[25] & 0xC0 == 0x80)
    return packet[16] >= 224 and packet[16] < 240
