"""What the canary says when the homeserver cannot be used: a small fake one on loopback."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from assistant.canary import Account, Side
from assistant.canary.client import Person
from assistant.canary.failures import CanaryError

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def homeserver(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve one function for every path on loopback; gives the port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    assert site._server is not None
    port: int = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        yield port
    finally:
        await runner.cleanup()


def matrix(login: list[web.Response], seen: list[str] | None = None) -> Answer:
    """A homeserver that answers logins from a list and everything else kindly."""

    async def answer(request: web.Request) -> web.StreamResponse:
        path = request.path.rsplit("/", 1)[-1]
        if seen is not None:
            seen.append(f"{path} {request.headers.get('Authorization', '')}")
        if path == "login":
            return login.pop(0)
        if path == "upload":
            return web.json_response({"one_time_key_counts": {"signed_curve25519": 50}})
        if path == "whoami":
            return web.json_response({"user_id": "@a:chat.test", "device_id": "DEV"})
        if path == "sync":
            if "timeout" in request.query:
                await asyncio.sleep(5)
            return web.json_response({"next_batch": "s1"})
        return web.json_response({})

    return answer


def accepted() -> web.Response:
    return web.json_response(
        {"user_id": "@a:chat.test", "device_id": "DEV", "access_token": "syt_fresh"}
    )


def limited(milliseconds: int) -> web.Response:
    body = {"errcode": "M_LIMIT_EXCEEDED", "error": "slow", "retry_after_ms": milliseconds}
    return web.json_response(body, status=429)


async def log_in(
    url: str, *, timeout: float = 5.0, token: str = "", address: str = ""
) -> Person | CanaryError:
    """Try a login; gives the person (left already), or the failure."""
    side = Side(server_name="chat.test", base_url=url, address=address)
    account = Account(
        user_id="@a:chat.test", password="hunter2", access_token=token, device_id="DEV"
    )
    person = Person(side, account, timeout)
    try:
        await person.log_in()
    except CanaryError as error:
        return error
    finally:
        await person.leave("")
    return person


def failure(answer: Answer, **more: object) -> CanaryError:
    async def main() -> Person | CanaryError:
        async with homeserver(answer) as port:
            return await log_in(f"http://127.0.0.1:{port}", **more)  # type: ignore[arg-type]

    error = asyncio.run(main())
    assert isinstance(error, CanaryError), "the login should have failed"
    assert "hunter2" not in str(error.message)
    assert error.__cause__ is None
    return error


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    error = asyncio.run(log_in(f"http://127.0.0.1:{port}"))
    assert isinstance(error, CanaryError)
    assert error.cause == "unreachable"


def test_a_name_without_an_address() -> None:
    error = asyncio.run(log_in("https://no-such-name.invalid"))
    assert isinstance(error, CanaryError)
    assert error.cause == "name"


def test_an_address_in_place_of_the_resolver() -> None:
    async def main() -> Person | CanaryError:
        async with homeserver(matrix([accepted()])) as port:
            return await log_in(f"http://no-such-name.invalid:{port}", address="127.0.0.1")

    assert isinstance(asyncio.run(main()), Person)


def test_synapse_is_down_behind_the_proxy() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")

    error = failure(answer)
    assert error.cause == "bad-gateway"
    assert "502" in str(error.message)


def test_a_block_page() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="<html>96110</html>", content_type="text/html")

    assert failure(answer).cause == "not-matrix"


def test_login_refused() -> None:
    no = web.json_response({"errcode": "M_FORBIDDEN", "error": "hunter2 is wrong"}, status=403)
    assert failure(matrix([no])).cause == "login-refused"


def test_a_server_that_does_not_answer() -> None:
    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    begun = time.monotonic()
    assert failure(answer, timeout=0.3).cause == "timeout"
    assert time.monotonic() - begun < 5


def test_a_short_rate_limit_is_waited_for() -> None:
    async def main() -> tuple[Person | CanaryError, float]:
        async with homeserver(matrix([limited(400), accepted()])) as port:
            begun = time.monotonic()
            return await log_in(f"http://127.0.0.1:{port}"), time.monotonic() - begun

    person, seconds = asyncio.run(main())
    assert isinstance(person, Person)
    assert not person.used_token
    assert seconds >= 0.4


def test_a_long_rate_limit_is_not() -> None:
    begun = time.monotonic()
    assert failure(matrix([limited(300_000)])).cause == "rate-limited"
    assert time.monotonic() - begun < 4


def test_a_rate_limited_login_falls_back_on_the_token() -> None:
    seen: list[str] = []

    async def main() -> Person | CanaryError:
        async with homeserver(matrix([limited(300_000)], seen)) as port:
            return await log_in(f"http://127.0.0.1:{port}", token="syt_spare")

    person = asyncio.run(main())
    assert isinstance(person, Person)
    assert person.used_token
    assert "whoami Bearer syt_spare" in seen


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate for localhost signed by itself, as a server's context and as a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "cert.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path = folder / "key.pem"
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    return context, path


@pytest.mark.parametrize("trusted", [True, False])
def test_certificates_are_checked_against_the_trust_store_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    context, path = certificate(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    else:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)

    async def main() -> Person | CanaryError:
        async with homeserver(matrix([accepted()]), context) as port:
            return await log_in(f"https://localhost:{port}", address="127.0.0.1")

    outcome = asyncio.run(main())
    if trusted:
        assert isinstance(outcome, Person)
    else:
        assert isinstance(outcome, CanaryError)
        assert outcome.cause == "tls"


def test_a_port_that_speaks_no_tls() -> None:
    async def main() -> Person | CanaryError:
        async with homeserver(matrix([accepted()])) as port:
            return await log_in(f"https://127.0.0.1:{port}")

    error = asyncio.run(main())
    assert isinstance(error, CanaryError)
    assert error.cause == "tls"


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    failure(matrix([limited(100), web.json_response({"errcode": "M_FORBIDDEN", "error": "x"})]))
    heard = [record for record in caplog.records if record.name.startswith(("nio", "peewee"))]
    assert heard == []
