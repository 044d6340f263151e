"""What the border does to packets: a list of filters, switched on by a scenario's data.

A filter looks at one packet and says what becomes of it: it passes, passes later, is dropped; and
packets of the filter's own may be sent besides (a forged answer, a reset). Filters are asked in
order; the first that drops ends it, delays add up. Standard library only: the border program
runs them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from assistant.rehearsal.network.packets import Segment, parse


class Packet:
    """One packet at the border, read only when a filter asks."""

    __slots__ = ("_segment", "data", "outbound")

    def __init__(self, data: bytes, outbound: bool) -> None:
        self.data = data
        self.outbound = outbound
        """Whether it goes from the inside to the outside."""
        self._segment: Segment | None = None

    @property
    def segment(self) -> Segment | None:
        """Its parts; None for what is no IP packet."""
        if self._segment is None:
            self._segment = parse(self.data)
        return self._segment


@dataclass(frozen=True, slots=True)
class Injection:
    """A raw IP packet of the filter's own; its destination decides where it goes."""

    data: bytes
    after: float = 0.0
    """Seconds from now; it waits for no other packet."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a packet."""

    drop: bool = False
    delay: float = 0.0
    """Seconds; packets of one direction keep their order whatever their delays."""
    inject: tuple[Injection, ...] = ()


PASS = Outcome()
DROP = Outcome(drop=True)


class Filter(Protocol):
    """One thing that is wrong with this internet."""

    def look(self, packet: Packet, now: float) -> Outcome:
        """What becomes of a packet; `now` is in seconds of a clock that never goes back."""
        ...


class Loss:
    """Loses each packet with the same probability, in both directions."""

    def __init__(self, percent: float, chance: Callable[[], float] = random.random) -> None:
        self._share = percent / 100
        self._chance = chance

    def look(self, packet: Packet, now: float) -> Outcome:
        """Drops it or not."""
        return DROP if self._chance() < self._share else PASS


class Delay:
    """Half the round trip in each direction, give or take half the jitter."""

    def __init__(
        self, rtt_ms: float, jitter_ms: float, chance: Callable[[], float] = random.random
    ) -> None:
        self._way = rtt_ms / 2000
        self._jitter = jitter_ms / 1000
        self._chance = chance
        self._same = Outcome(delay=self._way)

    def look(self, packet: Packet, now: float) -> Outcome:
        """Passes it later."""
        if not self._jitter:
            return self._same
        return Outcome(delay=max(0.0, self._way + (self._chance() - 0.5) * self._jitter))


KINDS: Mapping[str, Callable[..., Filter]] = {"loss": Loss, "delay": Delay}
"""What a description may name as its "kind"; its other fields are the filter's arguments."""


def build(descriptions: Sequence[Mapping[str, Any]]) -> list[Filter]:
    """The filters that a list of descriptions asks for, in its order.

    Raises KeyError for an unknown kind and TypeError for arguments that kind does not take.
    """
    filters = []
    for description in descriptions:
        arguments = {name: value for name, value in description.items() if name != "kind"}
        filters.append(KINDS[description["kind"]](**arguments))
    return filters
