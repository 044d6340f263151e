"""A line to type in: label, input, and below it one kind sentence when something is not right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message as Event
from textual.widgets import Input

from assistant.common.errors import ProblemError
from assistant.text import Message, msg
from assistant.text.sanitize import clean_text
from screens.widgets.button import Button
from screens.widgets.words import Words, say


@dataclass(frozen=True)
class Line:
    """What a line asks for.

    ``check`` takes what was typed and raises :class:`ProblemError` when it cannot be used. ``hint``
    is shown while the line has the focus, ``where`` beside the page where there is room for it.
    ``needed`` is what to say when nothing was typed; None where that is allowed.
    """

    id: str
    label: Message
    example: Message | str
    check: Callable[[str], object]
    hint: Message
    where: Message
    needed: Message | None = None

    def problem(self, text: str, *, empty: bool = True) -> Message | None:
        """Why a text cannot be used; ``empty`` says whether an empty one counts."""
        if not text.strip():
            return self.needed if empty else None
        try:
            self.check(text)
        except ProblemError as problem:
            return problem.message
        return None


class TypedInput(Input):
    """An input of one row that takes no control characters; ``?`` asks for help, as elsewhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # At once: what is typed right after them must not land in the row before.
        Binding("down,tab", "app.focus_next", show=False, priority=True),
        Binding("up,shift+tab", "app.focus_previous", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    TypedInput, TypedInput.-textual-compact {
        height: 1;
        padding: 0 1;
        border: none !important;
        border-left: outer $foreground 30% !important;
        background: transparent;
        &:focus { border-left: outer $primary !important; background: $boost; }
    }
    """

    def validate_value(self, value: str) -> str:
        """Without terminal escapes and control characters, wherever it comes from."""
        return clean_text(value)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Everything that can be seen is typed, but for the question mark."""
        return character != "?" and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        if event.character == "?":
            event.prevent_default()
            event.stop()
            await self.run_action("app.help_page")
            return
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            # In its turn: Textual itself lets an editing key rise through the whole page first,
            # where on a slow computer the letters typed after it overtake it.
            event.prevent_default()
            event.stop()
            await self.run_action(binding.action)
            return


class Field(Vertical):
    """One line of a form. It never blocks typing and never changes what was typed."""

    DEFAULT_CSS = """
    Field { height: auto; }
    Field > Horizontal { height: 1; }
    Field .label { width: 16; height: 1; color: $text-muted; text-overflow: ellipsis; }
    Field.-here .label { color: $foreground; text-style: bold; }
    Field TypedInput { width: 1fr; }
    Field .below { padding: 0 0 0 18; height: auto; display: none; color: $text-muted; }
    Field.-here .below { display: block; }
    Field .below.warning { display: block; color: $text-warning; }
    """

    class Changed(Event):
        """Somebody typed: ``value`` is the text as it stands there now."""

        def __init__(self, field: Field, value: str) -> None:
            super().__init__()
            self.field = field
            self.value = value

        @property
        def control(self) -> Field:
            """The line, for ``@on`` with a selector."""
            return self.field

    def __init__(self, line: Line, value: str = "", **how: Any) -> None:
        super().__init__(**how)
        self.line = line
        self._first = clean_text(value)
        self._insist = False
        self._hint = line.hint

    def compose(self) -> ComposeResult:
        """Label and input side by side, the sentence below."""
        with Horizontal():
            yield Words(self.line.label, classes="label")
            yield TypedInput(self._first, compact=True, select_on_focus=False)
        yield Words(self.line.hint, classes="below")

    def on_mount(self) -> None:
        """Word it for the first time."""
        self.retell()
        self._judge()

    def on_descendant_focus(self) -> None:
        """The hint is shown where one is, or was last.

        It stays until another line has the focus: were it gone as soon as a mouse button goes
        down, everything below would move from under the mouse.
        """
        # A class, since :focus-within does not restyle what stands beside the focused widget.
        for field in self.screen.query(Field):
            field.set_class(field is self, "-here")

    @property
    def input(self) -> TypedInput:
        """The input itself."""
        return self.query_one(TypedInput)

    @property
    def value(self) -> str:
        """What stands there, as typed."""
        return self.input.value if self.is_mounted else self._first

    @value.setter
    def value(self, text: str) -> None:
        self.input.value = text

    @property
    def hint(self) -> Message:
        """What to say below while nothing is wrong."""
        return self._hint

    @hint.setter
    def hint(self, hint: Message) -> None:
        self._hint = hint
        self._judge()

    @property
    def problem(self) -> Message | None:
        """Why what stands there cannot be used."""
        return self.line.problem(self.value)

    def insist(self) -> bool:
        """Say also that something is missing; whether it can be used."""
        self._insist = True
        self._judge()
        return self.problem is None

    def retell(self) -> None:
        """The example in the present language; the words below and beside tell themselves."""
        self.input.placeholder = say(self, self.line.example)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._judge()
        self.post_message(self.Changed(self, event.value))

    def _judge(self) -> None:
        below = self.query_one(".below", Words)
        problem = self.line.problem(self.value, empty=self._insist)
        below.set_class(problem is not None, "warning")
        below.message = self._hint if problem is None else msg("! {problem}", problem=problem)


class Fold(Button):
    """A heading that opens what is below it; plain text, for keys and mouse."""

    DEFAULT_CSS = """
    Fold, Fold.-textual-compact {
        width: 100%;
        height: auto;
        min-width: 4;
        padding: 0;
        border: none !important;
        background: transparent;
        color: $foreground;
        text-style: none;
        text-align: left;
        content-align: left middle;
        &:hover, &.-active { background: transparent; text-style: underline; tint: transparent; }
        &:focus { background: transparent; text-style: reverse; }
        &.-open { text-style: bold; }
        &.-open:focus { text-style: bold reverse; }
        &.ok { color: $text-success; }
        &.muted { color: $text-muted; }
    }
    """

    def __init__(self, message: Message, **how: Any) -> None:
        super().__init__("", compact=True, **how)
        self._message = message

    def on_mount(self) -> None:
        """Word it for the first time, flush left."""
        self.styles.line_pad = 0  # the stylesheet takes no zero here
        self.retell()

    @property
    def message(self) -> Message:
        """What it says."""
        return self._message

    @message.setter
    def message(self, message: Message) -> None:
        self._message = message
        if self.is_attached:
            self.retell()

    def retell(self) -> None:
        """Word it in the present language, never as markup."""
        self.label = Content(say(self, self._message))
