"""Does the service show a certificate that devices accept, from everywhere?"""

from __future__ import annotations

from functools import partial

from assistant.findings.model import THIS_COMPUTER, Finding, Mender, Remedy
from assistant.findings.probes import Probe
from assistant.setup.model import Role
from assistant.text import msg
from checks.causes import remedy
from checks.check import Check, Context
from checks.evidence import TRIES
from checks.network.ways import Way, ways
from checks.service.tls_rules import Hellos, judge_hellos, judge_itself

_TIMEOUT = 8.0
_BEFORE_REAL = 1.0
_BEFORE_REAL_BEHIND_LARGE = 2.5


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
        """The real name three times; before it, at the same address, a hello without a name.

        The control goes first: after a cut connection everything on this path may fail for
        minutes, whatever its name. For the same reason a long hello goes before the short one:
        filters that do not put packets together miss it.
        """
        made: dict[str, Probe] = {}
        large = context.setup.option != 1
        for way in _mine(context):
            if vantage == way.server:
                probe = f"{way.name} {way.server} itself"
                made[probe] = _hello(probe, Way(**{**vars(way), "address": "127.0.0.1",
                                                   "port": 443}))  # fmt: skip
            if vantage not in way.vantages:
                continue
            suspect = way.label
            made[f"control {suspect}"] = Probe(
                id=f"control {suspect}",
                kind="tls",
                fields={"host": way.address, "port": way.port, "sni": "", "verify": False},
                timeout=_TIMEOUT,
                control_of=suspect,
            )
            if large:
                made[f"large {suspect}"] = _hello(
                    f"large {suspect}", way, repeat=TRIES, delay=0.5, large=True
                )
            delay = _BEFORE_REAL_BEHIND_LARGE if large else _BEFORE_REAL
            made[suspect] = _hello(suspect, way, repeat=TRIES, delay=delay)
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
            seen = {
                vantage: Hellos(
                    context.got(self.id, vantage, way.label),
                    context.got(self.id, vantage, f"control {way.label}"),
                    context.got(self.id, vantage, f"large {way.label}"),
                )
                for vantage in way.vantages
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


def _mine(context: Context) -> tuple[Way, ...]:
    return tuple(way for way in ways(context) if way.host in context.subjects)


def _servers(found: tuple[Way, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(way.server for way in found))


def _hello(
    probe: str, way: Way, *, repeat: int = 1, delay: float = 0.0, large: bool = False
) -> Probe:
    fields = {"host": way.address, "port": way.port, "sni": way.name}
    return Probe(
        id=probe,
        kind="tls",
        fields={**fields, "large": True} if large else fields,
        timeout=_TIMEOUT,
        repeat=repeat,
        pause=0.2,
        delay=delay,
    )


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
