"""Dialogs that any page may show: to confirm, to read, to answer by typing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from assistant.text import Message, msg
from screens.base.dialog import Dialog
from screens.widgets.button import Button, WordedButton
from screens.widgets.words import Words

if TYPE_CHECKING:
    pass
from collections.abc import Sequence

from textual.widgets import Input


class ConfirmDialog(Dialog[bool]):
    """A yes-or-no question; No is what Enter and Escape do unless one moves to Yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "no", str(msg("No"))),
        Binding("y", "yes", str(msg("Yes"))),
    ]

    def __init__(
        self, title: Message, *texts: Message, yes: Message | None = None, no: Message | None = None
    ) -> None:
        super().__init__()
        self.title_text = title
        self._texts = texts
        self._yes = yes or msg("Yes")
        self._no = no or msg("No")

    def content(self) -> Iterable[Widget]:
        """What the question is about."""
        for text in self._texts:
            yield Words(text)

    def buttons(self) -> Iterable[Button]:
        """No first: it has the focus."""
        yield WordedButton(self._no, id="no")
        yield WordedButton(self._yes, id="yes")

    def on_mount(self) -> None:
        """Nothing happens by pressing Enter too soon."""
        self.query_one("#no").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_yes(self) -> None:
        """Yes."""
        self.dismiss(True)

    def action_no(self) -> None:
        """No."""
        self.dismiss(False)


class TellDialog(Dialog[None]):
    """Something to read, with one way out."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter", "close", str(msg("Close")))]

    def __init__(self, title: Message, *texts: Message) -> None:
        super().__init__()
        self.title_text = title
        self._texts = texts

    def content(self) -> Iterable[Widget]:
        """What is said."""
        for text in self._texts:
            yield Words(text)

    def buttons(self) -> Iterable[Button]:
        """The way out."""
        yield WordedButton(msg("Close"), id="close", variant="primary")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Away with it."""
        event.stop()
        self.dismiss(None)

    def action_close(self) -> None:
        """Away with it."""
        self.dismiss(None)


class Question(Dialog[str | None]):
    """A question with a yes that names what it does. With ``field``, something is typed as well.

    Ends with what was typed (empty without a field), or with None when the person does not want
    it. ``wanted``: the yes counts only when exactly one of these was typed; the first is the usual.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "no", str(msg("Cancel"))),
        Binding("enter", "enter", show=False, priority=True),
    ]

    def __init__(
        self,
        title: Message,
        why: Message,
        yes: Message,
        no: Message,
        *,
        field: str | None = None,
        wanted: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.title_text = title
        self._why, self._yes, self._no = why, yes, no
        self._typed, self._wanted = field, wanted

    def content(self) -> Iterable[Widget]:
        """The reason, and the field when something is typed."""
        yield Words(self._why)
        if self._typed is not None:
            yield Input(self._typed, id="field")
            wrong = Words("", id="wrong", classes="warning")
            wrong.display = False
            yield wrong

    def buttons(self) -> Iterable[Button]:
        """The safe one first."""
        yield WordedButton(self._no, id="no")
        yield WordedButton(self._yes, id="yes", variant="primary")

    def on_mount(self) -> None:
        """The field has the focus, else the safe button."""
        self.query_one("#no" if self._typed is None else "#field").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button was pressed."""
        event.stop()
        if event.button.id == "yes":
            self._accept()
        else:
            self.action_no()

    def action_enter(self) -> None:
        """Enter presses the button that has the focus; in the field it means yes."""
        if isinstance(self.focused, Button):
            self.focused.press()
        else:
            self._accept()

    def action_no(self) -> None:
        """Nothing happens."""
        self.dismiss(None)

    def _accept(self) -> None:
        if self._typed is None:
            self.dismiss("")
            return
        typed = self.query_one("#field", Input).value.strip()
        if not typed or (self._wanted and typed not in self._wanted):
            wrong = self.query_one("#wrong", Words)
            wrong.display = True
            if self._wanted:
                wrong.message = msg("! That is not {name}.", name=self._wanted[0])
            else:
                wrong.message = msg("! Type something first.")
            self.query_one("#field", Input).focus()
            return
        self.dismiss(typed)
