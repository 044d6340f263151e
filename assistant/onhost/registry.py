"""Which handler looks after which kind of resource; each module is imported when first needed."""

from __future__ import annotations

import importlib
from typing import Any

from assistant.onhost.handler import Handler, HostError

_MODULES = {
    "mirror": "mirror",
    "packages": "packages",
    "user": "users",
    "directory": "directories",
    "file": "files",
    "block": "blocks",
    "absent": "absences",
    "secret": "secret_files",
    "virtualenv": "virtualenv",
    "pgrole": "postgres",
    "pgdatabase": "postgres",
    "service": "services",
    "timer": "timers",
    "certificate": "certificate",
    "firewall": "firewall",
    "command": "command",
}


def handler_for(kind: str) -> Handler[Any]:
    """The handler of a kind; HostError ``unsupported`` when this program has none."""
    module = _MODULES.get(kind)
    if module is None:
        raise HostError("unsupported", f"This program does not know the kind {kind!r}.")
    handlers = importlib.import_module(f"assistant.onhost.kinds.{module}").HANDLERS
    found: Handler[Any] = handlers[kind]
    return found
