"""One command running on a host: its input, its output in bounded pieces, its end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import asyncssh

from assistant.remote.commands import PROMPT
from assistant.text.sanitize import clean_lines

STDERR_TAIL = 4096
_MAX_STDERR = 16 * 1024 * 1024


class Channel:
    """A remote command. Its standard error is read all the time and only its end is kept."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process
        self._tail = bytearray()
        self._stderr_bytes = 0
        self._prompts = 0
        self._errors = asyncio.create_task(self._read_errors())

    @classmethod
    async def open(cls, connection: asyncssh.SSHClientConnection, command: str) -> Channel:
        """Start a command without a terminal; raises what asyncssh raises."""
        process = await connection.create_process(command, encoding=None, request_pty=False)
        return cls(process)

    def write(self, data: bytes) -> None:
        """Send input; never waits. A command that has gone already is noticed when reading."""
        with suppress(OSError):
            self._process.stdin.write(data)

    def write_eof(self) -> None:
        """End the input."""
        with suppress(OSError):
            self._process.stdin.write_eof()

    async def read(self) -> bytes:
        """Some output; empty at its end. Raises asyncssh's error when the connection is lost."""
        return await self._process.stdout.read(65536)

    async def finished(self) -> int | None:
        """Wait for the end (at most 5 s); the exit status, None when there is none."""
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self._process.wait_closed()
                await asyncio.shield(self._errors)
        return self._process.exit_status

    @property
    def stderr(self) -> str:
        """The end of the standard error, cleaned, without sudo's prompts."""
        text = clean_lines(self._tail.decode("utf-8", "replace"))
        return text.replace(PROMPT, "").strip()

    async def close(self) -> None:
        """Let the command go: its input ends, its output is no longer read."""
        self._process.close()
        self._errors.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._errors

    async def _read_errors(self) -> None:
        stream: Any = self._process.stderr
        while True:
            try:
                data = await stream.read(4096)
            except (OSError, asyncssh.Error):
                return
            if not data:
                return
            self._stderr_bytes += len(data)
            before = self._tail.count(PROMPT.encode())
            self._tail += data
            self._prompts += self._tail.count(PROMPT.encode()) - before
            if len(self._tail) > 2 * STDERR_TAIL:
                del self._tail[:-STDERR_TAIL]
            if self._prompts > 1:
                # sudo asks again: the password was wrong. What follows must not be read as one.
                self.write_eof()
            if self._stderr_bytes > _MAX_STDERR:
                self._process.close()
                return
