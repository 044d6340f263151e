"""Becoming root by sudo, login passwords, installing python3: a server with a script for sudo."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from assistant.remote import RemoteError, Session, connect
from assistant.setup.model import Login
from assistant.text import render
from tests.support.remote_sshd import FAKE_MODULES, Answers


async def collect(session: Session, request: dict[str, Any]) -> list[Any]:
    session._modules = FAKE_MODULES
    async with aclosing(session.program(request)) as events:
        return [event async for event in events]


class PasswordServer(asyncssh.SSHServer):
    """Lets one account in with a password, by either of the two ways."""

    password = "let me in"
    keyboard = False
    attempts: list[str]

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return not self.keyboard

    def validate_password(self, username: str, password: str) -> bool:
        self.attempts.append(password)
        return password == self.password

    def kbdint_auth_supported(self) -> bool:
        return self.keyboard

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", lang, [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: Any) -> bool:
        return self.validate_password(username, responses[0])


FAKE_SUDO = """#!{python}
import os, sys
words = sys.argv[1:]
mode = words[0]
command = words[words.index("--") + 1:]
state, free = {state!r}, {free!r}
if mode == "-n" and not free:
    sys.exit("sudo: a password is required")
if mode == "-S" and not free:
    prompt = words[words.index("-p") + 1]
    for attempt in range(3):
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = b""
        while not line.endswith(b"\\n"):
            byte = os.read(0, 1)
            if not byte:
                sys.exit("\\nsudo: no password was provided\\nsudo: 1 incorrect password attempt")
            line += byte
        with open(state, "ab") as file:
            file.write(line)
        if line == b"s3cret\\n":
            break
        sys.stderr.write("Sorry, try again.\\n")
    else:
        sys.exit("sudo: 3 incorrect password attempts")
if {denied!r}:
    sys.exit("operator is not in the sudoers file.")
os.execvp(command[0], command)
"""


async def _pump(reader: Any, writer: Any) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


class Sudo:
    """A host whose operator becomes root with ``sudo``, over asyncssh's server."""

    def __init__(self, folder: Path, *, free: bool = False, denied: bool = False) -> None:
        self.state = folder / "typed"
        self.bin = folder / "bin"
        self.bin.mkdir()
        script = self.bin / "sudo"
        script.write_text(
            FAKE_SUDO.format(python=sys.executable, state=str(self.state), free=free, denied=denied)
        )
        script.chmod(0o755)
        self.commands: list[str] = []
        self.tasks: set[Any] = set()
        self.key = asyncssh.generate_private_key("ssh-ed25519")

    @property
    def typed(self) -> list[str]:
        return self.state.read_text().splitlines() if self.state.exists() else []

    async def serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self.commands.append(process.command or "")
        self.tasks.add(asyncio.current_task())
        path = f"PATH={self.bin}:/usr/local/bin:/usr/bin:/bin"
        child = await asyncio.create_subprocess_exec(
            "/usr/bin/env", path, "sh", "-c", process.command or "true",
            stdin=-1, stdout=-1, stderr=-1,
        )  # fmt: skip
        assert child.stdin and child.stdout and child.stderr
        typing = asyncio.create_task(_pump(process.stdin, child.stdin))
        try:
            await asyncio.gather(
                _pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr)
            )
            process.exit(await child.wait())
        finally:
            typing.cancel()
            child._transport.close()  # type: ignore[attr-defined]

    @asynccontextmanager
    async def serving(self, kind: type[PasswordServer]) -> AsyncIterator[int]:
        """A server on the loopback; its port."""
        server = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=kind, server_host_keys=[self.key],
            process_factory=self.serve, encoding=None,
        )  # fmt: skip
        try:
            yield server.get_port()
        finally:
            server.close()
            if self.tasks:
                await asyncio.wait(self.tasks, timeout=5)
            self.tasks.clear()

    def login(self, port: int, user: str = "operator") -> Login:
        text = self.key.export_public_key().decode().strip()
        return Login(address="127.0.0.1", port=port, user=user, use_agent=False, host_key=text)


def with_sudo(
    sudo: Sudo,
    user: Answers,
    *,
    programs: int = 1,
    account: str = "operator",
    server: type[PasswordServer] | None = None,
) -> list[list[Any]]:
    kind = server or type("Server", (PasswordServer,), {"attempts": []})

    async def story() -> list[list[Any]]:
        async with sudo.serving(kind) as port:
            login = sudo.login(port, account)
            async with connect(
                "home", login, credentials=user, ssh_folder=sudo.bin / "none"
            ) as session:
                return [await collect(session, {"mode": "echo"}) for _ in range(programs)]

    return asyncio.run(asyncio.wait_for(story(), 60))


def test_sudo_password_is_asked_once_and_never_shown(tmp_path: Path) -> None:
    sudo, user = Sudo(tmp_path), Answers("let me in", "s3cret")
    assert [events[-1]["event"] for events in with_sudo(sudo, user, programs=3)] == ["result"] * 3
    assert [wanted.kind for wanted in user.asked] == ["password", "sudo"]
    assert sudo.typed == ["s3cret"] * 3
    # one command too many for learning that a password is needed, none later
    assert [" -n " in command for command in sudo.commands] == [True, False, False, False]
    assert "s3cret" not in " ".join(sudo.commands)


