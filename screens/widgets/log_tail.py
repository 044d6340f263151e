"""The newest lines of a log. Cheap however many come: only the lines on the screen are looked at.

Textual's own ``Log`` measures every line, in a thread, and lays the screen out again when a longer
one comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Any, ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from assistant.text import msg
from assistant.text.sanitize import clean_text
from screens.widgets.words import say

KEPT = 1000
"""Lines that can be looked back at."""
_WHEEL = 3
"""Lines a step of the mouse wheel moves."""
_SIDEWAYS = 16
"""Cells that ← and → move."""


class LogTail(Widget, can_focus=True):
    """Shows the end of a log and goes along with it; who looks back stays there until End."""

    DEFAULT_CSS = """
    LogTail { border-top: solid $foreground 20%; border-title-color: $text-warning; }
    LogTail:focus { border-top: solid $border; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "look(-1)", show=False),
        Binding("down", "look(1)", show=False),
        Binding("pageup", "look_page(-1)", show=False),
        Binding("pagedown", "look_page(1)", show=False),
        Binding("home", "look(-1000000)", show=False),
        Binding("end", "look(1000000)", show=False),
        Binding("left", "sideways(-1)", show=False),
        Binding("right", "sideways(1)", show=False),
    ]

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._written = 0
        self._top: int | None = None
        """The number of the first line shown, counted from the very first; None: the newest."""
        self._shift = 0
        self._shown: list[str] = []

    @property
    def line_count(self) -> int:
        """How many lines are kept."""
        return len(self._lines)

    @property
    def follows(self) -> bool:
        """Whether it goes along with what comes."""
        return self._top is None

    def write_lines(self, lines: Iterable[str]) -> None:
        """Add lines at the end."""
        before = len(self._lines)
        fresh = list(lines)
        self._lines.extend(fresh)
        self._written += len(fresh)
        # Someone who looks back sees the same lines, unless they are forgotten by now.
        if fresh and (self.follows or before < self.size.height or self._first > (self._top or 0)):
            self.refresh()

    def clear(self) -> None:
        """Forget all lines."""
        self._lines.clear()
        self._written = self._shift = 0
        self._follow(None)

    @property
    def _first(self) -> int:
        """The number of the oldest line that is kept."""
        return self._written - len(self._lines)

    def _newest(self) -> int:
        """The number of the first line shown when it goes along."""
        return max(self._first, self._written - self.size.height)

    def _follow(self, top: int | None) -> None:
        self._top = top
        self.retell()
        self.refresh()

    def retell(self) -> None:
        """Word it in the present language."""
        held = msg("An earlier place: End shows what comes in now")
        self.border_title = None if self.follows else say(self, held)

    def action_look(self, lines: int) -> None:
        """Look further back (less than 0) or on."""
        newest = self._newest()
        present = newest if self._top is None else self._top
        top = max(self._first, present + lines)
        self._follow(None if top >= newest else top)

    def action_look_page(self, pages: int) -> None:
        """The same by what fits on the screen."""
        self.action_look(pages * max(1, self.size.height - 1))

    def action_sideways(self, steps: int) -> None:
        """Show the rest of long lines."""
        self._shift = max(0, self._shift + steps * _SIDEWAYS)
        self.refresh()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel looks back."""
        event.stop()
        self.action_look(-_WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """And on."""
        event.stop()
        self.action_look(_WHEEL)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of the screen, looked up once for all of them."""
        top = self._newest() if self._top is None else max(self._first, self._top)
        skipped = top - self._first
        self._shown = list(islice(self._lines, skipped, skipped + self.size.height))
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One of them."""
        width, style = self.size.width, self.visual_style.rich_style
        if y >= len(self._shown):
            return Strip.blank(width, style)
        strip = Strip([Segment(clean_text(self._shown[y].expandtabs()), style)])
        return strip.crop_extend(self._shift, self._shift + width, style)
