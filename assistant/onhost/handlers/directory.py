"""Folders with an owner and a mode."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any

from assistant.onhost.contract import Done, Found, Handler, HostError, Kept, Machine
from assistant.onhost.resources import Directory
from assistant.onhost.said import Said, said
from assistant.onhost.system import disk, owners, path_state


class DirectoryHandler:
    """Makes folders and corrects owner and mode. A link to a folder, made by root, will do."""

    def inspect(self, resource: Directory, machine: Machine) -> Found:
        """Compare owner and mode."""
        info = path_state.status_of(machine, resource.path)
        if info is None:
            return Found("create", said("new folder"))
        info = _behind_link(machine, resource.path, info)
        if path_state.kind_of(info) != "folder":
            return Found(
                "conflict",
                said(
                    "a {kind} is where the folder belongs",
                    kind=path_state.KINDS[path_state.kind_of(info)],
                ),
            )
        wrong = path_state.attribute_change(
            machine, info, resource.owner, resource.group, resource.mode
        )
        return Found("update", wrong) if wrong else Found("none")

    def apply(self, resource: Directory, found: Found, machine: Machine) -> Done:
        """Make it, or correct owner and mode."""
        uid, gid = owners.need_ids(machine, resource.owner, resource.group)
        path_state.refuse_foreign_links(machine, resource.path)
        real = machine.path(resource.path)
        info = path_state.status_of(machine, resource.path)
        receipt: dict[str, Any] = {"path": resource.path}
        if info is None:
            receipt |= {"made": True, "parents": path_state.missing_parents(machine, resource.path)}
        else:
            info = _behind_link(machine, resource.path, info)
            if path_state.kind_of(info) != "folder":
                raise HostError(
                    "conflict", said("{path} is in the way of a folder.", path=resource.path)
                )
            old = {"uid": info.st_uid, "gid": info.st_gid, "mode": stat.S_IMODE(info.st_mode)}
            receipt |= {"old": old, "new": {"uid": uid, "gid": gid, "mode": int(resource.mode, 8)}}
        machine.receipt(receipt)
        try:
            if info is None:
                disk.make_parents(real)
                os.mkdir(real, 0o700)
            _set(real, uid, gid, int(resource.mode, 8))
            disk.sync_folder(os.path.dirname(real))
        except OSError as error:
            raise disk.host_error(error, resource.path) from error
        return Done(found.summary)

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Remove a folder we made if it is empty; bring back owner and mode of another."""
        path = str(receipt["path"])
        info = path_state.status_of(machine, path)
        if info is None:
            path_state.remove_parents(machine, receipt.get("parents") or ())
            return said("{path} is not there any more", path=path)
        if receipt.get("made"):
            try:
                os.rmdir(machine.path(path))
            except OSError:
                return Kept(said("{path} is not empty and stays", path=path))
            path_state.remove_parents(machine, receipt.get("parents") or ())
            return said("removed {path}", path=path)
        info = _behind_link(machine, path, info)
        present = {"uid": info.st_uid, "gid": info.st_gid, "mode": stat.S_IMODE(info.st_mode)}
        old = receipt["old"]
        if present != receipt["new"] and present != old:
            return Kept(said("owner or mode of {path} were changed since and stay", path=path))
        try:
            _set(machine.path(path), int(old["uid"]), int(old["gid"]), int(old["mode"]))
        except OSError as error:
            raise disk.host_error(error, path) from error
        return said("owner and mode of {path} are as they were", path=path)


def _behind_link(machine: Machine, path: str, info: os.stat_result) -> os.stat_result:
    """The folder behind a link that root made; the link itself when another user did."""
    if stat.S_ISLNK(info.st_mode) and info.st_uid in (0, os.geteuid()):
        try:
            return os.stat(machine.path(path))
        except OSError:
            return info
    return info


def _set(real: str, uid: int, gid: int, mode: int) -> None:
    fd = os.open(real, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fchown(fd, uid, gid)
        os.fchmod(fd, mode)
        os.fsync(fd)
    finally:
        os.close(fd)


HANDLERS: dict[str, Handler[Any]] = {"directory": DirectoryHandler()}
