"""Words on the screen: made from messages, told again when the language changes, never markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.dom import DOMNode
from textual.widgets import Static

from assistant.text import Message, render
from assistant.text.sanitize import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable


def say(node: DOMNode, message: Message | str) -> str:
    """A message in the app's present language, or text from outside, cleaned line by line."""
    text = message if isinstance(message, str) else render(message, language_of(node))
    return "\n".join(clean_text(line) for line in text.split("\n"))


def language_of(node: DOMNode) -> str:
    """The language that the app speaks now."""
    return str(getattr(node.app, "language", "en"))


class Words(Static):
    """A message as a widget. Assign ``message`` to change it; text is never read as markup."""

    def __init__(self, message: Message | str = "", **how: Any) -> None:
        super().__init__("", markup=False, **how)
        self._message: Message | str = message

    @property
    def message(self) -> Message | str:
        """What it says."""
        return self._message

    @message.setter
    def message(self, message: Message | str) -> None:
        self._message = message
        if self.is_attached:
            self.retell()

    def on_mount(self) -> None:
        """Word it for the first time."""
        self.retell()

    def retell(self) -> None:
        """Word it in the present language."""
        self.update(say(self, self._message))


def retell_all(nodes: Iterable[DOMNode]) -> None:
    """Word every widget again that knows how to (has a ``retell`` method)."""
    for node in nodes:
        tell = getattr(node, "retell", None)
        if callable(tell):
            tell()
