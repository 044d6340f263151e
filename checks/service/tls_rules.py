"""What hellos with and without a name tell about the way to a server. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from assistant.findings.model import Confidence, Finding, Measurement, Mender, Remedy, Status
from assistant.text import Message, msg
from checks.causes import conclude, remedy
from checks.evidence import (
    TRIES,
    Doubt,
    Series,
    Trial,
    Verdict,
    blocked,
    describe,
    loss_explains,
    passed,
    trial,
    was_cut,
)
from checks.service.certificates import apply_again, judge_certificate


@dataclass(frozen=True)
class Hellos:
    """What one place saw at an address, in the order of the tries.

    ``real``: short hellos with the name, ``large`` long ones, ``brief`` one whose answer fits one
    packet. ``control``: without a name and with one that nobody cuts, ``again`` the same after a
    failure. ``tcp`` and ``witness`` are connections, there and to another port. ``same_size``:
    another name got as long an answer. ``loss``: the share of packets lost meanwhile.
    """

    real: tuple[Measurement, ...]
    control: tuple[Measurement, ...] = ()
    large: tuple[Measurement, ...] = ()
    brief: tuple[Measurement, ...] = ()
    witness: tuple[Measurement, ...] = ()
    again: tuple[Measurement, ...] = ()
    tcp: tuple[Measurement, ...] = ()
    same_size: bool = False
    loss: float = 0.0

    @property
    def all(self) -> tuple[Measurement, ...]:
        """Every try."""
        return (*self.tcp, *self.control, *self.large, *self.real, *self.brief, *self.witness,
                *self.again)  # fmt: skip


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
        remedy=apply_again(), confidence=Confidence.CERTAIN,
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
        if hellos.all and not (":" in address and all(m.error == "unreachable" for m in hellos.all))
    }
    side = {vantage: (sides or {}).get(vantage, "") for vantage in tried}
    trials = {vantage: _hello_trial(hellos) for vantage, hellos in tried.items()}
    verdicts = {
        here: blocked([trials[vantage] for vantage in tried if side[vantage] == here])
        for here in side.values()
    }
    trusting = {v for v, h in tried.items() if any(item.ok for item in h.real)}
    fault_at_home = local is not None and not local.ok and local.error != "tls-verify"
    for vantage, hellos in tried.items():
        shown = next((m for m in (*hellos.real, *hellos.large) if _handshook(m)), None)
        verdict = verdicts[side[vantage]]
        if shown is not None and trials[vantage].verdict is Verdict.SOMETIMES:
            yield _cut_sometimes(subject, vantage, name, hellos)
        elif shown is not None and verdict is not True:
            mine = local.data.get("sha256") if local is not None else None
            if mine and shown.data.get("sha256") and shown.data["sha256"] != mine:
                yield _intercepted(subject, vantage, name, shown)
            else:
                others = bool(trusting - {vantage}) or (local is not None and local.ok)
                yield judge_certificate(subject, vantage, name, shown, trusted_elsewhere=others)
            yield from _large(subject, vantage, name, hellos)
        elif fault_at_home:
            yield conclude(
                "tls",
                subject,
                vantage,
                Status.SKIPPED,
                "earlier-problem",
                msg("Not judged from {vantage}: TLS fails on {host} itself.",
                    vantage=vantage, host=server or host), confidence=Confidence.LOW,
            )  # fmt: skip
        else:
            passes = any(item.verdict is Verdict.PASSES for item in trials.values())
            yield _no_hello(
                subject,
                vantage,
                name,
                hellos,
                trials[vantage],
                cut=verdict is True,
                alive=local is not None and passes,
                advice=advice(vantage),
            )


def _handshook(item: Measurement) -> bool:
    return item.ok or item.error == "tls-verify"


def _hello_trial(hellos: Hellos) -> Trial:
    """Short and long hellos carry the same name; where long ones alone fail, it is their size."""
    short = trial(_series(hellos, hellos.real))
    return trial(_series(hellos, (*hellos.large, *hellos.real))) if _none(hellos) else short


def _none(hellos: Hellos) -> bool:
    return not any(_handshook(item) for item in (*hellos.large, *hellos.real))


def _series(hellos: Hellos, real: tuple[Measurement, ...]) -> Series:
    return Series(
        real=real,
        control=hellos.control,
        brief=hellos.brief,
        witness=hellos.witness,
        again=hellos.again,
        same_size=hellos.same_size,
        loss=hellos.loss,
    )


def not_tried(host: str, label: str, name: str, vantage: str, earlier: Finding) -> Finding:
    """A name that was not tried because no connection to its port comes about."""
    return conclude(
        "tls",
        f"{host} {label}",
        vantage,
        Status.SKIPPED,
        "earlier-problem",
        msg("Not tried from {vantage} for {name}: no connection comes about.", vantage=vantage,
            name=name),
        confidence=earlier.confidence,
        because=earlier,
    )  # fmt: skip


def _cut_sometimes(subject: str, vantage: str, name: str, hellos: Hellos) -> Finding:
    values: dict[str, str | int] = {
        "name": name,
        "vantage": vantage,
        "cut": sum(map(was_cut, hellos.real)),
        "tries": len(hellos.real),
    }
    return conclude(
        "tls",
        subject,
        vantage,
        Status.WARNING,
        "name-cut-sometimes",
        msg("{cut} of {tries} connections from {vantage} that carry the name {name} were cut.",
            **values),
        why=msg("A filter that does not hit every time looks like this; so does a server that is"
                " restarting."),
        confidence=Confidence.LOW,
        evidence=tuple(describe(item) for item in hellos.all),
        remedy=remedy(
            Mender.YOU,
            msg("Check again in four minutes. If it happens again, get a spare name ready."),
        ),
    )  # fmt: skip


def _intercepted(subject: str, vantage: str, name: str, item: Measurement) -> Finding:
    return conclude(
        "tls",
        subject,
        vantage,
        # Trusted and for the name: the same owner may have renewed it, or shows several.
        Status.UNKNOWN if item.ok else Status.FAILED,
        "undecided" if item.ok else "tls-intercepted",
        msg(
            "{vantage} gets another certificate for {name} than the server sends.",
            vantage=vantage,
            name=name,
        ),
        why=None if item.ok else msg("Somebody on the way sits in the middle."),
        confidence=Confidence.LOW if item.ok else Confidence.HIGH,
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
    seen: Trial,
    *,
    cut: bool,
    alive: bool,
    advice: Remedy | None,
) -> Finding:
    """No handshake came about from a place. ``alive``: another place is served meanwhile."""
    evidence = tuple(describe(item) for item in hellos.all)
    values = {"name": name, "vantage": vantage}

    def say(status: Status, cause: str, text: Message, sure: Confidence, how: Remedy) -> Finding:
        return conclude("tls", subject, vantage, status, cause, text, confidence=sure,
                        evidence=evidence, remedy=how)  # fmt: skip

    tries = (*hellos.large, *hellos.real)
    if tries and all(item.error == "tls-handshake" for item in tries):
        text = msg("What answers {vantage} for {name} does not speak TLS properly.", **values)
        return say(Status.FAILED, "tls-broken", text, Confidence.MEDIUM, apply_again())
    if cut:
        text = msg(
            "Connections from {vantage} that carry the name {name} are cut, while the same"
            " without it pass.",
            **values,
        )
        how = advice or remedy(Mender.NOBODY, msg("Use another name for the apps to connect to."))
        return say(Status.FAILED, "name-filtered", text, Confidence.HIGH, how)
    if seen.doubt is Doubt.SIZE and passed(hellos.brief):
        text = msg("Short answers for {name} reach {vantage}, those of full size get lost on the"
                   " way.", **values)  # fmt: skip
        return say(Status.FAILED, "packets-too-large", text, Confidence.MEDIUM, _clamp())
    every = (*hellos.control, *tries)
    if alive and len(every) >= 2 * TRIES and all(map(was_cut, every)) and passed(hellos.witness):
        text = msg("Every encrypted connection from {vantage} to this address of {name} is cut,"
                   " whatever it says, while others are served.", **values)  # fmt: skip
        how = remedy(Mender.PROVIDER, msg("Ask for another address, or use another provider."))
        return say(Status.FAILED, "address-greylisted", text, Confidence.MEDIUM, how)
    if hellos.tcp and not any(item.data.get("connected") for item in (*hellos.tcp, *tries)):
        text = msg("{vantage} gets no connection to {name} at all.", **values)
        how = remedy(
            Mender.YOU, msg("See the findings about the ports: they come before this one.")
        )
        return say(Status.UNKNOWN, "tls-no-answer", text, Confidence.MEDIUM, how)
    text = msg("No encrypted connection from {vantage} to {name}; the cause is not clear.",
               **values)  # fmt: skip
    return say(Status.UNKNOWN, "undecided", text, Confidence.LOW, _would_decide(seen, vantage))


def _would_decide(seen: Trial, vantage: str) -> Remedy:
    """What would decide it."""
    texts = {
        Doubt.NO_CONTROL: msg(
            "Connections without the name fail as well. A check from another network, or of"
            " another address of the server, would tell whether the address is blocked."
        ),
        Doubt.NOT_CUT: msg(
            "Connections were refused or did not come about. The findings about the ports, or"
            " a check while nothing is being restarted, would decide it."
        ),
        Doubt.OUTAGE: msg(
            "The line was gone for a moment, or the port is blocked for some minutes after a cut"
            " connection. Wait four minutes, then check again."
        ),
        Doubt.LOSS: msg(
            "The line loses too much to tell. A check at another time of day would decide it."
        ),
        Doubt.SIZE: msg(
            "Either this name is cut or packets of full size get lost. A check with a spare name"
            " would decide it."
        ),
    }
    again = msg("Wait four minutes and check again from {vantage}: a connection that was cut"
                " before spoils the next tries.", vantage=vantage)  # fmt: skip
    return remedy(Mender.YOU, texts.get(seen.doubt, again))


def _clamp() -> Remedy:
    return remedy(
        Mender.YOU,
        msg(
            "On the router of that line, switch on MSS clamping (sometimes called: adjust MSS,"
            " or MTU 1492), or set the MTU to 1400."
        ),
    )


def _large(subject: str, vantage: str, name: str, hellos: Hellos) -> Iterator[Finding]:
    """Short hellos pass and long ones hang every time: full packets get lost on the way."""
    real_passes = bool(hellos.real) and all(_handshook(item) for item in hellos.real)
    hang = [item for item in hellos.large if item.error == "timeout" and item.data.get("connected")]
    if not real_passes or len(hang) < TRIES or len(hang) < len(hellos.large):
        return
    if loss_explains(len(hang), hellos.loss):
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
        remedy=_clamp(),
    )
