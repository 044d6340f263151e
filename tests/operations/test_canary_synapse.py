"""The canary against a real Synapse on loopback.

Runs where Synapse is importable, or where ``SYNAPSE_PYTHON`` names an interpreter that has it;
the practice internet proves the same over TLS, PostgreSQL and SSH.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import importlib.util
import json
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from assistant.canary import Account, CanaryRequest, Side, Stored, run_canary


def _interpreter() -> str:
    named = os.environ.get("SYNAPSE_PYTHON", "")
    return named or (sys.executable if importlib.util.find_spec("synapse") else "")


pytestmark = pytest.mark.skipif(
    not _interpreter(),
    reason="Synapse is not installed here: set SYNAPSE_PYTHON to an interpreter that has it",
)

SHARED = secrets.token_urlsafe(16)


class LocalAccounts:
    """Accounts of a Synapse on this machine, by its admin API and its SQLite file."""

    def __init__(self, url: str, database: Path) -> None:
        self.url = url
        self.database = database
        self.admin = ""

    async def _request(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.admin}"} if self.admin else {}
        async with httpx.AsyncClient() as client:
            response = await client.request(method, self.url + path, json=body, headers=headers)
        response.raise_for_status()
        return response.json()

    async def register(self, localpart: str, role: str = "notadmin") -> Account:
        nonce = (await self._request("GET", "/_synapse/admin/v1/register"))["nonce"]
        password = secrets.token_urlsafe(16)
        text = "\0".join([nonce, localpart, password, role])
        made = await self._request(
            "POST",
            "/_synapse/admin/v1/register",
            {
                "nonce": nonce,
                "username": localpart,
                "password": password,
                "admin": role == "admin",
                "mac": hmac.new(SHARED.encode(), text.encode(), hashlib.sha1).hexdigest(),
            },
        )
        return Account(made["user_id"], password, made["access_token"], made["device_id"])

    async def create(self, localparts: Sequence[str]) -> tuple[Account, ...]:
        return tuple([await self.register(name) for name in localparts])

    async def temporary(self) -> list[str]:
        if not self.admin:
            self.admin = (await self.register("boss", "admin")).access_token
        listed = await self._request("GET", "/_synapse/admin/v2/users?name=canary-")
        return [user["name"] for user in listed["users"]]

    async def remove_temporary(self) -> Sequence[str]:
        for user in await self.temporary():
            await self._request("POST", f"/_synapse/admin/v1/deactivate/{user}", {"erase": True})
        return await self.temporary()

    def _rows(self, query: str, value: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(query, (value,)).fetchall()

    async def stored(
        self, room_id: str, event_ids: Sequence[str], needles: Sequence[str]
    ) -> Stored:
        events = {}
        for name in event_ids:
            rows = self._rows("SELECT json FROM event_json WHERE event_id = ?", name)
            events[name] = dict(json.loads(rows[0][0])) if rows else {}
        return Stored(events, {needle: self.count(needle) for needle in needles})

    def count(self, needle: str) -> int:
        return len(self._rows("SELECT 1 FROM event_json WHERE instr(json, ?) > 0", needle))


@pytest.fixture(scope="module")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccounts]:
    folder = tmp_path_factory.mktemp("synapse")
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    config = {
        "server_name": "canary.test",
        "public_baseurl": f"http://127.0.0.1:{port}/",
        "listeners": [
            {
                "port": port,
                "bind_addresses": ["127.0.0.1"],
                "type": "http",
                "resources": [{"names": ["client"]}],
            }
        ],
        "database": {"name": "sqlite3", "args": {"database": str(folder / "hs.db")}},
        "registration_shared_secret": SHARED,
        "macaroon_secret_key": secrets.token_urlsafe(16),
        "form_secret": secrets.token_urlsafe(16),
        "signing_key_path": str(folder / "signing.key"),
        "media_store_path": str(folder / "media"),
        "pid_file": str(folder / "pid"),
        "report_stats": False,
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
    }
    key = subprocess.run(
        [
            _interpreter(),
            "-c",
            "import sys, signedjson.key as k;"
            "k.write_signing_keys(sys.stdout, [k.generate_signing_key('a_test')])",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    (folder / "signing.key").write_text(key)
    (folder / "homeserver.yaml").write_text(json.dumps(config))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [_interpreter(), "-m", "synapse.app.homeserver", "-c", str(folder / "homeserver.yaml")],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{url}/_matrix/client/versions").raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None, (folder / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
                time.sleep(0.3)
        yield LocalAccounts(url, folder / "hs.db")
    finally:
        process.terminate()
        process.wait(20)


def _request(synapse: LocalAccounts, messages: int = 2) -> CanaryRequest:
    side = Side(server_name="canary.test", base_url=synapse.url)
    return CanaryRequest(sides=(side,), messages=messages, timeout=20)


def test_an_encrypted_conversation(synapse: LocalAccounts) -> None:
    async def main() -> None:
        left_over = await synapse.register("canary-leftover")
        result = await run_canary(_request(synapse), {"canary.test": synapse})
        assert result.ok, result
        assert (result.sent, result.delivered) == (4, 4)
        assert result.p95_ms is not None
        assert 0 < result.p95_ms < 10_000
        assert await synapse.temporary() == []
        async with httpx.AsyncClient() as client:
            answer = await client.get(
                f"{synapse.url}/_matrix/client/v3/account/whoami",
                headers={"Authorization": f"Bearer {left_over.access_token}"},
            )
        assert answer.status_code == 401, "users of earlier runs are removed as well"

    asyncio.run(main())


def test_a_cancelled_conversation_leaves_nobody(synapse: LocalAccounts) -> None:
    async def main() -> None:
        talking = asyncio.Event()
        task = asyncio.create_task(
            run_canary(
                _request(synapse, 100),
                {"canary.test": synapse},
                lambda event: talking.set() if event.step == "message" else None,
            )
        )
        await asyncio.wait_for(talking.wait(), 30)
        assert len(await synapse.temporary()) == 2
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 30)
        assert await synapse.temporary() == []

    asyncio.run(main())


def test_a_conversation_that_ends_up_in_the_clear_is_caught(synapse: LocalAccounts) -> None:
    class Leaky(LocalAccounts):
        """A server that keeps what it was sent where the search finds it."""

        def count(self, needle: str) -> int:
            return super().count(needle) + 1

    leaky = Leaky(synapse.url, synapse.database)
    leaky.admin = synapse.admin
    result = asyncio.run(run_canary(_request(synapse, 1), {"canary.test": leaky}))
    assert result.delivered == 2
    assert (result.cause, result.encrypted_on_server, result.ok) == ("not-encrypted", False, False)
    assert result.removed
