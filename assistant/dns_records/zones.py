"""The two ways to change records: a provider through dns-lexicon, a server by RFC 2136.

Blocking; used from a thread of :mod:`assistant.dns_records.publish`. Every failure is a
:class:`Failed` with a sentence of ours: what the libraries say may hold the token (in the address
of a request, say).
"""

from __future__ import annotations

from typing import Protocol

from assistant.plan.public_suffix import parent_of
from assistant.text import Message

TIMEOUT = 10.0
"""Seconds for one exchange with a name server."""


class Failed(Exception):  # noqa: N818 - an outcome, told as a sentence
    """Something could not be done; ``message`` is for people and holds no secret."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


class Zone(Protocol):
    """The records of one zone, by full names without a dot at the end."""

    def values(self, name: str, kind: str) -> tuple[str, ...]:
        """What there is of a kind under a name."""

    def create(self, name: str, kind: str, value: str) -> None:
        """Add one."""

    def delete(self, name: str, kind: str, value: str) -> None:
        """Take one away."""


class Zones(Protocol):
    """All zones that a login may change."""

    def of(self, name: str, *, hidden: bool, ttl: int) -> Zone:
        """The zone a name lies in. ``hidden``: the name must not be asked for in public."""


def owned_zone(name: str, *, hidden: bool) -> str:
    """The name to look for the zone by: without services, a hidden one never itself."""
    labels = name.split(".")
    while len(labels) > 2 and labels[0].startswith("_"):
        labels.pop(0)
    bare = ".".join(labels)
    return (parent_of(bare) or bare) if hidden else bare
