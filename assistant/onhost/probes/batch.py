"""Measures: runs a batch of probes side by side and reports each one as it ends.

The same code runs on a host and on the user's own computer, so it keeps to what Python offers on
Linux, macOS and Windows. It does raw exchanges with timings and error kinds; conclusions are
drawn elsewhere.

Request: ``{"mode": "measure", "probes": [PROBE, …], "deadline": SECONDS}``. A probe is an object
with ``id``, ``kind`` (a key of :data:`PROBES`), ``timeout`` (seconds an attempt may take),
``repeat`` (attempts, one after the other), ``pause`` (seconds between them), ``delay`` (seconds
before the first), and the fields its function documents.

Probes with the same ``lane`` are tried one after the other, in their order: after a cut
connection everything on its path may fail, whatever it says. In a lane ``until_ok`` ends a probe's
attempts at the first success, ``after_failure`` (ids) leaves a probe out unless an attempt of one
of those failed, and when every attempt of a ``gate`` fails, the rest of its lane is left out.

Events: ``measurement`` (``probe``, ``kind``, ``ok``, ``error``: one of
:data:`assistant.onhost.probes.errors.ERROR_KINDS` or empty, ``ms``, ``data``), one for each
attempt, its number in ``data.attempt``; from ``listen`` also ``listening`` and ``peer``;
``waiting`` when there was nothing to say for a while; in the end ``result`` (``measured``).
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from assistant.onhost.probes.errors import classify
from assistant.onhost.probes.exchange import Attempt, clock, resolve, tcp, udp
from assistant.onhost.probes.here import here
from assistant.onhost.probes.home import hops, public_file, router
from assistant.onhost.probes.http import http_request
from assistant.onhost.probes.listen import listen
from assistant.onhost.probes.own.state import own_state
from assistant.onhost.probes.tls import tls

PROBES: dict[str, Callable[[Attempt], None]] = {
    "tcp": tcp,
    "tls": tls,
    "http": http_request,
    "resolve": resolve,
    "udp": udp,
    "listen": listen,
    "clock": clock,
    "router": router,
    "hops": hops,
    "file": public_file,
    "own-state": own_state,
    "here": here,
}
"""What each kind of probe does: fills ``attempt.data``, raises when the exchange fails."""

MAX_DEADLINE = 600.0
PULSE = 0.5
"""Seconds of silence after which ``waiting`` is said."""

WORKERS = 64
_TICK = 0.1
_GRACE = 0.5

Event = dict[str, Any]


class _Task:
    """One probe of the batch, with what is needed to give it up from outside."""

    def __init__(self, probe: Mapping[str, Any], events: queue.SimpleQueue[Any]) -> None:
        self.probe = probe
        self.id = str(probe.get("id", ""))
        self.kind = str(probe.get("kind", ""))
        self.events = events
        self.attempt: Attempt | None = None
        self.due = math.inf
        self.given_up = False
        self.passed: list[bool] = []
        self.lane = str(probe.get("lane") or "")

    def leave_out(self) -> None:
        """End without a measurement."""
        self._put(None)

    def run(self, deadline: float, stop: threading.Event) -> None:
        """All attempts, one after the other; puts their measurements, then None."""
        try:
            repeat = max(1, min(20, int(self.probe.get("repeat", 1))))
            pause = max(0.0, min(60.0, float(self.probe.get("pause", 0))))
            delay = max(0.0, min(60.0, float(self.probe.get("delay", 0))))
            timeout = max(0.01, min(MAX_DEADLINE, float(self.probe.get("timeout", 5))))
            if self.kind == "listen":
                timeout = max(0.01, min(MAX_DEADLINE, float(self.probe.get("seconds", 10))))
        except (TypeError, ValueError) as error:
            self._put(self._failed("other", {"text": str(error)[:200]}))
            self._put(None)
            return
        for number in range(1, repeat + 1):
            if stop.wait(pause if number > 1 else delay):
                break
            left = deadline - time.monotonic()
            if self.given_up:
                break
            if left <= 0:
                self._put(self._failed("timeout", {"text": "its turn never came"}))
                break
            event = self._once(number, min(timeout, left), stop)
            self.passed.append(event["ok"])
            self._put(event)
            if event["ok"] and self.probe.get("until_ok"):
                break
        self._put(None)

    def _once(self, number: int, timeout: float, stop: threading.Event) -> Event:
        attempt = Attempt(self.probe, timeout, stop, self._put)
        self.attempt, self.due = attempt, attempt.end + _GRACE
        error = ""
        start = time.perf_counter()
        try:
            function = PROBES.get(self.kind)
            if function is None:
                raise ValueError(f"unknown kind of probe {self.kind!r}")
            function(attempt)
        except Exception as problem:
            error = classify(problem)
            attempt.data.setdefault("text", str(problem)[:200])
        finally:
            attempt.count()
            ms = (time.perf_counter() - start) * 1000
            self.due = math.inf
            attempt.close()
        return {
            "event": "measurement",
            "probe": self.id,
            "kind": self.kind,
            "ok": not error,
            "error": error,
            "ms": round(ms, 1),
            "data": {"attempt": number, **attempt.data},
        }

    def _put(self, event: Event | None) -> None:
        self.events.put((self, event))

    def _failed(self, error: str, data: Mapping[str, Any]) -> Event:
        return {
            "event": "measurement",
            "probe": self.id,
            "kind": self.kind,
            "ok": False,
            "error": error,
            "ms": None,
            "data": dict(data),
        }

    def give_up(self) -> Event:
        """Let go of a probe that would not end in its time; what it says later is not heard."""
        self.given_up = True
        data: dict[str, Any] = {"given_up": True}
        attempt = self.attempt
        if attempt is not None:
            data.update(attempt.data)
            attempt.close()
        return self._failed("timeout", data)


def run(
    request: Mapping[str, Any],
    emit: Callable[[Event], None],
    stop: threading.Event | None = None,
    gone: Callable[[], bool] = lambda: False,
) -> None:
    """Run the probes of a request; ``emit`` and ``gone`` are called from this thread only.

    Returns after ``deadline`` seconds at the latest, or soon after ``stop`` is set or ``gone``
    (has the one who asked left?) says so. A probe that has not ended by then (a system resolver
    cannot be interrupted) is reported as ``timeout``.
    """
    stop = stop or threading.Event()
    deadline = time.monotonic() + max(0.1, min(MAX_DEADLINE, float(request.get("deadline", 30))))
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    tasks = [_Task(probe, events) for probe in request.get("probes", ())]
    told = _Told(emit)
    try:
        _start(tasks, deadline, stop)
        waiting = _collect(tasks, events, told, lambda: stop.is_set() or gone(), deadline)
    finally:
        # Also when nobody reads any more: a listener that outlived the one who asked for it
        # would hold ports that are needed next.
        stop.set()
    for task in waiting:
        told.say(task.give_up())
    emit({"event": "result", "measured": told.measured})


class _Told:
    """What was said so far: how many measurements, and when something was last said."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self.measured = 0
        self.at = time.monotonic()

    def say(self, event: Event) -> None:
        self.at = time.monotonic()
        self._emit(event)
        self.measured += event["event"] == "measurement"


