"""Where the program keeps things on a host."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from assistant.onhost.contract import HostError
from assistant.onhost.protocol import RUNTIME_DIR, STATE_DIR
from assistant.onhost.said import said

_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


def checked_run(run: object) -> str:
    """The id of a run when it is one; HostError otherwise (it becomes part of paths)."""
    if isinstance(run, str) and _RUN.match(run):
        return run
    raise HostError("validation", said("{run} is not the id of a run.", run=repr(run)))


@dataclass(frozen=True)
class Paths:
    """Places of the program's own. ``root`` is put before every path: empty on a real host."""

    root: str = ""

    def real(self, absolute: str) -> str:
        """The real path for an absolute path of the plan."""
        return self.root + absolute if self.root else absolute

    @property
    def state(self) -> str:
        """The folder for everything that outlives a run."""
        return self.real(STATE_DIR)

    @property
    def runs(self) -> str:
        """The folder with one folder per run."""
        return f"{self.state}/runs"

    @property
    def lock(self) -> str:
        """The lock file, held by the run under way."""
        return f"{self.state}/lock"

    @property
    def reserve(self) -> str:
        """A file given up when the disk is full."""
        return f"{self.state}/reserve"

    @property
    def runtime(self) -> str:
        """The folder for programs and requests of runs under way."""
        return self.real(RUNTIME_DIR)

    def run(self, run: str) -> str:
        """The folder of a run."""
        return f"{self.runs}/{run}"

    def journal(self, run: str) -> str:
        """The journal of a run."""
        return f"{self.runs}/{run}/journal"

    def number(self, run: str) -> int:
        """The place of a run in the order of runs (1, 2, …), whatever the clock said; or 0."""
        try:
            with open(f"{self.runs}/{run}/number", encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            return 0

    def known_runs(self) -> list[str]:
        """Ids of all runs, newest first."""
        try:
            names = [name for name in os.listdir(self.runs) if _RUN.match(name)]
        except FileNotFoundError:
            return []
        return sorted(names, key=lambda run: (self.number(run), run), reverse=True)
