"""The measuring program against real servers on loopback."""

from __future__ import annotations

import base64
import contextlib
import datetime
import errno
import http.client
import ipaddress
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from assistant.onhost.probes import batch, listen, tls
from assistant.onhost.probes.errors import ERROR_KINDS, classify
from assistant.onhost.probes.http import http_target

Serve = Callable[[socket.socket], None]


@contextlib.contextmanager
def server(serve: Serve) -> Iterator[int]:
    """A TCP server on loopback that hands each connection to ``serve`` in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def one(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            serve(sock)

    def loop() -> None:
        while not stop.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(sock,), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def silent(sock: socket.socket) -> None:
    while sock.recv(4096):
        pass


def reset(sock: socket.socket) -> None:
    sock.recv(1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset_at_once(sock: socket.socket) -> None:
    time.sleep(0.05)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_close(sock: socket.socket) -> None:
    sock.shutdown(socket.SHUT_WR)
    silent(sock)


def garbage(sock: socket.socket) -> None:
    sock.sendall(b"220 mail.example.org ESMTP\r\n")
    silent(sock)


def banner(sock: socket.socket) -> None:
    sock.sendall(b"SSH-2.0-Test\x1b[31m\r\n")
    silent(sock)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


def run(*probes: dict[str, Any], deadline: float = 10) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    batch.run({"mode": "measure", "probes": probes, "deadline": deadline}, events.append)
    found = [event for event in events if event["event"] == "measurement"]
    assert events[-1] == {"event": "result", "measured": len(found)}
    return found


def one(kind: str, **fields: Any) -> dict[str, Any]:
    event = run({"id": "p", "kind": kind, **fields})[0]
    assert event["error"] in ("", *ERROR_KINDS) and event["ok"] == (event["error"] == "")
    return event


class Authority:
    """A certificate authority and what it signs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.cert = self._sign("Test CA", self.key.public_key(), None, 10, True)
        self.pem = self.cert.public_bytes(serialization.Encoding.PEM).decode()

    def _sign(
        self, name: str, public: Any, names: list[x509.GeneralName] | None, days: int, ca: bool
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=30))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False),
                critical=True,
            )
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def context(self, *names: str, days: int = 90) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        entries: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        entries.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        cert = self._sign(names[0], key.public_key(), entries, days, False)
        path = self.folder / f"{names[0]}-{days}.pem"
        path.write_bytes(
            cert.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(path)
        return made


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def tls_server(context: ssl.SSLContext, answer: bytes = b"") -> Serve:
    def serve(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as wrapped:
            if answer:
                # Closing with something unread would reset the connection.
                wrapped.recv(4096)
                wrapped.sendall(answer)
                wrapped.shutdown(socket.SHUT_WR)
            silent(wrapped)

    return serve


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(), "refused"),
        (ConnectionResetError(), "reset"),
        (BrokenPipeError(), "reset"),
        (TimeoutError(), "timeout"),
        (OSError(errno.ETIMEDOUT, "x"), "timeout"),
        (OSError(errno.EHOSTUNREACH, "x"), "unreachable"),
        (OSError(errno.ENETUNREACH, "x"), "unreachable"),
        (OSError(10051, "windows: network unreachable"), "unreachable"),
        (OSError(10048, "windows: in use"), "in-use"),
        (OSError(errno.EADDRINUSE, "x"), "in-use"),
        (PermissionError(errno.EACCES, "x"), "permission"),
        (socket.gaierror(socket.EAI_NONAME, "x"), "name"),
        (UnicodeError("label too long"), "name"),
        (ssl.SSLCertVerificationError(1, "x"), "tls-verify"),
        (ssl.SSLEOFError(8, "x"), "closed"),
        (ssl.SSLZeroReturnError(6, "x"), "closed"),
        (ssl.SSLSyscallError(errno.ECONNRESET, "x"), "reset"),
        (ssl.SSLError(1, "wrong version number"), "tls-handshake"),
        (http.client.RemoteDisconnected("x"), "closed"),
        (http.client.BadStatusLine("x"), "other"),
        (EOFError(), "closed"),
        (OSError(errno.EMFILE, "x"), "other"),
        (ValueError("x"), "other"),
    ],
)
def test_every_error_has_one_kind(error: BaseException, kind: str) -> None:
    assert classify(error) == kind
    assert kind in ERROR_KINDS


