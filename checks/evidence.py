"""When "blocked" may be said: with a control, three tries, and from every place there is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

from assistant.findings.model import Measurement
from checks.causes import clean_line

TRIES = 3
"""How often the suspect must fail before anything is concluded from it."""

ANSWERED = ("tls-verify", "tls-handshake", "refused")
"""Errors that prove that the other side was reached: good enough for a control."""


class Trial(StrEnum):
    """What one place saw of a suspect and its control."""

    PASSES = "passes"
    MIXED = "mixed"
    FAILS = "fails"
    NO_CONTROL = "no-control"
    TOO_FEW = "too-few"
    NOT_TRIED = "not-tried"


def trial(suspect: Sequence[Measurement], control: Sequence[Measurement]) -> Trial:
    """Judge one place. ``FAILS`` only with a control that worked and enough tries."""
    if not suspect:
        return Trial.NOT_TRIED
    good = sum(item.ok for item in suspect)
    if good == len(suspect):
        return Trial.PASSES
    if good:
        return Trial.MIXED
    if not any(item.ok or item.error in ANSWERED for item in control):
        return Trial.NO_CONTROL
    return Trial.FAILS if len(suspect) >= TRIES else Trial.TOO_FEW


def blocked(trials: Collection[Trial]) -> bool | None:
    """True: blocked. False: not blocked. None: undecided.

    ``trials`` are of all places that exist; two or more must agree, one alone may decide only
    where there is no other.
    """
    tried = [item for item in trials if item is not Trial.NOT_TRIED]
    if not tried:
        return None
    if all(item in (Trial.PASSES, Trial.MIXED) for item in tried):
        return False
    return (
        True if all(item is Trial.FAILS for item in tried) and len(tried) == len(trials) else (None)
    )


def describe(item: Measurement) -> str:
    """A measurement as one line for an expert."""
    parts = [item.vantage, item.probe, item.error or "ok"]
    if item.ms is not None:
        parts.append(f"{item.ms:.0f} ms")
    for key in ("address", "banner", "status", "verify_text", "answer", "text"):
        if key in item.data:
            parts.append(f"{key}={item.data[key]}")
    return clean_line("  ".join(str(part) for part in parts))
