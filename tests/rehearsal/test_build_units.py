"""The practice internet's decisions, without root or network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.rehearsal.addresses import address
from assistant.rehearsal.build.debian_mirror import _without_python
from assistant.rehearsal.build.images import image_digest
from assistant.rehearsal.build.wheel_index import write_index
from assistant.rehearsal.cache import cache_root, digest, ensure
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.hosts.disks import parse_size
from assistant.rehearsal.processes import contain, leftovers
from assistant.rehearsal.processes.commands import run
from assistant.rehearsal.services.dns_servers import _with_parents, _zone_text

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and flock")


def test_the_cache_can_be_put_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MATRIX_ASSISTANT_CACHE", str(tmp_path))
    assert cache_root() == tmp_path / "rehearsal"


def test_a_digest_changes_with_every_input() -> None:
    assert digest("a", ["b"]) == digest("a", ["b"])
    assert len({digest("a", ["b"]), digest("a", ["b", "c"]), digest("b", ["b"])}) == 3


def test_an_interrupted_entry_is_never_taken_for_a_whole_one(tmp_path: Path) -> None:
    entry = tmp_path / "images" / "one"

    def interrupted(folder: Path) -> None:
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure(entry, interrupted)
    assert not entry.exists()
    # As after a kill, when nobody could clean up.
    left = entry.with_name(".building-one")
    left.mkdir()
    (left / "half").touch()
    ensure(entry, lambda folder: (folder / "whole").touch())
    assert [path.name for path in entry.iterdir()] == ["whole"]
    ensure(entry, interrupted)


def test_unknown_releases_are_refused() -> None:
    with pytest.raises(RehearsalError, match="no practice image of sid"):
        image_digest("sid")


def test_addresses_are_numbered_by_subnet() -> None:
    assert address(10).ipv4 == "241.0.10.2"
    assert address(10).ipv6 == "3fff:0:a::2"


def test_sizes() -> None:
    assert parse_size("600M") == 600 * 2**20
    with pytest.raises(RehearsalError):
        parse_size("600 MB")


def test_python_is_taken_out_of_a_package_state() -> None:
    names = ("adduser", "python3", "python3.13-minimal", "libpython3-stdlib", "zlib1g")
    status = "\n\n".join(f"Package: {name}\nStatus: install ok installed" for name in names)
    left = _without_python(status)
    assert [line for line in left.splitlines() if line.startswith("Package")] == [
        "Package: adduser",
        "Package: zlib1g",
    ]


def test_every_parent_of_a_zone_is_served() -> None:
    assert _with_parents(["im.family.example", "lab.example"]) == (
        ".",
        "example",
        "family.example",
        "im.family.example",
        "lab.example",
    )


def test_a_zone_delegates_only_its_own_children() -> None:
    served = _with_parents(["family.example", "lab.example"])
    delegated = [line for line in _zone_text(".", served).splitlines() if " NS " in line]
    assert delegated == ["@ NS ns.lab.example.", "example. NS ns.lab.example."]


def test_the_wheel_index_is_pep_503(tmp_path: Path) -> None:
    wheel = tmp_path / "Some_Thing-1.0-py3-none-any.whl"
    wheel.write_bytes(b"x")
    write_index([wheel], tmp_path / "simple")
    assert 'href="some-thing/"' in (tmp_path / "simple/index.html").read_text()
    page = (tmp_path / "simple/some-thing/index.html").read_text()
    assert "Some_Thing-1.0-py3-none-any.whl#sha256=2d711642b726b04401627ca9fbac32f5" in page


def test_a_failing_program_is_told_in_one_sentence() -> None:
    with pytest.raises(RehearsalError) as caught:
        run([sys.executable, "-c", "import sys; sys.exit('no such thing')"], timeout=30)
    assert caught.value.sentence.endswith("failed with code 1.")
    assert caught.value.log == "no such thing"
    with pytest.raises(RehearsalError, match="is not on this machine"):
        run(["no-such-program"], timeout=5)


@linux_only
def test_dead_runs_are_told_from_living_ones(tmp_path: Path) -> None:
    import fcntl

    living = leftovers.run_name(os.getpid())
    assert leftovers.is_alive(tmp_path, living)
    process = subprocess.Popen(["sleep", "60"])
    dead = leftovers.run_name(process.pid)
    process.kill()
    process.wait()
    assert not leftovers.is_alive(tmp_path, dead)
    # Seen from another process namespace a run has no process, but it holds its lock.
    (tmp_path / dead).mkdir()
    held = leftovers.hold(tmp_path, dead)
    assert leftovers.is_alive(tmp_path, dead)
    os.close(held)
    assert not leftovers.is_alive(tmp_path, dead)
    # Somebody else who looks at the same moment is not taken for the run.
    with (tmp_path / dead / leftovers.LOCK_FILE).open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not leftovers.is_alive(tmp_path, dead)


@linux_only
def test_a_run_that_begins_cannot_be_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    class FillingError(Exception):
        pass

    def fill(workdir: Path) -> None:
        with (
            (workdir.parent / leftovers.SWEEP_LOCK).open("rb") as lock,
            pytest.raises(BlockingIOError),
        ):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        raise FillingError

    monkeypatch.setattr(contain, "cache_root", lambda: tmp_path)
    monkeypatch.setattr(contain, "_fill", fill)
    with pytest.raises(FillingError):
        contain.run_contained(["true"])
    with leftovers.alone(tmp_path / "runs"):
        pass  # and whoever comes next is let in


@linux_only
def test_a_sweep_removes_only_dead_runs(tmp_path: Path) -> None:
    living = leftovers.run_name(os.getpid())
    for run_name in (living, "4194999-1"):
        (tmp_path / run_name).mkdir()
    assert "4194999-1" in leftovers.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [living]
