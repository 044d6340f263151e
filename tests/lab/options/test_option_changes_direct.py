"""Option 1 changed straight to another one, and its Synapse given workers, amid a conversation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant.advice.options import OPTIONS
from assistant.change import changes
from assistant.plan.recipes.matrix import workers
from assistant.rehearsal.practice_setup import HOME_PORT, practice_host
from assistant.setup.model import Role
from tests.lab.conftest import Practice
from tests.lab.support.stocked import stocked_image
from tests.lab.support.story import Story, telling

NAMES = {2: "second", 4: "fourth"}


@pytest.fixture
def story(practice: Practice) -> Iterator[Story]:
    with telling(practice) as told:
        yield told


def test_straight_to_option_2(story: Story) -> None:
    story.boot("inside", side="inside", lower=stocked_image(story.practice))
    _to(story, 2, Role.INSIDE)


def test_straight_to_option_4(story: Story) -> None:
    lab = story.practice.lab
    story.practice.lay_line()
    image = stocked_image(story.practice)
    story.boot("inside", side="inside", lower=image)
    home = story.boot("home", side="home", lower=image)
    story.run(lab.home.forward(HOME_PORT, home.ipv4))
    _to(story, 4, Role.INSIDE, Role.HOME)


def _to(story: Story, option: int, *roles: Role) -> None:
    lab = story.practice.lab
    line = lab.home.wan_ipv4 if Role.HOME in roles else ""
    before = story.setup.server_name
    hosts = tuple(practice_host(role, lab.facts, story.hosts[role], line) for role in roles)
    story.change(
        changes.change_option(
            story.setup,
            option,
            hosts=hosts,
            server_name=story.name(NAMES[option]),
            access_port=HOME_PORT if Role.HOME in roles else None,
            acknowledged=str(OPTIONS[option].acknowledgement),
        )
    )
    assert (story.setup.option, story.setup.outside_name) == (option, before)
    story.run(story.meet())


def test_workers_come_and_go(story: Story) -> None:
    """Two processes more, then one of them less, then none: people notice nothing of it."""
    lab, host = story.practice.lab, story.hosts["outside"].name

    async def running() -> set[str]:
        units = ["matrix-synapse-worker@*", workers.REDIS_UNIT]
        listed = ["systemctl", "list-units", "--plain", "--no-legend", "--state=active", *units]
        told = await lab.exec(host, listed)
        return {line.split()[0] for line in told.stdout.splitlines()}

    def first(count: int) -> set[str]:
        return {workers.UNIT.replace("@.", f"@{number}.") for number in range(1, count + 1)}

    for count in (2, 1, 0):
        story.change(changes.set_workers(story.setup, count))
        story.run(story.meet())
        found = story.practice.run(running())
        assert found == (first(count) | {workers.REDIS_UNIT} if count else set()), count
