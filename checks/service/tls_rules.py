"""What hellos with and without a name tell about the way to a server. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from assistant.findings.model import Confidence, Finding, Measurement, Mender, Remedy, Status
from assistant.text import msg
from checks.causes import conclude, remedy
from checks.evidence import TRIES, Trial, blocked, describe, trial
from checks.service.certificates import apply_again, judge_certificate


@dataclass(frozen=True)
class Hellos:
    """What one place saw: hellos with the real name, those of the control, and long ones."""

    real: tuple[Measurement, ...]
    control: tuple[Measurement, ...] = ()
    large: tuple[Measurement, ...] = ()


def judge_itself(host: str, name: str, item: Measurement) -> Finding:
    """TLS on the server itself: no network in between, so any fault is the server's."""
    subject = f"{host} {name} itself"
    if item.ok or item.error == "tls-verify":
        return judge_certificate(subject, host, name, item)
    return conclude(
        "tls",
        subject,
        host,
        Status.FAILED,
        "tls-misconfigured",
        msg("TLS for {name} fails on {host} itself, so it cannot work from outside.",
            name=name, host=host),
        evidence=(describe(item),),
        remedy=apply_again(),
    )  # fmt: skip


def judge_hellos(
    host: str,
    name: str,
    address: str,
    seen: Mapping[str, Hellos],
    local: Measurement | None,
    *,
    port: int = 443,
    server: str = "",
    sides: Mapping[str, str] | None = None,
    advice: Callable[[str], Remedy | None] = lambda vantage: None,
) -> Iterator[Finding]:
    """TLS from everywhere else, with what the server itself showed as the reference.

    ``server`` is the host that holds the certificate where that is another than ``host``. Places
    of one of the ``sides`` (all the same without them) share their way, so they must agree before
    a name counts as filtered there; ``advice`` says what to do about it at a place.
    """
    subject = f"{host} {name} {address}" + ("" if port == 443 else f":{port}")
    tried = {
        vantage: hellos
        for vantage, hellos in seen.items()
        if hellos.real
        and not (":" in address and all(m.error == "unreachable" for m in hellos.real))
    }
    side = {vantage: (sides or {}).get(vantage, "") for vantage in tried}
    trials = {vantage: _hello_trial(hellos) for vantage, hellos in tried.items()}
    verdicts = {
        here: blocked([trials[vantage] for vantage in tried if side[vantage] == here])
        for here in side.values()
    }
    fault_at_home = local is not None and not local.ok and local.error != "tls-verify"
    for vantage, hellos in tried.items():
        shown = next((m for m in hellos.real if _handshook(m)), None)
        if shown is not None:
            mine = local.data.get("sha256") if local is not None else None
            if mine and shown.data.get("sha256") and shown.data["sha256"] != mine:
                yield _intercepted(subject, vantage, name, shown)
            else:
                yield judge_certificate(subject, vantage, name, shown)
            yield from _large(subject, vantage, name, hellos)
        elif fault_at_home:
            yield conclude(
                "tls",
                subject,
                vantage,
                Status.SKIPPED,
                "earlier-problem",
                msg("Not judged from {vantage}: TLS fails on {host} itself.",
                    vantage=vantage, host=server or host),
            )  # fmt: skip
        else:
            verdict = verdicts[side[vantage]]
            yield _no_hello(subject, vantage, name, hellos, verdict, advice(vantage))


def _handshook(item: Measurement) -> bool:
    return item.ok or item.error == "tls-verify"


def _hello_trial(hellos: Hellos) -> Trial:
    """A certificate that is not trusted has still come through: it does not count as cut."""
    real = [m.model_copy(update={"ok": True}) if _handshook(m) else m for m in hellos.real]
    return trial(real, hellos.control)


def _intercepted(subject: str, vantage: str, name: str, item: Measurement) -> Finding:
    return conclude(
        "tls",
        subject,
        vantage,
        Status.FAILED,
        "tls-intercepted",
        msg(
            "{vantage} gets another certificate for {name} than the server sends: somebody on the"
            " way sits in the middle.",
            vantage=vantage,
            name=name,
        ),
        confidence=Confidence.HIGH,
        evidence=(describe(item),),
        remedy=remedy(
            Mender.YOU,
            msg(
                "Do not enter a password there. Check the address records; if they are right,"
                " use another network, and look for security software that opens connections."
            ),
        ),
    )


def _no_hello(
    subject: str,
    vantage: str,
    name: str,
    hellos: Hellos,
    verdict: bool | None,
    advice: Remedy | None,
) -> Finding:
    """No handshake came about from a place."""
    evidence = tuple(describe(i) for i in (*hellos.real, *hellos.control, *hellos.large))
    values = {"name": name, "vantage": vantage}
    errors = {item.error for item in hellos.real}
    if errors == {"tls-handshake"}:
        return conclude(
            "tls",
            subject,
            vantage,
            Status.FAILED,
            "tls-broken",
            msg("What answers {vantage} for {name} does not speak TLS properly.", **values),
            confidence=Confidence.MEDIUM,
            evidence=evidence,
            remedy=apply_again(),
        )
    if verdict is True:
        return conclude(
            "tls",
            subject,
            vantage,
            Status.FAILED,
            "name-filtered",
            msg(
                "Connections from {vantage} that carry the name {name} are cut, while the same"
                " without a name pass.",
                **values,
            ),
            confidence=Confidence.HIGH,
            evidence=evidence,
            remedy=advice
            or remedy(Mender.NOBODY, msg("Use another name for the apps to connect to.")),
        )
    if _hello_trial(hellos) is Trial.NO_CONTROL and all(
        not item.data.get("connected") for item in hellos.real
    ):
        return conclude(
            "tls",
            subject,
            vantage,
            Status.FAILED,
            "tls-no-answer",
            msg("{vantage} gets no connection to {name} at all.", **values),
            confidence=Confidence.MEDIUM,
            evidence=evidence,
            remedy=remedy(
                Mender.YOU, msg("See the findings about the ports: they come before this one.")
            ),
        )
    return conclude(
        "tls",
        subject,
        vantage,
        Status.UNKNOWN,
        "undecided",
        msg("No encrypted connection from {vantage} to {name}; the cause is not clear.", **values),
        confidence=Confidence.LOW,
        evidence=evidence,
        remedy=remedy(
            Mender.YOU, msg("Wait five minutes and check again, if possible from another network.")
        ),
    )


def _large(subject: str, vantage: str, name: str, hellos: Hellos) -> Iterator[Finding]:
    """Short hellos pass and long ones hang every time: full packets get lost on the way."""
    real_passes = all(_handshook(item) for item in hellos.real)
    hang = [item for item in hellos.large if item.error == "timeout" and item.data.get("connected")]
    if not real_passes or len(hang) < TRIES or len(hang) < len(hellos.large):
        return
    yield conclude(
        "tls",
        f"{subject} long",
        vantage,
        Status.WARNING,
        "packets-too-large",
        msg(
            "Short messages from {vantage} to {name} pass, long ones hang: packets of full size get"
            " lost on the way.",
            vantage=vantage,
            name=name,
        ),
        why=msg("Photos and the first synchronisation would hang."),
        confidence=Confidence.HIGH,
        evidence=tuple(describe(item) for item in hang),
        remedy=remedy(
            Mender.YOU,
            msg(
                "On the router of that line, switch on MSS clamping (sometimes called: adjust MSS,"
                " or MTU 1492), or set the MTU to 1400."
            ),
        ),
    )
