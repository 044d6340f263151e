"""Files and links that must not exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant.onhost.contract import Done, Found, Handler, HostError, Machine
from assistant.onhost.resources import Absent
from assistant.onhost.said import Said, said
from assistant.onhost.system import disk, path_state


class AbsentHandler:
    """Removes a file or link and keeps a copy for undo. Folders are never removed."""

    def inspect(self, resource: Absent, machine: Machine) -> Found:
        """Look whether something is there."""
        kind = path_state.kind_of(path_state.status_of(machine, resource.path))
        if kind == "missing":
            return Found("none")
        if kind in ("folder", "other"):
            return Found(
                "conflict",
                said(
                    "a {kind} is there; only files and links are removed",
                    kind=path_state.KINDS[kind],
                ),
            )
        known = path_state.written(machine, resource.path)
        data = disk.read_file(machine.path(resource.path)) or b""
        if kind == "file" and known and path_state.digest(data) not in known:
            shown = path_state.diff(resource.path, data, b"")
            return Found("conflict", said("edited by hand since the last apply"), shown)
        return Found("remove", said("remove it"))

    def apply(self, resource: Absent, found: Found, machine: Machine) -> Done:
        """Remove it."""
        if path_state.kind_of(path_state.status_of(machine, resource.path)) in ("folder", "other"):
            text = said("{path} is a folder or a device; it is not removed.", path=resource.path)
            raise HostError("conflict", text)
        path_state.refuse_foreign_links(machine, resource.path)
        machine.receipt(path_state.receipt_for(machine, resource.path, None))
        path_state.put_back(machine, resource.path, {"type": "missing"})
        path_state.restore_note(machine, resource.path, ())
        return Done(said("removed"))

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Bring it back, unless something else stands there now."""
        return path_state.undo_placed(receipt, machine)


HANDLERS: dict[str, Handler[Any]] = {"absent": AbsentHandler()}
