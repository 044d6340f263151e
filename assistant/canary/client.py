"""One test user with an encrypting client of its own: the only place that speaks to matrix-nio.

matrix-nio is imported when a client is made, since it is slow to import. What it and its database
layer log is silenced: texts, tokens and keys would be in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from assistant.canary.failures import (
    CanaryError,
    from_exception,
    from_response,
    no_federation,
    retry_after,
)
from assistant.canary.fixed_resolver import pinned_session
from assistant.canary.model import Account, Side
from assistant.text import msg

_POLL_MS = 10_000
_FILTER = {"room": {"timeline": {"limit": 100}}}
"""What may come at once: after an outage more than a server's own limit has waited."""
_PATIENCE = 2.0
"""Seconds a login waits for a rate limit before it uses the token it already has."""


@dataclass(frozen=True)
class Arrival:
    """A text that came in: when (``time.perf_counter``), its event, whether it was encrypted."""

    at: float
    event_id: str
    decrypted: bool


def _load_nio() -> Any:
    """matrix-nio, with its voice turned off; CanaryError when its encryption part is missing."""
    for name in ("nio", "peewee"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        import nio  # type: ignore[import-untyped]
        from nio.client.base_client import (  # type: ignore[import-untyped]
            ENCRYPTION_ENABLED,
        )
    except ImportError:
        ENCRYPTION_ENABLED = False  # noqa: N806
    if not ENCRYPTION_ENABLED:
        raise CanaryError(
            "no-encryption",
            msg(
                "The part of matrix-nio that encrypts is not installed on this computer. "
                "Install matrix-nio[e2e] next to this program."
            ),
        )
    return nio


class Person:
    """A temporary user who is logged in, follows what happens, and reads and writes.

    Every method raises :class:`CanaryError` when it cannot do its work within ``timeout`` seconds.
    """

    def __init__(self, side: Side, account: Account, timeout: float) -> None:
        nio = _load_nio()
        self._nio = nio
        self._account = account
        self._timeout = timeout
        self.url = side.base_url.rstrip("/")
        self.user_id = account.user_id
        self._client = nio.AsyncClient(
            self.url,
            account.user_id,
            config=nio.AsyncClientConfig(
                store=nio.store.SqliteMemoryStore,
                encryption_enabled=True,
                max_limit_exceeded=0,
                max_timeouts=1,
                request_timeout=timeout,
            ),
            ssl=ssl.create_default_context(),
        )
        if side.address:
            self._client.client_session = pinned_session(side.address, timeout)
        self._client.add_event_callback(self._on_text, nio.RoomMessageText)
        self._client.add_event_callback(self._on_sealed, nio.MegolmEvent)
        self._client.add_to_device_callback(self._on_key, nio.RoomKeyEvent)
        self._arrived: dict[str, Arrival] = {}
        self._sealed: dict[str, Any] = {}
        self._keys_from: set[tuple[str, str]] = set()
        self._changed = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self.trouble: CanaryError | None = None
        self.used_token = False

    # What comes in

    def _on_text(self, room: Any, event: Any) -> None:
        if event.sender != self.user_id:
            self._arrived.setdefault(
                event.body, Arrival(time.perf_counter(), event.event_id, bool(event.decrypted))
            )
            self._changed.set()

    def _on_sealed(self, room: Any, event: Any) -> None:
        self._sealed[event.event_id] = event

    def _on_key(self, event: Any) -> None:
        self._keys_from.add((event.sender, event.room_id))
        self._changed.set()

    def _open_sealed(self) -> None:
        """Try again what could not be decrypted: across servers a key may come after its text."""
        for event_id, event in list(self._sealed.items()):
            with contextlib.suppress(Exception):
                opened = self._client.decrypt_event(event)
                del self._sealed[event_id]
                if isinstance(opened, self._nio.RoomMessageText):
                    self._on_text(None, opened)

    async def _follow(self) -> None:
        while True:
            pause = 0.5
            try:
                response = await self._client.sync(timeout=_POLL_MS, sync_filter=_FILTER)
                if isinstance(response, self._nio.SyncResponse):
                    self.trouble, pause = None, 0.0
                    await self._mind_keys()
                    self._open_sealed()
                else:
                    self.trouble = from_response(response, self.url, "sync")
                    pause = min(retry_after(response) or 1.0, 5.0)
            except Exception as error:
                self.trouble = from_exception(error, self.url)
            self._changed.set()
            await asyncio.sleep(pause)

    async def _mind_keys(self) -> None:
        client = self._client
        if client.should_upload_keys:
            await client.keys_upload()
        if client.should_query_keys:
            await client.keys_query()
        if client.should_claim_keys:
            await client.keys_claim(client.get_users_for_key_claiming())
        await client.send_to_device_messages()

    async def _until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Wait until something holds; False when it did not in time."""
        try:
            async with asyncio.timeout(seconds):
                while not true():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return true()
        return True

    async def _call(self, doing: str, make: Callable[[], Awaitable[Any]], good: Any) -> Any:
        """One request; a rate limit is waited for as told, while the time lasts."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    response = await make()
                    if isinstance(response, good):
                        return response
                    wait = retry_after(response)
                    if wait is None or loop.time() + wait >= deadline:
                        raise from_response(response, self.url, doing)
                    await asyncio.sleep(wait)
        except TimeoutError as error:
            # Synapse tries long to reach another server before it answers.
            raise (
                no_federation(self.url) if doing == "meet" else from_exception(error, self.url)
            ) from None
        except Exception as error:
            raise from_exception(error, self.url) from None

    # What a person does

    async def log_in(self) -> None:
        """Log in by password, publish keys, and begin to follow.

        Synapse limits logins per address strictly. Where it asks to wait for long, the token that
        came with the account is used instead, and ``used_token`` says so.
        """
        client, nio = self._client, self._nio

        async def log_in() -> Any:
            response = await client.login(self._account.password, device_name="canary")
            wait = retry_after(response)
            if wait is None or wait <= _PATIENCE or not self._account.access_token:
                return response
            client.restore_login(
                self._account.user_id, self._account.device_id, self._account.access_token
            )
            self.used_token = True
            return await client.whoami()

        await self._call("login", log_in, (nio.LoginResponse, nio.WhoamiResponse))
        await self._call("keys", client.keys_upload, nio.KeysUploadResponse)
        await self._call("sync", lambda: client.sync(timeout=0, full_state=True), nio.SyncResponse)
        self._following = asyncio.create_task(self._follow())

    async def make_room(self, name: str, guest: str, *, federate: bool) -> str:
        """Make a private encrypted room with one guest invited; returns its id."""
        nio = self._nio
        made = await self._call(
            "meet" if federate else "room",
            lambda: self._client.room_create(
                name=name,
                visibility=nio.RoomVisibility.private,
                preset=nio.RoomPreset.private_chat,
                federate=federate,
                invite=[guest],
                initial_state=[nio.EnableEncryptionBuilder().as_dict()],
            ),
            nio.RoomCreateResponse,
        )
        return str(made.room_id)

    async def accept(self, room_id: str, *, federate: bool) -> None:
        """Wait for an invitation and join."""
        if not await self._until(lambda: room_id in self._client.invited_rooms, self._timeout):
            raise self.trouble or CanaryError(
                "no-invitation",
                msg(
                    "The invitation into the test room did not arrive at {url}. When two servers "
                    "take part, they may not reach each other.",
                    url=self.url,
                ),
            )
        await self._call(
            "meet" if federate else "join",
            lambda: self._client.join(room_id),
            self._nio.JoinResponse,
        )

    def _ready(self, room_id: str, other: str) -> bool:
        room = self._client.rooms.get(room_id)
        return bool(
            room is not None
            and room.encrypted
            and other in room.users
            and not room.users[other].invited
        )

    async def share_keys(self, room_id: str, other: str) -> None:
        """See the other in the encrypted room, trust the devices, and send them the room's key."""
        client, nio = self._client, self._nio
        deadline = asyncio.get_running_loop().time() + self._timeout
        if not await self._until(lambda: self._ready(room_id, other), self._timeout):
            raise self.trouble or self._no_keys()
        try:
            async with asyncio.timeout_at(deadline):
                await client.joined_members(room_id)
                pause = 0.0
                while True:
                    devices = list(client.device_store.active_user_devices(other))
                    for device in devices:
                        client.verify_device(device)
                    if devices:
                        shared = await client.share_group_session(
                            room_id, ignore_unverified_devices=True
                        )
                        reached = getattr(shared, "users_shared_with", ())
                        if any(user == other for user, _ in reached):
                            return
                    # Nothing yet: ask again, another server may just have been too slow.
                    await asyncio.sleep(pause)
                    pause = min(pause + 0.2, 2.0)
                    client.olm.add_changed_users({other})
                    await client.keys_query()
        except TimeoutError:
            raise self.trouble or self._no_keys() from None
        except nio.LocalProtocolError:
            raise self._no_keys() from None
        except Exception as error:
            raise from_exception(error, self.url) from None

    async def has_key(self, room_id: str, other: str) -> None:
        """Wait until the other's key for the room came in."""
        if not await self._until(lambda: (other, room_id) in self._keys_from, self._timeout):
            raise self.trouble or self._no_keys()

    def _no_keys(self) -> CanaryError:
        return CanaryError(
            "no-keys",
            msg(
                "The keys of the test conversation did not reach the other side at {url}, so "
                "nothing could be read there. When two servers take part, look at what each can "
                "reach of the other.",
                url=self.url,
            ),
        )

    @property
    def heard(self) -> tuple[str, ...]:
        """The texts of others that could be read, in the order in which they came in."""
        return tuple(self._arrived)

    async def send(
        self, room_id: str, body: str, transaction: str | None = None
    ) -> tuple[str, float]:
        """Send an encrypted text; returns its event id and when the accepted try began.

        The time is that of ``time.perf_counter``. Sent again under the same ``transaction``, a text
        that had arrived although the answer got lost is not stored twice.
        """
        if not self._client.rooms[room_id].encrypted:
            raise CanaryError("not-encrypted", msg("The test room is not encrypted."))
        begun = 0.0

        async def put() -> Any:
            nonlocal begun
            begun = time.perf_counter()
            return await self._client.room_send(
                room_id,
                "m.room.message",
                {"msgtype": "m.text", "body": body},
                tx_id=transaction,
                ignore_unverified_devices=True,
            )

        sent = await self._call("send", put, self._nio.RoomSendResponse)
        return str(sent.event_id), begun

    async def read(self, body: str, event_id: str) -> Arrival:
        """Wait until exactly this text was decrypted from exactly this event."""
        if not await self._until(lambda: body in self._arrived, self._timeout):
            if event_id in self._sealed:
                raise CanaryError(
                    "undecryptable",
                    msg("A message arrived at {url} but could not be decrypted.", url=self.url),
                )
            raise self.trouble or CanaryError(
                "not-delivered",
                msg(
                    "A message was accepted but did not arrive at {url} within {seconds:.0f} s.",
                    url=self.url,
                    seconds=self._timeout,
                ),
            )
        arrival = self._arrived[body]
        if not arrival.decrypted or arrival.event_id != event_id:
            raise CanaryError(
                "not-encrypted", msg("A message reached {url} unencrypted.", url=self.url)
            )
        return arrival

    async def leave(self, room_id: str) -> None:
        """Stop following, leave the room and log out, as far as it goes; never fails."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})
        if self._client.access_token:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(10):
                    if room_id:
                        await self._client.room_leave(room_id)
                    await self._client.logout()
        with contextlib.suppress(Exception):
            await self._client.close()
