"""One setup through every change of mind, with people who talk all the while.

What they wrote before stays readable for their old clients, and they go on writing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from assistant import change, run
from assistant.options import OPTIONS
from assistant.plan.compile import compile_plan
from assistant.rehearsal.brake import Brake, braked_program
from assistant.rehearsal.faults import cut_power
from assistant.rehearsal.journey import confirm_by
from assistant.rehearsal.lab import LabHost
from assistant.rehearsal.practice import HOME_PORT, PracticeSecrets, practice_host, practice_setup
from assistant.remote import NoCredentials
from assistant.run import HostResult
from assistant.setup import Role, Setup
from tests.lab.conftest import Practice
from tests.lab.conversation import Conversation, conversing
from tests.lab.stocked import stocked_image

OTHER_PORT = 31337
SECONDS = 300.0
CUTS_SECONDS = 900.0
EVERY = 4
"""One of so many resources is cut: each cut costs a start of the server."""


@dataclass
class Story:
    """The setup as it stands, its hosts by name, and the conversations that go on."""

    practice: Practice
    setup: Setup
    hosts: dict[str, LabHost]
    talks: list[Conversation] = field(default_factory=list)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def name(self, label: str) -> str:
        """A name in the zone of the lab."""
        return f"{label}.{self.practice.lab.facts.zone}"

    def run(self, work: Awaitable[None]) -> None:
        """Do something in the lab."""
        self.practice.run(work, SECONDS)

    def change(self, changed: change.Change, *, cuts: bool = False) -> None:
        """Do what a person does with a change; then everybody reads what was, and goes on.

        With ``cuts`` the power fails on all servers again and again until it is done.
        """
        assert changed.todo
        self.run(self._ready(changed.setup))
        if cuts:
            self.practice.run(self._through_cuts(), CUTS_SECONDS)
        else:
            assert any(result.changes for result in self.practice.run(self._apply(), SECONDS))
        assert not any(result.changes for result in self.practice.run(self._apply(), SECONDS))
        self.run(self._go_on())

    async def _ready(self, setup: Setup) -> None:
        """Keys are compared, systems known, public records made."""
        setup = await run.trust(setup, confirm_by(self.hosts), NoCredentials())
        async with run.Connections(setup, NoCredentials()) as connections:
            self.setup = await run.learn(connections)
        for record in compile_plan(self.setup).records:
            if record.must == "exist" and record.where == "public" and not record.dynamic:
                await self.practice.lab.dns_set(record.name, record.type, record.values)

    async def _apply(self) -> tuple[HostResult, ...]:
        results = await self._try_to_apply()
        for result in results:
            assert result.ok, (result.host, result.failed, result.text, result.tail)
        return results

    async def _try_to_apply(self) -> tuple[HostResult, ...]:
        keys = PracticeSecrets(self.practice.lab.facts)
        async with run.Connections(self.setup, NoCredentials()) as connections:
            self.setup, results = await run.apply(
                connections, report=lambda _: None, secrets_from=keys
            )
        return results

    async def _through_cuts(self) -> None:
        """Every server loses its power at every fourth resource, wherever it stands in it."""
        lab = self.practice.lab
        brakes = {name: Brake(lab, host.name) for name, host in self.hosts.items()}
        left = {
            p.host: [r.id for r in p.resources][::EVERY] for p in compile_plan(self.setup).hosts
        }
        cuts: list[tuple[str, str]] = []
        try:
            with braked_program():
                for number in range(40):
                    for name, brake in brakes.items():
                        brake.set(left[name], number % 4)
                    stands, done = await self._until_it_stands(brakes)
                    if done:
                        break
                    for name, resource in stands.items():
                        cuts.append((name, resource))
                        left[name] = left[name][left[name].index(resource) + 1 :]
                    await asyncio.gather(
                        *(cut_power(lab, self.hosts[name].name) for name in stands)
                    )
                else:
                    raise AssertionError(f"it never came to its end; cut at {cuts}")
        finally:
            for brake in brakes.values():
                brake.release()
        assert len(cuts) >= 8, cuts
        # The server outside has next to nothing to change.
        assert {"home", "inside"} <= {name for name, _ in cuts}, cuts

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


@pytest.fixture(scope="module")
def story(practice: Practice) -> Iterator[Story]:
    host, setup = practice.clone()
    told = Story(practice, with_dns(practice, host, setup), {"outside": host})
    told.run(told.meet())
    try:
        yield told
    finally:
        told.run(told.stack.aclose())
        for host in told.hosts.values():
            practice.remove(host)
        practice.forget_names()


def with_dns(practice: Practice, host: LabHost, setup: Setup) -> Setup:
    """The Setup with the lab's DNS as its provider, as someone typed it."""
    facts = practice.lab.facts
    of_3 = practice_setup(3, "trixie", facts, {"inside": host, "outside": host}).settings
    given = {"dns_update": of_3.dns_update, "provider": of_3.provider}
    return setup.model_copy(update={"settings": setup.settings.model_copy(update=given)})


