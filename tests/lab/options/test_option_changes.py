"""One setup through every change of mind, with people who talk all the while.

What they wrote before stays readable for their old clients, and they go on writing.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant.advice.options import OPTIONS
from assistant.change import changes
from assistant.operations import apply
from assistant.operations.connections import Connections
from assistant.plan.records import HOME_TTL
from assistant.rehearsal.lab import LabHost
from assistant.rehearsal.practice_setup import HOME_PORT, practice_host
from assistant.rehearsal.services.dns_servers import new_tsig
from assistant.remote import NoCredentials
from assistant.setup.model import DnsProvider, DnsUpdate, Role
from tests.lab.conftest import Practice
from tests.lab.support.renewal import renewed
from tests.lab.support.stocked import stocked_image
from tests.lab.support.story import Story, telling

OTHER_PORT = 31337


@pytest.fixture(scope="module")
def story(practice: Practice) -> Iterator[Story]:
    facts = practice.lab.facts
    with telling(practice) as told:
        yield told
        told.run(practice.lab.dns_keys(facts.tsig, facts.tsig_txt))


def test_a_certificate_proved_over_http_renews_itself(story: Story) -> None:
    story.run(renewed(story.practice.lab, story.hosts["outside"].name, story.setup.server_name))


def test_a_spare_name(story: Story) -> None:
    spare = story.name("spare")
    story.change(changes.add_spare_name(story.setup, spare))
    assert spare in story.setup.spare_names

    async def by_the_spare_name() -> None:
        (talk,) = story.talks
        await talk.follow(story.setup, access_name=spare)
        talk.say("a")
        await talk.arrived(60)
        await talk.read_again()

    story.run(by_the_spare_name())
    story.change(changes.remove_spare_name(story.setup, spare))


def test_from_option_1_to_option_3(story: Story) -> None:
    inside = story.boot("inside", side="inside", lower=stocked_image(story.practice))
    new = practice_host(Role.INSIDE, story.practice.lab.facts, inside, "")
    before = story.setup.server_name
    sentence = OPTIONS[3].acknowledgement
    story.change(
        changes.change_option(
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
    home = story.boot("home", side="home", lower=stocked_image(story.practice))
    story.run(lab.home.forward(HOME_PORT, home.ipv4))
    new = practice_host(Role.HOME, lab.facts, home, lab.home.wan_ipv4)
    story.change(
        changes.change_option(
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
    story.change(changes.change_port(story.setup, OTHER_PORT))


def test_links_are_wrapped(story: Story) -> None:
    first = changes.set_link(story.setup, "home", "wrapped")
    story.change(changes.set_link(first.setup, "outside", "wrapped"))


def test_another_dns_provider(story: Story) -> None:
    """Its keys are taken from then on, those of the old one are not; nobody gives a key twice."""
    lab = story.practice.lab
    both = [new_tsig(name, lab.facts.zone) for name in ("moved-key", "moved-certificate-key")]
    story.run(lab.dns_keys(*both))
    everything, only_txt = (
        DnsUpdate(server=key.server, key_name=key.name, algorithm=key.algorithm.upper())
        for key in both
    )
    changed = changes.change_provider(story.setup, DnsProvider(name="rfc2136", update=everything))
    proved = changed.setup.settings.model_copy(update={"dns_update": only_txt})
    story.change(
        changes.Change(changed.setup.model_copy(update={"settings": proved}), changed.todo)
    )
    story.run(renewed(lab, story.hosts["inside"].name, story.setup.server_name))

    async def redial() -> None:
        before = lab.home.wan_ipv4
        await lab.home.redial()
        assert lab.home.wan_ipv4 != before
        for talk in story.talks:
            talk.say("a")
            talk.say("b")
            await talk.arrived(HOME_TTL + 60.0)

    story.run(redial())


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
        changes.change_address(
            story.setup, "outside", ipv4=new.ipv4, ipv6=new.ipv6, login_address=new.ipv4
        )
    )
    story.practice.remove(old)


def test_the_home_machine_is_taken_out(story: Story) -> None:
    async def undone() -> None:
        async with Connections(story.setup, NoCredentials()) as connections:
            story.setup, results = await apply.undo(connections, report=lambda _: None, only="home")
            assert all(result.ok for result in results)

    story.run(undone())
    story.change(changes.remove_host(story.setup, "home"))
    assert story.setup.option == 3
