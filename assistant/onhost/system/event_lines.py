"""Event lines: how they are encoded, kept short and written."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

from assistant.onhost.protocol import MAX_LINE

Emit = Callable[[Mapping[str, Any]], None]

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
_CUT = " … (shortened)"
_SHORTEST_SECRET = 6


def clean(text: str) -> str:
    """Text of a command's output without control characters other than newline and tab."""
    return _CONTROL.sub("", text)


def scrub(value: Any, secrets: Iterable[str]) -> Any:
    """The JSON value with every secret in its strings replaced by three stars.

    Secrets shorter than six characters are left: they would hit innocent words.
    """
    if isinstance(value, str):
        for secret in secrets:
            if len(secret) >= _SHORTEST_SECRET and secret in value:
                value = value.replace(secret, "***")
        return value
    if isinstance(value, Mapping):
        return {key: scrub(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrub(item, secrets) for item in value]
    return value


def encode(event: Mapping[str, Any]) -> bytes:
    """The event as one line of ASCII JSON, its long texts cut until it fits MAX_LINE bytes."""
    limit = MAX_LINE // 2
    line = _line(event)
    while len(line) > MAX_LINE and limit > 100:
        line = _line(_shorten(event, limit))
        limit //= 2
    return line


def _line(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode("ascii") + b"\n"


def _shorten(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= limit else value[: limit - len(_CUT)] + _CUT
    if isinstance(value, Mapping):
        return {key: _shorten(item, limit) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shorten(item, limit // 4) for item in value[-max(1, limit // 16) :]]
    return value


class Emitter:
    """Writes events to a stream, one whole line at a time, from any thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Write one event; ``BrokenPipeError`` when nobody reads any more."""
        line = encode(event)
        with self._lock:
            self._stream.write(line)
            self._stream.flush()
