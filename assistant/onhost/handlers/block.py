"""A block of lines of ours inside a file that belongs to somebody else."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.onhost.contract import Done, Found, Handler, HostError, Kept, Machine
from assistant.onhost.handlers.file import command_failure
from assistant.onhost.resources import ManagedBlock
from assistant.onhost.said import Said, said
from assistant.onhost.system import disk, owners, path_state


@dataclass(frozen=True)
class Split:
    """A file's text around our block. ``block`` is None when there is none; ``torn`` when its
    end is missing (then ``block`` is the first marker alone).
    """

    before: bytes
    block: bytes | None
    after: bytes
    torn: bool = False


def markers(comment: str, marker: str) -> tuple[bytes, bytes]:
    """The first and the last line of a block."""
    words = f"{comment} {{}} matrix-assistant {marker}"
    return words.format("BEGIN").encode(), words.format("END").encode()


def split(text: bytes, begin: bytes, end: bytes) -> Split:
    """Find the block in a file's text."""
    lines = text.splitlines(keepends=True)
    first = next((i for i, line in enumerate(lines) if line.strip() == begin), None)
    if first is None:
        return Split(text, None, b"")
    last = next((i for i in range(first, len(lines)) if lines[i].strip() == end), None)
    torn = last is None
    stop = (first if last is None else last) + 1
    parts = lines[:first], lines[first:stop], lines[stop:]
    before, block, after = (b"".join(part) for part in parts)
    return Split(before, block, after, torn)


def joined(found: Split, block: bytes) -> bytes:
    """The file's text with the block in its place, or at the end."""
    before = found.before
    if before and not before.endswith(b"\n"):
        before += b"\n"
    return before + block + found.after


class BlockHandler:
    """Puts a block in, leaves the rest of the file as it is."""

    def inspect(self, resource: ManagedBlock, machine: Machine) -> Found:
        """Compare the block."""
        real = _real(machine, resource.path)
        info = path_state.kind_of(_stat(real))
        if info == "missing":
            return Found("create", said("new file with the block"))
        if info != "file":
            return Found(
                "conflict", said("a {kind} is where the file belongs", kind=path_state.KINDS[info])
            )
        old = disk.read_file(real) or b""
        found = split(old, *markers(resource.comment, resource.marker))
        wanted = _block(resource)
        if found.block == wanted:
            if resource.check and machine.recall(f"unchecked:{resource.id}") is not None:
                return Found("update", said("was not tested since it was written"))
            return Found("none")
        shown = path_state.diff(resource.path, old, joined(found, wanted))
        known = machine.recall(f"block:{resource.id}") or []
        if found.torn:
            return Found("conflict", said("the end of the block is missing"), shown)
        if found.block is not None and known and path_state.digest(found.block) not in known:
            return Found("conflict", said("edited by hand since the last apply"), shown)
        return Found("update", said("the block changes"), shown)

    def apply(self, resource: ManagedBlock, found: Found, machine: Machine) -> Done:
        """Write the file with the new block."""
        path_state.refuse_foreign_links(machine, resource.path)
        real = _real(machine, resource.path)
        if path_state.kind_of(_stat(real)) not in ("missing", "file"):
            raise HostError("conflict", said("{path} is not a file.", path=resource.path))
        path = real[len(machine.path("")) :]
        old = disk.read_file(real)
        text = joined(
            split(old or b"", *markers(resource.comment, resource.marker)), _block(resource)
        )
        receipt = {
            **path_state.receipt_for(machine, path, text),
            "block": path_state.digest(_block(resource)),
            "id": resource.id,
            "markers": [resource.comment, resource.marker],
            "known": machine.recall(f"block:{resource.id}") or [],
        }
        machine.receipt(receipt)
        before = machine.recall(f"unchecked:{resource.id}") or receipt
        if resource.check:
            machine.remember(f"unchecked:{resource.id}", before)
        known = [*receipt["known"], receipt["block"]]
        machine.remember(f"block:{resource.id}", known[-2:])
        _write(resource, real, text, machine)
        if resource.check:
            self._check(resource, path, before, machine)
        return Done(found.summary)

    def _check(
        self, resource: ManagedBlock, path: str, before: Mapping[str, Any], machine: Machine
    ) -> None:
        done = machine.run(resource.check, timeout=120, check=False)
        if done.code != 0:
            path_state.put_back(machine, path, before["old"])
            machine.remember(f"block:{resource.id}", before["known"] or None)
            machine.receipt({key: before[key] for key in ("old", "written", "parents", "known")})
        machine.remember(f"unchecked:{resource.id}", None)
        if done.code != 0:
            raise command_failure(resource.check, done, resource.path)

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Bring the whole file back if nothing else changed in it, else take out the block."""
        path, old = str(receipt["path"]), receipt["old"]
        real = machine.path(path)
        machine.remember(f"unchecked:{receipt['id']}", None)
        now = disk.read_file(real)
        whole = now is None or path_state.digest(now) in (receipt["new"], old.get("digest"))
        if now is not None and not whole:
            comment, marker = receipt["markers"]
            found = split(now, *markers(comment, marker))
            if found.block is None:
                return said("the block is no longer in {path}", path=path)
            if found.torn or path_state.digest(found.block) != receipt["block"]:
                return Kept(said("the block in {path} was edited by hand and stays", path=path))
            _rewrite(real, found.before + _old_block(receipt, machine) + found.after, path)
            summary = said("took the block out of {path}", path=path)
        else:
            summary = path_state.undo_placed(receipt, machine)
        machine.remember(f"block:{receipt['id']}", receipt["known"] or None)
        return summary


def _old_block(receipt: Mapping[str, Any], machine: Machine) -> bytes:
    old = receipt["old"]
    if old["type"] != "file":
        return b""
    comment, marker = receipt["markers"]
    return split(machine.blob(old["blob"]), *markers(comment, marker)).block or b""


def _block(resource: ManagedBlock) -> bytes:
    begin, end = markers(resource.comment, resource.marker)
    lines = [begin, *(line.encode("utf-8", "surrogateescape") for line in resource.lines), end]
    return b"\n".join(lines) + b"\n"


def _stat(real: str) -> os.stat_result | None:
    try:
        return os.lstat(real)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _real(machine: Machine, path: str) -> str:
    """The file itself: the file belongs to somebody else, so a link of root's is followed."""
    real = machine.path(path)
    info = _stat(real)
    if info is None or not stat.S_ISLNK(info.st_mode) or info.st_uid not in (0, os.geteuid()):
        return real
    target = os.path.realpath(real)
    inside = target.startswith(machine.path("/"))
    return target if inside else real


def _write(resource: ManagedBlock, real: str, text: bytes, machine: Machine) -> None:
    info = _stat(real)
    try:
        if info is None:
            uid, gid = owners.need_ids(machine, resource.owner, resource.group)
            disk.make_parents(real)
            disk.write_whole(real, text, uid=uid, gid=gid, mode=int(resource.mode, 8))
        else:
            _rewrite(real, text, resource.path)
    except OSError as error:
        raise disk.host_error(error, resource.path) from error


def _rewrite(real: str, text: bytes, path: str) -> None:
    try:
        info = os.stat(real)
        mode = stat.S_IMODE(info.st_mode)
        disk.write_whole(real, text, uid=info.st_uid, gid=info.st_gid, mode=mode)
    except OSError as error:
        raise disk.host_error(error, path) from error


HANDLERS: dict[str, Handler[Any]] = {"block": BlockHandler()}
