"""Sessions on real Debian hosts: every way to become root, a host without python3, a cut run."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from assistant.onhost.resources import Command, Directory, File, to_json
from assistant.rehearsal.lab import Lab, LabHost
from assistant.rehearsal.make_ready import LAB_MISSING, make_ready
from assistant.rehearsal.processes.contain import is_contained
from assistant.remote import RemoteError, Session, apply_run, connect, fetch_host_key, follow_run
from assistant.setup.model import Login
from tests.support.remote_sshd import FAKE_MODULES, Answers

SLOW = ("sh", "-c", "sleep 4; touch /srv/slow")
pytestmark = pytest.mark.lab


@pytest.fixture(autouse=True)
def contained() -> None:
    if is_contained():
        return
    reason = os.environ.get(LAB_MISSING) or "not inside the practice internet (use `make test`)"
    if os.environ.get("MATRIX_ASSISTANT_LAB_REQUIRED") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


async def login_of(lab: Lab, host: LabHost, user: str) -> Login:
    login = Login(
        address=host.ipv4,
        port=host.ssh_port,
        user=user,
        key_file=str(lab.facts.operator_key),
        use_agent=False,
    )
    key = await fetch_host_key(login)
    assert key.text in host.host_keys
    return login.model_copy(update={"host_key": key.text})


async def events(
    lab: Lab, host: LabHost, user: str, answers: Answers, sources: str = ""
) -> list[str]:
    login = await login_of(lab, host, user)
    async with connect(host.name, login, credentials=answers, apt_sources=sources) as session:
        session._modules = FAKE_MODULES
        seen = [event async for event in session.program({"mode": "echo"})]
    assert seen[-2]["uid"] == 0
    return [event["event"] for event in seen]


async def cause(lab: Lab, host: LabHost, user: str, answers: Answers) -> str:
    with pytest.raises(RemoteError) as caught:
        await events(lab, host, user, answers)
    return caught.value.cause


ENDED = ["hello", "result"]
PLAIN = (
    "useradd -m -s /bin/bash plain && echo plain:pw | chpasswd"
    " && cp -r /root/.ssh /home/plain/ && chown -R plain: /home/plain"
)


@pytest.mark.parametrize("release", ["trixie", "bookworm"])
def test_every_way_to_become_root(release: str) -> None:
    async def story() -> None:
        async with await Lab.start(make_ready(("trixie", "bookworm")), report=print) as lab:
            host = await lab.boot("outside", release=release)
            right = {user.name: user.password for user in host.users}["operator"]
            assert await events(lab, host, "root", Answers()) == ENDED
            assert await events(lab, host, "nopass", Answers()) == ENDED
            assert await events(lab, host, "operator", Answers(right)) == ENDED
            assert await events(lab, host, "operator", Answers("wrong", right)) == ENDED
            user = Answers("a", "b", "c", right)
            assert await cause(lab, host, "operator", user) == "sudo-wrong"
            assert len(user.asked) == 3
            sudoers = "/etc/sudoers.d/zz"
            await lab.exec(host.name, ["tee", sudoers], input="Defaults passwd_tries=1\n")
            assert await events(lab, host, "operator", Answers("wrong", right)) == ENDED
            await lab.exec(host.name, ["tee", sudoers], input="Defaults requiretty\n")
            assert await cause(lab, host, "nopass", Answers()) == "sudo-needs-tty"
            await lab.exec(host.name, ["rm", sudoers])
            await lab.exec(host.name, ["sh", "-c", PLAIN])
            assert await cause(lab, host, "plain", Answers("pw")) == "sudo-not-allowed"
            await lab.exec(host.name, ["chsh", "-s", "/usr/sbin/nologin", "plain"])
            assert await cause(lab, host, "plain", Answers("pw")) == "no-shell"
            await lab.exec(host.name, ["mv", "/usr/bin/sudo", "/usr/bin/off"])
            assert await cause(lab, host, "nopass", Answers()) == "no-sudo"

    asyncio.run(asyncio.wait_for(story(), 180))


def test_python_is_installed_from_the_mirror_when_it_is_missing() -> None:
    async def story() -> None:
        async with await Lab.start(make_ready(("trixie",)), report=print) as lab:
            host = await lab.boot("outside", python=False)
            await lab.exec(host.name, ["sh", "-c", "rm -rf /etc/apt/sources.list*"])
            assert await cause(lab, host, "root", Answers()) == "no-python"
            key = "".join(f" {line or '.'}\n" for line in lab.facts.signing_key.splitlines())
            address = next(w for w in lab.facts.debs_url.split() if w.startswith("http"))
            sources = f"Types: deb\nURIs: {address}\nSuites: trixie\nComponents: main\nSigned-By:\n"
            right = {user.name: user.password for user in host.users}["operator"]
            seen = await events(lab, host, "operator", Answers(right), sources + key)
            assert seen == ["preparing", *ENDED]
            assert await events(lab, host, "nopass", Answers()) == ENDED

    asyncio.run(asyncio.wait_for(story(), 180))


def test_a_run_goes_on_through_cut_connections_and_is_seen_whole() -> None:
    resources = [
        to_json(Directory(path="/srv/made", title="a folder")),
        *(to_json(File(path=f"/srv/made/{n}", content=f"{n}\n")) for n in range(40)),
        # Long enough that the connection is cut while there is still something to come.
        to_json(Command(name="slow", argv=SLOW, creates="/srv/slow")),
    ]

    async def story() -> None:
        async with await Lab.start(make_ready(("trixie",)), report=print) as lab:
            host = await lab.boot("outside")
            login = await login_of(lab, host, "nopass")

            @asynccontextmanager
            async def open_session() -> AsyncIterator[Session]:
                async with connect(host.name, login) as session:
                    yield session

            run = time.strftime("%Y%m%d-%H%M%S")
            request = {"mode": "apply", "run": run, "resources": resources, "host": host.name}
            seen: list[dict[str, Any]] = []
            async for event in apply_run(open_session, request, sleep=lambda s: asyncio.sleep(0.2)):
                seen.append(event)
                if event.get("seq") in (1, 10, 30):
                    cut = ["pkill", "-KILL", "-u", "nopass", "-f", "sshd"]
                    await lab.exec(host.name, cut, check=False)
            numbers = [event["seq"] for event in seen if "seq" in event]
            assert numbers == list(range(1, len(numbers) + 1))
            assert seen[-1]["event"] == "result" and seen[-1]["ok"] is True
            assert any(event["event"] == "reconnecting" for event in seen)
            made = await lab.exec(host.name, ["ls", "/srv/made"])
            assert len(made.stdout.split()) == 40
            again = [event async for event in follow_run(open_session, run)]
            assert [event["seq"] for event in again if "seq" in event] == numbers

    asyncio.run(asyncio.wait_for(story(), 180))
