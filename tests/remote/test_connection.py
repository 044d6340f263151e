"""Logging in to a real OpenSSH server: keys, passphrases, host keys, jump hosts, failures."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from socket import create_server
from typing import Any

import asyncssh
import pytest

from assistant.remote import RemoteError, Session, connect, fetch_host_key
from assistant.remote.trust import host_key
from assistant.setup.model import Login
from assistant.text import render
from tests.support.remote_sshd import FAKE_MODULES, Answers, Sshd, free_port, new_key, running_sshd


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd") / "one", kinds=["ssh-ed25519"]) as server:
        yield server


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A .ssh folder with nothing in it."""
    return tmp_path


def hello(login: Login, **options: Any) -> dict[str, Any]:
    """Log in and run the smallest program; its result."""

    async def story() -> dict[str, Any]:
        async with connect("home server", login, **options) as session:
            session._modules = FAKE_MODULES
            return await session.ask({"mode": "echo"})

    return asyncio.run(asyncio.wait_for(story(), 30))


def failure(login: Login, **options: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        hello(login, **options)
    text = render(caught.value.message)
    assert "{" not in text and "Traceback" not in text
    return caught.value


def test_key(sshd: Sshd) -> None:
    assert hello(sshd.login())["event"] == "result"


def test_key_with_passphrase(sshd: Sshd, tmp_path: Path) -> None:
    path = tmp_path / "locked"
    sshd.authorize(new_key(path, "open sesame"))
    user = Answers("wrong", "open sesame")
    assert hello(sshd.login(key_file=str(path)), credentials=user)
    assert [(w.kind, w.detail, w.attempt) for w in user.asked] == [
        ("passphrase", str(path), 1),
        ("passphrase", str(path), 2),
    ]
    user = Answers("a", "b", "c", "open sesame")
    error = failure(sshd.login(key_file=str(path)), credentials=user)
    assert error.cause == "passphrase-wrong" and len(user.asked) == 3
    assert failure(sshd.login(key_file=str(path))).cause == "passphrase-wrong"


def test_usual_keys_and_their_passphrase(sshd: Sshd, tmp_path: Path) -> None:
    new_key(tmp_path / "id_rsa", kind="ssh-rsa")
    sshd.authorize(new_key(tmp_path / "id_ed25519", "sesame"))
    user = Answers("sesame")
    assert hello(sshd.login(key_file=""), credentials=user, ssh_folder=tmp_path)
    assert [w.detail for w in user.asked] == [str(tmp_path / "id_ed25519")]
    error = failure(sshd.login(key_file=""), ssh_folder=tmp_path)
    assert error.cause == "auth" and "id_rsa" in render(error.message)


def test_wrong_key_and_no_key(sshd: Sshd, tmp_path: Path, empty: Path) -> None:
    new_key(tmp_path / "other")
    error = failure(sshd.login(key_file=str(tmp_path / "other")))
    assert error.cause == "auth"
    assert str(tmp_path / "other") in render(error.message)
    assert "It accepts: key." in render(error.message)
    error = failure(sshd.login(key_file=""), ssh_folder=empty / "none")
    assert error.cause == "auth" and "nothing to log in with" in render(error.message)


def test_agent(sshd: Sshd, tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = subprocess.run(
        ["ssh-agent", "-s", "-a", str(tmp_path / "agent")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    pid = int(started.stdout.split("SSH_AGENT_PID=")[1].split(";")[0])
    try:
        env = os.environ | {"SSH_AUTH_SOCK": str(tmp_path / "agent")}
        public = new_key(tmp_path / "held")
        subprocess.run(["ssh-add", "-q", str(tmp_path / "held")], env=env, check=True)
        (tmp_path / "held").unlink()
        sshd.authorize(public)
        login = sshd.login(key_file="", use_agent=True)
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        assert failure(login, ssh_folder=empty / "none").cause == "auth"
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "not there"))
        assert failure(login, ssh_folder=empty / "none").cause == "auth"
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        assert hello(login, ssh_folder=empty / "none")
        without = sshd.login(key_file="", use_agent=False)
        assert failure(without, ssh_folder=empty / "none").cause == "auth"
        # a locked key file that the agent holds needs no passphrase
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "x", "-f", str(tmp_path / "l")], check=True
        )
        sshd.authorize((tmp_path / "l.pub").read_text().strip())
        opened = asyncssh.read_private_key(tmp_path / "l", "x")
        opened.write_private_key(tmp_path / "plain")
        (tmp_path / "plain").chmod(0o600)
        subprocess.run(["ssh-add", "-q", str(tmp_path / "plain")], env=env, check=True)
        user = Answers()
        assert hello(sshd.login(key_file=str(tmp_path / "l"), use_agent=True), credentials=user)
        assert user.asked == []
    finally:
        os.kill(pid, 15)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "does not exist"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== me\n", "public half"),
        (b"PuTTY-User-Key-File-3: ssh-ed25519\n", "PuTTYgen"),
        (b"hello\n", "not a private key"),
        (b"", "not a private key"),
        (b"x" * 300_000, "not a private key"),
    ],
)
def test_bad_key_files(sshd: Sshd, tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    error = failure(sshd.login(key_file=str(path)))
    assert error.cause == "key-file"
    assert says in render(error.message) and str(path) in render(error.message)


def test_key_file_that_is_a_folder(sshd: Sshd, tmp_path: Path) -> None:
    assert failure(sshd.login(key_file=str(tmp_path))).cause == "key-file"


def test_host_key_is_fetched_confirmed_and_only_then_trusted(sshd: Sshd) -> None:
    unknown = sshd.login(host_key="")
    assert failure(unknown).cause == "host-key-unknown"
    assert failure(sshd.login(host_key="nonsense")).cause == "host-key-unknown"
    key = asyncio.run(fetch_host_key(unknown))
    assert key.text == sshd.host_keys["ssh-ed25519"]
    listed = subprocess.run(
        ["ssh-keygen", "-lf", str(sshd.folder / "host_ssh-ed25519.pub")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert key.fingerprint in listed.stdout
    assert key.command == "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
    ecdsa = dataclasses.replace(key, algorithm="ecdsa-sha2-nistp256")
    assert ecdsa.command == "ssh-keygen -lf /etc/ssh/ssh_host_ecdsa_key.pub"
    assert "ssh_host_ed25519_key.pub" in render(key.hint) and key.fingerprint in render(key.hint)
    assert hello(unknown.model_copy(update={"host_key": key.text}))


def test_changed_host_key_is_refused_with_both_fingerprints(sshd: Sshd, tmp_path: Path) -> None:
    other = new_key(tmp_path / "other")
    error = failure(sshd.login(host_key=other))
    assert error.cause == "host-key-changed"
    for text in (other, sshd.host_keys["ssh-ed25519"]):
        assert host_key(text).fingerprint in render(error.message)
    rsa = new_key(tmp_path / "rsa", kind="ssh-rsa")
    error = failure(sshd.login(host_key=rsa))
    assert error.cause == "host-key-changed"
    assert host_key(sshd.host_keys["ssh-ed25519"]).fingerprint in render(error.message)
    assert not error.transient


def test_ed25519_is_preferred_and_rsa_keys_work_with_sha2(tmp_path: Path) -> None:
    with running_sshd(tmp_path / "many", kinds=["ssh-rsa", "ssh-ed25519"]) as server:
        assert asyncio.run(fetch_host_key(server.login())).algorithm == "ssh-ed25519"
        assert hello(server.login(host_key=server.host_keys["ssh-rsa"] + " a comment"))


def test_users_own_ssh_configuration_is_not_read(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Host *\n  Port 1\n  ProxyCommand false\n")
    (tmp_path / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{sshd.port} x y\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert hello(sshd.login())


def test_nobody_listens() -> None:
    login = Login(address="127.0.0.1", port=free_port(), host_key=_some_key())
    error = failure(login, ssh_folder=Path("/nonexistent"))
    assert error.cause == "refused" and f"127.0.0.1:{login.port}" in render(error.message)
    with pytest.raises(RemoteError) as caught:
        asyncio.run(fetch_host_key(login))
    assert caught.value.cause == "refused"


def test_name_without_address() -> None:
    login = Login(address="no-such-host.invalid", host_key=_some_key())
    assert failure(login, ssh_folder=Path("/nonexistent")).cause == "name-resolution"


def _some_key() -> str:
    return asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()


@contextmanager
def _listener(answer: bytes | None, *, hang_up: bool = False) -> Iterator[int]:
    """Something that is no SSH server: says ``answer`` (or nothing), then waits or hangs up."""
    server = create_server(("127.0.0.1", 0))
    held = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            held.append(connection)
            if answer:
                connection.sendall(answer)
            if hang_up:
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(2)
        server.close()
        for connection in held:
            connection.close()


@pytest.mark.parametrize(
    ("answer", "hang_up", "cause"),
    [
        (None, False, "timeout"),
        (None, True, "not-ssh"),
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html>", True, "not-ssh"),
        (b"220 mail.example.org ESMTP\r\n", False, "timeout"),
        (b"SSH-1.5-old\r\n", False, "not-ssh"),
        (b"\x00" * 9000, False, "not-ssh"),
        (b"line\r\n" * 1100, False, "not-ssh"),
        (b"SSH-2.0-" + b"x" * 300 + b"\r\n", False, "protocol"),
        (b"SSH-2.0-broken\r\n" + b"\xff" * 500, False, "protocol"),
        (b"SSH-2.0-gone\r\n", True, "dropped"),
    ],
)
def test_what_is_no_ssh_server(answer: bytes | None, hang_up: bool, cause: str) -> None:
    with _listener(answer, hang_up=hang_up) as port:
        login = Login(address="127.0.0.1", port=port, host_key=_some_key())
        error = failure(login, timeout=1, ssh_folder=Path("/nonexistent"))
        assert error.cause == cause
        with pytest.raises(RemoteError) as caught:
            asyncio.run(fetch_host_key(login, timeout=1))
        assert caught.value.cause == cause


# --- jump host


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("behind") / "two") as server:
        yield server


def test_through_a_jump_host(sshd: Sshd, behind: Sshd) -> None:
    assert hello(behind.login(), jump=sshd.login())
    key = asyncio.run(fetch_host_key(behind.login(host_key=""), sshd.login()))
    assert key.text == behind.host_keys["ssh-ed25519"]


def test_jump_host_failures_say_that_it_is_the_jump_host(
    sshd: Sshd, behind: Sshd, tmp_path: Path
) -> None:
    new_key(tmp_path / "other")
    dead = Login(address="127.0.0.1", port=free_port(), host_key=_some_key())
    for jump, cause in (
        (sshd.login(host_key=""), "jump-host-key-unknown"),
        (sshd.login(host_key=_some_key()), "jump-host-key-changed"),
        (sshd.login(key_file=str(tmp_path / "other")), "jump-auth"),
        (dead, "jump-refused"),
    ):
        error = failure(behind.login(), jump=jump, ssh_folder=tmp_path / "none")
        assert error.cause == cause and "jump host" in render(error.message)
    error = failure(behind.login(host_key=_some_key()), jump=sshd.login())
    assert error.cause == "host-key-changed"
    error = failure(behind.login(port=free_port()), jump=sshd.login())
    assert error.cause == "refused" and f"127.0.0.1:{sshd.port}" in render(error.message)


def test_jump_host_that_forwards_nothing(behind: Sshd, tmp_path: Path) -> None:
    with running_sshd(tmp_path / "closed", extra="AllowTcpForwarding no\n") as closed:
        error = failure(behind.login(), jump=closed.login())
        assert error.cause == "forwarding" and "AllowTcpForwarding" in render(error.message)


def test_leaving_ends_the_connections(sshd: Sshd, behind: Sshd) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(connect("home", behind.login(), sshd.login()))
            assert isinstance(session, Session) and "Session(root@127.0.0.1" in repr(session)
            assert sshd.sessions() and behind.sessions()
        for _ in range(100):
            if not sshd.sessions() and not behind.sessions():
                return
            await asyncio.sleep(0.05)
        pytest.fail("a connection stayed open")

    asyncio.run(story())