def test_tcp_reads_a_banner_and_makes_it_printable() -> None:
    with server(banner) as port:
        event = one("tcp", host="127.0.0.1", port=port, read=64, timeout=3)
    assert event["ok"]
    assert event["data"]["banner"] == r"SSH-2.0-Test\x1b[31m"
    assert event["data"]["address"] == "127.0.0.1"
    assert event["ms"] >= 0


@pytest.mark.parametrize(
    ("serve", "read", "error", "connected"),
    [
        (silent, 0, "", True),
        (silent, 10, "timeout", True),
        (half_close, 10, "closed", True),
        (reset_at_once, 10, "reset", True),
    ],
)
def test_tcp_says_how_far_it_came(serve: Serve, read: int, error: str, connected: bool) -> None:
    with server(serve) as port:
        event = one("tcp", host="127.0.0.1", port=port, read=read, timeout=0.4)
    assert (event["error"], event["data"]["connected"]) == (error, connected)


def test_tcp_refused_and_unknown_name() -> None:
    assert one("tcp", host="127.0.0.1", port=free_port())["error"] == "refused"
    assert one("tcp", host="no-such-name.invalid", port=80)["error"] == "name"


def test_tcp_sends_what_it_was_given() -> None:
    def echo(sock: socket.socket) -> None:
        sock.sendall(sock.recv(100).upper() + b"\n")

    with server(echo) as port:
        send = base64.b64encode(b"hello").decode()
        event = one("tcp", host="127.0.0.1", port=port, send=send, read=100)
    assert event["data"]["banner"] == "HELLO"


@pytest.mark.parametrize(
    "probe",
    [
        {"id": "x", "kind": "tcp", "host": "127.0.0.1", "port": 0},
        {"id": "x", "kind": "tcp", "host": "127.0.0.1", "port": "many"},
        {"id": "x", "kind": "unheard-of"},
        {"id": "x", "kind": "tcp", "repeat": "often"},
        {"id": "x", "kind": "udp", "address": "not an address", "port": 53, "payload": "AA=="},
        {"id": "x", "kind": "udp", "address": "127.0.0.1", "port": 53, "payload": "!"},
        {"id": "x", "kind": "http", "url": "file:///etc/passwd"},
    ],
)
def test_a_probe_that_makes_no_sense_is_a_failed_measurement(probe: dict[str, Any]) -> None:
    (event,) = run(probe)
    assert not event["ok"] and event["error"] in ("other", "name") and event["data"]["text"]


def test_repeats_come_one_by_one() -> None:
    with server(silent) as port:
        events = run(
            {"id": "r", "kind": "tcp", "host": "127.0.0.1", "port": port, "repeat": 3, "pause": 0.1}
        )
    assert [event["data"]["attempt"] for event in events] == [1, 2, 3]


def test_tls_with_a_trusted_certificate(authority: Authority) -> None:
    with server(tls_server(authority.context("chat.example.org"))) as port:
        event = one("tls", host="127.0.0.1", port=port, sni="chat.example.org", ca=authority.pem)
    assert event["ok"], event
    leaf = x509.load_der_x509_certificate(base64.b64decode(event["data"]["der"]))
    assert leaf.fingerprint(hashes.SHA256()).hex() == event["data"]["sha256"]
    assert event["data"]["version"].startswith("TLSv1.")


