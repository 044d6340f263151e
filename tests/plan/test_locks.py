"""The locks of the hosts' Python environments."""

from __future__ import annotations

import re
from datetime import date

import pytest

from assistant.onhost.resources import Virtualenv
from assistant.plan.locks import LOCKS, lock, lock_path, renewed


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_every_requirement_and_no_address(name: str) -> None:
    text = lock(name)
    resource = Virtualenv(path="/a", requirements=LOCKS[name].requirements, lock=text)
    pins = set(re.findall(r"(?m)^(\S+==\S+)", text))
    assert {re.sub(r"\[.*\]", "", one) for one in resource.requirements} <= pins
    assert "://" not in lock_path(name).read_text("utf-8")


def test_the_date_is_no_part_of_what_is_installed() -> None:
    assert not lock("synapse").startswith("#")
    assert date(2026, 11, 1) < renewed()


def test_wheels_for_every_python_and_processor() -> None:
    # psycopg2-binary has one wheel for each Python (3.10 to 3.13) and processor (two).
    (entry,) = re.findall(r"psycopg2-binary==\S+ \\\n((?:    --hash\S+.*\n)+)", lock("synapse"))
    assert entry.count("--hash=") == 8
