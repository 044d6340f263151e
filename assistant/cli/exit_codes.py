"""Exit codes of the command line; documented in docs/cli.md."""

from __future__ import annotations

from enum import IntEnum

from assistant.common.errors import AssistantError


class Exit(IntEnum):
    """What the exit code tells a script."""

    OK = 0
    NOT_OK = 1
    """It was done, and the outcome is not good: findings failed, a message did not arrive."""
    USAGE = 2
    """The command line or an input file is wrong; nothing was done."""
    CONNECTION = 3
    """A server could not be reached, trusted or logged in to."""
    HOST = 4
    """Something on a server stopped the work (disk full, a package, a service)."""
    DECISION = 5
    """A decision is needed first: a conflict, a finding that stands in the way, a busy host."""
    LOCAL = 6
    """This computer stopped the work: the saved setup is locked or damaged, the disk is full."""
    INTERNAL = 70
    """A defect of the program; a report was written."""
    INTERRUPTED = 130
    """Ctrl-C. A run on a server goes on there."""


_BY_CAUSE = {
    "conflict": Exit.DECISION,
    "busy": Exit.DECISION,
    "findings": Exit.DECISION,
    "acknowledgement": Exit.DECISION,
}


def exit_for(error: AssistantError) -> Exit:
    """The exit code for an error meant for people."""
    from assistant.common.errors import InputError, StoreError

    if error.cause in _BY_CAUSE:
        return _BY_CAUSE[error.cause]
    if isinstance(error, InputError):
        return Exit.USAGE
    if isinstance(error, StoreError):
        return Exit.LOCAL
    from assistant.remote import HostFailure, RemoteError

    if isinstance(error, HostFailure):
        return Exit.HOST
    if isinstance(error, RemoteError) or error.cause.startswith("host-key"):
        return Exit.CONNECTION
    if error.cause in ("rehearsal", "requirements"):
        return Exit.LOCAL
    return Exit.USAGE
