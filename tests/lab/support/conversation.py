"""Two people who write to each other across the deployed servers, through whatever happens to them.

Like real apps they try again until a text is accepted, always under the same transaction.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from assistant.canary.client import Person
from assistant.canary.failures import CanaryError
from assistant.canary.fixed_resolver import pinned_session
from assistant.canary.model import Side
from assistant.operations import proof
from assistant.operations.accounts import HostAccounts
from assistant.operations.connections import Connections
from assistant.remote import NoCredentials
from assistant.setup.homeservers import homeservers
from assistant.setup.model import Setup

PATIENCE = 20.0
"""Seconds one request may take before it is tried again."""


class Traveller(Person):
    """A person whose client keeps its account and keys when the way to its server changes."""

    async def move(self, side: Side) -> None:
        """Go on over another address of the same server."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})
        await self._client.close()
        self.url = self._client.homeserver = side.base_url.rstrip("/")
        if side.address:
            self._client.client_session = pinned_session(side.address, self._timeout)
        self._following = asyncio.create_task(self._follow())

    async def history(self, room: str) -> list[str]:
        """What its server still has of a room, the newest first, as far as it can be decrypted."""
        nio = self._nio
        told = await self._call(
            "sync",
            lambda: self._client.room_messages(room, start=self._client.next_batch, limit=200),
            nio.RoomMessagesResponse,
        )
        opened = (
            self._client.decrypt_event(one) if isinstance(one, nio.MegolmEvent) else one
            for one in told.chunk
        )
        return [one.body for one in opened if isinstance(one, nio.RoomMessageText)]


@dataclass
class Conversation:
    """``a`` is on the main server, ``b`` on the other one; both clients run on this computer."""

    a: Traveller
    b: Traveller
    room: str
    said: dict[str, list[str]] = field(default_factory=lambda: {"a": [], "b": []})
    _sending: list[asyncio.Task[None]] = field(default_factory=list)

    def say(self, who: str) -> str:
        """Let one of them write a new text; it is sent in the background until it is accepted."""
        body = f"Written by {who}, number {len(self.said[who])}. {secrets.token_hex(16)}"
        self.said[who].append(body)
        queue = [task for task in self._sending if task.get_name() == who]
        before = queue[-1] if queue else None
        self._sending.append(asyncio.create_task(self._send(who, body, before), name=who))
        return body

    async def _send(self, who: str, body: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        person: Person = getattr(self, who)
        transaction = secrets.token_hex(8)
        while True:
            try:
                await person.send(self.room, body, transaction)
                return
            except CanaryError:
                await asyncio.sleep(1)

    async def arrived(self, seconds: float) -> None:
        """Wait until everything that was said was read by the other, in order; AssertionError."""
        try:
            async with asyncio.timeout(seconds):
                while not self._whole():
                    await asyncio.sleep(0.2)
        except TimeoutError:
            missing = {
                who: [i for i, text in enumerate(self.said[who]) if text not in other.heard]
                for who, other in (("a", self.b), ("b", self.a))
            }
            raise AssertionError(f"after {seconds} s these have not arrived: {missing}") from None
        assert list(self.b.heard) == self.said["a"]
        assert list(self.a.heard) == self.said["b"]

    def _whole(self) -> bool:
        return set(self.said["a"]) <= set(self.b.heard) and set(self.said["b"]) <= set(self.a.heard)

    async def follow(self, setup: Setup, access_name: str = "") -> None:
        """Let both clients go on by what a changed Setup tells people, or by a name given."""
        sides = {server.server_name: proof.side(server) for server in homeservers(setup)}
        for person in (self.a, self.b):
            place = sides[person.user_id.partition(":")[2]]
            if access_name:
                place = place.model_copy(update={"base_url": f"https://{access_name}"})
            await person.move(place)

    async def read_again(self) -> None:
        """Wait until each reads on its server everything that was ever written; AssertionError.

        What somebody has written last may not have come back to their own client yet.
        """
        written = {*self.said["a"], *self.said["b"]}
        for person in (self.a, self.b):
            for _ in range(20):
                missing = written - set(await person.history(self.room))
                if not missing:
                    break
                await asyncio.sleep(0.5)
            assert missing == set(), person.user_id

    def stop(self) -> None:
        """Send nothing more."""
        for task in self._sending:
            task.cancel()


@asynccontextmanager
async def conversing(setup: Setup) -> AsyncIterator[Conversation]:
    """Two temporary people in an encrypted room, with keys exchanged; the next canary removes them.

    While they talk, only their clients are connected to the servers.
    """
    servers = homeservers(setup)
    sides = tuple(map(proof.side, servers))
    people: list[Traveller] = []
    async with AsyncExitStack() as stack:
        for server, place in zip((servers[0], servers[-1]), (sides[0], sides[-1]), strict=True):
            async with Connections(setup, NoCredentials()) as connections:
                accounts = HostAccounts(await connections.session(server.host.name))
                (made,) = await accounts.create([f"talk-{secrets.token_hex(4)}"])
            person = Traveller(place, made, PATIENCE)
            stack.push_async_callback(person.leave, "")
            people.append(person)
        a, b = people
        await asyncio.gather(a.log_in(), b.log_in())
        room = await a.make_room("conversation", b.user_id, federate=True)
        await b.accept(room, federate=True)
        await asyncio.gather(a.share_keys(room, b.user_id), b.share_keys(room, a.user_id))
        await asyncio.gather(a.has_key(room, b.user_id), b.has_key(room, a.user_id))
        talk = Conversation(a, b, room)
        try:
            yield talk
        finally:
            talk.stop()
