"""Taking back what runs changed, newest first. Itself a run, with a journal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from assistant.onhost.contract import HostError, Kept
from assistant.onhost.engine.apply import RunLog
from assistant.onhost.engine.journal import Numbered
from assistant.onhost.engine.machine import HostMachine
from assistant.onhost.engine.receipts import Receipt, ReceiptBook, load_receipts
from assistant.onhost.engine.registry import handler_for
from assistant.onhost.paths import Paths, checked_run
from assistant.onhost.said import fields, said
from assistant.onhost.system.event_lines import Emit
from assistant.onhost.system.host_errors import as_host_error


def pending_receipts(paths: Paths, upto: str | None = None) -> list[Receipt]:
    """Receipts that were not taken back yet, in the order to do so: newest run first.

    With ``upto`` only those of that run and of newer ones.
    """
    runs = paths.known_runs()
    if upto is not None:
        if upto not in runs:
            raise HostError("validation", said("This host knows no run {run}.", run=upto))
        runs = runs[: runs.index(upto) + 1]
    found: list[Receipt] = []
    for run in runs:
        found += [item for item in reversed(load_receipts(paths, run)) if not item.undone]
    return found


def needs_run(request: Mapping[str, Any], paths: Paths, emit: Emit) -> bool:
    """Whether there is anything to take back; the events of an idle run are emitted if not."""
    run = checked_run(request.get("run"))
    if pending_receipts(paths, request.get("upto")):
        return True
    number = Numbered(emit, {})
    number({"event": "run", "run": run, "what": "undo", "total": 0})
    end = {"ok": True, "changed": 0, "failed": 0, "stopped": False}
    number({"event": "finished", **end})
    emit({"event": "result", "run": run, **end})
    return False


def execute(request: Mapping[str, Any], paths: Paths, machine: HostMachine, log: RunLog) -> None:
    """Take back every pending receipt; one that cannot be taken back does not stop the others."""
    receipts = pending_receipts(paths, request.get("upto"))
    total = len(receipts)
    log.emit({"event": "run", "run": machine.run_id, "what": "undo", "total": total})
    for index, receipt in enumerate(receipts, 1):
        if log.stopping(machine):
            break
        told = {"id": receipt.id, "title": receipt.title, "index": index}
        log.emit({"event": "started", **told})
        machine.begin(index, receipt.id, receipt.kind, receipt.title)
        begun = time.monotonic()
        try:
            summary = handler_for(receipt.kind).undo(receipt.value, machine)
            _mark(paths, receipt)
        except Exception as error:
            log.fail(receipt.id, as_host_error(error))
            continue
        finally:
            machine.forget_cache()
        kept = isinstance(summary, Kept)
        log.tally.changed += not kept
        log.emit(
            {
                "event": "kept" if kept else "changed",
                "id": receipt.id,
                "seconds": round(time.monotonic() - begun, 3),
                **fields("summary", summary),
            }
        )
    _settle(machine, log)


def _mark(paths: Paths, receipt: Receipt) -> None:
    book = ReceiptBook(paths, receipt.run)
    try:
        book.mark_undone(receipt.number)
    finally:
        book.close()


def _settle(machine: HostMachine, log: RunLog) -> None:
    """Let services that go on running read the files that are back."""
    from assistant.onhost.handlers.service import settle

    try:
        settle(machine)
    except HostError as error:
        log.fail("", error)
