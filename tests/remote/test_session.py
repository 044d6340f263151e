"""Programs streamed to a real OpenSSH server, and what hostile or broken hosts do with it."""

from __future__ import annotations

import asyncio
import base64
import stat
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from assistant.remote import HostFailure, RemoteError, Session, connect
from assistant.setup.model import Login
from assistant.text import render
from tests.support.remote_sshd import FAKE_MODULES, Sshd, new_key, running_sshd


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd") / "one") as server:
        yield server


async def collect(session: Session, request: dict[str, Any], **options: Any) -> list[Any]:
    session._modules = FAKE_MODULES
    async with aclosing(session.program(request, **options)) as events:
        return [event async for event in events]


def run(login: Login, request: dict[str, Any], **options: Any) -> list[Any]:
    async def story() -> list[Any]:
        async with connect("home server", login) as session:
            return await collect(session, request, **options)

    return asyncio.run(asyncio.wait_for(story(), 60))


def failure(login: Login, request: dict[str, Any] | None = None, **options: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        run(login, request or {"mode": "echo"}, **options)
    assert "{" not in render(caught.value.message)
    return caught.value


def test_events_come_in_order_from_a_program_in_memory(sshd: Sshd) -> None:
    events = run(sshd.login(), {"mode": "echo", "text": "中文 \x1b[31mred"})
    assert [event["event"] for event in events] == ["hello", "result"]
    assert events[0]["uid"] == 0
    assert events[0]["modules"] == sorted(FAKE_MODULES)
    assert events[0]["text"] == "中文 red"


def test_modules_import_each_other_and_packages_are_packages(sshd: Sshd) -> None:
    code = (
        "import assistant.onhost.handlers.one as one, sys\n"
        "out(event='result', where=one.WHERE, file=getattr(one, '__file__', None),"
        " argv=sys.argv, inside='request' in globals())"
    )
    event = run(sshd.login(), {"mode": "exec", "code": code})[-1]
    assert event["where"] == "assistant.onhost.handlers" and event["argv"] == ["-c"]


def test_several_programs_share_a_connection(sshd: Sshd) -> None:
    async def story() -> None:
        async with connect("home", sshd.login()) as session:
            runs = await asyncio.gather(
                *(collect(session, {"mode": "echo", "text": str(n)}) for n in range(4))
            )
            assert [events[0]["text"] for events in runs] == ["0", "1", "2", "3"]
            assert len(sshd.sessions()) == 1
            session._modules = FAKE_MODULES
            assert (await session.ask({"mode": "echo"}))["event"] == "result"

    asyncio.run(asyncio.wait_for(story(), 60))


def test_error_event_becomes_a_host_failure(sshd: Sshd) -> None:
    error = failure(sshd.login(), {"mode": "fail"})
    assert isinstance(error, HostFailure)
    assert (error.cause, error.text, error.tail) == ("disk-full", "no room", ("ab",))
    assert render(error.message) == "home server: no room"


def test_a_program_that_breaks_off_does_not_tell_its_values(sshd: Sshd) -> None:
    error = failure(sshd.login(), {"mode": "raise", "secret": "hunter2"})
    assert error.cause == "unknown" and "hunter2" not in str(error) + repr(error.evidence)


def test_a_program_that_ends_without_a_result(sshd: Sshd) -> None:
    assert failure(sshd.login(), {"mode": "quit"}).cause == "protocol"


def test_a_program_that_is_killed_counts_as_dropped(sshd: Sshd) -> None:
    code = "import os; out(event='x'); os.kill(os.getpid(), 15)"
    assert failure(sshd.login(), {"mode": "exec", "code": code}).cause == "dropped"


def test_a_silent_program_times_out(sshd: Sshd) -> None:
    error = failure(sshd.login(), {"mode": "silent"}, idle=0.5)
    assert error.cause == "timeout" and "said nothing" in render(error.message)


def test_bytes_without_events_do_not_keep_a_program_alive(sshd: Sshd) -> None:
    code = "import time\nwhile True:\n sys.stdout.write('x'); sys.stdout.flush(); time.sleep(0.05)"
    error = failure(sshd.login(), {"mode": "exec", "code": "import sys\n" + code}, idle=0.5)
    assert error.cause == "timeout"


def test_leaving_closes_the_programs_input(sshd: Sshd, tmp_path: Path) -> None:
    witness = tmp_path / "witness"

    async def story() -> None:
        async with connect("home", sshd.login()) as session:
            session._modules = FAKE_MODULES
            async with aclosing(
                session.program({"mode": "wait", "witness": str(witness)})
            ) as events:
                async for event in events:
                    assert event["event"] == "waiting-for-eof"
                    break
            for _ in range(100):
                if witness.exists():
                    return
                await asyncio.sleep(0.05)
            pytest.fail("the program did not see the end of its input")

    asyncio.run(asyncio.wait_for(story(), 60))


def test_a_connection_dropped_in_the_middle(sshd: Sshd) -> None:
    code = "import time\nout(event='begun')\ntime.sleep(60)"

    async def story() -> None:
        async with connect("home", sshd.login()) as session:
            session._modules = FAKE_MODULES
            async for event in session.program({"mode": "exec", "code": code}):
                assert event["event"] == "begun"
                assert sshd.drop() == 1

    with pytest.raises(RemoteError) as caught:
        asyncio.run(asyncio.wait_for(story(), 60))
    assert caught.value.cause == "dropped" and caught.value.transient


def test_the_real_program_answers(sshd: Sshd) -> None:
    async def story() -> None:
        async with connect("home", sshd.login()) as session:
            with pytest.raises(HostFailure) as caught:
                await session.ask({"mode": "no such mode"})
            assert caught.value.cause == "unsupported"

    asyncio.run(asyncio.wait_for(story(), 60))


# --- hosts that print what they want: a key with a forced command


def forced(sshd: Sshd, folder: Path, command: str) -> Login:
    script = folder / "script"
    script.write_text("#!/bin/sh\n" + command)
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    sshd.authorize(new_key(folder / "forced"), f'command="{script}"')
    return sshd.login(key_file=str(folder / "forced"))


READY = "echo MA1 ready\n"


@pytest.mark.parametrize(
    ("command", "cause"),
    [
        ("head -c 2000000 /dev/urandom", "protocol"),
        ("yes", "protocol"),
        (READY + "yes", "protocol"),
        (READY + "while :; do echo '{\"event\":\"x\"}'; done", "protocol"),
        (READY + "head -c 3000000 /dev/zero | tr '\\0' x", "protocol"),
        (READY + "echo '{\"event\": \"result\"'", "protocol"),
        (READY + "echo '[1]'", "protocol"),
        ("echo '{\"event\": \"result\"}'", "protocol"),
        ("exit 0", "protocol"),
        ("echo 'This account is currently not available.' >&2; exit 1", "no-shell"),
        ("echo 'This account is currently not available.'; exit 1", "no-shell"),
        ("echo 'sh: 1: python3: not found' >&2; exit 127", "no-python"),
        ("echo 'OSError: [Errno 28] No space left on device' >&2; exit 1", "no-space"),
        ("kill -9 $$", "protocol"),
        (READY + "kill -9 $$", "dropped"),
    ],
)  # fmt: skip
def test_hostile_and_broken_hosts(sshd: Sshd, tmp_path: Path, command: str, cause: str) -> None:
    error = failure(forced(sshd, tmp_path, command))
    assert error.cause == cause
    for line in error.evidence:
        assert "\x1b" not in line and len(line) < 5000


def test_evidence_of_a_forced_command(sshd: Sshd, tmp_path: Path) -> None:
    error = failure(
        forced(sshd, tmp_path, "printf 'only \\033[31mbackups\\n'; echo no >&2; exit 3")
    )
    assert error.cause == "protocol"
    assert {"only backups", "no", "exit status: 3"} <= set(error.evidence)


def test_escapes_in_events_and_noise_before_them(sshd: Sshd, tmp_path: Path) -> None:
    login = forced(
        sshd, tmp_path,
        "echo 'Welcome!'\n" + READY + "printf '{\"event\":\"result\",\"a\":\"\\\\u001b[31mx\"}\\n'",
    )  # fmt: skip
    assert run(login, {"mode": "echo"}) == [{"event": "result", "a": "x"}]


def test_endless_standard_error_does_not_stop_events(sshd: Sshd, tmp_path: Path) -> None:
    command = "head -c 5000000 /dev/zero >&2\n" + READY + 'echo \'{"event":"result"}\''
    assert run(forced(sshd, tmp_path, command), {"mode": "echo"}) == [{"event": "result"}]


def test_secrets_are_in_no_error(sshd: Sshd) -> None:
    secret = base64.b64encode(b"very secret").decode()
    for request in ({"mode": "quit", "secret": secret}, {"mode": "silent", "secret": secret}):
        error = failure(sshd.login(), request, idle=0.5)
        assert secret not in str(error) + repr(error.evidence) + repr(error.__cause__)
