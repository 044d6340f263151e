"""Synapse's admin API, asked on the host itself.

The registration secret is read where it lies and never leaves the host; requests go to loopback
only, past any proxy setting.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from assistant.onhost.contract import HostError
from assistant.onhost.said import Said, said

BASE = "http://127.0.0.1:8008"
SECRET_FILE = "/etc/matrix-synapse/registration_shared_secret"  # noqa: S105 - a path

_TIMEOUT = 60
_TRIES = 5
_LONGEST_WAIT = 30.0


class ApiError(HostError):
    """Synapse refused; ``status`` is the HTTP status, ``code`` Matrix' errcode."""

    def __init__(self, status: int, code: str, told: str, what: Said) -> None:
        super().__init__(
            "command",
            said("Synapse refused {what}: {answer}.", what=what, answer=told or f"HTTP {status}"),
        )
        self.status = status
        self.code = code


class AdminApi:
    """One Synapse on this host."""

    def __init__(self, base: str = BASE, secret_file: str = SECRET_FILE) -> None:
        self._base = base
        self._secret_file = secret_file
        # An HTTP proxy of the host's environment must not see any of this.
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def register(
        self, localpart: str, password: str, *, admin: bool, displayname: str, login: bool
    ) -> dict[str, Any]:
        """Make a user; with ``login`` the answer has access_token and device_id.

        Source: Synapse's documentation, "Shared-Secret Registration".
        """
        secret = self._secret()
        path = "/_synapse/admin/v1/register"
        nonce = str(self._call("GET", path, what=said("to make a user")).get("nonce", ""))
        parts = (nonce, localpart, password, "admin" if admin else "notadmin")
        mac = hmac.new(secret, b"\0".join(part.encode() for part in parts), hashlib.sha1)
        body = {
            "nonce": nonce,
            "username": localpart,
            "displayname": displayname or localpart,
            "password": password,
            "admin": admin,
            "mac": mac.hexdigest(),
            "inhibit_login": not login,
        }
        return self._call("POST", path, body, what=said("to make the user {user}", user=localpart))

    def deactivate(self, token: str, user_id: str) -> bool:
        """Deactivate and erase a user; False when there is none of that name."""
        path = f"/_synapse/admin/v1/deactivate/{quote(user_id, safe='')}"
        try:
            self._call(
                "POST",
                path,
                {"erase": True},
                token=token,
                what=said("to remove {user}", user=user_id),
            )
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def set_password(self, token: str, user_id: str, password: str, *, log_out: bool) -> None:
        """Give a user a new password; ``log_out`` ends its sessions too."""
        path = f"/_synapse/admin/v1/reset_password/{quote(user_id, safe='')}"
        body = {"new_password": password, "logout_devices": log_out}
        self._call(
            "POST", path, body, token=token, what=said("a new password for {user}", user=user_id)
        )

    def log_in(self, localpart: str, password: str) -> dict[str, Any]:
        """Log in with a password: user_id, access_token, device_id."""
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": localpart},
            "password": password,
        }
        path = "/_matrix/client/v3/login"
        return self._call("POST", path, body, what=said("to log {user} in", user=localpart))

    def _secret(self) -> bytes:
        try:
            return Path(self._secret_file).read_bytes().strip()
        except OSError as error:
            raise HostError(
                "missing-secret",
                said(
                    "The registration secret {path} cannot be read ({error}): apply the setup "
                    "first.",
                    path=self._secret_file,
                    error=error.strerror,
                ),
            ) from None

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str = "",
        what: Said,
    ) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        for left in reversed(range(_TRIES)):
            request = urllib.request.Request(  # noqa: S310 - a loopback address of ours
                self._base + path, data=data, headers=headers, method=method
            )
            try:
                with self._open(request, timeout=_TIMEOUT) as answer:
                    return _object(answer.read())
            except urllib.error.HTTPError as error:
                told = _object(error.read())
                if error.code == 429 and left:
                    time.sleep(_wait(told))
                    continue
                if error.code in (502, 503, 504):
                    raise _silent(str(error.code)) from None
                text, code = str(told.get("error", "")), str(told.get("errcode", ""))
                raise ApiError(error.code, code, text.rstrip("."), what) from None
            except (OSError, http.client.HTTPException) as error:
                raise _silent(str(getattr(error, "reason", error))) from None
        raise AssertionError("the last try returns or raises")


def _silent(detail: str) -> HostError:
    return HostError(
        "health",
        said("Synapse does not answer on this server: it is still starting, or has stopped."),
        (detail,),
    )


def _wait(told: Mapping[str, Any]) -> float:
    milliseconds = told.get("retry_after_ms", 1000)
    seconds = milliseconds / 1000 if isinstance(milliseconds, (int, float)) else 1.0
    return min(max(seconds, 0.05), _LONGEST_WAIT)


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
