"""What a host can tell about its runs, and what is asked of a run under way."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from typing import Any

from assistant.onhost.contract import HostError
from assistant.onhost.engine.journal import last_event
from assistant.onhost.engine.lock import holder
from assistant.onhost.engine.undo import pending_receipts
from assistant.onhost.paths import Paths, checked_run
from assistant.onhost.said import said
from assistant.onhost.system.disk import host_error, read_lines, write_whole

_MOST_RUNS = 20


def latest_run(paths: Paths) -> str:
    """The run under way, else the newest; HostError when there was none."""
    held = holder(paths)
    if held is not None and held.run:
        return held.run
    runs = _begun(paths)
    if not runs:
        raise HostError("no-run", said("There was no run on this host yet."))
    return runs[0]


def _begun(paths: Paths) -> list[str]:
    """Runs that got as far as a journal, newest first (a full disk may stop one before that)."""
    return [run for run in paths.known_runs() if os.path.exists(paths.journal(run))]


def known_run(request: Mapping[str, Any], paths: Paths) -> str:
    """The run a request names; HostError when this host has none of that id."""
    run = checked_run(request.get("run"))
    if not os.path.isdir(paths.run(run)):
        raise HostError("no-run", said("This host knows no run {run}: it did not begin.", run=run))
    return run


def status(paths: Paths) -> dict[str, Any]:
    """The ``result`` of mode ``status``: the last runs, the lock, how much could be undone."""
    held = holder(paths)
    lock = {"run": held.run, "since": held.since} if held is not None else None
    runs = [_summary(paths, run) for run in _begun(paths)[:_MOST_RUNS]]
    return {
        "event": "result",
        "lock": lock,
        "runs": runs,
        "receipts": len(pending_receipts(paths)),
    }


def _summary(paths: Paths, run: str) -> dict[str, Any]:
    told: dict[str, Any] = {"run": run, "finished": False, "ok": False}
    for event in read_lines(paths.journal(run)):
        name = event.get("event")
        if name == "run":
            told |= {"what": event.get("what", ""), "at": event.get("at"), "total": event["total"]}
        elif name == "failed":
            said_of_it = ("id", "cause", "text", "template", "values")
            told |= {key: event[key] for key in said_of_it if key in event}
        elif name == "finished":
            told |= {key: event.get(key) for key in ("ok", "changed", "failed", "stopped")}
            told |= {"finished": True, "ended": event.get("at")}
    return told


def ask_to_stop(request: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    """Mode ``stop``: the run ends after the resource it works on."""
    run = known_run(request, paths)
    held = holder(paths)
    under_way = held is not None and held.run == run
    if under_way:
        _note(f"{paths.run(run)}/stop", b"")
    return {"event": "result", "run": run, "stopping": under_way}


def confirm(request: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    """Mode ``confirm``: the host can still be reached by a new session."""
    run = known_run(request, paths)
    asked = last_event(paths, run, "confirm") or {}
    token, given = str(asked.get("token", "")), str(request.get("token", ""))
    if not token or not hmac.compare_digest(token.encode(), given.encode()):
        raise HostError(
            "not-confirmed", said("Run {run} does not wait for this confirmation.", run=run)
        )
    _note(f"{paths.run(run)}/confirmed", token.encode("ascii"))
    return {"event": "result", "run": run, "confirmed": True}


def _note(path: str, data: bytes) -> None:
    try:
        write_whole(path, data, uid=os.geteuid(), gid=os.getegid(), mode=0o600)
    except OSError as error:
        raise host_error(error, path) from error
