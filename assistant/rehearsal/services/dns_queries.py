"""What the lab's DNS servers were asked, seen on the wire: a proof of who asked what."""

from __future__ import annotations

import itertools
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dns.exception
import dns.message
import dns.rdatatype

from assistant.rehearsal.addresses import AUTHORITATIVE, INSIDE_RESOLVER, RESOLVER
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.network.pcap import datagrams, streams
from assistant.rehearsal.network.sniffers import Sniffer
from assistant.rehearsal.services.services_root import NAMESPACE

PORT = 53
SERVERS = {
    ip for each in (AUTHORITATIVE, RESOLVER, INSIDE_RESOLVER) for ip in (each.ipv4, each.ipv6)
}
MARK = "mark.query-log.lab.example"
MARK_TIMEOUT = 5.0


class Query(NamedTuple):
    """One question to one of the DNS servers."""

    client: str
    """The address it came from; a resolver's own when it asked on somebody's behalf."""
    name: str
    """In lower case, without the final dot."""
    type: str


class QueryLog:
    """Every question since the start, whichever server was asked, by UDP and TCP."""

    def __init__(self, folder: Path) -> None:
        self._sniffer = Sniffer(NAMESPACE, "any", folder / "queries.pcap", PORT)
        self._marks = itertools.count()

    async def start(self) -> None:
        """Begin to listen. Raises RehearsalError."""
        await self._sniffer.start()

    async def stop(self) -> None:
        """End it."""
        await self._sniffer.stop()

    def read(self) -> list[Query]:
        """Everything asked until now; takes some milliseconds. Raises RehearsalError."""
        # The log is complete up to a question of our own, once that is in it.
        mark = f"{next(self._marks)}.{MARK}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            question = dns.message.make_query(mark, "TXT").to_wire()
            sender.sendto(question, (RESOLVER.ipv4, PORT))
            deadline = time.monotonic() + MARK_TIMEOUT
            while time.monotonic() < deadline:
                found = list(read_queries(self._sniffer.path))
                if any(query.name == mark for query in found):
                    return [query for query in found if not query.name.endswith(MARK)]
                time.sleep(0.02)
        raise RehearsalError("The log of DNS queries is not being written.")


def read_queries(path: Path) -> Iterator[Query]:
    """The questions in a capture, those by TCP last."""
    for flow, wire in datagrams(path, PORT):
        if flow.destination in SERVERS:
            yield from _questions(flow.source, wire)
    for flow, stream in streams(path).items():
        if flow.destination_port == PORT and flow.destination in SERVERS:
            while len(stream) > 2:
                (length,) = struct.unpack_from("!H", stream)
                yield from _questions(flow.source, stream[2 : 2 + length])
                stream = stream[2 + length :]


def _questions(client: str, wire: bytes) -> Iterator[Query]:
    try:
        message = dns.message.from_wire(wire, question_only=True)
    except (dns.exception.DNSException, ValueError):
        return
    for question in message.question:
        name = question.name.to_text(omit_final_dot=True).lower()
        yield Query(client, name, dns.rdatatype.to_text(question.rdtype))
