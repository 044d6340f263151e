"""Temporary accounts on a homeserver, made by the program on its host (mode ``accounts``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.canary import Account
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

    async def stored_event(self, room_id: str, event_id: str) -> dict[str, Any]:
        """What the server's database holds for an event; empty when it holds nothing."""
        answer = await self._ask("event", room_id=room_id, event_id=event_id)
        return dict(answer.get("event_json") or {})

    async def search(self, needle: str) -> int:
        """How many stored events contain a text."""
        return int((await self._ask("search", needle=needle))["count"])
