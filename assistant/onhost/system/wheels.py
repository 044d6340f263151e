"""Wheels fetched and modules compiled by an account that may nothing, and that is nobody else's.

Whatever is wrong with an index, an archive or a module then meets no rights and no files. What
it fetched counts only once root has copied it and compared it with the hashes of the lock.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assistant.onhost.contract import Completed, HostError, Machine
from assistant.onhost.said import said

PIP = (
    "--isolated", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-input",
    "--no-cache-dir", "--disable-pip-version-check", "--progress-bar", "off",
)  # fmt: skip

_SPARE = range(61000, 61184)
"""Numbers that systemd's own allocation leaves unused (its document "Users, Groups, UIDs and
GIDs"), so that no account and no service comes to have one."""

_WHEEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+!-]*\.whl")
_MOST = 256 * 1000 * 1000
"""Bytes of a wheel at most."""

_NO_PIP = said("This server's Python cannot make environments: python3-venv is missing.")


def account() -> int:
    """A number that no account has and no process runs as, not even one left by a former step.

    Without root there is none to change to: one's own.
    """
    if os.geteuid() != 0:
        return os.geteuid()
    taken = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            taken.add(process.stat().st_uid)
        except OSError:
            continue
    for uid in _SPARE:
        try:
            pwd.getpwuid(uid)
        except KeyError:
            if uid not in taken:
                return uid
    raise HostError("command", said("There is no spare account number between 61000 and 61183."))


def pip(python: str, command: str) -> tuple[str, ...]:
    """The beginning of a command of pip, which runs from the wheel that Python brings along.

    ``HostError`` without one. Where it lies: the module ensurepip, in CPython and as Debian has it.
    """
    folders = (
        sysconfig.get_config_var("WHEEL_PKG_DIR") or "/usr/share/python-wheels",
        f"{sysconfig.get_path('stdlib')}/ensurepip/_bundled",
    )
    for folder in folders:
        if found := sorted(Path(folder).glob("pip-*.whl")):
            return (python, "-I", f"{found[-1]}/pip", command, *PIP)
    raise HostError("unsupported", _NO_PIP)


def fetch(lock: str, pip_conf: str, folder: str, machine: Machine) -> Completed:
    """Bring the wheels of a lock, and the lock, into ``folder``; nothing of them is run.

    ``pip_conf`` may hold the password of an index, so it is in no argument, and lies where a
    reboot empties. It replaces the host's own settings where it says something; nothing that
    either says can bring another file than the lock's.
    """
    uid = account()
    place = f"{folder}.fetched"
    conf = f"/run/matrix-assistant-pip-{uid}.conf"
    _empty(place, uid, machine)
    env = {"HOME": machine.path(place), "TMPDIR": machine.path(place)}
    machine.write(f"{place}/lock.txt", lock.encode())
    try:
        if pip_conf:
            machine.write(conf, pip_conf.encode(), mode="0600")
            os.chown(machine.path(conf), uid, -1)
            env["PIP_CONFIG_FILE"] = machine.path(conf)
        argv = (
            *_weak(), *pip(sys.executable or "python3", "download"),
            "--retries", "5", "--timeout", "30",
            "--dest", machine.path(place), "-r", machine.path(f"{place}/lock.txt"),
        )  # fmt: skip
        done = machine.run(argv, user=str(uid), env=env, timeout=3600, check=False, stream=True)
        if done.code == 0:
            _empty(folder, os.geteuid(), machine)
            machine.write(f"{folder}/lock.txt", lock.encode())
            _copy(Path(machine.path(place)), Path(machine.path(folder)))
    finally:
        Path(machine.path(conf)).unlink(missing_ok=True)
        shutil.rmtree(machine.path(place), ignore_errors=True)
    return done


def install(python: str, folder: str, machine: Machine) -> Completed:
    """Unpack the wheels of ``folder`` into the environment of ``python``, comparing their hashes.

    Only wheels, so nothing of them is run; only from the folder, whatever the host's settings say.
    """
    argv = (
        *pip(python, "install"), "--no-index", "--find-links", machine.path(folder),
        "--no-compile", "-r", machine.path(f"{folder}/lock.txt"),
    )  # fmt: skip
    env = {"PIP_CONFIG_FILE": os.devnull, "TMPDIR": machine.path(folder)}
    return machine.run(argv, env=env, timeout=900, check=False, stream=True)


def compile_all(folder: str, machine: Machine) -> Completed:
    """Compile the modules below a folder, with every processor; pip takes one, and twice as long.

    The host's own Python does it, without looking into the folder for anything to run.
    """
    python = (sys.executable or "python3", "-I", "-S", "-m", "compileall", "-q", "-j", "0")
    with _lent(folder, machine) as uid:
        argv = (*_weak(), *python, machine.path(folder))
        return machine.run(argv, user=str(uid), timeout=900, check=False)


def _weak() -> tuple[str, ...]:
    return ("setpriv", "--no-new-privs", "--")


@contextmanager
def _lent(folder: str, machine: Machine) -> Iterator[int]:
    """The files of a folder belong to the account for a while."""
    uid = account()
    chown = ("chown", "-R", "-h")
    own = f"{os.geteuid()}:{os.getegid()}"
    try:
        machine.run((*chown, f"{uid}:{_group(uid)}", machine.path(folder)))
        yield uid
    finally:
        machine.run((*chown, own, machine.path(folder)))


def _group(uid: int) -> int:
    return uid if os.geteuid() == 0 else os.getegid()


def _empty(folder: str, uid: int, machine: Machine) -> None:
    real = machine.path(folder)
    shutil.rmtree(real, ignore_errors=True)
    os.mkdir(real, 0o700)
    os.chown(real, uid, _group(uid))


def _copy(source: Path, target: Path) -> None:
    """Copy regular files that are named like wheels; the owner of ``source`` may play tricks."""
    for name in os.listdir(source):
        if not _WHEEL.fullmatch(name):
            continue
        handle = os.open(source / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as wheel, (target / name).open("wb") as copy:
            about = os.fstat(handle)
            if stat.S_ISREG(about.st_mode) and about.st_size <= _MOST:
                shutil.copyfileobj(wheel, copy, 1024 * 1024)
        (source / name).unlink()  # or the disk would have to hold them twice
