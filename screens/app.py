"""The app: conducts the pages, owns the long work, keeps what was entered.

Work that must survive a change of page (checks, apply, canary, practice) is a worker of the app,
never of a page: a page's worker dies with the page. A worker that breaks never closes the program.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.reactive import Reactive
from textual.screen import Screen
from textual.theme import BUILTIN_THEMES
from textual.worker import Worker, WorkerState

from assistant.common.errors import AssistantError
from assistant.text import LANGUAGES, Message, language_of_locale, msg
from screens.base.app_base import AppBase
from screens.base.page import Page, PlainPage
from screens.navigation import backward, onward, page_for
from screens.widgets.cjk_wrap import install as install_wrapping
from screens.widgets.words import retell_all, say

if TYPE_CHECKING:
    from assistant.remote import HostKey, Wanted
    from assistant.setup.model import Host, Setup
    from assistant.wizard.draft import Draft
    from screens.base.background_work import Work
    from screens.base.dialog import Dialog
    from screens.services.protocol import Services

T = TypeVar("T")

_HELP = "help"
PRACTISE = "practise"
"""What the app ends with when the person wants to practise: the caller builds what that needs."""

ANSWERING = 0.06
"""Seconds after a key in which its answer is drawn, and nothing that can wait."""

_TIDY_SECONDS = 2.0
_PAUSE = 0.12
_ROUNDS = 200
"""Rounds through what is young until everything is looked through, if nobody stops typing."""

THEME_VARIABLE = "MATRIX_ASSISTANT_THEME"
"""The environment variable for the colours: terminal, light, dark, or a theme of Textual."""
_THEMES = {"light": "textual-light", "dark": "textual-dark", "terminal": ""}

_COLOURS = (
    (msg("Colours: as in this terminal, dark"), "ansi-dark"),
    (msg("Colours: as in this terminal, light"), "ansi-light"),
    (msg("Colours: dark"), "textual-dark"),
    (msg("Colours: light"), "textual-light"),
    (msg("Colours: high contrast"), "monokai"),
)
_PALETTE = msg("palette")
"""Textual's own hint at the foot; named here so that it is translated."""


def first_theme(environment: Mapping[str, str], kept: str = "") -> str:
    """The theme to start with: asked for, or kept from last time, or the terminal's own colours."""
    asked = environment.get(THEME_VARIABLE, "").strip() or kept
    if (theme := _THEMES.get(asked, asked)) in BUILTIN_THEMES:
        return theme
    # rxvt, konsole and others tell their colours as "15;0": the last is the background's.
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return "ansi-light" if background in ("7", "15") else "ansi-dark"


