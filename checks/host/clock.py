"""Which clock is wrong: by the majority, and by nobody's word where there are only two. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Mender, Status
from assistant.findings.probes import Told
from assistant.text import Message, msg
from checks.causes import conclude, remedy
from checks.host_facts import read_facts

FAIL, WARN = 300.0, 30.0
"""Seconds: beyond the first certificates stop working, beyond the second something is wrong."""


@dataclass(frozen=True)
class Clock:
    """A clock against this computer's, in seconds; ``doubt`` is what the asking itself took."""

    place: str
    ahead: float
    doubt: float = 0.0


def clocks(facts: Mapping[str, Told], hosts: Collection[str]) -> tuple[Clock, ...]:
    """This computer's clock and those of the hosts that told theirs.

    The middle of the exchange counts as the moment at which a host looked at its clock.
    """
    found = [Clock(THIS_COMPUTER, 0.0)]
    for host in hosts:
        told = facts.get(host)
        time = read_facts(told.facts).time if told is not None else None
        if told is not None and time is not None:
            middle, width = (told.asked + told.answered) / 2, told.answered - told.asked
            found.append(Clock(host, time - middle, width / 2))
    return tuple(found)


def judge_clocks(found: Collection[Clock]) -> Iterator[Finding]:
    """With three or more clocks the one away from the middle is wrong; two only disagree."""
    hosts = [clock for clock in found if clock.place != THIS_COMPUTER]
    if len(found) < 3:
        for clock in hosts:
            apart = max(0.0, abs(clock.ahead) - clock.doubt)
            yield _agrees(clock) if apart <= WARN else _disagree(clock, apart)
        return
    middle = median(clock.ahead for clock in found)
    off = {c.place: max(0.0, abs(c.ahead - middle) - c.doubt) for c in found}
    agreeing = sum(value <= WARN for value in off.values())
    for clock in found:
        if off[clock.place] <= WARN:
            if clock.place != THIS_COMPUTER:
                yield _agrees(clock)
        elif agreeing * 2 > len(found):
            yield _wrong(clock, clock.ahead - middle, off[clock.place], agreeing)
        else:
            yield _disagree(clock, off[clock.place])


def _agrees(clock: Clock) -> Finding:
    text = msg("The clock of {host} agrees with the others.", host=clock.place)
    return _finding(clock, Status.OK, "", text, Confidence.HIGH)


def _wrong(clock: Clock, ahead: float, off: float, agreeing: int) -> Finding:
    values = {"host": clock.place, "seconds": round(abs(ahead)), "count": agreeing}
    text = (
        msg("The clock of {host} is {seconds} s fast: {count} others agree.", **values)
        if ahead > 0
        else msg("The clock of {host} is {seconds} s slow: {count} others agree.", **values)
    )
    status, cause = _grade(off)
    return _finding(clock, status, cause, text, Confidence.HIGH)


def _disagree(clock: Clock, off: float) -> Finding:
    text = msg("The clocks of {host} and this computer are {seconds} s apart; one of them is"
               " wrong.", host=clock.place, seconds=round(abs(clock.ahead)))  # fmt: skip
    return _finding(clock, _grade(off)[0], "clocks-disagree", text, Confidence.HIGH)


def _grade(off: float) -> tuple[Status, str]:
    return (Status.FAILED, "clock-wrong") if off > FAIL else (Status.WARNING, "clock-off")


def _finding(
    clock: Clock, status: Status, cause: str, text: Message, confidence: Confidence
) -> Finding:
    how = (
        msg("Switch on that this computer sets its clock by itself, then check again.")
        if clock.place == THIS_COMPUTER
        else msg(
            "Compare both clocks with your phone. On the server, switch time synchronisation on:"
            " timedatectl set-ntp true"
        )
    )
    return conclude(
        "host",
        f"{clock.place} clock",
        clock.place,
        status,
        cause,
        text,
        confidence=confidence,
        evidence=(f"{clock.ahead:+.1f} s against this computer, ± {clock.doubt:.1f} s",)
        if cause
        else (),
        remedy=remedy(Mender.YOU, how) if cause else None,
    )
