"""Temporary accounts on a homeserver, made by the program on its host (mode ``accounts``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.canary import Account, Stored
from assistant.onhost.accounts.actions import MOST_TEXTS
from assistant.remote import Session


class HostAccounts:
    """The accounts of one homeserver, reached through an SSH session to its host."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def _ask(self, action: str, **values: Any) -> Mapping[str, Any]:
        return await self._session.ask({"mode": "accounts", "action": action, **values})

    async def create(self, localparts: Sequence[str]) -> tuple[Account, ...]:
        """Make temporary users; the host writes them down before it makes them."""
        wanted = [{"localpart": name, "admin": False} for name in localparts]
        answer = await self._ask("create", users=wanted)
        return tuple(
            Account(
                user_id=user["user_id"],
                password=user["password"],
                access_token=user["access_token"],
                device_id=user["device_id"],
            )
            for user in answer["users"]
        )

    async def remove_temporary(self) -> Sequence[str]:
        """Deactivate and erase every temporary user, of this and of earlier runs."""
        answer = await self._ask("remove", all_temporary=True)
        return [str(name) for name in answer.get("left", ())]

    async def stored(
        self, room_id: str, event_ids: Sequence[str], needles: Sequence[str]
    ) -> Stored:
        """What the server's database holds: one round trip for up to MOST_TEXTS events."""
        events: dict[str, Mapping[str, Any]] = {}
        found: dict[str, int] = {}
        for first in range(0, max(len(event_ids), 1), MOST_TEXTS):
            answer = await self._ask(
                "events",
                room_id=room_id,
                event_ids=list(event_ids[first : first + MOST_TEXTS]),
                needles=[] if first else list(needles),
            )
            events.update((name, dict(event or {})) for name, event in answer["events"].items())
            found.update((needle, int(count)) for needle, count in answer["found"].items())
        return Stored(events=events, found=found)
