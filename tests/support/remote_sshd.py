"""A real OpenSSH server on the loopback interface, for tests of the remote folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import pytest

from assistant.remote.credentials import Wanted
from assistant.setup.model import Login

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")


def needs_sshd() -> None:
    """Skip with the reason when no server can be started here."""
    if SSHD is None:
        pytest.skip("no sshd on this machine (package openssh-server)")
    if os.geteuid() != 0:
        pytest.skip("starting sshd for root logins needs root")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Sshd:
    """One server: its folder, port and host keys, and a user key that root may log in with."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    host_keys: dict[str, str] = field(default_factory=dict)

    @property
    def user_key(self) -> Path:
        return self.folder / "user_key"

    def login(self, **changes: object) -> Login:
        values: dict[str, object] = {
            "address": "127.0.0.1",
            "port": self.port,
            "user": "root",
            "key_file": str(self.user_key),
            "use_agent": False,
            "host_key": self.host_keys["ssh-ed25519"],
        }
        return Login.model_validate(values | changes)

    def authorize(self, public: str, options: str = "") -> None:
        """Let a key in, with options such as ``command="…"``; keys before it stay."""
        path = self.folder / "authorized_keys"
        old = path.read_text() if path.exists() else ""
        path.write_text(old + f"{options} {public}".strip() + "\n")

    def sessions(self) -> list[int]:
        """The processes that serve a connection each, children of the listener."""
        children = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError, IndexError):
                    stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                    if int(stat[1]) == self.process.pid:
                        children.append(int(entry.name))
        return children

    def drop(self) -> int:
        """Kill what serves the open connections; how many there were."""
        children = self.sessions()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return len(children)

    def stop(self) -> None:
        """End the server and its connections."""
        self.process.terminate()
        self.drop()
        self.process.wait(10)


def new_key(path: Path, passphrase: str | None = None, kind: str = "ssh-ed25519") -> str:
    """Write a private key with its public half beside it; returns the public text."""
    key = asyncssh.generate_private_key(kind)
    if passphrase is None:
        key.write_private_key(path)
    else:
        key.write_private_key(path, passphrase=passphrase, rounds=50)
    path.chmod(0o600)
    public = key.export_public_key().decode().strip()
    path.with_name(path.name + ".pub").write_text(public + "\n")
    return public


@contextmanager
def running_sshd(
    folder: Path, *, kinds: Sequence[str] = ("ssh-ed25519",), port: int = 0, extra: str = ""
) -> Iterator[Sshd]:
    """A server with fresh host keys that lets root in with ``user_key`` of its folder."""
    needs_sshd()
    assert SSHD is not None
    folder.mkdir(exist_ok=True)
    Path("/run/sshd").mkdir(mode=0o755, parents=True, exist_ok=True)
    keys = {}
    for kind in kinds:
        path = folder / f"host_{kind}"
        if not path.exists():
            new_key(path, kind=kind)
        public = path.with_name(path.name + ".pub").read_text().split()
        keys[public[0]] = " ".join(public[:2])
    port = port or free_port()
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\n"
        + "".join(f"HostKey {folder}/host_{kind}\n" for kind in kinds)
        + f"AuthorizedKeysFile {folder}/authorized_keys\nPidFile none\n"
        "UsePAM no\nStrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nUseDNS no\nPrintMotd no\n" + extra
    )
    log = (folder / "log").open("ab")
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=log)
    server = Sshd(folder, port, process, keys)
    try:
        _wait_for(port, process, folder)
        if not server.user_key.exists():
            server.authorize(new_key(server.user_key))
        yield server
    finally:
        server.stop()
        log.close()


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail("sshd ended: " + (folder / "log").read_text())
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    pytest.fail("sshd does not listen")


class Answers:
    """Credentials from a list; remembers what was asked."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.asked: list[Wanted] = []

    async def ask(self, wanted: Wanted) -> str | None:
        self.asked.append(wanted)
        return self.answers.pop(0) if self.answers else None


FAKE_MAIN = """
import json, os, select, sys, time

def out(**event):
    sys.stdout.write(json.dumps(event) + "\\n")
    sys.stdout.flush()

def main(request, modules):
    what = request["mode"]
    if what == "echo":
        out(event="hello", uid=os.geteuid(), modules=sorted(modules), text=request.get("text", ""))
        out(event="result", python=list(sys.version_info[:2]))
    elif what == "wait":
        out(event="waiting-for-eof")
        while True:
            ready, _, _ = select.select([0], [], [], 0.1)
            if ready and os.read(0, 1) == b"":
                open(request["witness"], "w").write("gone")
                return 0
    elif what == "silent":
        time.sleep(60)
    elif what == "fail":
        out(event="error", cause="disk-full", text="no \\x1b[31mroom", tail=["a\\x07b"])
        return 1
    elif what == "raise":
        raise RuntimeError("secret " + request["secret"])
    elif what == "quit":
        out(event="hello")
        return 0
    elif what == "exec":
        exec(request["code"], {"out": out, "request": request})
    return 0
"""
"""A program for hosts that does what tests ask for."""

FAKE_MODULES = {
    "assistant.onhost": "",
    "assistant.onhost.main": FAKE_MAIN,
    "assistant.onhost.handlers": "WHERE = __name__\n",
    "assistant.onhost.handlers.one": "from assistant.onhost.handlers import WHERE\n",
}