def boot(story: Story, name: str, **how: Any) -> LabHost:
    """One more server of the setup, whose packages are there already."""
    host = story.practice.run(story.practice.lab.boot(name, release="trixie", **how))
    story.hosts[name] = host
    return host


def test_a_spare_name(story: Story) -> None:
    spare = story.name("spare")
    story.change(change.add_spare_name(story.setup, spare))
    assert spare in story.setup.spare_names

    async def by_the_spare_name() -> None:
        (talk,) = story.talks
        await talk.follow(story.setup, access_name=spare)
        talk.say("a")
        await talk.arrived(60)
        await talk.read_again()

    story.run(by_the_spare_name())
    story.change(change.remove_spare_name(story.setup, spare))


def test_from_option_1_to_option_3(story: Story) -> None:
    inside = boot(story, "inside", side="inside", lower=stocked_image(story.practice))
    new = practice_host(Role.INSIDE, story.practice.lab.facts, inside, "")
    before = story.setup.server_name
    sentence = OPTIONS[3].acknowledgement
    story.change(
        change.change_option(
            story.setup,
            3,
            hosts=(new,),
            server_name=story.name("drinnen"),
            acknowledged=str(sentence),
        )
    )
    assert story.setup.outside_name == before
    story.run(story.meet())


def test_from_option_3_to_option_4_with_power_cuts(story: Story) -> None:
    lab = story.practice.lab
    story.practice.lay_line()
    home = boot(story, "home", side="home", lower=stocked_image(story.practice))
    story.run(lab.home.forward(HOME_PORT, home.ipv4))
    new = practice_host(Role.HOME, lab.facts, home, lab.home.wan_ipv4)
    story.change(
        change.change_option(
            story.setup,
            4,
            hosts=(new,),
            access_port=HOME_PORT,
            acknowledged=str(OPTIONS[4].acknowledgement),
        ),
        cuts=True,
    )


def test_another_port(story: Story) -> None:
    lab, home = story.practice.lab, story.hosts["home"]
    story.run(lab.home.forward(OTHER_PORT, home.ipv4))
    story.change(change.change_port(story.setup, OTHER_PORT))


def test_links_are_wrapped(story: Story) -> None:
    first = change.set_link(story.setup, "home", "wrapped")
    story.change(change.set_link(first.setup, "outside", "wrapped"))


def test_another_address(story: Story) -> None:
    """The server outside moves, disk and all, to another machine."""
    lab = story.practice.lab
    old = story.hosts.pop("outside")

    async def move() -> LabHost:
        await lab.power_off(old.name)
        image = await lab.snapshot(old.name)
        return await lab.boot("outside-2", release="trixie", lower=image)

    new = story.hosts["outside"] = story.practice.run(move())
    assert new.ipv4 != old.ipv4
    story.change(
        change.change_address(
            story.setup, "outside", ipv4=new.ipv4, ipv6=new.ipv6, login_address=new.ipv4
        )
    )
    story.practice.remove(old)


def test_the_home_machine_is_taken_out(story: Story) -> None:
    async def undone() -> None:
        async with run.Connections(story.setup, NoCredentials()) as connections:
            story.setup, results = await run.undo(connections, report=lambda _: None, only="home")
            assert all(result.ok for result in results)

    story.run(undone())
    story.change(change.remove_host(story.setup, "home"))
    assert story.setup.option == 3