class AssistantApp(AppBase):
    """The program on the screen. ``services`` is the outside; tests give another one."""

    TITLE = "matrix-assistant"
    CSS_PATH = "style.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "leave", str(msg("Quit")), show=True, priority=True),
    ]

    # A theme set later would have all style sheets read once more.
    theme: Reactive[str] = Reactive(lambda: first_theme(os.environ))

    def __init__(
        self,
        services: Services,
        language: str | None = None,
        *,
        greeting: Message | None = None,
    ) -> None:
        install_wrapping()
        super().__init__()
        self._greeting = greeting
        self.services = services
        self.set_reactive(AssistantApp.language, language or language_of_locale())
        self.work = None
        self._asking = asyncio.Lock()
        self._pressed = 0.0

    async def on_event(self, event: events.Event) -> None:
        """Note when a key was pressed; everything else as ever."""
        if isinstance(event, events.Key):
            self._pressed = time.monotonic()
        await super().on_event(event)

    @property
    def just_pressed(self) -> bool:
        """Whether a key was pressed a moment ago: what is drawn by a clock had better wait."""
        return time.monotonic() - self._pressed < ANSWERING

    def on_mount(self) -> None:
        """The start page is there already: see get_default_screen."""
        self.call_after_refresh(gc.enable)  # whoever started the app may have put it off
        gc.set_threshold(*gc.get_threshold()[:2], _ROUNDS)
        self.set_interval(_TIDY_SECONDS, self.tidy)
        if self._greeting is not None:
            self.tell(self._greeting)

    def tidy(self) -> None:
        """Look for garbage between two keys: all at once that takes longer than a key may wait."""
        idle = time.monotonic() - self._pressed >= _PAUSE
        if idle and gc.get_count()[2] >= _ROUNDS // 10:
            gc.collect()

    # -- pages ---------------------------------------------------------------

    def get_default_screen(self) -> Screen[Any]:
        """The start page, as the lowest screen there is: this shows it soonest."""
        from screens.start_page import HomePage

        return HomePage()

    def go_home(self) -> None:
        """Show the start page afresh."""
        from screens.start_page import HomePage

        self._show(HomePage())

    def finish(self) -> None:
        """The wizard's work is done: forget the draft and show the start page."""
        try:
            self.services.drop_draft()
        except (AssistantError, OSError) as error:
            why = error.message if isinstance(error, AssistantError) else str(error)
            self.tell(
                msg(
                    "The finished draft could not be removed ({why}). Nothing else is wrong; the"
                    " start page will offer it again.",
                    why=why,
                ),
                warning=True,
            )
        self.go_home()

    def go_to(self, draft: Draft) -> None:
        """Keep a draft and show the page of its step."""
        self.keep(draft)
        self._show(page_for(draft))

    def diagnose(self, name: str) -> None:
        """Show how a setup is."""
        from screens.checks.diagnosis import DiagnosisPage

        self._show(DiagnosisPage(name))

    def change(self, setup: Setup) -> None:
        """Show what can be changed of a saved setup."""
        from screens.change.changes import ChangesPage

        self._show(ChangesPage(setup))

    def practise(self) -> None:
        """End with the wish to practise: the practice internet is built on the plain terminal."""
        self._keep_entered()
        self.exit(PRACTISE)

    def keep(self, draft: Draft) -> None:
        """Save what was entered; a disk that refuses is told, and nothing is lost on screen."""
        try:
            self.services.save_draft(draft)
        except (AssistantError, OSError) as error:
            why = error.message if isinstance(error, AssistantError) else str(error)
            self.tell(
                msg(
                    "What you entered could not be saved ({why}). It is still here while the"
                    " program runs.",
                    why=say(self, why),
                ),
                warning=True,
            )

    def _show(self, page: Screen[Any]) -> None:
        while len(self.screen_stack) > 1 and not isinstance(self.screen, PlainPage):
            # A dialog that is left open counts as not answered: whoever waits for it goes on.
            self.screen.dismiss(None)
        if len(self.screen_stack) > 1:
            self.switch_screen(page)
        else:
            # The lowest screen cannot be switched away from.
            self.push_screen(page)

    def _keep_entered(self) -> None:
        """Save what stands on the page; it may be below a dialog. The start page has nothing."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, Page):
                if screen.step is not None:
                    self.keep(screen.current())
                return

    def on_plain_page_entered(self, event: PlainPage.Entered) -> None:
        """Enter has climbed as far as other keys do, so they were all heard."""
        event.stop()
        if isinstance(self.screen, PlainPage):
            self.screen.action_primary()

    def on_page_next(self, event: Page.Next) -> None:
        """The person went on."""
        event.stop()
        self.go_to(onward(event.draft))

    def on_page_back(self, event: Page.Back) -> None:
        """The person went back."""
        event.stop()
        before = backward(event.draft)
        if before is None:
            self.keep(event.draft)
            self.go_home()
        else:
            self.go_to(before)

    # -- long work -----------------------------------------------------------

    def begin(self, work: Work, job: Callable[[], Awaitable[object]]) -> None:
        """Start long work that outlives pages; there is one at a time."""
        # Looking through all objects for garbage stops everything for a twentieth of a second, and
        # events by the thousand make that happen every other second. So what is there now is
        # looked through here, once, and then left out.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self.work = work
        self.run_worker(
            work.run(job), name=work.name, group="work", exclusive=True, exit_on_error=False
        )

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A defect in a worker is told; the program goes on."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.tell_defect(event.worker.error)

    def tell_defect(self, error: BaseException) -> None:
        """Say that the program itself broke, and where its report is."""
        from assistant.common.crash_report import write_report

        self.tell(write_report(error), warning=True)

    def _fatal_error(self) -> None:
        """A page broke, so the program has to end: kindly, and with what was entered saved.

        Textual's own report would print the values of variables, and a password may be one.
        """
        from rich.text import Text

        from assistant.common.crash_report import write_report

        with suppress(Exception):
            self._keep_entered()
        if not self._exit_renderables:
            message = write_report(self._exception or RuntimeError())
            self._exit_renderables.append(Text(say(self, message)))
        self._return_code = 70
        self._close_messages_no_wait()

    def tell(self, message: Message, *, warning: bool = False) -> None:
        """A short notice at the edge of the screen, as plain text."""
        self.notify(
            say(self, message),
            severity="warning" if warning else "information",
            markup=False,
            timeout=10,
        )

    # -- asking (screens.services.protocol.Talk) ---------------------------------------

    async def confirm_key(self, host: Host, is_jump: bool, key: HostKey) -> bool:
        """Show a host key and have it confirmed."""
        from screens.servers.secret_dialogs import KeyDialog

        practice = self.services.practice
        sure = await self._answer(KeyDialog(host, is_jump, key, practice=practice))
        return bool(sure)

    async def ask(self, wanted: Wanted) -> str | None:
        """Ask for a password or passphrase, typed in the dark."""
        from screens.servers.secret_dialogs import SecretDialog

        return await self._answer(SecretDialog.for_login(wanted))

    async def provided(self, name: str, host: str) -> str | None:
        """Ask for a secret that a plan needs."""
        from screens.servers.secret_dialogs import SecretDialog

        return await self._answer(SecretDialog.for_plan(name, host))

    async def _answer(self, dialog: Dialog[T]) -> T | None:
        """The answer to a dialog; one at a time. It goes when the work that asks is cancelled."""
        async with self._asking:
            try:
                return await self.push_screen_wait(dialog)
            except asyncio.CancelledError:
                if self.is_running and dialog in self.screen_stack:
                    dialog.pop_until_active()
                    dialog.dismiss(None)
                raise

    # -- keys ----------------------------------------------------------------

    def watch_language(self) -> None:
        """Word everything again; what was entered stays as it is."""
        for screen in self.screen_stack:
            retell_all((screen, *screen.walk_children()))

    def action_language(self) -> None:
        """The other language."""
        index = LANGUAGES.index(self.language)
        self.language = LANGUAGES[(index + 1) % len(LANGUAGES)]

    def action_help_page(self) -> None:
        """Help for the page that is shown."""
        from screens.help import HelpDialog

        if not isinstance(self.screen, PlainPage):
            return
        text = self.screen.help_text
        # Built once: building a dialog takes longer than showing one.
        if not self.is_screen_installed(_HELP):
            self.install_screen(HelpDialog(text), _HELP)
        else:
            self.get_screen(_HELP, HelpDialog).show(text)
        self.push_screen(_HELP)

    def action_command_palette(self) -> None:
        """Every action by name, asked for in the present language."""
        from textual.command import CommandPalette

        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder=say(self, msg("What do you want to do?"))))

    def action_theme(self, name: str) -> None:
        """Other colours, now and next time."""
        self.theme = name
        self.services.keep_theme(name)

    def action_leave(self) -> None:
        """Quit; what was entered is kept first."""
        self._keep_entered()
        self.exit()

    def action_home(self) -> None:
        """The start page; what was entered is kept first."""
        self._keep_entered()
        self.go_home()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action in the command palette, in the present language."""
        yield SystemCommand(say(self, msg("Quit")), "", self.action_leave)
        yield SystemCommand(say(self, msg("Switch language")), "", self.action_language)
        yield SystemCommand(say(self, msg("Start page")), "", self.action_home)
        yield SystemCommand(say(self, msg("Help for this page")), "", self.action_help_page)
        for title, theme in _COLOURS:
            yield SystemCommand(say(self, title), "", partial(self.action_theme, theme))
        if isinstance(screen, PlainPage):
            for title, help_text, callback in screen.commands():
                yield SystemCommand(say(self, title), say(self, help_text), callback)
