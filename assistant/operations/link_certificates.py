"""Certificates for wrapped links: made on the hosts, carried between them by the assistant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from assistant.plan.recipes.links.wrapped import wrapped_clients
from assistant.setup.model import Role

if TYPE_CHECKING:
    from assistant.operations.connections import Connections
    from assistant.operations.follow import Report


async def link(connections: Connections, report: Report) -> tuple[str, ...]:
    """Give every host of a wrapped link a certificate that lasts; returns the hosts that got one.

    To be called before the hosts are brought to their plan, whose nginx settings name the files.
    Nothing happens, and no host is asked, when no link is wrapped; one look at each host when all
    have what they need. Only requests and certificates pass through here, never a private key.
    Raises :class:`assistant.remote.RemoteError`.
    """
    setup = connections.setup
    clients = tuple(host.name for host in wrapped_clients(setup))
    if not clients:
        return ()
    keeper = setup.host(Role.INSIDE).name

    async def ask(host: str, action: str, **values: Any) -> Mapping[str, Any]:
        session = await connections.session(host)
        return await session.ask({"mode": "link", "action": action, "host": host, **values})

    async def each(hosts: tuple[str, ...], action: str) -> dict[str, Mapping[str, Any]]:
        return dict(zip(hosts, await asyncio.gather(*(ask(h, action) for h in hosts)), strict=True))

    wanted = lacking(keeper, await each((keeper, *clients), "status"))
    if not wanted:
        return ()
    for host in wanted:
        report(_progress(host, "Certificate for the link between the servers"))
    asking = tuple(host for host in wanted if host != keeper)
    requests = {host: answer["request"] for host, answer in (await each(asking, "request")).items()}
    signed = await ask(keeper, "sign", requests=requests)
    made = signed["certificates"]
    await asyncio.gather(
        *(
            ask(host, "install", certificate=made[host], authority=signed["authority"])
            for host in asking
        )
    )
    return wanted


def lacking(keeper: str, states: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The hosts that need a new certificate, by what their ``status`` told; the keeper first.

    All of them, when the authority itself is missing on the host that keeps it.
    """
    kept = states[keeper]
    if not kept.get("holds_authority"):
        return (keeper, *(host for host in states if host != keeper))
    return tuple(
        host
        for host in (keeper, *(host for host in states if host != keeper))
        if not states[host].get("ready") or states[host].get("authority") != kept.get("authority")
    )


def _progress(host: str, text: str) -> Any:
    from assistant.operations.follow import Progress

    return Progress(host, {"event": "preparing", "what": text})
