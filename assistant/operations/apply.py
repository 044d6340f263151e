"""What the command line and the screens do: trust, learn, check, preview, apply, prove, undo.

Each function takes values and returns values; what happens meanwhile is told through a callback.
Nothing is saved here: the caller keeps the new Setup. Several hosts are worked on side by side.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from assistant import remote
from assistant.common.errors import AssistantError
from assistant.findings.model import Finding
from assistant.findings.vantages import LocalVantage, LostSession, SessionVantage, Vantage
from assistant.onhost.resources import Secret
from assistant.operations.follow import HostResult, Progress, Report, followed, recorded
from assistant.operations.link_certificates import link
from assistant.plan import HostPlan, Plan
from assistant.plan.compile import compile_plan
from assistant.plan.recipes.host.base import first_sources
from assistant.setup.homeservers import Homeserver, homeservers
from assistant.setup.model import (
    HistoryEntry,
    Host,
    Setup,
    with_findings,
    with_history,
    with_host_key,
    with_release,
)
from assistant.text import msg

if TYPE_CHECKING:
    from assistant.canary import CanaryEvent, CanaryResult, Side

__all__ = [
    "Checker",
    "ConfirmKey",
    "Connections",
    "HostPreview",
    "HostResult",
    "Phase",
    "Progress",
    "Report",
    "SecretSource",
    "apply",
    "canary",
    "check",
    "host_named",
    "learn",
    "new_run",
    "preview",
    "side",
    "status",
    "stop",
    "trust",
    "undo",
    "with_canary",
]

Phase = Literal["before", "after"]

ConfirmKey = Callable[[Host, bool, remote.HostKey], Awaitable[bool]]
"""Asked once per unknown host key: the host, whether it is its jump host's, and the key."""


class Checker(Protocol):
    """What ``checks.run_checks`` offers; handed in, so that the core does not know checks/."""

    async def __call__(
        self,
        setup: Setup,
        plan: Plan,
        vantages: Sequence[Vantage],
        *,
        phase: Phase,
        previous: Sequence[Finding] = (),
        only: Collection[str] | None = None,
        report: Callable[[Finding], None] | None = None,
    ) -> tuple[Finding, ...]:
        """Measure and conclude."""
        ...


class SecretSource(Protocol):
    """Where secrets come from that the user has to give (a DNS token): asked for, never kept."""

    async def provided(self, name: str, host: str) -> str | None:
        """The value of a secret for a host, or None to keep what is there."""
        ...


@dataclass(frozen=True)
class HostPreview:
    """What an apply would do on a host: one ``state`` event per resource that is not as wanted."""

    host: str
    total: int
    states: tuple[Mapping[str, Any], ...]

    @property
    def changes(self) -> tuple[Mapping[str, Any], ...]:
        """The resources that would change."""
        return tuple(state for state in self.states if state.get("action") != "none")

    @property
    def conflicts(self) -> tuple[Mapping[str, Any], ...]:
        """The resources somebody edited by hand since our last write."""
        return tuple(state for state in self.states if state.get("action") == "conflict")


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


