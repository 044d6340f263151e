"""When "cut" may be said: with a control of the same kind before and after, and three tries.

A try counts for as much as it got: no connection, a connection, an answer in the protocol. Only a
connection that was cut after it stood speaks against a name; one that was refused or never came
about speaks about the port, the line or the service.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from assistant.findings.model import Measurement
from checks.causes import clean_line

TRIES = 3
"""How often the suspect must fail before anything is concluded from it."""

UNLIKELY = 0.01
"""A loss that explains what was seen with this probability or more is the explanation."""


class Reach(IntEnum):
    """How far a try got."""

    NOTHING = 0
    CONNECTED = 1
    ANSWERED = 2


def reach(item: Measurement) -> Reach:
    """``ANSWERED``: whatever was asked, the other side spoke the protocol, if only to refuse."""
    if item.ok or item.error == "tls-verify" or item.data.get("alert"):
        return Reach.ANSWERED
    return Reach.CONNECTED if item.data.get("connected") else Reach.NOTHING


def passed(items: Sequence[Measurement]) -> bool:
    """Whether there are tries and every one was answered."""
    return bool(items) and all(reach(item) is Reach.ANSWERED for item in items)


def was_cut(item: Measurement) -> bool:
    """A connection that stood and then ended or fell silent before any answer."""
    return reach(item) is Reach.CONNECTED and item.error in ("reset", "timeout", "closed")


def loss_explains(tries: int, share: float) -> bool:
    """Whether so many tries may all fail where each fails with this probability by loss alone."""
    return share**tries >= UNLIKELY


class Verdict(StrEnum):
    """What one place saw of a suspect beside its controls."""

    NOT_TRIED = "not-tried"
    PASSES = "passes"
    SOMETIMES = "sometimes"
    CUT = "cut"
    UNDECIDED = "undecided"


class Doubt(StrEnum):
    """Why nothing can be concluded."""

    NONE = ""
    TOO_FEW = "too-few"
    NO_CONTROL = "no-control"
    NOT_CUT = "not-cut"
    OUTAGE = "outage"
    LOSS = "loss"
    SIZE = "size"


@dataclass(frozen=True, kw_only=True)
class Series:
    """Tries at one address and port from one place, in the order in which they are made.

    ``control`` is the same without what is under suspicion, ``real`` the suspect, ``brief`` the
    suspect with an answer that fits one packet, ``witness`` a connection to another port of the
    same address, ``again`` the control once more. ``loss`` is the share of tries that the line
    itself loses, as measured there.
    """

    real: tuple[Measurement, ...]
    control: tuple[Measurement, ...] = ()
    brief: tuple[Measurement, ...] = ()
    witness: tuple[Measurement, ...] = ()
    again: tuple[Measurement, ...] = ()
    same_size: bool = False
    """Whether the control's answer was as long as the suspect's."""
    loss: float = 0.0


@dataclass(frozen=True)
class Trial:
    """What a series shows. ``residual``: after the cut the control was cut at this port as well."""

    verdict: Verdict
    doubt: Doubt = Doubt.NONE
    residual: bool = False


def trial(seen: Series) -> Trial:
    """Judge one place. ``CUT`` only as the module says; every doubt has its name."""
    if not seen.real:
        return Trial(Verdict.NOT_TRIED)
    failed = [item for item in seen.real if reach(item) is not Reach.ANSWERED]
    if not failed:
        return Trial(Verdict.PASSES)
    if len(failed) < len(seen.real):
        return _sometimes(seen, failed)
    cut = [item for item in failed if was_cut(item)]
    if not cut or any(item.error in ("refused", "unreachable", "name") for item in failed):
        return Trial(Verdict.UNDECIDED, Doubt.NOT_CUT)
    if len(failed) < TRIES:
        return Trial(Verdict.UNDECIDED, Doubt.TOO_FEW)
    if not passed(seen.control) or not seen.again:
        return Trial(Verdict.UNDECIDED, Doubt.NO_CONTROL)
    # An outage gives silence, never a reset on a connection that stood.
    line_up = passed(seen.witness) or all(
        was_cut(item) and item.error == "reset" for item in seen.again
    )
    residual = not any(reach(item) is Reach.ANSWERED for item in seen.again)
    if residual and not line_up:
        return Trial(Verdict.UNDECIDED, Doubt.OUTAGE)
    if residual and any(item.error in ("refused", "unreachable") for item in seen.again):
        return Trial(Verdict.UNDECIDED, Doubt.NOT_CUT)
    if not residual and not passed(seen.again):
        return Trial(Verdict.UNDECIDED, Doubt.LOSS)
    if not residual and len(cut) < len(failed):
        # Some never connected, and nothing shows that the port was closed to us meanwhile.
        return Trial(Verdict.UNDECIDED, Doubt.OUTAGE)
    silent = [item for item in cut if item.error == "timeout"]
    if silent and loss_explains(len(failed), seen.loss):
        return Trial(Verdict.UNDECIDED, Doubt.LOSS)
    if passed(seen.brief) or (
        silent and not residual and not seen.same_size and not any(map(was_cut, seen.brief))
    ):
        return Trial(Verdict.UNDECIDED, Doubt.SIZE)
    return Trial(Verdict.CUT, residual=residual)


def _sometimes(seen: Series, failed: Sequence[Measurement]) -> Trial:
    """Some pass: cut sometimes only where resets came and every control passed."""
    resets = [item for item in failed if was_cut(item) and item.error != "timeout"]
    if len(resets) == len(failed) and passed(seen.control) and passed(seen.again):
        return Trial(Verdict.SOMETIMES)
    return Trial(Verdict.UNDECIDED, Doubt.LOSS)


def blocked(trials: Collection[Trial]) -> bool | None:
    """True: cut. False: not cut. None: undecided.

    ``trials`` are of all places that exist; two or more must agree, one alone may decide only
    where there is no other.
    """
    seen = [item.verdict for item in trials]
    if not seen or all(item is Verdict.NOT_TRIED for item in seen):
        return None
    if all(item in (Verdict.PASSES, Verdict.NOT_TRIED) for item in seen):
        return False
    return True if all(item is Verdict.CUT for item in seen) else None


def retransmitted(items: Iterable[Measurement]) -> tuple[int, int]:
    """Packets with content that were sent, and how many of them were repeats.

    On connections that stood: what goes to a closed port is repeated however good the line is.
    """
    stood = [item.data for item in items if item.data.get("connected")]
    counts = [(data.get("sent"), data.get("again")) for data in stood]
    known = [(a, b) for a, b in counts if isinstance(a, int) and isinstance(b, int)]
    return sum(a for a, _ in known), sum(b for _, b in known)


def loss_share(items: Iterable[Measurement]) -> float:
    """The share of packets lost, out of the repeats: each is lost itself or its receipt is."""
    sent, again = retransmitted(items)
    return 0.0 if not sent else 1 - (1 - min(1.0, again / sent)) ** 0.5


def describe(item: Measurement) -> str:
    """A measurement as one line for an expert."""
    parts = [item.vantage, item.probe, item.error or "ok"]
    if item.ms is not None:
        parts.append(f"{item.ms:.0f} ms")
    for key in ("address", "hello", "again", "banner", "status", "verify_text", "answer", "text"):
        if key in item.data:
            parts.append(f"{key}={item.data[key]}")
    return clean_line("  ".join(str(part) for part in parts))
