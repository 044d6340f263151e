"""How the suite is spread over processes: one drives the practice internet, others do the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

_LAB = Path(__file__).parent / "lab"


@pytest.hookimpl(tryfirst=True)  # before the processes are told what there is
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _LAB in item.path.parents:
            item.add_marker(pytest.mark.lab)
        # There is one network and one set of booted hosts: their tests share a process, in order.
        if item.get_closest_marker("lab") is not None:
            item.add_marker(pytest.mark.xdist_group("lab"))
