"""The page "Change something": what can be changed of a setup that runs, in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from assistant.change.possible import PossibleChange, possible_changes
from assistant.text import Message, msg
from assistant.text.width import padded
from screens.base.page import PlainPage
from screens.change.change_flow import begin_change
from screens.widgets.words import Words, say

if TYPE_CHECKING:
    from assistant.setup.model import Setup

_ONE_LINE = 76
"""From this many columns on, what a change is and what it is for stand on one line."""


class ChangeMenu(OptionList):
    """The changes, a line each; worded again at a change of language or width."""

    def __init__(self, kinds: tuple[PossibleChange, ...]) -> None:
        super().__init__(id="changes", markup=False)
        self._kinds = kinds

    def on_mount(self) -> None:
        """Show them for the first time."""
        self.retell()

    @property
    def chosen(self) -> PossibleChange | None:
        """The change that is highlighted."""
        return None if self.highlighted is None else self._kinds[self.highlighted]

    def retell(self) -> None:
        """Word every line in the present language; the highlight stays."""
        here = self.highlighted or 0
        wide = max(cell_len(say(self, kind.title)) for kind in self._kinds)
        self.clear_options()
        self.add_options(Option(self._line(kind, wide)) for kind in self._kinds)
        self.highlighted = here

    def _line(self, kind: PossibleChange, wide: int) -> Content:
        title, why = say(self, kind.title), say(self, kind.why)
        if self.app.size.width >= _ONE_LINE:
            return Content.assemble((padded(title, wide), "bold"), (f"  {why}", "dim"))
        return Content.assemble((title, "bold"), (f"\n  {why}", "dim"))


class ChangesPage(PlainPage):
    """Lists the changes that are possible; choosing one opens its form. It changes nothing."""

    help_text = msg(
        "Here you change a service that runs. Choose with the arrow keys, and press Enter.\n\n"
        "A form asks for what is needed. Then you see what is left for you to do, and only when you"
        " say so the change is saved, on this computer. The next pages show what will change on the"
        " servers, and do it when you say so.\n\n"
        "Accounts and messages stay in every one of these changes. Escape goes back to the"
        " diagnosis, and out of a form without changing anything."
    )
    changed: Message = msg("Choosing changes nothing yet.")
    DEFAULT_CSS = """
    ChangesPage #body { overflow: hidden; }
    ChangesPage #title { text-style: bold; }
    ChangesPage #about { margin: 0 0 1 0; color: $text-muted; }
    ChangesPage #changes {
        height: 1fr; border: none; padding: 0; background: transparent;
        text-wrap: nowrap; text-overflow: ellipsis; scrollbar-size-vertical: 1;
    }
    ChangesPage #changes:focus { border: none; background-tint: transparent; }
    """

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self.setup = setup
        """The setup that is to be changed, as it is saved."""
        self._kinds = possible_changes(setup)
        self._was_wide: bool | None = None

    @property
    def primary(self) -> Message | None:
        """Open the form of the highlighted change."""
        return msg("Choose this")

    def body(self) -> ComposeResult:
        """Which setup, and the changes."""
        yield Words(msg("Change something"), id="title")
        yield Words(
            msg(
                "{name} · option {option} · accounts always stay",
                name=self.setup.server_name,
                option=self.setup.option,
            ),
            id="about",
        )
        yield ChangeMenu(self._kinds)

    def on_mount(self) -> None:
        """Ready to choose."""
        super().on_mount()
        self.query_one(ChangeMenu).focus(scroll_visible=False)

    def on_resize(self) -> None:
        """The lines fit themselves to the width."""
        super().on_resize()
        wide = self.app.size.width >= _ONE_LINE
        if wide != self._was_wide:
            self._was_wide = wide
            self.query_one(ChangeMenu).retell()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click on a line."""
        event.stop()
        self._begin(self._kinds[event.option_index])

    def _begin(self, kind: PossibleChange) -> None:
        begin_change(self.assistant, self.setup, kind)

    def action_primary(self) -> None:
        """Open the form of the highlighted change."""
        kind = self.query_one(ChangeMenu).chosen
        if kind is not None:
            self._begin(kind)

    def action_back(self) -> None:
        """To the diagnosis of the setup."""
        self.assistant.diagnose(self.setup.name)

    def commands(self) -> Iterable[tuple[Message, Message, Any]]:
        """Every change, for the palette."""
        for kind in self._kinds:
            yield kind.title, kind.why, partial(self._begin, kind)
