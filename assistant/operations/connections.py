"""SSH sessions to the hosts of a Setup, and the places to measure from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assistant import remote
from assistant.findings.probes import Vantage
from assistant.findings.vantages import LocalVantage, LostVantage, SessionVantage
from assistant.plan.recipes.host.base import first_sources
from assistant.setup.model import Host, Setup

if TYPE_CHECKING:
    pass


@dataclass
class Connections:
    """SSH sessions to the hosts of a Setup, opened when first needed and closed together."""

    setup: Setup
    credentials: remote.Credentials
    """Asked once for each thing; answers are remembered, in memory only."""
    closed: dict[str, remote.RemoteError] = field(default_factory=dict)
    """Hosts that were seen to let nobody in, and why: vantages does not try them once more."""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _sessions: dict[str, remote.Session] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def __aenter__(self) -> Connections:
        self.credentials = remote.Remembering(self.credentials)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def session(self, name: str) -> remote.Session:
        """The session to a host; :class:`remote.RemoteError` says why there is none."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            if name not in self._sessions:
                self._sessions[name] = await self._stack.enter_async_context(self.fresh(name))
            return self._sessions[name]

    @asynccontextmanager
    async def fresh(self, name: str) -> AsyncIterator[remote.Session]:
        """Another connection to a host, of its own (reconnecting, confirming a firewall)."""
        host = host_named(self.setup, name)
        async with remote.connect(
            host.name,
            host.login,
            host.jump,
            credentials=self.credentials,
            apt_sources=first_sources(self.setup, host),
        ) as session:
            yield session

    def opener(self, name: str) -> Callable[[], AbstractAsyncContextManager[remote.Session]]:
        """What makes a new connection to a host each time it is called."""
        return lambda: self.fresh(name)

    async def vantages(self) -> tuple[Vantage, ...]:
        """This computer, and every host; one that cannot be logged in to as what is lost of it."""
        names = [host.name for host in self.setup.hosts]
        places = await asyncio.gather(*map(self._vantage, names))
        return (LocalVantage(), *places)

    async def _vantage(self, name: str) -> Vantage:
        if name not in self.closed:
            try:
                return SessionVantage(name, await self.session(name))
            except remote.RemoteError as error:
                self.closed[name] = error
        return LostVantage(name, self.closed[name])


def host_named(setup: Setup, name: str) -> Host:
    """The host of that name; ``KeyError`` when there is none."""
    for host in setup.hosts:
        if host.name == name:
            return host
    raise KeyError(name)
