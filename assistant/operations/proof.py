"""The proof: two temporary users write to each other through the service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from assistant.operations.connections import Connections
from assistant.setup.history import with_history
from assistant.setup.homeservers import Homeserver, homeservers
from assistant.setup.model import HistoryEntry, Setup

if TYPE_CHECKING:
    from assistant.canary import CanaryEvent, CanaryResult, Side


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
