"""How far a run is on each host, folded from its events; what is left, how long it may take.

Pure: events in, values out. A run is folded piece by piece, so that a long one costs no memory;
an event that was never seen (the oldest are dropped) is inferred from those that follow it, because
the host works in order.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from assistant.plan.estimates import expected_seconds
from assistant.text import Message, msg
from assistant.text.host_messages import host_message
from assistant.text.message import NOTHING
from assistant.text.sanitize import clean_text

if TYPE_CHECKING:
    from assistant.onhost.resources import Resource
    from assistant.setup.model import Host, Setup

StepState = Literal["waiting", "running", "done", "same", "kept", "failed"]
Phase = Literal["waiting", "running", "confirming", "reconnecting", "ended"]

SETTLED = frozenset({"done", "same", "kept"})
"""States of a step that is as it should be."""

LOG_LINES = 400
"""Lines of output kept for each host."""

_LONGEST_LINE = 500
_LONGEST_GAP = 3600.0
"""Seconds by which one event may move a run's time on: a host's clock may jump while it runs."""

UNKNOWN_STEP = 1.0
"""Seconds to expect of a step nothing is known of."""


@dataclass(frozen=True)
class RunStep:
    """One resource of a run. ``expected`` and ``seconds`` (what it took) are seconds.

    ``chapter`` is a key of :data:`CHAPTERS`: which part of the work it belongs to.
    """

    id: str
    title: str
    chapter: str = "other"
    expected: float = UNKNOWN_STEP
    state: StepState = "waiting"
    seconds: float = 0.0


@dataclass(frozen=True)
class Failure:
    """Why a run ended early; ``id`` and ``title`` of the step, empty when it was none of them."""

    cause: str
    said: Message = NOTHING
    tail: tuple[str, ...] = ()
    id: str = ""
    title: str = ""

    @property
    def text(self) -> str:
        """What the host said, in English."""
        return str(self.said)


@dataclass(frozen=True)
class HostRun:
    """How far a run is on one host.

    ``began`` and ``heard`` are of this computer's monotonic clock: when the first and the latest
    event came. ``spent`` is what the host's own clock says passed between them. ``total`` is how
    many steps the host announced, 0 before. ``log`` holds the latest output, ``logged`` counts
    all of it.
    """

    host: str
    what: Literal["apply", "undo"] = "apply"
    steps: tuple[RunStep, ...] = ()
    run: str = ""
    total: int = 0
    phase: Phase = "waiting"
    current: int | None = None
    ok: bool = False
    stopped: bool = False
    stopping: bool = False
    failure: Failure | None = None
    attempt: int = 0
    unconfirmed: bool = False
    line: str = ""
    log: tuple[str, ...] = ()
    logged: int = 0
    began: float | None = None
    heard: float = 0.0
    spent: float = 0.0
    clock: float | None = None
    step_at: float = 0.0

    @property
    def settled(self) -> int:
        """How many things are as they should be."""
        return sum(step.state in SETTLED for step in self.steps)

    @property
    def count(self) -> int:
        """How many things there are."""
        return max(self.total, len(self.steps))

    @property
    def changed(self) -> int:
        """How many things this run changed."""
        return sum(step.state == "done" for step in self.steps)

    @property
    def share(self) -> float:
        """How much of the expected work is done, from 0 to 1."""
        if self.phase == "ended" and self.ok:
            return 1.0
        whole = sum(step.expected for step in self.steps)
        whole += UNKNOWN_STEP * max(0, self.total - len(self.steps))
        done = sum(step.expected for step in self.steps if step.state in SETTLED)
        return min(1.0, done / whole) if whole else 0.0


class Ended(Protocol):
    """How a run ended on a host (``assistant.operations.follow.HostResult``)."""

    @property
    def run(self) -> str: ...  # noqa: D102
    @property
    def ok(self) -> bool: ...  # noqa: D102
    @property
    def stopped(self) -> bool: ...  # noqa: D102
    @property
    def failed(self) -> str: ...  # noqa: D102
    @property
    def cause(self) -> str: ...  # noqa: D102
    @property
    def said(self) -> Message: ...  # noqa: D102
    @property
    def tail(self) -> tuple[str, ...]: ...  # noqa: D102


CHAPTERS: Mapping[str, Message] = {
    "base": msg("Basics"),
    "hardening": msg("Safer settings"),
    "postgres": msg("Database"),
    "synapse": msg("Chat server"),
    "firewall": msg("Firewall"),
    "web": msg("Web server"),
    "certificates": msg("Certificate"),
    "website": msg("Encrypted website"),
    "admin": msg("Administrator"),
    "backup": msg("Backups"),
    "hosts": msg("Names of the other server"),
    "workers": msg("More chat processes"),
    "links": msg("Link"),
    "resolver": msg("Private resolver"),
    "forward": msg("Forwarding"),
    "dyndns": msg("Address of the line"),
    "other": msg("More"),
}
"""Names of the parts of the work, by what ``assistant.plan.compile.RECIPES`` calls them."""


def planned_steps(setup: Setup, host: Host, unchanged: Collection[str] = ()) -> tuple[RunStep, ...]:
    """The steps of an apply on a host, in order; none when this version cannot deploy the option.

    ``unchanged``: ids a preview found to be as planned already; they take next to no time.
    """
    from assistant.plan.compile import RECIPES

    steps: list[RunStep] = []
    for chapter, recipe in RECIPES.get(setup.option, {}).get(host.role, ()):
        steps += [_planned(resource, chapter, unchanged) for resource in recipe(setup, host)]
    return tuple(steps)


def _planned(resource: Resource, chapter: str, unchanged: Collection[str]) -> RunStep:
    expected = 0.02 if resource.id in unchanged else expected_seconds(resource)
    return RunStep(resource.id, resource.title or resource.id, chapter, expected)


# -- folding -------------------------------------------------------------------


def fold(run: HostRun, events: Iterable[Mapping[str, Any]], now: float) -> HostRun:
    """The state after further events that came by ``now`` (this computer's monotonic clock)."""
    work = _Fold(run, now)
    for event in events:
        work.take(event)
    return work.result()


def ended(run: HostRun, result: Ended) -> HostRun:
    """The state once the outcome is known, also when its last events never came."""
    failure = run.failure
    if failure is None and not result.ok and not result.stopped:
        title = next((step.title for step in run.steps if step.id == result.failed), "")
        failure = Failure(
            cause=result.cause or "unknown",
            said=result.said,
            tail=tuple(_line_of(line) for line in result.tail),
            id=result.failed,
            title=title,
        )
    steps = run.steps
    if result.ok and run.what == "apply":
        steps = tuple(
            step if step.state in SETTLED else replace(step, state="done") for step in steps
        )
    return replace(
        run,
        phase="ended",
        steps=steps,
        run=result.run or run.run,
        ok=result.ok,
        stopped=result.stopped,
        failure=failure,
        current=None if result.ok else run.current,
    )


_SETTLES: Mapping[Any, StepState] = {"changed": "done", "unchanged": "same", "kept": "kept"}


class _Fold:
    """The state as it is being folded."""

    def __init__(self, run: HostRun, now: float) -> None:
        self.run = run
        self.now = now
        self.steps = list(run.steps)
        self.index = {step.id: number for number, step in enumerate(self.steps)}
        self.log: deque[str] = deque(run.log, LOG_LINES)
        self.fields: dict[str, Any] = {
            "phase": run.phase,
            "current": run.current,
            "what": run.what,
            "clock": run.clock,
            "spent": run.spent,
            "logged": run.logged,
            "heard": run.heard,
            "step_at": run.step_at,
        }
        self.last: str | None = None

    def result(self) -> HostRun:
        if self.last is not None:
            self.fields["line"] = _last_line(self.last)
        return replace(self.run, steps=tuple(self.steps), log=tuple(self.log), **self.fields)

    def take(self, event: Mapping[str, Any]) -> None:
        fields = self.fields
        if self.run.began is None:
            fields.setdefault("began", self.now)
        fields["heard"] = self.now
        self._advance(event.get("at"))
        kind = event.get("event")
        if kind == "output":
            self._output(event)
            return
        if kind == "reconnecting":
            fields["phase"] = "reconnecting"
            fields["attempt"] = int(_number(event.get("attempt"), 1))
            return
        if fields["phase"] != "ended":
            fields["phase"] = "running"
        if kind == "run":
            self._run(event)
        elif kind == "started":
            self._started(event)
        elif kind in _SETTLES:
            self._settle(event, _SETTLES[kind])
        elif kind == "failed":
            self._failed(event)
        elif kind == "confirm":
            fields["phase"] = "confirming"
        elif kind == "unconfirmed":
            fields["unconfirmed"] = True
        elif kind in ("finished", "result"):
            self._finished(event)

    def _advance(self, at: object) -> None:
        if not isinstance(at, (int, float)) or isinstance(at, bool) or not math.isfinite(at):
            return
        before = self.fields["clock"]
        if before is not None:
            self.fields["spent"] += min(max(0.0, at - before), _LONGEST_GAP)
        self.fields["clock"] = float(at)

    def _output(self, event: Mapping[str, Any]) -> None:
        if self.fields["phase"] != "ended":
            self.fields["phase"] = "running"
        text = event.get("text")
        if not isinstance(text, str):
            return
        self.last = text
        lines = [line for line in text.splitlines() if line.strip()]
        self.fields["logged"] += len(lines)
        self.log.extend(_line_of(line) for line in lines[-LOG_LINES:])

    def _note(self, text: str) -> None:
        self.fields["logged"] += 1
        self.log.append(_line_of(text))

    def _run(self, event: Mapping[str, Any]) -> None:
        self.fields["run"] = str(event.get("run") or "")
        self.fields["total"] = int(_number(event.get("total"), 0))
        if event.get("what") == "undo" and self.fields["what"] != "undo":
            self.fields["what"] = "undo"
            # It names what it takes back as it goes; what was planned tells nothing of that.
            self.steps, self.index = [], {}

    def _step(self, event: Mapping[str, Any]) -> int | None:
        name = event.get("id")
        if not isinstance(name, str) or not name:
            return None
        if name not in self.index:
            title = event.get("title")
            self.index[name] = len(self.steps)
            self.steps.append(RunStep(name, title if isinstance(title, str) and title else name))
        return self.index[name]

    def _before(self, number: int) -> None:
        """What stands before a step that is reached was done, even if nobody told us."""
        for earlier in range(number):
            if self.steps[earlier].state in ("waiting", "running"):
                self.steps[earlier] = replace(self.steps[earlier], state="done")

    def _started(self, event: Mapping[str, Any]) -> None:
        number = self._step(event)
        if number is None:
            return
        self._before(number)
        title = event.get("title")
        step = replace(self.steps[number], state="running")
        if isinstance(title, str) and title:
            step = replace(step, title=title)
        self.steps[number] = step
        self.fields["current"], self.fields["step_at"] = number, self._elapsed()
        self.fields["line"], self.last = "", None
        self._note(f"▸ {step.title}")

    def _settle(self, event: Mapping[str, Any], state: StepState) -> None:
        number = self._step(event)
        if number is None:
            return
        self._before(number)
        seconds = max(0.0, _number(event.get("seconds"), 0.0))
        self.steps[number] = replace(self.steps[number], state=state, seconds=seconds)
        if self.fields["current"] == number:
            self.fields["current"] = None

    def _failed(self, event: Mapping[str, Any]) -> None:
        number = self._step(event)
        title = ""
        if number is not None:
            self._before(number)
            step = self.steps[number] = replace(self.steps[number], state="failed")
            title = step.title
        if self.run.failure is None and "failure" not in self.fields:
            tail = event.get("tail")
            lines = tail if isinstance(tail, (list, tuple)) else ()
            self.fields["failure"] = Failure(
                cause=str(event.get("cause") or "unknown"),
                said=host_message(event),
                tail=tuple(_line_of(str(line)) for line in lines[-30:]),
                id=str(event.get("id") or ""),
                title=title,
            )

    def _finished(self, event: Mapping[str, Any]) -> None:
        self.fields["phase"] = "ended"
        self.fields["ok"] = bool(event.get("ok"))
        self.fields["stopped"] = bool(event.get("stopped"))
        if self.fields["ok"]:
            self.fields["current"] = None

    def _elapsed(self) -> float:
        began = self.run.began if self.run.began is not None else self.now
        return max(self.now - began, float(self.fields["spent"]))


def _number(value: object, default: float) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return default


def _line_of(text: str) -> str:
    return clean_text(text[: 2 * _LONGEST_LINE])[:_LONGEST_LINE].rstrip()


def _last_line(text: str) -> str:
    return next((_line_of(line) for line in reversed(text.splitlines()) if line.strip()), "")


# -- what the setup remembers -------------------------------------------------------


def total_share(runs: Sequence[HostRun]) -> tuple[int, int]:
    """How many things are as they should be on all hosts together, and how many there are."""
    return sum(run.settled for run in runs), sum(run.count for run in runs)
