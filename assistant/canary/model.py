"""The values of the canary: what is asked for, what happens, what came out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from assistant.common.frozen import Frozen
from assistant.findings.model import THIS_COMPUTER
from assistant.text import Message

Step = Literal["clean", "create", "login", "room", "keys", "message", "proof", "remove"]
"""The steps of a run, in their order."""


class Side(Frozen):
    """One end of the conversation: a homeserver, where it is reached, and from where.

    ``base_url`` is the homeserver URL as people give it to their client. ``address`` is the IP
    address its name stands for on the people's devices; empty: what the resolver says.
    """

    server_name: str
    base_url: Annotated[str, Field(pattern=r"^https?://[!-~]+$")]
    vantage: str = THIS_COMPUTER
    address: str = ""


class CanaryRequest(Frozen):
    """What to try: the first side is user A's, the last one user B's.

    ``messages`` is the number in each direction, ``timeout`` the seconds one message (or one
    other step) may take.
    """

    sides: Annotated[tuple[Side, ...], Field(min_length=1)]
    messages: Annotated[int, Field(ge=1, le=1000)] = 5
    timeout: Annotated[float, Field(gt=0, le=600)] = 30.0


@dataclass(frozen=True)
class Account:
    """A temporary user. The secrets are in no representation."""

    user_id: str
    password: str = field(repr=False)
    access_token: str = field(default="", repr=False)
    device_id: str = ""


@dataclass(frozen=True)
class Stored:
    """What a database holds. ``events`` by id; one that is missing may be absent or empty.

    ``found`` says for each text that was searched for how many stored events hold it in the clear.
    """

    events: Mapping[str, Mapping[str, Any]]
    found: Mapping[str, int]


class Accounts(Protocol):
    """The temporary users of one homeserver, and a look into its database.

    Every method may raise; an exception with a ``message`` is shown with that message.
    """

    async def create(self, localparts: Sequence[str]) -> tuple[Account, ...]:
        """Make users, in this order."""
        ...

    async def remove_temporary(self) -> Sequence[str]:
        """Deactivate and erase every temporary user; returns those that are still left."""
        ...

    async def stored(
        self, room_id: str, event_ids: Sequence[str], needles: Sequence[str]
    ) -> Stored:
        """What the server's database holds of events of a room, and of texts anywhere."""
        ...


class CanaryEvent(Frozen):
    """Something that happened, as it happens. ``ms`` is the time a delivered message took.

    ``sender`` is ``A`` or ``B`` where the event is about a message, else empty.
    """

    step: Step
    message: Message
    ok: bool = True
    sender: str = ""
    ms: float | None = None


class Line(Frozen):
    """One message of the transcript; ``ms`` is None when it was not delivered."""

    sender: Literal["A", "B"]
    text: str
    ms: float | None = None


class Direction(Frozen):
    """The figures of one direction. ``ms`` are the times of the delivered messages, in order."""

    sender: Literal["A", "B"]
    sender_server: str
    receiver_server: str
    sent: int = 0
    ms: tuple[float, ...] = ()

    @property
    def delivered(self) -> int:
        """How many messages the other side decrypted."""
        return len(self.ms)

    @property
    def p50_ms(self) -> float | None:
        """Half of the delivered messages took at most this long, in milliseconds."""
        return percentile(self.ms, 50)

    @property
    def p95_ms(self) -> float | None:
        """Of the delivered messages, 95 % took at most this long, in milliseconds."""
        return percentile(self.ms, 95)


class CanaryResult(Frozen):
    """What came out. ``encrypted_on_server`` and ``removed`` are True only when proven.

    ``cause`` is a stable identifier of the first thing that failed (``""``: nothing), ``failure``
    the same for people. ``seconds`` is the time of the whole run.
    """

    directions: tuple[Direction, ...] = ()
    encrypted_on_server: bool = False
    removed: bool = False
    cause: str = ""
    failure: Message | None = None
    transcript: tuple[Line, ...] = ()
    seconds: float = 0.0

    @property
    def sent(self) -> int:
        """Messages sent, both directions together."""
        return sum(direction.sent for direction in self.directions)

    @property
    def delivered(self) -> int:
        """Messages the other side decrypted, both directions together."""
        return sum(direction.delivered for direction in self.directions)

    @property
    def p50_ms(self) -> float | None:
        """Half of all delivered messages took at most this long; None when there are none."""
        return percentile([ms for d in self.directions for ms in d.ms], 50)

    @property
    def p95_ms(self) -> float | None:
        """Of all delivered messages, 95 % took at most this long; None when there are none."""
        return percentile([ms for d in self.directions for ms in d.ms], 95)

    @property
    def ok(self) -> bool:
        """Whether everything was proven, and nothing is left behind."""
        return (
            self.cause == ""
            and self.sent > 0
            and self.delivered == self.sent
            and self.encrypted_on_server
            and self.removed
        )

    def to_json(self, words: Callable[[Message], str] = str) -> dict[str, Any]:
        """The figures as a JSON object; times in milliseconds, but for ``seconds``."""
        return {
            "ok": self.ok,
            "sent": self.sent,
            "delivered": self.delivered,
            "encrypted_on_server": self.encrypted_on_server,
            "p50_ms": self.p50_ms,
            "p95_ms": self.p95_ms,
            "removed": self.removed,
            "seconds": self.seconds,
            "cause": self.cause,
            "failure": words(self.failure) if self.failure else "",
            "directions": [
                {
                    "from": direction.sender_server,
                    "to": direction.receiver_server,
                    "sent": direction.sent,
                    "delivered": direction.delivered,
                    "p50_ms": direction.p50_ms,
                    "p95_ms": direction.p95_ms,
                    "encrypted_on_server": self.encrypted_on_server,
                }
                for direction in self.directions
            ],
        }


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile: a value that was measured, never one between two.

    With the few messages of a run interpolation would make the worst one look better than it was.
    ``percent`` is above 0 and at most 100. None when there are no values.
    """
    if not values:
        return None
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]
