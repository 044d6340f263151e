"""Which handler looks after which kind of resource; each module is imported when first needed."""

from __future__ import annotations

import importlib
from typing import Any

from assistant.onhost.contract import Handler, HostError
from assistant.onhost.said import said

_MODULES = {
    "mirror": "mirror",
    "packages": "packages",
    "user": "user",
    "directory": "directory",
    "file": "file",
    "block": "block",
    "absent": "absent",
    "secret": "secret",
    "virtualenv": "virtualenv",
    "pgrole": "postgres",
    "pgdatabase": "postgres",
    "service": "service",
    "timer": "timer",
    "certificate": "certificate",
    "firewall": "firewall",
    "command": "command",
}


def handler_for(kind: str) -> Handler[Any]:
    """The handler of a kind; HostError ``unsupported`` when this program has none."""
    module = _MODULES.get(kind)
    if module is None:
        raise HostError(
            "unsupported", said("This program does not know the kind {kind}.", kind=repr(kind))
        )
    handlers = importlib.import_module(f"assistant.onhost.handlers.{module}").HANDLERS
    found: Handler[Any] = handlers[kind]
    return found
