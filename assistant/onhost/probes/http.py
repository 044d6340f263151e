"""The http probe: one request, one answer, one redirect at most, no proxy used."""

from __future__ import annotations

import base64
import http.client
from urllib.parse import urljoin, urlsplit

from assistant.onhost.probes.exchange import Attempt, connect
from assistant.onhost.probes.tls import context, handshake

MAX_BODY = 8 * 1024
REDIRECTS = (301, 302, 303, 307, 308)
KEPT_HEADERS = (
    "content-type", "content-length", "location", "server", "access-control-allow-origin",
    "retry-after", "via",
)  # fmt: skip


def http_target(url: str) -> tuple[bool, str, int, str]:
    """(TLS?, host, port, path with query) of a URL; ``ValueError`` when it is not http(s)."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError(f"not an http address: {url!r}")
    if any(ord(c) <= 32 or ord(c) == 127 for c in url):
        raise ValueError(f"a space or a control character in {url!r}")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return secure, parts.hostname, parts.port or (443 if secure else 80), path


USER_AGENT = "curl/8.5.0"
"""A common one: on plain HTTP everybody on the way reads it, and a name of ours would tell."""


def http_request(attempt: Attempt) -> None:
    """Ask for ``url``; any status is an answer and so a success.

    ``address`` is connected to instead of what the name resolves to; ``host_header`` replaces the
    Host header (and with TLS, not the name in the handshake); ``method``, ``headers`` (object),
    ``body`` (text); ``max_bytes`` of the answer (at most 8 KB). ``verify``, ``ca`` as in ``tls``.
    ``data``: ``status``, ``headers`` (lower-case, some), ``body`` (text; with ``raw`` in base64
    instead), ``truncated``. With ``follow`` one redirect is followed, wherever its name resolves
    to, and ``redirected`` tells where it led.
    """
    url = attempt.text("url")
    _ask(attempt, url, attempt.text("address"))
    location = str(attempt.data["headers"].get("location", ""))
    if attempt.probe.get("follow") and attempt.data["status"] in REDIRECTS and location:
        target = urljoin(url, location)
        same = urlsplit(target).netloc == urlsplit(url).netloc
        attempt.data["redirected"] = target[:300]
        _ask(attempt, target, attempt.text("address") if same else "")


def _ask(attempt: Attempt, url: str, address: str) -> None:
    secure, name, port, path = http_target(url)
    sock = connect(attempt, address or name, port)
    if secure:
        verify = bool(attempt.probe.get("verify", True))
        sock = handshake(attempt, sock, context(attempt.text("ca"), verify=verify), name)
    connection = http.client.HTTPConnection(name, port)
    connection.sock = sock
    standard = port == (443 if secure else 80)
    shown = f"[{name}]" if ":" in name else name
    headers = {
        "Host": attempt.text("host_header", shown if standard else f"{shown}:{port}"),
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
        "Connection": "close",
    }
    headers.update({str(k): str(v) for k, v in dict(attempt.probe.get("headers") or {}).items()})
    body = attempt.text("body").encode() or None
    sock.settimeout(attempt.left())
    connection.request(attempt.text("method", "GET"), path, body=body, headers=headers)
    answer = connection.getresponse()
    attempt.data["status"] = answer.status
    attempt.data["headers"] = {
        key: value[:300] for key in KEPT_HEADERS if (value := answer.getheader(key)) is not None
    }
    limit = max(0, min(MAX_BODY, int(attempt.number("max_bytes", MAX_BODY))))
    got = b""
    # An answer that was read to its end has closed the socket, which then takes no timeout.
    while len(got) <= limit and not answer.isclosed():
        sock.settimeout(attempt.left())
        part = answer.read1(limit + 1 - len(got))
        if not part:
            break
        got += part
    attempt.data["truncated"] = len(got) > limit
    got = got[:limit] if attempt.data["truncated"] else got
    if attempt.probe.get("raw"):
        attempt.data["body"] = base64.b64encode(got).decode("ascii")
    else:
        attempt.data["body"] = got.decode("utf-8", "replace")
    if answer.length and not attempt.data["truncated"]:
        raise http.client.IncompleteRead(got, answer.length)
