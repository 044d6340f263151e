"""Does the service show a certificate that devices accept, from everywhere?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from assistant.findings.model import THIS_COMPUTER, Finding, Measurement, Mender, Remedy
from assistant.findings.probes import Probe
from assistant.setup.homeservers import homeservers
from assistant.setup.model import Role
from assistant.text import msg
from checks.causes import remedy
from checks.check import Check, Context
from checks.evidence import TRIES, loss_share
from checks.network.ways import Way, ways
from checks.service.tls_rules import Hellos, judge_hellos, judge_itself, not_tried

_TIMEOUT = 8.0


class TlsCheck(Check):
    """Each served name on each way to it, from outside and on the server itself."""

    id = "tls"
    title = msg("Connections are encrypted with a valid certificate")
    phases = ("after",)
    requires = ("ports-after",)

    def subjects(self, context: Context) -> tuple[str, ...]:
        """The hosts that answer for names, and those that hold the certificates."""
        return tuple(dict.fromkeys(name for w in ways(context) for name in (w.host, w.server)))

    def vantages(self, context: Context) -> tuple[str, ...]:
        """Every place that goes one of the ways, and the servers themselves."""
        mine = _mine(context)
        return tuple(dict.fromkeys([*(v for w in mine for v in w.vantages), *_servers(mine)]))

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """On the server itself one hello a name; from elsewhere one lane an address and port."""
        made: dict[str, Probe] = {}
        lanes: dict[str, list[Way]] = {}
        for way in _mine(context):
            if vantage == way.server:
                probe = f"{way.name} {way.server} itself"
                here = replace(way, address="127.0.0.1", port=443)
                made[probe] = Probe(id=probe, kind="tls", fields=_to(here, way.name),
                                    timeout=_TIMEOUT)  # fmt: skip
            if vantage in way.vantages and not _shut(context, vantage, way):
                lanes.setdefault(way.end, []).append(way)
        for mine in lanes.values():
            made.update((probe.id, probe) for probe in _lane(context, mine))
        return tuple(made.values())

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """One finding per name, address and vantage."""
        found: list[Finding] = []
        told: set[tuple[str, str]] = set()
        for way in _mine(context):
            local = context.last(self.id, way.server, f"{way.name} {way.server} itself")
            if local is not None and (way.server, way.name) not in told:
                told.add((way.server, way.name))
                found.append(judge_itself(way.server, way.name, local))
            for vantage in way.vantages:
                earlier = _shut(context, vantage, way)
                if earlier is not None:
                    found.append(not_tried(way.host, way.label, way.name, vantage, earlier))
            seen = {
                vantage: self._seen(context, vantage, way)
                for vantage in way.vantages
                if (self.id, vantage) in context.measured and not _shut(context, vantage, way)
            }
            found.extend(
                judge_hellos(
                    way.host,
                    way.name,
                    way.address,
                    seen,
                    local,
                    port=way.port,
                    server=way.server,
                    sides={vantage: side(context, vantage) for vantage in way.vantages},
                    advice=partial(advice, context, way),
                )
            )
        return tuple(found)

    def _seen(self, context: Context, vantage: str, way: Way) -> Hellos:
        def got(kind: str, what: str) -> tuple[Measurement, ...]:
            return context.got(self.id, vantage, f"{kind} {what}".strip())

        siblings = [other.label for other in _mine(context)
                    if other.end == way.end and other.name != way.name]  # fmt: skip
        there = [
            item
            for item in context.measured.get((self.id, vantage), ())
            if item.probe.endswith(f" {way.end}")
        ]
        return Hellos(
            real=got("", way.label),
            large=got("large", way.label),
            control=(*got("none", way.end), *got("control", way.end)),
            brief=got("brief", way.label),
            witness=got("witness", way.label),
            again=got("again", way.label),
            tcp=got("tcp", way.end),
            # Another name of ours is answered with a certificate as long as this one's.
            same_size=any(item.ok for label in siblings for item in got("", label)),
            loss=loss_share(there),
        )


CONTROL_NAME = "www.example.com"
"""A name that nobody has a reason to cut; the server answers it with a refusal."""


def innocents_first(context: Context, mine: Sequence[Way]) -> tuple[Way, ...]:
    """Spare names, then the server's, then the one in daily use, which is the likeliest to be cut.

    What comes after a cut connection at the same port may be cut with it.
    """
    spares = context.setup.spare_names
    used = {server.access_name for server in homeservers(context.setup)}

    def suspicion(way: Way) -> int:
        return 0 if way.name in spares else 2 if way.name in used else 1

    once = {way.name: way for way in mine}
    return tuple(sorted(once.values(), key=suspicion))


def _lane(context: Context, mine: Sequence[Way]) -> Iterator[Probe]:
    """A connection, no name, a control name; each name, and after a failure the controls again.

    A long hello goes before the short one: filters that do not put packets together miss it. When
    the control fails after a name did, the names that follow are not tried: nothing could be
    concluded from what they meet.
    """
    first = mine[0]
    end = first.end

    def probe(kind: str, fields: Mapping[str, Any], **more: Any) -> Probe:
        more.setdefault("timeout", _TIMEOUT)
        return Probe(id=kind, kind=more.pop("what", "tls"), fields=fields, lane=end, **more)

    no_name = {**_to(first, ""), "verify": False}
    control = {**_to(first, CONTROL_NAME), "verify": False}
    to = {"host": first.address, "port": first.port}
    yield probe(f"tcp {end}", to, what="tcp", repeat=TRIES, until_ok=True, gate=True)
    yield probe(f"none {end}", no_name)
    yield probe(f"control {end}", control, repeat=2)
    for way in innocents_first(context, mine):
        real = _to(way, way.name)
        tried = (way.label, f"large {way.label}")
        yield probe(f"large {way.label}", {**real, "size": "large"}, repeat=TRIES, until_ok=True)
        yield probe(way.label, real, repeat=TRIES, pause=0.1)
        yield probe(f"brief {way.label}", {**real, "size": "brief", "verify": False},
                    after_failure=tried)  # fmt: skip
        beside = _beside(context, way)
        if beside is not None:
            yield probe(f"witness {way.label}", beside, what="tcp", after_failure=tried)
        yield probe(f"again {way.label}", control, repeat=2, after_failure=tried, gate=True)


def _to(way: Way, name: str) -> dict[str, Any]:
    return {"host": way.address, "port": way.port, "sni": name, "size": "small"}


def _beside(context: Context, way: Way) -> dict[str, Any] | None:
    """Another port of the same host that surely answers: only a connection is made there."""
    host = context.host(way.server if way.purpose == "link" else way.host)
    if host.jump is not None or host.role is Role.HOME:
        return None
    address = host.public_ipv4 or host.login.address if way.purpose == "link" else way.address
    return {"host": address, "port": host.login.port}


def _shut(context: Context, vantage: str, way: Way) -> Finding | None:
    return context.shut(vantage, way.host, way.port, way.address)


def _mine(context: Context) -> tuple[Way, ...]:
    return tuple(way for way in ways(context) if way.host in context.subjects)


def _servers(found: tuple[Way, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(way.server for way in found))


def side(context: Context, vantage: str) -> str:
    """Which side of the border a place is on; this computer may be on either."""
    if vantage == THIS_COMPUTER:
        return vantage
    return "outside" if context.host(vantage).role is Role.OUTSIDE else "inside"


def advice(context: Context, way: Way, vantage: str) -> Remedy | None:
    """What helps where a name is cut on a way; None where only another name does."""
    setup = context.setup
    if setup.option == 1 or context.host(way.server).role is not Role.INSIDE:
        return None
    values = {"name": way.name, "vantage": vantage, "server": way.server}
    if way.purpose == "link":
        text = msg(
            "Wrap the link from {vantage} to {server} (set home_link to wrapped) and apply: then"
            " the name {name} is no longer on that line.",
            **values,
        )
        return remedy(Mender.ASSISTANT, text, "wrap-home-link")
    if vantage != THIS_COMPUTER and context.host(vantage).role is Role.OUTSIDE:
        text = msg(
            "Wrap the link from {vantage} to {server} (set outside_link to wrapped) and apply: then"
            " the name {name} is no longer on that line.",
            **values,
        )
        return remedy(Mender.ASSISTANT, text, "wrap-outside-link")
    if setup.option == 2:
        return remedy(
            Mender.PROVIDER,
            msg(
                "{name} needs a filing (备案) with the company that runs {server}, also when it is"
                " already filed with another one. Without it, change to option 4 or option 1.",
                **values,
            ),
        )
    if setup.option == 3:
        return remedy(
            Mender.YOU,
            msg(
                "A filter sees {name} on the way to the cloud. Change to option 4, where apps"
                " connect to a line at home, or to option 1.",
                **values,
            ),
        )
    return remedy(
        Mender.YOU,
        msg(
            "A filter sees {name} on the way to the line at home. Try another name (a spare one)"
            " or another port, else change to option 1.",
            **values,
        ),
    )
