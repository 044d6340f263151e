"""A name server for tests: one zone in memory, signed updates (RFC 2136) over TCP."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsigkeyring
import dns.update

SOA = "ns.example. h.example. 1 60 60 60 60"


class Zone:
    """Records by (name, type); ``asked`` and ``updates`` tell what came."""

    def __init__(self, name: str, key: tuple[str, str]) -> None:
        self.name = name
        self.keyring = dns.tsigkeyring.from_text({key[0]: ("hmac-sha256", key[1])})
        self.data: dict[tuple[str, str], dict[str, int]] = {}
        self.asked: list[tuple[str, str]] = []
        self.updates = 0
        self.refuse = False
        self.port = 0

    def answer(self, wire: bytes) -> bytes:
        message = dns.message.from_wire(wire, keyring=self.keyring)
        made = dns.message.make_response(message)
        made.flags |= dns.flags.AA
        if message.opcode() == dns.opcode.UPDATE:
            self._update(message, made)
        else:
            self._query(message.question[0], made)
        return made.to_wire()

    def _query(self, question: Any, made: Any) -> None:
        name = question.name.to_text(True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if not f".{name}".endswith(f".{self.name}"):
            made.set_rcode(dns.rcode.REFUSED)
            return
        values = self.data.get((name, kind), {})
        if kind == "SOA" and name == self.name:
            values = {SOA: 60}
        if values:
            ttl = next(iter(values.values()))
            made.answer.append(dns.rrset.from_text(question.name, ttl, "IN", kind, *values))

    def _update(self, message: Any, made: Any) -> None:
        if self.refuse or not message.had_tsig:
            made.set_rcode(dns.rcode.REFUSED)
            return
        self.updates += 1
        for found in message.update:
            key = (found.name.derelativize(dns.name.from_text(self.name)).to_text(True).lower(),
                   dns.rdatatype.to_text(found.rdtype))  # fmt: skip
            for item in found:
                if found.deleting == dns.rdataclass.NONE:
                    self.data.get(key, {}).pop(item.to_text(), None)
                else:
                    self.data.setdefault(key, {})[item.to_text()] = found.ttl


@contextmanager
def serving(zone: Zone) -> Iterator[Zone]:
    """The zone on a free port of this machine."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = self.request.recv(2, 0x100)  # MSG_WAITALL
            wire = self.request.recv(struct.unpack("!H", head)[0], 0x100)
            try:
                made = zone.answer(wire)
            except dns.message.UnknownTSIGKey:
                return
            except Exception:
                # A bad signature: BADSIG, as servers tell it, costs more code than it is worth.
                return
            self.request.sendall(struct.pack("!H", len(made)) + made)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        zone.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield zone
        server.shutdown()
