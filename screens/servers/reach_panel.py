"""Trying a server, step by step: what was reached, and what to do where it went no further."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from assistant.common.errors import AssistantError
from assistant.findings.model import Status
from assistant.setup.model import RELEASES
from assistant.text import Message, msg
from screens.services.protocol import Reached, ReachStep
from screens.widgets.status import GLYPHS, status_class, status_words
from screens.widgets.words import Words

if TYPE_CHECKING:
    from screens.base.background_work import Work

Step = Literal["reached", "key", "login", "sudo", "release"]
State = Literal["running", "ok", "failed"]

SLOW_SECONDS = 3.0
"""From here on the panel says how long it has taken and how to stop."""

SAYS: dict[Step, dict[State, Message]] = {
    "reached": {
        "running": msg("Looking for the server"),
        "ok": msg("The server answers"),
        "failed": msg("The server does not answer"),
    },
    "key": {
        "running": msg("Comparing its key"),
        "ok": msg("Its key is the one you confirmed"),
        "failed": msg("Its key is not confirmed"),
    },
    "login": {
        "running": msg("Logging in"),
        "ok": msg("Logged in"),
        "failed": msg("It does not let you in"),
    },
    "sudo": {
        "running": msg("Becoming administrator"),
        "ok": msg("You are its administrator"),
        "failed": msg("You are not its administrator"),
    },
    "release": {
        "running": msg("Asking which system it runs"),
        "ok": msg("Its system is one that works"),
        "failed": msg("Its system is not one that works"),
    },
}
"""What each step says, in the order of the steps."""


UNKNOWN_SYSTEM = msg(
    "This server runs a system that this program does not know. Have your provider reinstall it"
    " with Debian 12 or 13, or Ubuntu 22.04 or 24.04, then try it again. Reinstalling deletes"
    " everything on it."
)


@dataclass(frozen=True)
class Trial:
    """How far trying a server has come. ``failure`` says why it went no further and what to do."""

    steps: tuple[ReachStep, ...] = ()
    running: bool = False
    failure: Message | None = None


def trial_of(work: Work) -> Trial:
    """What a piece of work tells about trying a server."""
    steps = latest(event for event in work.events if isinstance(event, ReachStep))
    running = work.state == "running"
    if work.state == "done":
        steps = {name: _ended(step, "ok") for name, step in steps.items()}
        known = isinstance(work.result, Reached) and work.result.host.release in RELEASES
        return Trial(tuple(steps.values()), failure=None if known else UNKNOWN_SYSTEM)
    if not running:
        steps = {name: _ended(step, "failed") for name, step in steps.items()}
    return Trial(tuple(steps.values()), running, failure_of(work.state, work.error))


def failure_of(state: str, error: AssistantError | None) -> Message | None:
    """Why it went no further, in words; None while it goes on."""
    if error is not None:
        return error.message
    if state == "cancelled":
        return msg("You stopped it. Nothing was changed on the server.")
    if state == "failed":
        return msg("Something in this program broke. Nothing was changed on the server. Try again.")
    return None


def latest(events: Iterable[Any]) -> dict[Step, ReachStep]:
    """The last word on each step that was begun, in the order of the steps."""
    found: Mapping[Step, ReachStep] = {event.step: event for event in events}
    return {step: found[step] for step in SAYS if step in found}


def _ended(step: ReachStep, state: State) -> ReachStep:
    """A step of work that is over cannot still be running."""
    return ReachStep(step.step, state, step.detail) if step.state == "running" else step


class StepLine(Horizontal):
    """One step: glyph and word, and what it means."""

    DEFAULT_CSS = """
    StepLine { height: auto; display: none; }
    StepLine .status { width: 11; }
    StepLine .says { width: 1fr; height: auto; }
    """

    def compose(self) -> ComposeResult:
        """Status on the left, words on the right."""
        yield Words(classes="status")
        yield Words(classes="says")

    def show(self, step: ReachStep | None) -> None:
        """Show a step; None for one that was not begun."""
        self.display = step is not None
        if step is None:
            return
        status = self.query_one(".status", Words)
        result = {"ok": Status.OK, "failed": Status.FAILED}.get(step.state)
        for name in ("ok", "failed", "muted"):
            status.set_class(name == (status_class(result) if result else "muted"), name)
        if result is None:
            status.message = msg("… trying")
        else:
            status.message = msg("{glyph} {word}", glyph=GLYPHS[result], word=status_words(result))
        says = SAYS[step.step][step.state]
        self.query_one(".says", Words).message = (
            says if step.detail is None else msg("{what}: {detail}", what=says, detail=step.detail)
        )


class ReachPanel(Vertical):
    """The steps of trying one server, as they happen."""

    DEFAULT_CSS = """
    ReachPanel { height: auto; margin: 1 0 0 0; display: none; }
    ReachPanel.-shown { display: block; }
    ReachPanel .after { height: auto; margin: 1 0 0 0; display: none; }
    ReachPanel .after.-shown { display: block; }
    """

    def compose(self) -> ComposeResult:
        """A line for each step, and what to do below."""
        for step in SAYS:
            yield StepLine(id=f"step-{step}")
        yield Words(classes="after")

    def show(self, trial: Trial, *, began: float = 0.0) -> None:
        """Show how far it has come; ``began`` is when, in seconds of ``time.monotonic``."""
        steps = {step.step: step for step in trial.steps}
        for name in SAYS:
            self.query_one(f"#step-{name}", StepLine).show(steps.get(name))
        after = self.query_one(".after", Words)
        words = trial.failure
        seconds = time.monotonic() - began
        if trial.running:
            words = (
                msg("Trying for {seconds} s. Escape stops it.", seconds=int(seconds))
                if seconds >= SLOW_SECONDS
                else msg("Trying. Escape stops it.")
            )
        after.set_class(words is not None, "-shown")
        after.set_class(not trial.running, "failed")
        after.set_class(trial.running, "muted")
        after.message = "" if words is None else words
        self.set_class(bool(steps) or words is not None, "-shown")
