"""Help for the page that is shown, and the keys that work everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget

from assistant.text import Message, msg
from screens.base.dialog import Dialog
from screens.widgets.button import Button, WordedButton
from screens.widgets.words import Words, language_of, retell_all, say

KEYS: tuple[tuple[str, Message], ...] = (
    ("Enter", msg("do what the button at the bottom right says")),
    ("Esc", msg("one page back; nothing you entered is lost")),
    ("Tab  ↑ ↓", msg("to the next field, or through a list")),
    ("F2", msg("中文 or English, at any time")),
    ("Ctrl+P", msg("everything that can be done here, by name")),
    ("?  F1", msg("this help")),
    ("Ctrl+Q", msg("quit; the program goes on here when you start it again")),
)


class KeyList(Words):
    """The keys that work everywhere, in two columns. ``told`` is the language they are in."""

    told = ""

    def retell(self) -> None:
        """Draw the columns in the present language."""
        self.told = language_of(self)
        wide = max(len(key) for key, _ in KEYS) + 2
        self.update("\n".join(f"{key:<{wide}}{say(self, what)}" for key, what in KEYS))


class HelpDialog(Dialog[None]):
    """The help text of a page above the general keys; scrolls when it is long."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,question_mark,f1", "close", str(msg("Close"))),
    ]
    title_text = msg("Help")

    def __init__(self, message: Message) -> None:
        super().__init__()
        self._message = message

    def show(self, message: Message) -> None:
        """Say something else, in the present language, from its beginning."""
        if message != self._message or self.query_one(KeyList).told != language_of(self):
            self._message = message
            self.query_one("#help-text", Words).message = message
            retell_all(self.walk_children())
        self.query_one("#dialog-body").scroll_home(animate=False)

    def content(self) -> Iterable[Widget]:
        """The page's help, then the keys."""
        yield Words(self._message, id="help-text")
        yield Words(msg("Keys that work on every page"), classes="muted")
        yield KeyList(id="help-keys")

    def buttons(self) -> Iterable[Button]:
        """The way out."""
        yield WordedButton(msg("Close"), id="close", variant="primary")

    def on_mount(self) -> None:
        """The text has the focus, so that the arrow keys scroll it."""
        body = self.query_one("#dialog-body", VerticalScroll)
        body.can_focus = True
        body.focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Away with it."""
        event.stop()
        self.dismiss(None)

    def action_close(self) -> None:
        """Away with it."""
        self.dismiss(None)