def _collect(
    tasks: list[_Task],
    events: queue.SimpleQueue[Any],
    told: _Told,
    over: Callable[[], bool],
    deadline: float,
) -> list[_Task]:
    """Pass on what tasks say until all have ended; returns those that have not in time."""
    waiting = dict.fromkeys(tasks)
    while waiting:
        now = time.monotonic()
        if now >= deadline + _GRACE or over():
            break
        try:
            task, event = events.get(timeout=_TICK)
        except queue.Empty:
            for task in [task for task in waiting if task.due <= now]:
                told.say(task.give_up())
                del waiting[task]
            if now - told.at >= PULSE:
                # Writing is how a program on a host notices that nobody reads any more.
                told.say({"event": "waiting"})
            continue
        if task.given_up:
            continue
        if event is None:
            del waiting[task]
        else:
            told.say(event)
    return list(waiting)


def _start(tasks: list[_Task], deadline: float, stop: threading.Event) -> None:
    """A thread of its own for each listener, some shared ones for the rest."""
    lanes: dict[str, list[_Task]] = {}
    rest: deque[list[_Task]] = deque()
    for task in tasks:
        if task.kind == "listen":
            continue
        if task.lane in lanes:
            lanes[task.lane].append(task)
            continue
        rest.append([task])
        if task.lane:
            lanes[task.lane] = rest[-1]

    def work() -> None:
        while not stop.is_set():
            try:
                lane = rest.popleft()
            except IndexError:
                return
            _travel(lane, deadline, stop)

    for task in tasks:
        if task.kind == "listen":
            threading.Thread(target=task.run, args=(deadline, stop), daemon=True).start()
    for _ in range(min(WORKERS, len(rest))):
        threading.Thread(target=work, daemon=True).start()


def _travel(lane: list[_Task], deadline: float, stop: threading.Event) -> None:
    """The probes of a lane, one after the other; those that need not be tried are left out."""
    failed: set[str] = set()
    closed = False
    for task in lane:
        wants = task.probe.get("after_failure") or ()
        if closed or (wants and failed.isdisjoint(map(str, wants))):
            task.leave_out()
            continue
        task.run(deadline, stop)
        if not all(task.passed):
            failed.add(task.id)
        closed = bool(task.probe.get("gate")) and not any(task.passed)
