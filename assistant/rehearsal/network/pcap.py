"""Packets kept in files: pcap with raw IP packets, as Wireshark and tcpdump read them.

Standard library only: the programs that capture write with it, tests read with it.
"""

from __future__ import annotations

import struct
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from assistant.rehearsal.network.packets import ACK, SYN, TCP, UDP, Segment, parse

MAGIC = 0xA1B2C3D4
RAW_IP = 101
LONGEST = 262_144
_HEAD = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII")


class Writer:
    """A pcap file being written; every packet is in the file when `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb", buffering=0)
        self._file.write(_HEAD.pack(MAGIC, 2, 4, 0, 0, LONGEST, RAW_IP))

    def write(self, packet: bytes) -> None:
        """Append one raw IP packet."""
        now = time.time()
        head = _RECORD.pack(int(now), int(now % 1 * 1_000_000), len(packet), len(packet))
        self._file.write(head + packet)

    def close(self) -> None:
        """End the file."""
        self._file.close()


def read(path: Path) -> Iterator[bytes]:
    """The raw packets of a capture, in order; one that is still being written ends early.

    Raises ValueError for a file that is no such capture.
    """
    with Path(path).open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or _HEAD.unpack(head)[0::6] != (MAGIC, RAW_IP):
            raise ValueError(f"{path} is not a capture of raw IP packets.")
        while len(record := file.read(_RECORD.size)) == _RECORD.size:
            length = _RECORD.unpack(record)[2]
            packet = file.read(length)
            if len(packet) < length:
                return
            yield packet


class Flow(NamedTuple):
    """One direction of a TCP connection, or of a UDP exchange."""

    protocol: int
    source: str
    source_port: int
    destination: str
    destination_port: int


def flow_of(part: Segment) -> Flow:
    """The flow a packet belongs to."""
    ends = (part.source, part.source_port, part.destination, part.destination_port)
    return Flow(part.protocol, *ends)


def streams(path: Path) -> dict[Flow, bytes]:
    """What each TCP flow carried, put in order; repeated parts once, missing parts left out."""
    connections: dict[Flow, list[_Connection]] = defaultdict(list)
    for packet in read(path):
        part = parse(packet)
        if part is None or part.protocol != TCP:
            continue
        known = connections[flow_of(part)]
        # The same ports can serve another connection later, which counts from elsewhere.
        if not known or (part.flags & SYN and part.sequence != known[-1].start):
            known.append(_Connection(part.sequence, {}))
        if part.payload:
            known[-1].add(part)
    return {
        flow: b"".join(_joined(each.parts) for each in found) for flow, found in connections.items()
    }


class _Connection(NamedTuple):
    start: int
    parts: dict[int, bytes]

    def add(self, part: Segment) -> None:
        # Sequence numbers wrap round; an earlier part may come later.
        offset = (part.sequence - self.start + 2**31) % 2**32 - 2**31
        self.parts[offset] = max(self.parts.get(offset, b""), part.payload, key=len)


def _joined(parts: dict[int, bytes]) -> bytes:
    joined = bytearray()
    end: int | None = None
    for offset, payload in sorted(parts.items()):
        skip = max(0, end - offset) if end is not None else 0
        joined += payload[skip:]
        end = max(end or offset, offset + len(payload))
    return bytes(joined)


def contains(path: Path, wanted: bytes) -> bool:
    """Whether these bytes were on the wire: in one packet, or spread over a TCP flow's."""
    if any(wanted in packet for packet in read(path)):
        return True
    return any(wanted in stream for stream in streams(path).values())


def addressed_to(path: Path, port: int) -> int:
    """How many TCP connections were tried to that destination port (SYNs, repeats included)."""
    count = 0
    for packet in read(path):
        part = parse(packet)
        if part and part.protocol == TCP and part.destination_port == port:
            count += part.flags & (SYN | ACK) == SYN
    return count


def datagrams(path: Path, port: int) -> Iterator[tuple[Flow, bytes]]:
    """Every UDP packet to that destination port, in order."""
    for packet in read(path):
        part = parse(packet)
        if part and part.protocol == UDP and part.destination_port == port:
            yield flow_of(part), part.payload
