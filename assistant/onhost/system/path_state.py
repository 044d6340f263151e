"""What stands at a path, how it differs from what should, and putting it back byte for byte."""

from __future__ import annotations

import difflib
import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from typing import Any

from assistant.onhost.contract import HostError, Kept, Machine
from assistant.onhost.said import Said, listed, said
from assistant.onhost.system import disk, owners


def digest(data: bytes) -> str:
    """Digest of a content."""
    return hashlib.sha256(data).hexdigest()[:32]


def written(machine: Machine, path: str) -> list[str]:
    """Digests of what at a path is ours; empty when we never wrote there."""
    known = machine.recall(f"written:{path}")
    return list(known) if isinstance(known, list) else []


def write(
    machine: Machine,
    path: str,
    data: bytes,
    *,
    owner: str = "root",
    group: str = "root",
    mode: str = "0644",
) -> None:
    """Write a file whole and remember that its content is ours.

    Remembered before and after: cut in between, neither the old nor the new content may look
    like an edit by hand.
    """
    old = disk.read_file(machine.path(path))
    before = [] if old is None else [digest(old)]
    machine.remember(f"written:{path}", [*before, digest(data)])
    machine.write(path, data, owner=owner, group=group, mode=mode)
    machine.remember(f"written:{path}", [digest(data)])


def restore_note(machine: Machine, path: str, known: Sequence[str]) -> None:
    """Remember what was ours at a path before a write that is taken back."""
    machine.remember(f"written:{path}", list(known) or None)


