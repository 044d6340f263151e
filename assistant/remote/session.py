"""A session with one host: runs the streamed program and gives its events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncssh

from assistant.remote import bootstrap, commands, sources
from assistant.remote.channel import Channel
from assistant.remote.commands import Become
from assistant.remote.credentials import ASKS, Credentials, Secret, Wanted
from assistant.remote.errors import Place, RemoteError, host_failure
from assistant.remote.event_parser import BadOutput, EventParser
from assistant.remote.failure_causes import Progress, classify
from assistant.text import msg

START_SECONDS = 45
"""How long a host may take until our program says that it runs."""

INSTALL_SECONDS = 600
"""How long an installation of python3 may go without a word."""

_LOGGED_IN = Progress(connected=True, spoke_ssh=True, logged_in=True)


@dataclass(frozen=True)
class _Started:
    """A program that runs, and the events that came with its first bytes."""

    command: Channel
    parser: EventParser
    first: list[dict[str, Any]]
    program: bytes
    """The block that is sent when the host asks for it."""


class Session:
    """A logged-in host. Programs run as root, several at a time if wanted.

    ``apt_sources`` is the text of a .sources file for apt, used once if python3 has to be
    installed; empty: the host's own sources.
    """

    def __init__(
        self,
        connection: asyncssh.SSHClientConnection,
        place: Place,
        credentials: Credentials,
        *,
        modules: Mapping[str, str] | None = None,
        apt_sources: str = "",
    ) -> None:
        self.place = place
        self.apt_sources = apt_sources
        self._connection = connection
        self._credentials = credentials
        self._modules = modules
        self._become = Become.ROOT if place.user == "root" else Become.SUDO
        self._sudo: Secret | None = None
        self._asking = asyncio.Lock()
        self._attempt = 0

    def __repr__(self) -> str:
        return f"Session({self.place.user}@{self.place.at})"

    @property
    def name(self) -> str:
        """What the user calls the host."""
        return self.place.name

    async def ask(self, request: Mapping[str, Any], *, idle: float = 120) -> dict[str, Any]:
        """Run the program to its ``result`` event and return that. Raises as :meth:`program`."""
        async with aclosing(self.program(request, idle=idle)) as events:
            async for event in events:
                if event["event"] == "result":
                    return event
        raise AssertionError("program() ends with a result or raises")

    async def program(
        self, request: Mapping[str, Any], *, idle: float = 120
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Run the program on the host and give its events in order; the last one is ``result``.

        An ``error`` event is raised as :class:`HostFailure`; everything else that goes wrong as
        :class:`RemoteError`, ``timeout`` when no event came for ``idle`` seconds. When python3
        had to be installed, an event ``preparing`` comes first. Leaving the iteration ends the
        program's input: the host then knows that we left.
        """
        modules = self._modules
        if modules is None:
            modules = sources.sources_for(str(request.get("mode", "")))
        blocks = bootstrap.blocks(request, modules)
        async with self._reporting():
            started = await self._start(blocks)
            if started is None:
                yield {"event": "preparing", "what": "python3"}
                await self._install_python()
                started = await self._start(blocks)
                if started is None:
                    raise commands.ended_early("no-python", self.place)
            try:
                async for event in self._events(started, idle):
                    if event["event"] == "error":
                        raise host_failure(event, self.place.name)
                    yield event
                    if event["event"] == "result":
                        return
                await self._no_result(started)
            finally:
                await started.command.close()

    async def _start(self, blocks: bootstrap.Blocks) -> _Started | None:
        """Start the program, asking for a sudo password if one is needed. None: no python3."""
        while True:
            become, password = self._become, self._sudo
            command = await self._open(commands.python_command(become))
            kept = False
            try:
                parser = EventParser()
                if password is None:
                    # at once, without waiting for the start: this saves a round trip
                    command.write(blocks.request)
                else:
                    # sudo may refuse it and then reads on: it must not read the block
                    command.write(password.reveal().encode() + b"\n")
                first = await self._until_ready(command, parser)
                if first is not None:
                    if password is not None:
                        command.write(blocks.request)
                    kept = True
                    return _Started(command, parser, first, blocks.program)
                status = await command.finished()
                cause = commands.judge(command.stderr, status, become, parser.noise)
                if cause == "no-python":
                    return None
                if cause not in ("sudo-password", "sudo-wrong"):
                    raise self._early(cause, command, parser, status)
                failed = self._early("sudo-wrong", command, parser, status)
            finally:
                if not kept:
                    await command.close()
            await self._ask_sudo(password, failed)

    async def _ask_sudo(self, used: Secret | None, failed: RemoteError) -> None:
        """Get another password than the one that was used; at most three in a session."""
        async with self._asking:
            if self._sudo is not used:
                return  # another program of this session asked meanwhile
            attempt = 1 if used is None else self._attempt + 1
            if attempt > ASKS:
                raise failed
            wanted = Wanted("sudo", self.place.address, self.place.user, self.place.at, attempt)
            answer = await self._credentials.ask(wanted)
            if answer is None or "\n" in answer:
                raise failed
            self._attempt = attempt
            self._become, self._sudo = Become.SUDO_PASSWORD, Secret(answer)

    async def _until_ready(
        self, command: Channel, parser: EventParser
    ) -> list[dict[str, Any]] | None:
        try:
            async with asyncio.timeout(START_SECONDS):
                while data := await command.read():
                    events = parser.feed(data)
                    if parser.ready:
                        return events
        except TimeoutError:
            raise self._silent(START_SECONDS, command.stderr) from None
        return None

    async def _events(self, started: _Started, idle: float) -> AsyncIterator[dict[str, Any]]:
        """Events until the output ends."""
        command, events = started.command, started.first
        loop = asyncio.get_running_loop()
        deadline = loop.time() + idle
        sent = False
        while True:
            if started.parser.wants_more and not sent:
                command.write(started.program)
                sent = True
            for event in events:
                yield event
            if events:
                deadline = loop.time() + idle
            try:
                async with asyncio.timeout_at(deadline):
                    data = await command.read()
            except TimeoutError:
                raise self._silent(idle, command.stderr) from None
            if not data:
                return
            events = started.parser.feed(data)

    async def _no_result(self, started: _Started) -> None:
        """The output ended without a result: say why."""
        command = started.command
        status = await command.finished()
        # no status or one of a signal: killed with its session or by a reboot, not our program's
        if self._connection.is_closed() or status is None or status < 0 or status > 128:
            lost = asyncssh.ConnectionLost(f"ended without a result, status {status}")
            raise classify(lost, self.place, _LOGGED_IN)
        cause = "no-space" if "No space left" in command.stderr else "protocol"
        raise self._early(cause, command, started.parser, status)

    def _early(
        self, cause: str, command: Channel, parser: EventParser, status: int | None
    ) -> RemoteError:
        return commands.ended_early(
            cause,
            self.place,
            f"exit status: {'none' if status is None else status}",
            *command.stderr.splitlines()[-20:],
            *parser.noise.splitlines()[-20:],
            parser.partial if parser.ready else "",
        )

    def _silent(self, seconds: float, stderr: str) -> RemoteError:
        return self.place.error(
            "timeout",
            msg(
                "{host} said nothing for {seconds} seconds. The line may have broken, or the "
                "server is very busy. Try again.",
                host=self.place.name,
                seconds=round(seconds),
            ),
            stderr,
        )

    async def _install_python(self) -> None:
        become, password = self._become, self._sudo
        command = await self._open(commands.install_command(become))
        tail = ""
        try:
            if password is not None:
                command.write(password.reveal().encode() + b"\n")
            if await self._ready_only(command):
                command.write(b"MA1\n" + self.apt_sources.encode())
                command.write_eof()
                tail = await self._output(command)
            status = await command.finished()
            if status == 0:
                return
            evidence = [*tail.splitlines()[-20:], *command.stderr.splitlines()[-20:]]
            full = "No space left" in "\n".join(evidence)
            raise commands.ended_early("no-space" if full else "no-python", self.place, *evidence)
        finally:
            await command.close()

    async def _ready_only(self, command: Channel) -> bool:
        seen = b""
        try:
            async with asyncio.timeout(START_SECONDS):
                while b"MA1 ready" not in seen:
                    data = await command.read()
                    if not data:
                        return False
                    seen = (seen + data)[-65536:]
        except TimeoutError:
            raise self._silent(START_SECONDS, command.stderr) from None
        return True

    async def _output(self, command: Channel) -> str:
        """The end of a command's output, read to its end."""
        tail = b""
        try:
            while True:
                async with asyncio.timeout(INSTALL_SECONDS):
                    data = await command.read()
                if not data:
                    return tail.decode("utf-8", "replace")
                tail = (tail + data)[-8192:]
        except TimeoutError:
            raise self._silent(INSTALL_SECONDS, command.stderr) from None

    async def _open(self, command: str) -> Channel:
        try:
            async with asyncio.timeout(START_SECONDS):
                return await Channel.open(self._connection, command)
        except TimeoutError:
            raise self._silent(START_SECONDS, "") from None

    @asynccontextmanager
    async def _reporting(self) -> AsyncIterator[None]:
        """Turn what asyncssh and the parser raise into a :class:`RemoteError`."""
        try:
            yield
        except BadOutput as exc:
            raise commands.ended_early("protocol", self.place, str(exc)) from None
        except (OSError, asyncssh.Error, asyncssh.ProcessError) as exc:
            raise classify(exc, self.place, _LOGGED_IN) from exc
