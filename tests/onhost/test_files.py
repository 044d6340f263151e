"""Files, blocks, folders and secrets on a host below a folder."""

from __future__ import annotations

import base64
import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from assistant.onhost.resources import Absent, Directory, File, ManagedBlock, Secret
from assistant.onhost.system import disk, path_state
from tests.support.onhost_root import Root, the, tree


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Root:
    return Root(tmp_path, monkeypatch)


HOSTS = ManagedBlock(path="/etc/hosts", marker="names", lines=("127.0.0.31 x.example",))


def test_content_that_does_not_validate_never_goes_live(host: Root) -> None:
    host.path("/etc/app.conf").write_text("good\n")
    bad = File(path="/etc/app.conf", content="bad\n", validate=("grep", "good", "{path}"))
    failed = the(host.apply(bad), "failed")
    assert failed["cause"] == "validation"
    assert host.path("/etc/app.conf").read_text() == "good\n"
    good = File(path="/etc/app.conf", content="good too\n", validate=("grep", "good", "{path}"))
    assert the(host.apply(good), "finished")["ok"] is True
    left = [p.name for p in host.path("/var/lib/matrix-assistant").iterdir()]
    assert not [name for name in left if name.startswith("test-")]


@pytest.mark.parametrize("old", [b"old\n", None])
def test_a_check_that_fails_brings_the_old_content_back(host: Root, old: bytes | None) -> None:
    place = host.path("/etc/app.conf")
    if old is not None:
        place.write_bytes(old)
        place.chmod(0o600)
    check = ("sh", "-c", f"echo testing; grep -q fine {place}")
    failed = the(host.apply(File(path="/etc/app.conf", content="broken\n", check=check)), "failed")
    assert (failed["cause"], failed["tail"]) == ("validation", ["testing"])
    assert (place.read_bytes() if place.exists() else None) == old
    assert the(host.apply(File(path="/etc/app.conf", content="fine\n", check=check)), "finished")[
        "ok"
    ]
    the(host.undo(), "finished")
    assert (place.read_bytes() if place.exists() else None) == old
    assert old is None or stat.S_IMODE(place.stat().st_mode) == 0o600


