"""The power fails on all servers of an option while it is set up: the next apply goes on."""

from __future__ import annotations

import os

import pytest

from assistant.plan.compile import compile_plan
from assistant.rehearsal.journey import boot_hosts
from assistant.rehearsal.practice_setup import practice_setup
from assistant.setup.model import Role
from tests.lab.conftest import Practice
from tests.lab.support.conversation import conversing
from tests.lab.support.servers import Servers
from tests.lab.support.stocked import stocked_image
from tests.lab.support.two_servers import say_and_read

EVERY = int(os.environ.get("MATRIX_ASSISTANT_CUT_EVERY", "12"))
"""One of so many resources is cut. 1 is what the project promises; the usual run saves the time."""

SECONDS = 1800.0


@pytest.mark.parametrize("option", [2, 4])
def test_an_option_is_set_up_through_power_cuts(practice: Practice, option: int) -> None:
    """Option 3 is option 4 without the machine at home; there the way wraps its links too."""
    practice.take_down()
    image = stocked_image(practice)
    lower = {role.value: image for role in Role}
    hosts = practice.run(boot_hosts(practice.lab, option, "trixie", lower=lower))
    line = practice.lab.home.wan_ipv4 if "home" in hosts else ""
    setup = practice_setup(
        option, "trixie", practice.lab.facts, hosts, line_ipv4=line, links="wrapped"
    )
    servers = Servers(practice, setup, hosts)
    try:
        practice.run(servers.ready(setup))
        cuts = practice.run(servers.apply_through_cuts(EVERY), SECONDS)
        practice.run(servers.changes_nothing())
        practice.run(_talk(servers))
    finally:
        for host in hosts.values():
            practice.remove(host)
        practice.forget_names()
    for plan in compile_plan(servers.setup).hosts:
        fallen = [resource for name, resource in cuts if name == plan.host]
        print(f"{plan.host}: {len(fallen)} cuts in {len(plan.resources)} resources")
        # What is right from the start, or tells a service just started, is never begun.
        assert len(fallen) >= len(plan.resources) // EVERY // 2, (plan.host, cuts)


async def _talk(servers: Servers) -> None:
    async with conversing(servers.setup) as talk:
        await say_and_read(talk, 3)
        await talk.read_again()
