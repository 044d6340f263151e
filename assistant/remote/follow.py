"""Following a run on a host through dropped connections, so that each event is seen once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from typing import Any

from assistant.remote.errors import TRANSIENT, HostFailure, RemoteError
from assistant.remote.session import Session

OpenSession = Callable[[], AbstractAsyncContextManager[Session]]
"""Makes a new connection each time it is called."""

Sleep = Callable[[float], Awaitable[object]]

LONGEST_WAIT = 30.0
"""Seconds between two tries to connect again, at most."""

MOST_CONFIRMATIONS = 10
"""Confirmations given in one run: a host asks for one at a time, and rarely twice."""

LONGEST_CONFIRMATION = 600.0
"""Seconds to try to confirm, however long the host would wait."""

GIVE_UP = 15 * 60.0
"""Seconds without any event of the run until reconnecting is given up."""

# a host that just restarts hangs up on a new connection before it says that it speaks SSH
_AGAIN = TRANSIENT | {"not-ssh"}


def apply_run(
    open_session: OpenSession,
    request: Mapping[str, Any],
    *,
    idle: float = 120,
    give_up: float = GIVE_UP,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[dict[str, Any]]:
    """Start a run (``apply`` or ``undo``) and give its events, through any number of drops.

    Every numbered event comes once and in order, then ``result``. Besides there are events of our
    own: ``reconnecting`` (``attempt``, ``wait`` in seconds, ``cause``), ``confirmed`` and
    ``unconfirmed`` (``token``, ``text``). When the host asks for a confirmation, it is given over a
    second, new connection: that proves that the host can still be reached.

    Raises :class:`RemoteError` when the first connection fails, when a later failure is none that
    passes, and after ``give_up`` seconds without an event; the run itself goes on then, as it does
    when the iteration is left. :func:`follow_run` takes it up again, :func:`request_stop` stops it.
    """
    return _Run(open_session, request, idle, give_up, sleep).events()


def follow_run(
    open_session: OpenSession,
    run: str | None = None,
    *,
    after: int = 0,
    idle: float = 120,
    give_up: float = GIVE_UP,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[dict[str, Any]]:
    """Take up a run that was started before (None: the latest); as :func:`apply_run`."""
    request = {"mode": "follow", "run": run, "after": after}
    return _Run(open_session, request, idle, give_up, sleep).events()


async def request_stop(open_session: OpenSession, run: str) -> dict[str, Any]:
    """Ask a run to end after the resource it works on; the host's ``result``."""
    async with open_session() as session:
        return await session.ask({"mode": "stop", "run": run})


class _Run:
    """One run as it is followed."""

    def __init__(
        self,
        open_session: OpenSession,
        request: Mapping[str, Any],
        idle: float,
        give_up: float,
        sleep: Sleep,
    ) -> None:
        self._open = open_session
        self._request = dict(request)
        self._run = request.get("run")
        self._last = int(request.get("after") or 0)
        self._afresh = False
        self._idle = idle
        self._give_up = give_up
        self._sleep = sleep
        self._tokens: set[str] = set()
        self._confirming: set[asyncio.Task[dict[str, Any]]] = set()

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """The run's events and, between them, the outcome of confirmations."""
        following = self._followed()
        step: asyncio.Task[dict[str, Any]] | None = None
        try:
            while True:
                step = step or asyncio.ensure_future(_next_of(following))
                await asyncio.wait({step, *self._confirming}, return_when="FIRST_COMPLETED")
                for task in [task for task in self._confirming if task.done()]:
                    self._confirming.discard(task)
                    yield task.result()
                if not step.done():
                    continue
                event, step = step.result(), None
                if event["event"] == "confirm":
                    self._confirm(event)
                yield event
                if event["event"] == "result":
                    return
        finally:
            await _cancel(*self._confirming, *([step] if step is not None else []))
            await following.aclose()

    async def _followed(self) -> AsyncGenerator[dict[str, Any], None]:
        loop = asyncio.get_running_loop()
        attempt = 0
        connected = False
        heard = loop.time()
        while True:
            try:
                async with self._open() as session:
                    connected = True
                    async with aclosing(session.program(self._next(), idle=self._idle)) as events:
                        async for event in events:
                            attempt, heard = 0, loop.time()
                            if self._is_news(event):
                                yield event
                return
            except HostFailure as failure:
                # A run with nothing to do leaves no journal: it can only be asked for again.
                if failure.cause != "no-run" or self._afresh or "resources" not in self._request:
                    raise
                self._afresh = True
                continue
            except RemoteError as exc:
                cause = exc.cause.removeprefix("jump-")
                if not connected or cause not in _AGAIN or loop.time() - heard > self._give_up:
                    raise
            attempt += 1
            wait = min(2.0 ** (attempt - 1), LONGEST_WAIT)
            yield {"event": "reconnecting", "attempt": attempt, "wait": wait, "cause": cause}
            await self._sleep(wait)

    def _next(self) -> dict[str, Any]:
        """What to ask for now. Asking again to start a run that has begun only follows it."""
        if self._last and self._run and not self._afresh:
            return {"mode": "follow", "run": self._run, "after": self._last}
        return self._request

    def _is_news(self, event: Mapping[str, Any]) -> bool:
        if event["event"] == "waiting":
            return False
        if event["event"] == "run" and not self._run:
            self._run = event.get("run")
        number = event.get("seq")
        if number is None:
            return True
        if number <= self._last:
            return False
        self._last = number
        return True

    def _confirm(self, event: Mapping[str, Any]) -> None:
        token = str(event.get("token", ""))
        seconds = event.get("seconds")
        if not token or token in self._tokens or len(self._tokens) >= MOST_CONFIRMATIONS:
            return
        self._tokens.add(token)
        limit = min(float(seconds), LONGEST_CONFIRMATION) if seconds is not None else 60.0
        self._confirming.add(asyncio.ensure_future(self._give_confirmation(token, limit)))

    async def _give_confirmation(self, token: str, seconds: float) -> dict[str, Any]:
        request = {"mode": "confirm", "run": self._run, "token": token}
        text = "The server could not be reached by a new connection in time."
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        async with self._open() as session:
                            await session.ask(request, idle=seconds)
                        return {"event": "confirmed", "token": token}
                    except RemoteError as exc:
                        text = str(exc.message)
                        if isinstance(exc, HostFailure):
                            return {"event": "unconfirmed", "token": token, "text": text}
                    await self._sleep(2)
        except TimeoutError:
            return {"event": "unconfirmed", "token": token, "text": text}


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, StopAsyncIteration, RemoteError):
            await task


async def _next_of(events: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    return await anext(events)
