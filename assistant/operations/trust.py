"""Host keys confirmed once, and what hosts tell of themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from assistant import remote
from assistant.common.errors import AssistantError
from assistant.operations.connections import Connections, host_named
from assistant.setup.model import Host, Setup
from assistant.setup.updates import with_host_key, with_release
from assistant.text import msg

if TYPE_CHECKING:
    pass


ConfirmKey = Callable[[Host, bool, remote.HostKey], Awaitable[bool]]
"""Asked once per unknown host key: the host, whether it is its jump host's, and the key."""


async def trust(
    setup: Setup,
    confirm: ConfirmKey,
    credentials: remote.Credentials,
    closed: dict[str, remote.RemoteError] | None = None,
) -> Setup:
    """Fetch the host keys that are not yet known and have each confirmed once.

    :class:`AssistantError` when the user does not confirm one, and when a host shows none; with
    ``closed`` such a host is noted there instead, and nothing is sent to it.
    """
    for host in setup.hosts:
        try:
            setup = await _trusted(setup, host, confirm, credentials)
        except remote.RemoteError as error:
            if closed is None:
                raise
            closed[host.name] = error
    return setup


async def _trusted(
    setup: Setup, host: Host, confirm: ConfirmKey, credentials: remote.Credentials
) -> Setup:
    """The Setup with the keys of one host."""
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


async def learn(connections: Connections, *, optional: bool = False) -> Setup:
    """The Setup with the release of each host filled in, as the host itself tells it.

    With ``optional`` a host that lets nobody in is noted in ``connections.closed`` and left out.
    """
    setup = connections.setup

    async def release(host: Host) -> tuple[str, str]:
        try:
            session = await connections.session(host.name)
            facts = await session.ask({"mode": "facts"})
        except remote.RemoteError as error:
            if not optional:
                raise
            connections.closed[host.name] = error
            return host.name, ""
        return host.name, str(facts.get("codename", ""))

    unknown = [h for h in setup.hosts if not h.release and h.name not in connections.closed]
    for name, codename in await asyncio.gather(*(release(host) for host in unknown)):
        setup = with_release(setup, name, codename)
    connections.setup = setup
    return setup
