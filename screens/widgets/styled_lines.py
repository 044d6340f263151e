"""Several lines of words in one widget, each with its own style; told again as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.content import Content
from textual.widgets import Static

from assistant.text import Message
from screens.widgets.words import say


@dataclass(frozen=True)
class TextLine:
    """A message (or text from outside) on lines of its own. ``kind`` names its style.

    ``glyph`` stands before it; ``indent`` is in cells.
    """

    text: Message | str
    kind: str = ""
    glyph: str = ""
    indent: int = 0


class Lines(Static):
    """Shows :class:`TextLine` values; assign them with :meth:`show`."""

    KINDS: ClassVar[tuple[str, ...]] = ("strong", "muted", "ok", "warning", "failed", "unknown")
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{kind}" for kind in KINDS}
    DEFAULT_CSS = """
    Lines { height: auto; }
    Lines .lines--strong { text-style: bold; }
    Lines .lines--muted { color: $text-muted; }
    Lines .lines--ok { color: $text-success; }
    Lines .lines--warning { color: $text-warning; }
    Lines .lines--failed { color: $text-error; }
    Lines .lines--unknown { color: $text-secondary; }
    """

    def __init__(self, lines: Sequence[TextLine] = (), **how: Any) -> None:
        super().__init__("", markup=False, **how)
        self._lines = tuple(lines)

    @property
    def lines(self) -> tuple[TextLine, ...]:
        """What it shows."""
        return self._lines

    def show(self, lines: Sequence[TextLine]) -> None:
        """Show other lines; nothing is drawn when they are the same."""
        if tuple(lines) == self._lines:
            return
        self._lines = tuple(lines)
        if self.is_attached:
            self.retell()

    def on_mount(self) -> None:
        """Word them for the first time."""
        self.retell()

    def notify_style_update(self) -> None:
        """Another theme has other colours."""
        super().notify_style_update()
        if self.is_attached:
            self.retell()

    def retell(self) -> None:
        """Word them in the present language."""
        parts: list[Content] = []
        for number, line in enumerate(self._lines):
            lead = " " * line.indent + (f"{line.glyph} " if line.glyph else "")
            text = ("\n" if number else "") + lead + say(self, line.text)
            style = self.get_visual_style(f"lines--{line.kind}", partial=True) if line.kind else ""
            parts.append(Content.styled(text, style) if style else Content(text))
        self.update(Content("").join(parts))
        self.display = bool(self._lines)
