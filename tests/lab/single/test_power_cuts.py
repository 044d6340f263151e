"""The power is cut at each resource of the plan in turn: the next apply goes on, nothing is lost.

A brake holds the run at the point of the cut, so that it is the same on any machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from assistant.operations.follow import HostResult
from assistant.plan.compile import compile_plan
from assistant.rehearsal.lab import LabHost
from assistant.setup.model import Setup
from tests.lab.conftest import Practice
from tests.lab.support.host_faults import cut_power
from tests.lab.support.run_brake import Brake, Journals, braked_program
from tests.lab.support.stocked import (
    Talk,
    answers,
    applied,
    as_planned,
    begin_talk,
    changes_nothing,
    stocked,
)

STEPS = 4
"""Cuts fall, in turn, at a resource's beginning and after each of its first writes."""

EVERY = 4
"""Of the cuts after Synapse was started, how many go without a message before them, and one."""

SYNAPSE = "service:matrix-synapse.service"
WRITES = (
    *("mirror:", "directory:", "file:", "secret:", "user:", "firewall:", "timer:"),
    *("virtualenv:", "certificate:"),
)
"""Kinds whose work is to write files."""


@pytest.fixture
def braked() -> Iterator[None]:
    with braked_program():
        yield


@dataclass
class Sweep:
    """One host that loses its power again and again, and what became of it."""

    practice: Practice
    host: LabHost
    setup: Setup
    wanted: Callable[[str], bool] = lambda _: True
    lose_unwritten: bool = False
    cuts: list[str] = field(default_factory=list)
    talk: Talk | None = None

    async def go(self) -> HostResult:
        """Apply again and again, with a cut at the next wanted resource, until one ends."""
        brake = Brake(self.practice.lab, self.host.name)
        (plan,) = compile_plan(self.setup).hosts
        left = [resource.id for resource in plan.resources if self.wanted(resource.id)]
        while True:
            brake.set(left, len(self.cuts) % STEPS)
            task = asyncio.ensure_future(applied(self.setup))
            waiting = asyncio.ensure_future(brake.reached())
            try:
                await asyncio.wait({task, waiting}, return_when="FIRST_COMPLETED")
                if not waiting.done():
                    brake.release()
                    return task.result()
                self.cuts.append(waiting.result())
                left = left[left.index(self.cuts[-1]) + 1 :]
                await self._speak()
            finally:
                waiting.cancel()
                if not task.done():
                    task.cancel()
            await cut_power(self.practice.lab, self.host.name, lose_unwritten=self.lose_unwritten)

    async def _speak(self) -> None:
        """Now and then, say something right before the cut, once there is a Synapse to hear it."""
        lab, name = self.practice.lab, self.host.name
        (plan,) = compile_plan(self.setup).hosts
        order = [resource.id for resource in plan.resources]
        since = [one for one in self.cuts if order.index(one) > order.index(SYNAPSE)]
        if len(since) % EVERY != 1:
            return
        # The host has only just booted; Synapse comes up by itself.
        async with asyncio.timeout(60):
            while not await answers(lab, name):
                await asyncio.sleep(0.2)
        if self.talk is None:
            self.talk = await begin_talk(lab, name, self.setup, "talker")
        await self.talk.say()


def test_a_cut_at_every_resource_and_a_truer_one_at_every_write(
    practice: Practice, braked: None
) -> None:
    """Two hosts side by side: one is killed, the other also loses what was not synced."""
    host, setup = stocked(practice)
    killed = Sweep(practice, host, setup)
    name = f"two.{practice.lab.facts.zone}"
    host, setup = stocked(practice, disk="3G")
    setup = setup.model_copy(update={"server_name": name, "access_name": name})
    practice.point(setup, host)
    practice.point(killed.setup, killed.host)
    forgetful = Sweep(
        practice, host, setup, lambda one: one.startswith(WRITES), lose_unwritten=True
    )

    right: set[str] = set()

    async def both() -> None:
        right.update(await as_planned(killed.setup))
        # What the lab itself put there must not be what gets lost.
        await practice.lab.exec(forgetful.host.name, ["sync"])
        results = await asyncio.gather(killed.go(), forgetful.go())
        for sweep, result in zip((killed, forgetful), results, strict=True):
            assert result.ok, (result.failed, result.text, result.tail, sweep.cuts[-1])
            await changes_nothing(sweep.setup)
            assert sweep.talk is not None
            assert len(sweep.talk.events) >= 3
            assert await sweep.talk.unreadable() == []

    practice.run(both(), 900)
    (plan,) = compile_plan(killed.setup).hosts
    never = {resource.id for resource in plan.resources} - set(killed.cuts)
    # Nothing is done for what was right from the start, nor told to a service just started.
    assert never <= right | {"service:nginx.service#links"}, never - right
    assert len(right) < len(plan.resources) / 3, right
    assert len(forgetful.cuts) >= 25
    for kind in WRITES:
        assert any(one.startswith(kind) for one in forgetful.cuts), kind
    for sweep in (killed, forgetful):
        practice.remove(sweep.host)
    for kind in ("A", "AAAA"):
        practice.run(practice.lab.dns_delete(name, kind))


APT_SECONDS = (1.5, 6.0)
PIP_SECONDS = 4.0


def test_a_cut_amid_installations_on_a_bare_server(practice: Practice) -> None:
    """No python3, no packages: cut while apt unpacks and configures, and while pip installs."""
    host = practice.fresh(python=False)
    setup = practice.setup_for(host)
    lab = practice.lab
    postgresql, synapse = "packages:postgresql", "virtualenv:/opt/matrix-assistant/synapse"

    async def cut(resource: str, seconds: float) -> None:
        journals = Journals(lab, host.name)
        task = asyncio.ensure_future(applied(setup))
        await journals.started(lambda one: one == resource)
        await asyncio.sleep(seconds)
        assert not task.done()
        task.cancel()
        await cut_power(lab, host.name)

    async def story() -> None:
        for seconds in APT_SECONDS:
            await cut(postgresql, seconds)
        await cut(synapse, PIP_SECONDS)
        result = await applied(setup)
        assert result.ok, result
        assert synapse in result.changes
        await changes_nothing(setup)
        broken = await lab.exec(host.name, ["dpkg", "--audit"])
        assert broken.stdout == ""

    practice.run(story(), 600)
    practice.remove(host)
