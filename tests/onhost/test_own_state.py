"""What a host tells about itself: a fake root, stand-in commands, no network."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assistant.onhost.contract import Completed
from assistant.onhost.probes.exchange import Attempt
from assistant.onhost.probes.own import machine, services, settings
from assistant.onhost.probes.own.place import Place
from assistant.onhost.probes.own.state import SECTIONS, own_state
from assistant.onhost.system.process import Call

SHOWN = """\
Id=a.service
LoadState=loaded
ActiveState=failed
SubState=failed
NRestarts=5
Result=oom-kill
ExecMainStatus=9
ActiveEnterTimestampMonotonic=0

Id=postgresql.service
LoadState=loaded
ActiveState=active
SubState=exited
NRestarts=0
Result=success
ActiveEnterTimestampMonotonic=1000000

Id=postgresql@17-main.service
LoadState=loaded
ActiveState=inactive
SubState=dead
"""


class Commands:
    """Answers commands by their first words and remembers what they were given."""

    def __init__(self, answers: Mapping[str, Completed]) -> None:
        self.answers = answers
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> Completed:
        self.calls.append(call)
        shown = " ".join(call.argv)
        return next((a for k, a in self.answers.items() if shown.startswith(k)), Completed(127, ""))


def place(root: Path, **answers: Completed) -> tuple[Place, Commands]:
    commands = Commands({key.replace("_", " "): answer for key, answer in answers.items()})
    return Place(str(root), commands), commands


def ask(where: Place, **fields: Any) -> dict[str, Any]:
    attempt = Attempt(fields, 10, threading.Event(), lambda _: None)
    own_state(attempt, where)
    json.dumps(attempt.data)
    return attempt.data


def test_units_with_the_hidden_clusters_and_last_words(tmp_path: Path) -> None:
    where, _ = place(
        tmp_path,
        systemctl_list=Completed(0, "postgresql@17-main.service loaded inactive dead\n"),
        systemctl_show=Completed(0, SHOWN),
        journalctl=Completed(0, "-- No entries --\nit \x1b[31mdied\n\n"),
    )
    one, two, three = ask(where, units=["a.service", "postgresql.service"])["units"]
    assert (one["active"], one["restarts"], one["result"], one["age"]) == (
        "failed", 5, "oom-kill", None,
    )  # fmt: skip
    assert one["words"] == ["it  [31mdied"] and "words" not in two
    assert two["age"] > 0 and three["unit"] == "postgresql@17-main.service"
    assert three["active"] == "inactive"


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (Completed(0, "ma-up\tf\nma-wrote\t\nma-waiting\tother.example\t60000\n"),
         {"up": True, "recovering": False, "wrote": True, "text": "",
          "waiting": {"other.example": 60}}),
        (Completed(3, "ma-up\tt\nERROR:  cannot execute in a read-only transaction\n"),
         {"up": True, "recovering": True, "wrote": False, "waiting": {},
          "text": "ERROR:  cannot execute in a read-only transaction"}),
        (Completed(2, "psql: error: connection failed\n\tIs the server running?\n"),
         {"up": False, "recovering": False, "wrote": False, "waiting": {},
          "text": "psql: error: connection failed"}),
    ],
)  # fmt: skip
def test_the_database_as_the_service_sees_it(
    tmp_path: Path, done: Completed, expected: dict[str, Any]
) -> None:
    where, commands = place(tmp_path, psql=done)
    user = "root"
    found = ask(where, database={"name": "matrix-synapse", "user": user})
    assert found["database"] == expected
    (call,) = commands.calls
    assert "rollback" in str(call.stdin) and "commit;" not in str(call.stdin)
    assert not any("assw" in word for word in call.argv)


def test_only_the_host_itself_is_asked(tmp_path: Path) -> None:
    where, _ = place(tmp_path)
    told = ask(where, health=[{"url": "http://198.51.100.1/health"}])
    assert "health" not in told and "host itself" in told["problems"]["health"]
    told = ask(where, health=[{"url": "http://127.0.0.1:1/health"}], login={
        "url": "http://127.0.0.1:1"})  # fmt: skip
    assert told["health"][0]["status"] == 0 and "Refused" in told["health"][0]["error"]
    assert told["login"]["status"] == 0


def note(root: Path, **values: Any) -> None:
    folder = root / "var/lib/matrix-assistant"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.json").write_text(json.dumps({"version": 1, "values": values}))


def test_files_by_hand_not_applied_missing_and_rights(tmp_path: Path) -> None:
    old, new, hand = b"old", b"new", b"hand"
    note(tmp_path, **{f"written:/etc/{n}": [settings.digest(old)] for n in "abcde"})
    (tmp_path / "etc").mkdir()
    me = os.getuid()
    (tmp_path / "etc/passwd").write_text(f"root:x:{me}:0::/:/bin/sh\nother:x:{me + 7}:0::/:\n")
    for name, data in {"a": new, "b": old, "c": hand, "e": new}.items():
        (tmp_path / "etc" / name).write_bytes(data)
        (tmp_path / "etc" / name).chmod(0o644)
    (tmp_path / "etc/e").chmod(0o600)
    wanted = [
        {"path": f"/etc/{n}", "digest": settings.digest(new), "owner": "root", "mode": "0644"}
        for n in "abcde"
    ]
    wanted.append({**wanted[0], "owner": "other"})
    wanted.append({"path": "/etc/c", "digest": "", "owner": "root", "mode": "0644"})
    told = ask(place(tmp_path)[0], files=wanted)["files"]
    assert [(item["path"], item["what"]) for item in told] == [
        ("/etc/b", "not-applied"),
        ("/etc/c", "by-hand"),
        ("/etc/d", "missing"),
        ("/etc/e", "rights"),
        ("/etc/a", "rights"),
    ]
    assert told[2]["age"] is None and told[0]["age"] < 60
    assert "hand" not in json.dumps(told).replace("by-hand", "")


def test_a_block_in_somebody_elses_file(tmp_path: Path) -> None:
    block = "# BEGIN x\n192.0.2.1 a\n# END x\n"
    item = {"path": "/etc/hosts", "id": "block:x", "begin": "# BEGIN x", "end": "# END x"}
    wanted = [{**item, "digest": settings.digest(block.encode())}]
    (tmp_path / "etc").mkdir()
    hosts = tmp_path / "etc/hosts"
    note(tmp_path, **{"block:block:x": [settings.digest(block.encode())]})
    where = place(tmp_path)[0]
    for text, what in (
        (f"127.0.0.1 localhost\n{block}more\n", []),
        ("127.0.0.1 localhost\n", ["missing"]),
        (block.replace("192.0.2.1", "192.0.2.2"), ["by-hand"]),
    ):
        hosts.write_text(text)
        assert [one["what"] for one in ask(where, files=wanted)["files"]] == what


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ('# ours\n{"federation_domain_whitelist": ["a.b", "c.d"]}\n', ["a.b", "c.d"]),
        ('# ours\n{"federation_domain_whitelist": ["a.b", "c.d"],,}\n', ["a.b", "c.d"]),
        ("federation_domain_whitelist:\n  - a.b\n  - c.d\nother: 1\n", ["a.b", "c.d"]),
        ("federation_domain_whitelist: [a.b, 'c.d']\n", ["a.b", "c.d"]),
        ('{"server_name": "x"}', None),
        ("server_name: x\n", None),
    ],
)
def test_who_may_be_federated_with(tmp_path: Path, text: str, servers: list[str] | None) -> None:
    (tmp_path / "homeserver.yaml").write_text(text)
    told = ask(place(tmp_path)[0], federation={"path": "/homeserver.yaml"})["federation"]
    assert told["servers"] == servers


def test_names_come_from_the_hosts_file_alone(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text("192.0.2.1 a.example b.example # c.example\n")
    told = ask(place(tmp_path)[0], names=["a.example", "c.example"])["names"]
    assert told == {"a.example": ["192.0.2.1"], "c.example": []}


def test_disks_and_memory(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mounts").write_text("/dev/a / ext4 rw 0 0\n/dev/b /var ext4 rw 0 0\n")
    (tmp_path / "proc/meminfo").write_text("MemTotal: 2048 kB\nMemAvailable: 1024 kB\n")
    (tmp_path / "proc/vmstat").write_text("oom_kill 3\n")
    (tmp_path / "var/lib").mkdir(parents=True)
    told = ask(place(tmp_path)[0], disks=["/", "/var/lib", "/gone"], memory={})
    assert [(d["path"], d["mount"], d["writable"]) for d in told["disks"]] == [
        ("/", "/", True), ("/var/lib", "/var", True),
    ]  # fmt: skip
    assert told["disks"][0]["total"] > told["disks"][0]["free"] >= 0
    assert told["memory"] == {"total": 2, "available": 1, "swap": 0, "killed": 3}


def rule(family: str, table: str, chain: str, *expr: dict[str, Any]) -> dict[str, Any]:
    return {"rule": {"family": family, "table": table, "chain": chain, "expr": list(expr)}}


def port(right: Any, field: str = "dport") -> dict[str, Any]:
    left = {"payload": {"protocol": "tcp", "field": field}}
    return {"match": {"op": "==", "left": left, "right": right}}


def chain(table: str, name: str, family: str = "inet", hook: str = "input") -> dict[str, Any]:
    return {"chain": {"family": family, "table": table, "name": name, "hook": hook}}


ACCEPT, DROP = {"accept": None}, {"drop": None}
FROM = {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}},
                  "right": "192.0.2.1"}}  # fmt: skip


def test_the_packet_filter_is_read() -> None:
    ours = ("inet", "matrix_assistant", "input")
    theirs = ("ip", "filter", "INPUT")
    rules = [
        {"metainfo": {}},
        chain("matrix_assistant", "input"),
        chain("filter", "INPUT", "ip"),
        rule(*ours, port({"set": [22, {"range": [80, 81]}, 443]}), ACCEPT),
        rule(*theirs, FROM, port(80), DROP),
        rule(*theirs, port(80, "sport"), DROP),
        rule(*theirs, port(443), {"counter": {}}, DROP),
        rule(*theirs, port(443), ACCEPT),
    ]
    told = machine.read_rules({"nftables": rules}, "matrix_assistant", {22, 80, 443, 8448})
    assert told["loaded"] and told["open"] == [22, 80, 443]
    assert told["stopped"] == [{"port": 443, "where": "ip filter INPUT", "how": "drop"}]
    refused = rule(*ours, port(443), {"reject": {"type": "tcp reset"}})
    told = machine.read_rules(
        {"nftables": [rules[1], refused, *rules[3:4]]}, "matrix_assistant", {80, 443}
    )
    assert told["open"] == [80] and [item["port"] for item in told["stopped"]] == [443]
    assert not machine.read_rules({"nftables": []}, "matrix_assistant", {443})["loaded"]


def test_one_section_that_fails_hides_no_other(tmp_path: Path) -> None:
    where, _ = place(tmp_path, nft=Completed(1, "no such tool"))
    told = ask(where, firewall={"table": "t", "tcp": [443]}, names=["a"], clock={})
    assert "no such tool" in told["problems"]["firewall"]
    assert told["names"] == {"a": []} and told["clock"]["now"] > 0
    assert set(told["problems"]) == {"firewall"}


def test_a_section_that_hangs_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = threading.Event()
    monkeypatch.setitem(SECTIONS, "clock", lambda *_: hold.wait(20))  # type: ignore[arg-type]
    attempt = Attempt({"names": ["a"], "clock": {}}, 0.6, threading.Event(), lambda _: None)
    own_state(attempt, place(tmp_path)[0])
    hold.set()
    assert attempt.data["problems"] == {"clock": "took too long"}
    assert attempt.data["names"] == {"a": []}


def test_every_section_is_known_to_its_field() -> None:
    assert services.units is SECTIONS["units"] and len(SECTIONS) == 12
