"""Making a host as the plan says: what happens before, and inside, the run."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.onhost.contract import Found, HostError
from assistant.onhost.engine.inspect import KEPT, look, look_at_all, planned_resources, state_event
from assistant.onhost.engine.journal import Journal, Numbered
from assistant.onhost.engine.lock import BusyError, Lock, holder
from assistant.onhost.engine.machine import HostMachine
from assistant.onhost.engine.registry import handler_for
from assistant.onhost.handlers.secret import not_given, of_these_settings
from assistant.onhost.paths import Paths, checked_run
from assistant.onhost.resources import Resource, Secret
from assistant.onhost.said import fields, said
from assistant.onhost.system.disk import host_error, private_folder, read_file, write_whole
from assistant.onhost.system.event_lines import Emit
from assistant.onhost.system.host_errors import as_host_error

_RESERVE = 256 * 1024
"""Bytes set aside so that the end of a run can be written down on a full disk."""


def busy(paths: Paths, emit: Emit) -> None:
    """HostError ``busy``, after its event, when a run holds the lock."""
    held = holder(paths)
    if held is not None:
        emit({"event": "busy", "run": held.run, "since": held.since})
        raise busy_error(held.run, held.since)


def busy_error(run: str, since: float) -> HostError:
    """The error that another run is under way."""
    begun = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(since))
    text = said(
        "Another run ({run}) is under way on this host since {begun} UTC. Wait for its end.",
        run=run,
        begun=begun,
    )
    return HostError("busy", text)


def needs_run(request: Mapping[str, Any], paths: Paths, emit: Emit) -> bool:
    """The part of ``apply`` before any change: look at everything, refuse what cannot go well.

    False when nothing has to change; the events of an idle run are then already emitted.
    """
    resources = planned_resources(request)
    secrets = request.get("secrets") or {}
    machine = HostMachine(paths, resources, secrets=secrets)
    looked = list(look_at_all(resources, machine, request.get("resolve") or {}))
    _refuse_conflicts(looked, emit)
    _refuse_missing_secrets(resources, paths, secrets)
    if any(found.action != "none" for _, found in looked):
        return True
    number = Numbered(emit, secrets)
    run = checked_run(request.get("run"))
    number({"event": "run", "run": run, "what": "apply", "total": len(looked)})
    for resource, found in looked:
        number(_settled(resource, found, 0.0))
    end = {"ok": True, "changed": 0, "failed": 0, "stopped": False}
    number({"event": "finished", **end})
    emit({"event": "result", "run": run, **end})
    return False


def _refuse_conflicts(looked: Sequence[tuple[Resource, Found]], emit: Emit) -> None:
    conflicts = [(resource, found) for resource, found in looked if found.action == "conflict"]
    if not conflicts:
        return
    for resource, found in conflicts:
        emit(state_event(resource, found))
    names = ", ".join(resource.id for resource, _ in conflicts)
    text = said(
        "Edited by hand since the last apply: {names}. Nothing was changed; decide on each.",
        names=names,
    )
    raise HostError("conflict", text)


def _refuse_missing_secrets(
    resources: Sequence[Resource], paths: Paths, secrets: Mapping[str, str]
) -> None:
    for resource in resources:
        if not isinstance(resource, Secret) or resource.form != "provided":
            continue
        data = read_file(paths.real(resource.path))
        if not secrets.get(resource.name) and not (data and of_these_settings(resource, data)):
            raise not_given(resource)


def _settled(resource: Resource, found: Found, seconds: float) -> dict[str, Any]:
    name = "kept" if found.data.get(KEPT) else "unchanged"
    told = {"id": resource.id, "seconds": round(seconds, 3)}
    return {"event": name, **told, **fields("summary", found.summary)}


def prepare(paths: Paths, run: str) -> None:
    """Make the folders of a run; HostError when even that cannot be done."""
    checked_run(run)
    try:
        for folder in (paths.state, paths.runs, paths.run(run)):
            private_folder(folder)
        own = {"uid": os.geteuid(), "gid": os.getegid(), "mode": 0o600}
        if not os.path.exists(paths.reserve):
            write_whole(paths.reserve, os.urandom(_RESERVE), **own)
        number = f"{paths.run(run)}/number"
        if not os.path.exists(number):
            highest = max((paths.number(name) for name in paths.known_runs()), default=0)
            write_whole(number, str(highest + 1).encode("ascii"), **own)
    except OSError as error:
        raise host_error(error, paths.state) from error


@dataclass
class Tally:
    """How a run went."""

    changed: int = 0
    failed: int = 0
    stopped: bool = False

    def finished(self) -> dict[str, Any]:
        """The ``finished`` event."""
        return {
            "event": "finished",
            "ok": not self.failed and not self.stopped,
            "changed": self.changed,
            "failed": self.failed,
            "stopped": self.stopped,
        }


class RunLog:
    """The lock and the journal of a run, from beginning to end.

    As a context: takes the lock, and whatever escapes is written down as ``failed`` before the
    ``finished`` event, so that no run ends without a word.
    """

    def __init__(self, paths: Paths, run: str, secrets: Mapping[str, str]) -> None:
        self.tally = Tally()
        self._paths = paths
        self._run = run
        self._secrets = secrets
        self._lock = Lock(paths)

    def __enter__(self) -> RunLog:
        prepare(self._paths, self._run)
        self._journal = Journal(self._paths, self._run)
        self.emit = Numbered(self._journal, self._secrets)
        try:
            self._lock.take(self._run)
        except BusyError as error:
            told = error.holder
            self.emit({"event": "busy", "run": told.run, "since": told.since})
            self.fail("", busy_error(told.run, told.since))
            self.emit(self.tally.finished())
            self._journal.close()
            raise
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception):
            # This, too, may be impossible to write: a follower then finds the run dead.
            with contextlib.suppress(HostError):
                self.fail("", as_host_error(error))
        ended = error is None or isinstance(error, Exception)
        try:
            if ended:
                self.emit(self.tally.finished())
        finally:
            self._journal.close()
            self._lock.release()
        return ended

    def fail(self, resource_id: str, error: HostError) -> None:
        """Emit ``failed``."""
        self.tally.failed += 1
        told = {"id": resource_id, "cause": error.cause, **fields("text", error.text)}
        self.emit({"event": "failed", **told, "tail": list(error.tail)})

    def stopping(self, machine: HostMachine) -> bool:
        """Whether somebody asked the run to stop."""
        asked = f"{self._paths.run(self._run)}/stop"
        self.tally.stopped = machine.stop_requested or os.path.exists(asked)
        return self.tally.stopped


def execute(request: Mapping[str, Any], paths: Paths, machine: HostMachine, log: RunLog) -> None:
    """Apply every resource in order, up to the first failure or a request to stop."""
    resources = machine.resources
    resolve = request.get("resolve") or {}
    total = len(resources)
    log.emit({"event": "run", "run": machine.run_id, "what": "apply", "total": total})
    _note_services(machine)
    for index, resource in enumerate(resources, 1):
        if log.stopping(machine):
            return
        machine.begin(index, resource.id, resource.kind, resource.title)
        begun = time.monotonic()
        try:
            event = _one(resource, index, machine, resolve, log.emit)
        except Exception as error:
            from assistant.onhost.engine.fallback import fall_back

            told = fall_back(resource, as_host_error(error), machine, paths)
            log.fail(resource.id, told)
            return
        finally:
            machine.forget_cache_after_change()
        event["seconds"] = round(time.monotonic() - begun, 3)
        log.tally.changed += event["event"] == "changed"
        log.emit(event)


def _one(
    resource: Resource,
    index: int,
    machine: HostMachine,
    resolve: Mapping[str, str],
    emit: Emit,
) -> dict[str, Any]:
    found = look(resource, machine, resolve)
    if found.action == "none":
        return _settled(resource, found, 0.0)
    if found.action == "conflict":
        text = said("{id} was edited by hand while the run was under way.", id=resource.id)
        raise HostError("conflict", text, found.diff.splitlines()[:30])
    emit({"event": "started", "id": resource.id, "title": resource.title, "index": index})
    machine.touched = True
    machine.count_change(resource.id)
    done = handler_for(resource.kind).apply(resource, found, machine)
    if done.receipt is not None:
        machine.receipt(done.receipt)
    return {"event": "changed", "id": resource.id, **fields("summary", done.summary)}


def _note_services(machine: HostMachine) -> None:
    """Remember how services were before the first run ever, so that undo can bring that back."""
    if machine.planned("service"):
        from assistant.onhost.handlers.service import note_before

        note_before(machine)
