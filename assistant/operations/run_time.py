"""How long a run has taken, how long it may still take, and both in words. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from assistant.operations.run_state import UNKNOWN_STEP, HostRun
from assistant.text import Message, msg

_PRIOR = 20.0
"""Seconds of a run as expected that are assumed before its real pace counts."""


@dataclass(frozen=True)
class Left:
    """How long a run may still take, in seconds, never below 0; ``over``: longer than usual."""

    seconds: float
    over: bool = False


def elapsed(run: HostRun, now: float) -> float:
    """Seconds a run has taken so far; it does not go on once the run has ended."""
    if run.began is None:
        return 0.0
    if run.phase == "ended":
        now = run.heard
    return max(0.0, now - run.began, run.spent + now - run.heard)


def in_step(run: HostRun, now: float) -> float:
    """Seconds the present step has taken so far."""
    return max(0.0, elapsed(run, now) - run.step_at) if run.current is not None else 0.0


def left(run: HostRun, now: float) -> Left:
    """How long a run may still take, going by its own pace so far."""
    if run.phase == "ended":
        return Left(0.0)
    done = [step for step in run.steps if step.state == "done"]
    pace = (sum(step.seconds for step in done) + _PRIOR) / (
        sum(step.expected for step in done) + _PRIOR
    )
    pace = min(max(pace, 0.4), 4.0)
    waiting = sum(step.expected for step in run.steps if step.state == "waiting")
    if run.what == "undo":
        met = sum(step.state in ("done", "kept", "failed") for step in run.steps)
        waiting = UNKNOWN_STEP * max(0, run.total - met)
    present, over = 0.0, False
    if run.current is not None:
        expected, so_far = run.steps[run.current].expected * pace, in_step(run, now)
        present = max(0.0, expected - so_far)
        over = so_far > 2 * expected + 15
    return Left(max(0.0, waiting * pace + present), over)


def about(seconds: float) -> Message:
    """A length of time nobody should take to the second."""
    if seconds < 45:
        return msg("less than a minute")
    if seconds < 90:
        return msg("about a minute")
    return msg("about {minutes} minutes", minutes=math.ceil(seconds / 60 - 0.25))


def counted(seconds: float) -> Message:
    """A length of time as measured."""
    whole = int(seconds)
    if whole < 60:
        return msg("{seconds} s", seconds=whole)
    if whole < 3600:
        return msg("{minutes} min {seconds} s", minutes=whole // 60, seconds=whole % 60)
    return msg("{hours} h {minutes} min", hours=whole // 3600, minutes=whole % 3600 // 60)
