"""The four options beside or below a page: where each stands, and why, with its stars.

Wide terminals show a line of reason under each; narrow ones one line each; very low ones one line
for all four.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message as Event
from textual.widgets import Static

from assistant.advice.options import OPTIONS
from assistant.advice.weights import CRITERIA
from assistant.text import Message, msg
from screens.advice.stars import CRITERION_SHORT, SHORT_TITLES, Standing, option_stars
from screens.widgets.cells import centre, shorten, wrap
from screens.widgets.words import say

Shape = Literal["reasons", "lines", "one"]

_COLUMN = 6  # cells of a column of stars, with the space before it
_STYLES = {"ok": "$text-success bold", "unknown": "$text-accent", "muted": "$text-muted"}


class _Row(Static):
    """One option; the panel says what it holds."""

    def __init__(self, option: int) -> None:
        super().__init__("", markup=False)
        self.option = option


class OptionsPanel(Vertical, can_focus=True):
    """The options live. ``show`` gives it new standings; ``look_at`` moves its mark.

    Arrows move the mark (:class:`Pointed`), Enter or a click chooses (:class:`Selected`).
    """

    DEFAULT_CSS = """
    OptionsPanel { height: auto; padding: 0 2; }
    OptionsPanel Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("enter", "select", show=False),
    ]

    class Pointed(Event):
        """The mark moved to another option."""

        def __init__(self, option: int) -> None:
            super().__init__()
            self.option = option

    class Selected(Event):
        """An option was chosen to be looked at."""

        def __init__(self, option: int) -> None:
            super().__init__()
            self.option = option

    def __init__(self, *, always_marked: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._heading: Message = msg("Your options so far")
        self._now: tuple[Standing, ...] = ()
        self._before: dict[int, Standing] = {}
        self._always_marked = always_marked
        self.option = 1
        """The option that is marked."""

    def compose(self) -> ComposeResult:
        """A head and a row for each option."""
        yield Static("", id="options-head", markup=False)
        for option in sorted(OPTIONS):
            yield _Row(option)

    def on_mount(self) -> None:
        """Draw for the first time."""
        self.retell()

    def show(
        self,
        heading: Message,
        now: tuple[Standing, ...],
        before: tuple[Standing, ...] = (),
    ) -> None:
        """New standings; what differs from ``before`` says what it was."""
        self._heading, self._now = heading, now
        self._before = {standing.option: standing for standing in before}
        self.retell()

    def look_at(self, option: int) -> None:
        """Move the mark."""
        self.option = option
        self.retell()

    @property
    def shape(self) -> Shape:
        """How much room there is."""
        size = self.app.size
        if size.width >= 100:
            return "reasons"
        return "lines" if size.height >= 22 else "one"

    def retell(self) -> None:
        """Draw everything in the present language, as large as there is room."""
        if not self.is_mounted or not self._now:
            return
        shape = self.shape
        width = max(self.content_size.width, 20)
        head = self.query_one("#options-head", Static)
        head.update(self._one_line() if shape == "one" else self._head(width))
        for row in self.query(_Row):
            row.display = shape != "one"
            if shape != "one":
                row.update(self._row(self._now[row.option - 1], width, shape))

    def on_resize(self, event: events.Resize) -> None:
        """The columns fit themselves to the width."""
        self.retell()

    def on_focus(self) -> None:
        """Show the mark."""
        self.retell()

    def on_blur(self) -> None:
        """Hide the mark, unless it is always shown."""
        self.retell()

    # -- words ---------------------------------------------------------------

    def _title_width(self, width: int, beside: int) -> int:
        longest = max(cell_len(say(self, title)) for title in SHORT_TITLES.values())
        return max(8, min(longest, width - beside))

    def _head(self, width: int) -> Content:
        columns = "".join(
            " " + centre(say(self, CRITERION_SHORT[name]), _COLUMN - 1) for name in CRITERIA
        )
        title = self._title_width(width, self._beside()) + 4
        heading = say(self, self._heading)
        if cell_len(heading) > title:
            heading = shorten(heading, title)
        return Content.assemble(
            (shorten(heading, title), "bold"), (columns.rstrip(), "$text-muted")
        )

    def _beside(self) -> int:
        """Cells that a row needs beside its title."""
        beside = 4 + len(CRITERIA) * _COLUMN
        if self.shape == "lines":
            beside += 4 + max(cell_len(say(self, item.word)) for item in self._now)
        return beside

    def _row(self, standing: Standing, width: int, shape: Shape) -> Content:
        marked = standing.option == self.option and (self.has_focus or self._always_marked)
        ruled_out = standing.style == "muted"
        title = shorten(
            say(self, SHORT_TITLES[standing.option]), self._title_width(width, self._beside())
        )
        first = Content.assemble(
            ("› " if marked else "  ", "bold"),
            (f"{standing.option} ", "$text-muted"),
            (title, "bold" if marked else "$text-muted" if ruled_out else ""),
            (
                "".join(f"  {text} " for text in option_stars(standing.option)),
                "$text-muted" if ruled_out else "",
            ),
        )
        verdict = f"{standing.glyph} {say(self, standing.word)}"
        was = self._was(standing)
        style = _STYLES.get(standing.style, "")
        if shape == "lines":
            room = width - first.cell_length - 2 - cell_len(verdict)
            tail = f"  {was}" if was and cell_len(was) + 2 <= room else ""
            return Content.assemble(first, "  ", (verdict, style), (tail, "$text-muted"))
        lines = [first, Content.assemble("    ", (verdict, style), (f"  {was}".rstrip(), "bold"))]
        if standing.because:
            lines += [
                Content.assemble((f"      {line}", "$text-muted"))
                for line in wrap(say(self, standing.because[0]), width - 6)
            ]
        lines.append(Content(""))
        return Content("\n").join(lines)

    def _was(self, standing: Standing) -> str:
        """What it was before, when it was something else."""
        before = self._before.get(standing.option)
        if before is None or before.word == standing.word:
            return ""
        return say(self, msg("(was {standing})", standing=before.word))

    def _one_line(self) -> Content:
        parts: list[Content] = []
        for standing in self._now:
            marked = standing.option == self.option and (self.has_focus or self._always_marked)
            parts.append(
                Content.assemble(
                    ("›" if marked else " ", "bold"),
                    (f"{standing.option} ", "bold" if marked else "$text-muted"),
                    (
                        f"{standing.glyph} {say(self, standing.word)}",
                        _STYLES.get(standing.style, ""),
                    ),
                )
            )
        return Content(" ").join(parts)

    # -- keys and mouse ------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Move the mark."""
        option = min(max(self.option + by, 1), len(OPTIONS))
        if option != self.option:
            self.look_at(option)
            self.post_message(self.Pointed(option))

    def action_select(self) -> None:
        """Choose what is marked."""
        self.post_message(self.Selected(self.option))

    def on_click(self, event: events.Click) -> None:
        """A click on a row chooses it."""
        if isinstance(event.widget, _Row):
            self.look_at(event.widget.option)
            self.post_message(self.Selected(self.option))
