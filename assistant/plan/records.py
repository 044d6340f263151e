"""The DNS records a Setup needs, and those that must not exist."""

from __future__ import annotations

import ipaddress
from typing import Literal

from assistant.plan.errors import PlanError
from assistant.plan.model import Record
from assistant.setup import Host, Role, Setup
from assistant.text import Message, msg


def records(setup: Setup) -> tuple[Record, ...]:
    """Option 1: addresses of the server name and of the access name, in the public DNS.

    A host without IPv6 must have no AAAA record, not even an old one: many devices would try it
    first and wait. :class:`PlanError` when the host has no address at all.
    """
    host = setup.host(Role.OUTSIDE)
    if not host.public_ipv4 and not host.public_ipv6:
        raise PlanError(
            "no-address",
            msg(
                "The public address of {host} is not known yet, so nobody can be told where "
                "{domain} is. Check the host first, or fill its address in.",
                host=host.name,
                domain=setup.server_name,
            ),
        )
    names = dict.fromkeys((setup.server_name, setup.access_name))
    return tuple(record for name in names for record in _addresses(setup, host, name))


def _addresses(setup: Setup, host: Host, name: str) -> tuple[Record, Record]:
    v4 = str(ipaddress.IPv4Address(host.public_ipv4)) if host.public_ipv4 else ""
    v6 = ipaddress.IPv6Address(host.public_ipv6).compressed if host.public_ipv6 else ""
    purpose = _purpose(setup, name)
    return (_address(name, "A", v4, host, purpose), _address(name, "AAAA", v6, host, purpose))


def _purpose(setup: Setup, name: str) -> Message:
    if name == setup.access_name:
        return msg("Apps connect to {name}.", name=name)
    return msg("Apps and other servers ask {name} where the server is.", name=name)


def _address(
    name: str, kind: Literal["A", "AAAA"], value: str, host: Host, purpose: Message
) -> Record:
    if value:
        return Record(name=name, type=kind, values=(value,), why=purpose)
    why = msg(
        "{host} has no address of this kind: devices that try an old {kind} record would wait in "
        "vain.",
        host=host.name,
        kind=kind,
    )
    return Record(name=name, type=kind, values=(), must="absent", why=why)
