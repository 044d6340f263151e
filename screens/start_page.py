"""The start page: go on, start anew, look at what runs, practise.

Nothing heavy is imported here: the page is on the screen before saved setups are looked at.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from assistant.common.errors import AssistantError
from assistant.text import Message, msg
from assistant.text.width import padded
from screens.base.page import STEP_NAMES, PlainPage
from screens.widgets.button import Button
from screens.widgets.words import Words, say

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from assistant.findings.model import Status
    from assistant.wizard.draft import Draft
    from screens.services.protocol import SavedSetup, Services

_TITLE_CELLS = 28
"""Width of the first column of the menu; the second fits an 80-column terminal beside it."""
_MARK_CELLS = 13
_NAME_CELLS = 36
_COLOURS = {
    "OK": "$text-success",
    "WARNING": "$text-warning",
    "FAILED": "$text-error",
    "UNKNOWN": "$text-accent",
    "SKIPPED": "dim",
}


@dataclass(frozen=True)
class Saved:
    """What was found on this computer. ``problem``: it could not be looked at."""

    draft: Draft | None = None
    setups: tuple[SavedSetup, ...] = ()
    cannot_practise: Message | None = None
    problem: Message | None = None

    @property
    def empty(self) -> bool:
        """Whether this is the first time."""
        return self.draft is None and not self.setups


@dataclass(frozen=True)
class Line:
    """A line of the menu: what it is, what it does (the words of the button), how it looks."""

    id: str
    title: Message | str
    detail: Message | str = ""
    primary: Message | None = None
    status: Status | None = None


def look(services: Services) -> Saved:
    """Look at what was saved; what goes wrong is told, never raised. Runs in a thread."""
    problem: Message | None = None
    draft: Draft | None = None
    setups: tuple[SavedSetup, ...] = ()
    try:
        draft = services.load_draft()
        setups = services.list_setups()
    except AssistantError as error:
        problem = error.message
    except OSError as error:
        problem = msg(
            "What was saved on this computer cannot be read ({why}).",
            why=error.strerror or type(error).__name__,
        )
    return Saved(draft, setups, services.practice_problem(), problem)


class Menu(OptionList):
    """The lines of the start page; worded again at a change of language, keeping the place."""

    def __init__(self, lines: tuple[Line | None, ...]) -> None:
        super().__init__(id="menu", markup=False)
        self._shown = lines
        self._wide = 0

    def on_mount(self) -> None:
        """Show the lines for the first time."""
        self.show(self._shown)

    def show(self, lines: tuple[Line | None, ...], at: str | None = None) -> None:
        """Show other lines (None: a gap) with the line ``at`` highlighted, or the first."""
        self._shown = lines
        names = [say(self, line.title) for line in lines if line and line.status is not None]
        self._wide = min(max(map(cell_len, names), default=0), _NAME_CELLS)
        self.clear_options()
        self.add_options(None if line is None else self._option(line) for line in lines)
        ids = [line.id for line in lines if line is not None]
        if ids:
            self.highlighted = self.get_option_index(at if at in ids else ids[0])

    def retell(self) -> None:
        """Word every line in the present language."""
        here = self.chosen
        self.show(self._shown, here.id if here else None)

    @property
    def chosen(self) -> Line | None:
        """The highlighted line."""
        if self.highlighted is None:
            return None
        wanted = self.get_option_at_index(self.highlighted).id
        return next((line for line in self._shown if line and line.id == wanted), None)

    @property
    def row(self) -> int:
        """The row of the highlighted line; each line and each gap takes one."""
        here = self.chosen
        return 0 if here is None else self._shown.index(here)

    def _option(self, line: Line) -> Option:
        parts: list[tuple[str, str] | str] = []
        title, detail = say(self, line.title), say(self, line.detail)
        width = self._wide if line.status is not None else _TITLE_CELLS
        if line.status is not None:
            from screens.widgets.status import GLYPHS, status_words

            mark = f"{GLYPHS[line.status]} {say(self, status_words(line.status))}"
            parts.append((padded(mark, _MARK_CELLS), _COLOURS[line.status.name]))
        parts.append((padded(title, width) if detail else title, "bold"))
        if detail:
            parts.append((f"  {detail}", "dim"))
        return Option(Content.assemble(*parts), id=line.id)


class HomePage(PlainPage):
    """Where everything begins, and comes back to."""

    # Not CSS: that of a screen has all style sheets read again.
    DEFAULT_CSS = """
    HomePage #text { margin: 0 0 1 0; height: auto; }
    HomePage #menu {
        height: auto; border: none; padding: 0; background: transparent;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    HomePage #menu:focus { border: none; background-tint: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", show=False),
        Binding("n", "new", str(msg("Start anew"))),
        Binding("p", "practise", str(msg("Practise"))),
        Binding("q", "app.leave", show=False),
    ]
    AUTO_FOCUS = ""  # it would scroll
    shows_back = False
    changed: Message = msg("Nothing is changed on any server before you say so.")
    help_text: Message = msg(
        "This program sets up a private messenger (Matrix) on a server of your own, for people on"
        " both sides of the border filter.\n\n"
        "It asks some questions, says which of four ways suits you and why, tries your server,"
        " shows what it will change, changes it, and proves with real encrypted messages that it"
        " works. You can leave at any time; it goes on where you were.\n\n"
        "Practising builds a small internet with servers of its own inside this computer. Nothing"
        " in it costs money or touches anything real."
    )

    def __init__(self) -> None:
        super().__init__()
        self.saved: Saved | None = None
        """What was found; None while it is looked for."""

    @property
    def primary(self) -> Message | None:
        """What the highlighted line does."""
        line = self.query_one(Menu).chosen
        return line.primary if line is not None else None

    def body(self) -> ComposeResult:
        """Title, what will happen or what there is, the menu."""
        services = self.assistant.services
        # What a first visitor sees is known at once; everything else is looked for afterwards.
        known = None if services.anything_saved() else Saved()
        title = (
            msg("Practice: a made-up family, on servers inside this computer")
            if services.practice
            else msg("A private messenger of your own")
        )
        yield Words(title, classes="title")
        yield Words(_text(known, practice=services.practice), id="text")
        yield Menu(() if known is None else _lines(known, practice=services.practice))

    def on_mount(self) -> None:
        """Look for what was saved, but only when the first picture is out: looking loads a lot."""
        super().on_mount()
        self.query_one(Menu).focus(scroll_visible=False)
        self.call_after_refresh(
            lambda: self.run_worker(self._look(), exit_on_error=False, exclusive=True)
        )

    async def _look(self) -> None:
        self.saved = await asyncio.to_thread(look, self.assistant.services)
        self._show(self.saved)

    def _show(self, saved: Saved) -> None:
        practice = self.assistant.services.practice
        self.query_one("#text", Words).message = _text(saved, practice=practice)
        menu = self.query_one(Menu)
        menu.show(_lines(saved, practice=practice), menu.chosen.id if menu.chosen else None)
        self._word_button()

    def on_resize(self) -> None:
        """The highlighted line stays in sight."""
        super().on_resize()
        self.call_after_refresh(self._scroll)

    def on_option_list_option_highlighted(self) -> None:
        """The button says what the line does."""
        self._word_button()
        self._scroll()

    def _scroll(self) -> None:
        menu, body = self.query_one(Menu), self.query_one("#body")
        row = menu.row
        # On the smallest terminals what is told first is worth more than the first line, which
        # the button repeats.
        if row or body.scroll_y:
            y = menu.virtual_region.y + row
            body.scroll_to_region(Region(0, y, 1, 1), animate=False, force=True)

    def _word_button(self) -> None:
        button, words = self.query_one("#primary", Button), self.primary
        button.display = words is not None
        if words is not None and str(button.label) != (label := f"{say(self, words)} ⏎"):
            button.label = label
            button.refresh(layout=True)  # a label by itself keeps the old width

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click on a line."""
        event.stop()
        self._do(str(event.option.id))

    # -- what can be done ------------------------------------------------------

    def commands(self) -> Iterable[tuple[Message, Message, Any]]:
        """The lines of the menu, by name."""
        if not self.assistant.services.practice:
            yield msg("Start anew"), msg("begin with the questions"), self.action_new
        if self.saved is not None and self.saved.draft is not None:
            yield msg("Go on where you were"), msg("the unfinished work"), self.action_continue
        for one in self.saved.setups if self.saved else ():
            yield (
                msg("Open {name}", name=one.name),
                msg("see how it is"),
                lambda name=one.name: self._open(name),
            )
        if not self.assistant.services.practice:
            yield msg("Practise on this computer"), msg("nothing real"), self.action_practise

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a practice there is one journey: no other one, and no practice in it."""
        if action in ("new", "practise") and self.assistant.services.practice:
            return False
        return super().check_action(action, parameters)

    def action_primary(self) -> None:
        """Do what the highlighted line says."""
        line = self.query_one(Menu).chosen
        if line is not None:
            self._do(line.id)

    def action_back(self) -> None:
        """There is nothing before this page."""

    def action_continue(self) -> None:
        """Go on where the person was."""
        if self.saved is not None and self.saved.draft is not None:
            self.assistant.go_to(self.saved.draft)

    def action_new(self) -> None:
        """Start anew; an unfinished draft is given up only after a question."""
        self._work(self._start_anew())

    def action_practise(self) -> None:
        """Practise, or hear why this computer cannot."""
        from screens.base.dialogs import TellDialog

        app = self.assistant
        if app.services.practice:
            return
        problem = (
            self.saved.cannot_practise
            if self.saved is not None
            else app.services.practice_problem()
        )
        if problem is None:
            app.practise()
            return
        app.push_screen(
            TellDialog(
                msg("This computer cannot practise"),
                problem,
                msg(
                    "Everything else works here. To practise, use a Debian or Ubuntu computer (a"
                    " rented one is fine) and start the program there as root."
                ),
            )
        )

    def _do(self, line: str) -> None:
        kind, _, name = line.partition(":")
        if kind == "setup":
            self._open(name)
        elif kind == "continue":
            self.action_continue()
        elif kind == "new":
            self.action_new()
        elif kind == "practise":
            self.action_practise()
        elif kind == "language":
            self.assistant.action_language()
        elif kind == "quit":
            self.assistant.action_leave()

    def _open(self, name: str) -> None:
        self._work(self._open_setup(name))

    def _work(self, coroutine: Any) -> None:
        # Of the app: a dialog may be answered while this page is already gone.
        self.assistant.run_worker(coroutine, exit_on_error=False, group="home", exclusive=True)

    async def _known(self) -> Saved:
        if self.saved is None:
            self.saved = await asyncio.to_thread(look, self.assistant.services)
        return self.saved

    async def _start_anew(self) -> None:
        saved = await self._known()
        from assistant.wizard.draft import Draft

        if await self._may_drop(saved.draft):
            self.assistant.go_to(Draft())

    async def _open_setup(self, name: str) -> None:
        from assistant.setup.history import ever_applied
        from screens.base.dialogs import TellDialog

        app = self.assistant
        saved = await self._known()
        one = next((one for one in saved.setups if one.name == name), None)
        if one is None:
            return
        if one.setup is None:
            problem = one.problem or msg("It cannot be read.")
            app.push_screen(TellDialog(msg("{name} cannot be opened", name=name), problem))
        elif ever_applied(one.setup):
            app.diagnose(name)
        elif saved.draft is not None and saved.draft.setup == name:
            app.go_to(saved.draft)
        elif await self._may_drop(saved.draft):
            from assistant.wizard.draft_to_setup import draft_from_setup

            app.go_to(draft_from_setup(one.setup, practice=app.services.practice))

    async def _may_drop(self, draft: Draft | None) -> bool:
        """Whether unfinished work may be given up; asks when there is some."""
        from screens.base.dialogs import ConfirmDialog

        if draft is None:
            return True
        kept = (
            msg("The setup {name} itself stays saved; it is in the list.", name=draft.setup)
            if draft.setup
            else msg("What you answered and typed so far is forgotten.")
        )
        sure = await self.assistant.push_screen_wait(
            ConfirmDialog(
                msg("Give up what you began?"),
                msg("You were at: {step}.", step=STEP_NAMES[draft.step]),
                kept,
                yes=msg("Give it up"),
                no=msg("Keep it"),
            )
        )
        return bool(sure)


