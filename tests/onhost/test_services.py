"""Services, timers, users, commands and the firewall, with stand-ins for systemd and nft."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.onhost.contract import Completed
from assistant.onhost.handlers import firewall, service
from assistant.onhost.handlers.timer import quoted, unit_files
from assistant.onhost.resources import Command, Firewall, Service, Timer, User
from assistant.onhost.system import systemd
from assistant.onhost.system.process import Call
from assistant.onhost.system.sockets import Socket
from tests.support.onhost_root import Root, names, the


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Root:
    return Root(tmp_path, monkeypatch)


@pytest.fixture
def web() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Answers with the code in the path (``/503``); gives its URL and what it was asked."""
    asked: list[tuple[str, str]] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Host"]))
            self.send_response(int(self.path.strip("/")))
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def unit(host: Root, name: str = "app.service", **state: bool) -> None:
    host.systemctl.units[name] = {"active": False, "enabled": False, **state}


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (None, "unknown"),
        ({"active": False, "enabled": True}, "run"),
        ({"active": True, "enabled": False}, "update"),
        ({"active": True, "enabled": True}, "none"),
    ],
)
def test_what_a_service_needs(host: Root, state: dict[str, bool] | None, action: str) -> None:
    if state is not None:
        unit(host, **state)
    assert host.inspect(Service(unit="app.service"))["service:app.service"]["action"] == action


@pytest.mark.parametrize("code", [200, 302, 404])
def test_health_is_an_answer_below_500(
    host: Root, web: tuple[str, list[tuple[str, str]]], code: int
) -> None:
    url, asked = web
    unit(host)
    wanted = Service(unit="app.service", health_url=f"{url}/{code}", health_host="chat.example")
    assert the(host.apply(wanted), "finished")["ok"] is True
    assert asked == [(f"/{code}", "chat.example")]


def test_a_service_that_does_not_answer_fails_with_its_last_words(
    host: Root, web: tuple[str, list[tuple[str, str]]]
) -> None:
    unit(host)
    host.log = "one\nconfig line 3 is wrong\n"
    wanted = Service(unit="app.service", health_url=f"{web[0]}/503", health_seconds=0)
    failed = the(host.apply(wanted), "failed")
    assert failed["cause"] == "health"
    assert "it answers 503" in failed["text"] and "config line 3 is wrong" in failed["text"]
    assert failed["tail"] == ["one", "config line 3 is wrong"]
    # Not remembered as started: the next apply tries again.
    unit(host, active=True, enabled=True)
    again = Service(unit="app.service", health_url=f"{web[0]}/200", after=("command:x",))
    assert host.inspect(again)["service:app.service"]["action"] == "restart"


def test_a_port_that_is_taken_is_named(host: Root) -> None:
    unit(host)
    host.systemctl.broken.add("app.service")
    host.log = "bind() to 0.0.0.0:80 failed (98: Address already in use)\n"
    assert the(host.apply(Service(unit="app.service")), "failed")["cause"] == "port-taken"


def test_a_refused_connection_is_seen_by_the_inspection(host: Root) -> None:
    unit(host, active=True, enabled=True)
    wanted = Service(unit="app.service", health_url="http://127.0.0.1:9/")
    assert host.inspect(wanted)["service:app.service"]["action"] == "restart"


