"""Where the time of a run goes: the slowest tests and the time of each file, told and kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

KEPT = Path(__file__).parents[1] / "build" / "test-times.txt"
"""Where the table of the last run is; git ignores it."""

COUNT = 30


class Slowest:
    """Adds up what tests take, in the process that hands the tests out."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if len(self._seconds) < 2:
            return
        lines = table(self._seconds)
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_text("\n".join(lines) + "\n", "utf-8")
        terminalreporter.section(f"the slowest tests; also in build/{KEPT.name}, with every file")
        for line in lines[1 : COUNT + 1]:
            if not line:
                break
            terminalreporter.write_line(line)


def table(seconds: Mapping[str, float]) -> list[str]:
    """The slowest tests, then folders and files, by the seconds that their tests took.

    What a fixture takes counts for the test that asked for it first.
    """
    files: dict[str, float] = defaultdict(float)
    folders: dict[str, float] = defaultdict(float)
    for test, taken in seconds.items():
        file = test.partition("::")[0]
        files[file] += taken
        folders[file.rpartition("/")[0]] += taken
    slowest = _ordered(seconds)[:COUNT]
    return [
        *("Slowest tests, in seconds", *slowest, ""),
        *("Folders", *_ordered(folders), ""),
        *("Files", *_ordered(files)),
    ]


def _ordered(seconds: Mapping[str, float]) -> list[str]:
    longest_first = sorted(seconds.items(), key=lambda item: -item[1])
    return [f"{taken:8.1f}  {name}" for name, taken in longest_first]