def new_run() -> str:
    """An id for a run: sorts by time, unlikely to meet another."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


async def trust(setup: Setup, confirm: ConfirmKey, credentials: remote.Credentials) -> Setup:
    """Fetch the host keys that are not yet known and have each confirmed once.

    :class:`AssistantError` when the user does not confirm one.
    """
    for host in setup.hosts:
        ways = [(host.login, True, False)]
        if host.jump is not None:
            ways.insert(0, (host.jump, False, True))
        for login, through, is_jump in ways:
            if login.host_key:
                continue
            present = host_named(setup, host.name)
            key = await remote.fetch_host_key(
                login,
                present.jump if through else None,
                name=host.name,
                credentials=credentials,
            )
            if not await confirm(present, is_jump, key):
                raise AssistantError(
                    "host-key-not-confirmed",
                    msg(
                        "The key of the server {host} was not confirmed, so nothing was sent to"
                        " it. Compare the fingerprint with the one your provider shows and try"
                        " again.",
                        host=host.name,
                    ),
                )
            setup = with_host_key(setup, host.name, key.text, jump=is_jump)
    return setup


async def learn(connections: Connections) -> Setup:
    """The Setup with the release of each host filled in, as the host itself tells it."""
    setup = connections.setup

    async def release(host: Host) -> tuple[str, str]:
        session = await connections.session(host.name)
        facts = await session.ask({"mode": "facts"})
        return host.name, str(facts.get("codename", ""))

    unknown = [host for host in setup.hosts if not host.release]
    for name, codename in await asyncio.gather(*(release(host) for host in unknown)):
        setup = with_release(setup, name, codename)
    connections.setup = setup
    return setup


async def check(
    connections: Connections,
    checker: Checker,
    *,
    phase: Phase,
    only: Collection[str] | None = None,
    report: Callable[[Finding], None] | None = None,
) -> tuple[Setup, tuple[Finding, ...]]:
    """Measure from this computer and every host; the Setup comes back with the findings kept."""
    setup = connections.setup
    findings = await checker(
        setup,
        compile_plan(setup),
        await connections.vantages(),
        phase=phase,
        previous=setup.current_findings,
        only=only,
        report=report,
    )
    setup = with_findings(setup, findings, datetime.now(UTC))
    connections.setup = setup
    return setup, findings


async def preview(
    connections: Connections, *, resolve: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[HostPreview, ...]:
    """What an apply would change on every host; reads only."""
    plan = compile_plan(connections.setup)

    async def one(host: HostPlan) -> HostPreview:
        session = await connections.session(host.host)
        states = []
        request = {
            "mode": "inspect",
            "resources": host.to_json(),
            "resolve": dict((resolve or {}).get(host.host, {})),
        }
        async for event in session.program(request):
            if event.get("event") == "state":
                states.append(event)
        return HostPreview(host.host, len(host.resources), tuple(states))

    return tuple(await asyncio.gather(*(one(host) for host in plan.hosts)))


async def apply(
    connections: Connections,
    *,
    report: Report,
    resolve: Mapping[str, Mapping[str, str]] | None = None,
    secrets_from: SecretSource | None = None,
) -> tuple[Setup, tuple[HostResult, ...]]:
    """Bring every host to its plan. A run goes on by itself when the connection is lost.

    The hosts wait for each other in one thing only: certificates for wrapped links, which one of
    them signs for the others, are handed round before.
    """
    plan = compile_plan(connections.setup)
    await link(connections, report)

    async def one(host: HostPlan) -> HostResult:
        values = {}
        if secrets_from is not None:
            for resource in host.resources:
                if isinstance(resource, Secret) and resource.form == "provided":
                    value = await secrets_from.provided(resource.name, host.host)
                    if value is not None:
                        values[resource.name] = value
        request = {
            "mode": "apply",
            "run": new_run(),
            "host": host.host,
            "resources": host.to_json(),
            "secrets": values,
            "resolve": dict((resolve or {}).get(host.host, {})),
        }
        return await followed(connections.opener(host.host), host.host, request, report)

    results = await asyncio.gather(*(one(host) for host in plan.hosts))
    return _recorded(connections, "applied", results), tuple(results)


async def undo(
    connections: Connections, *, report: Report, only: str = ""
) -> tuple[Setup, tuple[HostResult, ...]]:
    """Take back what was applied, newest first; databases, media and keys stay.

    ``only``: on the host of this name and nowhere else.
    """
    names = [host.name for host in connections.setup.hosts if only in ("", host.name)]
    requests = {name: {"mode": "undo", "run": new_run()} for name in names}
    results = await asyncio.gather(
        *(
            followed(connections.opener(name), name, request, report)
            for name, request in requests.items()
        )
    )
    return _recorded(connections, "undone", results), tuple(results)


async def stop(connections: Connections, host: str, run: str) -> None:
    """Ask a run to stop after the resource it is working on."""
    await remote.request_stop(connections.opener(host), run)


async def status(connections: Connections) -> dict[str, Mapping[str, Any]]:
    """What each host says of its runs and its lock."""

    async def one(name: str) -> Mapping[str, Any]:
        return await (await connections.session(name)).ask({"mode": "status"})

    names = [host.name for host in connections.setup.hosts]
    return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))


async def canary(
    connections: Connections, report: Callable[[CanaryEvent], None] | None = None
) -> CanaryResult:
    """Let two temporary users exchange encrypted messages through the deployed service.

    A is on the main server, B on the other one (the same where there is only one).
    """
    from assistant.canary import CanaryRequest, run_canary
    from assistant.operations.accounts import HostAccounts

    setup = connections.setup
    servers = homeservers(setup)
    sides = tuple(side(server) for server in servers)
    request = CanaryRequest(sides=sides, messages=setup.settings.canary_messages)
    sessions = await asyncio.gather(*(connections.session(server.host.name) for server in servers))
    accounts = {
        server.server_name: HostAccounts(session)
        for server, session in zip(servers, sessions, strict=True)
    }
    return await run_canary(request, accounts, report)


def side(server: Homeserver) -> Side:
    """One side of a conversation: this computer as a device of somebody on that server."""
    from assistant.canary import Side

    # A private name is known to nobody but devices with a record: here the client stands for one.
    record = server.front.public_ipv4 or server.front.public_ipv6 if server.private else ""
    return Side(server_name=server.server_name, base_url=server.base_url, address=record)


def with_canary(setup: Setup, ok: bool, detail: str) -> Setup:
    """The Setup with the outcome of a canary in its history."""
    entry = HistoryEntry(at=datetime.now(UTC), what="canary", ok=ok, detail=detail)
    return with_history(setup, entry)


def _recorded(connections: Connections, what: str, results: Sequence[HostResult]) -> Setup:
    connections.setup = recorded(connections.setup, what, results, datetime.now(UTC))
    return connections.setup
