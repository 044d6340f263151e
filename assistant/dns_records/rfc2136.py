"""Records changed at a DNS server by signed updates (RFC 2136)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assistant.dns_records.zones import TIMEOUT, Failed, Zone, owned_zone
from assistant.setup.model import DnsUpdate
from assistant.text import msg


class DnsServer:
    """Signed updates (RFC 2136) to one server, which also answers what there is."""

    def __init__(self, update: DnsUpdate, secret: str) -> None:
        import dns.exception
        import dns.tsig
        import dns.tsigkeyring

        self._update = update
        self._address = _address_of(update.server)
        try:
            self.keyring: Any = dns.tsigkeyring.from_text(
                {update.key_name: (update.algorithm.lower(), secret)}
            )
        except Exception:
            # binascii's and dnspython's errors alike may show part of the key.
            raise Failed(msg("the key is not in the right form (base64).")) from None
        self._zones: dict[str, str] = {}

    def of(self, name: str, *, hidden: bool, ttl: int) -> Zone:
        """Asked at that server only, so a hidden name goes nowhere else."""
        bare = owned_zone(name, hidden=False)
        if bare not in self._zones:
            self._zones[bare] = self._find(bare)
        return _ServerZone(self, self._zones[bare], ttl)

    def _find(self, name: str) -> str:
        import dns.message
        import dns.rdatatype

        labels = name.split(".")
        for start in range(len(labels)):
            zone = ".".join(labels[start:])
            answer = self.send(dns.message.make_query(zone, "SOA"))
            if any(
                found.rdtype == dns.rdatatype.SOA and found.name.to_text(True).lower() == zone
                for found in answer.answer
            ):
                return zone
        raise Failed(
            msg("{server} does not answer for {name}.", server=self._update.server, name=name)
        )

    def send(self, message: Any) -> Any:
        """One exchange over TCP; :class:`Failed` for everything but an answer."""
        import dns.exception
        import dns.query
        import dns.tsig

        server = self._update.server
        try:
            return dns.query.tcp(message, self._address, timeout=TIMEOUT, port=self._update.port)
        except dns.tsig.PeerError:
            raise Failed(
                msg("{server} does not accept the key, or its clock is wrong.", server=server)
            ) from None
        except (dns.exception.DNSException, OSError, EOFError):
            raise Failed(msg("{server} gives no proper answer.", server=server)) from None


class _ServerZone:
    def __init__(self, server: DnsServer, zone: str, ttl: int) -> None:
        self._server = server
        self._zone = zone
        self._ttl = ttl

    def values(self, name: str, kind: str) -> tuple[str, ...]:
        import dns.message
        import dns.rdatatype

        answer = self._server.send(dns.message.make_query(name, kind))
        wanted = dns.rdatatype.from_text(kind)
        return tuple(
            item.to_text()
            for found in answer.answer
            if found.rdtype == wanted and found.name.to_text(True).lower() == name
            for item in found
        )

    def create(self, name: str, kind: str, value: str) -> None:
        self._change(lambda update: update.add(f"{name}.", self._ttl, kind, value))

    def delete(self, name: str, kind: str, value: str) -> None:
        self._change(lambda update: update.delete(f"{name}.", kind, value))

    def _change(self, fill: Callable[[Any], None]) -> None:
        import dns.rcode
        import dns.update

        update = dns.update.UpdateMessage(self._zone, keyring=self._server.keyring)
        fill(update)
        code = self._server.send(update).rcode()
        if code != dns.rcode.NOERROR:
            raise Failed(
                msg(
                    "the server refuses the change ({code}): the key may not change this record.",
                    code=dns.rcode.to_text(code),
                )
            )


def _address_of(server: str) -> str:
    import socket

    try:
        return str(socket.getaddrinfo(server, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        raise Failed(msg("the server {server} has no address.", server=server)) from None
