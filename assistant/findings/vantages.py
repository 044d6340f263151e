"""Places to measure from: this computer, and every host that can be logged in to.

A vantage takes a whole batch of probes and returns raw measurements, so that a distant host costs
one round trip for all of them. What they mean is decided by ``checks``.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from assistant.common.errors import AssistantError
from assistant.findings.model import THIS_COMPUTER, Measurement
from assistant.findings.probes import HostSession, Listening, Probe, Told, VantageError, Visitor
from assistant.onhost.probes import batch
from assistant.text import msg

LISTEN_START = 30.0
"""Seconds a host has to say that it listens (starting a program there included)."""

SETTLE = 2.0
"""Seconds to wait for late news of visitors once the others have tried."""


class _Events:
    """What both kinds of vantage share: probes into a request, events into measurements."""

    name: str

    def _run(self, request: Mapping[str, Any], idle: float) -> AsyncIterator[dict[str, Any]]:
        raise NotImplementedError

    async def measure(self, probes: Sequence[Probe], deadline: float) -> tuple[Measurement, ...]:
        """See :class:`Vantage`."""
        if not probes:
            return ()
        request = {
            "mode": "measure",
            "probes": [probe.to_json() for probe in probes],
            "deadline": deadline,
        }
        known = {probe.id for probe in probes}
        found: list[Measurement] = []
        async with _closing(self._run(request, deadline + 30)) as events:
            async for event in events:
                item = _measurement(self.name, event)
                if item is not None and item.probe in known:
                    found.append(item)
        return tuple(found)

    @asynccontextmanager
    async def listen(
        self, ports: Sequence[int], nonce: str, seconds: float, expect: int = 0
    ) -> AsyncIterator[Listening]:
        """See :class:`Vantage`."""
        listening = Listening(tuple(ports))
        probes = [
            {
                "id": str(port),
                "kind": "listen",
                "port": port,
                "nonce": nonce,
                "tell": True,
                "seconds": seconds,
                "expect": expect,
            }
            for port in ports
        ]
        request = {"mode": "measure", "probes": probes, "deadline": seconds + 5}
        ready = asyncio.Event()

        async def follow() -> None:
            try:
                async with _closing(self._run(request, seconds + 30)) as events:
                    async for event in events:
                        _note(self.name, listening, event)
                        if listening.settled:
                            ready.set()
            finally:
                ready.set()

        task = asyncio.create_task(follow())
        try:
            try:
                await asyncio.wait_for(ready.wait(), LISTEN_START)
            except TimeoutError:
                raise _lost(self.name, "the listeners did not start in time") from None
            if task.done():
                task.result()
            if not listening.settled:
                raise _lost(self.name, "the listeners ended before they started")
            yield listening
            await asyncio.wait({task}, timeout=SETTLE)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


class LocalVantage(_Events):
    """This computer. The program that measures runs in a thread."""

    host = ""

    def __init__(self, name: str = THIS_COMPUTER) -> None:
        self.name = name

    async def facts(self) -> Told | None:
        """Nothing: this computer is nobody's server."""
        return None

    def _run(self, request: Mapping[str, Any], idle: float) -> AsyncIterator[dict[str, Any]]:
        return _in_thread(request)


class LostVantage:
    """Stands for a host that cannot be logged in to: ``problem`` says why. It measures nothing."""

    def __init__(self, host: str, problem: AssistantError) -> None:
        self.name = host
        self.host = host
        self.problem = problem

    async def measure(self, probes: Sequence[Probe], deadline: float) -> tuple[Measurement, ...]:
        """Raises what logging in raised."""
        raise self.problem

    async def facts(self) -> Told | None:
        """Raises what logging in raised."""
        raise self.problem

    def listen(
        self, ports: Sequence[int], nonce: str, seconds: float, expect: int = 0
    ) -> AbstractAsyncContextManager[Listening]:
        """Raises what logging in raised."""
        raise self.problem


class SessionVantage(_Events):
    """A host, over a session that is already open."""

    def __init__(self, host: str, session: HostSession) -> None:
        self.name = host
        self.host = host
        self._session = session

    async def facts(self) -> Told | None:
        """See :class:`Vantage`."""
        asked = time.time()
        facts = await self._session.ask({"mode": "facts"})
        return Told(facts, asked, time.time())

    def _run(self, request: Mapping[str, Any], idle: float) -> AsyncIterator[dict[str, Any]]:
        return self._session.program(request, idle=idle)


async def _in_thread(request: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Events of a run of the measuring program in a thread; leaving early stops it."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    stop = threading.Event()

    def put(event: dict[str, Any] | None) -> None:
        # The loop is closed when the program ends in the middle of a measurement.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(queue.put_nowait, event)

    def work() -> None:
        try:
            batch.run(request, put, stop)
        except Exception as problem:
            put({"event": "error", "cause": "unknown", "text": type(problem).__name__})
        finally:
            put(None)

    threading.Thread(target=work, name="measure", daemon=True).start()
    try:
        while (event := await queue.get()) is not None:
            yield event
    finally:
        stop.set()


@asynccontextmanager
async def _closing(
    events: AsyncIterator[dict[str, Any]],
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Close a stream of events at once when it is left, as only generators can be closed."""
    try:
        yield events
    finally:
        close: Callable[[], Any] | None = getattr(events, "aclose", None)
        if close is not None:
            await close()


def _lost(vantage: str, detail: str) -> VantageError:
    return VantageError(
        "vantage-lost",
        msg(
            "Measuring from {vantage} broke off: {detail}. Try again.",
            vantage=vantage,
            detail=detail,
        ),
    )


def _measurement(vantage: str, event: Mapping[str, Any]) -> Measurement | None:
    """The measurement in an event, None for other events; :class:`VantageError` for an error."""
    if event.get("event") == "error":
        raise _lost(vantage, str(event.get("text", ""))[:200])
    if event.get("event") != "measurement":
        return None
    ms, data = event.get("ms"), event.get("data")
    return Measurement(
        vantage=vantage,
        probe=str(event.get("probe", "")),
        kind=str(event.get("kind", "")),
        ok=event.get("ok") is True,
        error=str(event.get("error", "")),
        ms=float(ms) if isinstance(ms, (int, float)) else None,
        data=data if isinstance(data, dict) else {},
    )


def _note(vantage: str, listening: Listening, event: Mapping[str, Any]) -> None:
    """Enter an event of the listening program; ports nobody asked for are not entered."""
    item = _measurement(vantage, event)
    ports: Iterable[int] = [p for p in listening.wanted if str(p) == str(event.get("probe"))]
    for port in ports:
        if event.get("event") == "listening":
            listening.open = (*listening.open, port)
        elif event.get("event") == "peer":
            visitor = Visitor(port, str(event.get("address", "")), str(event.get("state", "")))
            listening.visitors = (*listening.visitors, visitor)
        elif item is not None and not item.ok and port not in listening.open:
            listening.failed = {**listening.failed, port: item}
