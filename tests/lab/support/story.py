"""A setup of option 1 that changes, with people who talk all the while."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from assistant.change import changes
from assistant.rehearsal.lab import LabHost
from assistant.rehearsal.practice_setup import practice_setup
from assistant.setup.model import Setup
from tests.lab.conftest import Practice
from tests.lab.support.conversation import Conversation, conversing
from tests.lab.support.servers import Servers

SECONDS = 300.0
CUTS_SECONDS = 900.0
EVERY = int(os.environ.get("MATRIX_ASSISTANT_CUT_EVERY", "6"))
"""One of so many resources is cut: each cut costs a start of the server."""


@dataclass
class Story(Servers):
    """A setup that changes, and the conversations that go on."""

    talks: list[Conversation] = field(default_factory=list)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def name(self, label: str) -> str:
        """A name in the zone of the lab."""
        return f"{label}.{self.practice.lab.facts.zone}"

    def run(self, work: Awaitable[None]) -> None:
        """Do something in the lab."""
        self.practice.run(work, SECONDS)

    def boot(self, name: str, **how: Any) -> LabHost:
        """One more server of the setup."""
        host = self.practice.run(self.practice.lab.boot(name, release="trixie", **how))
        self.hosts[name] = host
        return host

    def change(self, changed: changes.Change, *, cuts: bool = False) -> None:
        """Do what a person does with a change; then everybody reads what was, and goes on.

        With ``cuts`` the power fails on all servers again and again until it is done.
        """
        assert changed.todo
        self.run(self.ready(changed.setup))
        if cuts:
            fallen = self.practice.run(self.apply_through_cuts(EVERY), CUTS_SECONDS)
            assert len(fallen) >= 6, fallen
            # The server outside has next to nothing to change.
            assert {"home", "inside"} <= {name for name, _ in fallen}, fallen
        else:
            assert any(result.changes for result in self.practice.run(self.apply(), SECONDS))
        self.run(self.changes_nothing())
        self.run(self._go_on())

    async def _go_on(self) -> None:
        for talk in self.talks:
            await talk.follow(self.setup)
            for who in ("a", "b"):
                talk.say(who)
                talk.say(who)
            await talk.arrived(60)
            await talk.read_again()

    async def meet(self) -> None:
        """Two more people begin to talk, on the main server and on the other one."""
        talk = await self.stack.enter_async_context(conversing(self.setup))
        self.talks.append(talk)
        talk.say("a")
        talk.say("b")
        await talk.arrived(60)


@contextmanager
def telling(practice: Practice) -> Iterator[Story]:
    """A story that begins with option 1 and two people on it; at its end the servers go."""
    host, setup = practice.clone()
    told = Story(practice, _with_dns(practice, host, setup), {"outside": host})
    told.run(told.meet())
    try:
        yield told
    finally:
        told.run(told.stack.aclose())
        for host in told.hosts.values():
            practice.remove(host)
        practice.forget_names()


def _with_dns(practice: Practice, host: LabHost, setup: Setup) -> Setup:
    """The Setup with the lab's DNS as its provider, as someone typed it."""
    facts = practice.lab.facts
    of_3 = practice_setup(3, "trixie", facts, {"inside": host, "outside": host}).settings
    given = {"dns_update": of_3.dns_update, "provider": of_3.provider}
    return setup.model_copy(update={"settings": setup.settings.model_copy(update=given)})
