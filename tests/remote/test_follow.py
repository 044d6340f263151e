"""Following runs through drops: against a script of sessions, then against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.remote import HostFailure, RemoteError, Session, apply_run, connect, follow_run
from assistant.remote.follow import MOST_CONFIRMATIONS, request_stop
from assistant.text import msg
from tests.support.remote_sshd import Sshd, running_sshd

RUN = "20261122-1"
REQUEST = {"mode": "apply", "run": RUN, "resources": []}
EVENTS = [
    {"event": "run", "run": RUN, "total": 2, "seq": 1},
    {"event": "started", "id": "a", "seq": 2},
    {"event": "changed", "id": "a", "seq": 3},
    {"event": "finished", "ok": True, "seq": 4},
    {"event": "result", "run": RUN, "ok": True},
]


def gone(cause: str = "dropped") -> RemoteError:
    return RemoteError(cause, msg("gone"))


class Host:
    """A host with a journal. Each session breaks after so many events (None: never)."""

    def __init__(self, *breaks: int | RemoteError | None, starts: bool = True) -> None:
        self.breaks = list(breaks)
        self.starts = starts
        self.asked: list[dict[str, Any]] = []
        self.events = EVENTS

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Session]:
        step = self.breaks.pop(0) if self.breaks else None
        if isinstance(step, RemoteError):
            raise step
        yield cast(Session, self.session(step))

    def session(self, step: int | None) -> _FakeSession:
        return _FakeSession(self, step)


class _FakeSession:
    def __init__(self, host: Host, after: int | None) -> None:
        self.host = host
        self.after = after

    async def program(
        self, request: dict[str, Any], *, idle: float = 120
    ) -> AsyncGenerator[dict[str, Any], None]:
        self.host.asked.append(request)
        given_out = 0
        for event in self.host.events:
            if event.get("seq", 10**9) <= request.get("after", 0):
                continue
            if given_out == self.after:
                raise gone()
            given_out += 1
            await asyncio.sleep(0)
            yield event

    async def ask(self, request: dict[str, Any], *, idle: float = 120) -> dict[str, Any]:
        self.host.asked.append(request)
        if request.get("token") == "wrong":
            raise HostFailure("not-confirmed", msg("no"))
        return {"event": "result"}


class _Forgetful(_FakeSession):
    async def program(
        self, request: dict[str, Any], *, idle: float = 120
    ) -> AsyncGenerator[dict[str, Any], None]:
        if request["mode"] == "follow":
            self.host.asked.append(request)
            raise HostFailure("no-run", msg("unknown run"))
        async for event in super().program(request, idle=idle):
            yield event


class Clock:
    """Counts what was slept instead of sleeping."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


def follow(host: Host, clock: Clock | None = None, **options: Any) -> list[dict[str, Any]]:
    async def story() -> list[dict[str, Any]]:
        sleep = (clock or Clock()).sleep
        return [event async for event in apply_run(host.open, REQUEST, sleep=sleep, **options)]

    return asyncio.run(asyncio.wait_for(story(), 20))


@given(
    st.lists(
        st.integers(0, 5) | st.sampled_from([gone(), gone("refused"), gone("jump-timeout")]),
        max_size=6,
    )
)
def test_every_event_once_and_in_order_whatever_breaks(breaks: list[Any]) -> None:
    host = Host(1, *breaks)
    seen = follow(host)
    assert [event for event in seen if event["event"] != "reconnecting"] == EVENTS
    assert host.asked[0] == REQUEST
    assert all(r == {"mode": "follow", "run": RUN, "after": r["after"]} for r in host.asked[1:])


def test_a_drop_before_the_first_event_asks_again_with_the_same_run() -> None:
    host = Host(0)
    assert follow(host)[1:] == EVENTS
    assert host.asked == [REQUEST, REQUEST]


class Idle(Host):
    """A host with nothing to do: it keeps no journal of that."""

    def session(self, step: int | None) -> _FakeSession:
        return _Forgetful(self, step)


def test_a_drop_during_a_run_with_nothing_to_do_asks_again() -> None:
    host = Idle(2, None, None)
    seen = follow(host)
    assert [event for event in seen if event["event"] != "reconnecting"] == EVENTS
    assert [request["mode"] for request in host.asked] == ["apply", "follow", "apply"]


def test_waits_grow_to_half_a_minute_and_start_anew_after_an_event() -> None:
    host = Host(1, *[gone() for _ in range(7)], 1, gone())
    clock = Clock()
    seen = [event for event in follow(host, clock) if event["event"] == "reconnecting"]
    assert clock.waits == [1, 2, 4, 8, 16, 30, 30, 30, 1, 2]
    assert [event["wait"] for event in seen] == clock.waits
    assert [event["attempt"] for event in seen] == [1, 2, 3, 4, 5, 6, 7, 8, 1, 2]


@pytest.mark.parametrize("error", [gone("auth"), gone("host-key-changed"), gone("protocol")])
def test_what_does_not_pass_is_raised(error: RemoteError) -> None:
    with pytest.raises(RemoteError) as caught:
        follow(Host(2, error))
    assert caught.value is error


