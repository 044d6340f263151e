"""Trying a server as long work: what is asked meanwhile, and what is learned by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.setup.model import Role
from assistant.wizard.draft import TypedHost
from screens.base.background_work import Work
from screens.servers.server_entry import with_key, with_reached
from screens.services.protocol import Reached

if TYPE_CHECKING:
    from assistant.remote import HostKey, Wanted
    from assistant.setup.model import Host
    from screens.services.protocol import Talk

WORK = "reach"
"""The name of the work of trying a server; its ``setup`` is the role."""


@dataclass(frozen=True)
class KeyConfirmed:
    """The person confirmed a key while a server was tried; kept though a later step may fail."""

    host: Host
    key: str
    is_jump: bool


class NotingTalk:
    """The dialogs of the app; a key that is confirmed is noted in the work."""

    def __init__(self, talk: Talk, work: Work) -> None:
        self._talk = talk
        self._work = work

    async def confirm_key(self, host: Host, is_jump: bool, key: HostKey) -> bool:
        """Show a key; whether the person says it is the same."""
        sure = await self._talk.confirm_key(host, is_jump, key)
        if sure:
            self._work.report(KeyConfirmed(host, key.text, is_jump))
        return sure

    async def ask(self, wanted: Wanted) -> str | None:
        """A password or passphrase."""
        return await self._talk.ask(wanted)

    async def provided(self, name: str, host: str) -> str | None:
        """A secret that a plan needs."""
        return await self._talk.provided(name, host)


def learned(typed: TypedHost, work: Work) -> TypedHost:
    """The server with what a trial found out, unless it was of another server than this one."""
    role = Role(work.setup)
    for event in work.events:
        if isinstance(event, KeyConfirmed):
            typed = with_key(typed, role, event.host, event.key, is_jump=event.is_jump)
    if isinstance(work.result, Reached):
        typed = with_reached(typed, role, work.result.host) or typed
    return typed
