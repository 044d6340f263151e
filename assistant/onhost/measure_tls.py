"""The tls probe: a handshake with a given server name, a control name, or none."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import time

from assistant.onhost.measure_exchange import Attempt, connect


def context(ca: str = "", *, verify: bool = True) -> ssl.SSLContext:
    """A client context on the system's trust store, plus certificates in PEM text."""
    made = ssl.create_default_context()
    if ca:
        made.load_verify_locations(cadata=ca)
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def handshake(
    attempt: Attempt, sock: socket.socket, made: ssl.SSLContext, name: str
) -> ssl.SSLSocket:
    """Speak TLS on a connection; ``data.handshake_ms`` tells how long it went well or not."""
    if not name:
        made.check_hostname = False
    start = time.perf_counter()
    try:
        sock.settimeout(attempt.left())
        wrapped = made.wrap_socket(sock, server_hostname=name or None)
    finally:
        attempt.data["handshake_ms"] = round((time.perf_counter() - start) * 1000, 1)
    attempt.keep(wrapped)
    return wrapped


def _describe(attempt: Attempt, wrapped: ssl.SSLSocket) -> None:
    der = wrapped.getpeercert(binary_form=True) or b""
    attempt.data["version"] = wrapped.version() or ""
    attempt.data["sha256"] = hashlib.sha256(der).hexdigest()
    attempt.data["der"] = base64.b64encode(der).decode("ascii")


def tls(attempt: Attempt) -> None:
    """Connect to ``host``:``port`` and shake hands as ``sni`` (empty: no name is sent).

    With ``verify`` (default) the certificate is checked against the system's trust store plus
    ``ca`` (PEM text), and against ``sni`` when there is one. A certificate that is not trusted
    fails as ``tls-verify`` with ``verify_code`` (OpenSSL's number) and ``verify_text``, and a
    second handshake fetches it all the same. ``data``: ``version``, ``der`` (the leaf
    certificate, base64), ``sha256`` (of the leaf), ``handshake_ms``.
    """
    host, port, name = attempt.text("host"), attempt.port(), attempt.text("sni")
    verify = bool(attempt.probe.get("verify", True))
    attempt.data["sni"] = name
    sock = connect(attempt, host, port)
    made = context(attempt.text("ca"), verify=verify)
    try:
        _describe(attempt, handshake(attempt, sock, made, name))
    except ssl.SSLCertVerificationError as error:
        attempt.data["verify_code"] = error.verify_code
        attempt.data["verify_text"] = str(error.verify_message)
        try:
            again = connect(attempt, host, port)
            _describe(attempt, handshake(attempt, again, context(verify=False), name))
        except OSError as second:
            attempt.data["second"] = str(second)[:200]
        raise error from None
