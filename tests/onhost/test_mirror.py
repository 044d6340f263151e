"""Package sources: replaced as a whole, given back when they fail or are undone."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.onhost.contract import Completed
from assistant.onhost.handlers.mirror import KEY, SOURCES, MirrorHandler, active_sources, is_active
from assistant.onhost.resources import PackageMirror
from tests.support.onhost_stand_in import StandIn, fails

DEB822 = "Types: deb\nURIs: http://deb.example/debian\nSuites: trixie\nComponents: main\n"
MIRROR = PackageMirror(sources=DEB822 + f"Signed-By: {KEY}\n", signing_key="-----BEGIN\nkey\n")
HANDLER = MirrorHandler()
ASIDE = "/etc/apt/sources.list.matrix-assistant.disabled"


def host(root: Path, code: int = 0, output: str = "") -> StandIn:
    machine = StandIn(root, lambda argv, stdin: Completed(code, output))
    machine.put("/etc/apt/sources.list", "# old\ndeb http://deb.example/debian trixie main\n")
    machine.put("/etc/apt/sources.list.d/vendor.sources", DEB822)
    machine.put("/etc/apt/sources.list.d/off.sources", "Enabled: no\n" + DEB822)
    machine.put("/etc/apt/sources.list.d/notes.txt", "deb not a source")
    return machine


@pytest.mark.parametrize(
    ("name", "text", "active"),
    [
        ("a.list", "deb http://x y main\n", True),
        ("a.list", "  deb-src [arch=amd64] http://x y main\n", True),
        ("a.list", "# deb http://x y main\n\n", False),
        ("a.list", "", False),
        ("a.sources", DEB822, True),
        ("a.sources", "Enabled: no\n" + DEB822, False),
        ("a.sources", "Enabled: no\n" + DEB822 + "\n" + DEB822, True),
        ("a.sources", "# Types: deb\n", False),
        ("a.sources", "enabled: yes\n" + DEB822, True),
    ],
)
def test_which_files_are_sources(name: str, text: str, active: bool) -> None:
    assert is_active(name, text) is active


def test_apply_moves_others_aside_and_is_idempotent(tmp_path: Path) -> None:
    machine = host(tmp_path)
    found = HANDLER.inspect(MIRROR, machine)
    assert found.action == "create"
    assert "+URIs: http://deb.example/debian" in found.diff
    assert "2 other" in found.summary
    done = HANDLER.apply(MIRROR, found, machine)
    assert machine.file(SOURCES).read_text() == MIRROR.sources
    assert machine.file(KEY).read_text() == MIRROR.signing_key
    assert active_sources(machine) == ()
    assert machine.file(ASIDE).exists()
    assert "APT::Update::Error-Mode=any" in machine.calls[-1]
    assert HANDLER.inspect(MIRROR, machine).action == "none"

    assert done.receipt is not None
    HANDLER.undo(done.receipt, machine)
    assert not machine.file(SOURCES).exists()
    assert not machine.file(KEY).exists()
    assert not machine.file(ASIDE).exists()
    assert active_sources(machine) == (
        "/etc/apt/sources.list",
        "/etc/apt/sources.list.d/vendor.sources",
    )
    HANDLER.undo(done.receipt, machine)  # cut and done again
    assert len(active_sources(machine)) == 2


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("E: The repository 'x' does not have a Release file.", "mirror"),
        ("W: Failed to fetch http://x  Could not resolve 'x'", "name-resolution"),
        ("E: Release file for x is not valid yet (invalid for another 3h 2min 1s).", "clock"),
        ("E: something new", "mirror"),
    ],
)
def test_a_mirror_that_fails_does_not_stay(tmp_path: Path, output: str, cause: str) -> None:
    machine = host(tmp_path, 100, output)
    error = fails(lambda: HANDLER.apply(MIRROR, HANDLER.inspect(MIRROR, machine), machine))
    assert error.cause == cause
    assert "as they were before" in error.text
    assert not machine.file(SOURCES).exists()
    assert len(active_sources(machine)) == 2
    assert HANDLER.inspect(MIRROR, machine).action == "create"


def test_a_cut_between_write_and_update_is_noticed_and_restores_the_first_state(
    tmp_path: Path,
) -> None:
    class PowerCutError(Exception):
        pass

    def cut(argv: tuple[str, ...], stdin: str) -> Completed:
        raise PowerCutError

    machine = host(tmp_path)
    machine.script = cut
    with pytest.raises(PowerCutError):
        HANDLER.apply(MIRROR, HANDLER.inspect(MIRROR, machine), machine)
    assert machine.file(SOURCES).exists()

    again = StandIn(tmp_path, lambda argv, stdin: Completed(100, "E: 404"), run="run-2")
    found = HANDLER.inspect(MIRROR, again)
    assert found.action == "update"
    assert fails(lambda: HANDLER.apply(MIRROR, found, again)).cause == "mirror"
    assert not again.file(SOURCES).exists()
    assert len(active_sources(again)) == 2


def test_a_file_edited_by_hand_is_a_conflict(tmp_path: Path) -> None:
    machine = host(tmp_path)
    HANDLER.apply(MIRROR, HANDLER.inspect(MIRROR, machine), machine)
    machine.put(SOURCES, "# mine\n")
    found = HANDLER.inspect(MIRROR, machine)
    assert found.action == "conflict"
    assert "-# mine" in found.diff
    done = HANDLER.apply(MIRROR, found, machine)
    assert done.receipt is not None
    HANDLER.undo(done.receipt, machine)
    assert machine.file(SOURCES).read_text() == "# mine\n"


def test_a_new_setting_of_ours_is_no_conflict(tmp_path: Path) -> None:
    machine = host(tmp_path)
    HANDLER.apply(MIRROR, HANDLER.inspect(MIRROR, machine), machine)
    other = PackageMirror(sources=DEB822.replace("deb.example", "other.example"))
    assert HANDLER.inspect(other, machine).action == "update"
    HANDLER.apply(other, HANDLER.inspect(other, machine), machine)
    assert not machine.file(KEY).exists()


def test_others_stay_when_they_are_not_replaced(tmp_path: Path) -> None:
    machine = host(tmp_path)
    beside = PackageMirror(sources=DEB822, replace=False)
    HANDLER.apply(beside, HANDLER.inspect(beside, machine), machine)
    assert len(active_sources(machine)) == 2


def test_a_file_moved_aside_earlier_is_not_overwritten(tmp_path: Path) -> None:
    machine = host(tmp_path)
    machine.put(ASIDE, "an older one")
    HANDLER.apply(MIRROR, HANDLER.inspect(MIRROR, machine), machine)
    assert machine.file(ASIDE).read_text() == "an older one"
    assert machine.file("/etc/apt/sources.list.matrix-assistant-2.disabled").exists()
