"""What the pages that show findings share: the grid, the opened finding, keys and commands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll

from assistant.common.errors import AssistantError
from assistant.findings.comparison import Count, count
from assistant.findings.model import THIS_COMPUTER, Finding
from assistant.text import Message, listed, msg
from screens.base.page import PlainPage
from screens.checks.check_work import SILENT
from screens.checks.finding_view import cell_lines
from screens.checks.finding_words import age_words
from screens.checks.following_page import FollowingPage
from screens.checks.grid import Cell, Grid, make_grid
from screens.checks.grid_view import FindingGrid
from screens.checks.records_view import copy_text, record_lines
from screens.widgets.styled_lines import Lines, TextLine

DNS = ("dns-zone", "dns")
"""Checks whose cells open with the records below them."""


class FindingsPage(FollowingPage):
    """Base of the pages with a grid of findings. Subclasses give ``setup_name`` and ``phase``."""

    DEFAULT_CSS = """
    FindingsPage #findings { height: 100%; }
    FindingsPage #head { margin: 0 0 1 0; }
    FindingsPage #news { margin: 0 0 1 0; }
    FindingsPage #panes { height: 1fr; layout: vertical; }
    FindingsPage #grid { max-height: 55%; }
    FindingsPage #detail {
        height: 1fr; border-top: solid $panel; padding: 0 1 0 0; scrollbar-size-vertical: 1;
    }
    FindingsPage #records { margin: 1 0 0 0; }
    FindingsPage.-short #body { padding: 0 1; }
    FindingsPage.-short #head, FindingsPage.-short #news { margin: 0; }
    FindingsPage.-wide #panes { layout: horizontal; }
    FindingsPage.-wide #grid { width: 3fr; height: 100%; max-height: 100%; }
    FindingsPage.-wide #detail {
        width: 2fr; height: 100%; border-top: none; border-left: solid $panel; padding: 0 1 0 2;
    }
    """
    VERTICAL_BREAKPOINTS = [(0, "-short"), (22, "-tall")]  # noqa: RUF012 - as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "again", str(msg("Again"))),
        Binding("R", "all", str(msg("All")), key_display="R"),
        Binding("f", "failed", str(msg("Failed"))),
        Binding("x", "stop", str(msg("Stop"))),
        Binding("e", "export", str(msg("Report"))),
        Binding("v", "evidence", str(msg("What was measured")), show=False),
        Binding("space", "unfold", str(msg("Every row")), show=False),
        Binding("c", "copy", str(msg("Copy")), show=False),
        Binding("pageup", "scroll(-1)", show=False),
        Binding("pagedown", "scroll(1)", show=False),
    ]
    OWN_KEYS: ClassVar[tuple[str, ...]] = ("again", "failed", "export", "stop", "all")
    """Actions in the order of the foot."""
    changed: Message = msg("Checks only look. They change nothing on your servers.")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._unfolded = False
        self._evidence = False
        self._foot: tuple[object, ...] = ()

    def head(self) -> Sequence[TextLine]:
        """The lines above the grid."""
        return ()

    def news(self) -> Sequence[TextLine]:
        """More lines above the grid; none by default."""
        return ()

    def records_hint(self) -> Message | None:
        """What the keys do with the records."""
        return msg("{key}  copies them", key="c")

    def mends(self, cell: Cell) -> bool:
        """Whether a key of this page does what the remedy of the opened finding says."""
        return False

    # -- drawing -----------------------------------------------------------------

    def body(self) -> ComposeResult:
        """Head, grid, the opened finding with the records."""
        with Vertical(id="findings"):
            yield Lines(id="head")
            yield Lines(id="news")
            with Container(id="panes"):
                yield FindingGrid(id="grid")
                with VerticalScroll(id="detail", can_focus=False):
                    yield from self.detail()

    def detail(self) -> ComposeResult:
        """What the selected cell opens to."""
        yield Lines(id="finding")
        yield Lines(id="records")

    def on_mount(self) -> None:
        """The arrow keys move in the grid."""
        self.query_one("#grid", FindingGrid).focus()

    def redraw(self) -> None:
        """Show what is known now."""
        if not self.is_attached:
            return
        self.query_one("#head", Lines).show(self.head())
        self.query_one("#news", Lines).show(self.news())
        self.query_one("#grid", FindingGrid).show(self._grid())
        self._open()
        self._tell_foot()

    def _tell_foot(self) -> None:
        """Word the foot again when what can be done has changed; else nothing is drawn anew."""
        can = tuple(self.check_action(action, ()) for action in self.OWN_KEYS)
        state = (self.primary, *can)
        if state != self._foot:
            self._foot = state
            PlainPage.retell(self)

    def _grid(self) -> Grid:
        run = self.run
        pending = run.pending if run is not None else frozenset[str]()
        if run is None and not self.findings:
            pending = frozenset()
        hosts = [host.name for host in self.setup.hosts] if self.setup else []
        return make_grid(
            self.findings,
            vantages=(THIS_COMPUTER, *hosts),
            titles=self._titles,
            pending=pending,
            unfolded=self._unfolded,
            set_aside=self.set_aside,
        )

    @on(FindingGrid.Selected)
    def _selected(self) -> None:
        self._evidence = False
        self._open()
        self._tell_foot()
        self.query_one("#detail", VerticalScroll).scroll_home(animate=False)

    def _open(self) -> None:
        """Show the selected finding, and the records when it is about them."""
        view = self.query_one("#grid", FindingGrid)
        place = view.place
        cell = view.grid.cell(place) if place else None
        where = view.grid.find(place) if place else None
        opened: Sequence[TextLine] = ()
        if place is not None and cell is not None and where is not None:
            opened = cell_lines(
                view.grid.rows[where[0]],
                place.vantage,
                cell,
                evidence=self._evidence,
                set_aside=self.set_aside,
                mends=self.mends(cell),
            )
        self.query_one("#finding", Lines).show(opened)
        about_dns = place is not None and place.check in DNS
        records = record_lines(self.record_states, self.records_hint()) if about_dns else ()
        self.query_one("#records", Lines).show(records)

    def selected(self) -> Finding | None:
        """The finding that is opened; the worst where a cell holds several."""
        view = self.query_one("#grid", FindingGrid)
        cell = view.grid.cell(view.place) if view.place else None
        return cell.findings[0] if cell and cell.findings else None

    @property
    def counted(self) -> Count:
        """How many findings there are of each status."""
        return count(self.findings, self.set_aside)

    def count_words(self) -> Message:
        """How many findings of each status there are, with glyph and word."""
        found = self.counted
        parts = [
            (found.failed, msg("✗ {count} failed", count=found.failed)),
            (found.unknown, msg("? {count} undecided", count=found.unknown)),
            (found.warning, msg("! {count} to check", count=found.warning)),
            (found.ok, msg("✓ {count} ok", count=found.ok)),
            (
                found.skipped if self.app.size.width >= 76 else 0,
                msg("– {count} not run", count=found.skipped),
            ),
            (found.aside, msg("{count} set aside", count=found.aside)),
        ]
        return listed(words for number, words in parts if number)

    def state_lines(self) -> list[TextLine]:
        """What every head says: under way, failed, or counted and how old."""
        run = self.run
        if self.problem is not None:
            return [TextLine(self.problem, "failed", "✗")]
        if self.checking and run is not None:
            words = msg("Measuring … {count} findings so far.", count=len(run.events))
            return [TextLine(words, "strong")]
        lines = []
        if run is not None and run.state == "failed":
            why = run.error.message if run.error else msg("The program itself made a mistake.")
            lines.append(TextLine(msg("The checks broke off: {why}", why=why), "failed", "✗"))
        elif self.broken_off:
            lines.append(TextLine(msg("The checks were stopped before they were done."), "muted"))
        if self.findings:
            lines.append(TextLine(self.count_words(), "strong"))
        return lines

    def age(self) -> Message | None:
        """How old the findings are."""
        if self.setup is None or self.setup.findings is None:
            return None
        return age_words(self.setup.findings.at, self.now())

    def retell(self) -> None:
        """Word everything again."""
        super().retell()
        if self.is_attached:
            self.redraw()

    def on_resize(self) -> None:
        """A narrow terminal gets fewer words."""
        self.redraw()

    # -- actions -----------------------------------------------------------------

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """What this page can do first: the foot of a narrow terminal shows only the first keys."""
        found = super().active_bindings
        own = [key for key, active in found.items() if active.binding.action in self.OWN_KEYS]
        own.sort(key=lambda key: self.OWN_KEYS.index(found[key].binding.action))
        return {key: found[key] for key in (*own, *(key for key in found if key not in own))}

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that mean nothing now."""
        if action in ("again", "all", "failed"):
            return not self.checking
        if action == "stop":
            return self.checking or self.waiting
        return True

    def action_again(self) -> None:
        """Run the check of the selected row again."""
        place = self.query_one("#grid", FindingGrid).place
        if place is not None:
            self.begin_checks({place.check})

    def action_all(self) -> None:
        """Run every check again."""
        self.begin_checks()

    def action_failed(self) -> None:
        """Run those again that did not come out well."""
        from checks import to_repeat

        again = to_repeat(self.findings) - SILENT
        if again:
            self.begin_checks(again)
        else:
            self.assistant.tell(msg("Nothing failed, so there is nothing to repeat."))

    def action_stop(self) -> None:
        """End the run of checks, or the waiting; what was found so far is kept on screen."""
        if self.checking or self.waiting:
            self.assistant.workers.cancel_group(self.assistant, "work")

    def action_evidence(self) -> None:
        """Unfold or fold what was measured."""
        self._evidence = not self._evidence
        self._open()

    def action_unfold(self) -> None:
        """Every subject in its row, or only those that need attention."""
        self._unfolded = not self._unfolded
        self.redraw()

    def action_scroll(self, pages: int) -> None:
        """Scroll the opened finding."""
        detail = self.query_one("#detail", VerticalScroll)
        if pages > 0:
            detail.scroll_page_down(animate=False)
        else:
            detail.scroll_page_up(animate=False)

    def action_copy(self) -> None:
        """Copy the records, or the opened finding, through the terminal."""
        from screens.widgets.words import say

        view = self.query_one("#grid", FindingGrid)
        if view.place is not None and view.place.check in DNS and self._records:
            self.assistant.copy_to_clipboard(copy_text(self.record_states))
        else:
            lines = self.query_one("#finding", Lines).lines
            self.assistant.copy_to_clipboard("\n".join(say(self, line.text) for line in lines))
        self.assistant.tell(
            msg("Copied, if your terminal allows it. Else mark the text with the mouse.")
        )

    def action_export(self) -> None:
        """Write everything that was found into a file for someone who helps."""
        self.assistant.run_worker(self._export(), exit_on_error=False)

    def report_text(self) -> str:
        """The report for someone who helps, as Markdown."""
        from screens.checks.helper_report import report_markdown

        return report_markdown(
            self.setup_name,
            self.findings,
            [state for state in self.record_states if state.record.where == "public"],
            language=self.assistant.language,
            at=self.setup.findings.at if self.setup and self.setup.findings else None,
            set_aside=self.set_aside,
        )

    async def _export(self) -> None:
        from screens.apply.run_dialogs import report_question

        if not self.findings:
            self.assistant.tell(msg("Nothing was found yet, so there is nothing to write."))
            return
        question = report_question(f"~/matrix-{self.setup_name}-checks.md")
        path = await self.assistant.push_screen_wait(question)
        if not path:
            return
        text = self.report_text()
        try:
            full = await asyncio.to_thread(self.assistant.services.write_file, path, text)
        except (AssistantError, OSError) as error:
            why = error.message if isinstance(error, AssistantError) else error.strerror or "?"
            self.assistant.tell(
                msg("The report could not be written: {why}. Try another place.", why=why),
                warning=True,
            )
            return
        self.assistant.tell(msg("The report is in {path}. Send it to who helps you.", path=full))

    def commands(self) -> Iterable[tuple[Message, Message, Any]]:
        """All actions, for the palette."""
        yield msg("Check all again"), msg("Measure everything once more"), self.action_all
        yield (
            msg("Check the selected again"),
            msg("Only the check of the selected row"),
            self.action_again,
        )
        yield (
            msg("Check again what failed"),
            msg("Everything that is not ok"),
            self.action_failed,
        )
        yield msg("Stop checking"), msg("Keep what was found so far"), self.action_stop
        yield (
            msg("Report for a helper"),
            msg("Write what was found into a file"),
            self.action_export,
        )
        yield (
            msg("Show what was measured"),
            msg("The raw observations of the opened finding"),
            self.action_evidence,
        )
        yield (
            msg("Show every row"),
            msg("Also what is all right"),
            self.action_unfold,
        )
        yield msg("Copy"), msg("The records, or the opened finding"), self.action_copy
