"""The DNS records a Setup needs, and those that must not exist.

``where`` tells the places apart: the public DNS, the people's devices (option 3), the hosts file of
the outside server (options 3 and 4, and wrapped links). Proofs for certificates come and go by
themselves and are not listed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Literal

from assistant.plan.errors import PlanError
from assistant.plan.model import Record
from assistant.plan.routes import federation_addresses
from assistant.setup.homeservers import Homeserver, homeservers
from assistant.setup.model import Host, Role, Setup
from assistant.text import Message, msg

HOME_TTL = 60
"""Seconds that records of a home line may be kept: its address changes at every redial."""


def records(setup: Setup) -> tuple[Record, ...]:
    """All records of a Setup, those of the main server first.

    A host without IPv6 must have no AAAA record, not even an old one: many devices would try it
    first and wait. In option 4 the main names have the home line's address, which a program on the
    home host keeps current; while it is not known the record has no values. :class:`PlanError` when
    a server has no address at all.
    """
    for server in homeservers(setup):
        _needs_address(server)
    return tuple(_all(setup))


def _all(setup: Setup) -> Iterator[Record]:
    for server in homeservers(setup):
        for name in server.names:
            if server.private:
                yield from _absent(name)
                yield from _on_devices(server, name)
            elif server.front.role is Role.HOME:
                yield from _home(server, name)
            else:
                yield from _addresses(server, name)
    yield from _on_outside_server(setup)
    if setup.option == 4 and setup.settings.federation == "open":
        yield _delegation(homeservers(setup)[0])


def _needs_address(server: Homeserver) -> None:
    if server.host.public_ipv4 or server.host.public_ipv6:
        return
    raise PlanError(
        "no-address",
        msg(
            "The public address of {host} is not known yet, so nobody can be told where "
            "{domain} is. Check the host first, or fill its address in.",
            host=server.host.name,
            domain=server.server_name,
        ),
    )


def _purpose(server: Homeserver, name: str) -> Message:
    if name == server.access_name:
        return msg("Apps connect to {name}.", name=name)
    if name == server.server_name:
        return msg("Apps and other servers ask {name} where the server is.", name=name)
    return msg("{name} is a spare name for the day when another one is blocked.", name=name)


def _addresses(server: Homeserver, name: str) -> Iterator[Record]:
    for kind, value in _known(server.host):
        if value:
            yield Record(name=name, type=kind, values=(value,), why=_purpose(server, name))
        else:
            why = _no_address(server.host, kind)
            yield Record(name=name, type=kind, values=(), must="absent", why=why)


def _on_devices(server: Homeserver, name: str) -> Iterator[Record]:
    for kind, value in _known(server.host):
        if value:
            why = _purpose(server, name)
            yield Record(name=name, type=kind, values=(value,), where="device", why=why)


def _no_address(host: Host, kind: str) -> Message:
    return msg(
        "{host} has no address of this kind: devices that try an old {kind} record would wait in "
        "vain.",
        host=host.name,
        kind=kind,
    )


def _absent(name: str) -> Iterator[Record]:
    """Whatever would tell the public that the name exists, or where."""
    why = msg(
        "{name} must be in no public DNS: whoever finds it there finds the server in China.",
        name=name,
    )
    kinds: tuple[Literal["A", "AAAA", "CNAME", "HTTPS"], ...] = ("A", "AAAA", "CNAME", "HTTPS")
    for kind in kinds:
        yield Record(name=name, type=kind, values=(), must="absent", why=why)
    for service in ("_matrix._tcp", "_matrix-fed._tcp"):
        yield Record(name=f"{service}.{name}", type="SRV", values=(), must="absent", why=why)


def _home(server: Homeserver, name: str) -> Iterator[Record]:
    host = server.front
    for kind, value in _known(host):
        unknown = kind == "A" and not host.public_ipv6
        if not value and not unknown:
            yield Record(
                name=name, type=kind, values=(), must="absent", why=_no_address(host, kind)
            )
            continue
        why = _purpose(server, name)
        if not value:
            why = msg(
                "The address of the home line is not known yet. The program on {host} finds it and "
                "fills it in, and keeps it right after every redial.",
                host=host.name,
            )
        yield Record(
            name=name,
            type=kind,
            values=(value,) if value else (),
            why=why,
            ttl=HOME_TTL,
            dynamic=True,
        )


def _on_outside_server(setup: Setup) -> Iterator[Record]:
    addresses = federation_addresses(setup)
    if not addresses:
        return
    outside = setup.host(Role.OUTSIDE)
    for name in setup.names:
        why = msg("{host} finds the server in China by this, and asks no DNS.", host=outside.name)
        for address in addresses:
            kind: Literal["A", "AAAA"] = "AAAA" if ":" in address else "A"
            yield Record(name=name, type=kind, values=(address,), where="server", why=why)


def _delegation(server: Homeserver) -> Record:
    return Record(
        name=f"_matrix-fed._tcp.{server.server_name}",
        type="SRV",
        values=(f"10 0 {server.port} {server.access_name}.",),
        why=msg("Other servers find the port by this: a home line cannot answer them on port 443."),
    )


def _known(host: Host) -> tuple[tuple[Literal["A", "AAAA"], str], ...]:
    v4 = str(ipaddress.IPv4Address(host.public_ipv4)) if host.public_ipv4 else ""
    v6 = ipaddress.IPv6Address(host.public_ipv6).compressed if host.public_ipv6 else ""
    return ("A", v4), ("AAAA", v6)
