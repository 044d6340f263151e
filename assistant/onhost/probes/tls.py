"""The tls probe: a handshake with a given server name, a control name, or none."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import ssl
import time

from assistant.onhost.probes.exchange import MAX_READ, Attempt, connect

_PADDING = [f"x-padding-{number}-" + "x" * 200 for number in range(8)]
"""Protocols nobody speaks: offered along with a real one they make a hello longer than a packet."""

_PAUSE = 0.5

_SPOKEN = ("TLSV1_", "TLSV13_", "SSLV3_ALERT_")
"""How OpenSSL names the refusals that a server has sent; all else is the client's own."""


def context(
    ca: str = "", *, verify: bool = True, authority: str = "", size: str = "", alpn: str = ""
) -> ssl.SSLContext:
    """A client context on the system's trust store, plus certificates in PEM text.

    ``authority``: the path of a file with the only certificates to trust. ``size`` of the hello:
    ``small`` (about 520 bytes, however many key shares OpenSSL sends by itself), ``large`` (longer
    than one packet), ``brief`` (small, and what it offers makes servers refuse with an alert, so
    that the answer is small too), else whatever OpenSSL makes. ``alpn``: the protocol to offer.
    """
    made = ssl.create_default_context(cafile=authority or None)
    if authority:
        # Python 3.13 asks for fields that an authority of a few hosts has no use for.
        made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if size == "large":
        made.set_alpn_protocols(["http/1.1", *_PADDING])
    elif size == "small":
        made.set_ecdh_curve("prime256v1")
    elif size == "brief":
        # No server has this group switched on by itself, and without one there is no key.
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers("ECDHE+AESGCM")
        made.set_ecdh_curve("brainpoolP256r1")
    if alpn:
        made.set_alpn_protocols([alpn])
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
        wrapped = made.wrap_socket(
            sock, server_hostname=name or None, do_handshake_on_connect=False
        )
        attempt.keep(wrapped)
        wrapped.do_handshake()
    except ssl.SSLError as error:
        if str(error.reason or "").startswith(_SPOKEN):
            attempt.data["alert"] = True
        raise
    finally:
        attempt.data["handshake_ms"] = round((time.perf_counter() - start) * 1000, 1)
    return wrapped


def hello_size(made: ssl.SSLContext, name: str) -> int:
    """Bytes of the first message that a handshake with this context and name sends."""
    out = ssl.MemoryBIO()
    speaker = made.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name or None)
    with contextlib.suppress(ssl.SSLWantReadError):
        speaker.do_handshake()
    return len(out.read())


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

    ``authority``, ``certificate`` and ``key`` are paths on this machine: of the only certificates
    to trust, and of our own certificate and its key. ``size`` and ``alpn`` are those of
    :func:`context`; ``data.hello`` is how many bytes the hello had, ``data.alert`` whether the
    other side refused in TLS. ``send`` (base64) is written afterwards; ``read`` (bytes) is how much
    of the answer goes to ``data.reply`` (base64) at most; it has ended when nothing comes for a
    moment, but not before the bytes ``until`` (base64) have come, if given. TLS 1.3 tells only
    there whether the other side accepts our certificate: a refusal fails as ``tls-handshake`` or
    ``closed``, and silence as ``timeout``.
    """
    host, port, name = attempt.text("host"), attempt.port(), attempt.text("sni")
    verify = bool(attempt.probe.get("verify", True))
    attempt.data["sni"] = name
    sock = connect(attempt, host, port)
    made = context(
        attempt.text("ca"),
        verify=verify,
        authority=attempt.text("authority"),
        size=attempt.text("size"),
        alpn=attempt.text("alpn"),
    )
    if attempt.text("certificate"):
        made.load_cert_chain(attempt.text("certificate"), attempt.text("key"))
    if not name:
        made.check_hostname = False
    attempt.data["hello"] = hello_size(made, name)
    try:
        wrapped = handshake(attempt, sock, made, name)
        _describe(attempt, wrapped)
    except ssl.SSLCertVerificationError as error:
        attempt.data["verify_code"] = error.verify_code
        attempt.data["verify_text"] = str(error.verify_message)
        try:
            again = connect(attempt, host, port)
            _describe(attempt, handshake(attempt, again, context(verify=False), name))
        except OSError as second:
            attempt.data["second"] = str(second)[:200]
        raise error from None
    _talk(attempt, wrapped)


def _talk(attempt: Attempt, wrapped: ssl.SSLSocket) -> None:
    if attempt.text("send"):
        wrapped.settimeout(attempt.left())
        wrapped.sendall(attempt.payload("send"))
    wanted = min(MAX_READ, int(attempt.number("read")))
    if wanted > 0:
        until = attempt.payload("until") if attempt.text("until") else b""
        got = _read(attempt, wrapped, wanted, until)
        attempt.data["reply"] = base64.b64encode(got).decode("ascii")


def _read(attempt: Attempt, wrapped: ssl.SSLSocket, wanted: int, until: bytes) -> bytes:
    got = b""
    while len(got) < wanted:
        whole = got and until in got
        try:
            wrapped.settimeout(min(_PAUSE, attempt.left()) if whole else attempt.left())
            part = wrapped.recv(wanted - len(got))
        except OSError:
            if got:
                break
            raise
        if not part:
            break
        got += part
    if not got:
        raise EOFError("closed without a byte")
    return got
