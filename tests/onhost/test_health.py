"""The health probe over TLS: it names the host it is about, and takes any certificate."""

from __future__ import annotations

import datetime
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from assistant.onhost.handlers.service import probe


@pytest.fixture
def server(tmp_path: Path) -> Iterator[int]:
    """A server that refuses whoever does not say ``chat.example`` (the port it listens on)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(1))
    ).sign(key, hashes.SHA256())
    pem = tmp_path / "both.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def named(_sock: object, said: str | None, _context: object) -> int | None:
        return None if said == "chat.example" else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    context.sni_callback = named

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if self.headers["Host"] != "chat.example" else 200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as made_server:
        made_server.socket = context.wrap_socket(made_server.socket, server_side=True)
        thread = threading.Thread(target=made_server.serve_forever, daemon=True)
        thread.start()
        yield made_server.server_address[1]
        made_server.shutdown()


def test_the_name_is_said_in_tls_and_in_http(server: int) -> None:
    assert probe(f"https://127.0.0.1:{server}/", "chat.example", 5) == ""
    assert "nrecogni" in probe(f"https://127.0.0.1:{server}/", "other.example", 5).lower()


def test_without_a_name_the_address_is_asked(server: int) -> None:
    assert probe(f"https://127.0.0.1:{server}/", "", 5)


def test_nobody_there_is_a_refusal(server: int) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as free:
        port = free.server_address[1]
    assert probe(f"https://127.0.0.1:{port}/", "chat.example", 5) == "connection refused"
