"""The line at home (option 4): which address it has, whether that is its own, and kept current.

The server inside sees the line's address: before the deployment through a temporary listener that
tells its visitors who they are, afterwards through its web server, which does the same.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from assistant.findings.model import Finding
from assistant.findings.probes import Probe
from assistant.plan.host_paths import FORWARD_PORT, LINK_PORT
from assistant.plan.recipes.dns.dyndns import STATE
from assistant.plan.recipes.links.home_forward import route
from assistant.plan.routes import home_wrapped
from assistant.setup.model import Host, Role
from assistant.text import msg
from checks.check import Check, Context, Listener
from checks.host.fitness import applied_before
from checks.network.home_rules import Line, judge_line, judge_updates

WHO_PATH = "/.well-known/matrix-assistant/address"
"""Where the web server inside tells its visitors which address they come from."""

_TIMEOUT = 6.0


class HomeCheck(Check):
    """The address of the line, as seen from inside, as the router says, as the first stops show."""

    id = "home"
    title = msg("The line at home has an address of its own")
    needs_facts = True

    def subjects(self, context: Context) -> tuple[str, ...]:
        """The home host; nothing in other options."""
        host = home(context)
        return () if host is None else (host.name,)

    def vantages(self, context: Context) -> tuple[str, ...]:
        """The home host alone."""
        return context.subjects

    def listeners(self, context: Context) -> tuple[Listener, ...]:
        """Before: one on the server inside, on the port the line will use."""
        inside = _inside(context)
        if inside is None or _served(context) or not _connected(context, inside.name):
            return ()
        return (Listener(inside.name, link_port(context)),)

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """A visit to the server inside, the router, the first stops; what the updates tell."""
        inside = _inside(context)
        if inside is None:
            return ()
        made = [Probe(id="router", kind="router", timeout=_TIMEOUT)]
        if inside.public_ipv4:
            to = {"address": inside.public_ipv4}
            made.append(Probe(id="stops", kind="hops", fields=to, timeout=10))
        if _served(context):
            made.append(Probe(id="visit", kind="http", fields=_asked(context), timeout=_TIMEOUT))
            made.append(Probe(id="updates", kind="file", fields={"path": STATE}))
        elif inside.public_ipv4:
            way = {"host": inside.public_ipv4, "port": link_port(context), "read": 200}
            made.append(Probe(id="visit", kind="tcp", fields=way, timeout=_TIMEOUT))
        return tuple(made)

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """About the line; nothing while the home host is not connected."""
        return tuple(self._judge(context))

    def _judge(self, context: Context) -> Iterator[Finding]:
        host = home(context)
        if host is not None and _connected(context, host.name):
            line = line_of(context)
            yield from judge_line(host.name, line, before=context.phase == "before")
            updates = context.last(HomeCheck.id, host.name, "updates")
            if context.phase == "after" and context.setup.settings.provider and updates is not None:
                yield judge_updates(host.name, updates)


def home(context: Context) -> Host | None:
    """The home host, None in options without one."""
    return next((host for host in context.setup.hosts if host.role is Role.HOME), None)


def _inside(context: Context) -> Host | None:
    return next((host for host in context.setup.hosts if host.role is Role.INSIDE), None)


def _served(context: Context) -> bool:
    """Whether the link's port is in service already, so that no listener can be opened there."""
    inside = _inside(context)
    applied = inside is not None and applied_before(context.setup, inside.name)
    return context.phase == "after" or applied


def _connected(context: Context, name: str) -> bool:
    return name in context.vantages and name not in context.lost


def link_port(context: Context) -> int:
    """The port of the server inside that the home line uses."""
    return LINK_PORT if home_wrapped(context.setup) else FORWARD_PORT


def seen_address(context: Context) -> str:
    """The line's IPv4 address as the server inside sees it; empty when it was not seen."""
    host, inside = home(context), _inside(context)
    if host is None or inside is None:
        return ""
    visit = context.last(HomeCheck.id, host.name, "visit")
    if visit is not None and visit.kind == "http":
        answered = visit.ok and visit.data.get("status") == 200
        return _four(str(visit.data.get("body", ""))) if answered else ""
    banner = str(visit.data.get("banner", "")) if visit is not None else ""
    before, nonce, address = banner.partition(context.nonce)
    return _four(address) if nonce and not before else ""


def _asked(context: Context) -> dict[str, str]:
    """The question who we are, on the way that everything from the home line goes."""
    address, _, port = route(context.setup).rpartition(":")
    name = context.setup.access_name
    return {"url": f"https://{name}:{port}{WHO_PATH}", "address": address.strip("[]")}


def _four(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text.strip()))
    except ValueError:
        return ""


def own_addresses(context: Context, name: str) -> tuple[str, ...]:
    """The addresses of a host's interfaces, as it told."""
    told = context.facts.get(name)
    found = told.facts.get("addresses") if told is not None else None
    return tuple(map(str, found)) if isinstance(found, list) else ()


def line_of(context: Context) -> Line:
    """Everything known of the line at home."""
    host = home(context)
    if host is None:
        return Line()
    asked = context.last(HomeCheck.id, host.name, "router")
    told = asked.data if asked is not None else {}
    stops = context.last(HomeCheck.id, host.name, "stops")
    listed = stops.data.get("hops") if stops is not None else None
    return Line(
        seen=seen_address(context),
        wan=_four(str(told.get("wan", ""))),
        local=_four(str(told.get("local", ""))),
        own=own_addresses(context, host.name),
        entered=host.public_ipv4,
        hops=tuple(map(str, listed)) if isinstance(listed, list) else (),
        six=bool(host.public_ipv6),
    )
