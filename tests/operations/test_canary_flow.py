"""The canary's run with people and hosts that are stood in for: order, failures, cleaning up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from assistant.canary import (
    Account,
    CanaryEvent,
    CanaryRequest,
    CanaryResult,
    Side,
    Stored,
    conversation,
    run_canary,
)
from assistant.canary.client import Arrival
from assistant.canary.encryption_proof import MEGOLM
from assistant.canary.failures import CanaryError
from assistant.text import msg


class World:
    """What servers hold, and what is made to go wrong."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.stored: dict[str, dict[str, Any]] = {}
        self.bodies: dict[str, str] = {}
        self.clear = 0
        self.blind = False
        self.stuck: list[str] = []
        self.lose: Callable[[str, int], bool] = lambda sender, number: False
        self.log: list[str] = []
        self.break_at = ""
        self.hang_at = ""
        self.reached = asyncio.Event()

    async def at(self, place: str) -> None:
        self.log.append(place)
        if place == self.hang_at:
            self.reached.set()
            await asyncio.sleep(3600)
        if place == self.break_at:
            raise CanaryError("broken", msg("Broken at {place}", place=place))


class FakeAccounts:
    def __init__(self, world: World, server: str) -> None:
        self.world = world
        self.server = server

    async def create(self, localparts: Sequence[str]) -> tuple[Account, ...]:
        made = tuple(
            Account(user_id=f"@{name}:{self.server}", password="hunter2") for name in localparts
        )
        self.world.users |= {account.user_id for account in made}
        await self.world.at("create")
        return made

    async def remove_temporary(self) -> Sequence[str]:
        await asyncio.sleep(0)
        self.world.log.append("remove")
        self.world.users = {u for u in self.world.users if not u.endswith(":" + self.server)}
        return list(self.world.stuck)

    async def stored(
        self, room_id: str, event_ids: Sequence[str], needles: Sequence[str]
    ) -> Stored:
        self.world.log.append(f"stored {self.server}")
        held = {
            name: self.world.stored[f"{self.server} {name}"]
            for name in event_ids
            if f"{self.server} {name}" in self.world.stored
        }
        return Stored(held, {needle: self._found(needle) for needle in needles})

    def _found(self, needle: str) -> int:
        if any(needle in body for body in self.world.bodies.values()):
            return self.world.clear
        return 0 if self.world.blind else 1


class FakePerson:
    world: World
    servers: tuple[str, ...]

    def __init__(self, side: Side, account: Account, timeout: float) -> None:
        self.user_id = account.user_id
        self.used_token = False

    async def log_in(self) -> None:
        await self.world.at("login")

    async def make_room(self, name: str, guest: str, *, federate: bool) -> str:
        assert federate is (len(self.servers) > 1)
        await self.world.at("room")
        return "!room"

    async def accept(self, room_id: str, *, federate: bool) -> None:
        await self.world.at("join")

    async def share_keys(self, room_id: str, other: str) -> None:
        await self.world.at("keys")

    async def has_key(self, room_id: str, other: str) -> None:
        return None

    async def send(self, room_id: str, body: str) -> tuple[str, float]:
        await self.world.at("send")
        event_id = f"${len(self.world.bodies)} {self.user_id}"
        self.world.bodies[event_id] = body
        event = {
            "type": "m.room.encrypted",
            "content": {"algorithm": MEGOLM, "ciphertext": "x" * 400},
        }
        for server in self.servers:
            self.world.stored[f"{server} {event_id}"] = event
        return event_id, time.perf_counter()

    async def read(self, body: str, event_id: str) -> Arrival:
        number, sender = event_id[1:].split(" ")
        if self.world.lose(sender, int(number)):
            raise CanaryError("not-delivered", msg("Lost"))
        return Arrival(time.perf_counter(), event_id, True)

    async def leave(self, room_id: str) -> None:
        self.world.log.append("leave")


def _sides(*servers: str) -> tuple[Side, ...]:
    return tuple(Side(server_name=name, base_url=f"https://{name}") for name in servers)


def _run(
    monkeypatch: pytest.MonkeyPatch,
    world: World,
    servers: tuple[str, ...] = ("a.test",),
    messages: int = 2,
) -> tuple[CanaryResult, list[CanaryEvent]]:
    events: list[CanaryEvent] = []
    FakePerson.world, FakePerson.servers = world, tuple(dict.fromkeys(servers))
    monkeypatch.setattr(conversation, "Person", FakePerson)
    request = CanaryRequest(sides=_sides(*servers), messages=messages, timeout=5)
    accounts = {name: FakeAccounts(world, name) for name in servers}
    result = asyncio.run(run_canary(request, accounts, events.append))
    return result, events


