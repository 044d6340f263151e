"""Mode ``accounts``: people's accounts, temporary ones, and what the server stored of a message.

Requests are ``{"mode": "accounts", "action": ACTION, ...}``; each ends in one ``result`` or
``error`` event. Actions and what their result holds:

- ``create`` ``users: [{localpart, admin, displayname?}]``: temporary users, noted on the host
  before they are made. ``users: [{user_id, password, access_token, device_id}]``.
- ``remove`` ``localparts: [...]`` and/or ``all_temporary: true``: deactivated and erased; those
  that are gone already count as removed. ``removed``, ``left`` (localparts).
- ``list``: ``users: [{user_id, localpart, admin, deactivated, temporary}]``.
- ``invite`` ``localpart, admin?, displayname?``: a lasting user. ``user_id``, ``password``.
- ``reset`` ``localpart, log_out?``: ``user_id``, ``password``. Sessions, and with them keys to
  old messages, stay unless ``log_out``.
- ``events`` ``event_ids: [...], room_id?, needles?: [...]``: what the database holds, in one go:
  ``events`` (the stored object by id, or null), ``found`` (by needle, how many stored events
  contain it), ``total`` (of how many).
- ``reveal`` ``name``: ``value`` of a secret that is meant for the operator's eyes.

Passwords are generated here and told once, in the result.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.onhost.accounts import stored_events
from assistant.onhost.accounts.synapse_api import AdminApi, ApiError
from assistant.onhost.accounts.temporary_users import TemporaryUsers
from assistant.onhost.contract import HostError
from assistant.onhost.protocol import STATE_DIR
from assistant.onhost.said import fields, plain, said

REVEALABLE = {"admin-password": f"{STATE_DIR}/secrets/admin-password"}
"""Names that ``reveal`` knows: secrets that a person types, never a service's own."""

MOST_TEXTS = 100
"""Most events, or texts to search for, in one request: the answer has to fit into one line."""

ADMIN_PREFIX = "matrix-assistant-temporary-"

# No 0 O 1 l I: a password is read off one screen and typed on another.
_ALPHABET = "abcdefghijkmnopqrstuvwxyz23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_LOCALPART = re.compile(r"[a-z0-9._=/+-]{1,200}")


@dataclass(frozen=True)
class Host:
    """Where things are; tests put stand-ins here."""

    api: AdminApi = field(default_factory=AdminApi)
    temporary: TemporaryUsers = field(default_factory=TemporaryUsers)
    ask: stored_events.Ask = stored_events.ask_database
    revealable: Mapping[str, str] = field(default_factory=lambda: REVEALABLE)


def run(
    request: Mapping[str, Any], emit: Callable[[dict[str, Any]], None], host: Host | None = None
) -> None:
    """Carry out one action and emit its ``result`` or ``error``."""
    host = host or Host()
    try:
        action = _ACTIONS.get(str(request.get("action", "")))
        if action is None:
            raise HostError("validation", plain(f"unknown action {request.get('action')!r}"))
        emit({"event": "result", **action(request, host)})
    except HostError as error:
        tail = list(error.tail)
        emit({"event": "error", "cause": error.cause, **fields("text", error.text), "tail": tail})


def new_password() -> str:
    """Four groups of five characters, some 116 bits, easy to read and type."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def _create(request: Mapping[str, Any], host: Host) -> dict[str, Any]:
    wanted = request.get("users")
    if not isinstance(wanted, list) or not all(isinstance(user, Mapping) for user in wanted):
        raise HostError("validation", plain("create needs a list of users"))
    names = tuple(_localpart(user.get("localpart")) for user in wanted)
    host.temporary.add(names)
    made = []
    for name, user in zip(names, wanted, strict=True):
        admin = user.get("admin") is True
        made.append(_register(host, name, admin, str(user.get("displayname") or "")))
    return {"users": made}


def _register(host: Host, name: str, admin: bool, displayname: str = "") -> dict[str, Any]:
    password = new_password()
    told = host.api.register(name, password, admin=admin, displayname=displayname, login=True)
    return {
        "user_id": told["user_id"],
        "password": password,
        "access_token": told["access_token"],
        "device_id": told["device_id"],
    }


def _remove(request: Mapping[str, Any], host: Host) -> dict[str, Any]:
    names = [_localpart(name) for name in request.get("localparts") or ()]
    everyone = request.get("all_temporary") is True
    # An administrator of ours that a crash left behind goes at the first chance.
    names += [n for n in host.temporary.living() if everyone or n.startswith(ADMIN_PREFIX)]
    names = list(dict.fromkeys(names))
    removed: list[str] = []
    left: list[str] = []
    if names:
        with _temporary_admin(host) as (token, server):
            for name in names:
                try:
                    host.api.deactivate(token, f"@{name}:{server}")
                except ApiError:
                    left.append(name)
                    continue
                host.temporary.removed(name)
                removed.append(name)
    return {"removed": removed, "left": left}


@contextmanager
def _temporary_admin(host: Host) -> Iterator[tuple[str, str]]:
    """An administrator for the time of the block: its token, and the server's name."""
    name = ADMIN_PREFIX + secrets.token_hex(6)
    host.temporary.add((name,))
    made = _register(host, name, admin=True)
    try:
        yield made["access_token"], made["user_id"].split(":", 1)[1]
    finally:
        # If this fails the note stays, and the next removal takes the account with it.
        with suppress(HostError):
            host.api.deactivate(made["access_token"], made["user_id"])
            host.temporary.removed(name)


