"""What the command line and the screens do: trust, learn, check, preview, apply, prove, undo.

Each function takes values and returns values; what happens meanwhile is told through a callback.
Nothing is saved here: the caller keeps the new Setup. Several hosts are worked on side by side.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from assistant import remote
from assistant.onhost.resources import Secret
from assistant.operations.connections import Connections
from assistant.operations.follow import HostResult, Report, followed, recorded
from assistant.operations.link_certificates import link
from assistant.plan import HostPlan
from assistant.plan.compile import compile_plan
from assistant.setup.model import Setup

if TYPE_CHECKING:
    pass


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


def new_run() -> str:
    """An id for a run: sorts by time, unlikely to meet another."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


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


def _recorded(connections: Connections, what: str, results: Sequence[HostResult]) -> Setup:
    connections.setup = recorded(connections.setup, what, results, datetime.now(UTC))
    return connections.setup
