"""Logging in to a server: verified host key, keys, passwords, jump host, time limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh

from assistant.remote.credentials import ASKS, Credentials, NoCredentials, Secret, Wanted
from assistant.remote.errors import Place, RemoteError
from assistant.remote.failure_causes import classify
from assistant.remote.keys import Agent, KeyFile, Offer, home, named_offer, unlock, usual_offers
from assistant.remote.login_observer import Watcher
from assistant.remote.session import Session
from assistant.remote.trust import HostKey, Trust, changed, describe, shown_key, trust
from assistant.setup.model import Login

KEEPALIVE_SECONDS = 15
KEEPALIVE_COUNT = 4
"""A line that is silent for the product of the two counts as dropped."""


@asynccontextmanager
async def connect(
    name: str,
    login: Login,
    jump: Login | None = None,
    *,
    credentials: Credentials | None = None,
    timeout: float = 20,  # noqa: ASYNC109 - used with asyncio.timeout, for each connection
    ssh_folder: Path | None = None,
    apt_sources: str = "",
) -> AsyncIterator[Session]:
    """Log in and give a :class:`Session`; raises :class:`RemoteError`.

    ``name`` is what the user calls the host. ``timeout`` in seconds is for each connection made,
    without the time people take to answer. ``ssh_folder`` is where the usual keys lie
    (``~/.ssh``). ``apt_sources`` is the text of a .sources file for apt, should python3 have to be
    installed (empty: the host's own sources).

    Both host keys must have been confirmed before. Neither the user's ssh configuration nor their
    known_hosts is read.
    """
    asked = credentials or NoCredentials()
    folder = ssh_folder if ssh_folder is not None else home() / ".ssh"
    place = place_of(name, login, jump)
    trusted = trust(login, place)
    async with AsyncExitStack() as stack:
        tunnel = None
        if jump is not None:
            tunnel = await open_jump(jump, asked, timeout, ssh_folder=folder)
            stack.push_async_callback(_hang_up, tunnel)
        target = _Target(place, login, trusted, asked, timeout, folder, tunnel)
        connection = await _log_in(target)
        stack.push_async_callback(_hang_up, connection)
        yield Session(connection, place, asked, apt_sources=apt_sources)


async def fetch_host_key(
    login: Login,
    jump: Login | None = None,
    *,
    name: str = "",
    credentials: Credentials | None = None,
    timeout: float = 20,  # noqa: ASYNC109 - used with asyncio.timeout, for each connection
    ssh_folder: Path | None = None,
) -> HostKey:
    """Ask a server for its host key, without logging in to it. Nothing is trusted by this.

    Through a jump host, that host is logged in to first: its own key must have been confirmed.
    Raises :class:`RemoteError`.
    """
    place = place_of(name or login.address, login, jump)
    if jump is None:
        return await shown_key(login.address, login.port, place, timeout)
    tunnel = await open_jump(jump, credentials, timeout, ssh_folder=ssh_folder)
    try:
        return await shown_key(login.address, login.port, place, timeout, tunnel)
    finally:
        await _hang_up(tunnel)


def place_of(name: str, login: Login, jump: Login | None = None) -> Place:
    """The place a login leads to, for messages."""
    via = "" if jump is None else place_of(jump.address, jump).at
    return Place(name, login.address, login.port, login.user, login.key_file, via=via)


async def open_jump(
    jump: Login,
    credentials: Credentials | None = None,
    timeout: float = 20,  # noqa: ASYNC109 - used with asyncio.timeout, for each connection
    *,
    ssh_folder: Path | None = None,
) -> asyncssh.SSHClientConnection:
    """Log in to a jump host; its key must have been confirmed. Causes start with ``jump-``."""
    folder = ssh_folder if ssh_folder is not None else home() / ".ssh"
    place = Place(jump.address, jump.address, jump.port, jump.user, jump.key_file, jump=True)
    trusted = trust(jump, place)
    asked = credentials or NoCredentials()
    return await _log_in(_Target(place, jump, trusted, asked, timeout, folder))


@dataclass(frozen=True)
class _Target:
    place: Place
    login: Login
    trust: Trust
    credentials: Credentials
    timeout: float
    folder: Path
    tunnel: Any = None


class _Refused(Exception):  # noqa: N818 - not an error yet: there may be another way in
    """The server said no to what was offered in one connection."""

    def __init__(self, offered: frozenset[str], error: RemoteError) -> None:
        super().__init__()
        self.offered = offered
        self.error = error


async def _log_in(target: _Target) -> asyncssh.SSHClientConnection:
    """Try keys that need nobody's help, then locked keys, then a password, each in a connection.

    A new connection for each question: a server hangs up while people look for their password.
    """
    login, place, credentials = target.login, target.place, target.credentials
    agent = Agent()
    try:
        if login.key_file:
            offer = await named_offer(login, place, credentials, agent)
            locked: tuple[KeyFile, ...] = ()
        else:
            offer, locked = await usual_offers(login, target.folder, agent)
        tried = list(offer.names)
        try:
            return await _dial(target, offer, tried)
        except _Refused as refused:
            last = refused
        for key in locked if "key" in last.offered else ():
            opened = await unlock(key, place, credentials)
            if opened is None:
                continue
            pairs = tuple(asyncssh.load_keypairs([opened]))
            tried.append(str(key.path))
            try:
                return await _dial(target, Offer(pairs, (str(key.path),)), tried)
            except _Refused as refused:
                last = refused
    finally:
        await agent.close()
    return await _with_password(target, last, tried)


async def _with_password(
    target: _Target, last: _Refused, tried: list[str]
) -> asyncssh.SSHClientConnection:
    if not last.offered & {"password", "keyboard-interactive"}:
        raise last.error
    place = target.place
    for attempt in range(1, ASKS + 1):
        wanted = Wanted("password", place.address, place.user, place.at, attempt)
        answer = await target.credentials.ask(wanted)
        if answer is None:
            break
        if attempt == 1:
            tried.append("password")
        try:
            return await _dial(target, Offer(), tried, Secret(answer))
        except _Refused as refused:
            last = refused
    raise last.error


async def _dial(
    target: _Target, offer: Offer, tried: list[str], password: Secret | None = None
) -> asyncssh.SSHClientConnection:
    """One connection, one login. Raises :class:`_Refused` or :class:`RemoteError`."""
    watcher = Watcher(password, tried)
    login = target.login
    options: dict[str, Any] = dict(target.trust.options)
    if target.tunnel is not None:
        options["tunnel"] = target.tunnel
    try:
        async with asyncio.timeout(target.timeout):
            return await asyncssh.connect(
                login.address,
                login.port,
                username=login.user,
                config=None,
                client_factory=lambda: watcher,
                client_keys=list(offer.pairs) or None,
                agent_path=None,
                host_based_auth=False,
                gss_kex=False,
                gss_auth=False,
                x509_trusted_certs=None,
                x509_trusted_cert_paths=None,
                preferred_auth=("publickey", "keyboard-interactive", "password"),
                keepalive_interval=KEEPALIVE_SECONDS,
                keepalive_count_max=KEEPALIVE_COUNT,
                **options,
            )
    except asyncssh.HostKeyNotVerifiable as exc:
        shown = describe(watcher.shown) if watcher.shown is not None else None
        raise changed(target.place, target.trust.kept, shown) from exc
    except Exception as exc:  # asyncssh hands on whatever a hostile server made it raise
        error = classify(exc, target.place, watcher.progress)
        cause = error.cause.removeprefix("jump-")
        if cause == "auth":
            raise _Refused(frozenset(watcher.offered), error) from exc
        if cause in ("dropped", "protocol") and watcher.progress.spoke_ssh and not watcher.offered:
            raise await _other_kind(target) or error from exc
        raise error from exc


async def _other_kind(target: _Target) -> RemoteError | None:
    """A server without a key of the confirmed kind just hangs up: look whether that is why."""
    login, tunnel = target.login, target.tunnel
    look = partial(shown_key, login.address, login.port, target.place, target.timeout, tunnel)
    with suppress(RemoteError):
        await look(target.trust.options["server_host_key_algs"])
        return None
    with suppress(RemoteError):
        return changed(target.place, target.trust.kept, await look())
    return None


async def _hang_up(connection: asyncssh.SSHClientConnection) -> None:
    connection.close()
    try:
        async with asyncio.timeout(2):
            await connection.wait_closed()
    except (TimeoutError, OSError, asyncssh.Error):
        connection.abort()
