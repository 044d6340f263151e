"""A server of the lab as a plain process, with its log in a file."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from assistant.rehearsal.errors import RehearsalError, tail_of_file
from assistant.rehearsal.processes.commands import clean_environment

STOP_TIMEOUT = 5.0
POLL = 0.03


async def wait_until(
    ready: Callable[[], Awaitable[bool]],
    *,
    timeout: float,  # noqa: ASYNC109 - the error is worded here
    sentence: str,
    log: Path | None = None,
) -> None:
    """Ask `ready` until it says yes. Raises RehearsalError(sentence) after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(max(0.05, deadline - time.monotonic())):
                if await ready():
                    return
        if time.monotonic() > deadline:
            raise RehearsalError(sentence, tail_of_file(log) if log else "")
        await asyncio.sleep(POLL)


class Daemon:
    """A process that runs until it is stopped."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Start `argv`; its output goes to the log."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean_environment(env),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id. Raises RehearsalError when it does not run."""
        if self._process is None or self._process.returncode is not None:
            raise RehearsalError(f"{self.name} is not running.", tail_of_file(self.log))
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    async def ready(
        self,
        probe: Callable[[], Awaitable[bool]],
        timeout: float = 15.0,  # noqa: ASYNC109 - the error is worded here
    ) -> None:
        """Wait until `probe` says yes; RehearsalError when the process ends or time runs out."""

        async def alive_and_ready() -> bool:
            _ = self.pid
            return await probe()

        sentence = f"{self.name} did not answer within {timeout:g} seconds."
        await wait_until(alive_and_ready, timeout=timeout, sentence=sentence, log=self.log)

    async def ended(self, timeout: float) -> bool:  # noqa: ASYNC109 - an answer, not an error
        """Wait for the process to end by itself; False when it still lives after `timeout` s."""
        if self._process is None:
            return True
        try:
            async with asyncio.timeout(timeout):
                await self._process.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """End the process: politely, then not."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.running:
                return
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            await self.ended(STOP_TIMEOUT)