def status_of(machine: Machine, path: str) -> os.stat_result | None:
    """What stands at a path (links not followed), or None."""
    try:
        return os.lstat(machine.path(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


KINDS = {
    "file": said("file"),
    "link": said("link"),
    "folder": said("folder"),
    "other": said("other"),
}
"""What :func:`kind_of` tells, in words."""


def kind_of(info: os.stat_result | None) -> str:
    """``missing``, ``file``, ``link``, ``folder`` or ``other``."""
    if info is None:
        return "missing"
    checks = ((stat.S_ISREG, "file"), (stat.S_ISLNK, "link"), (stat.S_ISDIR, "folder"))
    return next((name for check, name in checks if check(info.st_mode)), "other")


def snapshot(machine: Machine, path: str) -> dict[str, Any]:
    """What stands at a path, as a JSON value that :func:`put_back` understands."""
    real = machine.path(path)
    info = status_of(machine, path)
    kind = kind_of(info)
    if info is None or kind == "missing":
        return {"type": "missing"}
    if kind == "link":
        return {"type": "link", "target": os.readlink(real)}
    if kind != "file":
        return {"type": kind}
    data = disk.read_file(real) or b""
    return {
        "type": "file",
        "blob": machine.keep_blob(data),
        "digest": digest(data),
        "uid": info.st_uid,
        "gid": info.st_gid,
        "mode": stat.S_IMODE(info.st_mode),
    }


def same_as(machine: Machine, path: str, old: Mapping[str, Any]) -> bool:
    """Whether what stands at a path is what a snapshot tells, owner and mode included."""
    info = status_of(machine, path)
    kind = kind_of(info)
    if kind != old.get("type"):
        return False
    if info is None or kind == "missing":
        return True
    if kind == "link":
        return os.readlink(machine.path(path)) == old.get("target")
    data = disk.read_file(machine.path(path)) or b""
    present = (digest(data), info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode))
    return present == (old.get("digest"), old.get("uid"), old.get("gid"), old.get("mode"))


def put_back(machine: Machine, path: str, old: Mapping[str, Any]) -> None:
    """Make a path what a snapshot tells: content, owner, mode, link or nothing."""
    real = machine.path(path)
    try:
        if old["type"] == "file":
            disk.make_parents(real)
            data = machine.blob(str(old["blob"]))
            ids = {"uid": int(old["uid"]), "gid": int(old["gid"]), "mode": int(old["mode"])}
            disk.write_whole(real, data, **ids)
        elif old["type"] == "link":
            disk.make_parents(real)
            spare = f"{real}.matrix-assistant-new"
            if os.path.lexists(spare):
                os.unlink(spare)
            os.symlink(old["target"], spare)
            os.replace(spare, real)
            disk.sync_folder(os.path.dirname(real))
        elif old["type"] == "missing" and os.path.lexists(real):
            os.unlink(real)
            disk.sync_folder(os.path.dirname(real))
    except OSError as error:
        raise disk.host_error(error, path) from error


def missing_parents(machine: Machine, path: str) -> list[str]:
    """Folders that a write at a path will make, outermost first."""
    missing = []
    folder = os.path.dirname(path)
    while folder != "/" and not os.path.isdir(machine.path(folder)):
        missing.append(folder)
        folder = os.path.dirname(folder)
    return list(reversed(missing))


def remove_parents(machine: Machine, folders: Sequence[str]) -> None:
    """Remove folders we made, innermost first, where they are empty."""
    for folder in reversed(folders):
        try:
            os.rmdir(machine.path(folder))
        except OSError:
            return


def receipt_for(machine: Machine, path: str, new: bytes | None) -> dict[str, Any]:
    """The receipt of replacing what stands at a path by ``new`` (None: by nothing)."""
    return {
        "path": path,
        "old": snapshot(machine, path),
        "new": digest(new) if new is not None else "",
        "written": written(machine, path),
        "parents": missing_parents(machine, path) if new is not None else [],
    }


def undo_placed(receipt: Mapping[str, Any], machine: Machine) -> Said:
    """Bring back what stood at a path, unless it was edited since our last write."""
    path, old = str(receipt["path"]), receipt["old"]
    info = status_of(machine, path)
    kind = kind_of(info)
    data = disk.read_file(machine.path(path)) if kind == "file" else None
    present = digest(data) if data is not None else ""
    if same_as(machine, path, old):
        summary = said("{path} is as it was", path=path)
    elif kind not in ("file", "missing") or present != receipt["new"]:
        return Kept(said("{path} was changed by somebody since and stays as it is", path=path))
    else:
        put_back(machine, path, old)
        summary = (
            said("removed {path}", path=path)
            if old["type"] == "missing"
            else said("brought back {path}", path=path)
        )
    restore_note(machine, path, receipt.get("written") or ())
    if old["type"] == "missing":
        remove_parents(machine, receipt.get("parents") or ())
    return summary


def attribute_change(
    machine: Machine, info: os.stat_result, owner: str, group: str, mode: str
) -> Said:
    """What is wrong with owner, group or mode, in words; empty when nothing is."""
    wrong = []
    uid, gid = owners.user_id(machine, owner), owners.group_id(machine, group)
    if info.st_uid != uid or info.st_gid != gid:
        wrong.append(said("owner becomes {owner}", owner=f"{owner}:{group}"))
    if stat.S_IMODE(info.st_mode) != int(mode, 8):
        wrong.append(
            said(
                "mode {before} becomes {after}",
                before=f"{stat.S_IMODE(info.st_mode):04o}",
                after=mode,
            )
        )
    return listed(wrong)


def diff(path: str, old: bytes, new: bytes) -> str:
    """Unified diff of two contents; bytes that are no UTF-8 show as replacement characters."""
    before, after = (data.decode("utf-8", "replace").splitlines() for data in (old, new))
    lines = difflib.unified_diff(before, after, f"{path} (now)", f"{path} (new)", lineterm="")
    return "\n".join(lines)


def refuse_foreign_links(machine: Machine, path: str) -> None:
    """HostError when a folder on the way is a link that a user other than root made.

    Such a user could lead a write of root's anywhere.
    """
    trusted = {0, os.geteuid()}
    folder = os.path.dirname(path)
    while folder != "/":
        info = status_of(machine, folder)
        if info is not None and stat.S_ISLNK(info.st_mode) and info.st_uid not in trusted:
            text = said(
                "{folder} is a link made by another user; nothing is written through it.",
                folder=folder,
            )
            raise HostError("permission", text)
        folder = os.path.dirname(folder)