def test_a_check_cut_off_is_made_up_for(host: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    place = host.path("/etc/app.conf")
    place.write_text("old fine\n")
    check = ("grep", "-q", "fine", str(place))

    def cut(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr("assistant.onhost.handlers.file._check", cut)
        host.apply(File(path="/etc/app.conf", content="broken\n", check=check))
    assert place.read_text() == "broken\n"
    failed = the(host.apply(File(path="/etc/app.conf", content="broken\n", check=check)), "failed")
    assert failed["cause"] == "validation"
    assert place.read_text() == "old fine\n"


def test_a_link_is_replaced_not_followed(host: Root) -> None:
    host.path("/etc/target").write_text("precious\n")
    host.path("/etc/app.conf").symlink_to("target")
    before = tree(host.path("/etc"))
    host.apply(File(path="/etc/app.conf", content="ours\n"))
    assert host.path("/etc/target").read_text() == "precious\n"
    assert not host.path("/etc/app.conf").is_symlink()
    host.undo()
    assert tree(host.path("/etc")) == before


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a link away")
def test_nothing_is_written_through_another_users_link(host: Root) -> None:
    host.path("/srv").mkdir()
    host.path("/srv/data").symlink_to(host.path("/etc"))
    os.lchown(host.path("/srv/data"), 4242, 4242)
    failed = the(host.apply(File(path="/srv/data/passwd2", content="x")), "failed")
    assert failed["cause"] == "permission"
    assert not host.path("/etc/passwd2").exists()


def test_an_owner_that_is_not_there_yet_is_an_action_not_an_error(host: Root) -> None:
    host.path("/etc/app.conf").write_text("x")
    wanted = File(path="/etc/app.conf", content="x", owner="later", group="later")
    assert host.inspect(wanted)["file:/etc/app.conf"]["action"] == "update"
    failed = the(host.apply(wanted), "failed")
    assert (failed["cause"], "later" in failed["text"]) == ("command", True)


def test_a_folder_in_the_way_is_a_conflict_and_is_not_removed(host: Root) -> None:
    host.path("/etc/app.conf").mkdir()
    for wanted in (File(path="/etc/app.conf", content="x"), Absent(path="/etc/app.conf")):
        assert host.inspect(wanted)[wanted.id]["action"] == "conflict"
        failed = the(host.apply(wanted, resolve={wanted.id: "overwrite"}), "failed")
        assert failed["cause"] == "conflict"
    assert host.path("/etc/app.conf").is_dir()


def test_a_long_diff_is_cut(host: Root) -> None:
    host.path("/etc/long").write_text("".join(f"{n}\n" for n in range(1000)))
    state = host.inspect(File(path="/etc/long", content="x\n"))["file:/etc/long"]
    lines = state["diff"].splitlines()
    assert (len(lines), lines[-1]) == (201, "… 804 more lines")


def test_a_block_leaves_the_rest_of_the_file_alone(host: Root) -> None:
    hosts = host.path("/etc/hosts")
    hosts.write_bytes(b"127.0.0.1 localhost\n")
    hosts.chmod(0o664)
    host.apply(HOSTS)
    hosts.write_bytes(b"# mine\n" + hosts.read_bytes() + b"192.0.2.1 mine")
    assert host.inspect(HOSTS)[HOSTS.id]["action"] == "none"
    other = ManagedBlock(path="/etc/hosts", marker="names", lines=("127.0.0.31 y.example",))
    host.apply(other)
    text = hosts.read_text()
    assert text.startswith("# mine\n127.0.0.1 localhost\n# BEGIN matrix-assistant names\n")
    assert text.endswith("127.0.0.31 y.example\n# END matrix-assistant names\n192.0.2.1 mine")
    assert stat.S_IMODE(hosts.stat().st_mode) == 0o664
    host.undo()
    assert hosts.read_bytes() == b"# mine\n127.0.0.1 localhost\n192.0.2.1 mine"


def test_a_block_edited_by_hand_is_a_conflict_and_survives_undo(host: Root) -> None:
    hosts = host.path("/etc/hosts")
    hosts.write_bytes(b"127.0.0.1 localhost\n")
    host.apply(HOSTS)
    hosts.write_bytes(hosts.read_bytes().replace(b".31", b".32"))
    edited = hosts.read_bytes()
    state = host.inspect(HOSTS)[HOSTS.id]
    assert state["action"] == "conflict" and "-127.0.0.32" in state["diff"]
    assert the(host.undo(), "kept")["id"] == HOSTS.id
    assert hosts.read_bytes() == edited


def test_a_block_whose_end_is_gone_asks(host: Root) -> None:
    hosts = host.path("/etc/hosts")
    host.apply(HOSTS)
    hosts.write_bytes(hosts.read_bytes().rpartition(b"# END")[0] + b"192.0.2.1 mine\n")
    assert host.inspect(HOSTS)[HOSTS.id]["action"] == "conflict"
    host.apply(HOSTS, resolve={HOSTS.id: "overwrite"})
    assert b"192.0.2.1 mine\n" in hosts.read_bytes()
    assert host.inspect(HOSTS)[HOSTS.id]["action"] == "none"


def test_a_block_in_a_linked_file_keeps_the_link(host: Root) -> None:
    host.path("/etc/real").write_bytes(b"a\n")
    host.path("/etc/hosts").symlink_to("real")
    host.apply(HOSTS)
    assert host.path("/etc/hosts").is_symlink()
    assert b"x.example" in host.path("/etc/real").read_bytes()
    host.undo()
    assert host.path("/etc/real").read_bytes() == b"a\n"


def test_directories_are_corrected_and_brought_back(host: Root) -> None:
    host.path("/srv").mkdir(mode=0o711)
    made = Directory(path="/srv/a/b", mode="0700")
    host.apply(Directory(path="/srv", mode="0755"), made)
    assert stat.S_IMODE(host.path("/srv").stat().st_mode) == 0o755
    assert stat.S_IMODE(host.path("/srv/a/b").stat().st_mode) == 0o700
    assert stat.S_IMODE(host.path("/srv/a").stat().st_mode) == 0o755
    host.undo()
    assert stat.S_IMODE(host.path("/srv").stat().st_mode) == 0o711
    assert not host.path("/srv/a").exists()


def test_secrets_are_made_once_and_keep_their_value(host: Root) -> None:
    key = Secret(path="/srv/key", name="key", form="synapse-signing-key")
    word = Secret(path="/srv/word", name="word", prefix="secret: ", suffix="\n", length=24)
    host.apply(key, word)
    kind, version, seed = host.path("/srv/key").read_text().split()
    assert (kind, version[:2], len(version)) == ("ed25519", "a_", 6)
    assert len(base64.b64decode(seed + "=")) == 32
    text = host.path("/srv/word").read_text()
    assert text.startswith("secret: ") and text.endswith("\n") and len(text) == 8 + 32 + 1
    host.path("/srv/word").chmod(0o644)
    host.apply(key, word)
    assert host.path("/srv/word").read_text() == text
    assert stat.S_IMODE(host.path("/srv/word").stat().st_mode) == 0o400


def test_a_given_secret_replaces_the_old_one_only_when_given(host: Root) -> None:
    given = Secret(path="/srv/token", name="token", form="provided")
    host.apply(given, secrets={"token": "first-token"})
    host.apply(given)
    assert host.path("/srv/token").read_text() == "first-token"
    host.apply(given, secrets={"token": "second-token"})
    assert host.path("/srv/token").read_text() == "second-token"


def test_a_given_secret_is_not_used_for_other_settings(host: Root) -> None:
    def of(provider: str) -> Secret:
        return Secret(
            path="/srv/token", name="token", form="provided", prefix=f"# {provider}\n", suffix="\n"
        )

    host.apply(of("one"), secrets={"token": "first-token"})
    assert host.inspect(of("one"))["secret:/srv/token"]["action"] == "none"
    looked = host.inspect(of("two"))["secret:/srv/token"]
    assert (looked["action"], "a new value is needed" in looked["summary"]) == ("update", True)
    refused = host.apply(File(path="/etc/new", content="x"), of("two"))
    assert (refused[0]["event"], refused[0]["cause"]) == ("error", "missing-secret")
    assert not host.path("/etc/new").exists()
    assert host.path("/srv/token").read_text() == "# one\nfirst-token\n"
    host.apply(of("two"), secrets={"token": "second-token"})
    assert host.path("/srv/token").read_text() == "# two\nsecond-token\n"
    host.apply(of("two"))
    assert host.path("/srv/token").read_text() == "# two\nsecond-token\n"


@pytest.mark.parametrize(
    ("number", "cause"), [(errno.ENOSPC, "disk-full"), (errno.EROFS, "read-only")]
)
def test_a_full_or_read_only_disk_is_named_and_leaves_the_old_file(
    host: Root, monkeypatch: pytest.MonkeyPatch, number: int, cause: str
) -> None:
    place = host.path("/etc/app.conf")
    place.write_text("old\n")
    write_all = disk.write_all

    def refuse(fd: int, data: bytes) -> None:
        if bytes(data) == b"new\n":
            os.write(fd, data[:2])
            raise OSError(number, os.strerror(number))
        write_all(fd, data)

    monkeypatch.setattr(disk, "write_all", refuse)
    events = host.apply(File(path="/etc/app.conf", content="new\n"))
    failed = the(events, "failed")
    assert failed["cause"] == cause
    if cause == "disk-full":
        assert "MB are free on " in failed["text"]
    assert place.read_text() == "old\n"
    assert not [p for p in place.parent.iterdir() if "matrix-assistant-new" in p.name]
    monkeypatch.undo()


def test_the_end_of_a_run_is_written_down_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = tmp_path / "reserve"
    reserve.write_bytes(b"x" * 1000)
    lines = disk.Lines(str(tmp_path / "journal"), str(reserve))
    lines.append(b'{"n": 1}\n', durable=True)
    write = os.write

    def full(fd: int, data: Any) -> int:
        if reserve.exists():
            write(fd, bytes(data)[:3])
            raise OSError(errno.ENOSPC, "full")
        return write(fd, data)

    monkeypatch.setattr(disk.os, "write", full)
    lines.append(b'{"n": 2}\n', durable=True)
    lines.close()
    monkeypatch.undo()
    assert list(disk.read_lines(str(tmp_path / "journal"))) == [{"n": 1}, {"n": 2}]


def test_a_mount_point_is_rewritten_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "hosts"
    place.write_text("old")
    number = place.stat().st_ino

    def mounted(*_: Any, **__: Any) -> None:
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(disk.os, "replace", mounted)
    disk.write_whole(str(place), b"new", uid=os.getuid(), gid=os.getgid(), mode=0o644)
    assert (place.read_text(), place.stat().st_ino) == ("new", number)
    assert [p.name for p in tmp_path.iterdir()] == ["hosts"]


def test_a_diff_of_bytes_that_are_no_text() -> None:
    assert "+b" in path_state.diff("/x", b"\xff\n", b"b\n")
