"""SSH sessions to the hosts of a Setup, and the places to measure from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assistant import remote
from assistant.findings.probes import Vantage
from assistant.findings.vantages import LocalVantage, LostSession, SessionVantage
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
        """This computer, and every host. One that is down for now only fails to measure.

        :class:`remote.RemoteError` when no host can be reached, or one for a reason that waiting
        does not mend (its key, a password).
        """
        names = [host.name for host in self.setup.hosts]
        tried = await asyncio.gather(*map(self.session, names), return_exceptions=True)
        found: list[Vantage] = [LocalVantage()]
        failures: list[BaseException] = []
        for name, session in zip(names, tried, strict=True):
            if isinstance(session, BaseException):
                failures.append(session)
                if not isinstance(session, remote.RemoteError) or not session.transient:
                    raise session
                found.append(SessionVantage(name, LostSession(session)))
            else:
                found.append(SessionVantage(name, session))
        if len(failures) == len(names):
            raise failures[0]
        return tuple(found)


def host_named(setup: Setup, name: str) -> Host:
    """The host of that name; ``KeyError`` when there is none."""
    for host in setup.hosts:
        if host.name == name:
            return host
    raise KeyError(name)
