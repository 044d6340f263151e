"""Synapse from its former release to the newest with messages in it, and back when it fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from assistant.operations import apply
from assistant.operations.connections import Connections
from assistant.operations.follow import HostResult
from assistant.plan.locks import LOCKS, lock
from assistant.plan.recipes import environments
from assistant.plan.recipes.matrix import synapse
from assistant.rehearsal.build.wheel_index import FORMER, FORMER_LOCK
from assistant.rehearsal.lab import LabHost
from assistant.remote import NoCredentials
from assistant.setup.model import Setup
from tests.lab.conftest import Practice

NEWEST = LOCKS["synapse"].requirements
_PACKAGES = re.findall(r"(?m)^\S.*\n(?: .*\n)+", lock("synapse"))


def _without(name: str) -> str:
    return "".join(text for text in _PACKAGES if not text.startswith(f"{name}=="))


OLD = _without("matrix-synapse") + FORMER_LOCK
BROKEN = _without("psycopg2-binary")
"""The newest without its database driver: it installs, and cannot start."""


def instead(patch: pytest.MonkeyPatch, requirements: tuple[str, ...], text: str) -> None:
    """Let the plan install other wheels for Synapse."""
    patch.setitem(LOCKS, "synapse", replace(LOCKS["synapse"], requirements=requirements))
    patch.setattr(environments, "lock", lambda name: text if name == "synapse" else lock(name))


URL = "http://127.0.0.1:8008"
TALK = """
import json, sys, urllib.request
def ask(method, path, body=None, token=None):
    request = urllib.request.Request(
        "http://127.0.0.1:8008/_matrix/client/v3" + path, method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + token} if token else {})
    return json.load(urllib.request.urlopen(request, timeout=30))
password = open("/var/lib/matrix-assistant/secrets/admin-password").read().strip()
token = ask("POST", "/login", {"type": "m.login.password", "password": password,
    "identifier": {"type": "m.id.user", "user": "admin"}})["access_token"]
if sys.argv[1] == "write":
    room = ask("POST", "/createRoom", {"preset": "private_chat"}, token)["room_id"]
    for number in range(5):
        ask("PUT", f"/rooms/{room}/send/m.room.message/{number}",
            {"msgtype": "m.text", "body": f"message {number}"}, token)
    print(room)
else:
    found = ask("GET", f"/rooms/{sys.argv[2]}/messages?dir=f&limit=50", None, token)["chunk"]
    print(sum(e["type"] == "m.room.message" for e in found))
"""


@dataclass
class Server:
    """A host with the former release and five messages in ``room``."""

    practice: Practice
    host: LabHost
    setup: Setup
    room: str

    def apply(self) -> HostResult:
        """Bring it to its plan."""

        async def work() -> HostResult:
            async with Connections(self.setup, NoCredentials()) as connections:
                _, results = await apply.apply(connections, report=lambda _: None)
            return results[0]

        return self.practice.run(work())

    def version(self) -> str:
        """What the running server says it is."""
        code = "import json,urllib.request as u;"
        code += f"print(json.load(u.urlopen('{URL}/_matrix/federation/v1/version'))['server'])"
        return self.told("python3", "-c", code)

    def messages(self) -> int:
        """How many messages are readable in the room."""
        return int(self.told("python3", "-c", TALK, "read", self.room))

    def told(self, *argv: str) -> str:
        """What a program on the host prints."""
        return self.practice.run(self.practice.lab.exec(self.host.name, argv)).stdout.strip()


@pytest.fixture(scope="module")
def server(practice: Practice) -> Iterator[Server]:
    host, setup = practice.clone()
    made = Server(practice, host, setup, "")
    with pytest.MonkeyPatch.context() as patch:
        instead(patch, (FORMER, *NEWEST[1:]), OLD)
        result = made.apply()
        assert result.ok, result
    assert FORMER.partition("==")[2] in made.version()
    made.room = made.told("python3", "-c", TALK, "write")
    assert made.messages() == 5
    yield made
    practice.remove(host)


def test_a_release_that_fails_is_taken_back_with_nothing_lost(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead(monkeypatch, NEWEST[:1], BROKEN)
    monkeypatch.setattr(synapse, "HEALTH_SECONDS", 20)
    result = server.apply()
    assert not result.ok
    assert "former version was put back and runs again" in result.text, result
    assert any("psycopg2" in line for line in result.tail), result.tail
    assert FORMER.partition("==")[2] in server.version()
    assert server.messages() == 5


def test_the_newest_release_keeps_every_message(server: Server) -> None:
    result = server.apply()
    assert result.ok, result
    assert NEWEST[0].partition("==")[2] in server.version()
    assert server.messages() == 5
    again: Any = server.apply()
    assert again.ok
    assert again.changes == ()
