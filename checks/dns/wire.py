"""DNS questions as probes, and what came back as answers. dnspython builds and reads them."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from assistant.findings.model import Measurement
from assistant.findings.probes import Probe

LINGER = 0.4
"""Seconds to wait for further answers after the first of a resolver."""

FORGED_AHEAD = 3.0
"""The same for a domain's own servers: a forged answer may come that long before the real one."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one server said about one name and type.

    ``rcode`` is DNS's (``NOERROR``, ``NXDOMAIN``, …), or ``silent`` (nothing came), ``broken``
    (what came was no answer to the question). ``values`` are in presentation form, normalised.
    ``ttl`` in seconds: of the records, or for an absence how long it may be remembered.
    ``several`` are the values of further answers that differ from the first.
    """

    rcode: str
    values: frozenset[str] = frozenset()
    ttl: int = 0
    several: tuple[frozenset[str], ...] = ()

    @property
    def told(self) -> bool:
        """Whether it says anything about the name."""
        return self.rcode in ("NOERROR", "NXDOMAIN")


def ask(
    probe: str, server: str, name: str, type_: str, *, recursive: bool, wait: float = 4.0
) -> Probe:
    """A probe that asks a server (an IP address) for a name, three sendings at most."""
    wire = question(probe, name, type_, recursive=recursive)
    return Probe(
        id=probe,
        kind="udp",
        fields={
            "address": server,
            "port": 53,
            "payload": base64.b64encode(wire).decode("ascii"),
            "wait": wait,
            "linger": LINGER if recursive else FORGED_AHEAD,
            "resend": wait / 3,
        },
        timeout=wait + 1,
    )


def question(probe: str, name: str, type_: str, *, recursive: bool = True) -> bytes:
    """A DNS question on the wire; the same for the same probe."""
    import dns.flags
    import dns.message

    # The message id needs no secrecy: a check that compares servers does not trust one answer.
    query = dns.message.make_query(name, type_, use_edns=0, payload=1232, id=_id(probe))
    if not recursive:
        query.flags &= ~dns.flags.RD
    return query.to_wire()


def _id(probe: str) -> int:
    """A message id that follows from the probe, so that building a probe stays pure."""
    import zlib

    return zlib.crc32(probe.encode()) & 0xFFFF


def normal(type_: str, value: str) -> str:
    """A value in one spelling, so that equal ones compare equal."""
    if type_ in ("A", "AAAA"):
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            return value
    return value.lower().rstrip(".") if type_ in ("CNAME", "NS") else value


def read(item: Measurement | None, name: str, type_: str) -> Answer:
    """The answer in a measurement; a reply to another question does not count."""
    if item is None or not item.ok:
        return Answer(rcode="silent")
    replies = item.data.get("replies")
    answers = [
        answer
        for reply in (replies if isinstance(replies, list) else [])
        if (answer := _parse(reply, item.probe, name, type_)) is not None
    ]
    if not answers:
        return Answer(rcode="broken")
    first = answers[0]
    others = tuple(a.values for a in answers[1:] if a.values != first.values)
    return Answer(rcode=first.rcode, values=first.values, ttl=first.ttl, several=others)


def _parse(reply: Any, probe: str, name: str, type_: str) -> Answer | None:
    try:
        payload = base64.b64decode(str(reply["payload"]), validate=True)
    except (ValueError, KeyError, TypeError):
        return None
    return parse(payload, probe, name, type_)


def parse(payload: bytes, probe: str, name: str, type_: str) -> Answer | None:
    """A DNS message as an answer to a probe's question; None when it is none."""
    import dns.exception
    import dns.message
    import dns.name
    import dns.rcode
    import dns.rdatatype

    try:
        message = dns.message.from_wire(payload, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return None
    wanted = dns.name.from_text(name)
    kind = dns.rdatatype.from_text(type_)
    asked = [(q.name, q.rdtype) for q in message.question]
    if message.id != _id(probe) or (asked and asked != [(wanted, kind)]):
        return None
    rcode = dns.rcode.to_text(message.rcode())
    values, ttls = set[str](), list[int]()
    for rrset in message.answer:
        if rrset.rdtype == kind:
            values |= {normal(type_, rdata.to_text()) for rdata in rrset}
            ttls.append(rrset.ttl)
    if not values:
        for rrset in message.authority:
            if rrset.rdtype == dns.rdatatype.SOA:
                ttls.append(min(rrset.ttl, rrset[0].minimum))
    return Answer(rcode=rcode, values=frozenset(values), ttl=min(ttls, default=0))


def ancestors(names: Iterable[str]) -> tuple[str, ...]:
    """Every name and its parents that may be a zone, longest first; no top-level domains."""
    found: dict[str, None] = {}
    for name in names:
        labels = name.rstrip(".").split(".")
        for start in range(len(labels) - 1):
            found[".".join(labels[start:])] = None
    return tuple(sorted(found, key=lambda item: -item.count(".")))
