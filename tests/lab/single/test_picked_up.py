"""The program is left during an apply and started again: it joins the run, nothing runs twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from assistant.operations import apply
from assistant.operations.connections import Connections
from assistant.operations.follow import HostResult, Progress
from assistant.remote import HostKey, NoCredentials, Wanted
from assistant.setup.model import Host, Setup
from screens.services.real_services import RealServices
from tests.lab.conftest import Practice


class Nobody:
    """Nobody to ask: everything is known."""

    async def confirm_key(self, host: Host, is_jump: bool, key: HostKey) -> bool:
        raise AssertionError("the key was confirmed before")

    async def ask(self, wanted: Wanted) -> str | None:
        raise AssertionError(f"asked for {wanted.kind}")

    async def provided(self, name: str, host: str) -> str | None:
        return None


async def runs_on(setup: Setup) -> list[str]:
    """The runs that the host knows, newest first."""
    async with Connections(setup, NoCredentials()) as connections:
        told = await apply.status(connections)
    return [str(one["run"]) for one in told[setup.hosts[0].name]["runs"]]


async def left_after(services: RealServices, name: str, kind: str) -> list[dict[str, Any]]:
    """Apply until the first event of a kind, then leave as quitting does; the events so far."""
    seen: list[dict[str, Any]] = []
    enough = asyncio.Event()

    def report(progress: Progress) -> None:
        seen.append(dict(progress.event))
        if progress.event["event"] == kind:
            enough.set()

    task = asyncio.ensure_future(services.apply(name, Nobody(), {}, report))
    waiting = asyncio.ensure_future(enough.wait())
    await asyncio.wait({task, waiting}, return_when="FIRST_COMPLETED")
    assert enough.is_set(), task.result()
    task.cancel()
    await asyncio.wait({task})
    return seen


def test_an_apply_that_was_left_is_picked_up_where_it_is(
    practice: Practice, tmp_path: Path
) -> None:
    host, setup = practice.clone()
    settings = setup.settings.model_copy(update={"upload_megabytes": 51})
    wanted = setup.model_copy(update={"settings": settings})

    async def story() -> tuple[list[str], list[str], str, tuple[HostResult, ...]]:
        before = await runs_on(wanted)
        first = RealServices(tmp_path)
        first.save_setup(wanted)
        seen = await left_after(first, wanted.name, "started")
        ours = next(str(event["run"]) for event in seen if event["event"] == "run")
        again: list[Progress] = []
        # A program of its own, as after a restart: nothing is shared but the files.
        results = await RealServices(tmp_path).apply(wanted.name, Nobody(), {}, again.append)
        return before, await runs_on(wanted), ours, results

    before, after, ours, (result,) = practice.run(story(), 300)
    assert result.ok, result
    assert set(after) - set(before) == {ours}
    assert result.run == ours
    assert result.changed > 0
    kept = RealServices(tmp_path).load_setup(wanted.name)
    assert [(e.what, e.run, e.ok) for e in kept.history[len(setup.history) :]] == [
        ("applied", ours, True)
    ]
    practice.remove(host)


def test_a_run_that_ended_meanwhile_is_found_done(practice: Practice, tmp_path: Path) -> None:
    host, setup = practice.clone()
    settings = setup.settings.model_copy(update={"upload_megabytes": 52})
    wanted = setup.model_copy(update={"settings": settings, "history": ()})

    async def story() -> tuple[HostResult, ...]:
        first = RealServices(tmp_path)
        first.save_setup(wanted)
        await left_after(first, wanted.name, "started")
        while True:
            async with Connections(wanted, NoCredentials()) as connections:
                told = await apply.status(connections)
            if told[wanted.hosts[0].name]["lock"] is None:
                break
            await asyncio.sleep(1)
        return await RealServices(tmp_path).apply(wanted.name, Nobody(), {}, lambda _: None)

    (result,) = practice.run(story(), 300)
    assert result.ok, result
    assert result.changed == 0
    kept = RealServices(tmp_path).load_setup(wanted.name)
    assert [(e.what, e.ok) for e in kept.history] == [("applied", True)]
    practice.remove(host)
