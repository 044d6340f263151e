"""What every dialog shares: one question over a page, keys, two languages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget

from assistant.text import Message, msg
from screens.base.page import set_breakpoint, worded_bindings
from screens.widgets.button import Button
from screens.widgets.key_hints import KeyHints
from screens.widgets.words import Words

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """Base of dialogs: a title, what is said, buttons in a row, key hints below.

    Subclasses give ``title_text``, ``content()`` and ``buttons()``.
    """

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > #dialog {
        width: 76; max-width: 94%; height: auto; max-height: 100%;
        padding: 1 2; background: $surface; border: round $primary;
    }
    Dialog.-narrow > #dialog { max-width: 100%; padding: 0 1; }
    Dialog #dialog-body { height: auto; max-height: 60vh; }
    Dialog #dialog-body > * { margin: 0 0 1 0; }
    Dialog #dialog-buttons { height: auto; align: right middle; }
    Dialog #dialog-buttons Button { margin: 0 0 0 1; min-width: 10; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2,ctrl+l", "app.language", str(msg("中文 / English"))),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (76, "-wide")]  # noqa: RUF012 - as Textual has it
    title_text: Message = msg("A question")

    def content(self) -> Iterable[Widget]:
        """The widgets between title and buttons."""
        return ()

    def buttons(self) -> Iterable[Button]:
        """The buttons, from left to right."""
        return ()

    def compose(self) -> ComposeResult:
        """Title, content, buttons."""
        set_breakpoint(self)
        with Vertical(id="dialog"):
            with VerticalScroll(id="dialog-body", can_focus=False):
                yield Words(self.title_text, classes="title", id="dialog-title")
                yield from self.content()
            with Horizontal(id="dialog-buttons"):
                yield from self.buttons()
        yield KeyHints()

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The key hints in the present language."""
        return worded_bindings(self, super().active_bindings)

    def retell(self) -> None:
        """The key hints in the present language."""
        self.refresh_bindings()
