"""Buttons, looking as Textual's do, with a tenth of its style sheet.

Textual's has rules for five variants in two styles. Reading them took a tenth of the time to the
first picture, and every button that is drawn is compared with each of them.
"""

from __future__ import annotations

from textual import widgets

from assistant.text import Message
from screens.widgets.words import say


class Button(widgets.Button, inherit_css=False):
    """A button: plain or ``primary``, three rows high or ``compact``."""

    DEFAULT_CSS = """
    Button {
        width: auto; min-width: 16; height: auto; line-pad: 1;
        text-align: center; content-align: center middle; pointer: pointer;
        text-style: bold; color: $button-foreground; background: $surface;
        border: none; border-top: tall $surface-lighten-1; border-bottom: tall $surface-darken-1;
        &.-primary {
            color: $button-color-foreground; background: $primary;
            border-top: tall $primary-lighten-3; border-bottom: tall $primary-darken-3;
        }
        &:hover { background-tint: $foreground 10%; }
        &:focus { text-style: $button-focus-text-style; background-tint: $foreground 5%; }
        &.-active { tint: $background 30%; }
        &:disabled { text-opacity: 0.6; pointer: not-allowed; }
        &.-textual-compact { border: none !important; }
    }
    Button:ansi {
        background: ansi_default; border: tall $border-blurred;
        &.-primary { color: $primary; border: tall $primary; background: ansi_default; }
        &:hover { background: $ansi-background; }
        &.-active { background: $ansi-background; border: blank $background; tint: transparent; }
        &:disabled { text-opacity: 1; text-style: bold dim; border: tall $border-blurred; }
    }
    """


class WordedButton(Button):
    """A button whose label is a message."""

    def __init__(self, message: Message, **how: object) -> None:
        super().__init__("", **how)  # type: ignore[arg-type]  # passed on as they are
        self.message = message

    def on_mount(self) -> None:
        """Word it for the first time."""
        self.retell()

    def retell(self) -> None:
        """Word it in the present language."""
        self.label = say(self, self.message)
        self.refresh(layout=True)  # a label by itself keeps the old width
