"""From a host's bytes to events: a strict parser with limits. Pure: bytes in, events out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from assistant.onhost.protocol import MAX_LINE
from assistant.text.sanitize import clean_lines, clean_value

READY = b"MA1 ready"
"""The line the bootstrap prints before anything of ours: what came before is the host's noise."""

MORE = b"MA1 more"
"""The line with which it asks for the rest of our program, at most once and before any event."""

MAX_NOISE = 64 * 1024
"""Bytes a host may print before our program starts (greetings, warnings of a login shell)."""

MAX_TOTAL = 64 * 1024 * 1024
"""Bytes of events in one program."""

MAX_EVENTS = 200_000
"""Events in one program."""


LATEST = 250_000_000_000.0
"""Largest number of seconds in an event: as a time it is some years before 9999, the last one."""

MOST_COUNTED = 1_000_000_000
"""Largest count in an event."""

_SECONDS = ("seconds", "since", "at")
_COUNTS = ("index", "total", "changed", "failed", "changes", "conflicts")
_WORDS = ("run", "what", "id", "title", "summary", "diff", "cause", "text", "token", "action")
_CHECKED = frozenset(
    {"run", "started", "output", "changed", "unchanged", "kept", "failed", "confirm"}
    | {"finished", "busy", "state", "error"}
)
"""The events of runs and inspections, whose fields mean the same in each (onhost.protocol).
Answers of other modes have fields of their own, which their readers check."""


class BadOutput(ValueError):  # noqa: N818 - it says what the output is
    """A host printed what is no answer to us; the text says in which way, for an expert."""


class EventParser:
    """Collects bytes, gives events. Raises :class:`BadOutput` and is then of no more use."""

    def __init__(
        self,
        *,
        max_line: int = MAX_LINE,
        max_noise: int = MAX_NOISE,
        max_total: int = MAX_TOTAL,
        max_events: int = MAX_EVENTS,
    ) -> None:
        self.ready = False
        self.wants_more = False
        self._max_line = max_line
        self._max_noise = max_noise
        self._max_total = max_total
        self._max_events = max_events
        self._partial = bytearray()
        self._noise = bytearray()
        self._total = 0
        self._events = 0

    @property
    def noise(self) -> str:
        """What the host printed before our program started, cleaned."""
        early = bytes(self._noise) + (b"" if self.ready else bytes(self._partial))
        return clean_lines(early.decode("utf-8", "replace"))

    @property
    def partial(self) -> str:
        """An unfinished last line, cleaned: evidence when the output ends in it."""
        return clean_lines(bytes(self._partial[:2000]).decode("utf-8", "replace"))

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The events that these bytes complete."""
        events = []
        start = 0
        while True:
            end = data.find(b"\n", start)
            if end < 0:
                break
            self._partial += data[start:end]
            start = end + 1
            event = self._line()
            if event is not None:
                events.append(event)
        self._partial += data[start:]
        self._check_partial()
        return events

    def _line(self) -> dict[str, Any] | None:
        self._check_partial()
        line = bytes(self._partial)
        self._partial.clear()
        if not self.ready:
            text = line.rstrip(b"\r")
            if text.endswith(READY):
                self.ready = True
                text = text[: -len(READY)]
            self._noise += text + b"\n" if text else b""
            return None
        if line == MORE and not self._events and not self.wants_more:
            self.wants_more = True
            return None
        self._total += len(line) + 1
        self._events += 1
        if self._total > self._max_total:
            raise BadOutput(f"more than {self._max_total} bytes of events")
        if self._events > self._max_events:
            raise BadOutput(f"more than {self._max_events} events")
        return parse_event(line)

    def _check_partial(self) -> None:
        size = len(self._partial)
        if not self.ready and size + len(self._noise) > self._max_noise:
            raise BadOutput(f"more than {self._max_noise} bytes before the program started")
        if size > self._max_line:
            raise BadOutput(f"a line of more than {self._max_line} bytes")


def parse_event(line: bytes) -> dict[str, Any]:
    """One event line as a cleaned JSON object; raises :class:`BadOutput`."""
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
        event = clean_value(value)
    except UnicodeDecodeError:
        raise BadOutput("a line that is not UTF-8") from None
    except (ValueError, RecursionError):
        start = clean_lines(line[:200].decode("utf-8", "replace"))
        raise BadOutput(f"a line that is no event: {start}") from None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise BadOutput("a line that is no event")
    seq = event.get("seq", 1)
    if not _is_count(seq) or seq < 1:
        raise BadOutput("an event whose number is no number")
    if event["event"] in _CHECKED:
        _check(event)
    return event


def _check(event: Mapping[str, Any]) -> None:
    """:class:`BadOutput` when a field that is there is not what every reader takes it to be."""
    good = (
        all(_is_seconds(event[key]) for key in _SECONDS if event.get(key) is not None)
        and all(_is_count(event[key]) for key in _COUNTS if event.get(key) is not None)
        and all(isinstance(event[key], str) for key in _WORDS if event.get(key) is not None)
        and all(isinstance(line, str) for line in _lines(event.get("tail")))
    )
    if not good:
        raise BadOutput(f"an event {event['event'][:40]} with a field of the wrong kind")


def _is_seconds(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= LATEST


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST_COUNTED


def _lines(value: object) -> list[Any]:
    """The lines of a tail; one that is no line when it is none."""
    if value is None:
        return []
    return value if isinstance(value, list) else [None]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
