"""The grid on the screen: heads stay, rows scroll, arrows and mouse select a cell."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message as Event
from textual.scroll_view import ScrollView
from textual.strip import Strip

from assistant.text import Message
from screens.checks.grid import (
    Grid,
    Layout,
    Place,
    Span,
    head_lines,
    make_layout,
    moved,
    row_spans,
    settled,
)
from screens.widgets.words import say


class FindingGrid(ScrollView, can_focus=True):
    """Shows a :class:`Grid`; posts :class:`Selected` when another cell is selected."""

    KINDS: ClassVar[tuple[str, ...]] = (
        "head", "label", "aside", "muted", "ok", "warning", "failed", "unknown", "cursor",
    )  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"grid--{kind}" for kind in KINDS}
    DEFAULT_CSS = """
    FindingGrid { height: auto; scrollbar-size-vertical: 1; overflow-x: hidden; }
    FindingGrid .grid--head, FindingGrid .grid--muted, FindingGrid .grid--aside {
        color: $text-muted;
    }
    FindingGrid .grid--ok { color: $text-success; }
    FindingGrid .grid--warning { color: $text-warning; }
    FindingGrid .grid--failed { color: $text-error; }
    FindingGrid .grid--unknown { color: $text-secondary; }
    FindingGrid .grid--cursor { text-style: underline; }
    FindingGrid:focus .grid--cursor { text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1, 0)", show=False),
        Binding("down", "move(1, 0)", show=False),
        Binding("left", "move(0, -1)", show=False),
        Binding("right", "move(0, 1)", show=False),
        Binding("home", "move(-1000, 0)", show=False),
        Binding("end", "move(1000, 0)", show=False),
    ]

    class Selected(Event):
        """Another cell was selected by the person."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._grid = Grid()
        self._layout = Layout(0, ())
        self._heads: tuple[tuple[Span, ...], ...] = ()
        self.place: Place | None = None
        """The selected cell."""
        self.chosen = False
        """Whether the person selected something; until then the most urgent cell is."""

    @property
    def grid(self) -> Grid:
        """What it shows."""
        return self._grid

    def show(self, grid: Grid) -> None:
        """Show another grid; a selection the person made is kept where that is possible."""
        place = settled(grid, self.place if self.chosen else None)
        if grid == self._grid and place == self.place:
            return
        self._grid, self.place = grid, place
        self.retell()

    def retell(self) -> None:
        """Lay it out and word it again."""
        width = self.scrollable_content_region.width or self.size.width

        def words(message: Message | str) -> str:
            return say(self, message)

        self._layout = make_layout(self._grid, width, words)
        self._heads = head_lines(self._grid, self._layout, width, words) if self._grid.rows else ()
        height = len(self._heads) + len(self._grid.rows)
        if self.virtual_size != (width, height):
            self.virtual_size = Size(width, height)
            self.refresh(layout=True)
        self.refresh()
        self.call_after_refresh(self._settle, width)

    def _settle(self, width: int) -> None:
        """Lay it out again if a scrollbar has come since and taken a column."""
        if 0 < self.scrollable_content_region.width < width:
            self.retell()
        else:
            self._reveal()

    def on_resize(self) -> None:
        """Fit it to the new width."""
        self.retell()

    def render_line(self, y: int) -> Strip:
        """A head, or the row that is scrolled there."""
        width = self.scrollable_content_region.width
        if y < len(self._heads):
            spans: tuple[Span, ...] = self._heads[y]
        else:
            index = y - len(self._heads) + self.scroll_offset.y
            if index >= len(self._grid.rows):
                return Strip.blank(width, self.rich_style)
            where = self._grid.find(self.place) if self.place else None
            selected = where[1] if where and where[0] == index else None
            spans = row_spans(
                self._grid.rows[index],
                self._layout,
                lambda message: say(self, message),
                selected=selected,
            )
        segments = [Segment(span.text, self._style(span)) for span in spans]
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _style(self, span: Span) -> Style:
        style = self.rich_style
        if span.kind:
            style += self.get_component_rich_style(f"grid--{span.kind}", partial=True)
        if span.selected:
            style += self.get_component_rich_style("grid--cursor", partial=True)
        return style

    def action_move(self, down: int, right: int) -> None:
        """Select the cell some rows down and columns right."""
        self._select(moved(self._grid, self.place, down, right))

    def on_click(self, event: events.Click) -> None:
        """Select the cell that was clicked."""
        event.stop()
        index = event.y - len(self._heads) + self.scroll_offset.y
        if event.y < len(self._heads) or index >= len(self._grid.rows):
            return
        row = self._grid.rows[index]
        column = self._layout.column_at(event.x)
        if column is None or row.cells[column].empty:
            full = [number for number, cell in enumerate(row.cells) if not cell.empty]
            column = full[0] if full else 0
        self._select(self._grid.place(index, column))

    def _select(self, place: Place | None) -> None:
        if place is None:
            return
        self.chosen = True
        self.place = place
        self._reveal()
        self.refresh()
        self.post_message(self.Selected())

    def _reveal(self) -> None:
        """Scroll so that the selected row can be seen."""
        where = self._grid.find(self.place) if self.place else None
        if where is None:
            return
        room = self.scrollable_content_region.height - len(self._heads)
        top = self.scroll_offset.y
        row = where[0]
        if row < top:
            self.scroll_to(y=row, animate=False)
        elif room > 0 and row >= top + room:
            self.scroll_to(y=row - room + 1, animate=False)
