"""Which ways lead to the Matrix servers of a Setup, and which places go them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

from assistant.findings.model import THIS_COMPUTER
from assistant.plan.host_paths import FORWARD_PORT, LINK_PORT
from assistant.plan.routes import home_wrapped, outside_wrapped
from assistant.setup.homeservers import Homeserver, homeservers
from assistant.setup.model import Host, Role
from checks.check import Context
from checks.network.home_line import seen_address

HTTPS = 443


@dataclass(frozen=True)
class Served:
    """A name, the host whose port people connect to, and its addresses there.

    ``server`` is the host that runs the Matrix server and holds the certificate: another than
    ``host`` where a home line stands before it.
    """

    host: str
    name: str
    addresses: tuple[str, ...]
    port: int = HTTPS
    server: str = ""


@dataclass(frozen=True)
class Way:
    """One address at which one name answers, and the places (``vantages``) that go there.

    ``purpose``: ``clients`` (apps; other servers too where they use the same), ``federation`` (only
    the other server), ``link`` (the home host's own forwarding, tried on the host itself).
    """

    host: str
    server: str
    name: str
    address: str
    port: int
    vantages: tuple[str, ...]
    purpose: Literal["clients", "federation", "link"] = "clients"

    @property
    def label(self) -> str:
        """What probes and findings call it: name and address, the port unless it is 443."""
        return f"{self.name} {self.end}"

    @property
    def end(self) -> str:
        """Where it leads, whatever the name: the address, the port unless it is 443."""
        return self.address + ("" if self.port == HTTPS else f":{self.port}")


def served(context: Context) -> tuple[Served, ...]:
    """Every name that people connect to, where its host may answer at all.

    A name counts when the plan has an address record for it, wherever that record is put.
    """
    named = [r.name for r in context.plan.records if r.must == "exist" and r.type in ("A", "AAAA")]
    found: list[Served] = []
    for server in homeservers(context.setup):
        if server.port not in context.plan.for_host(server.front.name).open_tcp:
            continue
        found.extend(
            Served(server.front.name, name, addresses, server.port, server.host.name)
            for name in dict.fromkeys(named)
            if name in server.names and (addresses := _addresses(context, server, name))
        )
    return tuple(found)


def _addresses(context: Context, server: Homeserver, name: str) -> tuple[str, ...]:
    """The front's addresses that the plan gives out, as the line has them now if it is at home."""
    if server.front.role is Role.HOME:
        return home_addresses(context, server.front)
    values = {
        str(ipaddress.ip_address(value))
        for record in context.plan.records
        if record.name == name and record.must == "exist" and record.type in ("A", "AAAA")
        for value in record.values
    }
    own = (item for item in (server.front.public_ipv4, server.front.public_ipv6) if item)
    return tuple(item for item in own if str(ipaddress.ip_address(item)) in values)


def home_addresses(context: Context, host: Host) -> tuple[str, ...]:
    """Where a home host is found: the line's address as measured, else as it was entered."""
    four = seen_address(context) or host.public_ipv4
    return tuple(item for item in (four, host.public_ipv6) if item)


def wrapped(context: Context, host: Host) -> bool:
    """Whether a host reaches the server inside through a wrapped link."""
    if host.role is Role.HOME:
        return home_wrapped(context.setup)
    return host.role is Role.OUTSIDE and outside_wrapped(context.setup)


def may_name(context: Context, vantage: str, server: Homeserver) -> bool:
    """Whether a place may say the name on its way to a server.

    A wrapped link is there to keep the name off the line: no probe may put it there either.
    """
    if not server.main or vantage == THIS_COMPUTER:
        return True
    host = context.host(vantage)
    if host.role is Role.INSIDE:
        return not home_wrapped(context.setup)
    return not wrapped(context, host)


def ways(context: Context) -> tuple[Way, ...]:
    """Every way to every Matrix server, clients' first."""
    found: list[Way] = []
    items = {(item.host, item.name): item for item in served(context)}
    for item in items.values():
        server = next(s for s in homeservers(context.setup) if s.host.name == item.server)
        places = tuple(v for v in context.others(item.host) if may_name(context, v, server))
        if server.front.name != server.host.name:
            # The link's own host forwards: what it sees is the link, measured below.
            found.append(
                Way(item.host, item.server, item.name, "127.0.0.1", item.port, (item.host,), "link")
            )
        found.extend(
            Way(item.host, item.server, item.name, address, item.port, places)
            for address in item.addresses
        )
    known = {(way.name, way.address, way.port) for way in found}
    found.extend(way for way in _private(context) if (way.name, way.address, way.port) not in known)
    return tuple(found)


def _private(context: Context) -> tuple[Way, ...]:
    """The ways of the outside server alone: where its hosts file says the main names are."""
    if context.setup.option == 1:
        return ()
    main = homeservers(context.setup)[0]
    outside = context.setup.host(Role.OUTSIDE).name
    made = []
    for record in context.plan.records:
        if record.where != "server" or record.must != "exist" or record.name not in main.names:
            continue
        for value in record.values:
            host, server = main.host.name, main.host.name
            made.append(Way(host, server, record.name, value, HTTPS, (outside,), "federation"))
    return tuple(dict.fromkeys(made))


def visitors_of(context: Context, host: Host, port: int) -> tuple[str, ...]:
    """The places from which a port of a host has to be reached.

    The ports of links are nobody's but the linked host's; in option 4 the server inside is
    visited by its two neighbours only.
    """
    others = context.others(host.name)
    if host.role is not Role.INSIDE or port not in (LINK_PORT, FORWARD_PORT, HTTPS):
        return others
    near = [context.host(name) for name in others if name != THIS_COMPUTER]
    if port == LINK_PORT:
        return tuple(item.name for item in near if wrapped(context, item))
    direct = [item for item in near if not wrapped(context, item)]
    if port == FORWARD_PORT:
        return tuple(item.name for item in direct if item.role is Role.HOME)
    peers = tuple(item.name for item in direct if item.role is Role.OUTSIDE)
    return peers if context.setup.option == 4 else (THIS_COMPUTER, *peers)
