"""A page that follows the checks of a saved setup: reads it, begins runs, picks up those under way.

The findings come from the setup, or from the run of checks that is under way. What is drawn is
decided in :mod:`screens.checks.findings_page`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from assistant.common.errors import AssistantError
from assistant.findings.model import Finding
from assistant.plan.model import Record
from assistant.setup.model import Setup
from assistant.text import Message, msg
from screens.base.page import PlainPage
from screens.checks.check_work import CHECK, WAIT, CheckWork, checks_to_run
from screens.checks.records_view import RecordState, record_states
from screens.services.protocol import Phase


class FollowingPage(PlainPage):
    """Base of pages that follow checks. Subclasses give ``setup_name``, ``phase``, ``redraw()``."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.setup: Setup | None = None
        """The saved setup, once it was read."""
        self.problem: Message | None = None
        """Why it, or its plan, could not be read."""
        self._records: tuple[Record, ...] = ()
        self._watched: CheckWork | None = None
        self._end_watch: Any = None
        self._news = False
        self._stale = False
        """Whether checks ended and the setup was not read again yet."""
        self._titles: dict[str, Message] = {}

    # -- what subclasses give ------------------------------------------------

    @property
    def setup_name(self) -> str:
        """Name of the saved setup that is shown."""
        raise NotImplementedError

    @property
    def phase(self) -> Phase:
        """Which checks run."""
        return "before"

    @property
    def set_aside(self) -> Collection[str]:
        """Names of the findings that were set aside."""
        return self.setup.set_aside if self.setup else ()

    def loaded(self) -> None:
        """The setup was read (again); the first time, a page may begin to check."""

    def ended(self, work: CheckWork) -> None:
        """A run of checks ended."""

    def redraw(self) -> None:
        """Show what is known now."""

    # -- state -----------------------------------------------------------------

    @property
    def run(self) -> CheckWork | None:
        """The run of checks of this setup, under way or ended last."""
        work = self.assistant.work
        if isinstance(work, CheckWork) and work.setup == self.setup_name:
            return work
        return self._watched

    @property
    def checking(self) -> bool:
        """Whether checks run now; waiting for records does not count."""
        run = self.run
        return run is not None and run.state == "running" and run.name == CHECK

    @property
    def waiting(self) -> bool:
        """Whether the records are being waited for."""
        run = self.run
        return run is not None and run.state == "running" and run.name == WAIT

    @property
    def busy(self) -> bool:
        """Whether long work of any kind is under way."""
        work = self.assistant.work
        return work is not None and work.state == "running"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is known now."""
        run = self.run
        if run is not None and (run.state == "running" or self._stale or self.broken_off):
            return run.findings
        return self.setup.current_findings if self.setup else ()

    @property
    def broken_off(self) -> bool:
        """Whether the last run of checks ended early: what it found is not the whole."""
        run = self.run
        return run is not None and run.name == CHECK and run.state in ("failed", "cancelled")

    @property
    def whole_findings(self) -> tuple[Finding, ...]:
        """The findings of the last complete look; only these may decide anything."""
        run = self.run
        if self.broken_off or self.checking:
            return ()
        return run.before if run is not None and run.state == "running" else self.findings

    @property
    def record_states(self) -> tuple[RecordState, ...]:
        """What is seen of the records of the public DNS."""
        return record_states(self._records, self.findings)

    def now(self) -> datetime:
        """The time, with a time zone."""
        return datetime.now(UTC)

    # -- following ---------------------------------------------------------------

    def on_mount(self) -> None:
        """Read the setup; look for news ten times a second."""
        self._follow()
        self.set_interval(0.1, self._draw_news)
        self.set_interval(1.0, self._draw_clock)
        self.load()

    def on_unmount(self) -> None:
        """Nobody is left to be told."""
        if self._end_watch is not None:
            self._end_watch()

    def load(self) -> None:
        """Read the setup and its plan, away from the screen's thread."""
        self.assistant.run_worker(self._load(), exit_on_error=False)

    async def _load(self) -> None:
        from assistant.plan.compile import compile_plan

        def read() -> tuple[Setup, dict[str, Message]]:
            from checks.all_checks import ALL_CHECKS

            titles = {check.id: check.title for check in ALL_CHECKS}
            return self.assistant.services.load_setup(self.setup_name), titles

        try:
            setup, self._titles = await asyncio.to_thread(read)
            self.setup, self.problem, self._stale = setup, None, False
            self._records = compile_plan(setup).records
        except (AssistantError, OSError) as error:
            if isinstance(error, AssistantError):
                self.problem = error.message
            else:
                self.problem = msg("The setup could not be read: {why}.", why=error.strerror or "?")
        if self.is_attached and self.setup is not None and self.problem is None:
            self.loaded()
        self.redraw()

    def _follow(self) -> None:
        """Watch the run of checks of this setup, whoever began it."""
        run = self.run
        if run is self._watched or run is None:
            return
        if self._end_watch is not None:
            self._end_watch()
            self._end_watch = None
        self._watched = run
        self._news = True
        if run.state != "running":
            # It ended before this page was shown: the setup knows what came out.
            return

        def note() -> None:
            self._news = True

        self._end_watch = run.watch(note)

    def _draw_news(self) -> None:
        self._follow()
        if not self._news:
            return
        self._news = False
        run = self._watched
        if run is not None and run.state != "running":
            self._watched_ended(run)
        self.redraw()

    def _watched_ended(self, run: CheckWork) -> None:
        if self._end_watch is not None:
            self._end_watch()
            self._end_watch = None
            self._stale = run.state == "done"
            self.ended(run)
            self.load()

    def _draw_clock(self) -> None:
        if self.waiting:
            self.redraw()

    def begin_checks(self, only: Collection[str] | None = None) -> None:
        """Run checks as work of the app; waiting for records gives way to it."""
        if self.busy and not self.waiting:
            if not self.checking:
                self.assistant.tell(msg("Something else is under way. Wait until it is done."))
            return
        before = self.findings
        name, phase = self.setup_name, self.phase
        chosen = frozenset(only) if only is not None else None
        last = self.run
        # Checking one thing again is still the same look: what it found is told together.
        same = chosen is not None and last is not None and last.state == "done"
        work = CheckWork(
            CHECK,
            setup=name,
            before=before,
            baseline=last.baseline if same and last is not None else before,
            wanted=checks_to_run(phase, chosen, before),
        )
        services, talk = self.assistant.services, self.assistant

        async def job() -> tuple[Finding, ...]:
            return await services.check(name, talk, phase=phase, only=chosen, report=work.report)

        self.assistant.begin(work, job)
        self._draw_news()