_PURPOSE = msg("For family and friends on both sides of the border filter, on your own server.")
_PRACTICE = msg(
    "Everything works as it would for real: the questions, the servers, the certificates, the"
    " messages. Only the names, addresses and people are made up, and they are filled in already."
    " Nothing here costs money or touches anything real; when you quit, all of it is gone."
)
_WELCOME = msg(
    "1  You answer a few questions. Nothing is sent or changed meanwhile.\n"
    "2  You get advice: which of four ways suits you, and what it needs.\n"
    "3  You rent a server and a name, if you have none. It says where.\n"
    "4  The program sets it all up and proves that messages arrive.\n\n"
    "About 20 minutes, and the time to rent a server. Stop whenever you like: it goes on"
    " where you were."
)


def _text(saved: Saved | None, *, practice: bool) -> Message:
    """What stands above the menu; ``saved`` is None while it is looked for."""
    purpose = _PRACTICE if practice else _PURPOSE
    if saved is None:
        return msg("{text}\n\n{more}", text=purpose, more=msg("Looking for your setups …"))
    if saved.problem is not None:
        return msg("{text}\n\n! {more}", text=purpose, more=saved.problem)
    if saved.empty and not practice:
        return msg("{text}\n\n{more}", text=purpose, more=_WELCOME)
    return purpose


