"""What a page may ask of the app that shows it, so that no page imports the app itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from textual.app import App
from textual.reactive import reactive
from textual.widget import Widget

if TYPE_CHECKING:
    from assistant.remote import HostKey, Wanted
    from assistant.setup.model import Host, Setup
    from assistant.text import Message
    from assistant.wizard.draft import Draft
    from screens.base.background_work import Work
    from screens.services.protocol import Services


class AppBase(App[str]):
    """The program on the screen, as its pages know it. ``services`` is the outside."""

    language: reactive[str] = reactive("en", init=False)
    """``en`` or ``zh``; every widget that knows how words itself again when it changes."""

    services: Services
    work: Work | None
    """The long work under way or just ended; pages subscribe to it."""

    @property
    @abstractmethod
    def just_pressed(self) -> bool:
        """Whether a key was pressed a moment ago: what is drawn by a clock had better wait."""

    @abstractmethod
    def go_home(self) -> None:
        """Show the start page afresh."""

    @abstractmethod
    def go_to(self, draft: Draft) -> None:
        """Keep a draft and show the page of its step."""

    @abstractmethod
    def diagnose(self, name: str) -> None:
        """Show how a setup is."""

    @abstractmethod
    def change(self, setup: Setup) -> None:
        """Show what can be changed of a saved setup."""

    @abstractmethod
    def practise(self) -> None:
        """End with the wish to practise: the practice internet is built on the plain terminal."""

    @abstractmethod
    def finish(self) -> None:
        """The wizard's work is done: forget the draft and show the start page."""

    @abstractmethod
    def keep(self, draft: Draft) -> None:
        """Save what was entered; a disk that refuses is told, and nothing is lost on screen."""

    @abstractmethod
    def begin(self, work: Work, job: Callable[[], Awaitable[object]]) -> None:
        """Start long work that outlives pages; there is one at a time."""

    @abstractmethod
    def tell(self, message: Message, *, warning: bool = False) -> None:
        """A short notice at the edge of the screen, as plain text."""

    @abstractmethod
    def tell_defect(self, error: BaseException) -> None:
        """Say that the program itself broke, and where its report is."""

    @abstractmethod
    def tidy(self) -> None:
        """Look for garbage between two keys."""

    @abstractmethod
    def action_language(self) -> None:
        """The other language."""

    @abstractmethod
    def action_leave(self) -> None:
        """Quit; what was entered is kept first."""

    # -- screens.services.protocol.Talk

    @abstractmethod
    async def confirm_key(self, host: Host, is_jump: bool, key: HostKey) -> bool:
        """Show a host key and have it confirmed."""

    @abstractmethod
    async def ask(self, wanted: Wanted) -> str | None:
        """Ask for a password or passphrase, typed in the dark."""

    @abstractmethod
    async def provided(self, name: str, host: str) -> str | None:
        """Ask for a secret that a plan needs."""


def app_of(widget: Widget) -> AppBase:
    """The app that shows a widget."""
    return cast(AppBase, widget.app)
