"""Accounts, against a server on loopback that checks what Synapse checks."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from assistant.onhost.accounts import actions, stored_events, synapse_api
from assistant.onhost.accounts.actions import ADMIN_PREFIX, Host
from assistant.onhost.accounts.synapse_api import AdminApi
from assistant.onhost.accounts.temporary_users import TemporaryUsers

SECRET = "shared-secret-77"


class Synapse(ThreadingHTTPServer):
    """Registration with a nonce and a MAC, deactivation and new passwords by administrators."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.users: dict[str, dict[str, Any]] = {}
        self.busy = 0
        self.stuck: set[str] = set()
        self.noted: list[tuple[str, ...]] = []
        self.temporary: TemporaryUsers | None = None

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, Any]:
        if self.busy:
            self.busy -= 1
            return 429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 20}
        if path == "/_synapse/admin/v1/register":
            return self.register(method, body)
        caller = next((u for u in self.users.values() if token and u["token"] == token), None)
        if caller is None or not caller["admin"] or caller["gone"]:
            return 403, {"errcode": "M_FORBIDDEN", "error": "You are not a server admin"}
        name = unquote(path.rsplit("/", 1)[1]).removeprefix("@").removesuffix(":family.example")
        user = self.users.get(name)
        if user is None:
            return 404, {"errcode": "M_NOT_FOUND", "error": "User not found"}
        if name in self.stuck:
            return 500, {"errcode": "M_UNKNOWN", "error": "Internal server error"}
        if "/deactivate/" in path:
            user.update(gone=True, erased=body.get("erase"))
            return 200, {"id_server_unbind_result": "success"}
        user.update(password=body["new_password"], log_out=body["logout_devices"])
        return 200, {}

    def register(self, method: str, body: dict[str, Any]) -> tuple[int, Any]:
        if method == "GET":
            return 200, {"nonce": "n0nce"}
        name, password, admin = body["username"], body["password"], body["admin"]
        told = "\0".join((body["nonce"], name, password, "admin" if admin else "notadmin"))
        mac = hmac.new(SECRET.encode(), told.encode(), hashlib.sha1).hexdigest()
        if mac != body["mac"]:
            return 403, {"errcode": "M_FORBIDDEN", "error": "HMAC incorrect"}
        if name in self.users:
            return 400, {"errcode": "M_USER_IN_USE", "error": "User ID already taken."}
        if self.temporary is not None:
            self.noted.append(self.temporary.living())
        token = f"token-{name}"
        user = {"password": password, "admin": admin, "token": token, "gone": False}
        self.users[name] = {**user, "displayname": body["displayname"]}
        told_back = {"user_id": f"@{name}:family.example", "home_server": "family.example"}
        if not body["inhibit_login"]:
            told_back |= {"access_token": token, "device_id": "DEVICE"}
        return 200, told_back


class Handler(BaseHTTPRequestHandler):
    server: Synapse

    def do_GET(self) -> None:
        self.reply("GET", {})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        self.reply("POST", json.loads(self.rfile.read(length)))

    def reply(self, method: str, body: dict[str, Any]) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        code, value = self.server.answer(method, self.path, token, body)
        data = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        """Stay silent."""


@pytest.fixture
def synapse() -> Iterator[Synapse]:
    server = Synapse()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def host(tmp_path: Path, synapse: Synapse) -> Host:
    (tmp_path / "secret").write_text(SECRET + "\n")
    (tmp_path / "admin-password").write_text("horse-battery\n")
    api = AdminApi(f"http://127.0.0.1:{synapse.server_port}", str(tmp_path / "secret"))
    temporary = synapse.temporary = TemporaryUsers(str(tmp_path / "state"))
    shown = {"admin-password": str(tmp_path / "admin-password")}
    return Host(api, temporary, lambda sql: "", shown)


def ask(host: Host, action: str, **more: Any) -> dict[str, Any]:
    events: list[dict[str, Any]] = []
    actions.run({"mode": "accounts", "action": action, **more}, events.append, host)
    assert len(events) == 1
    return events[0]


