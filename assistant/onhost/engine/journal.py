"""The journal of a run: numbered events in a file on the host, and following it."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from assistant.onhost.paths import Paths
from assistant.onhost.said import fields, said
from assistant.onhost.system.disk import Lines, host_error, parse_line, read_lines
from assistant.onhost.system.event_lines import Emit, encode, scrub

_DURABLE = ("run", "started", "changed", "kept", "failed", "confirm", "finished")

_POLL = 0.2
_ASK_ALIVE = 1.0
_STILL_THERE = 15.0
"""Seconds of silence after which a follower says that the line is alive."""

_START = 10.0
"""Seconds a run may take until its journal appears."""


class Numbered:
    """Gives events their number and time, then hands them on. Texts lose known secrets."""

    def __init__(self, emit: Emit, hide: Mapping[str, str], seq: int = 0) -> None:
        self._emit = emit
        self._hide = tuple(hide.values())
        self._seq = seq

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Emit one event."""
        self._seq += 1
        name = event["event"]
        rest = {key: value for key, value in event.items() if key != "event"}
        head = {"event": name, "seq": self._seq, "at": round(time.time(), 3)}
        self._emit({**head, **scrub(rest, self._hide)})


class Journal:
    """The file behind :class:`Numbered` in a run: state changes are on the disk at once."""

    def __init__(self, paths: Paths, run: str) -> None:
        self._path = paths.journal(run)
        try:
            self._lines = Lines(self._path, paths.reserve)
        except OSError as error:
            raise host_error(error, self._path) from error

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Write one event."""
        try:
            self._lines.append(encode(event), durable=event["event"] in _DURABLE)
        except OSError as error:
            raise host_error(error, self._path) from error

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


def new_token() -> str:
    """A token for a confirmation."""
    return secrets.token_urlsafe(12)


def last_event(paths: Paths, run: str, name: str) -> dict[str, Any] | None:
    """The last event of that name in a run's journal, or None."""
    found = None
    for event in read_lines(paths.journal(run)):
        if event.get("event") == name:
            found = event
    return found


class _Tail:
    """Reads whole lines as they are added to a file that may not exist yet."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._offset = 0

    def new(self) -> Iterator[dict[str, Any]]:
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    self._offset += len(line)
                    value = parse_line(line)
                    if value is not None:
                        yield value
        except FileNotFoundError:
            return


def follow(
    paths: Paths,
    run: str,
    after: int,
    emit: Emit,
    *,
    alive: Callable[[], bool],
    gone: Callable[[], bool],
    why_dead: Callable[[], tuple[str, str] | None] = lambda: None,
) -> bool:
    """Hand on a run's events numbered higher than ``after`` until it is finished, then ``result``.

    ``alive`` tells whether something still works on the run, ``gone`` whether nobody listens any
    more, ``why_dead`` more about a death. Returns whether the end of the run was seen.
    """
    tail = _Tail(paths.journal(run))
    begun = told = asked = time.monotonic()
    seq = 0
    working = ""
    dead = False
    while True:
        for event in tail.new():
            seq = int(event.get("seq", seq))
            name = event.get("event")
            working = str(event.get("id", "")) if name == "started" else working
            working = "" if name in ("changed", "unchanged", "kept", "failed") else working
            if seq > after:
                emit(event)
                told = time.monotonic()
            if name == "finished":
                emit(_result(run, event))
                return True
        if dead:
            # What the follower saw last may be more than what the power cut left in the file.
            _interrupted(run, max(seq, after), working, emit, why_dead())
            return True
        if gone():
            return False
        now = time.monotonic()
        if now - asked >= _ASK_ALIVE or not os.path.exists(paths.journal(run)):
            asked = now
            late = os.path.exists(paths.journal(run)) or now - begun > _START
            # Once more through the journal: it may have finished since the last look.
            dead = late and not alive()
            if dead:
                continue
        if now - told >= _STILL_THERE:
            told = now
            emit({"event": "waiting"})
        time.sleep(_POLL)


def _result(run: str, finished: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: finished[key] for key in ("ok", "changed", "failed", "stopped") if key in finished}
    return {"event": "result", "run": run, **told}


def _interrupted(run: str, seq: int, working: str, emit: Emit, why: tuple[str, str] | None) -> None:
    if why is None:
        text = said(
            "The run was cut off before its end, by a restart of the host or because it was ended."
            " Nothing is lost: apply again, and it goes on from there."
        )
    else:
        text = said(
            "The run was cut off before its end, by a restart of the host or because it was ended."
            " (systemd: {result}, status {status}) Nothing is lost: apply again, and it goes on"
            " from there.",
            result=why[0],
            status=why[1],
        )
    number = Numbered(emit, {}, seq)
    number(
        {
            "event": "failed",
            "id": working,
            "cause": "interrupted",
            **fields("text", text),
            "tail": [],
        }
    )
    end = {"ok": False, "changed": 0, "failed": 1, "stopped": False}
    number({"event": "finished", **end})
    emit({**_result(run, end), "interrupted": True})
