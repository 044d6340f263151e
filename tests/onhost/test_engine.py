"""The engine as a whole: inspect, apply, follow, undo, and being cut off at any point."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest

from assistant.onhost.engine.machine import HostMachine
from assistant.onhost.resources import (
    Absent,
    Command,
    Directory,
    File,
    ManagedBlock,
    Resource,
    Secret,
    Service,
    Timer,
)
from assistant.onhost.system import disk
from tests.support.onhost_root import Root, names, the, tree


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Root:
    return Root(tmp_path, monkeypatch)


def plan(text: str = "one\n") -> tuple[Resource, ...]:
    return (
        Directory(path="/srv/thing", mode="0750"),
        File(path="/srv/thing/conf", content=text, mode="0640"),
        File(path="/etc/replaced", content="ours\n"),
        ManagedBlock(path="/etc/hosts", marker="names", lines=("127.0.0.31 x.example",)),
        Absent(path="/etc/unwanted"),
        Secret(path="/srv/thing/secret", name="word"),
        Service(unit="thing.service", after=("file:/srv/thing/conf",)),
        Timer(name="tick", description="50% $x", command=("/bin/true", "a b"), calendar="daily"),
    )


def prepared(host: Root) -> dict[str, tuple[int, bytes]]:
    host.path("/etc/replaced").write_bytes(b"\xfftheirs")
    host.path("/etc/replaced").chmod(0o604)
    host.path("/etc/hosts").write_bytes(b"127.0.0.1 localhost")
    host.path("/etc/unwanted").symlink_to("/nowhere")
    host.path("/etc/systemd/system/thing.service").write_text("[Service]\n")
    return tree(host.path("/etc"))


def test_apply_twice_then_undo_brings_everything_back(host: Root) -> None:
    before = prepared(host)
    assert {state["action"] for state in host.inspect(*plan()).values()} <= {
        "create", "update", "remove", "run",
    }  # fmt: skip
    assert tree(host.path("/etc")) == before

    events = host.apply(*plan())
    assert the(events, "finished")["ok"] is True, events
    assert the(events, "result")["changed"] == len(plan())
    assert [event["seq"] for event in events[:-1]] == list(range(1, len(events)))
    assert host.path("/srv/thing/conf").stat().st_mode & 0o777 == 0o640
    assert not os.path.lexists(host.path("/etc/unwanted"))
    secret = host.path("/srv/thing/secret").read_bytes()

    again = host.apply(*plan())
    assert names(again) == ["run", *["unchanged"] * len(plan()), "finished", "result"]
    assert not host.path("/var/lib/matrix-assistant/runs/run-2").exists()

    undone = host.undo()
    assert the(undone, "finished")["ok"] is True, undone
    assert tree(host.path("/etc")) == before
    assert not host.path("/srv/thing/conf").exists()
    assert host.path("/srv/thing/secret").read_bytes() == secret
    kept = [event["id"] for event in undone if event["event"] == "kept"]
    assert kept == ["secret:/srv/thing/secret", "directory:/srv/thing"]
    assert host.systemctl.units["thing.service"] == {"active": False, "enabled": False}
    assert the(host.undo(), "run")["total"] == 0


def test_secrets_are_in_no_event_and_no_kept_file(host: Root) -> None:
    given = Secret(path="/srv/token", name="token", form="provided", prefix="k = ")
    leak = Command(name="leak", argv=("echo", "hunter2hunter2"), creates="/srv/token")
    host.path("/srv").mkdir()
    events = host.apply(leak, given, secrets={"token": "hunter2hunter2"})
    assert "hunter2hunter2" not in json.dumps(events)
    assert the(events, "output")["text"] == "***"
    assert the(events, "failed")["id"] == "command:leak"
    events = host.apply(given, secrets={"token": "hunter2hunter2"})
    assert host.path("/srv/token").read_text() == "k = hunter2hunter2"
    for place in host.path("/var/lib/matrix-assistant").rglob("*"):
        assert not place.is_file() or b"hunter2" not in place.read_bytes(), place


def test_a_missing_secret_fails_before_any_change(host: Root) -> None:
    given = Secret(path="/srv/token", name="token", form="provided")
    events = host.apply(File(path="/etc/new", content="x"), given)
    assert (names(events), events[0]["cause"]) == (["error"], "missing-secret")
    assert not host.path("/etc/new").exists()


def test_a_restart_only_when_what_the_service_reads_changed(host: Root) -> None:
    prepared(host)
    host.apply(*plan())
    assert "restart thing.service" in host.systemctl_log()
    looked = host.inspect(*plan("two\n"))
    assert looked["service:thing.service"]["action"] == "restart"
    host.apply(*plan("two\n"))
    assert host.systemctl_log() == ["restart thing.service"]
    host.path("/srv/thing/conf").write_text("by hand\n")
    host.apply(*plan("two\n"), resolve={"file:/srv/thing/conf": "overwrite"})
    assert host.systemctl_log() == ["restart thing.service"]
    host.apply(*plan("two\n"))
    assert host.systemctl_log() == []


def test_a_hand_edit_is_a_conflict_until_the_user_decides(host: Root) -> None:
    prepared(host)
    host.apply(*plan())
    conf = host.path("/srv/thing/conf")
    conf.write_text("by hand\n")
    state = host.inspect(*plan())["file:/srv/thing/conf"]
    assert state["action"] == "conflict"
    assert "-by hand" in state["diff"] and "+one" in state["diff"]

    events = host.apply(File(path="/etc/other", content="x"), *plan("two\n"))
    assert names(events) == ["state", "error"]
    assert events[-1]["cause"] == "conflict"
    assert conf.read_text() == "by hand\n"
    assert not host.path("/etc/other").exists()

    events = host.apply(*plan("two\n"), resolve={"file:/srv/thing/conf": "keep"})
    assert the(events, "kept")["id"] == "file:/srv/thing/conf"
    assert conf.read_text() == "by hand\n"

    events = host.apply(*plan("two\n"), resolve={"file:/srv/thing/conf": "overwrite"})
    assert conf.read_text() == "two\n"
    undone = host.undo(upto=the(events, "run")["run"])
    assert the(undone, "finished")["ok"] is True
    assert conf.read_text() == "by hand\n"
    host.undo()
    assert conf.read_text() == "by hand\n", "an edit is never undone"


def test_a_private_file_shows_no_diff(host: Root) -> None:
    host.path("/etc/key").write_text("old secret\n")
    state = host.inspect(File(path="/etc/key", content="new\n", private=True))["file:/etc/key"]
    assert (state["action"], state["diff"]) == ("update", "")


def test_stops_at_the_first_failure_and_names_its_cause(host: Root) -> None:
    bad = Command(
        name="bad", argv=("sh", "-c", "echo No space left on device; exit 3"), creates="/x"
    )
    later = File(path="/etc/later", content="x")
    events = host.apply(File(path="/etc/first", content="x"), bad, later)
    failed = the(events, "failed")
    assert (failed["id"], failed["cause"]) == ("command:bad", "disk-full")
    assert failed["tail"] == ["No space left on device"]
    assert host.path("/etc/first").exists() and not host.path("/etc/later").exists()
    assert the(events, "result")["ok"] is False


def test_a_fault_of_the_program_is_told_without_a_traceback(
    host: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("hidden detail")

    monkeypatch.setattr(HostMachine, "count_change", broken)
    failed = the(host.apply(File(path="/etc/first", content="x")), "failed")
    assert failed["cause"] == "unknown"
    assert "KeyError" in failed["text"] and "hidden detail" not in json.dumps(failed)


def test_an_unknown_mode_and_a_bad_plan_are_errors(host: Root) -> None:
    assert host.ask({"mode": "dance"})[0]["cause"] == "unsupported"
    bad = {"mode": "inspect", "resources": [{"kind": "file", "path": "etc", "content": ""}]}
    assert host.ask(bad)[0]["cause"] == "validation"
    assert host.ask({"mode": "apply", "run": "../x", "resources": []})[0]["cause"] == "validation"
    twice = File(path="/etc/x", content="").__class__(path="/etc/x", content="")
    assert host.apply(twice, twice)[0]["cause"] == "validation"


def test_a_stop_is_honoured_after_the_present_resource(host: Root) -> None:
    stop = Command(
        name="stop",
        argv=("touch", str(host.path("/var/lib/matrix-assistant/runs/run-1/stop"))),
        creates="/var/lib/matrix-assistant/runs/run-1/stop",
    )
    events = host.apply(stop, File(path="/etc/later", content="x"))
    finished = the(events, "finished")
    assert (finished["ok"], finished["stopped"], finished["changed"]) == (False, True, 1)
    assert not host.path("/etc/later").exists()
    assert host.ask({"mode": "stop", "run": "run-1"})[0]["stopping"] is False


def test_a_held_lock_means_busy(host: Root) -> None:
    host.apply(File(path="/etc/first", content="x"))
    with host.path("/var/lib/matrix-assistant/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write('{"run": "other", "since": 1000000000.0}')
        lock.flush()
        events = host.apply(File(path="/etc/first", content="y"))
        assert names(events) == ["busy", "error"]
        assert (events[0]["run"], events[1]["cause"]) == ("other", "busy")
        assert host.ask({"mode": "status"})[0]["lock"]["run"] == "other"
    # The note of a dead holder stays in the file and means nothing.
    assert the(host.apply(File(path="/etc/first", content="y")), "finished")["ok"] is True


def test_follow_goes_on_from_a_number(host: Root) -> None:
    events = host.apply(*[File(path=f"/etc/f{n}", content="x") for n in range(3)])
    tail = host.ask({"mode": "follow", "run": "run-1", "after": 4})
    assert tail == events[4:]
    assert host.ask({"mode": "follow", "run": None, "after": 0}) == events
    again = host.ask({"mode": "apply", "run": "run-1", "resources": []})
    assert again == events, "a run is not started twice"
    assert host.ask({"mode": "follow", "run": "unheard-of"})[0]["cause"] == "no-run"


def test_following_a_run_that_was_cut_off_ends_with_interrupted(host: Root) -> None:
    host.apply(*[File(path=f"/etc/f{n}", content="x") for n in range(3)])
    journal = host.path("/var/lib/matrix-assistant/runs/run-1/journal")
    lines = journal.read_bytes().splitlines(keepends=True)
    cut = next(i for i, line in enumerate(lines) if b'"started"' in line and b"f1" in line)
    journal.write_bytes(b"".join(lines[: cut + 1]) + lines[cut + 1][:20])
    events = host.ask({"mode": "follow", "run": "run-1", "after": 9})
    assert names(events) == ["failed", "finished", "result"]
    assert (events[0]["cause"], events[0]["id"], events[0]["seq"]) == (
        "interrupted", "file:/etc/f1", 10,
    )  # fmt: skip
    assert events[-1]["ok"] is False


def test_a_truncated_state_is_replaced_by_its_backup(host: Root) -> None:
    host.apply(File(path="/etc/a", content="1"))
    host.apply(File(path="/etc/b", content="1"))
    state = host.path("/var/lib/matrix-assistant/state.json")
    state.write_bytes(state.read_bytes()[:30])
    host.path("/etc/a").write_text("by hand")
    assert host.inspect(File(path="/etc/a", content="2"))["file:/etc/a"]["action"] == "conflict"
    host.apply(File(path="/etc/b", content="2"))
    assert json.loads(state.read_text())["version"] == 1


class Cut(BaseException):
    """The power goes."""


def cut_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Let the process die at the given step that touches the disk."""
    left = [steps]

    def counted(function: Any) -> Any:
        def wrapper(*arguments: Any, **options: Any) -> Any:
            if left[0] <= 0:
                raise Cut
            left[0] -= 1
            return function(*arguments, **options)

        return wrapper

    for name in ("fsync", "replace", "mkdir", "unlink", "fchmod", "symlink", "rmdir"):
        monkeypatch.setattr(disk.os, name, counted(getattr(os, name)))


