"""Everything the screens cause outside of themselves, in one place, so that tests can stand in.

A screen never does I/O: the app asks these services in workers and hands screens the values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from assistant.text import Message

if TYPE_CHECKING:
    from assistant.canary import CanaryEvent, CanaryResult
    from assistant.dns_records.publish import Outcome
    from assistant.export.device_files import DeviceFile
    from assistant.findings.model import Finding
    from assistant.operations.apply import HostPreview
    from assistant.operations.follow import HostResult, Progress
    from assistant.remote import HostKey, Wanted
    from assistant.setup.model import Host, Setup
    from assistant.wizard.draft import Draft

Phase = Literal["before", "after"]


class Talk(Protocol):
    """How a service asks the person something while it works (the app pushes a dialog)."""

    async def confirm_key(self, host: Host, is_jump: bool, key: HostKey) -> bool:
        """Show a host key with how to compare it; whether the person says it is the same."""
        ...

    async def ask(self, wanted: Wanted) -> str | None:
        """A password or passphrase, typed in the dark; None when the person gives none."""
        ...

    async def provided(self, name: str, host: str) -> str | None:
        """A secret the plan needs (a DNS token); None to keep what is on the host."""
        ...


@dataclass(frozen=True)
class SavedSetup:
    """One line of the start page. ``problem`` is set when the file cannot be read."""

    name: str
    setup: Setup | None
    problem: Message | None = None


@dataclass(frozen=True)
class ReachStep:
    """A step of trying a server: ``reached``, ``key``, ``login``, ``sudo`` or ``release``.

    ``state`` is ``running``, ``ok`` or ``failed``; ``detail`` is shown beside it.
    """

    step: Literal["reached", "key", "login", "sudo", "release"]
    state: Literal["running", "ok", "failed"]
    detail: Message | None = None


@dataclass(frozen=True)
class Reached:
    """A server that was tried with success: the host with its key and release filled in."""

    host: Host


class Services(Protocol):
    """The outside. Every method may raise :class:`assistant.common.errors.AssistantError`.

    ``name`` is always the name of a saved setup. Long ones are cancelled by cancelling their
    task; a run on a server goes on there.
    """

    @property
    def practice(self) -> bool:
        """Whether this is the practice internet: names, servers and money are made up."""
        ...

    def practice_problem(self) -> Message | None:
        """Why this computer cannot practise; None when it can."""
        ...

    async def add_records(self, name: str) -> None:
        """Practice only: what the person would do at their registrar. Raises when it is real."""
        ...

    async def set_records(self, name: str, talk: Talk) -> tuple[Outcome, ...]:
        """Make the public DNS records as they must be, through the company in the setup's settings.

        Its key is asked for, used and forgotten. What became of each record; nothing when no key
        was given.
        """
        ...

    def keep_theme(self, name: str) -> None:
        """Start with these colours next time."""
        ...

    def anything_saved(self) -> bool:
        """Whether there is a draft or a setup; quick, for the first moment on screen."""
        ...

    def load_draft(self) -> Draft | None:
        """The unfinished work of last time."""
        ...

    def save_draft(self, draft: Draft) -> None:
        """Keep the unfinished work."""
        ...

    def drop_draft(self) -> None:
        """Forget it."""
        ...

    def list_setups(self) -> tuple[SavedSetup, ...]:
        """Every saved setup."""
        ...

    def load_setup(self, name: str) -> Setup:
        """One saved setup."""
        ...

    def save_setup(self, setup: Setup) -> None:
        """Save a setup, new or known, under its name."""
        ...

    async def reach(self, host: Host, talk: Talk, report: Callable[[ReachStep], None]) -> Reached:
        """Try a server: reach it, have its key confirmed, log in, become root, ask its release."""
        ...

    async def check(
        self,
        name: str,
        talk: Talk,
        *,
        phase: Phase,
        only: Collection[str] | None,
        report: Callable[[Finding], None],
    ) -> tuple[Finding, ...]:
        """Measure and conclude; the findings are saved in the setup."""
        ...

    async def preview(
        self, name: str, talk: Talk, resolve: Mapping[str, Mapping[str, str]]
    ) -> tuple[HostPreview, ...]:
        """What an apply would change."""
        ...

    async def apply(
        self,
        name: str,
        talk: Talk,
        resolve: Mapping[str, Mapping[str, str]],
        report: Callable[[Progress], None],
    ) -> tuple[HostResult, ...]:
        """Apply; joins a run that is under way already. The outcome is in the setup's history."""
        ...

    async def stop(self, name: str, host: str, run: str) -> None:
        """Ask a run to end after the resource it works on."""
        ...

    async def undo(
        self, name: str, talk: Talk, report: Callable[[Progress], None], only: str = ""
    ) -> tuple[HostResult, ...]:
        """Take back what was applied, everywhere or on the host ``only``."""
        ...

    async def canary(
        self, name: str, talk: Talk, report: Callable[[CanaryEvent], None]
    ) -> CanaryResult:
        """The encrypted test conversation."""
        ...

    async def admin_password(self, name: str, talk: Talk, host: str = "") -> tuple[str, str]:
        """User id and password of the first administrator, to be shown once and never kept.

        ``host`` says which Matrix server by the name of its host; empty means the main one.
        """
        ...

    async def invite(
        self, name: str, talk: Talk, localpart: str, host: str = ""
    ) -> tuple[str, str]:
        """Make a lasting account; its user id and first password, shown once and never kept.

        ``host`` as for :meth:`admin_password`.
        """
        ...

    def export(self, name: str, audience: Literal["operator", "people"], language: str) -> str:
        """The summary as Markdown."""
        ...

    def device_files(self, name: str) -> tuple[DeviceFile, ...]:
        """What devices and routers are given in option 3; empty in the others."""
        ...

    def write_file(self, path: str, text: str) -> str:
        """Write an export where the person wants it (``~`` allowed); the full path it has now."""
        ...
