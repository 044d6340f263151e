"""The diagnosis of a saved setup: how it is, what changed since last time, what can be done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from assistant.canary.model import CanaryResult
from assistant.change.limits import removable
from assistant.change.possible import Proposal, proposed
from assistant.common.errors import AssistantError
from assistant.findings.comparison import PROBLEMS, Comparison, compare, is_aside, toggled
from assistant.setup.history import anything_applied, was_applied
from assistant.setup.model import Setup
from assistant.text import Message, msg
from assistant.wizard.draft import Draft, draft_of
from assistant.wizard.steps import Step
from screens.apply.run_dialogs import undo_question
from screens.apply.run_work import undo_work
from screens.base.background_work import Work
from screens.change.change_flow import begin_change
from screens.change.unfinished import draft_to_go_on
from screens.checks.diagnosis_view import news_lines, proof_lines, title_words
from screens.checks.findings_page import FindingsPage
from screens.checks.grid import Cell
from screens.checks.grid_view import FindingGrid
from screens.services.protocol import Phase
from screens.widgets.chat import Chat, talked
from screens.widgets.styled_lines import Lines, TextLine

CANARY: Final = "canary"
_NEWS = 2
"""Changes that are listed where there is little room; the others are counted."""


class DiagnosisPage(FindingsPage):
    """How a deployed service is, as a place to come back to."""

    help_text = msg(
        "Here you see how your service is. Enter measures everything again, from this computer and"
        " from your servers, and tells what changed since last time.\n\n"
        "Move with the arrow keys; the selected finding opens. r checks the selected row again, f"
        " what is not ok. Space shows every row, v what was measured.\n\n"
        "s sets a finding aside that you know of and can live with: it stays on the list, marked,"
        " but no longer counts. n shows all that changed since last time. t lets two test users"
        " exchange encrypted messages. a"
        " brings the servers back to the plan; you see what would change first. m changes"
        " something: a name, an address, the option; where it can mend the opened finding, it"
        " proposes that. u takes everything back. e writes a report for someone who helps you."
    )
    DEFAULT_CSS = """
    DiagnosisPage #proof { margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "set_aside", str(msg("Set aside"))),
        Binding("t", "test", str(msg("Test"))),
        Binding("a", "apply", str(msg("Apply"))),
        Binding("m", "change", str(msg("Change"))),
        Binding("u", "undo", str(msg("Undo"))),
        Binding("n", "news", str(msg("What changed")), show=False),
    ]

    OWN_KEYS = (
        "again", "change", "set_aside", "test", "apply", "failed", "undo", "export", "stop", "all",
    )  # fmt: skip

    def __init__(self, setup_name: str) -> None:
        super().__init__()
        self._setup_name = setup_name
        self._canary: Work | None = None
        self._end_canary: Any = None
        self._canary_news = False
        self._instead: Literal["", "canary", "news"] = ""
        """What stands in the place of the opened finding."""

    @property
    def setup_name(self) -> str:
        """The setup that is shown."""
        return self._setup_name

    @property
    def phase(self) -> Phase:
        """What runs is checked as such; what was never applied, as a place to apply to."""
        return "after" if self.setup is not None and was_applied(self.setup) else "before"

    # -- what is shown -------------------------------------------------------------

    @property
    def primary(self) -> Message | None:
        """Measure now."""
        if self.checking:
            return None
        return msg("Check now")

    def head(self) -> Sequence[TextLine]:
        """Which service, how it is, and how old that is."""
        if self.setup is None:
            return self.state_lines()
        lines = [TextLine(title_words(self.setup, self.now()), "strong")]
        lines += self.state_lines()
        age = self.age()
        if self.problem is not None or self.checking:
            return lines
        if self.findings and age is not None:
            lines[-1] = TextLine(msg("{counts} · {age}", counts=self.count_words(), age=age))
        elif age is not None:
            lines.append(TextLine(msg("The setup was changed since it was checked. Check it now.")))
        else:
            lines.append(TextLine(msg("It was not checked yet.")))
        return lines

    def comparison(self) -> Comparison | None:
        """What changed since last time; None when there is nothing to compare."""
        run = self.run
        if run is None or run.state != "done" or not run.baseline:
            return None
        return compare(run.baseline, run.findings)

    def news(self) -> Sequence[TextLine]:
        """What changed since last time."""
        found = self.comparison()
        if found is None:
            return ()
        height = self.app.size.height
        room = 0 if height < 22 else _NEWS if height < 30 else 4 * _NEWS
        return news_lines(found, room, self.set_aside)

    def detail(self) -> ComposeResult:
        """A test conversation, or what changed, may take the place of the opened finding."""
        yield from super().detail()
        yield Chat(id="chat")
        yield Lines(id="proof")

    def on_mount(self) -> None:
        """Pick up a test conversation that is under way."""
        work = self.assistant.work
        if work is not None and work.name == CANARY and work.setup == self.setup_name:
            self._follow_canary(work)
        self.set_interval(0.1, self._draw_canary_news)

    def on_unmount(self) -> None:
        """Nobody is left to be told."""
        if self._end_canary is not None:
            self._end_canary()

    def _open(self) -> None:
        """The selected finding, all that changed, or the test conversation."""
        super()._open()
        finding, records = self.query_one("#finding", Lines), self.query_one("#records", Lines)
        chat, proof = self.query_one(Chat), self.query_one("#proof", Lines)
        work = self._canary
        if work is not None and self._instead == "canary":
            result = work.result if isinstance(work.result, CanaryResult) else None
            now = talked(work.events, result)
            chat.show(now)
            proof.show(proof_lines(work, result, now.doing))
            finding.display = records.display = False
            chat.display, proof.display = bool(now.lines or now.writing), True
            return
        found = self.comparison()
        if self._instead == "news" and found is not None:
            finding.show(news_lines(found, len(found.changes), self.set_aside))
            records.show(())
        chat.display = proof.display = False
        finding.display, records.display = bool(finding.lines), bool(records.lines)

    @on(FindingGrid.Selected)
    def _finding_again(self) -> None:
        self._instead = ""
        self._open()

    def _follow_canary(self, work: Work) -> None:
        if self._end_canary is not None:
            self._end_canary()

        def note() -> None:
            self._canary_news = True

        self._canary, self._instead = work, "canary"
        self._end_canary = work.watch(note)
        self._canary_news = True

    def _draw_canary_news(self) -> None:
        if not self._canary_news:
            return
        self._canary_news = False
        self.redraw()
        detail = self.query_one("#detail", VerticalScroll)
        if self._instead == "canary":
            detail.scroll_end(animate=False)

    # -- actions ---------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that mean nothing now."""
        if action == "set_aside":
            finding = self.selected()
            return finding is not None and finding.status in PROBLEMS and not self.busy
        if action in ("test", "apply", "change"):
            return self.setup is not None and not self.busy
        if action == "undo":
            return self.setup is not None and not self.busy and anything_applied(self.setup)
        return super().check_action(action, parameters)

    def action_primary(self) -> None:
        """Measure everything again."""
        if self.problem is not None or self.setup is None:
            self.load()
        else:
            self.begin_checks()

    def action_set_aside(self) -> None:
        """Set the selected finding aside, or take it back among the others."""
        if self.busy:
            self.assistant.tell(msg("Something else is under way. Wait until it is done."))
            return
        view = self.query_one("#grid", FindingGrid)
        cell = view.grid.cell(view.place) if view.place else None
        if cell is None or len(cell.findings) != 1:
            self.assistant.tell(msg("Select a single finding first: Space shows every row."))
            return
        if cell.findings[0].status in PROBLEMS:
            self.assistant.run_worker(self._set_aside(), exit_on_error=False)

    async def _set_aside(self) -> None:
        finding = self.selected()
        if finding is None:
            return
        services = self.assistant.services

        def change() -> Setup:
            setup = services.load_setup(self.setup_name)
            changed = setup.model_copy(update={"set_aside": toggled(setup.set_aside, finding)})
            services.save_setup(changed)
            return changed

        try:
            self.setup = await asyncio.to_thread(change)
        except (AssistantError, OSError) as error:
            why = error.message if isinstance(error, AssistantError) else error.strerror or "?"
            self.assistant.tell(msg("That could not be saved: {why}", why=why), warning=True)
            return
        if is_aside(finding, self.setup.set_aside):
            self.assistant.tell(msg("Set aside. It stays on the list, marked."))
        else:
            self.assistant.tell(msg("It counts again."))
        self.redraw()

    def action_test(self) -> None:
        """Let two test users exchange encrypted messages."""
        if self.setup is None or self.busy:
            self.assistant.tell(msg("Something else is under way. Wait until it is done."))
            return
        name, services, talk = self.setup_name, self.assistant.services, self.assistant
        work = Work(CANARY, name)

        async def job() -> CanaryResult:
            return await services.canary(name, talk, work.report)

        self.assistant.begin(work, job)
        self._follow_canary(work)

    def action_news(self) -> None:
        """All that changed since last time, in the place of the opened finding; or that again."""
        if self.comparison() is None:
            self.assistant.tell(msg("Check first: then you see what changed since last time."))
            return
        self._instead = "" if self._instead == "news" else "news"
        self._open()

    def action_apply(self) -> None:
        """To the review: bring the servers back to the plan."""
        self.assistant.run_worker(self._wizard(Step.REVIEW), exit_on_error=False)

    def mends(self, cell: Cell) -> bool:
        """Whether a change of the setup mends the opened finding."""
        return self._proposal(cell) is not None

    def _proposal(self, cell: Cell | None) -> Proposal | None:
        if self.setup is None or cell is None or len(cell.findings) != 1:
            return None
        return proposed(self.setup, cell.findings[0])

    def action_change(self) -> None:
        """The change that mends the opened finding; else all that can be changed."""
        view = self.query_one("#grid", FindingGrid)
        proposal = self._proposal(view.grid.cell(view.place) if view.place else None)
        if proposal is None or self.setup is None or self.busy:
            self.action_changes()
        else:
            begin_change(self.assistant, self.setup, proposal.kind, proposal.value)

    def action_changes(self) -> None:
        """To the page of all that can be changed."""
        if self.setup is None or self.busy:
            self.assistant.tell(msg("Something else is under way. Wait until it is done."))
        else:
            self.assistant.change(self.setup)

    def action_undo(self) -> None:
        """Take everything back, after the name was typed."""
        self.assistant.run_worker(self._undo(), exit_on_error=False)

    async def _undo(self) -> None:
        setup = self.setup
        if setup is None or self.busy:
            return
        app = self.assistant
        part = removable(setup)
        typed = await app.push_screen_wait(undo_question(setup.server_name, part))
        if typed is None:
            return
        only = part if typed == part else ""
        draft = await self._draft(setup, Step.APPLY)
        if draft is None or self.busy:
            return
        work, services = undo_work(setup, only), app.services

        async def job() -> object:
            return await services.undo(setup.name, app, work.report, only)

        app.begin(work, job)
        app.go_to(draft)

    async def _wizard(self, step: Step) -> None:
        if self.setup is None or self.busy:
            return
        draft = await self._draft(self.setup, step)
        if draft is not None:
            self.assistant.go_to(draft)

    async def _draft(self, setup: Setup, step: Step) -> Draft | None:
        """The draft to go on with; None when the person keeps another unfinished one."""
        return await draft_to_go_on(self.assistant, lambda known: draft_of(setup, step, known))

    def commands(self) -> Iterable[tuple[Message, Message, Any]]:
        """All actions, for the palette."""
        yield from super().commands()
        yield (
            msg("Set the finding aside"),
            msg("Known and accepted: marked, not hidden"),
            self.action_set_aside,
        )
        yield msg("What changed"), msg("Since the checks of last time"), self.action_news
        yield (
            msg("Test message"),
            msg("Two test users exchange encrypted messages"),
            self.action_test,
        )
        yield (
            msg("Apply again"),
            msg("Bring the servers back to the plan"),
            self.action_apply,
        )
        yield (
            msg("Change something"),
            msg("A name, an address, the option …"),
            self.action_changes,
        )
        if self.setup is not None and anything_applied(self.setup):
            yield msg("Undo"), msg("Take back what was set up"), self.action_undo
