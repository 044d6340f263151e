"""A status on the screen: always a glyph and a word, and colour for those who see it.

A ``status`` is an ``assistant.findings.model.Status`` or its text; that module is not imported
here, so that the first screen need not wait for pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from textual.content import Content
from textual.widgets import Static

from assistant.text import Message, msg
from screens.widgets.words import say

GLYPHS: Mapping[str, str] = MappingProxyType(
    {
        "ok": "✓",
        "warning": "!",
        "failed": "✗",
        "unknown": "?",
        "skipped": "–",
    }
)
"""One cell wide each, on every terminal."""

_WORDS: Mapping[str, Message] = MappingProxyType(
    {
        "ok": msg("ok"),
        "warning": msg("check"),
        "failed": msg("failed"),
        "unknown": msg("undecided"),
        "skipped": msg("not run"),
    }
)
_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "ok": "ok",
        "warning": "warning",
        "failed": "failed",
        "unknown": "unknown",
        "skipped": "muted",
    }
)
_STYLES: Mapping[str, str] = MappingProxyType(
    {
        "ok": "$text-success",
        "warning": "$text-warning",
        "failed": "$text-error",
        "unknown": "$text-secondary",
        "skipped": "$text-muted",
    }
)


def status_words(status: str) -> Message:
    """The word for a status."""
    return _WORDS[status]


def status_class(status: str) -> str:
    """The CSS class of a status (see ``style.tcss``)."""
    return _CLASSES[status]


def hanging(first: Content, rest: Content, width: int) -> Content:
    """Text that begins after ``first`` and whose further lines begin below its own beginning."""
    indent = first.cell_length
    lines = rest.wrap(max(width - indent, 8))
    space = Content(" " * indent)
    parts = [first if index == 0 else space for index in range(len(lines))]
    return Content("\n").join([part + line for part, line in zip(parts, lines, strict=True)])


class Verdict(Static):
    """One line ``✓ ok  What is so.``; further lines hang below the text."""

    def __init__(self, status: str = "skipped", message: Message | str = "", **how: Any) -> None:
        super().__init__("", markup=False, **how)
        self._status = status
        self._message = message

    def show(self, status: str, message: Message | str) -> None:
        """Say something else."""
        self._status, self._message = status, message
        self.retell()

    def on_resize(self) -> None:
        """The text fits itself to the width."""
        self.retell()

    def retell(self) -> None:
        """Word it in the present language, in one column with the verdicts beside it."""
        if not self.is_attached:
            return
        beside = self.parent.children if self.parent is not None else (self,)
        column = max(other.mark.cell_length for other in beside if isinstance(other, Verdict))
        mark = self.mark.stylize(_STYLES[self._status])
        text = Content(say(self, self._message))
        width = self.size.width or self.app.size.width
        self.update(hanging(mark.pad_right(column - mark.cell_length + 2), text, width))

    @property
    def mark(self) -> Content:
        """Glyph and word."""
        return Content(f"{GLYPHS[self._status]} {say(self, status_words(self._status))}")
