"""Before the lab: make this machine ready, while it still has its network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import product

from assistant.plan.compile import RECIPES
from assistant.rehearsal.build.prepare import Prepared, prepare
from assistant.rehearsal.build.requirements import install_requirements, missing_requirements
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.practice_setup import packages_and_locks

LAB_MISSING = "MATRIX_ASSISTANT_LAB_MISSING"
"""Environment variable that carries the reason why the lab cannot run here."""


def say(line: str) -> None:
    """A line for people, on standard error."""
    print(line, file=sys.stderr, flush=True)


def make_ready(releases: Sequence[str]) -> Prepared:
    """Install what is missing (saying so), fill the caches; :class:`RehearsalError` if it cannot.

    They hold what every option needs: the next rehearsal is then of another option without any
    download. With warm caches this needs no network and takes well under a second.
    """
    if missing_requirements():
        install_requirements(say)
    still = missing_requirements()
    if still:
        raise RehearsalError(" ".join(requirement.sentence for requirement in still))
    debs: set[str] = set()
    locks: set[str] = set()
    for option, release in product(RECIPES, releases):
        some_debs, some_locks = packages_and_locks(option, release)
        debs.update(some_debs)
        locks.update(some_locks)
    return prepare(releases, sorted(debs), sorted(locks), say)