def _lines(saved: Saved, *, practice: bool) -> tuple[Line | None, ...]:
    """The menu for what was found."""
    lines: list[Line | None] = []
    if saved.draft is not None:
        lines.append(_continue_line(saved.draft, practice=practice))
    if not practice:
        lines.append(
            Line("new", msg("Begin"), msg("with the first question"), msg("Begin"))
            if saved.empty
            else Line("new", msg("Start anew"), msg("another service"), msg("Start anew"))
        )
    if saved.setups:
        lines.append(None)
        lines.extend(_setup_line(one) for one in saved.setups)
        lines.append(None)
    if not practice:
        lines.append(
            Line(
                "practise",
                msg("Practise on this computer"),
                msg("the whole journey, on made-up servers")
                if saved.cannot_practise is None
                else msg("not possible here; see why"),
                msg("Practise") if saved.cannot_practise is None else msg("See why"),
            )
        )
    lines.append(Line("language", msg("中文 / English"), "", msg("中文 / English")))
    leave = msg("End the practice") if practice else msg("Quit")
    lines.append(Line("quit", leave, "", leave))
    return tuple(lines)


def _continue_line(draft: Draft, *, practice: bool) -> Line:
    from screens.saved_setups import draft_words

    detail = draft_words(draft, STEP_NAMES[draft.step])
    if practice and not draft.question:
        return Line("continue", msg("Begin to practise"), detail, msg("Begin"))
    return Line("continue", msg("Go on where you were"), detail, msg("Go on"))


def _setup_line(one: SavedSetup) -> Line:
    from datetime import UTC, datetime

    from assistant.findings.model import Status
    from screens.saved_setups import checked_words, health

    id, setup = f"setup:{one.name}", one.setup
    if setup is None:
        return Line(id, one.name, msg("cannot be read"), msg("See why"), Status.FAILED)
    return Line(
        id,
        setup.server_name,
        checked_words(setup, datetime.now(UTC)),
        msg("Open"),
        health(setup) or Status.SKIPPED,
    )
