"""Does each Matrix server answer as it should, and keep closed what must be closed?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Status
from assistant.findings.probes import Probe
from assistant.setup.homeservers import Homeserver, homeserver_on, homeservers
from assistant.text import msg
from checks.causes import conclude
from checks.check import Check, Context
from checks.host.asked import hosts_records
from checks.host.follows import EXPLAINS
from checks.host.running import RunningCheck
from checks.network.ways import Way, ways
from checks.service.delivery import judge_delivery, may_look_up, told
from checks.service.matrix_rules import ASKED, PEERS_ASK, Ask, Names, judge_answers

_TIMEOUT = 12.0
DELIVERY = "delivery"


class MatrixCheck(Check):
    """The public face of each server from this computer, what the other server needs from there,
    a sign of life from everywhere else.
    """

    id = "matrix"
    title = msg("The Matrix server answers")
    phases = ("after",)
    requires = ("tls",)
    uses = (RunningCheck.id,)

    def subjects(self, context: Context) -> tuple[str, ...]:
        """The hosts at which the access names answer."""
        return tuple(dict.fromkeys(way.host for way in ways(context) if _is_access(context, way)))

    def vantages(self, context: Context) -> tuple[str, ...]:
        """Every place that goes a way."""
        return tuple(dict.fromkeys(v for way in _mine(context) for v in way.vantages))

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """All questions from this computer, a peer's from the other server, else the first."""
        made: dict[str, Probe] = {}
        for way in _mine(context):
            if vantage not in way.vantages:
                continue
            server = _server(context, way)
            for aspect in asked_from(context, vantage, way):
                ask = ASKED[aspect]
                name = server.server_name if ask.at_server else server.access_name
                # Several addresses: one is enough, the others have their findings about TLS.
                if way.name == name and f"{way.host} {aspect}" not in made:
                    made[f"{way.host} {aspect}"] = _question(aspect, ask, way)
            if way.name == server.access_name and _delivers(context, vantage, way):
                made[f"{way.host} {DELIVERY}"] = _by_name(way)
        return tuple(made.values())

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """The host itself first: when it says why it cannot answer, the rest says no more."""
        return tuple(
            finding
            for server in homeservers(context.setup)
            if any(way.server == server.host.name for way in _mine(context))
            for finding in self._server(context, server)
        )

    def _server(self, context: Context, server: Homeserver) -> Iterator[Finding]:
        known = reason(context, server.host.name)
        if known is not None:
            yield conclude(
                self.id,
                server.front.name,
                server.host.name,
                Status.SKIPPED,
                "earlier-problem",
                msg("Not asked, because it cannot answer: {earlier}", earlier=known.summary),
                confidence=Confidence.HIGH,
                because=known,
            )
            return
        names = Names(server.server_name, server.access_name, server.port)
        mine = [way for way in _mine(context) if way.server == server.host.name]
        for host in dict.fromkeys(way.host for way in mine):
            places = dict.fromkeys(v for way in mine if way.host == host for v in way.vantages)
            for vantage in places:
                answers = {
                    aspect: item
                    for aspect in ASKED
                    if (item := context.last(self.id, vantage, f"{host} {aspect}")) is not None
                }
                yield from judge_answers(host, vantage, names, answers)
                by_name = context.last(self.id, vantage, f"{host} {DELIVERY}")
                if by_name is not None and reason(context, vantage, "federation-elsewhere") is None:
                    found = judge_delivery(
                        host,
                        vantage,
                        names.access,
                        by_name,
                        answers.get("signing-key"),
                        (told(context, vantage, "federation") or {}).get("addresses"),
                    )
                    if found is not None:
                        yield found


def _delivers(context: Context, vantage: str, way: Way) -> bool:
    """Whether a place sends messages on a way, and may look the name up as Synapse does."""
    if homeserver_on(context.setup, vantage) is None or way.host != way.server:
        return False
    private = way.name in hosts_records(context, vantage)
    return may_look_up(context, vantage, way.name, private=private)


def _by_name(way: Way) -> Probe:
    """The question of a Matrix server to another one: no address is given, the system finds it."""
    fields = {"url": f"https://{way.name}/_matrix/key/v2/server"}
    return Probe(id=f"{way.host} {DELIVERY}", kind="http", fields=fields, timeout=_TIMEOUT)


def reason(context: Context, host: str, cause: str = "matrix-no-answer") -> Finding | None:
    """What a server said of itself that explains a cause (that it does not answer), or None."""
    for item in context.findings:
        follows = EXPLAINS.get(item.cause, ())
        mine = item.check == RunningCheck.id and item.vantage == host
        if mine and item.status is Status.FAILED and cause in follows:
            return item
    return None


def _server(context: Context, way: Way) -> Homeserver:
    return next(s for s in homeservers(context.setup) if s.host.name == way.server)


def _is_access(context: Context, way: Way) -> bool:
    return way.name == _server(context, way).access_name


def _mine(context: Context) -> tuple[Way, ...]:
    return tuple(way for way in ways(context) if way.host in context.subjects)


def asked_from(context: Context, vantage: str, way: Way) -> tuple[str, ...]:
    """What a place asks on a way: everything an app and a stranger would from this computer,
    what a Matrix server needs from the other one of the setup, else a sign of life.
    """
    if vantage == THIS_COMPUTER:
        return tuple(ASKED)
    peer = homeserver_on(context.setup, vantage) is not None
    return PEERS_ASK if peer and way.host == way.server else ("versions",)


def _question(aspect: str, ask: Ask, way: Way) -> Probe:
    port = "" if way.port == 443 else f":{way.port}"
    fields: dict[str, Any] = {
        "url": f"https://{way.name}{port}{ask.path}",
        "address": way.address,
        "method": ask.method,
        "follow": ask.at_server,
    }
    if ask.body:
        fields.update(body=ask.body, headers={"Content-Type": "application/json"})
    return Probe(id=f"{way.host} {aspect}", kind="http", fields=fields, timeout=_TIMEOUT)
