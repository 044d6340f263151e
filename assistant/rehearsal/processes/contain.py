"""Running a program sealed off from the machine: own processes, mounts and network.

The program's own network is the operator's, "this computer" of the person who practises. Nothing in
it has a route to anything real. When the outer process ends, in whatever way, everything inside
ends with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from types import FrameType

from assistant.rehearsal.addresses import RESOLVER
from assistant.rehearsal.cache import cache_root
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.processes import leftovers

LAB_VARIABLE = "MATRIX_ASSISTANT_LAB"
"""Set to 1 inside the containment."""
FOLDER_VARIABLE = "MATRIX_ASSISTANT_LAB_DIR"
"""Inside: the run's work folder, removed when the run ends."""
TRUST_FILE = "trust.pem"
SYSTEM_TRUST = Path("/etc/ssl/certs/ca-certificates.crt")
GRACE = 10.0
"""Seconds the program has to clean up after a polite signal."""

START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from assistant.rehearsal.processes.first_process import main; sys.exit(main(sys.argv[2:]))"
)


LET_IN = (
    "PATH", "HOME", "USER", "LOGNAME", "TERM", "COLORTERM", "COLUMNS", "LINES", "LANG", "LANGUAGE",
    "LC_*", "TZ", "TMPDIR", "NO_COLOR", "FORCE_COLOR", "VIRTUAL_ENV", "CI", "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "TEXTUAL*", "PYTEST*", "COVERAGE*",
    "MATRIX_ASSISTANT_*",
)  # fmt: skip
"""Variables of the person's environment that the inside gets: no agent, no token, no proxy."""


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that the inside may know."""
    return {
        name: value
        for name, value in environment.items()
        if any(fnmatchcase(name, pattern) for pattern in LET_IN)
    }


def is_contained() -> bool:
    """Whether this program runs inside the containment."""
    return os.environ.get(LAB_VARIABLE) == "1"


def work_folder() -> Path:
    """Inside: the folder of this run. Raises RehearsalError outside."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not is_contained() or not folder:
        raise RehearsalError("The practice internet only runs inside its containment.")
    return Path(folder)


def run_contained(argv: Sequence[str], env: Mapping[str, str] | None = None) -> int:
    """Run `argv` inside the containment and return its exit code (128 + number for a signal).

    Standard input and output are the program's own; `env` is added to what of this environment is
    let in (:func:`passed_on`). SIGINT, SIGTERM and SIGHUP are passed on; after GRACE seconds the
    inside is killed. Needs root.
    """
    runs = cache_root() / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    run = leftovers.run_name(os.getpid())
    workdir = runs / run
    with leftovers.alone(runs):
        leftovers.sweep(runs)
        _fill(workdir)
        alive = leftovers.hold(runs, run)
    inside = {
        **passed_on(os.environ),
        **(env or {}),
        LAB_VARIABLE: "1",
        FOLDER_VARIABLE: str(workdir),
        "SSL_CERT_FILE": str(workdir / TRUST_FILE),
        "REQUESTS_CA_BUNDLE": str(workdir / TRUST_FILE),
    }
    read, write = os.pipe()
    command = [
        "unshare",
        *("--pid", "--fork", "--kill-child", "--mount", "--net", "--mount-proc"),
        *("--propagation", "private"),
        *(sys.executable, "-I", "-c", START, str(Path(__file__).parents[3])),
        *(str(read), str(workdir), *argv),
    ]
    try:
        with subprocess.Popen(command, env=inside, pass_fds=(read,)) as process:
            os.close(read)
            (workdir / "pid").write_text(str(_first_process(process.pid)))
            code = _attend(process, write)
    finally:
        with suppress(OSError):
            os.close(write)
        leftovers.remove_run(runs, run)
        os.close(alive)
    return code


def _fill(workdir: Path) -> None:
    # A second run of the same process finds the folder gone: each run removes its own.
    workdir.mkdir(mode=0o700)
    (workdir / "resolv.conf").write_text(f"nameserver {RESOLVER.ipv4}\n")
    (workdir / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    trust = SYSTEM_TRUST.read_bytes() if SYSTEM_TRUST.exists() else b""
    (workdir / TRUST_FILE).write_bytes(trust)


def _attend(process: subprocess.Popen[bytes], write: int) -> int:
    """Wait for the inside to end, passing signals on."""
    deadline: float | None = None

    def pass_on(number: int, _: FrameType | None) -> None:
        nonlocal deadline
        deadline = deadline or time.monotonic() + GRACE
        if number == signal.SIGINT and _in_foreground():
            return  # The terminal sent it to the inside as well.
        with suppress(OSError):
            os.write(write, bytes([number]))

    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {}
    with suppress(ValueError):  # Not the main thread: then signals are somebody else's.
        for number in handled:
            previous[number] = signal.signal(number, pass_on)
    try:
        while True:
            try:
                code = process.wait(timeout=0.5)
                return 128 - code if code < 0 else code
            except subprocess.TimeoutExpired:
                if deadline is not None and time.monotonic() > deadline:
                    # unshare ignores TERM while it waits; its death kills the inside.
                    process.kill()
    except BaseException:
        process.kill()
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _first_process(unshare: int) -> int:
    """The process id, as seen out here, of the first process inside (0 when it died at once)."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text(errors="replace").rpartition(")")[2].split()
                if int(fields[1]) == unshare:
                    return int(stat.parent.name)
        time.sleep(0.01)
    return 0
