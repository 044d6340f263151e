"""Vantages: this computer for real, a host through a session that stands in."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from assistant.common.errors import AssistantError
from assistant.findings.model import THIS_COMPUTER
from assistant.findings.probes import Probe, Vantage, VantageError, Visitor
from assistant.findings.vantages import LocalVantage, LostVantage, SessionVantage
from assistant.onhost.probes import batch
from assistant.text import msg


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


class Session:
    """A session whose host is this computer; ``events`` replaces what the program says."""

    def __init__(self, events: list[dict[str, Any]] | None = None) -> None:
        self.events = events
        self.requests: list[Mapping[str, Any]] = []
        self.closed = 0

    async def program(
        self, request: Mapping[str, Any], *, idle: float = 120
    ) -> AsyncIterator[dict[str, Any]]:
        self.requests.append(request)
        try:
            if self.events is None:
                events: list[dict[str, Any]] = []
                await asyncio.to_thread(batch.run, request, events.append)
            else:
                events = self.events
            for event in events:
                yield event
            if self.events is not None:
                await asyncio.sleep(60)
        finally:
            self.closed += 1

    async def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.requests.append(request)
        return {"codename": "trixie"}


def test_this_computer_measures() -> None:
    vantage: Vantage = LocalVantage()
    probes = (
        Probe(id="clock", kind="clock"),
        Probe(id="closed", kind="tcp", fields={"host": "127.0.0.1", "port": free_port()}),
    )
    found = {item.probe: item for item in asyncio.run(vantage.measure(probes, 5))}
    assert found["clock"].ok and found["clock"].vantage == THIS_COMPUTER
    assert abs(found["clock"].data["time"] - time.time()) < 5
    assert (found["closed"].ok, found["closed"].error) == (False, "refused")
    assert vantage.host == "" and asyncio.run(vantage.facts()) is None


def test_a_host_is_sent_the_whole_batch_at_once() -> None:
    session = Session()
    vantage: Vantage = SessionVantage("outside", session)
    probes = tuple(Probe(id=str(n), kind="clock") for n in range(5))
    found = asyncio.run(vantage.measure(probes, 5))
    assert sorted(item.probe for item in found) == list("01234")
    assert {item.vantage for item in found} == {"outside"}
    assert len(session.requests) == 1 and session.requests[0]["mode"] == "measure"
    assert session.closed == 1


def test_nothing_to_measure_costs_nothing() -> None:
    session = Session()
    assert asyncio.run(SessionVantage("outside", session).measure((), 5)) == ()
    assert session.requests == []


def test_facts_come_with_the_time_of_the_exchange() -> None:
    before = time.time()
    told = asyncio.run(SessionVantage("outside", Session()).facts())
    assert told is not None and told.facts["codename"] == "trixie"
    assert before <= told.asked <= told.answered


def test_what_a_host_says_about_other_probes_or_in_other_shapes_is_left_out() -> None:
    session = Session(
        [
            {"event": "measurement", "probe": "other", "kind": "tcp", "ok": True},
            {"event": "measurement", "probe": "a", "kind": "tcp", "ok": "yes", "data": [1]},
            {"event": "error", "cause": "unknown", "text": "broke"},
        ]
    )

    async def go() -> None:
        with pytest.raises(VantageError) as caught:
            await SessionVantage("outside", session).measure((Probe(id="a", kind="tcp"),), 5)
        assert caught.value.cause == "vantage-lost"
        assert "broke" in str(caught.value.message)

    asyncio.run(go())
    assert session.closed == 1


def test_leaving_stops_the_measuring_thread() -> None:
    async def go() -> None:
        probe = Probe(id="l", kind="listen", fields={"port": 0, "nonce": "x", "seconds": 60})
        task = asyncio.create_task(LocalVantage().measure((probe,), 60))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())
    end = time.monotonic() + 5
    while any(t.name == "measure" for t in threading.enumerate()) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(thread.name == "measure" for thread in threading.enumerate())


def test_listening_is_over_when_the_visitors_came() -> None:
    async def go() -> tuple[Visitor, ...]:
        vantage, port = LocalVantage(), free_port()
        async with vantage.listen((port,), "nonce 1", 20, expect=2) as listening:
            assert listening.open == (port,)
            probe = Probe(
                id="p", kind="tcp", repeat=2, fields={"host": "127.0.0.1", "port": port, "read": 99}
            )
            found = await vantage.measure((probe,), 5)
            assert [item.data["banner"] for item in found] == ["nonce 1 127.0.0.1"] * 2
        return listening.visitors

    start = time.monotonic()
    visitors = asyncio.run(go())
    assert time.monotonic() - start < 6
    assert [(visitor.address, visitor.state) for visitor in visitors] == [
        ("127.0.0.1", "answered")
    ] * 2


def test_a_port_that_is_taken_is_told_and_the_others_open() -> None:
    async def go() -> None:
        with socket.create_server(("127.0.0.1", 0)) as sock:
            taken, free = sock.getsockname()[1], free_port()
            async with LocalVantage().listen((taken, free), "n", 5) as listening:
                assert listening.open == (free,)
                assert listening.failed[taken].error == "in-use"

    asyncio.run(go())


def test_listeners_that_never_start_are_an_error() -> None:
    session = Session([{"event": "result", "measured": 0}, {"event": "error", "text": "gone"}])

    async def go() -> None:
        with pytest.raises(VantageError):
            async with SessionVantage("outside", session).listen((8080,), "n", 5):
                pytest.fail("it must not be entered")

    asyncio.run(go())
    assert session.closed == 1


def test_a_host_that_is_down_is_a_vantage_that_cannot_measure() -> None:
    error = AssistantError("timeout", msg("It does not answer."))
    vantage = LostVantage("home", error)

    async def try_it() -> None:
        with pytest.raises(AssistantError, match="does not answer"):
            await vantage.facts()
        with pytest.raises(AssistantError, match="does not answer"):
            await vantage.measure([Probe(id="x", kind="tcp")], 1.0)

    asyncio.run(try_it())
