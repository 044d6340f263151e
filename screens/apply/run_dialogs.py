"""What is asked before a run is stopped or taken back, and where its report goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from assistant.text import Message, msg
from screens.base.dialog import Dialog
from screens.widgets.button import Button, WordedButton
from screens.widgets.words import Words


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


def stop_question() -> Question:
    """Whether to stop after the present step."""
    return Question(
        msg("Stop after this step?"),
        msg(
            "The step that is being worked on is finished first, so that nothing is left half"
            " done. What is set up stays, and you can go on later."
        ),
        msg("Stop after this step"),
        msg("Go on working"),
    )


def undo_question(name: str, part: str = "") -> Question:
    """Whether to take everything back; the name is typed, since this is not done by accident.

    ``part``: a host that can be taken back alone; the question then ends with what was typed.
    """
    if part:
        return Question(
            msg("Take back what was set up?"),
            msg(
                "Settings become what they were before. Databases, photos, keys and installed"
                " packages stay, so that nothing of value is lost. Type {name} to take everything"
                " back, or {part} for that machine alone: the servers then go on, and option 3 can"
                " follow.",
                name=name,
                part=part,
            ),
            msg("Take it back"),
            msg("Leave it as it is"),
            field="",
            wanted=(name, part),
        )
    return Question(
        msg("Take everything back?"),
        msg(
            "Settings become what they were before. Databases, photos, keys and installed packages"
            " stay on the server, so that nothing of value is lost. Type {name} to confirm.",
            name=name,
        ),
        msg("Take it back"),
        msg("Leave it as it is"),
        field="",
        wanted=(name,),
    )


def report_question(path: str) -> Question:
    """Where to save a report."""
    return Question(
        msg("Save a report"),
        msg(
            "It tells what was done on your servers and what they answered. There are no passwords"
            " in it, but the names and addresses of your servers are: give it only to someone you"
            " trust. Where shall it go?"
        ),
        msg("Save it"),
        msg("Cancel"),
        field=path,
    )
