"""``python -m tests [PYTEST ARGUMENTS]``: the suite in as many processes as there are cores.

Each process is a containment of its own, so that two of them can run a practice internet at the
same time. Where none can be built, it says why; the tests that need one then say so themselves.
``-n0`` among the arguments keeps everything in one process.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from assistant.common.errors import AssistantError
from assistant.rehearsal.__main__ import RELEASES
from assistant.rehearsal.make_ready import LAB_MISSING, make_ready, say
from assistant.rehearsal.processes.contain import run_contained

WORKER = Path(__file__).with_name("worker")
MOST = 4
"""Processes at most: the longest test file decides when all is done."""


def main(argv: list[str]) -> int:
    """Prepare once, then run pytest; its exit code."""
    count = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2, MOST)
    pytest = [sys.executable, "-m", "pytest"]
    try:
        make_ready(RELEASES)
    except AssistantError as error:
        say(f"The practice internet cannot be built here: {error.message}")
        # The tests of the lab show this as their reason for being skipped.
        environment = {**os.environ, LAB_MISSING: str(error.message)}
        return subprocess.run(
            [*pytest, "-n", str(count), *argv], check=False, env=environment
        ).returncode
    if "-n0" in argv:
        return run_contained([*pytest, *argv])
    how = ["--dist", "load", "--tx", f"{count}*popen//python={shlex.quote(str(WORKER))}"]
    return subprocess.run([*pytest, *how, *argv], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
