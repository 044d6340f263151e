"""The line drops, the assistant dies, two come at once: one run goes on and is followed to its end.

A brake holds the run while such a thing happens, so that it happens in its middle on any machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from assistant.operations import apply
from assistant.operations.connections import Connections
from assistant.operations.follow import HostResult
from assistant.rehearsal.lab import Border, LabHost
from assistant.remote import NoCredentials
from assistant.setup.model import Setup
from tests.lab.conftest import GOOD_LINE, Cli, Practice
from tests.lab.support.host_faults import drop_sessions, dropped_sessions
from tests.lab.support.run_brake import Brake, braked_program
from tests.lab.support.stocked import applied, changes_nothing

HELD = "file:/etc/matrix-synapse/homeserver.yaml"
"""What the run is held at: the setting that every test changes."""

BRAKED = """\
import sys
from assistant.cli import main
from tests.lab.support.run_brake import braked_program
with braked_program():
    sys.exit(main())
"""


@pytest.fixture(scope="module")
def server(practice: Practice) -> Iterator[tuple[LabHost, Setup]]:
    host, setup = practice.clone()
    yield host, setup
    practice.remove(host)


@pytest.fixture
def changed(server: tuple[LabHost, Setup], request: pytest.FixtureRequest) -> Setup:
    """The Setup with a setting that no test before has set."""
    numbers = [item.name for item in request.session.items]
    megabytes = 60 + numbers.index(request.node.name) % 30
    _, setup = server
    settings = setup.settings.model_copy(update={"upload_megabytes": megabytes})
    return setup.model_copy(update={"settings": settings})


@pytest.fixture
def braked(practice: Practice, server: tuple[LabHost, Setup]) -> Iterator[Brake]:
    with braked_program():
        brake = Brake(practice.lab, server[0].name)
        brake.set([HELD], 1)
        yield brake
        brake.release()


async def runs_on(setup: Setup) -> list[Mapping[str, Any]]:
    async with Connections(setup, NoCredentials()) as connections:
        told = await apply.status(connections)
    return list(told[setup.hosts[0].name]["runs"])


def seen_once(events: list[dict[str, Any]]) -> None:
    """Every numbered event came once and in order."""
    numbers = [event["seq"] for event in events if "seq" in event]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_session_that_is_cut(
    practice: Practice, server: tuple[LabHost, Setup], changed: Setup, braked: Brake
) -> None:
    host, _ = server
    events: list[dict[str, Any]] = []

    async def story() -> HostResult:
        task = asyncio.ensure_future(applied(changed, lambda event: events.append(dict(event))))
        await braked.reached()
        assert await drop_sessions(practice.lab, host.name) > 0
        await asyncio.sleep(0.2)
        assert not task.done()
        braked.release()
        return await task

    result = practice.run(story())
    assert result.ok, result
    assert HELD in result.changes
    assert [event["event"] for event in events].count("reconnecting") >= 1
    seen_once(events)
    practice.run(changes_nothing(changed))


def test_a_line_that_is_down_for_a_while(
    practice: Practice, server: tuple[LabHost, Setup], changed: Setup, braked: Brake
) -> None:
    host, _ = server
    lab = practice.lab
    events: list[dict[str, Any]] = []

    async def story() -> HostResult:
        task = asyncio.ensure_future(applied(changed, lambda event: events.append(dict(event))))
        await braked.reached()
        await lab.link_down(host.name)
        braked.release()
        await asyncio.sleep(4)
        assert not task.done()
        await lab.link_up(host.name)
        return await task

    result = practice.run(story())
    assert result.ok, result
    seen_once(events)
    practice.run(changes_nothing(changed))


def test_a_session_that_drops_all_the_time(
    practice: Practice, server: tuple[LabHost, Setup], changed: Setup, braked: Brake
) -> None:
    host, _ = server

    async def story() -> tuple[HostResult, list[int]]:
        async with dropped_sessions(practice.lab, host.name, every=2) as counts:
            task = asyncio.ensure_future(applied(changed))
            while sum(counts) < 3:
                await asyncio.sleep(0.1)
            braked.release()
            return await task, counts

    result, counts = practice.run(story())
    assert result.ok, result
    assert sum(counts) >= 3
    practice.run(changes_nothing(changed))


def test_a_line_that_is_as_bad_as_can_be(
    practice: Practice, server: tuple[LabHost, Setup], changed: Setup, braked: Brake
) -> None:
    """One packet in ten is lost, a round trip takes 600 ms, and each session dies after 20 s."""
    host, _ = server
    lab = practice.lab
    events: list[dict[str, Any]] = []

    async def story() -> tuple[HostResult, list[int]]:
        await lab.border.change(Border(rtt_ms=600, loss_percent=10))
        try:
            async with dropped_sessions(lab, host.name, every=20) as counts:
                task = asyncio.ensure_future(
                    applied(changed, lambda event: events.append(dict(event)))
                )
                while len(counts) < 2:
                    await asyncio.sleep(0.1)
                assert not task.done()
                braked.release()
                return await task, counts
        finally:
            await lab.border.change(GOOD_LINE)

    result, counts = practice.run(story())
    assert result.ok, result
    assert sum(counts) >= 2
    seen_once(events)
    practice.run(changes_nothing(changed))


def test_an_assistant_that_is_killed_and_started_again(
    practice: Practice,
    server: tuple[LabHost, Setup],
    changed: Setup,
    braked: Brake,
    cli: Cli,
    saved: Callable[[Setup], Path],
    tmp_path: Path,
) -> None:
    before = practice.run(runs_on(changed))
    argv = ["apply", "--setup", str(saved(changed)), "--unattended", "--skip-checks", "--json"]
    first = subprocess.Popen(
        [sys.executable, "-c", BRAKED, *argv],
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path / "data")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    practice.run(braked.reached())
    first.send_signal(signal.SIGKILL)
    first.wait(10)

    async def again() -> Any:
        second = asyncio.ensure_future(asyncio.to_thread(cli, *argv))
        # It must have joined before the run may end.
        await asyncio.sleep(4)
        braked.release()
        return await second

    ended = practice.run(again())
    assert ended.code == 0, (ended.out, ended.err)
    (told,) = json.loads(ended.out)["hosts"]
    after = practice.run(runs_on(changed))
    assert len(after) == len(before) + 1
    assert after[0]["run"] == told["run"]
    assert after[0]["ok"]
    assert HELD in told["changes"]
    practice.run(changes_nothing(changed))


def test_two_at_once(
    practice: Practice,
    server: tuple[LabHost, Setup],
    changed: Setup,
    braked: Brake,
    cli: Cli,
    saved: Callable[[Setup], Path],
) -> None:
    path = str(saved(changed))

    async def story() -> tuple[HostResult, str, Any, Any]:
        first = asyncio.ensure_future(applied(changed))
        await braked.reached()
        (under_way, *_) = await runs_on(changed)
        argv = ["--setup", path, "--unattended", "--json"]
        taken_back = await asyncio.to_thread(cli, "undo", *argv)
        second = asyncio.ensure_future(asyncio.to_thread(cli, "apply", *argv, "--skip-checks"))
        await asyncio.sleep(4)
        assert not second.done()
        braked.release()
        return await first, str(under_way["run"]), taken_back, await second

    first, holder, taken_back, second = practice.run(story())
    assert first.ok, first
    assert first.run == holder
    # An undo may not wait in line behind an apply: it is refused, and says by whom.
    assert taken_back.code == 4
    (told,) = json.loads(taken_back.out)["hosts"]
    assert told["cause"] == "busy"
    assert holder in told["text"]
    assert " UTC" in told["text"]
    # A second apply says the same and follows the first to its end.
    assert second.code == 0, second
    assert holder in second.err
    assert "outside" in second.err
    assert " UTC" in second.err
    assert json.loads(second.out)["hosts"][0]["run"] == holder
    practice.run(changes_nothing(changed))