def _list(request: Mapping[str, Any], host: Host) -> dict[str, Any]:
    ours = {*host.temporary.living(), *host.temporary.past()}
    found = stored_events.users(host.ask)
    return {"users": [{**user, "temporary": user["localpart"] in ours} for user in found]}


def _invite(request: Mapping[str, Any], host: Host) -> dict[str, Any]:
    name = _localpart(request.get("localpart"))
    password = new_password()
    admin = request.get("admin") is True
    shown = str(request.get("displayname") or "")
    try:
        told = host.api.register(name, password, admin=admin, displayname=shown, login=False)
    except ApiError as error:
        if error.code != "M_USER_IN_USE":
            raise
        text = said(
            "The name {name} is taken: names of former users stay reserved. Choose another.",
            name=name,
        )
        raise HostError("conflict", text) from None
    return {"user_id": told["user_id"], "password": password}


def _reset(request: Mapping[str, Any], host: Host) -> dict[str, Any]:
    name = _localpart(request.get("localpart"))
    password = new_password()
    with _temporary_admin(host) as (token, server):
        user_id = f"@{name}:{server}"
        host.api.set_password(token, user_id, password, log_out=request.get("log_out") is True)
    return {"user_id": user_id, "password": password}


def _events(request: Mapping[str, Any], host: Host) -> dict[str, Any]:
    event_ids, needles = _texts(request, "event_ids"), _texts(request, "needles")
    if not event_ids and not needles:
        raise HostError("validation", plain("neither an event nor a text to look for was named"))
    events = stored_events.events(host.ask, event_ids, str(request.get("room_id") or ""))
    found, total = stored_events.occurrences(host.ask, needles)
    return {
        "events": {event_id: events.get(event_id) for event_id in event_ids},
        "found": found,
        "total": total,
    }


def _reveal(request: Mapping[str, Any], host: Host) -> dict[str, Any]:
    name = _text(request, "name")
    path = host.revealable.get(name)
    if path is None:
        raise HostError("validation", plain(f"{name!r} is no secret that can be shown"))
    try:
        return {"value": Path(path).read_text("utf-8").strip()}
    except OSError as error:
        text = said(
            "The secret {name} cannot be read on this server ({error}).",
            name=name,
            error=error.strerror,
        )
        raise HostError("missing-secret", text) from None


def _localpart(value: object) -> str:
    if not isinstance(value, str) or not _LOCALPART.fullmatch(value):
        raise HostError(
            "validation",
            said("A user name consists of small letters, digits and the signs . _ = / + - only."),
        )
    return value


def _text(request: Mapping[str, Any], key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str) or not value or "\0" in value:
        raise HostError("validation", plain(f"the field {key} is missing"))
    return value


def _texts(request: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = request.get(key) or []
    good = isinstance(values, list) and all(
        isinstance(value, str) and value and "\0" not in value for value in values
    )
    if not good or len(values) > MOST_TEXTS:
        raise HostError("validation", plain(f"the field {key} is no list of texts, or too long"))
    return tuple(dict.fromkeys(values))


_ACTIONS: dict[str, Callable[[Mapping[str, Any], Host], dict[str, Any]]] = {
    "create": _create,
    "remove": _remove,
    "list": _list,
    "invite": _invite,
    "reset": _reset,
    "events": _events,
    "reveal": _reveal,
}