def test_a_first_connection_that_fails_is_raised() -> None:
    with pytest.raises(RemoteError):
        follow(Host(gone("refused")))


def test_giving_up() -> None:
    with pytest.raises(RemoteError):
        follow(Host(1, *[gone() for _ in range(1000)]), give_up=0.0)


def test_host_failures_are_raised() -> None:
    class Failing(Host):
        @asynccontextmanager
        async def open(self) -> AsyncIterator[Session]:
            raise HostFailure("busy", msg("another run"))
            yield

    with pytest.raises(HostFailure):
        follow(Failing())


@pytest.mark.parametrize(("token", "outcome"), [("good", "confirmed"), ("wrong", "unconfirmed")])
def test_confirmation_goes_over_a_new_connection_while_the_first_stays(
    token: str, outcome: str
) -> None:
    host = Host(3, gone(), None)
    host.events = [
        *EVENTS[:2],
        {"event": "confirm", "token": token, "seconds": 5, "seq": 3},
        {"event": "waiting"},
        {"event": "finished", "ok": True, "seq": 4},
        EVENTS[-1],
    ]
    opened: list[int] = []

    async def story() -> list[dict[str, Any]]:
        @asynccontextmanager
        async def open_session() -> AsyncIterator[Session]:
            opened.append(len(opened))
            async with host.open() as session:
                yield session

        return [
            e async for e in apply_run(open_session, REQUEST, sleep=lambda s: asyncio.sleep(0.05))
        ]

    seen = asyncio.run(asyncio.wait_for(story(), 20))
    names = [event["event"] for event in seen]
    assert outcome in names and "waiting" not in names
    assert sum(r.get("mode") == "confirm" for r in host.asked) == 1
    assert {"mode": "confirm", "run": RUN, "token": token} in host.asked
    assert [event["seq"] for event in seen if "seq" in event] == [1, 2, 3, 4]


def test_following_the_latest_run_learns_its_name() -> None:
    async def story() -> list[dict[str, Any]]:
        host = Host(2)
        events = [e async for e in follow_run(host.open, sleep=Clock().sleep)]
        assert host.asked[0]["run"] is None and host.asked[1]["run"] == RUN
        return events

    assert [e for e in asyncio.run(story()) if e["event"] != "reconnecting"] == EVENTS


def test_stop_is_asked_for() -> None:
    host = Host()
    asyncio.run(request_stop(host.open, RUN))
    assert host.asked == [{"mode": "stop", "run": RUN}]


def test_leaving_does_not_stop_the_run() -> None:
    async def story() -> None:
        host = Host()
        before = asyncio.all_tasks()
        events = cast(AsyncGenerator[dict[str, Any], None], apply_run(host.open, REQUEST))
        async with aclosing(events):
            assert await anext(events) == EVENTS[0]
        assert host.asked == [REQUEST]
        assert asyncio.all_tasks() == before

    asyncio.run(asyncio.wait_for(story(), 20))


# --- a real server, whose connections are cut


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd") / "one") as server:
        yield server


JOURNALED = {
    "assistant.onhost": "",
    "assistant.onhost.main": """
import json, os, sys, time

def out(event):
    sys.stdout.write(json.dumps(event) + "\\n")
    sys.stdout.flush()

def main(request, modules):
    with open(request.get("log") or os.environ.get("LOG", "/dev/null"), "a") as log:
        log.write(request["mode"] + "\\n")
    for seq in range(request.get("after", 0) + 1, 31):
        out({"event": "run" if seq == 1 else "output", "run": request["run"], "seq": seq})
        time.sleep(0.02)
    out({"event": "result", "ok": True})
    return 0
""",
}


def test_cut_connections_to_a_real_server(sshd: Sshd, tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def story() -> list[dict[str, Any]]:
        @asynccontextmanager
        async def open_session() -> AsyncIterator[Session]:
            async with connect("home", sshd.login()) as session:
                session._modules = JOURNALED
                yield session

        seen = []
        request = REQUEST | {"log": str(log)}
        async for event in apply_run(open_session, request, sleep=lambda s: asyncio.sleep(0.1)):
            seen.append(event)
            if event.get("seq") in (5, 6, 20):
                sshd.drop()
        return seen

    seen = asyncio.run(asyncio.wait_for(story(), 60))
    assert [event["seq"] for event in seen if "seq" in event] == list(range(1, 31))
    assert seen[-1] == {"event": "result", "ok": True}
    assert sum(event["event"] == "reconnecting" for event in seen) >= 2


def test_forged_questions_for_confirmation_open_few_connections() -> None:
    host = Host()
    host.events = [
        EVENTS[0],
        *(
            {"event": "confirm", "token": f"t{n}", "seconds": 2.5e11, "seq": 2 + n}
            for n in range(2000)
        ),
        {"event": "result"},
    ]
    seen = follow(host)
    asked = [request for request in host.asked if request.get("mode") == "confirm"]
    assert len(asked) <= MOST_CONFIRMATIONS
    assert seen[-1] == {"event": "result"}