def test_wrong_sudo_passwords_end_after_three_and_nothing_else_is_typed(tmp_path: Path) -> None:
    sudo, user = Sudo(tmp_path), Answers("let me in", "a", "b", "c", "s3cret")
    with pytest.raises(RemoteError) as caught:
        with_sudo(sudo, user)
    assert caught.value.cause == "sudo-wrong"
    assert sudo.typed == ["a", "b", "c"]
    assert [wanted.attempt for wanted in user.asked] == [1, 1, 2, 3]
    sudo.state.unlink()
    user = Answers("let me in", "a", "s3cret")
    assert with_sudo(sudo, user)[0][-1]["event"] == "result"
    assert sudo.typed == ["a", "s3cret"]


def test_no_sudo_password_given(tmp_path: Path) -> None:
    with pytest.raises(RemoteError) as caught:
        with_sudo(Sudo(tmp_path), Answers("let me in", None))
    assert caught.value.cause == "sudo-wrong"


def test_sudo_without_password_needs_one_command(tmp_path: Path) -> None:
    sudo, user = Sudo(tmp_path, free=True), Answers("let me in")
    assert with_sudo(sudo, user)[0][-1]["event"] == "result"
    assert len(sudo.commands) == 1 and len(user.asked) == 1


def test_sudo_not_allowed(tmp_path: Path) -> None:
    with pytest.raises(RemoteError) as caught:
        with_sudo(Sudo(tmp_path, denied=True), Answers("let me in", "s3cret"))
    assert caught.value.cause == "sudo-not-allowed"


def test_root_needs_no_sudo(tmp_path: Path) -> None:
    sudo = Sudo(tmp_path)
    with_sudo(sudo, Answers("let me in"), account="root")
    assert "sudo" not in sudo.commands[0]


@pytest.mark.parametrize("keyboard", [False, True], ids=["password", "keyboard-interactive"])
def test_login_passwords(tmp_path: Path, keyboard: bool) -> None:
    def kind() -> type[PasswordServer]:
        return type("Server", (PasswordServer,), {"attempts": [], "keyboard": keyboard})

    server, user = kind(), Answers("wrong", "let me in")
    assert with_sudo(Sudo(tmp_path, free=True), user, server=server)
    assert server.attempts == ["wrong", "let me in"]
    assert [(wanted.kind, wanted.user) for wanted in user.asked] == [("password", "operator")] * 2
    (tmp_path / "2").mkdir()
    (tmp_path / "3").mkdir()
    server, user = kind(), Answers("a", "b", "c", "let me in")
    with pytest.raises(RemoteError) as caught:
        with_sudo(Sudo(tmp_path / "2"), user, server=server)
    assert caught.value.cause == "auth" and server.attempts == ["a", "b", "c"]
    assert "Tried: password" in render(caught.value.message)
    with pytest.raises(RemoteError) as caught:
        with_sudo(Sudo(tmp_path / "3"), Answers(None), server=kind())
    assert caught.value.cause == "auth"


# --- python3 is installed when it is missing


def test_python_is_installed_once_with_the_given_sources(tmp_path: Path) -> None:
    sudo = Sudo(tmp_path)
    log = tmp_path / "apt"
    (sudo.bin / "python3").write_text("#!/bin/sh\necho 'sh: python3: not found' >&2; exit 127\n")
    (sudo.bin / "python3").chmod(0o755)
    (sudo.bin / "apt-get").write_text(
        f'#!/bin/sh\necho "$@" >> {log}\n'
        'for w in "$@"; do case $w in Dir::Etc::sourceparts=*) '
        f'cat "${{w#*=}}"/* >> {log}.s;; esac; done\n'
        f'case "$*" in *python3) rm {sudo.bin}/python3;; esac\n'
    )
    (sudo.bin / "apt-get").chmod(0o755)

    async def story() -> list[Any]:
        kind = type("Server", (PasswordServer,), {"attempts": []})
        async with sudo.serving(kind) as port:
            login = sudo.login(port)
            user = Answers("let me in", "s3cret")
            async with connect("home", login, credentials=user, ssh_folder=tmp_path) as session:
                session.apt_sources = "Types: deb\nURIs: http://mirror\n"
                return await collect(session, {"mode": "echo"})

    events = asyncio.run(asyncio.wait_for(story(), 60))
    assert [event["event"] for event in events] == ["preparing", "hello", "result"]
    update, install = log.read_text().splitlines()
    assert update.endswith("update") and install.endswith("install python3")
    assert (tmp_path / "apt.s").read_text() == "Types: deb\nURIs: http://mirror\n" * 2
    assert "s3cret" not in log.read_text()


def test_python_that_cannot_be_installed_says_why(tmp_path: Path) -> None:
    sudo = Sudo(tmp_path, free=True)
    for name, text in (
        ("python3", "echo 'sh: python3: not found' >&2; exit 127"),
        ("apt-get", "echo 'E: Unable to locate package python3' >&2; exit 100"),
        ("sleep", "exit 0"),
    ):
        (sudo.bin / name).write_text("#!/bin/sh\n" + text + "\n")
        (sudo.bin / name).chmod(0o755)
    with pytest.raises(RemoteError) as caught:
        with_sudo(sudo, Answers("let me in"))
    assert caught.value.cause == "no-python"
    assert any("Unable to locate" in line for line in caught.value.evidence)
