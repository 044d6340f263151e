"""Back to the former version of a program when the new one does not become healthy."""

from __future__ import annotations

from assistant.onhost.contract import HostError
from assistant.onhost.engine.machine import HostMachine
from assistant.onhost.engine.receipts import Receipt, ReceiptBook, load_receipts
from assistant.onhost.engine.registry import handler_for
from assistant.onhost.paths import Paths
from assistant.onhost.resources import Resource, Service
from assistant.onhost.said import said
from assistant.onhost.system import systemd


def fall_back(
    resource: Resource, error: HostError, machine: HostMachine, paths: Paths
) -> HostError:
    """The error to tell when a resource failed, after putting the former version back if need be.

    That is done for a service that did not become healthy and whose program this very run
    replaced: everything it reads goes back to what it was before the run, and it is started again.
    Its data stays as it is. The next apply tries the new version again.
    """
    if not isinstance(resource, Service) or not resource.running or not resource.health_url:
        return error
    receipts = _of_this_run(resource, machine, paths)
    if not any(_replaced(receipt) for receipt in receipts):
        return error
    machine.say(said("Putting the former version back."))
    try:
        _take_back(receipts, machine, paths)
        _start_again(resource, machine)
    except Exception as second:
        why = second.text if isinstance(second, HostError) else type(second).__name__
        text = said(
            "{what} Going back to the former version failed as well: {why}",
            what=error.text,
            why=why,
        )
        return HostError(error.cause, text, error.tail)
    text = said(
        "{what} The former version was put back and runs again; no data was lost.", what=error.text
    )
    return HostError(error.cause, text, error.tail)


def _of_this_run(resource: Service, machine: HostMachine, paths: Paths) -> list[Receipt]:
    found = load_receipts(paths, machine.run_id)
    return [r for r in reversed(found) if r.id in resource.after and not r.undone]


def _replaced(receipt: Receipt) -> bool:
    """Whether a program took the place of another version of itself."""
    previous = receipt.value.get("previous")
    return receipt.kind == "virtualenv" and bool(previous) and previous != receipt.value["version"]


def _take_back(receipts: list[Receipt], machine: HostMachine, paths: Paths) -> None:
    book = ReceiptBook(paths, machine.run_id)
    try:
        for receipt in receipts:
            handler_for(receipt.kind).undo(receipt.value, machine)
            book.mark_undone(receipt.number)
    finally:
        book.close()
        machine.forget_cache()


def _start_again(resource: Service, machine: HostMachine) -> None:
    from assistant.onhost.handlers.service import wait_for_health

    systemd.reload_files(machine)
    machine.run(("systemctl", "reset-failed", "--", resource.unit), check=False)
    systemd.order(machine, "restart", resource.unit)
    wait_for_health(resource, machine)
