"""Probes of a line at home, and of TLS with certificates of our own."""

from __future__ import annotations

import base64
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from assistant.onhost.probes import batch, home
from tests.onhost.test_probes import one

ROUTES = (
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    "{default}"
)


@pytest.mark.parametrize(
    ("line", "gateway"),
    [
        ("eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n", "192.168.1.1"),
        ("ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n", ""),
        ("", ""),
    ],
)
def test_the_gateway_is_read_from_the_routes(line: str, gateway: str) -> None:
    assert home.default_gateway(ROUTES.format(default=line)) == gateway


@contextmanager
def nat_pmp(answer: bytes | None) -> Iterator[int]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(5)

    def serve() -> None:
        try:
            while True:
                asked, where = sock.recvfrom(64)
                assert asked == b"\0\0"
                if answer is not None:
                    sock.sendto(answer, where)
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield sock.getsockname()[1]
    sock.close()


TOLD = b"\0\x80\0\0" + struct.pack("!I", 7) + socket.inet_aton("100.64.0.9")


@pytest.mark.parametrize(
    ("answer", "wan", "how"),
    [
        (TOLD, "100.64.0.9", "nat-pmp"),
        (b"\0\x80\0\3" + TOLD[4:], "", ""),
        (TOLD[:4] + bytes(8), "", ""),
        (b"?", "", ""),
        (None, "", ""),
    ],
)
def test_what_a_router_tells(
    answer: bytes | None, wan: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "default_gateway", lambda text: "127.0.0.1")
    monkeypatch.setattr(home, "_upnp", lambda attempt, gateway: "")
    with nat_pmp(answer) as port:
        monkeypatch.setattr(home, "_NAT_PMP", port)
        event = one("router", timeout=4)
    assert event["ok"] and event["data"]["gateway"] == "127.0.0.1"
    assert (event["data"]["wan"], event["data"]["how"]) == (wan, how)
    assert event["data"]["local"] == "127.0.0.1"


def test_without_a_gateway_there_is_no_router(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "default_gateway", lambda text: "")
    assert one("router", timeout=2)["error"] == "unreachable"


def test_a_router_is_asked_by_upnp_too(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (
        "<root><service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType>"
        "<controlURL>/no</controlURL></service><service><serviceType>"
        "urn:schemas-upnp-org:service:WANPPPConnection:1</serviceType>"
        "<controlURL>/ctl/wan</controlURL></service></root>"
    )
    asked: list[tuple[str, str]] = []

    def exchange(attempt: Any, gateway: str, url: str, service: str, path: str = "") -> str:
        asked.append((service, path))
        return "<NewExternalIPAddress>241.9.9.9</NewExternalIPAddress>" if service else page

    monkeypatch.setattr(home, "_exchange", exchange)
    attempt: Any = None
    assert home._upnp_address(attempt, "http://192.168.1.1:5000/d.xml", "192.168.1.1") == (
        "241.9.9.9"
    )
    assert asked == [("", ""), ("WANPPPConnection:1", "/ctl/wan")]


def test_the_destination_ends_the_hops() -> None:
    # The loopback device answers a datagram to a closed port with "unreachable" itself.
    event = one("hops", address="127.0.0.1", timeout=5)
    assert event["ok"] and event["data"]["hops"] == ["127.0.0.1"]


def test_notes_of_an_error_name_who_complained() -> None:
    def note(kind: int) -> list[tuple[int, int, bytes]]:
        error = struct.pack("=IBBBBII", 113, 2, kind, 0, 0, 0, 0)
        where = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton("100.64.0.1"))
        return [(0, home._RECVERR, error + where)]

    assert home._offender(note(11)) == ("100.64.0.1", False)
    assert home._offender(note(3)) == ("100.64.0.1", True)
    assert home._offender(note(5)) == home._offender([]) == ("", False)


def read(path: Path | str) -> dict[str, Any]:
    return one("file", path=str(path))


def test_only_files_that_are_no_secret_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "READABLE", (f"{tmp_path}/open/",))
    folder = tmp_path / "open"
    folder.mkdir()
    for name, mode in (("a.pem", 0o644), ("key.pem", 0o600), ("state.json", 0o600)):
        (folder / name).write_text(name, "utf-8")
        (folder / name).chmod(mode)
    (tmp_path / "other.json").write_text("x", "utf-8")
    (folder / "link.json").symlink_to(tmp_path / "other.json")
    found = read(folder / "a.pem")
    assert found["data"]["text"] == "a.pem" and 0 <= found["data"]["age"] < 60
    assert read(folder / "state.json")["ok"]
    for refused in ("key.pem", "../other.json", "link.json", "../open"):
        event = read(folder / refused)
        assert (not event["ok"] and "text" not in event["data"]) or event["data"]["text"] != "x"
        assert event["error"] in ("permission", "other"), refused
    assert read(folder / "none.json")["error"] == "name"
    assert batch.PROBES["file"] is home.public_file


