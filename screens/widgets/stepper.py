"""A line with one of several choices: left and right step through them, words below explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message as Event
from textual.widgets import Static

from assistant.text import Message, msg
from screens.widgets.cells import shorten
from screens.widgets.field import Field
from screens.widgets.words import Words, say


@dataclass(frozen=True)
class Choice:
    """One choice: what it is called, and what it means."""

    value: str
    title: Message
    says: Message


class Stepper(Vertical, can_focus=True):
    """One of some choices on one line, ``◂ … ▸``; posts :class:`Changed`.

    ``where`` stands beside the page. ``needed`` is what to say while nothing is chosen and
    something must be: the value is then empty.
    """

    DEFAULT_CSS = """
    Stepper { height: auto; }
    Stepper > Horizontal { height: 1; }
    Stepper .label { width: 16; height: 1; color: $text-muted; text-overflow: ellipsis; }
    Stepper .choice { width: 1fr; height: 1; padding: 0 1; border-left: outer $foreground 30%; }
    Stepper .below { padding: 0 0 0 18; height: auto; display: none; color: $text-muted; }
    Stepper.-here .below, Stepper .below.warning { display: block; }
    Stepper .below.warning { color: $text-warning; }
    Stepper:focus .label { color: $foreground; text-style: bold; }
    Stepper:focus .choice { border-left: outer $primary; background: $boost; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space,l", "step(1)", str(msg("Choose")), key_display="◂ ▸"),
        Binding("left,h", "step(-1)", show=False),
        Binding("home", "step(-99)", show=False),
        Binding("end", "step(99)", show=False),
    ]

    class Changed(Event):
        """Another one was chosen."""

        def __init__(self, stepper: Stepper, value: str) -> None:
            super().__init__()
            self.stepper = stepper
            self.value = value

    def __init__(
        self,
        label: Message,
        choices: Sequence[Choice],
        value: str,
        *,
        where: Message,
        needed: Message | None = None,
        **how: Any,
    ) -> None:
        super().__init__(**how)
        self._label = label
        self._choices = tuple(choices)
        self._needed = needed
        self._insist = False
        self.where = where
        self._index = next((i for i, one in enumerate(choices) if one.value == value), 0)

    def compose(self) -> ComposeResult:
        """Label and choice side by side, what it means below."""
        with Horizontal():
            yield Words(self._label, classes="label")
            yield Static("", markup=False, classes="choice")
        yield Words("", classes="below")

    def on_mount(self) -> None:
        """Word it for the first time."""
        self.retell()

    @property
    def value(self) -> str:
        """The value of the choice that stands there."""
        return self._choices[self._index].value

    @property
    def input(self) -> Stepper:
        """What takes the focus: itself."""
        return self

    @property
    def problem(self) -> Message | None:
        """What to say when something must be chosen and nothing is."""
        return self._needed if not self.value else None

    def insist(self) -> bool:
        """Say also that something is missing; whether it can be used."""
        self._insist = True
        self.retell()
        return self.problem is None

    def retell(self) -> None:
        """Word it in the present language."""
        if not self.is_mounted:
            return
        choice = self._choices[self._index]
        line = self.query_one(".choice", Static)
        room = (line.content_size.width or 60) - 4
        words = shorten(say(self, choice.title), max(room, 4)).rstrip()
        line.update(Content(f"◂ {words} ▸"))
        below = self.query_one(".below", Words)
        problem = self.problem if self._insist else None
        below.set_class(problem is not None, "warning")
        below.message = choice.says if problem is None else msg("! {problem}", problem=problem)

    def on_resize(self) -> None:
        """Fit it to the new width."""
        self.retell()

    def action_step(self, by: int) -> None:
        """The next choice or the one before; one step past the end is the beginning."""
        count = len(self._choices)
        index = (self._index + by) % count if abs(by) == 1 else min(max(self._index + by, 0), count)
        self._choose(min(index, count - 1))

    def on_click(self, event: events.Click) -> None:
        """A click takes the next one."""
        event.stop()
        self.focus()
        self.action_step(1)

    def _choose(self, index: int) -> None:
        if index == self._index:
            return
        self._index = index
        self.retell()
        self.post_message(self.Changed(self, self.value))


Row = Field | Stepper
"""A line to type in, or to choose in."""
