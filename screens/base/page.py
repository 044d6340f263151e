"""What every screen of the wizard shares: the rail, the foot, keys, help, two languages.

A page shows values and hands back one new value: it posts :class:`Page.Next` or
:class:`Page.Back` with the draft as it is now, and the app saves it and shows what follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.dom import DOMNode
from textual.message import Message as Event
from textual.screen import Screen

from assistant.text import Message, msg
from assistant.wizard.steps import STEPS, Step
from screens.base.app_base import AppBase, app_of
from screens.widgets.button import Button
from screens.widgets.key_hints import KeyHints
from screens.widgets.words import Words, say

if TYPE_CHECKING:
    from assistant.wizard.draft import Draft

STEP_NAMES: dict[Step, Message] = {
    Step.QUESTIONS: msg("You"),
    Step.ADVICE: msg("Advice"),
    Step.SERVERS: msg("Servers"),
    Step.CHECKS: msg("Checks"),
    Step.REVIEW: msg("Review"),
    Step.APPLY: msg("Apply"),
    Step.FINISH: msg("Finish"),
}
WIDE = 100
"""From this many columns on, a page has room for a second panel."""
NOTHING_CHANGED = msg("Nothing has been changed on your servers yet.")


class Rail(Words):
    """One line that says where you are: ● done or here, ○ to come."""

    def __init__(self, step: Step | None) -> None:
        super().__init__(id="rail")
        self._step = step

    def retell(self) -> None:
        """Draw the line in the present language; on a narrow terminal only the current name."""
        if self._step is None:
            self.update(say(self, msg("matrix-assistant")))
            return
        here = STEPS.index(self._step)
        wide = self.app.size.width >= 76
        parts = []
        for index, step in enumerate(STEPS):
            mark = "●" if index <= here else "○"
            name = say(self, STEP_NAMES[step])
            parts.append(f"{mark} {name}" if wide or index == here else mark)
        self.update("  ".join(parts))


class PlainPage(Screen[None]):
    """Base of every full screen, also of those that show no draft. Subclasses give ``body()``,
    ``help_text`` and perhaps ``step``.

    ``primary`` words the one primary action (Enter); None hides the button. ``changed`` says what
    has been changed on the servers so far. Status lives in CSS classes, never in colours alone.
    """

    step: ClassVar[Step | None] = None
    help_text: Message = msg("There is no help for this page yet.")
    changed: Message = NOTHING_CHANGED
    shows_back: ClassVar[bool] = True
    # Never a button of the foot at first: Enter on Back would go back.
    AUTO_FOCUS: ClassVar[str | None] = "#body *"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual declares it as an instance's
        (0, "-narrow"),
        (WIDE, "-wide"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", show=False, priority=True),
        Binding("escape", "back", str(msg("Back"))),
        Binding("f2,ctrl+l", "app.language", str(msg("中文 / English"))),
        Binding("f1,question_mark", "app.help_page", str(msg("Help")), key_display="?"),
    ]

    class Entered(Event):
        """Enter was pressed: the primary action is due."""

    @property
    def assistant(self) -> AppBase:
        """The app, typed."""
        return app_of(self)

    @property
    def primary(self) -> Message | None:
        """The words of the primary button: what happens next."""
        return msg("Continue")

    def body(self) -> ComposeResult:
        """The widgets between rail and foot."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Rail, body, foot with what was changed and the buttons, key hints."""
        set_breakpoint(self)
        yield Rail(self.step)
        with VerticalScroll(id="body", can_focus=False):
            yield from self.body()
        with Horizontal(id="foot"):
            yield Words(self.changed, id="changed")
            if self.shows_back:
                yield Button(say(self, msg("← Back")), id="back")
            yield Button("", id="primary", variant="primary")
        yield KeyHints()

    def on_mount(self) -> None:
        """Word the buttons."""
        self.retell()

    def on_resize(self) -> None:
        """The rail fits itself to the width."""
        self.query_one(Rail).retell()

    def retell(self) -> None:
        """Word everything again: after a change of language, or when ``primary`` changed."""
        if self.shows_back:
            self.query_one("#back", Button).label = say(self, msg("← Back"))
        button = self.query_one("#primary", Button)
        words = self.primary
        if words is None and self.focused is button:
            # Hidden, it would hand the focus to Back, and the next Enter would go back.
            self.set_focus(None)
        button.display = words is not None
        if words is not None:
            button.label = f"{say(self, words)} ⏎"
            button.refresh(layout=True)
        self.query_one("#changed", Words).message = self.changed
        self.refresh_bindings()

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The key hints in the present language."""
        return worded_bindings(self, super().active_bindings)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Buttons do what their keys do."""
        if event.button.id == "primary":
            event.stop()
            self.action_primary()
        elif event.button.id == "back":
            event.stop()
            self.action_back()

    def action_enter(self) -> None:
        """Enter does the primary action, unless another button has the focus."""
        focused = self.focused
        if isinstance(focused, Button):
            focused.press()
        else:
            # Behind the keys pressed before: they climb from the focused widget up to the app. A
            # quick "2, Enter" must not take the first answer.
            (focused or self).post_message(self.Entered())

    def action_primary(self) -> None:
        """The primary action."""

    def action_back(self) -> None:
        """To the start page."""
        self.assistant.go_home()

    def commands(self) -> Iterable[tuple[Message, Message, Any]]:
        """What this page adds to the command palette: title, help, callback."""
        return ()


class Page(PlainPage):
    """A station of the wizard: shows a draft, and leaves one behind."""

    class Next(Event):
        """The person went on; ``draft`` is what they leave behind."""

        def __init__(self, draft: Draft) -> None:
            super().__init__()
            self.draft = draft

    class Back(Event):
        """The person went back; what was entered is in ``draft`` and is kept."""

        def __init__(self, draft: Draft) -> None:
            super().__init__()
            self.draft = draft

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft = draft

    def current(self) -> Draft:
        """The draft with everything that is entered on this page now."""
        return self.draft

    def action_primary(self) -> None:
        """The primary action; pages that must check something first override this."""
        self.post_message(self.Next(self.current()))

    def action_back(self) -> None:
        """To the page before; nothing entered is lost."""
        self.post_message(self.Back(self.current()))


def set_breakpoint(screen: Screen[Any]) -> None:
    """Give a screen the class of its width before it is drawn for the first time.

    Textual does so afterwards, and then draws all of it a second time.
    """
    width = screen.app.size.width
    fitting = [name for least, name in screen.HORIZONTAL_BREAKPOINTS or () if width >= least]
    screen.add_class(*fitting[-1:])


def worded_bindings(node: DOMNode, found: dict[str, ActiveBinding]) -> dict[str, ActiveBinding]:
    """Key hints in the present language."""
    return {
        key: active._replace(binding=_worded(active.binding, say(node, Message(template=text))))
        if (text := active.binding.description)
        else active
        for key, active in found.items()
    }


@lru_cache(512)
def _worded(binding: Binding, description: str) -> Binding:
    from dataclasses import replace

    return replace(binding, description=description)
