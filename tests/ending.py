"""The last lines of a run: what failed, a line each.

pytest leaves its own summary out when it breaks down itself, and the end of a log is what people
are shown.
"""

from __future__ import annotations

import pytest

WIDTH = 160


class Ending:
    """Collects what failed, in the process that hands the tests out."""

    def __init__(self) -> None:
        self._failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.append(f"{report.nodeid} ({report.when}): {_cause(report)}")

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