def test_what_may_be_read_is_little() -> None:
    unmoved = home.READABLE
    assert all(path.startswith(("/etc/matrix-assistant/link/", "/var/lib/")) for path in unmoved)
    assert read("/etc/shadow")["error"] == "permission"
    secret = "/var/lib/matrix-assistant/secrets/dyndns-token"
    assert read(secret)["error"] == "permission"
    assert read(f"{unmoved[0]}../../shadow.json")["error"] == "permission"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates as links have them, made by what makes them on hosts."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    folder = tmp_path_factory.mktemp("link")
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])

    def save(name: str, subject: str, own: ec.EllipticCurvePrivateKey, ca: bool) -> None:
        cert = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(issuer)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        (folder / f"{name}.key").write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    save("authority", "authority", key, ca=True)
    for name in ("server", "client"):
        save(name, name, ec.generate_private_key(ec.SECP256R1()), ca=False)
    return folder


@contextmanager
def tls_server(folder: Path, *, client: bool, reply: bytes = b"") -> Iterator[int]:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "server.pem", folder / "server.key")
    if client:
        made.load_verify_locations(folder / "authority.pem")
        made.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                sock, _ = listener.accept()
                sock.settimeout(5)
                with made.wrap_socket(sock, server_side=True) as line:
                    got = line.recv(4096)
                    if reply:
                        line.sendall(reply + got)
                        stop.wait(3)
            except OSError:
                continue

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    stop.set()
    listener.close()


def test_a_client_certificate_opens_a_link_and_none_does_not(authority: Path) -> None:
    ours = {
        "authority": str(authority / "authority.pem"),
        "certificate": str(authority / "client.pem"),
        "key": str(authority / "client.key"),
    }
    with tls_server(authority, client=True, reply=b"through ") as port:
        asked = base64.b64encode(b"?").decode()
        way = {"host": "127.0.0.1", "port": port, "sni": "", "send": asked, "read": 9, "timeout": 6}
        good = one("tls", **way, **ours)
        assert good["ok"] and good["data"]["der"] and good["data"]["reply"]
        stranger = one("tls", **way, verify=False)
        assert not stranger["ok"] and stranger["error"] in ("tls-handshake", "closed", "reset")
        public = one("tls", **way)
        assert public["error"] == "tls-verify", "the system's authorities do not know ours"


def test_something_is_said_and_answered_over_tls(authority: Path) -> None:
    with tls_server(authority, client=False, reply=b"you said ") as port:
        sent = base64.b64encode(b"hello").decode()
        event = one("tls", host="127.0.0.1", port=port, sni="", verify=False, send=sent, read=99,
                    timeout=6)  # fmt: skip
    assert base64.b64decode(event["data"]["reply"]) == b"you said hello"
    assert event["ms"] < 2500, "an answer that has ended is not waited for"


def test_a_large_hello_is_longer_than_a_packet() -> None:
    sizes = []
    for size in ("small", "large"):
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(5)
        got: list[int] = []

        def take(listener: socket.socket = listener, got: list[int] = got) -> None:
            sock, _ = listener.accept()
            sock.settimeout(5)
            head = sock.recv(5, socket.MSG_WAITALL)
            got.append(int.from_bytes(head[3:5], "big"))
            sock.close()

        thread = threading.Thread(target=take)
        thread.start()
        one("tls", host="127.0.0.1", port=listener.getsockname()[1], sni="a.example", size=size,
            timeout=3)  # fmt: skip
        thread.join(5)
        listener.close()
        sizes += got
    assert sizes[0] < 600 and sizes[1] > 1400


def test_a_listener_tells_its_visitor_who_it_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    events: list[dict[str, Any]] = []

    def emit(event: dict[str, Any]) -> None:
        events.append(event)
        if event["event"] == "listening":
            with socket.create_connection(("127.0.0.1", port), timeout=5) as visit:
                events.append({"event": "read", "text": visit.recv(99)})

    probe = {"id": "l", "kind": "listen", "port": port, "nonce": "n", "tell": True,
             "seconds": 10, "expect": 1}  # fmt: skip

    def later(event: dict[str, Any]) -> None:
        if event["event"] == "listening":
            threading.Thread(target=emit, args=(event,)).start()
        else:
            events.append(event)

    batch.run({"probes": [probe], "deadline": 12}, later)
    assert {"event": "read", "text": b"n 127.0.0.1\n"} in events