@pytest.mark.parametrize(
    ("days", "name", "with_ca", "code"),
    [
        (90, "chat.example.org", False, 20),
        (-1, "chat.example.org", True, 10),
        (90, "b.org", True, 62),
    ],
)
def test_tls_gets_the_certificate_that_it_does_not_trust(
    authority: Authority, days: int, name: str, with_ca: bool, code: int
) -> None:
    with server(tls_server(authority.context("chat.example.org", days=days))) as port:
        ca = authority.pem if with_ca else ""
        event = one("tls", host="127.0.0.1", port=port, sni=name, ca=ca)
    assert event["error"] == "tls-verify"
    assert event["data"]["verify_code"] == code
    leaf = x509.load_der_x509_certificate(base64.b64decode(event["data"]["der"]))
    assert leaf.issuer.rfc4514_string() == "CN=Test CA"


def test_tls_without_a_name_checks_the_chain_only(authority: Authority) -> None:
    seen: list[Any] = []
    context = authority.context("chat.example.org")
    context.sni_callback = lambda _sock, name, _context: seen.append(name)
    with server(tls_server(context)) as port:
        event = one("tls", host="127.0.0.1", port=port, sni="", ca=authority.pem)
    assert event["ok"] and seen == [None]


@pytest.mark.parametrize(
    ("serve", "error"),
    [
        (reset, "reset"),
        (silent, "timeout"),
        (half_close, "closed"),
        (garbage, "tls-handshake"),
    ],
)
def test_tls_failures_have_their_own_kinds(serve: Serve, error: str) -> None:
    with server(serve) as port:
        event = one("tls", host="127.0.0.1", port=port, sni="chat.example.org", timeout=0.5)
    assert event["error"] == error
    assert event["data"]["connected"] and event["data"]["handshake_ms"] >= 0


@pytest.mark.parametrize(("until", "got"), [(b"", b"hello "), (b"world", b"hello world")])
def test_tls_reads_until_the_answer_has_come(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, until: bytes, got: bytes
) -> None:
    """A server greets at once; on a bad line its answer comes much later."""
    monkeypatch.setattr(tls, "_PAUSE", 0.1)

    def serve(sock: socket.socket) -> None:
        context = authority.context("chat.example.org")
        with context.wrap_socket(sock, server_side=True) as wrapped:
            wrapped.sendall(b"hello ")
            time.sleep(0.5)
            wrapped.sendall(b"world")
            silent(wrapped)

    fields = {"until": base64.b64encode(until).decode(), "ca": authority.pem, "read": 99}
    with server(serve) as port:
        event = one("tls", host="127.0.0.1", port=port, sni="chat.example.org", **fields)
    assert base64.b64decode(event["data"]["reply"]) == got


def answering(answer: bytes, seen: list[bytes] | None = None) -> Serve:
    def serve(sock: socket.socket) -> None:
        data = sock.recv(4096)
        if seen is not None:
            seen.append(data)
        sock.sendall(answer)

    return serve


def test_http_connects_where_it_is_told_and_follows_nothing() -> None:
    seen: list[bytes] = []
    answer = (
        b"HTTP/1.1 302 Found\r\nLocation: http://block.example/\r\nX-Other: 1\r\n"
        b"Access-Control-Allow-Origin: *\r\nContent-Length: 4\r\n\r\nbody"
    )
    with server(answering(answer, seen)) as port:
        event = one("http", url=f"http://chat.example.org:{port}/a?b=1", address="127.0.0.1")
    assert event["data"]["status"] == 302
    assert event["data"]["headers"]["location"] == "http://block.example/"
    assert event["data"]["headers"]["access-control-allow-origin"] == "*"
    assert "x-other" not in event["data"]["headers"]
    assert event["data"]["body"] == "body" and not event["data"]["truncated"]
    head = seen[0].decode()
    assert head.startswith("GET /a?b=1 HTTP/1.1\r\n")
    assert "matrix" not in head.lower(), "on plain HTTP everybody on the way reads it"
    assert f"Host: chat.example.org:{port}\r\n" in head and head.count("Host:") == 1


