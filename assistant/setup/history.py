"""What was done to a Setup, as its history tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from assistant.setup.model import HistoryEntry, Setup

if TYPE_CHECKING:
    from assistant.setup.model import Setup
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.setup.model import Setup
from assistant.setup.model import Setup


def was_applied(setup: Setup) -> bool:
    """Whether on every host the newest apply or undo in the history is a successful apply.

    So a setup that got another host counts as not applied yet; hosts it had before do not count.
    """
    newest: dict[str, bool] = {}
    for entry in setup.history:
        if entry.what in ("applied", "undone"):
            good = entry.what == "applied" and entry.ok
            for name in [entry.host] if entry.host else [host.name for host in setup.hosts]:
                newest[name] = good
    return all(newest.get(host.name, False) for host in setup.hosts)


def with_history(setup: Setup, entry: HistoryEntry) -> Setup:
    """The Setup with one more line of history (the last 200 are kept)."""
    return setup.model_copy(update={"history": (*setup.history, entry)[-200:]})


def host_applied(setup: Setup, host: str) -> bool:
    """Whether the newest apply or undo on a host, as far as the history goes, is an apply."""
    for entry in reversed(setup.history):
        if entry.what in ("applied", "undone") and entry.host in (host, ""):
            return entry.what == "applied"
    return False


Standing = Literal["new", "done", "failed", "undone"]


def standing(setup: Setup) -> Standing:
    """What the history says of the latest apply or undo: all hosts well, or how one was not.

    Hosts that were taken out of the setup since do not count.
    """
    present = {"", *(host.name for host in setup.hosts)}
    newest: dict[str, tuple[str, bool]] = {}
    for entry in setup.history:
        if entry.what in ("applied", "undone") and entry.host in present:
            newest[entry.host] = (entry.what, entry.ok)
    if not newest:
        return "new"
    if any(what == "applied" and not ok for what, ok in newest.values()):
        return "failed"
    if any(what == "undone" for what, _ in newest.values()):
        return "undone"
    return "done"


def ever_applied(setup: Setup) -> bool:
    """Whether anything was ever applied, successfully or not."""
    return any(entry.what == "applied" for entry in setup.history)


def anything_applied(setup: Setup) -> bool:
    """Whether there is something to take back, as far as the history goes."""
    done = [entry for entry in setup.history if entry.what in ("applied", "undone")]
    return bool(done) and not (done[-1].what == "undone" and done[-1].ok)