def test_a_unit_that_announces_nothing_must_stay(
    host: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_STAY", 0.01)
    unit(host)
    show = host.systemctl._show
    pids = iter(range(100, 200))

    def dying(name: str) -> str:
        return show(name).replace("Type=notify", f"Type=simple\nMainPID={next(pids)}")

    monkeypatch.setattr(host.systemctl, "_show", dying)
    wanted = Service(unit="app.service", health_seconds=0)
    failed = the(host.apply(wanted), "failed")
    assert failed["cause"] == "health" and "does not stay running" in failed["text"]


def test_undo_leaves_a_service_running_that_ran_before_and_lets_it_read_its_files(
    host: Root,
) -> None:
    unit(host, "old.service", active=True, enabled=True)
    marker = Command(name="x", argv=("touch", str(host.path("/x"))), creates="/x")
    wanted = Service(unit="old.service", reload=True, after=("command:x",))
    host.apply(marker, wanted)
    assert host.systemctl_log() == ["reload old.service"]
    host.undo()
    assert host.systemctl_log() == ["daemon-reload", "try-reload-or-restart old.service"]
    assert host.systemctl.units["old.service"] == {"active": True, "enabled": True}


def test_a_service_that_came_with_a_package_is_stopped_by_undo(host: Root) -> None:
    def install(call: Call) -> Completed:
        unit(host, "web.service", active=True, enabled=True)
        host.path("/installed").touch()
        return Completed(0, "")

    host.tools["install"] = install
    host.apply(
        Command(name="install", argv=("install",), creates="/installed"),
        Service(unit="web.service", after=("command:install",)),
    )
    host.undo()
    assert host.systemctl.units["web.service"] == {"active": False, "enabled": False}


def test_undo_removes_the_files_that_a_command_made(host: Root) -> None:
    there, new, other = (str(host.path(f"/{name}")) for name in ("there", "new", "other"))
    host.path("/there").write_text("before")
    made = Command(
        name="copy", argv=("touch", there, new, other), creates="/new", makes=("/there", "/new")
    )
    host.apply(made)
    assert host.inspect(made)["command:copy"]["action"] == "none"
    undone = host.undo()
    assert "removed /new" in str(undone)
    assert not host.path("/new").exists()
    assert host.path("/there").read_text() == "before"
    assert host.path("/other").exists(), "nobody said that it makes this"


def test_timer_units_mean_their_text_literally() -> None:
    timer = Timer(
        name="tick", description="100 %", command=("/bin/x", 'a "b" $HOME %h \\'), calendar="daily"
    )
    service = unit_files(timer)["/etc/systemd/system/tick.service"].decode()
    assert 'ExecStart="/bin/x" "a \\"b\\" $$HOME %%h \\\\"\n' in service
    assert "Description=100 %%\n" in service
    assert quoted("plain") == '"plain"'


def test_a_timer_edited_by_hand_is_a_conflict(host: Root) -> None:
    timer = Timer(name="tick", description="x", command=("/bin/true",), calendar="daily")
    host.apply(timer)
    assert host.systemctl_log() == ["daemon-reload", "enable tick.timer", "restart tick.timer"]
    place = host.path("/etc/systemd/system/tick.timer")
    place.write_text(place.read_text() + "# mine\n")
    assert host.inspect(timer)["timer:tick"]["action"] == "conflict"
    assert the(host.undo(), "kept")["id"] == "timer:tick"
    assert place.exists()
    assert not host.path("/etc/systemd/system/tick.service").exists()


def test_users_are_made_with_exactly_these_options(host: Root) -> None:
    calls: list[tuple[str, ...]] = []

    def note(call: Call) -> Completed:
        calls.append(call.argv)
        return Completed(0, "")

    host.tools |= {"useradd": note, "usermod": note}
    host.apply(User(name="app", home="/srv/app", groups=("ssl",)))
    assert calls == [
        ("useradd", "--system", "--no-create-home", "--user-group", "--home-dir", "/srv/app",
         "--shell", "/usr/sbin/nologin", "--", "app"),
        ("usermod", "--append", "--groups", "ssl", "--", "app"),
    ]  # fmt: skip
    with host.path("/etc/passwd").open("a") as file:
        file.write("app:x:999:999::/srv/app:/usr/sbin/nologin\n")
    with host.path("/etc/group").open("a") as file:
        file.write("ssl:x:998:other,app\n")
    wanted = User(name="app", home="/srv/app", groups=("ssl",))
    assert host.inspect(wanted)["user:app"]["action"] == "none"


def test_commands_run_when_needed_only(host: Root) -> None:
    unless = Command(name="a", argv=("touch", str(host.path("/a"))), unless=("test", "-e", "/a"))
    missing = Command(name="b", argv=("true",), unless=("no-such-program",))
    stranger = Command(name="c", argv=("true",), unless=("true",), user="nobody-yet")
    states = host.inspect(unless, missing, stranger)
    assert {state["action"] for state in states.values()} == {"run"}
    idle = Command(name="d", argv=("false",), unless=("true",))
    assert host.inspect(idle)["command:d"]["action"] == "none"
    slow = Command(name="e", argv=("sleep", "9"), creates="/e", timeout=0)
    assert the(host.apply(slow), "failed")["cause"] == "timeout"
    idler = Command(name="f", argv=("true",), creates="/f")
    assert "without making /f" in the(host.apply(idler), "failed")["text"]


RULES = "table inet t\ndelete table inet t\ntable inet t { }\n"


class Nft:
    """A stand-in for nft: keeps the table's text and who made it."""

    def __init__(self, host: Root, answer: str) -> None:
        self.host = host
        self.answer = answer
        self.table: str | None = None
        self.timer = False
        host.tools |= {"nft": self, "systemd-run": self.run}

    def __call__(self, call: Call) -> Completed:
        argv = call.argv
        if argv[1] == "-c":
            text = Path(argv[3]).read_text()
            return Completed(1, "syntax error") if "wrong" in text else Completed(0, "")
        if argv[1] == "list":
            return Completed(0, self.table) if self.table else Completed(1, "No such file")
        if argv[1] == "delete":
            self.table = None
            return Completed(0, "")
        lines = Path(argv[2]).read_text().splitlines()
        self.table = "\n".join(lines[2:]) or None
        if "trial" in argv[2] and self.answer:
            assert self.timer, "the way back is there before the rules change"
            self._confirm()
        return Completed(0, "")

    def run(self, call: Call) -> Completed:
        self.timer = True
        return Completed(0, "")

    def _confirm(self) -> None:
        run = f"run-{self.host.runs}"

        def later() -> None:
            journal = self.host.path(f"/var/lib/matrix-assistant/runs/{run}/journal")
            while '"confirm"' not in journal.read_text():
                pass
            (line,) = [x for x in journal.read_text().splitlines() if '"confirm"' in x]
            token = json.loads(line)["token"] if self.answer == "right" else "wrong"
            self.said = self.host.ask({"mode": "confirm", "run": run, "token": token})

        self.thread = threading.Thread(target=later)
        self.thread.start()


def wall(content: str = RULES) -> Firewall:
    return Firewall(table="t", content=content, allow_tcp=(22,), revert_seconds=1)


def test_a_confirmed_firewall_lasts(host: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firewall, "closed_by", lambda _: [Socket("tcp", "::", 25, "1", "exim4")])
    nft = Nft(host, "right")
    assert host.inspect(wall())["firewall:t"]["summary"] == "closes to others: tcp/25 (exim4)"
    events = host.apply(wall())
    nft.thread.join()
    assert the(events, "finished")["ok"] is True
    assert nft.said[0]["confirmed"] is True
    assert nft.table == "table inet t { }"
    assert host.path(firewall.RULES).read_text() == RULES
    assert host.systemctl.units[firewall.UNIT] == {"active": True, "enabled": True}
    assert names(host.apply(wall()))[1] == "unchanged"
    host.undo()
    assert nft.table is None
    assert not host.path(firewall.RULES).exists() and not host.path(firewall.UNIT_FILE).exists()


@pytest.mark.parametrize("answer", ["", "wrong"])
def test_an_unconfirmed_firewall_goes_back(host: Root, answer: str) -> None:
    nft = Nft(host, answer)
    nft.table = "table inet t { old }"
    failed = the(host.apply(wall()), "failed")
    assert failed["cause"] == "not-confirmed"
    assert nft.table == "table inet t { old }"
    assert not host.path(firewall.RULES).exists()
    if answer:
        nft.thread.join()
        assert nft.said[0]["cause"] == "not-confirmed"


def test_rules_a_dead_run_left_unconfirmed_are_not_taken_for_the_old_ones(
    host: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    nft = Nft(host, "")
    nft.table = "table inet t { old }"

    def die(*_: Any) -> bool:
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr("assistant.onhost.engine.machine.HostMachine.confirm", die)
        patch.setattr(firewall, "_forget_timer", lambda _: None)
        patch.setattr(firewall, "_remove", lambda *_: None)
        host.apply(wall())
    nft.table = "table inet t { }"
    the(host.apply(wall()), "failed")
    assert nft.table == "table inet t { old }"
    folder = host.path("/var/lib/matrix-assistant")
    assert not [place.name for place in folder.iterdir() if place.suffix == ".nft"]


def test_wrong_rules_change_nothing(host: Root) -> None:
    nft = Nft(host, "right")
    failed = the(host.apply(wall("wrong")), "failed")
    assert (failed["cause"], failed["tail"], nft.timer) == ("validation", ["syntax error"], False)


def test_a_host_without_the_tools_is_inspected_without_errors(host: Root) -> None:
    del host.tools["systemctl"]
    host.tools["systemctl"] = lambda _: Completed(127, "systemctl: not found")
    states = host.inspect(Service(unit="app.service"), wall(), User(name="app"))
    assert [state["action"] for state in states.values()] == ["unknown", "create", "create"]


def test_whoever_holds_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = f"nginx: [emerg] bind() to 0.0.0.0:{port} failed (98: Address already in use)"
        assert systemd.holder_of_port(words).startswith(f"port {port} is taken by python")
        words = f"CannotListenError: Couldn't listen on 127.0.0.1:{port}: Address already in use"
        assert f"port {port} is taken by python" in systemd.holder_of_port(words)
    assert systemd.holder_of_port(words) == f"port {port} is taken by another program"
    assert systemd.holder_of_port("something else") == "its port is taken by another program"
