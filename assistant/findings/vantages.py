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
from dataclasses import dataclass, field
from typing import Any, Protocol

from assistant.common.errors import AssistantError
from assistant.findings.model import THIS_COMPUTER, Measurement
from assistant.onhost.probes import batch as measure
from assistant.text import msg

LISTEN_START = 30.0
"""Seconds a host has to say that it listens (starting a program there included)."""

SETTLE = 2.0
"""Seconds to wait for late news of visitors once the others have tried."""


class VantageError(AssistantError):
    """A vantage could not measure; ``cause`` is ``vantage-lost`` or what the host named."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One exchange to try. ``fields`` are those of its kind (see assistant.onhost.probes.batch*).

    ``timeout`` (seconds) counts for each of ``repeat`` attempts, with ``pause`` seconds between
    them and ``delay`` seconds before the first. ``control_of`` names the probe this one is the
    control for: the same path at the same time, without what is under suspicion.
    """

    id: str
    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 5.0
    repeat: int = 1
    pause: float = 0.0
    delay: float = 0.0
    control_of: str = ""

    def to_json(self) -> dict[str, Any]:
        """As sent to the program that measures."""
        return {
            **self.fields,
            "id": self.id,
            "kind": self.kind,
            "timeout": self.timeout,
            "repeat": self.repeat,
            "pause": self.pause,
            "delay": self.delay,
        }

    @property
    def longest(self) -> float:
        """Seconds it can take at most."""
        return self.delay + self.repeat * self.timeout + (self.repeat - 1) * self.pause


@dataclass(frozen=True)
class Told:
    """What a host told about itself, and when it was asked and had answered (this clock)."""

    facts: Mapping[str, Any]
    asked: float
    answered: float


@dataclass(frozen=True)
class Visitor:
    """Somebody who came to a listener: ``answered``, or ``half-open`` (our answer got lost)."""

    port: int
    address: str
    state: str


@dataclass
class Listening:
    """A set of temporary listeners while they are open: fills as events come."""

    wanted: tuple[int, ...]
    open: tuple[int, ...] = ()
    failed: Mapping[int, Measurement] = field(default_factory=dict)
    visitors: tuple[Visitor, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether every port either listens or could not."""
        return set(self.wanted) <= {*self.open, *self.failed}


class Vantage(Protocol):
    """A place to measure from. ``host`` is the name of a host, empty for this computer."""

    @property
    def name(self) -> str:
        """What findings call it."""

    @property
    def host(self) -> str:
        """The host's name in the Setup, empty for this computer."""

    async def measure(self, probes: Sequence[Probe], deadline: float) -> tuple[Measurement, ...]:
        """Run a batch side by side within ``deadline`` seconds; :class:`AssistantError`."""

    async def facts(self) -> Told | None:
        """What the host tells about itself; None for this computer."""

    def listen(
        self, ports: Sequence[int], nonce: str, seconds: float, expect: int = 0
    ) -> AbstractAsyncContextManager[Listening]:
        """Hold temporary listeners open; entered once each port listens or has failed to.

        They answer every visitor with the line ``nonce ADDRESS``, where ADDRESS is the visitor's
        as seen there, and end after ``seconds``, or when each
        has answered ``expect`` visitors, or when the block ends.
        """


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


class HostSession(Protocol):
    """What a vantage needs of a session to a host (see assistant.remote.Session)."""

    def program(
        self, request: Mapping[str, Any], *, idle: float = 120
    ) -> AsyncIterator[dict[str, Any]]:
        """Run the program on the host; its events in order."""

    async def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run the program on the host; its result."""


class LostSession:
    """Stands for a session that could not be opened: asking it anything tells why."""

    def __init__(self, error: AssistantError) -> None:
        self._error = error

    def program(
        self, request: Mapping[str, Any], *, idle: float = 120
    ) -> AsyncIterator[dict[str, Any]]:
        """Raises what opening it raised."""
        raise self._error

    async def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises what opening it raised."""
        raise self._error


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
            measure.run(request, put, stop)
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
