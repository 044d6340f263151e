"""An event loop whose clock goes on by itself while nothing is to be done.

A page has timers: it draws ten times a second, counts seconds, waits before it checks what was
typed. A test wants to see what comes of them and not to wait for them.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Awaitable
from typing import Any
from unittest import mock

from textual._context import active_app

MOMENT = 0.02
"""Seconds of the loop's clock that a page has after a key."""

MOVES_SECONDS = 1.0
"""As long it has for what glides into view."""

THREAD_SECONDS = 0.02
"""Real seconds for which time stands still at a stretch for the sake of a thread that works."""


class QuickLoop(asyncio.SelectorEventLoop):
    """The loop. Its clock stands still while it works, so that a busy computer shows the same.

    :meth:`pass_time` makes the clock jump; otherwise it goes on as long as the loop really sleeps.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._due = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._threads = 0
        super().__init__(_Watched(self))

    def time(self) -> float:
        return self._now

    async def pass_time(self, seconds: float) -> None:
        """Let everything happen that would in so many seconds, and all that comes of it."""
        assert self._waiter is None, "one at a time"
        self._due = self.time() + seconds
        self._waiter = self.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        work = super().run_in_executor(executor, func, *args)
        self._threads += 1
        work.add_done_callback(self._thread_is_done)
        return work

    def _thread_is_done(self, _: object) -> None:
        self._threads -= 1

    @property
    def is_passing_time(self) -> bool:
        """Whether somebody waits for time to pass."""
        return self._waiter is not None and not self._waiter.done()

    def go_on(self, timeout: float | None) -> None:
        """Set the clock to when there is something to do again, ``timeout`` seconds from now."""
        assert self._waiter is not None
        left = self._due - self._now
        if timeout is None or timeout > left:
            self._now = self._due
            self._waiter.set_result(None)
        else:
            self._now += timeout

    def slept(self, seconds: float) -> None:
        """Tell that the loop really slept."""
        self._now += seconds

    @property
    def has_threads(self) -> bool:
        """Whether a thread works for this loop."""
        return self._threads > 0


class _Watched(selectors.DefaultSelector):
    """Is asked with a timeout above nothing exactly when the loop has nothing else to do."""

    def __init__(self, loop: QuickLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        if not self._loop.is_passing_time:
            begun = time.monotonic()
            events = super().select(timeout)
            slept = time.monotonic() - begun
            self._loop.slept(slept if events or timeout is None else max(slept, timeout))
            return events
        events = super().select(THREAD_SECONDS if self._loop.has_threads else 0)
        if not events:
            self._loop.go_on(timeout)
        return events


def run_quickly(work: Awaitable[None]) -> None:
    """Run a test of pages on such a loop; what Textual's pilot waits for comes at once."""

    async def a_moment(*_: float) -> None:
        await loop.pass_time(MOMENT)
        app = active_app.get(None)
        moving = asyncio.ensure_future(app.animator.wait_for_idle() if app else asyncio.sleep(0))
        for _ in range(round(MOVES_SECONDS / MOMENT)):
            await loop.pass_time(MOMENT)
            if moving.done():
                return
        moving.cancel()

    async def go() -> None:
        await work

    loop = QuickLoop()
    with (
        mock.patch("textual.pilot.wait_for_idle", a_moment),
        mock.patch("textual.app.wait_for_idle", a_moment),
        mock.patch("textual._time.get_time", loop.time),
        asyncio.Runner(loop_factory=lambda: loop) as runner,
    ):
        runner.run(go())


async def pass_time(seconds: float) -> None:
    """:meth:`QuickLoop.pass_time` of the loop that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, QuickLoop)
    await loop.pass_time(seconds)
