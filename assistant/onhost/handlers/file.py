"""A file with exactly this content."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

from assistant.onhost.contract import Done, Found, Handler, HostError, Machine
from assistant.onhost.protocol import STATE_DIR
from assistant.onhost.resources import File
from assistant.onhost.said import Said, said
from assistant.onhost.system import disk, owners, path_state
from assistant.onhost.system.output_causes import classify
from assistant.onhost.system.process import failure

RUN = "/run"


def _content(resource: File) -> bytes:
    return resource.content.encode("utf-8", "surrogateescape")


def _unchecked(resource: File) -> str:
    return f"unchecked:{resource.path}"


def command_failure(argv: tuple[str, ...], done: Any, path: str) -> HostError:
    """The HostError for a test of a file that failed."""
    told = failure(argv, done)
    if classify(done.output) in ("disk-full", "read-only") or done.code == 127:
        return told
    text = said(
        "{path} did not pass its test, so the old one stays in use. {why}", path=path, why=told.text
    )
    return HostError("validation", text, told.tail)


class FileHandler:
    """Writes whole files, keeps what was there, and never overwrites hand edits silently."""

    def inspect(self, resource: File, machine: Machine) -> Found:
        """Compare content, owner and mode."""
        info = path_state.status_of(machine, resource.path)
        kind = path_state.kind_of(info)
        if info is None or kind == "missing":
            return Found("create", said("new file"))
        if kind == "link":
            target = os.readlink(machine.path(resource.path))
            return Found("update", said("a link to {target} becomes a file", target=target))
        if kind != "file":
            return Found(
                "conflict", said("a {kind} is where the file belongs", kind=path_state.KINDS[kind])
            )
        old, new = disk.read_file(machine.path(resource.path)) or b"", _content(resource)
        if old != new:
            shown = "" if resource.private else path_state.diff(resource.path, old, new)
            known = path_state.written(machine, resource.path)
            if known and path_state.digest(old) not in known:
                return Found("conflict", said("edited by hand since the last apply"), shown)
            return Found("update", said("new content"), shown)
        wrong = path_state.attribute_change(
            machine, info, resource.owner, resource.group, resource.mode
        )
        if wrong:
            return Found("update", wrong)
        if resource.check and machine.recall(_unchecked(resource)) is not None:
            return Found("update", said("was not tested since it was written"))
        return Found("none")

    def apply(self, resource: File, found: Found, machine: Machine) -> Done:
        """Test, keep the old, write, test again; back to the old when the second test fails."""
        new = _content(resource)
        info = path_state.status_of(machine, resource.path)
        if path_state.kind_of(info) in ("folder", "other"):
            text = said(
                "{path} is a folder or a device; it is not replaced by a file.", path=resource.path
            )
            raise HostError("conflict", text)
        path_state.refuse_foreign_links(machine, resource.path)
        if resource.validate:
            _validate(resource, new, machine)
        receipt = path_state.receipt_for(machine, resource.path, new)
        machine.receipt(receipt)
        before = machine.recall(_unchecked(resource)) or receipt
        if resource.check:
            machine.remember(_unchecked(resource), before)
        about = {"owner": resource.owner, "group": resource.group, "mode": resource.mode}
        path_state.write(machine, resource.path, new, **about)
        if resource.check:
            _check(resource, before, machine)
        return Done(found.summary)

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Bring back the old content, or none."""
        machine.remember(f"unchecked:{receipt['path']}", None)
        return path_state.undo_placed(receipt, machine)


def _validate(resource: File, new: bytes, machine: Machine) -> None:
    # A folder that the user of the test can reach, which the state folder is not.
    parent = machine.path(RUN if resource.validate_user else STATE_DIR)
    uid, gid = os.geteuid(), os.getegid()
    if resource.validate_user:
        uid, gid = owners.need_ids(machine, resource.validate_user, resource.group)
    try:
        folder = tempfile.mkdtemp(
            prefix="matrix-assistant-test-" if resource.validate_user else "test-", dir=parent
        )
        try:
            os.chown(folder, uid, gid)
            place = f"{folder}/{os.path.basename(resource.path)}"
            disk.write_whole(place, new, uid=uid, gid=gid, mode=0o600)
            argv = tuple(part.replace("{path}", place) for part in resource.validate)
            done = machine.run(argv, user=resource.validate_user, timeout=120, check=False)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise disk.host_error(error, parent) from error
    if done.code != 0:
        raise command_failure(resource.validate, done, resource.path)


def _check(resource: File, before: Mapping[str, Any], machine: Machine) -> None:
    done = machine.run(resource.check, timeout=120, check=False)
    if done.code != 0:
        path_state.put_back(machine, resource.path, before["old"])
        path_state.restore_note(machine, resource.path, before["written"])
        machine.receipt({key: before[key] for key in ("old", "written", "parents")})
        machine.remember(_unchecked(resource), None)
        raise command_failure(resource.check, done, resource.path)
    machine.remember(_unchecked(resource), None)


HANDLERS: dict[str, Handler[Any]] = {"file": FileHandler()}
