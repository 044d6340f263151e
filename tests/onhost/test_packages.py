"""Packages: one look, repair first, room beforehand, lists fetched only when that helps."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from assistant.onhost.contract import Completed, HostError, Kept
from assistant.onhost.handlers import packages
from assistant.onhost.handlers.packages import PackagesHandler, parse_statuses, planned_space
from assistant.onhost.resources import Packages
from assistant.onhost.system import apt, space
from tests.support.onhost_stand_in import StandIn, fails

HANDLER = PackagesHandler()
WANTED = Packages(group="base", names=("curl", "nginx"))
SHOWN = "Package: nginx\nInstalled-Size: 3000\nSize: 1000000\n\nPackage: lib\nSize: 5\n"


class Apt:
    """dpkg and apt as far as these tests go."""

    def __init__(self, **installed: str) -> None:
        self.statuses = dict(installed)
        self.audit = ""
        self.simulations = [Completed(0, "Inst nginx (1.2 x)\nInst lib (1 x)\nConf nginx")]
        self.installs = [Completed(0, "ok")]
        self.update = Completed(0, "")

    def __call__(self, argv: tuple[str, ...], stdin: str) -> Completed | str:
        if argv[0] == "dpkg-query":
            warning = "dpkg-query: warning: something\n"
            return warning + "".join(f"{n}\t{s}\n" for n, s in self.statuses.items())
        if argv[:2] == ("dpkg", "--audit"):
            return self.audit
        if argv[:2] == ("dpkg", "--configure") or "-f" in argv:
            self.statuses = dict.fromkeys(self.statuses, "installed")
            return ""
        if argv[0] == "apt-cache":
            return SHOWN
        if argv[-1] == "update":
            return self.update
        if "-s" in argv:
            return self.simulations.pop(0) if len(self.simulations) > 1 else self.simulations[0]
        done = self.installs.pop(0) if len(self.installs) > 1 else self.installs[0]
        if done.code == 0:
            self.statuses |= {"nginx": "installed", "curl": "installed", "lib": "installed"}
        return done


def host(root: Path, script: Apt, *, fresh: bool = True) -> StandIn:
    machine = StandIn(root, script)
    machine.put(f"{apt.LISTS}/mirror_Packages")
    if fresh:
        machine.remember(apt.UPDATED, time.time())
    return machine


def updates(machine: StandIn) -> int:
    return sum(call[-1] == "update" for call in machine.calls)


def test_statuses_of_several_architectures_and_noise() -> None:
    output = "libc6\tinstalled\nlibc6\tnot-installed\nnginx\thalf-configured\nwarning: x\n"
    assert parse_statuses(output) == {"libc6": "installed", "nginx": "half-configured"}


def test_sizes_are_summed_and_installed_size_is_in_kibibytes() -> None:
    assert planned_space(SHOWN) == (1000005, 3000 * 1024)


def test_one_query_serves_all_groups(tmp_path: Path) -> None:
    machine = host(tmp_path, Apt(curl="installed"))
    found = HANDLER.inspect(WANTED, machine)
    assert (found.action, found.summary) == ("update", "install nginx")
    other = Packages(group="other", names=("curl",))
    assert HANDLER.inspect(other, machine).action == "none"
    assert len(machine.calls) == 1


@pytest.mark.parametrize("status", ["half-configured", "half-installed", "unpacked"])
def test_a_package_half_done_counts_and_is_repaired(tmp_path: Path, status: str) -> None:
    script = Apt(curl="installed", nginx=status)
    script.audit = "The following packages are only half configured"
    machine = host(tmp_path, script)
    found = HANDLER.inspect(WANTED, machine)
    assert found.action == "update"
    assert "repairing" in found.summary
    HANDLER.apply(WANTED, found, machine)
    assert ("dpkg", "--configure", "-a", "--force-confdef", "--force-confold") in machine.calls
    assert not any("install" in call and "nginx" in call for call in machine.calls)


def test_apply_installs_without_recommends_and_keeps_edited_configuration(tmp_path: Path) -> None:
    machine = host(tmp_path, Apt(curl="installed"))
    done = HANDLER.apply(WANTED, HANDLER.inspect(WANTED, machine), machine)
    call = machine.calls[-2]
    assert call[-2:] == ("--no-install-recommends", "nginx")
    assert "Dpkg::Options::=--force-confold" in call
    assert "DPkg::Lock::Timeout=60" in call
    assert machine.environments[-2]["DEBIAN_FRONTEND"] == "noninteractive"
    assert updates(machine) == 0
    assert done.receipt == {"installed": ["lib", "nginx"]}
    said = HANDLER.undo(done.receipt, machine)
    assert isinstance(said, Kept)
    assert "2 installed" in said


def test_old_lists_are_fetched_first(tmp_path: Path) -> None:
    machine = host(tmp_path, Apt(), fresh=False)
    HANDLER.apply(WANTED, HANDLER.inspect(WANTED, machine), machine)
    assert updates(machine) == 1
    assert not apt.lists_are_old(machine)


def test_lists_from_a_clock_in_the_future_are_old(tmp_path: Path) -> None:
    machine = host(tmp_path, Apt())
    machine.remember(apt.UPDATED, time.time() + 10 * apt.DAY)
    assert apt.lists_are_old(machine)


@pytest.mark.parametrize("where", ["simulations", "installs"])
def test_stale_lists_are_fetched_once_and_it_is_tried_again(tmp_path: Path, where: str) -> None:
    script = Apt()
    refused = Completed(100, "E: Unable to locate package nginx\nE: Failed to fetch 404  Not Found")
    getattr(script, where).insert(0, refused)
    machine = host(tmp_path, script)
    HANDLER.apply(WANTED, HANDLER.inspect(WANTED, machine), machine)
    assert updates(machine) == 1


def test_a_package_that_the_mirror_lacks_is_named(tmp_path: Path) -> None:
    script = Apt()
    script.simulations = [Completed(100, "E: Unable to locate package nginx")]
    machine = host(tmp_path, script)
    error = fails(lambda: HANDLER.apply(WANTED, HANDLER.inspect(WANTED, machine), machine))
    assert error.cause == "mirror"
    assert "does not have nginx" in error.text
    assert updates(machine) == 1


def test_no_room_is_told_with_numbers_before_anything_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 8_000_000  # twice (1.0 + 3.07) MB is 8.14 MB
    monkeypatch.setattr(space.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    machine = host(tmp_path, Apt())
    error = fails(lambda: HANDLER.apply(WANTED, HANDLER.inspect(WANTED, machine), machine))
    assert error.cause == "disk-full"
    assert "8 MB" in error.text
    assert machine.calls[-1][0] == "apt-cache"
    monkeypatch.setattr(space.shutil, "disk_usage", lambda path: SimpleNamespace(free=8_200_000))
    HANDLER.apply(WANTED, HANDLER.inspect(WANTED, machine), machine)


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by 1", "apt-lock"),
        ("dpkg: error: No space left on device", "disk-full"),
        ("E: Failed to fetch http://x  Hash Sum mismatch", "mirror"),
        ("Sub-process /usr/bin/dpkg returned an error code (1)", "command"),
        ("cp: cannot create '/x': Read-only file system", "read-only"),
    ],
)
def test_causes_of_a_failed_installation(tmp_path: Path, output: str, cause: str) -> None:
    script = Apt()
    script.installs = [Completed(100, output)]
    machine = host(tmp_path, script)
    error = fails(lambda: HANDLER.apply(WANTED, HANDLER.inspect(WANTED, machine), machine))
    assert error.cause == cause
    assert error.tail


def test_success_without_the_package_is_a_failure(tmp_path: Path) -> None:
    wanted = Packages(group="base", names=("virtual-thing",))
    machine = host(tmp_path, Apt())
    error = fails(lambda: HANDLER.apply(wanted, HANDLER.inspect(wanted, machine), machine))
    assert "virtual-thing" in error.text


def test_update_waits_for_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(packages.apt.time, "sleep", slept.append)
    answers = [Completed(100, "E: Could not get lock /var/lib/apt/lists/lock."), Completed(0, "")]
    machine = StandIn(tmp_path, lambda argv, stdin: answers.pop(0))
    assert apt.update(machine).code == 0
    assert slept == [5]


def held(path: Path) -> subprocess.Popen[str]:
    """A process that holds a lock as dpkg does."""
    program = "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX);"
    program += "print('held', flush=True); time.sleep(60)"
    argv = [sys.executable, "-c", program, str(path)]
    holder = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


@pytest.mark.parametrize("lock", apt.LOCKS)
def test_another_program_that_installs_is_waited_for_then_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(apt, "LOCK_WAIT", 1.5)
    script = Apt(curl="installed")
    machine = host(tmp_path, script)
    machine.put(lock)
    holder = held(Path(machine.path(lock)))
    try:
        with pytest.raises(HostError) as caught:
            HANDLER.apply(WANTED, HANDLER.inspect(WANTED, machine), machine)
    finally:
        holder.kill()
        holder.communicate()
    assert caught.value.cause == "apt-lock"
    assert "Wait until it is done" in caught.value.text
    # Not even the repair of a half-done installation was tried: it is not half done, but going on.
    assert script.statuses == {"curl": "installed"}
    HANDLER.apply(WANTED, HANDLER.inspect(WANTED, machine), machine)
    assert script.statuses["nginx"] == "installed"
