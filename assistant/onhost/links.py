"""Mode ``link``: the certificates of wrapped links, brokered between the hosts by the assistant.

Requests are ``{"mode": "link", "action": ACTION, "host": NAME, ...}`` where NAME is what the setup
calls this host; each ends in one ``result`` or ``error`` event. Actions and their results:

- ``status``: ``ready`` (whether key and certificate fit and have time left), ``authority``
  (fingerprint of the authority this host trusts, or empty), ``why`` (one sentence when not ready),
  ``expires`` (seconds since 1970, or 0), ``holds_authority`` (whether the authority is here).
- ``request``: makes a key that waits for its certificate. ``request`` (PEM, nothing secret).
- ``sign`` ``requests: {NAME: PEM}``: on the host that holds the authority, which is made when it
  is missing or near its end. ``authority`` (PEM), ``certificates: {NAME: PEM}``. This host's own
  certificate is made as well.
- ``install`` ``certificate, authority`` (PEM): puts them beside the key that waits for them.

Private keys never leave the host they were made on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from assistant.onhost import link_certificates as certificates
from assistant.onhost.contract import HostError
from assistant.onhost.link_certificates import LinkError
from assistant.onhost.paths import Paths
from assistant.onhost.protocol import STATE_DIR
from assistant.onhost.said import plain, said
from assistant.onhost.system import disk
from assistant.onhost.system.process import Call, execute

FOLDER = "/etc/matrix-assistant/link"
AUTHORITY_KEY = f"{STATE_DIR}/secrets/link-authority.key"
AUTHORITY = f"{FOLDER}/own-authority.pem"
"""Only on the host that holds the key: what :data:`FOLDER` says it trusts may be an older one."""

LAST_DAYS = 2 * certificates.DAYS
"""An authority with less time left than this is replaced: what it signs must not outlive it."""

MOST_HOSTS = 20


def run(
    request: Mapping[str, Any], emit: Callable[[dict[str, Any]], None], paths: Paths | None = None
) -> None:
    """Carry out one action and emit its ``result``; raises :class:`HostError`."""
    action = _ACTIONS.get(str(request.get("action", "")))
    if action is None:
        raise HostError("validation", plain(f"unknown action {request.get('action')!r}"))
    old = os.umask(0o022)
    try:
        host = certificates.checked_name(request.get("host", ""))
        emit({"event": "result", **action(host, request, paths or Paths())})
    except LinkError as error:
        raise HostError("validation", plain(error.text), error.tail) from None
    except OSError as error:
        raise disk.host_error(error, FOLDER) from error
    finally:
        os.umask(old)


def _status(host: str, request: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    folder = paths.real(FOLDER)
    answer = {
        "ready": False,
        "why": "",
        "authority": "",
        "expires": 0,
        "holds_authority": _own_authority(paths) is not None,
    }
    try:
        answer["authority"] = certificates.read(f"{folder}/authority.pem").fingerprint
        found = certificates.ready(folder, host)
    except LinkError as error:
        return {**answer, "why": error.text}
    answer["expires"] = int(found.ends)
    if found.worn(time.time()):
        return {**answer, "why": "The certificate has less than a third of its time left."}
    return {**answer, "ready": True}


def _request(host: str, request: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    _make_folder(paths)
    pending = paths.real(f"{FOLDER}/pending.key")
    if not os.path.isfile(pending):
        certificates.make_key(pending)
    return {"request": certificates.make_request(pending, host)}


def _sign(host: str, request: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    requests = request.get("requests")
    if not isinstance(requests, Mapping) or len(requests) > MOST_HOSTS:
        raise HostError("validation", plain("sign needs the requests of some servers"))
    for name, text in requests.items():
        certificates.check_request(text, certificates.checked_name(name))
    _make_folder(paths)
    key, authority = paths.real(AUTHORITY_KEY), paths.real(AUTHORITY)
    if _own_authority(paths) is None:
        os.makedirs(os.path.dirname(key), mode=0o700, exist_ok=True)
        certificates.make_authority(key, authority)
    with open(authority, encoding="ascii") as file:
        told = file.read()
    _own_certificate(host, told, paths)
    return {
        "authority": told,
        "certificates": {
            name: certificates.issue(text, name, authority=authority, key=key)
            for name, text in requests.items()
        },
    }


def _own_certificate(host: str, authority: str, paths: Paths) -> None:
    folder = paths.real(FOLDER)
    state = _status(host, {}, paths)
    ours = certificates.read(paths.real(AUTHORITY)).fingerprint
    if state["ready"] and state["authority"] == ours:
        return
    pending = f"{folder}/pending.key"
    certificates.make_key(pending)
    made = certificates.issue(
        certificates.make_request(pending, host),
        host,
        authority=paths.real(AUTHORITY),
        key=paths.real(AUTHORITY_KEY),
        server=True,
    )
    certificates.place(folder, pending, made, authority)
    _tell_web_server(paths)


def _install(host: str, request: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    folder = paths.real(FOLDER)
    pending = f"{folder}/pending.key"
    if not os.path.isfile(pending):
        raise HostError("validation", said("No key waits for a certificate on this server."))
    certificate, authority = request.get("certificate", ""), request.get("authority", "")
    certificates.place(folder, pending, certificate, authority)
    _tell_web_server(paths)
    return {"expires": int(certificates.ready(folder, host).ends)}


def _own_authority(paths: Paths) -> certificates.Certificate | None:
    """The authority on this host, unless it is missing or near its end."""
    if not os.path.isfile(paths.real(AUTHORITY_KEY)):
        return None
    try:
        found = certificates.read(paths.real(AUTHORITY))
    except LinkError:
        return None
    return found if found.ends - time.time() > 86400 * LAST_DAYS else None


def _make_folder(paths: Paths) -> None:
    folder = paths.real(FOLDER)
    disk.make_parents(folder)
    os.makedirs(folder, mode=0o755, exist_ok=True)


def _tell_web_server(paths: Paths) -> None:
    """Let nginx read the new files if it runs; the plan starts it where it does not yet."""
    if not paths.root:
        words = ("systemctl", "try-reload-or-restart", "nginx.service")
        execute(Call(words, timeout=120))


_ACTIONS: dict[str, Callable[[str, Mapping[str, Any], Paths], dict[str, Any]]] = {
    "status": _status,
    "request": _request,
    "sign": _sign,
    "install": _install,
}
