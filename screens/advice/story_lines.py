"""A story on the screen: one widget a line; a line that rests on an answer can be chosen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.message import Message as Event
from textual.widget import Widget

from assistant.text import msg
from screens.advice.story import SIGNS, Line
from screens.widgets.cells import wrap
from screens.widgets.words import say


class StoryLine(Widget):
    """One paragraph with its sign and a hanging indent. Choosing it posts :class:`Picked`."""

    DEFAULT_CSS = """
    StoryLine { height: auto; width: 1fr; }
    StoryLine.-heading { text-style: bold; margin: 1 0 0 0; }
    StoryLine.-muted, StoryLine.-answer { color: $text-muted; }
    StoryLine.-for { color: $text-success; }
    StoryLine.-done { color: $text-success; }
    StoryLine.-notice { color: $text-warning; }
    StoryLine.-against { color: $text-warning; }
    StoryLine.-answer:hover { text-style: underline; }
    StoryLine.-answer:focus { color: $foreground; text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "pick", show=False)]

    class Picked(Event):
        """The answer to a question is to be changed."""

        def __init__(self, question: str) -> None:
            super().__init__()
            self.question = question

    def __init__(self, line: Line | None = None, id: str | None = None) -> None:
        super().__init__(id=id)
        self.line = Line("text", msg(""))
        self.show(line)

    def show(self, line: Line | None) -> None:
        """Another paragraph; None hides it."""
        self.display = line is not None
        if line is not None:
            self.line = line
            self.set_classes(f"-{line.kind}")
            self.can_focus = bool(line.question)
            self.refresh(layout=True)

    def _lines(self, width: int) -> list[str]:
        sign = SIGNS[self.line.kind]
        indent = cell_len(sign)
        first, *rest = wrap(say(self, self.line.message), max(width - indent, 4))
        return [sign + first, *(" " * indent + line for line in rest)]

    def render(self) -> Content:
        """The lines at the present width, in the present language."""
        return Content("\n".join(self._lines(self.content_size.width)))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the text needs."""
        return len(self._lines(width))

    def retell(self) -> None:
        """Word it again; its height may change."""
        self.refresh(layout=True)

    def action_pick(self) -> None:
        """Choose it."""
        if self.line.question:
            self.post_message(self.Picked(self.line.question))

    def on_click(self) -> None:
        """A click chooses."""
        self.action_pick()


class Story(Vertical):
    """Lines below one another. ``show`` gives it others."""

    DEFAULT_CSS = "Story { height: auto; }"

    def __init__(self, lines: Iterable[Line] = (), id: str | None = None) -> None:
        super().__init__(*(StoryLine(line) for line in lines), id=id)

    async def show(self, lines: Iterable[Line]) -> None:
        """Other lines."""
        with self.app.batch_update():
            await self.remove_children()
            await self.mount_all(StoryLine(line) for line in lines)
