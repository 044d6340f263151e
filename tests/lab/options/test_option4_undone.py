"""Option 4: everything can be taken back on all three servers."""

from __future__ import annotations

from tests.lab.conftest import Practice
from tests.lab.support.undone import assert_taken_back


def test_everything_can_be_taken_back(practice: Practice) -> None:
    assert_taken_back(practice, practice.standing(4, "wrapped"), wrapped=True)