@pytest.mark.parametrize("servers", [("a.test",), ("a.test", "a.test"), ("a.test", "b.test")])
def test_a_good_run(monkeypatch: pytest.MonkeyPatch, servers: tuple[str, ...]) -> None:
    world = World()
    result, events = _run(monkeypatch, world, servers)
    assert result.ok, result
    assert (result.sent, result.delivered) == (4, 4)
    assert [line.sender for line in result.transcript] == ["A", "B", "A", "B"]
    assert [d.receiver_server for d in result.directions] == [servers[-1], servers[0]]
    assert not world.users
    assert world.log[0] == "remove", "what an earlier run left goes first"
    assert world.log.index("leave") < len(world.log) - 1 - world.log[::-1].index("remove")
    steps = list(dict.fromkeys(event.step for event in events))
    assert steps == [
        "clean",
        "create",
        "login",
        "room",
        "keys",
        "message",
        "proof",
        "remove",
    ]


@pytest.mark.parametrize("place", ["create", "login", "room", "join", "keys", "send"])
def test_a_failure_is_told_and_everything_removed(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    world = World()
    world.break_at = place
    result, events = _run(monkeypatch, world)
    assert not result.ok
    assert result.cause == "broken"
    assert str(result.failure) == f"Broken at {place}"
    assert result.removed
    assert not world.users
    assert not result.encrypted_on_server
    assert any(not event.ok for event in events)


def test_one_silent_direction_leaves_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    seen: list[str] = []

    def lose(sender: str, number: int) -> bool:
        seen.append(sender)
        return sender == seen[0]

    world.lose = lose
    result, _ = _run(monkeypatch, world, ("a.test", "b.test"), messages=3)
    a, b = result.directions
    assert (a.sent, a.delivered, a.p50_ms) == (1, 0, None)
    assert (b.sent, b.delivered) == (3, 3)
    assert result.cause == "not-delivered"
    assert result.encrypted_on_server, "what was sent is proven all the same"
    assert not result.ok


@pytest.mark.parametrize(
    ("harm", "cause"),
    [
        (lambda world: setattr(world, "clear", 1), "not-encrypted"),
        (lambda world: setattr(world, "blind", True), "search-blind"),
    ],
)
def test_the_search_must_find_nothing_but_be_able_to(
    monkeypatch: pytest.MonkeyPatch, harm: Callable[[World], None], cause: str
) -> None:
    world = World()
    harm(world)
    result, _ = _run(monkeypatch, world)
    assert (result.cause, result.encrypted_on_server, result.removed) == (cause, False, True)


def test_every_server_must_hold_every_message_encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = FakeAccounts.stored

    async def forgetful(self: FakeAccounts, *what: Any) -> Stored:
        stored = await whole(self, *what)
        return Stored({}, stored.found) if self.server == "b.test" else stored

    monkeypatch.setattr(FakeAccounts, "stored", forgetful)
    result, _ = _run(monkeypatch, World(), ("a.test", "b.test"))
    assert (result.cause, result.encrypted_on_server) == ("not-stored", False)


def test_the_proof_takes_one_call_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    result, _ = _run(monkeypatch, world, ("a.test", "b.test"), messages=20)
    assert result.ok, result
    assert sorted(line for line in world.log if line.startswith("stored")) == [
        "stored a.test",
        "stored b.test",
    ]


def test_users_that_stay_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.stuck = ["@canary-1:a.test"]
    result, _ = _run(monkeypatch, world)
    assert (result.removed, result.cause, result.ok) == (False, "left-behind", False)
    assert "@canary-1:a.test" in str(result.failure)


def test_a_host_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: FakeAccounts) -> Sequence[str]:
        raise OSError("secret detail")

    monkeypatch.setattr(FakeAccounts, "remove_temporary", broken)
    result, _ = _run(monkeypatch, World())
    assert (result.cause, result.removed, result.sent) == ("accounts-remove", False, 0)
    assert "secret detail" not in str(result.failure)


def test_one_broken_host_does_not_keep_the_other_from_being_cleaned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cleaned: list[str] = []

    async def remove(self: FakeAccounts) -> Sequence[str]:
        if self.server == "a.test":
            raise OSError
        await asyncio.sleep(0.05)
        cleaned.append(self.server)
        return []

    monkeypatch.setattr(FakeAccounts, "remove_temporary", remove)
    _run(monkeypatch, World(), ("a.test", "b.test"))
    assert cleaned == ["b.test", "b.test"], "before and after"


@pytest.mark.parametrize("place", ["create", "login", "keys", "send"])
def test_cancelled_runs_clean_up_first(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    world = World()
    world.hang_at = place
    FakePerson.world, FakePerson.servers = world, ("a.test",)
    monkeypatch.setattr(conversation, "Person", FakePerson)
    events: list[CanaryEvent] = []

    async def main() -> None:
        task = asyncio.create_task(
            run_canary(
                CanaryRequest(sides=_sides("a.test"), timeout=5),
                {"a.test": FakeAccounts(world, "a.test")},
                events.append,
            )
        )
        await asyncio.wait_for(world.reached.wait(), 5)
        assert world.users
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()  # an impatient second time, while it cleans up
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)

    asyncio.run(main())
    assert not world.users
    assert events[-1].step == "remove"
    assert events[-1].ok
