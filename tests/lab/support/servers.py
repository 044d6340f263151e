"""The servers of a setup in the lab, applied to as a person would, and with power that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from assistant.operations import apply, trust
from assistant.operations.connections import Connections
from assistant.operations.follow import HostResult
from assistant.plan.compile import compile_plan
from assistant.rehearsal.journey import confirm_by
from assistant.rehearsal.lab import LabHost
from assistant.rehearsal.practice_setup import PracticeSecrets
from assistant.remote import NoCredentials
from assistant.setup.model import Setup
from tests.lab.conftest import Practice
from tests.lab.support.host_faults import cut_power
from tests.lab.support.run_brake import Brake, braked_program

STEPS = 4
"""Cuts fall, in turn, at a resource's beginning and after each of its first writes."""

ROUNDS = 120
"""Rounds of cuts at most."""


@dataclass
class Servers:
    """The setup as it stands, and its hosts by name."""

    practice: Practice
    setup: Setup
    hosts: dict[str, LabHost]

    async def ready(self, setup: Setup) -> None:
        """Keys are compared, systems known, public records made."""
        setup = await trust.trust(setup, confirm_by(self.hosts), NoCredentials())
        async with Connections(setup, NoCredentials()) as connections:
            self.setup = await trust.learn(connections)
        for record in compile_plan(self.setup).records:
            if record.must == "exist" and record.where == "public" and not record.dynamic:
                await self.practice.lab.dns_set(record.name, record.type, record.values)

    async def apply(self) -> tuple[HostResult, ...]:
        """One apply to its end, which is good."""
        results = await self._try_to_apply()
        for result in results:
            assert result.ok, (result.host, result.failed, result.text, result.tail)
        return results

    async def changes_nothing(self) -> None:
        """Assert that all servers are as planned."""
        for result in await self.apply():
            assert result.changes == (), (result.host, result.changes)

    async def _try_to_apply(self) -> tuple[HostResult, ...]:
        keys = PracticeSecrets(self.practice.lab.facts)
        async with Connections(self.setup, NoCredentials()) as connections:
            self.setup, results = await apply.apply(
                connections, report=lambda _: None, secrets_from=keys
            )
        return results

    async def apply_through_cuts(self, every: int) -> list[tuple[str, str]]:
        """Every server loses its power at one of so many resources, until the apply is done.

        Returns which server was cut at which resource. Side by side they stand where they happen
        to be, so each is cut at most once a round.
        """
        lab = self.practice.lab
        brakes = {name: Brake(lab, host.name) for name, host in self.hosts.items()}
        left = {
            plan.host: [resource.id for resource in plan.resources][::every]
            for plan in compile_plan(self.setup).hosts
        }
        cuts: list[tuple[str, str]] = []
        try:
            with braked_program():
                for number in range(ROUNDS):
                    for name, brake in brakes.items():
                        brake.set(left[name], number % STEPS)
                    stands, done = await self._until_it_stands(brakes)
                    if done:
                        return cuts
                    for name, resource in stands.items():
                        cuts.append((name, resource))
                        left[name] = left[name][left[name].index(resource) + 1 :]
                    await asyncio.gather(
                        *(cut_power(lab, self.hosts[name].name) for name in stands)
                    )
                raise AssertionError(f"it never came to its end; cut at {cuts}")
        finally:
            for brake in brakes.values():
                brake.release()

    async def _until_it_stands(self, brakes: Mapping[str, Brake]) -> tuple[dict[str, str], bool]:
        """Apply: which servers stand at which resource now, or whether all is done."""
        task = asyncio.ensure_future(self._try_to_apply())
        waits = {name: asyncio.ensure_future(one.reached()) for name, one in brakes.items()}
        try:
            await asyncio.wait({task, *waits.values()}, return_when="FIRST_COMPLETED")
            # The others come to a stand, or to their end, soon.
            await asyncio.wait({task, *waits.values()}, timeout=1.5)
            stands = {name: wait.result() for name, wait in waits.items() if wait.done()}
            done = task.done() and not stands and all(one.ok for one in task.result())
        finally:
            for one in (task, *waits.values()):
                one.cancel()
            await asyncio.gather(task, *waits.values(), return_exceptions=True)
        return stands, done
