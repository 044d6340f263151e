"""How the suite is spread over processes: one drives the practice internet, others do the rest."""

from __future__ import annotations

import gc
from collections.abc import Generator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.failure_summary import Ending
from tests.slowest import Slowest

_ROOT = Path(__file__).parents[1]
_LAB = _ROOT / "tests" / "lab"

_FIRST = _LAB / "options"
"""What one process runs while another runs all other tests of the lab; about as long."""


@lru_cache
def _of_lab(file: str) -> bool:
    path = _ROOT / file
    return _LAB in path.parents or "pytest.mark.lab" in path.read_text("utf-8")


class Spread(LoadScopeScheduling):
    """Tests that share booted hosts share a process, in order; all others go where there is room.

    (xdist's own groups need an attribute that tests no longer have in pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if not _of_lab(file):
            return nodeid
        return "first lab" if _FIRST in (_ROOT / file).parents else "second lab"


# How quick examples are made says how busy this computer is, with two labs beside them.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Ending(config))
        config.pluginmanager.register(Slowest())


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Spread:
    return Spread(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _LAB in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    # Python 3.11 cannot parse one source while garbage makes it parse another (its issue 106905),
    # and that would end the whole run in the midst of telling a failure.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
