"""A list of choices: arrows move, a number or space marks, and the words follow the language."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message as Event
from textual.widgets import Static

from assistant.answers import QUESTIONS, Question
from screens.widgets.words import Words

_MOST = max(len(question.choices) for question in QUESTIONS)
# A choice that cannot stand beside others in a question where several may be true.
_ALONE = frozenset({"none", "unknown"})


class _Row(Horizontal):
    """A choice: its mark, and its words beside it."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def compose(self) -> ComposeResult:
        yield Static("", classes="choice-mark", markup=False)
        yield Words("", classes="choice-words")


class ChoiceList(Vertical, can_focus=True):
    """The choices of one question. ``show`` gives it another question.

    ``value`` is the highlighted choice, ``marked`` the chosen ones. Moving posts :class:`Pointed`,
    marking :class:`Marked`. The rows stay when the question changes, so that nothing flickers.
    """

    DEFAULT_CSS = """
    ChoiceList { height: auto; }
    ChoiceList _Row { height: auto; }
    ChoiceList .choice-mark { width: 8; height: 1; }
    ChoiceList .choice-words { width: 1fr; height: auto; }
    ChoiceList .-highlighted { text-style: bold; }
    ChoiceList:focus .-highlighted { color: $text-primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("home", "move(-99)", show=False),
        Binding("end", "move(99)", show=False),
        Binding("space", "mark", show=False),
    ]

    class Pointed(Event):
        """Another choice is highlighted."""

    class Marked(Event):
        """What is chosen changed: ``marked`` are the values chosen for a question."""

        def __init__(self, question: Question, marked: tuple[str, ...]) -> None:
            super().__init__()
            self.question = question
            self.marked = marked

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.question: Question = QUESTIONS[0]
        self.marked: tuple[str, ...] = ()
        self.highlighted = 0

    def compose(self) -> ComposeResult:
        """As many rows as any question needs."""
        for index in range(_MOST):
            yield _Row(index)

    @property
    def value(self) -> str:
        """The value of the highlighted choice."""
        return self.question.choices[self.highlighted].value

    def show(self, question: Question, marked: tuple[str, ...]) -> None:
        """Another question, with what was chosen before; the first of it is highlighted."""
        self.question, self.marked = question, marked
        self.highlighted = question.values.index(marked[0]) if marked else 0
        for row in self.query(_Row):
            row.display = row.index < len(question.choices)
            if row.display:
                row.query_one(Words).message = question.choices[row.index].label
        self._draw()

    def _draw(self) -> None:
        left, right = ("[", "]") if self.question.multi else ("(", ")")
        for row in self.query(_Row):
            if not row.display:
                continue
            chosen = self.question.choices[row.index].value in self.marked
            sign = ("x" if self.question.multi else "•") if chosen else " "
            here = row.index == self.highlighted
            row.set_class(here, "-highlighted")
            pointer = "›" if here else " "
            row.query_one(Static).update(f"{pointer} {row.index + 1} {left}{sign}{right}")
        self.call_after_refresh(self.show_highlighted)

    def show_highlighted(self) -> None:
        """Scroll so far that the highlighted choice is seen."""
        for row in self.query(_Row):
            if row.index == self.highlighted:
                row.scroll_visible(animate=False)

    def point(self, index: int) -> None:
        """Highlight a choice."""
        index = min(max(index, 0), len(self.question.choices) - 1)
        if index != self.highlighted:
            self.highlighted = index
            self._draw()
            self.post_message(self.Pointed())

    def mark(self, value: str, *, toggle: bool = True) -> None:
        """Choose one; where several may be true, choosing it again takes it back."""
        if not self.question.multi:
            self.marked = (value,)
        elif value in self.marked:
            if toggle:
                self.marked = tuple(item for item in self.marked if item != value)
        elif value in _ALONE:
            self.marked = (value,)
        else:
            kept = {*self.marked, value} - _ALONE
            self.marked = tuple(item for item in self.question.values if item in kept)
        self._draw()
        self.post_message(self.Marked(self.question, self.marked))

    # -- keys and mouse ------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Highlight the one before or after."""
        self.point(self.highlighted + by)

    def action_mark(self) -> None:
        """Choose the highlighted one."""
        self.mark(self.value)

    def choose_number(self, number: int) -> None:
        """Highlight and choose by number, from 1; a number that is not there does nothing."""
        if 1 <= number <= len(self.question.choices):
            self.point(number - 1)
            self.mark(self.value)

    def on_click(self, event: events.Click) -> None:
        """A click highlights and chooses."""
        for node in event.widget.ancestors_with_self if event.widget else ():
            if isinstance(node, _Row):
                self.point(node.index)
                self.mark(self.value)
                return