def test_temporary_users_are_noted_before_they_are_made(host: Host, synapse: Synapse) -> None:
    users = [{"localpart": "canary-1", "displayname": "One"}, {"localpart": "canary-2"}]
    told = ask(host, "create", users=users)
    assert [user["user_id"] for user in told["users"]] == [
        "@canary-1:family.example",
        "@canary-2:family.example",
    ]
    first = told["users"][0]
    assert (first["access_token"], first["device_id"]) == ("token-canary-1", "DEVICE")
    assert first["password"] == synapse.users["canary-1"]["password"]
    assert synapse.users["canary-1"]["displayname"] == "One"
    assert not synapse.users["canary-1"]["admin"]
    assert synapse.noted[0] == ("canary-1", "canary-2")


def test_remove_leaves_nobody_behind(host: Host, synapse: Synapse) -> None:
    ask(host, "create", users=[{"localpart": "canary-1"}, {"localpart": "canary-2"}])
    host.temporary.add(("never-made",))
    ask(host, "invite", localpart="mama")
    told = ask(host, "remove", all_temporary=True)
    assert told == {
        "event": "result",
        "removed": ["canary-1", "canary-2", "never-made"],
        "left": [],
    }
    alive = [name for name, user in synapse.users.items() if not user["gone"]]
    assert alive == ["mama"]
    assert synapse.users["canary-1"]["erased"] is True
    assert host.temporary.living() == ()
    assert "canary-2" in host.temporary.past()

    users = len(synapse.users)
    assert ask(host, "remove", all_temporary=True)["removed"] == []
    assert len(synapse.users) == users  # nothing to do makes no administrator
    assert ask(host, "remove", localparts=["canary-1", "nobody"])["left"] == []


def test_what_cannot_be_removed_is_told_and_stays_noted(host: Host, synapse: Synapse) -> None:
    ask(host, "create", users=[{"localpart": "canary-1"}, {"localpart": "canary-2"}])
    synapse.stuck = {"canary-1"}
    told = ask(host, "remove", all_temporary=True)
    assert (told["removed"], told["left"]) == (["canary-2"], ["canary-1"])
    assert host.temporary.living() == ("canary-1",)


def test_an_administrator_left_by_a_crash_goes_at_the_next_removal(
    host: Host, synapse: Synapse
) -> None:
    ask(host, "create", users=[{"localpart": ADMIN_PREFIX + "0", "admin": True}])
    ask(host, "create", users=[{"localpart": "canary-1"}])
    told = ask(host, "remove", localparts=["canary-1"])
    assert told["removed"] == ["canary-1", ADMIN_PREFIX + "0"]
    assert not any(user["admin"] and not user["gone"] for user in synapse.users.values())


def test_invite_and_reset(host: Host, synapse: Synapse) -> None:
    told = ask(host, "invite", localpart="mama", admin=True)
    assert told["user_id"] == "@mama:family.example"
    assert synapse.users["mama"]["admin"]
    assert re.fullmatch(r"([a-zA-Z2-9]{5}-){3}[a-zA-Z2-9]{5}", told["password"])
    assert host.temporary.living() == ()
    taken = ask(host, "invite", localpart="mama")
    assert (taken["event"], taken["cause"]) == ("error", "conflict")

    again = ask(host, "reset", localpart="mama")
    assert again["password"] == synapse.users["mama"]["password"] != told["password"]
    assert synapse.users["mama"]["log_out"] is False
    ask(host, "reset", localpart="mama", log_out=True)
    assert synapse.users["mama"]["log_out"] is True
    assert "User not found" in ask(host, "reset", localpart="papa")["text"]
    assert [name for name, user in synapse.users.items() if not user["gone"]] == ["mama"]


def test_a_server_that_is_busy_is_asked_again(host: Host, synapse: Synapse) -> None:
    synapse.busy = 3
    assert ask(host, "invite", localpart="mama")["event"] == "result"
    synapse.busy = 99
    assert ask(host, "invite", localpart="papa")["event"] == "error"


def test_a_server_that_is_down(host: Host, synapse: Synapse) -> None:
    synapse.shutdown()
    synapse.server_close()
    told = ask(host, "create", users=[{"localpart": "canary-1"}])
    assert (told["event"], told["cause"]) == ("error", "health")
    assert host.temporary.living() == ("canary-1",)


