"""One apply or undo on one host, followed to its end, and how it goes into the history."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assistant import remote
from assistant.remote.follow import OpenSession
from assistant.setup.history import with_history
from assistant.setup.model import HistoryEntry, Setup
from assistant.text import Message, msg
from assistant.text.host_messages import host_message
from assistant.text.message import NOTHING


@dataclass(frozen=True)
class Progress:
    """Something that happened on a host: one event of the program there (see onhost.protocol)."""

    host: str
    event: Mapping[str, Any]


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class HostResult:
    """How an apply or undo ended on a host. ``seconds`` include connecting."""

    host: str
    run: str
    ok: bool
    seconds: float
    changed: int = 0
    stopped: bool = False
    failed: str = ""
    cause: str = ""
    said: Message = NOTHING
    tail: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What the host said of its failure, in English."""
        return str(self.said)


async def followed(
    open_session: OpenSession, host: str, request: Mapping[str, Any], report: Report
) -> HostResult:
    """Run one apply or undo to its end, told event by event, and put its outcome together.

    ``open_session`` makes a new connection to the host each time it is called.

    An apply that meets another one under way on the host (the same person's, from before the
    program was left) follows that one instead.
    """
    begun = time.monotonic()
    busy = ""
    joined = False
    run = str(request["run"])
    changes: list[str] = []
    kept: list[str] = []
    failed: Mapping[str, Any] = {}
    said = NOTHING
    finished: Mapping[str, Any] = {}

    events = remote.apply_run(open_session, request)
    while True:
        try:
            event = await anext(events)
        except StopAsyncIteration:
            break
        except remote.HostFailure as failure:
            if failure.cause == "busy" and busy and request["mode"] == "apply" and not joined:
                joined = True
                events = remote.follow_run(open_session, busy)
                continue
            if not failed:
                failed = {"cause": failure.cause, "tail": failure.evidence}
                said = failure.said
            break
        kind = event.get("event")
        if kind == "busy":
            busy = str(event.get("run", ""))
        if kind == "run" and joined and event.get("what", "apply") != "apply":
            # Its end would tell nothing about what was asked for.
            failed = {"cause": "busy"}
            said = msg("Something is being taken back on {host}. Wait for it.", host=host)
            break
        report(Progress(host, event))
        if kind == "run":
            # Another assistant's run may have been joined: its id is the one to follow and stop.
            run = str(event.get("run", run))
        elif kind == "changed":
            changes.append(str(event.get("id", "")))
        elif kind == "kept":
            kept.append(str(event.get("id", "")))
        elif kind in ("failed", "error"):
            failed, said = event, host_message(event)
        elif kind == "finished":
            finished = event
    ok = bool(finished.get("ok")) and not failed
    return HostResult(
        host=host,
        run=run,
        ok=ok,
        seconds=time.monotonic() - begun,
        changed=len(changes),
        stopped=bool(finished.get("stopped")),
        failed=str(failed.get("id", "")),
        cause=str(failed.get("cause", "")) or ("" if ok else "unknown"),
        said=said,
        tail=tuple(str(line) for line in failed.get("tail", ()) or ()),
        changes=tuple(changes),
        kept=tuple(kept),
    )


def _known(setup: Setup, what: str, host: str) -> bool:
    """Whether the history says already that this was done with success, last of all.

    It may not: a run that ended while the program was away is found done at the next try.
    """
    about = [e for e in setup.history if e.what in ("applied", "undone") and e.host == host]
    return bool(about) and about[-1].what == what and about[-1].ok


def recorded(setup: Setup, what: str, results: Sequence[HostResult], at: datetime) -> Setup:
    """The Setup with what was done (``applied``, ``undone``) on each host in its history.

    A host where nothing was left to do adds nothing, unless the history does not know yet.
    """
    for result in results:
        if result.ok and not result.changed and _known(setup, what, result.host):
            continue
        entry = HistoryEntry(
            at=at,
            what=what,
            host=result.host,
            run=result.run,
            ok=result.ok,
            detail=result.cause or f"{result.changed}",
        )
        setup = with_history(setup, entry)
    return setup
