"""Running a command: no shell, a process group of its own, a deadline, its output as it comes."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from assistant.onhost.contract import Completed, HostError
from assistant.onhost.said import said
from assistant.onhost.system.output_causes import classify, meaning, tail_of

_KEEP = 4 * 2**20
"""Most characters of output kept in memory, the latest ones."""

_LINGER = 1.0
"""Seconds to wait for output after the command ended: a daemon it left may hold the pipe."""

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "SYSTEMD_PAGER": "",
    "SYSTEMD_COLORS": "0",
    # Otherwise Ubuntu's needrestart may restart the very unit that runs apt.
    "NEEDRESTART_SUSPEND": "1",
}


@dataclass(frozen=True)
class Identity:
    """The user a command runs as; None in a Call: the one who runs this program."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    name: str
    home: str


@dataclass(frozen=True)
class Call:
    """One command with everything that belongs to it."""

    argv: tuple[str, ...]
    stdin: str | None = None
    identity: Identity | None = None
    env: Mapping[str, str] | None = None
    timeout: float = 300


def shown(argv: Sequence[str]) -> str:
    """A command as an expert would type it, shortened."""
    text = shlex.join(argv)
    return text if len(text) <= 120 else text[:117] + "..."


def failure(argv: Sequence[str], done: Completed) -> HostError:
    """The HostError for a command that ended with another code than 0."""
    cause = classify(done.output)
    why = meaning(cause)
    values = {"command": shown(argv), "code": done.code}
    if why:
        text = said("`{command}` ended with code {code}: {why}.", why=why, **values)
    else:
        text = said("`{command}` ended with code {code}.", **values)
    return HostError(cause or "command", text, tail_of(done.output))


def execute(call: Call, on_output: Callable[[str], None] | None = None) -> Completed:
    """Run a command to its end. A program that is not there gives code 127.

    HostError ``timeout`` when it takes too long; the whole process group is then ended.
    ``on_output`` gets pieces of output that end in a newline (but for the last).
    """
    try:
        process = _start(call)
    except FileNotFoundError:
        return Completed(127, f"{call.argv[0]}: not found")
    except PermissionError as error:
        return Completed(126, f"{call.argv[0]}: {error.strerror}")
    pieces: list[str] = []
    reader = threading.Thread(target=_read, args=(process, pieces, on_output), daemon=True)
    reader.start()
    try:
        code = _wait(process, call.timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        reader.join(_LINGER)
        text = said(
            "`{command}` did not finish within {seconds} seconds.",
            command=shown(call.argv),
            seconds=f"{call.timeout:.0f}",
        )
        raise HostError("timeout", text, tail_of("".join(pieces))) from None
    except BaseException:
        _end(process)
        raise
    reader.join(_LINGER)
    return Completed(code, "".join(pieces))


def _wait(process: subprocess.Popen[bytes], timeout: float) -> int:
    """As ``Popen.wait``, which on Python before 3.15 polls with sleeps of up to 50 ms."""
    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        return process.wait(timeout=timeout)
    try:
        ready, _, _ = select.select([handle], [], [], timeout)
    finally:
        os.close(handle)
    if not ready:
        raise subprocess.TimeoutExpired(process.args, timeout)
    return process.wait()


def _start(call: Call) -> subprocess.Popen[bytes]:
    env = dict(ENVIRONMENT, HOME="/root", USER="root", LOGNAME="root")
    who = call.identity
    if who is not None:
        env.update(HOME=who.home, USER=who.name, LOGNAME=who.name)
    env.update(call.env or {})
    source = subprocess.DEVNULL
    if call.stdin is not None:
        # A file in memory: no pipe that could block, nothing on the disk.
        source = os.memfd_create("stdin")
        os.write(source, call.stdin.encode("utf-8", "surrogateescape"))
        os.lseek(source, 0, os.SEEK_SET)
    try:
        return subprocess.Popen(
            list(call.argv),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            cwd="/",
            start_new_session=True,
            user=who.uid if who else None,
            group=who.gid if who else None,
            extra_groups=list(who.groups) if who else None,
            umask=0o022,
        )
    finally:
        if source >= 0:
            os.close(source)


def _read(
    process: subprocess.Popen[bytes], pieces: list[str], on_output: Callable[[str], None] | None
) -> None:
    pipe = process.stdout
    if pipe is None:
        return
    rest = b""
    size = 0
    with contextlib.suppress(OSError, ValueError):
        while chunk := os.read(pipe.fileno(), 65536):
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            if newline or len(rest) > 65536:
                if not newline:
                    whole, rest = rest, b""
                text = (whole + newline).decode("utf-8", "replace")
                pieces.append(text)
                size += len(text)
                while size > _KEEP and len(pieces) > 1:
                    size -= len(pieces.pop(0))
                if on_output is not None:
                    on_output(text)
    if rest:
        text = rest.decode("utf-8", "replace")
        pieces.append(text)
        if on_output is not None:
            on_output(text)
    pipe.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            time.sleep(0.05)
        else:
            continue
        break
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