def test_the_secret_never_leaves(host: Host, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("another")
    told = ask(host, "invite", localpart="mama")
    assert told["event"] == "error"
    assert "another" not in json.dumps(told)
    (tmp_path / "secret").unlink()
    assert ask(host, "invite", localpart="mama")["cause"] == "missing-secret"


def test_no_proxy_of_the_environment_is_used(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    fresh = AdminApi(host.api._base, host.api._secret_file)
    assert fresh.register("x", "y", admin=False, displayname="", login=False)["user_id"]


@pytest.mark.parametrize("name", ["Mama", "", "a b", "ä", "a:b", None, "x" * 201])
def test_names_that_cannot_be(host: Host, synapse: Synapse, name: object) -> None:
    assert ask(host, "invite", localpart=name)["cause"] == "validation"
    assert ask(host, "create", users=[{"localpart": name}])["cause"] == "validation"
    assert synapse.users == {}


def test_reveal_knows_its_names_only(host: Host) -> None:
    assert ask(host, "reveal", name="admin-password")["value"] == "horse-battery"
    assert ask(host, "reveal", name="../secret")["cause"] == "validation"
    assert ask(host, "nonsense")["cause"] == "validation"


def test_questions_to_the_database_hold_hexadecimal_digits_only() -> None:
    asked: list[str] = []

    def answer(sql: str) -> str:
        asked.append(sql)
        return "2\t40\n" if "count" in sql else '$e\t{"type":"m.room.encrypted"}\n'

    held = stored_events.events(answer, ("$x' or 1=1; --", "$e"), "!r:x")
    assert held == {"$e": {"type": "m.room.encrypted"}}
    assert "or 1=1" not in asked[0]
    assert "room_id = convert_from" in asked[0]
    assert stored_events.occurrences(answer, ("grün'\\",)) == ({"grün'\\": 2}, 40)
    found = {bytes.fromhex(digits).decode() for digits in re.findall(r"'([0-9a-f]+)'", asked[1])}
    # As typed, as JSON with every sign escaped (what Synapse writes), and as lighter JSON.
    assert found == {"grün'\\", "gr\\u00fcn'\\\\", "grün'\\\\"}


def test_events_and_list(host: Host) -> None:
    def answer(sql: str) -> str:
        if "from users" in sql:
            return "@canary-1:family.example\t0\t1\n@mama:family.example\t1\t0\n"
        if "count" in sql:
            return "0\t3\t7\n" if sql.count("filter") == 2 else "7\n"
        return '$e\t{"type":"m.room.encrypted"}\n'

    asking = Host(host.api, host.temporary, answer)
    host.temporary.add(("canary-1",))
    host.temporary.removed("canary-1")
    assert ask(asking, "events", event_ids=["$e", "$f"], needles=["n", "m"]) == {
        "event": "result",
        "events": {"$e": {"type": "m.room.encrypted"}, "$f": None},
        "found": {"n": 0, "m": 3},
        "total": 7,
    }
    assert ask(asking, "events", event_ids=["$e"])["found"] == {}
    for wrong in ({}, {"event_ids": "$e"}, {"needles": [1]}, {"needles": ["x"] * 1000}):
        assert ask(asking, "events", **wrong)["cause"] == "validation"
    users = {user["localpart"]: user for user in ask(asking, "list")["users"]}
    assert users["canary-1"]["temporary"]
    assert users["canary-1"]["deactivated"]
    assert users["mama"]["admin"]
    assert not users["mama"]["temporary"]


def test_waiting_is_bounded() -> None:
    assert synapse_api._wait({"retry_after_ms": 10**9}) == 30
    assert synapse_api._wait({"retry_after_ms": "soon"}) == 1


def test_passwords_differ() -> None:
    assert len({actions.new_password() for _ in range(100)}) == 100


def test_a_torn_note_is_no_note(tmp_path: Path) -> None:
    (tmp_path / "temporary-users.json").write_text('{"living": ["a"')
    notes = TemporaryUsers(str(tmp_path))
    assert notes.living() == ()
    notes.add(("b",))
    assert notes.living() == ("b",)
    assert (tmp_path / "temporary-users.json").stat().st_mode & 0o777 == 0o600