def test_http_over_tls_posts_a_body(authority: Authority) -> None:
    context = authority.context("chat.example.org")
    answer = b"HTTP/1.1 403 Forbidden\r\n\r\n" + b"x" * 20_000
    with server(tls_server(context, answer)) as port:
        event = one(
            "http",
            url=f"https://chat.example.org:{port}/register",
            address="127.0.0.1",
            method="POST",
            body="{}",
            ca=authority.pem,
        )
    assert event["ok"], event
    assert event["data"]["status"] == 403
    assert len(event["data"]["body"]) == 8192 and event["data"]["truncated"]


@pytest.mark.parametrize(
    ("serve", "error"),
    [
        (reset, "reset"),
        (half_close, "closed"),
        (silent, "timeout"),
        (garbage, "other"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), "closed"),
    ],
)
def test_http_failures(serve: Serve, error: str) -> None:
    with server(serve) as port:
        event = one("http", url=f"http://127.0.0.1:{port}/", timeout=0.5)
    assert event["error"] == error


def test_http_that_trickles_is_cut_off_in_time() -> None:
    def trickle(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            sock.sendall(b"X-Slow: 1\r\n")
            time.sleep(0.1)

    start = time.monotonic()
    with server(trickle) as port:
        event = one("http", url=f"http://127.0.0.1:{port}/", timeout=0.4)
    assert event["error"] == "timeout" and event["data"]["given_up"]
    assert time.monotonic() - start < 3


def test_http_target() -> None:
    assert http_target("https://a.example/x?y") == (True, "a.example", 443, "/x?y")
    assert http_target("http://[::1]:81") == (False, "::1", 81, "/")
    for bad in ("ftp://a/", "http:///x", "https://u:p@a.example/", "http://a.example/ x"):
        with pytest.raises(ValueError):
            http_target(bad)


def test_udp_keeps_every_reply_with_time_and_source() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as real:
        real.bind(("127.0.0.1", 0))

        def serve() -> None:
            data, where = real.recvfrom(100)
            real.sendto(b"forged " + data, where)
            time.sleep(0.15)
            real.sendto(b"real " + data, where)

        threading.Thread(target=serve, daemon=True).start()
        payload = base64.b64encode(b"question").decode()
        port = real.getsockname()[1]
        event = one("udp", address="127.0.0.1", port=port, payload=payload, wait=1, linger=0.4)
    replies = event["data"]["replies"]
    assert [base64.b64decode(r["payload"]) for r in replies] == [
        b"forged question",
        b"real question",
    ]
    assert replies[1]["ms"] - replies[0]["ms"] > 100
    assert {(r["source"], r["port"]) for r in replies} == {("127.0.0.1", port)}


def test_udp_sends_again_until_something_comes() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as real:
        real.bind(("127.0.0.1", 0))

        def serve() -> None:
            real.recvfrom(100)
            data, where = real.recvfrom(100)
            real.sendto(data, where)

        threading.Thread(target=serve, daemon=True).start()
        event = one(
            "udp", address="127.0.0.1", port=real.getsockname()[1], payload="AAAA",
            wait=2, linger=0, resend=0.2,
        )  # fmt: skip
    assert event["ok"] and len(event["data"]["replies"]) == 1


def test_udp_silence_is_a_timeout() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as real:
        real.bind(("127.0.0.1", 0))
        port = real.getsockname()[1]
        event = one("udp", address="127.0.0.1", port=port, payload="AAAA", wait=0.2)
    assert event["error"] == "timeout" and event["data"]["replies"] == []


def test_resolve() -> None:
    event = one("resolve", name="localhost", family="4")
    assert event["data"]["addresses"] == ["127.0.0.1"]
    assert one("resolve", name="no-such-name.invalid")["error"] == "name"


def test_clock() -> None:
    assert abs(one("clock")["data"]["time"] - time.time()) < 5


def test_listener_answers_with_the_nonce_and_notes_its_visitors() -> None:
    port = free_port()
    events: list[dict[str, Any]] = []
    bound = threading.Event()

    def emit(event: dict[str, Any]) -> None:
        events.append(event)
        if event["event"] == "listening":
            bound.set()

    probe = {"id": "l", "kind": "listen", "port": port, "nonce": "n-1", "seconds": 20, "expect": 2}
    thread = threading.Thread(
        target=batch.run, args=({"probes": [probe], "deadline": 20}, emit), daemon=True
    )
    thread.start()
    assert bound.wait(5)
    for host in ("127.0.0.1", "::1"):
        visit = one("tcp", host=host, port=port, read=100, timeout=2)
        assert visit["data"]["banner"] == "n-1"
    thread.join(5)
    assert not thread.is_alive(), "it ends when the expected visitors came"
    peers = [event for event in events if event["event"] == "peer"]
    assert [(p["address"], p["state"]) for p in peers] == [
        ("127.0.0.1", "answered"),
        ("::1", "answered"),
    ]
    assert events[-2]["data"]["port"] == port and len(events[-2]["data"]["peers"]) == 2


def test_listener_tells_who_has_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        event = one("listen", port=sock.getsockname()[1], nonce="x", seconds=1)
    assert event["error"] == "in-use"
    if Path("/proc/net/tcp").exists():
        assert event["data"]["owner"].startswith("py")


def test_addresses_of_proc_net() -> None:
    assert listen._address("0100007F") == "127.0.0.1"
    assert listen._address("0000000000000000FFFF00000100007F") == "127.0.0.1"
    assert listen._address("0000FF3F" + "00000000" * 2 + "01000000") == "3fff::1"


def test_a_probe_that_hangs_does_not_hold_up_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(batch.PROBES, "resolve", lambda _attempt: time.sleep(8))
    start = time.monotonic()
    events = run(
        {"id": "stuck", "kind": "resolve", "name": "x", "timeout": 0.2},
        {"id": "good", "kind": "clock"},
    )
    assert {e["probe"]: e["error"] for e in events} == {"good": "", "stuck": "timeout"}
    assert time.monotonic() - start < 4


def test_the_deadline_bounds_the_batch() -> None:
    with server(silent) as port:
        probe = {"kind": "tcp", "host": "127.0.0.1", "port": port, "read": 1, "timeout": 60}
        start = time.monotonic()
        events = run(*({"id": str(n), **probe} for n in range(100)), deadline=0.5)
    assert time.monotonic() - start < 4
    assert len(events) == 100 and all(event["error"] == "timeout" for event in events)


def test_stop_ends_a_run() -> None:
    stop = threading.Event()
    events: list[dict[str, Any]] = []
    request = {
        "probes": [{"id": "l", "kind": "listen", "port": 0, "nonce": "x", "seconds": 60}],
        "deadline": 60,
    }

    def emit(event: dict[str, Any]) -> None:
        events.append(event)
        if event["event"] == "listening":
            stop.set()

    start = time.monotonic()
    batch.run(request, emit, stop)
    assert time.monotonic() - start < 5
    assert events[-1]["event"] == "result"


def test_a_reader_that_is_gone_ends_the_listener() -> None:
    port = free_port()

    def emit(event: dict[str, Any]) -> None:
        if event["event"] == "waiting":
            raise BrokenPipeError

    probe = {"id": "l", "kind": "listen", "port": port, "nonce": "x", "seconds": 60}
    start = time.monotonic()
    with pytest.raises(BrokenPipeError):
        batch.run({"probes": [probe], "deadline": 60}, emit)
    assert time.monotonic() - start < 5
    assert not measure_listening(port)


def test_gone_ends_a_run() -> None:
    events: list[dict[str, Any]] = []
    probe = {"id": "l", "kind": "listen", "port": 0, "nonce": "x", "seconds": 60}
    start = time.monotonic()
    batch.run({"probes": [probe], "deadline": 60}, events.append, gone=lambda: bool(events))
    assert time.monotonic() - start < 5 and events[-1]["event"] == "result"


def measure_listening(port: int) -> bool:
    """Whether the port still answers, after a moment for the thread to let go of it."""
    for _ in range(30):
        if one("tcp", host="127.0.0.1", port=port, timeout=1)["error"] == "refused":
            return False
        time.sleep(0.1)
    return True
