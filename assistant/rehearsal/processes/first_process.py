"""The first process inside the containment: furnishes it, starts the program, buries the dead.

It is process 1 of its own process namespace, so when it ends, everything in there ends. It reads
signals to pass on from a pipe; the end of that pipe means that the outer process is gone, however
that happened. Standard library only, so that it starts fast.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from assistant.rehearsal.processes import leftovers

RUN = Path("/run")


def main(arguments: Sequence[str]) -> int:
    """`arguments`: number of the pipe, the run's work folder, then the program and its own."""
    control, workdir, argv = int(arguments[0]), Path(arguments[1]), list(arguments[2:])
    _furnish(workdir)
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # The terminal's Ctrl-C reaches the program by itself; this process must only outlive it.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: None)
    os.set_inheritable(control, False)
    os.set_blocking(control, False)
    program = subprocess.Popen(argv, restore_signals=True)
    code = _watch(program, control, wake_read)
    _end(workdir)
    return code


def _watch(program: subprocess.Popen[bytes], control: int, wake: int) -> int:
    """Wait for the program (or the outer process) to end; returns an exit code."""
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    selector.register(wake, selectors.EVENT_READ)
    while True:
        code = _reap(program.pid)
        if code is not None:
            return code
        for key, _ in selector.select():
            try:
                data = os.read(key.fd, 64)
            except BlockingIOError:
                continue
            if key.fd == control:
                if not data:
                    return 128 + signal.SIGKILL
                for number in data:
                    with suppress(ProcessLookupError):
                        os.kill(program.pid, number)


def _reap(program: int) -> int | None:
    """Bury every dead child; the exit code when the program is among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == program:
            code = os.waitstatus_to_exitcode(status)
            code = 128 - code if code < 0 else code


def _furnish(workdir: Path) -> None:
    # A /run of its own: no socket of the machine's services is in reach, and the namespaces and
    # locks made in it vanish with it.
    resolv = Path(os.path.realpath("/etc/resolv.conf"))
    _call("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(RUN))
    for folder in ("netns", "lock", "systemd/nspawn"):
        (RUN / folder).mkdir(parents=True, exist_ok=True)
    for target, source in ((resolv, "resolv.conf"), (Path("/etc/hosts"), "hosts")):
        if target.is_relative_to(RUN):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        _call("mount", "--bind", str(workdir / source), str(target))
    _call("ip", "link", "set", "lo", "up")
    if subprocess.run(
        ["stat", "-f", "-c", "%T", str(workdir)], capture_output=True, check=False
    ).stdout.startswith(b"overlay"):
        # An overlay's upper layer cannot lie on an overlay (a machine that is a container).
        (workdir / "labs").mkdir()
        _call("mount", "-t", "tmpfs", "tmpfs", str(workdir / "labs"))


def _end(workdir: Path) -> None:
    """Kill everything else in here, so that the groups are free and the folder can be removed."""
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    # Mounts inside the folder go first: removing files through them would reach other folders.
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        point = line.split()[4]
        if point.startswith(f"{workdir}/"):
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
    leftovers.remove_run(workdir.parent, workdir.name)


def _call(*argv: str) -> None:
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
