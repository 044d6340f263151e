"""The private resolver (option 3): right answers for the setup's own names, none for others."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterator

from assistant.findings.model import Confidence, Finding, Measurement, Mender, Remedy, Status
from assistant.findings.probes import Probe
from assistant.plan.host_paths import DOH_PORT, DOT_PORT
from assistant.plan.recipes.dns.private_resolver import ENDPOINT, name_of
from assistant.plan.routes import has_resolver
from assistant.setup.model import Host
from assistant.text import Message, msg
from checks.causes import conclude, remedy
from checks.check import Check, Context
from checks.dns import doh
from checks.dns.wire import Answer, ask, parse, question
from checks.evidence import describe

STRANGE_NAME = "www.example.com"
"""A name the resolver has no business with."""

WAYS = {"dot": "DNS over TLS", "doh": "DNS over HTTPS"}
_TIMEOUT = 8.0


class ResolverCheck(Check):
    """Over TLS, over HTTPS and plainly: the setup's names, and one that is nobody's business."""

    id = "resolver"
    title = msg("The private resolver answers only for your names")
    phases = ("after",)
    requires = ("reachability", "ports-after")

    def subjects(self, context: Context) -> tuple[str, ...]:
        """The host that runs it; nothing where there is none."""
        return tuple(h.name for h in context.setup.hosts if has_resolver(context.setup, h))

    def vantages(self, context: Context) -> tuple[str, ...]:
        """From all other places."""
        return tuple(dict.fromkeys(v for name in context.subjects for v in context.others(name)))

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """Each name over each way; plain DNS once."""
        made: list[Probe] = []
        for subject in context.subjects:
            address = _address(context.host(subject))
            for name in (*wanted(context), STRANGE_NAME):
                made.append(_over_tls(f"dot {name}", context, address, name))
                made.append(_over_https(f"doh {name}", context, address, name))
            made.append(ask("plain", address, STRANGE_NAME, "A", recursive=True, wait=3))
        return tuple(made)

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """Per place: the names over each way, and whether strangers are answered."""
        found: list[Finding] = []
        for host in context.subjects:
            for vantage in context.others(host):
                if (self.id, vantage) not in context.measured:
                    continue
                for way in WAYS:
                    answers = {
                        name: (expected, self._read(context, vantage, way, name))
                        for name, expected in wanted(context).items()
                    }
                    silent = context.last(self.id, vantage, f"{way} {next(iter(answers), '')}")
                    found.extend(judge_names(host, vantage, way, answers, silent))
                strange = {
                    **{way: self._read(context, vantage, way, STRANGE_NAME) for way in WAYS},
                    "plain": self._plain(context, vantage),
                }
                found.extend(judge_strange(host, vantage, strange))
        return tuple(found)

    def _read(self, context: Context, vantage: str, way: str, name: str) -> Answer:
        return reply(context.last(self.id, vantage, f"{way} {name}"), way, name)

    def _plain(self, context: Context, vantage: str) -> Answer:
        from checks.dns.wire import read

        return read(context.last(self.id, vantage, "plain"), STRANGE_NAME, "A")


def wanted(context: Context) -> dict[str, frozenset[str]]:
    """The names it must know, with their IPv4 addresses."""
    return {
        record.name: frozenset(str(ipaddress.ip_address(value)) for value in record.values)
        for record in context.plan.records
        if record.where == "device" and record.must == "exist" and record.type == "A"
    }


def _address(host: Host) -> str:
    return host.public_ipv4 or host.public_ipv6


def _over_tls(probe: str, context: Context, address: str, name: str) -> Probe:
    wire = question(probe, name, "A")
    fields = {
        "host": address,
        "port": DOT_PORT,
        "sni": name_of(context.setup) or context.setup.access_name,
        "send": base64.b64encode(len(wire).to_bytes(2, "big") + wire).decode("ascii"),
        "read": 4096,
    }
    return Probe(id=probe, kind="tls", fields=fields, timeout=_TIMEOUT)


def _over_https(probe: str, context: Context, address: str, name: str) -> Probe:
    wire = base64.urlsafe_b64encode(question(probe, name, "A")).rstrip(b"=").decode("ascii")
    server = name_of(context.setup) or context.setup.access_name
    asked = doh.request(f"{server}:{DOH_PORT}", f"{ENDPOINT}?dns={wire}")
    fields = {
        "host": address,
        "port": DOH_PORT,
        "sni": server,
        "alpn": doh.ALPN,
        "send": base64.b64encode(asked).decode("ascii"),
        "until": base64.b64encode(doh.END).decode("ascii"),
        "read": 4096,
    }
    return Probe(id=probe, kind="tls", fields=fields, timeout=_TIMEOUT)


def reply(item: Measurement | None, way: str, name: str) -> Answer:
    """The DNS answer in what came over TLS or HTTPS; ``silent`` and ``broken`` as elsewhere."""
    if item is None or not item.ok:
        return Answer(rcode="silent")
    try:
        raw = base64.b64decode(str(item.data.get("reply", "")))
    except ValueError:
        return Answer(rcode="broken")
    wire = raw[2:] if way == "dot" else doh.answer(raw)
    return parse(wire, item.probe, name, "A") or Answer(rcode="broken")


def judge_names(
    host: str,
    vantage: str,
    way: str,
    answers: dict[str, tuple[frozenset[str], Answer]],
    silent: Measurement | None,
) -> Iterator[Finding]:
    """The setup's own names over one way: one finding."""
    if not answers:
        return
    values = {"host": host, "vantage": vantage, "way": WAYS[way]}
    subject = f"{host} resolver {way}"
    lines = tuple(f"{n}: {a.rcode} {sorted(a.values)}" for n, (_, a) in answers.items())
    wrong = [n for n, (right, a) in answers.items() if a.told and a.values != right]
    mute = [n for n, (_, a) in answers.items() if not a.told]

    def say(
        status: Status, cause: str, text: Message, how: Remedy | None, sure: Confidence
    ) -> Finding:
        shown = (*lines, describe(silent)) if silent is not None else lines
        return conclude("resolver", subject, vantage, status, cause, text, confidence=sure,
                        evidence=shown if cause else (), remedy=how)  # fmt: skip

    if wrong:
        text = msg("The private resolver on {host} gives {vantage} a wrong address for {names}.",
                   names=", ".join(wrong), **values)  # fmt: skip
        yield say(Status.FAILED, "private-wrong", text, _apply(), Confidence.HIGH)
    elif mute:
        text = msg("The private resolver on {host} does not answer {vantage} ({way}).", **values)
        how = remedy(
            Mender.YOU,
            msg(
                "See the findings about the ports of {host} first. If they are open, apply the"
                " setup again.",
                host=host,
            ),
        )
        yield say(Status.FAILED, "private-silent", text, how, Confidence.MEDIUM)
    else:
        text = msg("The private resolver on {host} answers {vantage} ({way}).", **values)
        yield say(Status.OK, "", text, None, Confidence.CERTAIN)


def judge_strange(host: str, vantage: str, answers: dict[str, Answer]) -> Iterator[Finding]:
    """Another name over each way: nobody may get an answer."""
    subject = f"{host} resolver others"
    values = {"host": host, "vantage": vantage, "name": STRANGE_NAME}
    lines = tuple(f"{way}: {a.rcode} {sorted(a.values)}" for way, a in answers.items())
    if any(answer.values for answer in answers.values()):
        yield conclude(
            "resolver",
            subject,
            vantage,
            Status.FAILED,
            "private-open",
            msg("The private resolver on {host} answers {vantage} about {name} as well.", **values),
            why=msg("Strangers find such servers within hours and use them for attacks."),
            evidence=lines,
            remedy=_apply(),
            confidence=Confidence.HIGH,
        )
    elif any(answer.rcode == "REFUSED" for answer in answers.values()):
        text = msg("The private resolver on {host} answers nobody about other names.", **values)
        yield conclude(
            "resolver", subject, vantage, Status.OK, "", text, confidence=Confidence.HIGH
        )


def _apply() -> Remedy:
    return remedy(
        Mender.ASSISTANT,
        msg("Apply the setup again: it puts the private resolver in order."),
        "apply",
    )
