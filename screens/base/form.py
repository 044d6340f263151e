"""What the small forms share: some lines, a sentence when something is not right, yes and no."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, TypeVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget

from assistant.common.errors import AssistantError, ProblemError
from assistant.text import Message, msg
from screens.base.dialog import Dialog
from screens.widgets.button import Button, WordedButton
from screens.widgets.field import Field
from screens.widgets.stepper import Row, Stepper
from screens.widgets.words import Words

T = TypeVar("T")

SAME = "change-same"
"""Why a change is none: said only to who wants to go on, since every form begins like that."""


class Form(Dialog[T | None]):
    """Base of the small forms. Ends with ``result()``, or with None when it is left.

    Subclasses give ``intro`` (what it is about), ``lines()`` and ``result()``, which raises a
    :class:`AssistantError` or :class:`ProblemError` for what cannot be.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "none", str(msg("Cancel"))),
        Binding("enter", "enter", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    Form #dialog-body { max-height: 65vh; padding: 0 0 1 0; }
    Form #dialog-body > Field, Form #dialog-body > Stepper { margin: 0; }
    Form #wrong { display: none; margin: 1 0 0 0; }
    Form #wrong.-shown { display: block; }
    """
    intro: Message = msg("A question")
    yes: Message = msg("Go on")
    no: Message = msg("Cancel")

    def lines(self) -> Iterable[Row]:
        """The lines, each with what stands there at first."""
        return ()

    def result(self) -> T:
        """What the form ends with, as it stands now; raises when that cannot be."""
        raise NotImplementedError

    def content(self) -> Iterable[Widget]:
        """What it is about, the lines, why not."""
        yield Words(self.intro, id="intro")
        yield from self.lines()
        yield Words("", id="wrong", classes="warning")

    def buttons(self) -> Iterable[Button]:
        """Leave it, or go on."""
        yield WordedButton(self.no, id="no")
        yield WordedButton(self.yes, id="yes", variant="primary")

    def on_mount(self) -> None:
        """Ready to type; a choice always says what it means."""
        for stepper in self.query(Stepper):
            stepper.add_class("-here")
        rows = self.rows
        (rows[0].input if rows else self.query_one("#yes")).focus()

    @property
    def rows(self) -> Sequence[Row]:
        """The lines that are asked for now."""
        found = self.query("Field, Stepper").results()
        return [row for row in found if isinstance(row, (Field, Stepper)) and row.display]

    @on(Field.Changed)
    def _typed(self, event: Field.Changed) -> None:
        event.stop()
        self.judge()

    @on(Stepper.Changed)
    def _chosen(self, event: Stepper.Changed) -> None:
        event.stop()
        self.judge()

    def judge(self) -> None:
        """Say at once what cannot be, as far as every line can be used."""
        wrong: Message | None = None
        if all(row.problem is None for row in self.rows):
            try:
                self.result()
            except AssistantError as error:
                wrong = None if error.cause == SAME else error.message
            except ProblemError as error:
                wrong = error.message
        self.say_wrong(wrong)

    def say_wrong(self, wrong: Message | None) -> None:
        """Say why it cannot be, or that nothing is wrong."""
        words = self.query_one("#wrong", Words)
        words.set_class(wrong is not None, "-shown")
        words.message = "" if wrong is None else msg("! {problem}", problem=wrong)
        if wrong is not None:
            self.call_after_refresh(words.scroll_visible, animate=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        event.stop()
        if event.button.id == "yes":
            self.go_on()
        else:
            self.action_none()

    def action_none(self) -> None:
        """Leave it."""
        self.dismiss(None)

    def action_enter(self) -> None:
        """Enter presses the button that has the focus; in a line it means yes."""
        focused = self.focused
        if isinstance(focused, Button):
            focused.press()
        elif focused is not None:
            # Behind the keys that wait to be typed there: people and pasted text are quick.
            focused.call_later(self.go_on)
        else:
            self.go_on()

    def go_on(self) -> None:
        """End with what stands there, or say why not."""
        wrong = [row for row in self.rows if not row.insist()]
        if wrong:
            self.say_wrong(None)
            wrong[0].input.focus()
            return
        try:
            made = self.result()
        except (AssistantError, ProblemError) as error:
            self.say_wrong(error.message)
            return
        if self.is_current:
            self.dismiss(made)
