"""Setting it up: each server fills up; the work goes on there whatever happens here.

The run is work of the app. This page draws its folded state five times a second, so it can be left
and come back to, and any number of events cost the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from assistant.common.errors import AssistantError
from assistant.operations.run_state import HostRun, total_share
from assistant.setup.history import standing
from assistant.text import Message, msg
from assistant.wizard.steps import Step
from screens.apply.run_dialogs import report_question, stop_question, undo_question
from screens.apply.run_outcome import Kind, Outcome, outcome_of, remembered
from screens.apply.run_report import report_text
from screens.apply.run_view import RunView, halted
from screens.apply.run_work import APPLY, PREVIEW, UNDO, RunWork, apply_work, undo_work
from screens.base.page import NOTHING_CHANGED, Page
from screens.widgets.words import Words

if TYPE_CHECKING:
    from assistant.operations.apply import HostPreview
    from assistant.setup.model import Setup
    from assistant.wizard.draft import Draft

REPORT = "~/matrix-assistant-report.txt"
_TICK = 0.2

_HELP = msg(
    "The program now sets up your servers, one thing after the other. Each part settles into ✓"
    " when it is done; press l to see what the server itself says meanwhile.\n\n"
    "The work runs on the server by itself. You may leave this page, close the laptop, or lose"
    " the connection: come back and it is shown where it is. Nothing is ever done twice.\n\n"
    "Press s to stop after the present step. If something goes wrong, nothing is left half done:"
    " you can try again (r), take everything back (u), or save a report for someone who helps"
    " you (w)."
)


class ApplyPage(Page):
    """Starts or picks up the run of a setup, shows it, and what came of it."""

    step = Step.APPLY
    help_text = _HELP
    AUTO_FOCUS: ClassVar[str | None] = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "log", str(msg("Log"))),
        Binding("s", "stop", str(msg("Stop"))),
        Binding("r", "again", show=False),
        Binding("u", "undo", str(msg("Undo"))),
        Binding("w", "report", str(msg("Report"))),
        Binding("up", "scroll_body(-1)", show=False),
        Binding("down", "scroll_body(1)", show=False),
        Binding("pageup", "scroll_body(-8)", show=False),
        Binding("pagedown", "scroll_body(8)", show=False),
    ]
    CSS = """
    ApplyPage #headline { margin: 0; }
    ApplyPage #note { height: auto; }
    ApplyPage #run { margin: 1 0 0 0; }
    ApplyPage #body { overflow-y: auto; }
    ApplyPage.-wide #columns { layout: horizontal; }
    ApplyPage Outcome { margin: 1 0 0 0; }
    """

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self._setup: Setup | None = None
        self._work: RunWork | None = None
        self._trouble: Message | None = None
        """Why the setup could not be read, or a wish was not granted."""
        self._opened = False
        self._result: Kind = "none"
        self._shown: tuple[object, ...] = ()

    # -- drawing ---------------------------------------------------------------

    def body(self) -> ComposeResult:
        """Headline, note, servers, outcome."""
        yield Words("", id="headline", classes="title")
        yield Words("", id="note", classes="muted")
        yield RunView(id="run")
        yield Outcome()

    def on_mount(self) -> None:
        """Find out where things stand."""
        super().on_mount()
        self.set_interval(_TICK, self._tick)
        work = self.assistant.work
        if isinstance(work, RunWork) and work.setup == self.draft.setup:
            self._work = work
        self._later(self._open())
        self._tick()

    @property
    def running(self) -> bool:
        """Whether a run is under way, as far as this page knows."""
        return self._work is not None and self._work.state == "running"

    @property
    def primary(self) -> Message | None:
        """What can be done now; nothing while the run is under way."""
        if self._trouble is not None and not self._opened:
            return msg("Try again")
        return Outcome.primary(self._result, self._work)

    @property
    def states(self) -> tuple[HostRun, ...]:
        """The runs as last folded."""
        return tuple(self._work.runs.values()) if self._work is not None else ()

    def retell(self) -> None:
        """Word everything again."""
        self.changed = self._changed()
        super().retell()

    def _tick(self) -> None:
        work = self._work
        if work is not None:
            if work.state == "running" and self.assistant.just_pressed:
                return  # The answer to a key comes first; this is drawn at the next turn.
            runs = dict(work.catch_up())
            if work.state in ("failed", "cancelled"):
                # What happens on the servers is not known any more: nothing may seem to move.
                runs = {host: halted(run) for host, run in runs.items()}
            self.query_one(RunView).show(runs, time.monotonic())
            self.assistant.tidy()
        result = outcome_of(work) if work is not None else self._rest()
        shown = (
            result, work, self._trouble, self._opened,
            *((run.phase, run.settled, run.count, run.stopping, run.what) for run in self.states),
        )  # fmt: skip
        if shown == self._shown:
            return
        ended = result != self._result
        self._shown, self._result = shown, result
        self.query_one("#headline", Words).message = self._headline()
        note = self._note()
        self.query_one("#note", Words).message = note or ""
        self.query_one("#note").display = note is not None
        self.query_one(RunView).display = work is not None
        if ended:
            self.query_one(Outcome).show(result, work, self._setup)
            self.refresh_bindings()
            if result != "none" and self.is_current and self.focused is None:
                self.query_one("#primary").focus()
        self.retell()

    def _rest(self) -> Kind:
        """What the setup itself remembers, when no run is watched."""
        if self._setup is None or not self._opened:
            return "none"
        return remembered(standing(self._setup))

    def _headline(self) -> Message:
        if self._trouble is not None and not self._opened:
            return msg("This setup cannot be opened now")
        if self._result == "none":
            if self._work is None:
                return msg("One moment …")
            if self._work.name == UNDO:
                return msg("Taking back what was set up")
            return msg("Setting up your servers")
        return Outcome.TITLES[self._result]

    def _note(self) -> Message | None:
        if self._trouble is not None:
            return self._trouble
        for run in self.states if self.running else ():
            if run.phase == "reconnecting":
                return msg(
                    "The connection to {host} was lost; the work goes on on the server."
                    " Connecting again (try {attempt}) …",
                    host=run.host,
                    attempt=run.attempt,
                )
            if run.phase == "confirming":
                return msg(
                    "The firewall of {host} is on. A second connection now proves that the server"
                    " can still be reached; else the firewall is taken back by itself.",
                    host=run.host,
                )
            if run.stopping:
                return msg("{host} stops after the present step.", host=run.host)
        if self.running:
            return msg("Closing the laptop is safe: the work goes on on the server.")
        return None

    def _changed(self) -> Message:
        done, total = total_share(self.states)
        if self._work is None:
            if self._setup is None:
                return msg("Looking where things stand …")
            if standing(self._setup) in ("done", "failed"):
                return msg("Your servers have been changed.")
            return NOTHING_CHANGED
        if self._work.name == UNDO:
            taken = sum(run.changed for run in self.states)
            if taken == 1:
                return msg("One thing was taken back.")
            return msg("{count} things were taken back.", count=taken)
        if not any(run.began is not None for run in self.states):
            return NOTHING_CHANGED if self._result == "none" else msg("Nothing new was changed.")
        if self._result == "ok":
            return msg("All {total} things are set up.", total=total)
        if len(self.states) == 1:
            return msg(
                "{done} of {total} things are set up on {host}.",
                done=done,
                total=total,
                host=self.states[0].host,
            )
        return msg("{done} of {total} things are set up on your servers.", done=done, total=total)

    # -- beginning -------------------------------------------------------------

    async def _open(self) -> None:
        """Read the setup, then start, pick up, or only show where things stand."""
        services = self.assistant.services
        try:
            self._setup = await asyncio.to_thread(services.load_setup, self.draft.setup)
        except AssistantError as error:
            self._trouble, self._opened = error.message, False
            self._result = "none"
            if self.is_attached:
                self._tick()
            return
        self._trouble, self._opened = None, True
        if not self.is_attached or self._work is not None:
            return
        work = self.assistant.work
        if isinstance(work, RunWork) and work.setup == self.draft.setup:
            self._work = work
        elif self._must_begin(self._setup):
            self._begin(APPLY)
        self._tick()

    @property
    def _review(self) -> tuple[HostPreview, ...] | None:
        """What the review found just before, when the person comes from there."""
        work = self.assistant.work
        if work is None or work.name != PREVIEW or work.setup != self.draft.setup:
            return None
        return tuple(work.result) if work.state == "done" else None

    def _must_begin(self, setup: Setup) -> bool:
        """Whether entering the page starts a run: never twice what was done already."""
        review = self._review
        if review is not None and any(preview.changes for preview in review):
            return True
        past = standing(setup)
        return past == "new" or (review is not None and past != "done")

    def _begin(self, what: Literal["apply", "undo"]) -> None:
        setup = self._setup
        if setup is None or self.running:
            return
        app, draft = self.assistant, self.draft
        review = self._review or ()
        job: Callable[[], Coroutine[Any, Any, object]]
        if what == UNDO:
            work = undo_work(setup)

            async def job() -> object:
                return await app.services.undo(setup.name, app, work.report)

        else:
            work = apply_work(setup, review)

            async def job() -> object:
                return await app.services.apply(setup.name, app, draft.resolve, work.report)

        self._work, self._trouble = work, None
        self.query_one(RunView).restart()
        app.begin(work, job)
        self._tick()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Short work that must not break the page; a defect is told by the app."""
        self.assistant.run_worker(work, exit_on_error=False)

    # -- keys ------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done now has its key."""
        ended = self._result != "none"
        if action == "log":
            return self._work is not None
        if action == "stop":
            return self.running and any(run.run and run.phase != "ended" for run in self.states)
        if action == "again":
            return ended or (self._trouble is not None and not self._opened)
        if action in ("undo", "report"):
            return ended and self._setup is not None
        return super().check_action(action, parameters)

    def action_primary(self) -> None:
        """Go on: prove, go back, or try again."""
        if self._result == "ok":
            super().action_primary()
        elif self._result == "undone":
            self.action_back()
        elif self._result != "none" or not self._opened:
            self.action_again()

    def action_scroll_body(self, lines: int) -> None:
        """Move what does not fit into a small terminal."""
        self.query_one("#body").scroll_relative(y=lines, animate=False)

    def action_log(self) -> None:
        """Show or hide what the servers say."""
        self.query_one(RunView).toggle_log()

    def action_again(self) -> None:
        """Read the setup again, or apply again: what is done stays done."""
        if self._setup is None:
            self._later(self._open())
        elif self._work is not None and self._work.name == UNDO and self._result != "undone":
            self._begin(UNDO)
        else:
            self._begin(APPLY)

    def action_stop(self) -> None:
        """Ask whether to stop, then ask the servers to."""

        def answered(answer: str | None) -> None:
            if answer is not None:
                for run in self.states:
                    if run.run and run.phase != "ended":
                        self._later(self._stop(run.host, run.run))

        self.app.push_screen(stop_question(), answered)

    async def _stop(self, host: str, run: str) -> None:
        try:
            await self.assistant.services.stop(self.draft.setup, host, run)
        except AssistantError as error:
            self._trouble = error.message
        else:
            self._trouble = None
            if self._work is not None:
                self._work.stopping(host)
        if self.is_attached:
            self._tick()

    def action_undo(self) -> None:
        """Take everything back, once its name was typed."""
        if self._setup is None:
            return

        def answered(typed: str | None) -> None:
            if typed is not None:
                self._begin(UNDO)

        self.app.push_screen(undo_question(self._setup.server_name), answered)

    def action_report(self) -> None:
        """Save what happened as a file."""

        def answered(path: str | None) -> None:
            if path is not None:
                self._later(self._save(path))

        self.app.push_screen(report_question(REPORT), answered)

    async def _save(self, path: str) -> None:
        error = ""
        if self._work is not None and self._work.error is not None:
            error = str(self._work.error)
        text = report_text(self.draft.setup, self.states, error)
        try:
            full = await asyncio.to_thread(self.assistant.services.write_file, path, text)
        except AssistantError as failed:
            self.assistant.tell(failed.message, warning=True)
        else:
            self.assistant.tell(msg("The report is in {path}.", path=full))

    def commands(self) -> Iterable[tuple[Message, Message, Any]]:
        """What can be done now, for the palette."""
        known = (
            ("log", msg("Show or hide the log"), msg("What the servers say"), self.action_log),
            (
                "stop",
                msg("Stop after this step"),
                msg("What is set up stays"),
                self.action_stop,
            ),
            ("again", msg("Try again"), msg("What is done stays done"), self.action_again),
            (
                "undo",
                msg("Take everything back"),
                msg("Databases, photos and keys stay"),
                self.action_undo,
            ),
            (
                "report",
                msg("Save a report"),
                msg("A file for someone who helps you"),
                self.action_report,
            ),
        )
        for action, title, text, callback in known:
            if self.check_action(action, ()):
                yield title, text, callback
