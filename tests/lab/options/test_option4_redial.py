"""Option 4: the home line gets another address in the middle of a conversation."""

from __future__ import annotations

import asyncio

import pytest

from assistant.plan.records import HOME_TTL
from tests.lab.conftest import Practice
from tests.lab.support.conversation import conversing
from tests.lab.support.two_servers import say_and_read

LIMIT = HOME_TTL + 60.0


@pytest.mark.usefixtures("bad_line")
def test_people_are_back_soon_and_nothing_is_lost(practice: Practice) -> None:
    standing = practice.standing(4, "wrapped")
    home = practice.lab.home

    async def redial() -> float:
        async with conversing(standing.setup) as talk:
            await say_and_read(talk, 2)
            before = home.wan_ipv4
            await home.redial()
            assert home.wan_ipv4 != before
            begun = asyncio.get_running_loop().time()
            for _ in range(4):
                talk.say("a")
                talk.say("b")
                await asyncio.sleep(2)
            await talk.arrived(LIMIT)
            return asyncio.get_running_loop().time() - begun

    seconds = practice.run(redial(), 300)
    assert seconds <= LIMIT
    print(f"after the redial everything had arrived within {seconds:.1f} s")
