"""A real program on a real pseudo-terminal, with a terminal emulator that remembers the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import queue
import re
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pyte

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "backspace": "\x7f",
    "delete": "\x1b[3~",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f5": "\x1b[15~",
    "space": " ",
}

_UNKNOWN = re.compile(rb"\x1b\[[<>=][0-9;]*[@-~]|\x1b\[\?[0-9;]*\$p|\x1b\[\?u|\x1b[P_^].*?\x1b\\")
"""What the emulator would print instead of skipping it: keyboard protocol, mode questions."""
_BEGUN = re.compile(rb"\x1b([P_^][^\x1b]*\x1b?|\][^\x07\x1b]*|\[[0-?]*[ -/]*)?$")
"""An escape sequence whose end has not come yet."""


class Terminal:
    """A program on a terminal of its own. A context manager; leaving it ends the program.

    ``size`` is in cells. ``env`` is added to the environment of this process, from which the
    language is taken out, so that every machine shows the same. ``paint`` are texts: once all of
    them have been on the screen together, ``painted`` is the time that took, in seconds from the
    start of the program.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        paint: Sequence[str] = (),
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self.bytes = 0
        """How much the program has written."""
        self.heard = time.monotonic()
        """When it wrote last, on the monotonic clock."""
        self.painted: float | None = None
        self._due: Callable[[], bool] | None = None
        if paint:
            self._due = lambda: all(map(self.shows, paint))
        master, slave = pty.openpty()
        self._master = master
        self._set_size(size)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))}
        more = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        self._began = time.monotonic()
        self.process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**inherited, **more, **(env or {})},
            cwd=cwd,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.close(slave)
        self._arrived: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._read, self._emulate)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    # -- out -----------------------------------------------------------------

    @property
    def lines(self) -> list[str]:
        """The screen, a string a line, without spaces at the end."""
        with self._lock:
            columns = range(self.screen.columns)
            rows = (self.screen.buffer[y] for y in range(self.screen.lines))
            # The second cell of a wide character holds nothing.
            return ["".join(row[x].data for x in columns).rstrip() for row in rows]

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    def shows(self, text: str) -> bool:
        """Whether a text is on the screen; how it is broken into lines does not matter."""
        return _squeezed(text) in _squeezed(self.text)

    def wait(self, *texts: str, seconds: float = 20) -> str:
        """Wait until one of the texts is shown; gives that one, fails with the screen."""
        wanted = " / ".join(texts)
        self.wait_until(lambda: any(map(self.shows, texts)), seconds, f"{wanted!r} to appear")
        return next((text for text in texts if self.shows(text)), texts[0])

    def wait_gone(self, text: str, seconds: float = 20) -> None:
        """Wait until a text is not shown any more."""
        self.wait_until(lambda: not self.shows(text), seconds, f"{text!r} to go")

    def wait_until(self, true: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until something is true of the screen."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end or self.process.poll() is not None:
                # What the program wrote last may still be on its way.
                time.sleep(0.2)
                if true():
                    return
                code = self.process.poll()
                state = "it runs" if code is None else f"it has ended with {code}"
                raise AssertionError(
                    f"waited {seconds:g} s for {what}; {state}; the screen:\n{self.text}"
                )
            time.sleep(0.02)

    def settle(self, quiet: float = 0.3, seconds: float = 10) -> None:
        """Wait until nothing has been written for a while from now on."""
        begun = time.monotonic()
        while (now := time.monotonic()) < begun + seconds and now - max(self.heard, begun) < quiet:
            time.sleep(0.02)

    # -- in ------------------------------------------------------------------

    def press(self, *keys: str) -> None:
        """Press keys by name (``enter``, ``ctrl+q``, ``a``), one after the other."""
        for key in keys:
            text = chr(ord(key[-1]) & 0x1F) if key.startswith("ctrl+") else KEYS.get(key, key)
            os.write(self._master, text.encode())
            # An escape followed at once by a letter would be another key.
            time.sleep(0.12 if key == "escape" else 0.03)

    def type(self, text: str) -> None:
        """Type a text."""
        os.write(self._master, text.encode())
        time.sleep(0.05)

    def answer(self, key: str, true: Callable[[], bool], seconds: float = 10) -> float:
        """Press a key, wait until something is true of the screen; the seconds that took.

        The time ends when the bytes that made it true arrived here.
        """
        self._began, self._due = time.monotonic(), true
        os.write(self._master, KEYS.get(key, key).encode())
        self.wait_until(lambda: self._due is None, seconds, f"an answer to {key!r}")
        return self.painted or 0.0

    def resize(self, columns: int, rows: int) -> None:
        """Another size; the program is told as by any terminal."""
        with self._lock:
            self.screen.resize(rows, columns)
        self._set_size((columns, rows))

    def wait_end(self, seconds: float = 10) -> int:
        """Wait until the program has ended by itself; its exit code."""
        return self.process.wait(seconds)

    def end(self) -> None:
        """End the program."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        for thread in self._threads:
            thread.join(2)
        with suppress(OSError):
            os.close(self._master)

    # ------------------------------------------------------------------------

    def _set_size(self, size: tuple[int, int]) -> None:
        columns, rows = size
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        """Note when bytes arrive; the emulator, which is slow, works in a thread of its own."""
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                data = b""
            self._arrived.put((time.monotonic(), data))
            if not data:
                return

    def _emulate(self) -> None:
        kept = b""
        while True:
            when, data = self._arrived.get()
            # A terminal hands out 4 KB at a time: look only once the whole picture is there.
            while data and len(data) < 1 << 20:
                try:
                    when, more = self._arrived.get(timeout=0.001)
                except queue.Empty:
                    break
                if not more:
                    self._arrived.put((when, more))
                    break
                data += more
            if not data:
                return
            self.heard = when
            self.bytes += len(data)
            data = _UNKNOWN.sub(b"", kept + data)
            begun = _BEGUN.search(data)
            at = begun.start() if begun is not None else len(data)
            data, kept = data[:at], data[at:]
            with self._lock:
                self._stream.feed(data)
            if self._due is not None and self._due():
                self.painted, self._due = self.heard - self._began, None


def _squeezed(text: str) -> str:
    return "".join(text.split())
