"""Talking to the user's servers over SSH: host-key trust, sessions, streamed programs, runs.

The only folder that imports asyncssh. Names are loaded when they are first used, so that
importing this package costs nothing until there is a server to talk to.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.remote.connection import connect, fetch_host_key
    from assistant.remote.credentials import Credentials, NoCredentials, Remembering, Wanted
    from assistant.remote.errors import CAUSES, HostFailure, RemoteError
    from assistant.remote.follow import apply_run, follow_run, request_stop
    from assistant.remote.session import Session
    from assistant.remote.trust import HostKey

_HOME = {
    "CAUSES": "errors",
    "Credentials": "credentials",
    "HostFailure": "errors",
    "HostKey": "trust",
    "NoCredentials": "credentials",
    "Remembering": "credentials",
    "RemoteError": "errors",
    "Session": "session",
    "Wanted": "credentials",
    "apply_run": "follow",
    "connect": "connection",
    "fetch_host_key": "connection",
    "follow_run": "follow",
    "request_stop": "follow",
}

__all__ = [
    "CAUSES",
    "Credentials",
    "HostFailure",
    "HostKey",
    "NoCredentials",
    "Remembering",
    "RemoteError",
    "Session",
    "Wanted",
    "apply_run",
    "connect",
    "fetch_host_key",
    "follow_run",
    "request_stop",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
