"""The one vocabulary of desired state: recipes write it, the engine on the host reads it.

A resource is the desired state of one thing on a host. Resources are frozen, made of plain values
and checked when they are made, so that nothing a user typed can mean more than its own text.
``to_json`` and ``from_json`` carry them over the wire.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from assistant.onhost.resources.base import Resource, ResourceError
from assistant.onhost.resources.database import PostgresDatabase, PostgresRole
from assistant.onhost.resources.files import Absent, Directory, File, ManagedBlock, Secret
from assistant.onhost.resources.network import Certificate, Firewall
from assistant.onhost.resources.packages import PackageMirror, Packages, Virtualenv
from assistant.onhost.resources.services import Command, Service, Timer, User

__all__ = [
    "KINDS",
    "Absent",
    "Certificate",
    "Command",
    "Directory",
    "File",
    "Firewall",
    "ManagedBlock",
    "PackageMirror",
    "Packages",
    "PostgresDatabase",
    "PostgresRole",
    "Resource",
    "ResourceError",
    "Secret",
    "Service",
    "Timer",
    "User",
    "Virtualenv",
    "from_json",
    "to_json",
]

KINDS: dict[str, type[Resource]] = {
    cls.kind: cls
    for cls in (
        PackageMirror,
        Packages,
        User,
        Directory,
        File,
        ManagedBlock,
        Absent,
        Secret,
        Virtualenv,
        PostgresRole,
        PostgresDatabase,
        Service,
        Timer,
        Certificate,
        Firewall,
        Command,
    )
}


def to_json(resource: Resource) -> dict[str, Any]:
    """The resource as a JSON object with its ``kind``."""
    return {"kind": resource.kind, **dataclasses.asdict(resource)}


def from_json(value: Mapping[str, Any]) -> Resource:
    """The resource in a JSON object; :class:`ResourceError` when it is none."""
    data = dict(value)
    cls = KINDS.get(data.pop("kind", ""))
    if cls is None:
        raise ResourceError(f"unknown kind of resource {value.get('kind')!r}")
    try:
        fields: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items()
        }
        return cls(**fields)
    except TypeError as error:
        raise ResourceError(f"{cls.__name__}: {error}") from None