@pytest.mark.parametrize("steps", range(0, 200, 2))
def test_cut_at_any_point_the_next_apply_converges_and_undo_still_works(
    host: Root, steps: int
) -> None:
    before = prepared(host)
    with pytest.MonkeyPatch.context() as patch:
        cut_after(patch, steps)
        with contextlib.suppress(Cut):
            host.apply(*plan())
    events = host.apply(*plan())
    assert the(events, "finished")["ok"] is True, events
    assert all(state["action"] == "none" for state in host.inspect(*plan()).values())
    places = [*tree(host.path("/etc")), *tree(host.path("/srv"))]
    assert [place for place in places if place.endswith(".matrix-assistant-new")] == []
    with pytest.MonkeyPatch.context() as patch:
        cut_after(patch, steps)
        with contextlib.suppress(Cut):
            host.undo()
    host.undo()
    assert tree(host.path("/etc")) == before
    assert host.ask({"mode": "status"})[0]["receipts"] == 0


def test_many_resources_are_looked_at_quickly(host: Root) -> None:
    import time

    files = [File(path=f"/srv/d/f{n}", content="x" * 4000) for n in range(70)]
    services = []
    for n in range(6):
        host.path(f"/etc/systemd/system/s{n}.service").write_text("")
        services.append(Service(unit=f"s{n}.service"))
    host.apply(*files, *services)
    host.systemctl_log()
    begun = time.monotonic()
    assert all(s["action"] == "none" for s in host.inspect(*files, *services).values())
    assert time.monotonic() - begun < 0.5
    assert len(host.systemctl.asked) == 1, "one query for all units"
