"""What the Python environments on hosts are made of: exact wheels, by their hashes.

One lock an environment, in pip's own format: every package it needs at one version, with the
SHA-256 of the one wheel that each supported Python and processor takes. So the same bytes come to
every host, from whichever index, and a release of somebody else changes nothing before ``make
lock`` took it up and it was tested. The first line of a lock is the day it was renewed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
"""Of Ubuntu 22.04, Debian 12, Ubuntu 24.04 and Debian 13."""

MACHINES = ("x86_64", "aarch64")

_CERTBOT = "certbot==5.8.0"
_LEXICON = "3.25.2"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """``requirements`` are the programs it is for, pinned; ``pythons`` have wheels of them all."""

    name: str
    requirements: tuple[str, ...]
    pythons: tuple[str, ...] = PYTHONS


LEXICON_EXTRAS = ("gransy", "qcloud", "route53", "softlayer")
"""Providers for which dns-lexicon needs more than itself (its extras, 3.25)."""

LOCKS = {
    environment.name: environment
    for environment in (
        Environment(
            name="synapse",
            # The last two are for workers. They are small, and without them the day somebody
            # wants workers would be the day Synapse itself is installed anew.
            requirements=(
                "matrix-synapse==1.163.2",
                "psycopg2-binary==2.9.13",
                "hiredis==3.5.0",
                "txredisapi==1.4.12",
            ),
        ),
        Environment(name="certbot", requirements=(_CERTBOT, "certbot-dns-rfc2136==5.8.0")),
        Environment(
            name="certbot-multi",
            requirements=(_CERTBOT, "certbot-dns-multi==5.5.1"),
            # There is no wheel of certbot-dns-multi for an older one.
            pythons=PYTHONS[1:],
        ),
        Environment(name="lexicon", requirements=(f"dns-lexicon=={_LEXICON}",)),
        *(
            Environment(
                name=f"lexicon-{extra}", requirements=(f"dns-lexicon[{extra}]=={_LEXICON}",)
            )
            for extra in LEXICON_EXTRAS
        ),
    )
}
"""Every environment that a plan can ask for, by name."""


def lock_path(name: str) -> Traversable:
    """The file of a lock."""
    return files(__name__) / f"{name}.txt"


@cache
def lock(name: str) -> str:
    """The lines of a lock for pip, without its date, so that its digest is that of its wheels."""
    return _text(name).partition("\n")[2]


@cache
def renewed() -> date:
    """The day the oldest of the locks was renewed."""
    days = []
    for name in LOCKS:
        told = re.match(r"# Renewed on (\d{4}-\d\d-\d\d) ", _text(name))
        if told is None:
            raise ValueError(f"the lock {name} has no date")
        days.append(date.fromisoformat(told[1]))
    return min(days)


def _text(name: str) -> str:
    return lock_path(name).read_text("utf-8")
