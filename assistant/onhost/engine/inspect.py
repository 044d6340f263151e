"""Looking at every resource: the dry run. Reads only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assistant.onhost.contract import Found, HostError
from assistant.onhost.engine.machine import HostMachine
from assistant.onhost.engine.registry import handler_for
from assistant.onhost.resources import Resource, ResourceError, from_json
from assistant.onhost.said import fields, said
from assistant.onhost.system.disk import host_error
from assistant.onhost.system.event_lines import Emit

KEPT = "kept"
"""Key in ``Found.data`` of a conflict the user decided to leave as it is."""

_MOST_DIFF = 200
"""Most lines of a diff that travel."""


def planned_resources(request: Mapping[str, Any]) -> tuple[Resource, ...]:
    """The resources of a request; HostError when one is none or two share an id."""
    try:
        resources = tuple(from_json(value) for value in request.get("resources", ()))
    except ResourceError as error:
        raise HostError(
            "validation", said("The plan does not fit this program: {error}.", error=error)
        ) from None
    seen: set[str] = set()
    for resource in resources:
        if resource.id in seen:
            raise HostError("validation", said("The plan names {id} twice.", id=resource.id))
        seen.add(resource.id)
    return resources


def look(resource: Resource, machine: HostMachine, resolve: Mapping[str, str]) -> Found:
    """What must happen to one resource, the user's decision on a conflict taken into account."""
    try:
        found = handler_for(resource.kind).inspect(resource, machine)
    except OSError as error:
        raise host_error(error, resource.id) from error
    if found.action != "conflict":
        return found
    decision = resolve.get(resource.id)
    if decision == "overwrite":
        return dataclasses.replace(found, action="update")
    if decision == "keep":
        data = {**found.data, KEPT: True}
        return Found("none", said("left as it was edited by hand"), found.diff, data)
    return found


def look_at_all(
    resources: Sequence[Resource], machine: HostMachine, resolve: Mapping[str, str]
) -> Iterator[tuple[Resource, Found]]:
    """What must happen to each resource, in order, given that those before it change first."""
    for resource in resources:
        try:
            found = look(resource, machine, resolve)
        except HostError as error:
            # One thing that cannot be read must not hide the others; applying it tells for sure.
            found = Found("unknown", error.text)
        if found.action != "none":
            machine.pending.add(resource.id)
        yield resource, found


def state_event(resource: Resource, found: Found) -> dict[str, Any]:
    """The ``state`` event of an inspected resource."""
    lines = found.diff.splitlines()
    if len(lines) > _MOST_DIFF:
        lines = [*lines[:_MOST_DIFF], f"… {len(lines) - _MOST_DIFF} more lines"]
    return {
        "event": "state",
        "id": resource.id,
        "title": resource.title,
        "action": found.action,
        **fields("summary", found.summary),
        "diff": "\n".join(lines),
    }


def inspect(request: Mapping[str, Any], machine: HostMachine, emit: Emit) -> None:
    """Mode ``inspect``: a ``state`` for each resource, then the ``result``."""
    resources = machine.resources
    changes = conflicts = 0
    for resource, found in look_at_all(resources, machine, request.get("resolve") or {}):
        emit(state_event(resource, found))
        changes += found.action != "none"
        conflicts += found.action == "conflict"
    emit({"event": "result", "changes": changes, "conflicts": conflicts})
