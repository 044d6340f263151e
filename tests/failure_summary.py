"""What failed is told at once and in the last lines of a run.

pytest tells it in between: not before everything else ran, and not at all when it breaks down
itself; and the end of a log is what people are shown.
"""

from __future__ import annotations

import pytest

WIDTH = 160


class Ending:
    """Tells what failed, in the process that hands the tests out."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.failed:
            return
        self._failed.append(f"{report.nodeid} ({report.when}): {_cause(report)}")
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None:
            terminal.ensure_newline()
            terminal.write_line(f"{self._failed[-1]}\n{report.longreprtext}")

    def pytest_internalerror(self, excrepr: object) -> None:
        lines = [line for line in str(excrepr).splitlines() if line.strip()]
        self._failed.append(f"pytest itself: {' / '.join(lines[-3:])}")

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        for line in self._failed:
            print(f"FAILED {line}"[:WIDTH])


def _cause(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    message = crash.message if crash else report.longreprtext.strip().rpartition("\n")[2]
    return str(message).partition("\n")[0]
