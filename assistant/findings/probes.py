"""What is asked of a place to measure from, and what it tells."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from assistant.common.errors import AssistantError
from assistant.findings.model import Measurement


class VantageError(AssistantError):
    """A vantage could not measure; ``cause`` is ``vantage-lost`` or what the host named."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One exchange to try. ``fields`` are those of its kind (see assistant.onhost.probes.batch*).

    ``timeout`` (seconds) counts for each of ``repeat`` attempts, with ``pause`` seconds between
    them and ``delay`` seconds before the first. ``control_of`` names the probe this one is the
    control for: the same path at the same time, without what is under suspicion. ``lane``,
    ``until_ok``, ``gate`` and ``after_failure`` (ids) order probes on one path
    (assistant.onhost.probes.batch).
    """

    id: str
    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 5.0
    repeat: int = 1
    pause: float = 0.0
    delay: float = 0.0
    control_of: str = ""
    lane: str = ""
    until_ok: bool = False
    gate: bool = False
    after_failure: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As sent to the program that measures."""
        return {
            **self.fields,
            "id": self.id,
            "kind": self.kind,
            "timeout": self.timeout,
            "repeat": self.repeat,
            "pause": self.pause,
            "delay": self.delay,
            "lane": self.lane,
            "until_ok": self.until_ok,
            "gate": self.gate,
            "after_failure": list(self.after_failure),
        }

    @property
    def longest(self) -> float:
        """Seconds it can take at most."""
        return self.delay + self.repeat * self.timeout + (self.repeat - 1) * self.pause


def longest(probes: Iterable[Probe]) -> float:
    """Seconds a batch can take at most: its longest probe or lane."""
    lanes: dict[str, float] = {}
    for number, probe in enumerate(probes):
        lane = probe.lane or f"\0{number}"
        lanes[lane] = lanes.get(lane, 0.0) + probe.longest
    return max(lanes.values(), default=0.0)


@dataclass(frozen=True)
class Told:
    """What a host told about itself, and when it was asked and had answered (this clock)."""

    facts: Mapping[str, Any]
    asked: float
    answered: float


@dataclass(frozen=True)
class Visitor:
    """Somebody who came to a listener: ``answered``, or ``half-open`` (our answer got lost)."""

    port: int
    address: str
    state: str


@dataclass
class Listening:
    """A set of temporary listeners while they are open: fills as events come."""

    wanted: tuple[int, ...]
    open: tuple[int, ...] = ()
    failed: Mapping[int, Measurement] = field(default_factory=dict)
    visitors: tuple[Visitor, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether every port either listens or could not."""
        return set(self.wanted) <= {*self.open, *self.failed}


class Vantage(Protocol):
    """A place to measure from. ``host`` is the name of a host, empty for this computer."""

    @property
    def name(self) -> str:
        """What findings call it."""

    @property
    def host(self) -> str:
        """The host's name in the Setup, empty for this computer."""

    async def measure(self, probes: Sequence[Probe], deadline: float) -> tuple[Measurement, ...]:
        """Run a batch side by side within ``deadline`` seconds; :class:`AssistantError`."""

    async def facts(self) -> Told | None:
        """What the host tells about itself; None for this computer."""

    def listen(
        self, ports: Sequence[int], nonce: str, seconds: float, expect: int = 0
    ) -> AbstractAsyncContextManager[Listening]:
        """Hold temporary listeners open; entered once each port listens or has failed to.

        They answer every visitor with the line ``nonce ADDRESS``, where ADDRESS is the visitor's
        as seen there, and end after ``seconds``, or when each
        has answered ``expect`` visitors, or when the block ends.
        """


class HostSession(Protocol):
    """What a vantage needs of a session to a host (see assistant.remote.Session)."""

    def program(
        self, request: Mapping[str, Any], *, idle: float = 120
    ) -> AsyncIterator[dict[str, Any]]:
        """Run the program on the host; its events in order."""

    async def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run the program on the host; its result."""
