"""The key hints at the foot: one line, drawn as text.

Textual's own Footer makes a widget of every hint, each time the hints change: a third of the time
to the first picture went there. It also cuts the line off where the terminal ends; here a hint that
does not fit is left out whole, and the palette, which has everything, stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.screen import Screen
from textual.style import Style
from textual.widget import Widget

SPARE = ("app.leave", "app.language")
"""Actions whose hints go first when there is no room: the palette and the help have them too."""

LAST = ("app.help_page", "back")
"""Actions whose hints stay: whoever is lost needs these."""


@dataclass(frozen=True)
class Hint:
    """One hint: the key to press, how it is written, what it does."""

    action: str
    key: str
    display: str
    words: str
    enabled: bool = True

    @property
    def content(self) -> Content:
        """The hint as it is shown; a click presses the key."""
        click = Style.from_meta({"@click": f"app.simulate_key({self.key!r})"})
        faded = "" if self.enabled else "dim"
        text = Content.assemble(
            " ", (self.display, f"bold {faded or '$accent'}"), " ", (self.words, faded), " "
        )
        return text.stylize(click) if self.enabled else text


def fitting(hints: tuple[Hint, ...], width: int) -> tuple[Hint, ...]:
    """The hints that fit into so many cells, in their order."""
    kept = list(hints)
    others = [hint for hint in reversed(hints) if hint.action not in (*SPARE, *LAST)]
    named = {hint.action: hint for hint in hints}
    going = [named[action] for action in SPARE if action in named] + others
    while going and sum(hint.content.cell_length for hint in kept) > width:
        kept.remove(going.pop(0))
    return tuple(kept)


class KeyHints(Widget):
    """What the keys do here and now, in the present language.

    The hints are looked up when the line is drawn: however often the keys change between two
    pictures, that is once, and the first picture has them already.
    """

    DEFAULT_CSS = """
    KeyHints { dock: bottom; height: 1; color: $foreground; }
    """

    def on_mount(self) -> None:
        """Draw again whenever the screen says that its keys changed."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def retell(self) -> None:
        """Word the hints in the present language."""
        self.refresh()

    def _changed(self, screen: Screen[object]) -> None:
        if screen is self.screen:
            self.refresh()

    def render(self) -> Content:
        """The line for the present keys, language and width."""
        shown: dict[str, Hint] = {}
        palette: Content = Content("")
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            hint = Hint(
                action=binding.action,
                key=binding.key,
                display=self.app.get_key_display(binding),
                words=binding.description,
                enabled=active.enabled,
            )
            if key == self.app.COMMAND_PALETTE_BINDING and self.app.ENABLE_COMMAND_PALETTE:
                palette = hint.content
            elif binding.show:
                shown.setdefault(binding.action, hint)
        room = self.size.width - palette.cell_length
        left = Content("").join(hint.content for hint in fitting(tuple(shown.values()), room))
        gap = Content(" " * max(0, room - left.cell_length))
        return Content.assemble(left, gap, palette)
