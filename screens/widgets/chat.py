"""The canary drawn as what it is: a little conversation between two people, as it happens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from textual.content import Content
from textual.widgets import Static

from assistant.canary.model import CanaryEvent, CanaryResult, Line
from assistant.text import Message, msg
from screens.widgets.words import say

_MINE = "▌"
_THEIRS = "▐"


@dataclass(frozen=True)
class Talked:
    """What was said so far. ``writing`` is who writes now; ``doing`` what happens besides."""

    lines: tuple[Line, ...] = ()
    writing: Literal["A", "B", ""] = ""
    doing: Message | None = None


def talked(events: Iterable[object], result: CanaryResult | None = None) -> Talked:
    """The conversation in the events of a canary; a result has the last word.

    Other events are passed over, so that one list can hold those of the checks as well.
    """
    if result is not None:
        return Talked(result.transcript)
    lines: list[Line] = []
    writing: Literal["A", "B", ""] = ""
    doing: Message | None = None
    for event in events:
        if not isinstance(event, CanaryEvent):
            continue
        if event.step != "message":
            writing, doing = ("A" if event.step == "keys" else ""), event.message
        elif event.sender in ("A", "B"):
            sender: Literal["A", "B"] = "A" if event.sender == "A" else "B"
            text = str(event.message.values.get("text", event.message))
            lines.append(Line(sender=sender, text=text, ms=event.ms))
            writing, doing = ("B" if sender == "A" else "A"), None
        else:
            doing = event.message
    return Talked(tuple(lines), writing, doing)


def bubble(text: str, sender: str, note: Content, width: int) -> Content:
    """One thing said, on one line: A's at the left, B's at the right, with a note on its far side.

    Text that is too long for the line ends in ``…``; widths are in cells.
    """
    room = max(width - 6 - note.cell_length, 4)
    words = Content(text)
    if words.cell_length > room:
        words = words.truncate(room, ellipsis=True)
    gap = Content("  ")
    if sender == "A":
        side = Content.styled(f"A {_MINE}", "bold $text-primary")
        return side + words + gap + note
    side = Content.styled(f"{_THEIRS} B", "bold $text-secondary")
    line = note + gap + words + Content(" ") + side
    return line.pad_left(max(width - line.cell_length, 0))


class Chat(Static):
    """The conversation. Assign it with :meth:`show`; it draws itself again when its width changes.

    What was said comes from outside, so it is never read as markup.
    """

    def __init__(self, **how: Any) -> None:
        super().__init__("", markup=False, **how)
        self._talked = Talked()

    @property
    def talked(self) -> Talked:
        """What it shows."""
        return self._talked

    def show(self, now: Talked) -> None:
        """Draw a conversation."""
        if now != self._talked:
            self._talked = now
            self.retell()

    def on_resize(self) -> None:
        """A narrower terminal shortens what was said."""
        self.retell()

    def retell(self) -> None:
        """Draw in the present language."""
        if not self.is_attached:
            return
        width = self.size.width or self.app.size.width
        rows = [
            bubble(say(self, line.text), line.sender, self._note(line), width)
            for line in self._talked.lines
        ]
        if self._talked.writing:
            waiting = Content.styled(say(self, msg("is writing")), "$text-muted italic")
            rows.append(bubble("…", self._talked.writing, waiting, width))
        self.display = bool(rows)
        self.update(Content("\n").join(rows))

    def _note(self, line: Line) -> Content:
        if line.ms is None:
            return Content.styled(say(self, msg("✗ did not arrive")), "$text-error")
        return Content.styled(
            say(self, msg("✓ {ms:.0f} ms", ms=line.ms)),
            "$text-success",
        )
