"""Removing what a run leaves on the machine: its control groups and its work folder.

Processes, mounts and network namespaces end with the containment by themselves. Everything else a
run makes carries the run's name, which says whose it is: the process id and the start time of the
outer process, which also holds a lock for as long as it lives. So a run that was killed outright is
told from one that lives, and the next run cleans up after it. Standard library only: the contained
first process uses it too.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
CGROUP_PREFIX = "matrix-assistant-"
HYBRID_HIERARCHIES = ("unified", "systemd", "memory")
LOCK_FILE = "alive"
SWEEP_LOCK = "sweeping"
BUSY_TIMEOUT = 3.0
"""Seconds a control group may stay busy after its last process was killed."""


def run_name(pid: int) -> str:
    """The name of the run whose outer process is `pid`. Raises OSError when there is none."""
    return f"{pid}-{_start_time(pid)}"


@contextmanager
def alone(runs: Path) -> Iterator[None]:
    """Let no other run be swept or begun meanwhile.

    Between making its folder and locking it a run looks dead to one in another process namespace.
    """
    import fcntl  # Not at the top: this module is read on systems that lack it.

    with (runs / SWEEP_LOCK).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def hold(runs: Path, run: str) -> int:
    """Mark a run as living for as long as the returned file descriptor is open."""
    import fcntl

    descriptor = os.open(runs / run / LOCK_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def is_alive(runs: Path, run: str) -> bool:
    """Whether the outer process of that run still lives, in whatever process namespace."""
    return _is_held(runs / run / LOCK_FILE) or _process_exists(run)


def _is_held(lock: Path) -> bool:
    import fcntl

    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared: two that look at the same time must not take each other for the run.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _process_exists(run: str) -> bool:
    pid, _, start = run.partition("-")
    try:
        return _start_time(int(pid)) == int(start)
    except (OSError, ValueError):
        return False


def _start_time(pid: int) -> int:
    """Clock ticks after boot at which a process started; with the id it names it for ever."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    after_name = stat.rpartition(")")[2].split()
    if after_name[0] in ("Z", "X"):
        raise ProcessLookupError(pid)
    return int(after_name[19])


def cgroup_roots() -> tuple[Path, ...]:
    """The hierarchies in which a host gets a group: one on cgroup v2, several on a hybrid."""
    if (CGROUP_ROOT / "cgroup.controllers").exists():
        return (CGROUP_ROOT,)
    hybrid = (CGROUP_ROOT / name for name in HYBRID_HIERARCHIES)
    return tuple(path for path in hybrid if path.is_dir())


def run_cgroups(run: str) -> tuple[Path, ...]:
    """The groups of a run, one per hierarchy; they need not exist."""
    return tuple(root / f"{CGROUP_PREFIX}{run}" for root in cgroup_roots())


def remove_cgroup(group: Path, timeout: float = BUSY_TIMEOUT) -> bool:
    """Remove a group and all below it; False when something in it lives on after `timeout` s."""
    deadline = time.monotonic() + timeout
    while group.is_dir():
        for folder, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
        if not group.is_dir():
            break
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def remove_run(runs: Path, run: str) -> None:
    """Remove everything that carries the name of a run that has ended."""
    for group in run_cgroups(run):
        remove_cgroup(group)
    shutil.rmtree(runs / run, ignore_errors=True)


def sweep(runs: Path) -> tuple[str, ...]:
    """Remove what dead runs left, and return their names. Call it :func:`alone`."""
    found = {path.name for path in runs.glob("*-*")} if runs.is_dir() else set()
    for root in cgroup_roots():
        found |= {path.name.removeprefix(CGROUP_PREFIX) for path in root.glob(f"{CGROUP_PREFIX}*")}
    dead = tuple(sorted(run for run in found if not is_alive(runs, run)))
    for run in dead:
        remove_run(runs, run)
    return dead
