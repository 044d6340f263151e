"""``python -m assistant.rehearsal exec -- COMMAND``: run a command inside the practice internet.

``make test`` uses it for pytest. Where the practice internet cannot be built, it says why and
runs the command as it is; the tests that need it then say so themselves.
"""

from __future__ import annotations

import os
import subprocess
import sys

from assistant.common.errors import AssistantError
from assistant.rehearsal.make_ready import LAB_MISSING, make_ready, say
from assistant.rehearsal.processes.contain import run_contained

RELEASES = ("trixie", "bookworm")


def main(argv: list[str]) -> int:
    """Returns the exit code of the command; 2 when there is none to run."""
    if argv[:2] != ["exec", "--"] or len(argv) < 3:
        say("usage: python -m assistant.rehearsal exec -- COMMAND [ARGUMENT …]")
        return 2
    command = argv[2:]
    try:
        make_ready(RELEASES)
    except AssistantError as error:
        say(f"The practice internet cannot be built here: {error.message}")
        # The tests of the lab show this as their reason for being skipped.
        environment = {**os.environ, LAB_MISSING: str(error.message)}
        return subprocess.run(command, env=environment, check=False).returncode
    return run_contained(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
