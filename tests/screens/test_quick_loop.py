"""The clock of the page tests: timers fire at once and in order, on a busy computer as well."""

from __future__ import annotations

import asyncio
import time

from tests.support.quick_loop import pass_time, run_quickly


def test_time_that_passes_is_not_waited_for() -> None:
    fired: list[str] = []

    async def test() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(7200, fired.append, "second")
        loop.call_later(3600, fired.append, "first")
        await pass_time(3599)
        assert fired == []
        await pass_time(3602)
        assert fired == ["first", "second"]

    begun = time.monotonic()
    run_quickly(test())
    assert time.monotonic() - begun < 60


def test_work_takes_no_time_of_the_clock() -> None:
    """Or a timer would not have fired when a page on a busy computer is looked at."""
    fired: list[int] = []

    async def test() -> None:
        loop = asyncio.get_running_loop()

        def slow() -> None:
            time.sleep(0.05)
            loop.call_later(0.01, fired.append, 1)

        loop.call_soon(slow)
        await pass_time(0.02)
        assert fired == [1]

    run_quickly(test())


def test_a_thread_that_works_is_waited_for_a_moment() -> None:
    async def test() -> None:
        work = asyncio.ensure_future(asyncio.to_thread(time.sleep, 0.001))
        await pass_time(0.001)
        assert work.done()

    run_quickly(test())
