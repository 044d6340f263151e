"""What the command line and the screens do: trust, learn, check, preview, apply, prove, undo.

Each function takes values and returns values; what happens meanwhile is told through a callback.
Nothing is saved here: the caller keeps the new Setup. Several hosts are worked on side by side.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from assistant import remote
from assistant.errors import AssistantError
from assistant.findings import Finding
from assistant.onhost.resources import Secret
from assistant.plan import HostPlan, Plan
from assistant.plan.compile import compile_plan
from assistant.plan.recipes.base import first_sources
from assistant.setup import (
    HistoryEntry,
    Host,
    Setup,
    with_findings,
    with_history,
    with_host_key,
    with_release,
)
from assistant.text import msg
from assistant.vantage import LocalVantage, SessionVantage, Vantage

if TYPE_CHECKING:
    from assistant.canary import CanaryEvent, CanaryResult

Phase = Literal["before", "after"]


@dataclass(frozen=True)
class Progress:
    """Something that happened on a host: one event of the program there (see onhost.protocol)."""

    host: str
    event: Mapping[str, Any]


Report = Callable[[Progress], None]
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


@dataclass(frozen=True)
class HostResult:
    """How an apply or undo ended on a host. ``seconds`` include connecting."""

    host: str
    run: str
    ok: bool
    seconds: float
    changed: int = 0
    stopped: bool = False
    failed: str = ""
    cause: str = ""
    text: str = ""
    tail: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


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

    async def vantages(self) -> tuple[Vantage, ...]:
        """This computer, and every host that can be logged in to."""
        found: list[Vantage] = [LocalVantage()]
        for host in self.setup.hosts:
            found.append(SessionVantage(host.name, await self.session(host.name)))
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
    """Bring every host to its plan. A run goes on by itself when the connection is lost."""
    plan = compile_plan(connections.setup)

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
        return await _followed(connections, host.host, request, report)

    results = await asyncio.gather(*(one(host) for host in plan.hosts))
    return _recorded(connections, "applied", results), tuple(results)


async def undo(connections: Connections, *, report: Report) -> tuple[Setup, tuple[HostResult, ...]]:
    """Take back what was applied, newest first; databases, media and keys stay."""
    requests = {host.name: {"mode": "undo", "run": new_run()} for host in connections.setup.hosts}
    results = await asyncio.gather(
        *(_followed(connections, name, request, report) for name, request in requests.items())
    )
    return _recorded(connections, "undone", results), tuple(results)


async def stop(connections: Connections, host: str, run: str) -> None:
    """Ask a run to stop after the resource it is working on."""
    await remote.request_stop(lambda: connections.fresh(host), run)


async def status(connections: Connections) -> dict[str, Mapping[str, Any]]:
    """What each host says of its runs and its lock."""

    async def one(name: str) -> Mapping[str, Any]:
        return await (await connections.session(name)).ask({"mode": "status"})

    names = [host.name for host in connections.setup.hosts]
    return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))


async def canary(
    connections: Connections, report: Callable[[CanaryEvent], None] | None = None
) -> CanaryResult:
    """Let two temporary users exchange encrypted messages through the deployed service."""
    from assistant.canary import CanaryRequest, Side, run_canary
    from assistant.run_accounts import HostAccounts

    setup = connections.setup
    servers = [host for host in setup.hosts if host.role in ("outside", "inside")]
    sides = tuple(
        Side(
            server_name=setup.server_name,
            base_url=f"https://{setup.access_name}",
            vantage="this computer",
        )
        for _ in range(2)
    )
    request = CanaryRequest(sides=sides, messages=setup.settings.canary_messages)
    accounts = {setup.server_name: HostAccounts(await connections.session(servers[0].name))}
    return await run_canary(request, accounts, report)


def with_canary(setup: Setup, ok: bool, detail: str) -> Setup:
    """The Setup with the outcome of a canary in its history."""
    entry = HistoryEntry(at=datetime.now(UTC), what="canary", ok=ok, detail=detail)
    return with_history(setup, entry)


async def _followed(
    connections: Connections, host: str, request: Mapping[str, Any], report: Report
) -> HostResult:
    """Run one apply or undo to its end, told event by event, and put its outcome together.

    An apply that meets another one under way on the host (the same person's, from before the
    program was left) follows that one instead.
    """
    begun = time.monotonic()
    busy = ""
    joined = False
    run = str(request["run"])
    changes: list[str] = []
    kept: list[str] = []
    failed: Mapping[str, Any] = {}
    finished: Mapping[str, Any] = {}

    events = remote.apply_run(lambda: connections.fresh(host), request)
    while True:
        try:
            event = await anext(events)
        except StopAsyncIteration:
            break
        except remote.HostFailure as failure:
            if failure.cause == "busy" and busy and request["mode"] == "apply" and not joined:
                joined = True
                events = remote.follow_run(lambda: connections.fresh(host), busy)
                continue
            failed = failed or {
                "cause": failure.cause,
                "text": failure.text,
                "tail": failure.evidence,
            }
            break
        kind = event.get("event")
        if kind == "busy":
            busy = str(event.get("run", ""))
        if kind == "run" and joined and event.get("what", "apply") != "apply":
            # Its end would tell nothing about what was asked for.
            failed = {
                "cause": "busy",
                "text": str(
                    msg("Something is being taken back on {host}. Wait for it.", host=host)
                ),
            }
            break
        report(Progress(host, event))
        if kind == "run":
            # Another assistant's run may have been joined: its id is the one to follow and stop.
            run = str(event.get("run", run))
        elif kind == "changed":
            changes.append(str(event.get("id", "")))
        elif kind == "kept":
            kept.append(str(event.get("id", "")))
        elif kind in ("failed", "error"):
            failed = event
        elif kind == "finished":
            finished = event
    ok = bool(finished.get("ok")) and not failed
    return HostResult(
        host=host,
        run=run,
        ok=ok,
        seconds=time.monotonic() - begun,
        changed=len(changes),
        stopped=bool(finished.get("stopped")),
        failed=str(failed.get("id", "")),
        cause=str(failed.get("cause", "")) or ("" if ok else "unknown"),
        text=str(failed.get("text", "")),
        tail=tuple(str(line) for line in failed.get("tail", ()) or ()),
        changes=tuple(changes),
        kept=tuple(kept),
    )


def _known(setup: Setup, what: str, host: str) -> bool:
    """Whether the history says already that this was done with success, last of all.

    It may not: a run that ended while the program was away is found done at the next try.
    """
    about = [e for e in setup.history if e.what in ("applied", "undone") and e.host == host]
    return bool(about) and about[-1].what == what and about[-1].ok


def _recorded(connections: Connections, what: str, results: Sequence[HostResult]) -> Setup:
    setup = connections.setup
    for result in results:
        if result.ok and not result.changed and _known(setup, what, result.host):
            continue
        entry = HistoryEntry(
            at=datetime.now(UTC),
            what=what,
            host=result.host,
            run=result.run,
            ok=result.ok,
            detail=result.cause or f"{result.changed}",
        )
        setup = with_history(setup, entry)
    connections.setup = setup
    return setup
