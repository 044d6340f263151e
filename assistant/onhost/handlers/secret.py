"""Secrets: made on the host where they live, told to nobody."""

from __future__ import annotations

import base64
import os
import secrets
import stat
import string
from collections.abc import Mapping
from typing import Any

from assistant.onhost.contract import Done, Found, Handler, HostError, Kept, Machine
from assistant.onhost.resources import Secret
from assistant.onhost.said import Said, said
from assistant.onhost.system import disk, owners, path_state


class SecretHandler:
    """Makes a secret that is missing; an existing one changes only when a new value is given."""

    def inspect(self, resource: Secret, machine: Machine) -> Found:
        """Look whether it is there, readable by its owner only, and the one that was given."""
        info = path_state.status_of(machine, resource.path)
        kind = path_state.kind_of(info)
        if kind in ("folder", "other"):
            return Found(
                "conflict",
                said("a {kind} is where the secret belongs", kind=path_state.KINDS[kind]),
            )
        data = disk.read_file(machine.path(resource.path)) if kind == "file" else None
        if info is None or not data:
            if resource.form == "provided":
                return Found("create", said("new secret, given with the apply"))
            return Found("create", said("new secret, made on the host"))
        wanted = _given(resource, machine)
        if wanted is not None and wanted != data:
            return Found("update", said("another value was given"))
        if not of_these_settings(resource, data):
            return Found("update", said("it is for other settings; a new value is needed"))
        wrong = path_state.attribute_change(
            machine, info, resource.owner, resource.group, resource.mode
        )
        return Found("update", wrong) if wrong else Found("none")

    def apply(self, resource: Secret, found: Found, machine: Machine) -> Done:
        """Write it where it is missing or another value was given; correct owner and mode."""
        path_state.refuse_foreign_links(machine, resource.path)
        wanted = _given(resource, machine)
        kind = path_state.kind_of(path_state.status_of(machine, resource.path))
        if kind in ("folder", "other"):
            raise HostError(
                "conflict", said("{path} is in the way of a secret.", path=resource.path)
            )
        data = disk.read_file(machine.path(resource.path)) if kind == "file" else None
        machine.receipt({"path": resource.path})
        if data and wanted in (None, data) and of_these_settings(resource, data):
            # Without writing it again: a key must never be at risk for the sake of its mode.
            self._correct(resource, machine)
            return Done(found.summary)
        if wanted is None:
            wanted = _made(resource)
        machine.write(
            resource.path, wanted, owner=resource.owner, group=resource.group, mode=resource.mode
        )
        return Done(found.summary)

    def _correct(self, resource: Secret, machine: Machine) -> None:
        uid, gid = owners.need_ids(machine, resource.owner, resource.group)
        try:
            fd = os.open(machine.path(resource.path), os.O_RDONLY | os.O_NOFOLLOW)
            try:
                if stat.S_ISREG(os.fstat(fd).st_mode):
                    os.fchown(fd, uid, gid)
                    os.fchmod(fd, int(resource.mode, 8))
                    os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise disk.host_error(error, resource.path) from error

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Keep it: without its keys a server's name is lost for ever."""
        if path_state.status_of(machine, str(receipt["path"])) is None:
            return said("{path} was not made", path=receipt["path"])
        return Kept(said("the secret {path} stays", path=receipt["path"]))


def of_these_settings(resource: Secret, data: bytes) -> bool:
    """Whether what a file holds goes with what is planned to stand around the value.

    A token that was given for one provider must not be used with another.
    """
    before, after = resource.prefix.encode(), resource.suffix.encode()
    value = len(data) - len(before) - len(after)
    fits = value > 0 and data.startswith(before) and data.endswith(after)
    return fits or resource.form != "provided"


def _given(resource: Secret, machine: Machine) -> bytes | None:
    if resource.form != "provided":
        return None
    value = machine.secrets.get(resource.name)
    if not value:
        return None
    return (resource.prefix + value + resource.suffix).encode("utf-8")


def _made(resource: Secret) -> bytes:
    if resource.form == "provided":
        raise not_given(resource)
    if resource.form == "synapse-signing-key":
        version = "".join(secrets.choice(string.ascii_letters) for _ in range(4))
        seed = base64.b64encode(secrets.token_bytes(32)).decode("ascii").rstrip("=")
        return f"ed25519 a_{version} {seed}\n".encode("ascii")
    return (resource.prefix + secrets.token_urlsafe(resource.length) + resource.suffix).encode()


def not_given(resource: Secret) -> HostError:
    """What is said when a value is needed that only the person has."""
    text = said(
        "The secret {name} is not on this host yet, or for other settings than now, and was not "
        "given.",
        name=resource.name,
    )
    return HostError("missing-secret", text)


HANDLERS: dict[str, Handler[Any]] = {"secret": SecretHandler()}
