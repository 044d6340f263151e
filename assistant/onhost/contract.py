"""What the engine asks of a kind of resource, and what it gives it.

Each kind has one handler: it looks (never writes), changes, and takes its change back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from assistant.onhost.resources import Resource
from assistant.onhost.said import Said

R = TypeVar("R", bound=Resource, contravariant=True)
T = TypeVar("T")


class HostError(Exception):
    """Something on the host stops a resource.

    ``cause`` is one of :data:`assistant.onhost.protocol.FAIL_CAUSES`; ``text`` one sentence
    that says what and where; ``tail`` the last lines of the output, for an expert.
    """

    def __init__(self, cause: str, text: Said, tail: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.cause = cause
        self.text = text
        self.tail = tuple(tail)


NOTHING = Said()


@dataclass(frozen=True)
class Found:
    """What an inspection concluded. ``action`` is one of protocol.ACTIONS."""

    action: str
    summary: Said = NOTHING
    diff: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """What an apply did: a short summary, and enough to undo it (JSON values only).

    ``receipt`` is written before the change where a crash between the two would lose it, through
    ``Machine.receipt``; what is returned here completes it (its keys are added). None adds nothing:
    without any receipt there is nothing to undo.
    """

    summary: Said = NOTHING
    receipt: Mapping[str, Any] | None = None


class Kept(Said):
    """A summary of ``undo`` that says: left as it is, and why (edited by hand, holds data)."""

    def __new__(cls, text: Said) -> Kept:
        """The same sentence."""
        kept = super().__new__(cls, text)
        kept.template, kept.values = text.template, text.values
        return kept


@dataclass(frozen=True)
class Completed:
    """A command that has ended: exit code and combined output, as text."""

    code: int
    output: str


class Machine(Protocol):
    """The host as handlers see it: the only way they touch it, so that tests can stand in."""

    secrets: Mapping[str, str]

    def cached(self, key: str, make: Callable[[], T]) -> T:
        """The value of ``make()``, made once while nothing changes (one query for all resources).

        Forgotten after each change; a handler that reads its own change back asks afresh.
        """

    def planned(self, kind: str) -> Sequence[Resource]:
        """All resources of a kind in this host's plan, so that one query can serve them all."""

    def path(self, absolute: str) -> str:
        """The real path for an absolute path of the plan (tests put a root folder before it)."""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        user: str = "",
        env: Mapping[str, str] | None = None,
        timeout: float = 300,
        check: bool = True,
        stream: bool = False,
    ) -> Completed:
        """Run a command without a shell, locale C.UTF-8, in its own process group.

        ``user`` is a name, or a number that no account has. ``stream`` sends its output lines to
        the journal as they come. With ``check`` a non-zero code raises :class:`HostError` with a
        cause classified from the output (disk full, apt lock, read-only file system, …) and the
        last lines.
        """

    def write(
        self,
        path: str,
        data: bytes,
        *,
        owner: str = "root",
        group: str = "root",
        mode: str = "0644",
    ) -> None:
        """Replace a file whole: temporary file, owner, mode, fsync, rename, fsync of the folder."""

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON value in the host's state across runs (durable before it returns)."""

    def recall(self, key: str) -> Any:
        """The value kept under a key, or None."""

    def receipt(self, value: Mapping[str, Any]) -> None:
        """Record, durably and before the change, what undo will need for the current resource.

        A resource has one receipt a run: the keys of later calls are added to those before.
        """

    def keep_blob(self, data: bytes) -> str:
        """Keep bytes for a receipt (0600, in the run's folder); returns the name to get it by."""

    def blob(self, name: str) -> bytes:
        """Bytes kept by :meth:`keep_blob` in any run."""

    def desired_digest(self, ids: Sequence[str]) -> str:
        """Digest of the desired state of other resources of the plan (for ``after`` fields)."""

    def confirm(self, seconds: int) -> bool:
        """Ask for a second session; True when it confirmed within the time."""

    def say(self, text: Said) -> None:
        """Add a line of output to the journal for the current resource."""


class Handler(Protocol, Generic[R]):
    """One kind of resource."""

    def inspect(self, resource: R, machine: Machine) -> Found:
        """Compare desired with found. Reads only."""

    def apply(self, resource: R, found: Found, machine: Machine) -> Done:
        """Make it so. Safe to be cut at any point and done again."""

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Take back what the receipt tells; returns a short summary, :class:`Kept` if left.

        The receipt may be of a change that was cut off, or already taken back.
        """
