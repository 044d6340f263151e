"""Each host and each link down for a while: what was written meanwhile arrives afterwards."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

from tests.lab.conftest import Practice
from tests.lab.support.conversation import Conversation, conversing
from tests.lab.support.two_servers import say_and_read

SECONDS = float(os.environ.get("MATRIX_ASSISTANT_OUTAGE_SECONDS", "20"))
"""How long it lasts. 60 is what the project promises; the usual run saves the time."""

AFTERWARDS = 180.0
"""Seconds within which everything must have arrived once all is up again."""

MESSAGES = 4
"""Texts each writes meanwhile."""

Step = Callable[[], Awaitable[None]]


async def _through(talk: Conversation, down: Step, up: Step) -> float:
    """Write before, during and after an outage; returns the seconds the rest took to arrive."""
    await say_and_read(talk, 1)
    await down()
    for _ in range(MESSAGES):
        talk.say("a")
        talk.say("b")
        await asyncio.sleep(SECONDS / MESSAGES)
    await up()
    begun = asyncio.get_running_loop().time()
    talk.say("a")
    talk.say("b")
    await talk.arrived(AFTERWARDS)
    return asyncio.get_running_loop().time() - begun


@pytest.mark.usefixtures("bad_line")
@pytest.mark.parametrize("name", ["home", "inside", "outside"])
def test_a_host_is_off_for_a_while(practice: Practice, name: str) -> None:
    standing = practice.standing(4, "wrapped")
    lab = practice.lab

    async def outage() -> float:
        async with conversing(standing.setup) as talk:
            return await _through(talk, lambda: lab.power_cut(name), lambda: lab.power_on(name))

    seconds = practice.run(outage(), SECONDS + AFTERWARDS + 200)
    print(f"{name} was off for {SECONDS:.0f} s; the rest arrived {seconds:.1f} s later")


@pytest.mark.usefixtures("bad_line")
@pytest.mark.parametrize("name", ["home-router", "home", "outside"])
def test_a_link_is_down_for_a_while(practice: Practice, name: str) -> None:
    standing = practice.standing(4, "wrapped")
    lab = practice.lab

    async def outage() -> float:
        async with conversing(standing.setup) as talk:
            return await _through(talk, lambda: lab.link_down(name), lambda: lab.link_up(name))

    seconds = practice.run(outage(), SECONDS + AFTERWARDS + 200)
    print(f"{name} was cut off for {SECONDS:.0f} s; the rest arrived {seconds:.1f} s later")
