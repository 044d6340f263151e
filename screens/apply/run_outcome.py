"""What came of a run: one sentence, why, what to do, the last lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from textual.app import ComposeResult
from textual.containers import Vertical

from assistant.operations.run_state import Failure, HostRun
from assistant.setup.history import Standing
from assistant.text import Message, msg
from assistant.text.host_messages import title_message
from screens.apply.run_causes import remedy
from screens.apply.run_work import UNDO, RunWork
from screens.widgets.words import Words

if TYPE_CHECKING:
    from assistant.setup.model import Setup

Kind = Literal["none", "ok", "undone", "stopped", "failed", "lost", "unknown"]

_TAIL = 6
"""Last lines shown; the log has them all."""


def outcome_of(work: RunWork) -> Kind:
    """How a run ended; ``none`` while it is under way."""
    if work.state == "running":
        return "none"
    if work.state == "cancelled":
        return "lost"
    if work.state == "failed":
        return "failed" if work.error is not None else "unknown"
    if work.ok:
        return "undone" if work.name == UNDO else "ok"
    return "stopped" if work.stopped else "failed"


def remembered(standing: Standing) -> Kind:
    """The same from what the setup remembers of an earlier time."""
    kinds: Mapping[Standing, Kind] = {
        "new": "none", "done": "ok", "undone": "undone", "failed": "failed"
    }  # fmt: skip
    return kinds[standing]


_PRIMARIES: Mapping[Kind, Message] = {
    "ok": msg("Prove that a message arrives"),
    "undone": msg("Back to the review"),
    "stopped": msg("Go on setting it up"),
    "failed": msg("Try again"),
    "lost": msg("Look again"),
    "unknown": msg("Try again"),
}


class Outcome(Vertical):
    """The lines under the servers once a run has ended; nothing before."""

    TITLES: ClassVar[Mapping[Kind, Message]] = {
        "none": msg("One moment …"),
        "ok": msg("✓ Everything is set up"),
        "undone": msg("✓ Everything was taken back"),
        "stopped": msg("– Stopped, as you asked"),
        "failed": msg("✗ It did not come to its end"),
        "lost": msg("? Not watched any more"),
        "unknown": msg("✗ The program itself broke"),
    }
    DEFAULT_CSS = """
    Outcome { height: auto; }
    Outcome Words { height: auto; }
    Outcome #tail { margin: 1 0 0 2; }
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.display = False

    @staticmethod
    def primary(kind: Kind, work: RunWork | None) -> Message | None:
        """The words for going on from there."""
        if kind == "stopped" and work is not None and work.name == UNDO:
            return msg("Go on taking it back")
        return _PRIMARIES.get(kind)

    def compose(self) -> ComposeResult:
        """What happened, what to do, the last lines, the keys."""
        yield Words("", id="what")
        yield Words("", id="todo")
        yield Words("", id="tail", classes="muted")

    def show(self, kind: Kind, work: RunWork | None, setup: Setup | None) -> None:
        """Tell what came of it."""
        self.display = kind != "none"
        what, todo, tail = _told(kind, work, setup)
        for name, text in (("#what", what), ("#todo", todo), ("#tail", tail)):
            words = self.query_one(name, Words)
            words.message = text or ""
            words.display = bool(text)
        self.query_one("#what").set_class(kind in ("failed", "unknown"), "failed")


_Told = tuple[Message | None, Message | None, str]


def _told(kind: Kind, work: RunWork | None, setup: Setup | None) -> _Told:
    if kind == "ok":
        return _success(work), msg("Next, two test users write to each other through it."), ""
    if kind == "undone":
        return (
            msg("Settings are what they were before. Data, keys and packages stayed."),
            msg("You can set it up again at any time, or leave it."),
            "",
        )
    if kind == "stopped" and work is not None and work.name == UNDO:
        return (
            msg("What was taken back stays so, and nothing is half done."),
            msg("Go on whenever you like."),
            "",
        )
    if kind == "stopped":
        return (
            msg("What is set up stays as it is, and nothing is half done."),
            msg("Go on whenever you like, or take everything back (u)."),
            "",
        )
    if kind == "lost":
        return (
            msg("Something else was begun meanwhile. The work went on on the server."),
            msg("Look again, and you see how far it is."),
            "",
        )
    if kind == "unknown":
        return (
            msg(
                "That is a defect of the program, not of your servers. Nothing you entered is lost."
            ),
            msg("Try again: a run that goes on on the server is picked up where it is."),
            "",
        )
    if kind == "failed":
        return _failed(work, setup)
    return None, None, ""


def _success(work: RunWork | None) -> Message:
    if work is None:
        return msg("It was set up before, so nothing was done again. r looks at everything anew.")
    runs = list(work.runs.values())
    changed = sum(run.changed for run in runs)
    total = sum(run.count for run in runs)
    if not changed:
        return msg("All {total} things were already as planned.", total=total)
    return msg("All {total} things are as planned.", total=total)


def _failed(work: RunWork | None, setup: Setup | None) -> _Told:
    if work is None:
        causes = [
            entry.detail
            for entry in (setup.history if setup is not None else ())
            if entry.what == "applied" and not entry.ok
        ]
        what = msg("Last time it ended early. What was done then is still there.")
        return what, remedy(causes[-1] if causes else ""), ""
    if work.error is not None:
        todo = msg("Nothing is lost: r tries again, and a run that goes on is picked up.")
        return work.error.message, todo, ""
    for run in work.runs.values():
        if run.failure is not None and not run.ok:
            return _because(run, run.failure)
    return msg("It ended early, and the server did not say why."), remedy(""), ""


def _because(run: HostRun, failure: Failure) -> _Told:
    text = failure.said if failure.said.template else msg("{text}", text=failure.cause)
    if failure.title:
        what = msg(
            "{step} on {host}: {text}", step=title_message(failure.title), host=run.host, text=text
        )
    else:
        what = msg("{host}: {text}", host=run.host, text=text)
    return what, remedy(failure.cause), "\n".join(failure.tail[-_TAIL:])
