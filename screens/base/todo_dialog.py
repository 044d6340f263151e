"""What a change means, before it is saved: what is left for the person to do, and the yes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget

from assistant.text import Message, msg
from screens.base.dialog import Dialog
from screens.widgets.button import Button, WordedButton
from screens.widgets.styled_lines import Lines, TextLine
from screens.widgets.words import Words


class TodoDialog(Dialog[bool | None]):
    """Ends with whether to save; None when the person went elsewhere.

    ``trouble`` is why saving did not work a moment ago.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "no", str(msg("Back"))),
        Binding("pagedown", "page(1)", str(msg("Read on")), key_display="PgDn"),
        Binding("pageup", "page(-1)", show=False),
    ]
    DEFAULT_CSS = """
    TodoDialog #dialog-body { max-height: 65vh; }
    """
    title_text = msg("Save this change?")

    def __init__(
        self, says: Message, todo: Sequence[Message], trouble: Message | None = None
    ) -> None:
        super().__init__()
        self._says, self._todo, self._trouble = says, todo, trouble

    def content(self) -> Iterable[Widget]:
        """What changes, that nothing did yet, and what is to do."""
        if self._trouble is not None:
            why = msg("✗ It could not be saved: {why}", why=self._trouble)
            yield Words(why, classes="failed", id="trouble")
        yield Words(self._says, id="says")
        yield Words(
            msg("No server was changed yet, and saving changes none either. What there is to do:"),
            classes="muted",
        )
        for number, todo in enumerate(self._todo, 1):
            yield Lines([TextLine(msg("{number}. {what}", number=number, what=todo))])

    def buttons(self) -> Iterable[Button]:
        """Back to what was typed, or save."""
        yield WordedButton(msg("← Back"), id="no")
        yield WordedButton(msg("Save it"), id="yes", variant="primary")

    def on_mount(self) -> None:
        """Enter saves: a setup can be changed again, and no server is touched."""
        self.query_one("#yes").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        event.stop()
        self.dismiss(event.button.id == "yes")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Reading on is for a text that is longer than its window."""
        if action == "page":
            body = self.query("#dialog-body")
            return bool(body) and body.first(VerticalScroll).max_scroll_y > 0
        return True

    def on_resize(self) -> None:
        """The hint comes and goes with the room there is."""
        self.call_after_refresh(self.refresh_bindings)

    def retell(self) -> None:
        """The text may be longer in another language."""
        super().retell()
        self.call_after_refresh(self.refresh_bindings)

    def action_page(self, by: int) -> None:
        """Read on, or back."""
        body = self.query_one("#dialog-body", VerticalScroll)
        body.scroll_relative(y=by * max(1, body.size.height - 1), animate=False)

    def action_no(self) -> None:
        """Back to what was typed."""
        self.dismiss(False)
