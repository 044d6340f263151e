"""Cleaning, parsing, classifying: no network."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import re
import shlex
import socket
import string
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.remote import bootstrap, commands, sources
from assistant.remote.commands import Become, judge
from assistant.remote.credentials import Remembering, Secret, Wanted
from assistant.remote.errors import CAUSES, Place, RemoteError, host_failure
from assistant.remote.event_parser import READY, BadOutput, EventParser, parse_event
from assistant.remote.failure_causes import Progress, classify
from assistant.text import render, sanitize
from assistant.text.sanitize import clean_line, clean_lines, clean_value
from tests.support.remote_sshd import FAKE_MODULES, Answers

PLACE = Place("home server", "203.0.113.5", 2222, "operator", "~/.ssh/k")
JUMP = Place("198.51.100.9", "198.51.100.9", 22, "me", jump=True)
BEHIND = Place("home server", "10.0.0.5", 22, "root", via="198.51.100.9:22")

# --- text


@given(st.text())
def test_cleaned_text_has_nothing_that_moves_a_cursor_and_stays_clean(text: str) -> None:
    cleaned = clean_lines(text)
    assert clean_lines(cleaned) == cleaned
    for character in cleaned:
        code = ord(character)
        assert character in "\n\t" or (code >= 32 and not 0x7F <= code <= 0x9F), repr(character)
        assert not 0x202A <= code <= 0x202E and not 0x2066 <= code <= 0x2069
        assert not 0xD800 <= code <= 0xDFFF
    cleaned.encode("utf-8")


@given(st.text(alphabet=string.printable.replace("\r", "").replace("\x0b", "").replace("\x0c", "")))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert clean_lines(text) == text


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jgone", "gone"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("中文 ok", "中文 ok"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("\x1b\x1b[[31mx", "31mx"),
        ("\ud800x", "x"),
    ],
)
def test_escapes_are_taken_out(dirty: str, clean: str) -> None:
    assert clean_lines(dirty) == clean


def test_values_are_cleaned_all_through() -> None:
    assert clean_value({"a\x1b[1m": ["\x07x", {"b": "\x00"}], "n": 3}) == {
        "a": ["x", {"b": ""}],
        "n": 3,
    }
    assert clean_line("a\n\n  b\x1b[2J" + "c" * 500, 20) == "a b" + "c" * 16 + "…"


# --- events

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=5), st.data())
def test_events_come_out_whole_however_the_bytes_are_cut(
    values: list[dict[str, object]], data: st.DataObject
) -> None:
    sent = [{**value, "event": "x"} for value in values]
    for value in sent:
        value.pop("seq", None)
    raw = b"motd\n" + READY + b"\n" + b"".join(json.dumps(v).encode() + b"\n" for v in sent)
    parser, seen = EventParser(), []
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=12)))
    for start, end in pairwise([0, *cuts, len(raw)]):
        seen += parser.feed(raw[start:end])
    assert seen == [clean_value(value) for value in sent]
    assert parser.noise == "motd\n"


@given(st.binary(max_size=400))
def test_any_bytes_are_events_or_refused(raw: bytes) -> None:
    parser = EventParser()
    parser.feed(READY + b"\n")
    try:
        events = parser.feed(raw + b"\n")
    except BadOutput as exc:
        assert str(exc) == clean_lines(str(exc))
    else:
        assert all(isinstance(event["event"], str) for event in events)


@pytest.mark.parametrize(
    "line",
    [
        b"", b"hello", b"[]", b"{}", b'{"event": 1}', b'{"event": "x", "n": NaN}', b"\xff",
        b'{"event": "x", "seq": "1"}', b'{"event": "x", "seq": true}', b'{"event": "x", "seq": 0}',
        b"[" * 100_000, b'{"event": "x", "n": ' + b"9" * 5000 + b"}", b'{"event": "x"} {}',
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(BadOutput):
        parse_event(line)


def test_forged_events_before_the_program_runs_are_noise() -> None:
    parser = EventParser()
    assert parser.feed(b'{"event": "result"}\n') == []
    assert parser.feed(b"prompt> MA1 ready\r\n" + b'{"event": "result"}\n') == [{"event": "result"}]
    assert parser.noise == '{"event": "result"}\nprompt> \n'


@pytest.mark.parametrize(
    ("limits", "raw"),
    [
        ({"max_noise": 100}, b"x" * 101),
        ({"max_noise": 100}, b"line\n" * 21),
        ({"max_line": 50}, READY + b"\n" + b"x" * 51),
        ({"max_line": 50}, READY + b"\n" + b'{"event":"' + b"x" * 50 + b'"}\n'),
        ({"max_total": 100}, READY + b"\n" + b'{"event":"x"}\n' * 10),
        ({"max_events": 3}, READY + b"\n" + b'{"event":"x"}\n' * 4),
    ],
)
def test_limits(limits: dict[str, int], raw: bytes) -> None:
    with pytest.raises(BadOutput):
        EventParser(**limits).feed(raw)


def test_the_program_is_asked_for_once_and_before_anything_else() -> None:
    early = EventParser()
    assert early.feed(b"MA1 more\nMA1 ready\n") == [] and not early.wants_more
    parser = EventParser()
    assert parser.feed(b'MA1 ready\nMA1 more\n{"event": "a"}\n') == [{"event": "a"}]
    assert parser.wants_more
    for first in (b"MA1 ready\nMA1 more\n", b'MA1 ready\n{"event": "a"}\n'):
        parser = EventParser()
        parser.feed(first)
        with pytest.raises(BadOutput):
            parser.feed(b"MA1 more\n")


# --- classification

SSH = Progress(connected=True, spoke_ssh=True)
IN = Progress(connected=True, spoke_ssh=True, logged_in=True)
TCP = Progress(connected=True)
CASES: list[tuple[BaseException, Progress, str]] = [
    (socket.gaierror(-2, "Name or service not known"), Progress(), "name-resolution"),
    (OSError(errno.ENETUNREACH, "Network is unreachable"), Progress(), "unreachable"),
    (OSError(errno.EHOSTUNREACH, "No route to host"), Progress(), "unreachable"),
    (OSError("Multiple exceptions: [Errno 101] unreachable"), Progress(), "unreachable"),
    (OSError("Multiple exceptions: Connect call failed, refused"), Progress(), "refused"),
    (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), Progress(), "refused"),
    (OSError(10061, "WinError"), Progress(), "refused"),
    (TimeoutError(), Progress(), "timeout"),
    (TimeoutError(), TCP, "timeout"),
    (OSError(errno.ETIMEDOUT, "Connection timed out"), Progress(), "timeout"),
    (ConnectionResetError(errno.ECONNRESET, "reset"), TCP, "not-ssh"),
    (ConnectionResetError(errno.ECONNRESET, "reset"), IN, "dropped"),
    (BrokenPipeError(errno.EPIPE, "pipe"), IN, "dropped"),
    (asyncssh.ConnectionLost("Connection lost"), TCP, "not-ssh"),
    (asyncssh.ProtocolNotSupported("Unsupported SSH version"), TCP, "not-ssh"),
    (asyncssh.ConnectionLost("Connection lost"), SSH, "dropped"),
    (asyncssh.ConnectionLost("Keepalive"), IN, "dropped"),
    (asyncssh.DisconnectError(11, "bye"), IN, "dropped"),
    (asyncssh.ProtocolError("bad packet"), IN, "protocol"),
    (asyncssh.KeyExchangeFailed("no match"), SSH, "protocol"),
    (asyncssh.HostKeyNotVerifiable("other key"), SSH, "host-key-changed"),
    (asyncssh.PermissionDenied("no"), SSH, "auth"),
    (asyncssh.DisconnectError(2, "Too many authentication failures"), SSH, "auth"),
    (asyncssh.DisconnectError(14, "no more"), SSH, "auth"),
    (asyncssh.ChannelOpenError(1, "open failed"), SSH, "forwarding"),
    (asyncssh.ChannelOpenError(2, "Connection refused"), SSH, "refused"),
    (asyncssh.ChannelOpenError(2, "Name or service not known"), SSH, "name-resolution"),
    (asyncssh.ChannelOpenError(2, "Connection timed out"), SSH, "timeout"),
    (asyncssh.ChannelOpenError(2, "open failed"), SSH, "unreachable"),
    (asyncssh.ChannelOpenError(0xFFFFFFFF, "Session request failed"), IN, "no-shell"),
    (asyncssh.ChannelOpenError(2, "SSH connection closed"), IN, "dropped"),
    (IndexError("malformed"), SSH, "protocol"),
    (ValueError("odd"), Progress(), "protocol"),
]


@pytest.mark.parametrize("place", [PLACE, JUMP, BEHIND], ids=["direct", "jump", "behind"])
@pytest.mark.parametrize(("exc", "progress", "cause"), CASES)
def test_every_failure_gets_a_cause_and_a_sentence(
    exc: BaseException, progress: Progress, cause: str, place: Place
) -> None:
    error = classify(exc, place, progress)
    assert error.cause == (f"jump-{cause}" if place.jump else cause)
    assert cause in CAUSES
    text = render(error.message)
    assert "{" not in text and text.endswith(".")
    assert place.address in text or place.name in text
    if place.jump or "{via}" in error.message.template:
        assert "jump host" in text and "跳板机" in render(error.message, "zh")
    assert error.evidence


def test_auth_message_says_what_was_tried_and_what_is_offered() -> None:
    progress = Progress(True, True, frozenset({"key", "password"}), ("/k", "password"))
    text = render(classify(asyncssh.PermissionDenied("no"), PLACE, progress).message)
    assert "Tried: /k, password" in text and "accepts: key, password" in text
    assert "operator" in text and "203.0.113.5:2222" in text


def test_the_jump_host_is_named_where_a_server_would_be() -> None:
    refused = classify(ConnectionRefusedError(errno.ECONNREFUSED, "no"), JUMP).message
    assert render(refused).startswith("The jump host refused the connection at 198.51.100.9:22.")
    away = classify(OSError(errno.ENETUNREACH, "no"), JUMP).message
    assert "from this computer to the jump host at" in render(away)


def test_transient_causes() -> None:
    assert classify(TimeoutError(), JUMP).transient
    assert not classify(asyncssh.PermissionDenied("no"), PLACE, SSH).transient


def test_host_failure_from_odd_events() -> None:
    failure = host_failure({"event": "error", "text": 7, "tail": {"x": 1}, "cause": None}, "home")
    assert (failure.cause, failure.tail) == ("unknown", ())
    failure = host_failure({"cause": "disk-full", "text": "no room", "tail": "a\nb"}, "home")
    assert (failure.cause, failure.text, failure.tail) == ("disk-full", "no room", ("a", "b"))
    assert render(failure.message) == "home: no room"


# --- before the program starts

JUDGED = [
    ("sudo: a password is required\n", 1, Become.SUDO, "sudo-password"),
    ("sudo: interactive authentication is required", 1, Become.SUDO, "sudo-password"),
    ("sudo: no tty present and no askpass program specified", 1, Become.SUDO, "sudo-password"),
    ("Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt", 1,
     Become.SUDO_PASSWORD, "sudo-wrong"),
    ("sudo: Authentication failed, try again.\nsudo: maximum 3 incorrect authentication attempts",
     1, Become.SUDO_PASSWORD, "sudo-wrong"),
    ("operator is not in the sudoers file.", 1, Become.SUDO_PASSWORD, "sudo-not-allowed"),
    ("Sorry, user operator may not run sudo on h.", 1, Become.SUDO, "sudo-not-allowed"),
    ("Sorry, user operator is not allowed to execute '/usr/bin/python3' as root on h.", 1,
     Become.SUDO_PASSWORD, "sudo-not-allowed"),
    ("sudo: I'm sorry operator. I'm afraid I can't do that", 1, Become.SUDO, "sudo-not-allowed"),
    ("sudo: sorry, you must have a tty to run sudo", 1, Become.SUDO, "sudo-needs-tty"),
    ("env: 'sudo': No such file or directory", 127, Become.SUDO, "no-sudo"),
    ("env: ‘sudo’: No such file or directory", 127, Become.SUDO, "no-sudo"),
    ("env: 'python3': No such file or directory", 127, Become.ROOT, "no-python"),
    ("sudo: python3: command not found", 1, Become.SUDO, "no-python"),
    ("sudo: 'python3': command not found", 1, Become.SUDO, "no-python"),
    ("sh: 1: python3: not found", 127, Become.ROOT, "no-python"),
    ("", 127, Become.ROOT, "no-python"),
    ("This account is currently not available.", 1, Become.SUDO, "no-shell"),
    ("OSError: [Errno 28] No space left on device", 1, Become.ROOT, "no-space"),
    ("", 0, Become.ROOT, "protocol"),
    ("sudo: a password is required", 1, Become.ROOT, "protocol"),
]  # fmt: skip


@pytest.mark.parametrize(("stderr", "status", "become", "cause"), JUDGED)
def test_judge(stderr: str, status: int, become: Become, cause: str) -> None:
    assert judge(stderr, status, become) == cause
    if cause != "sudo-password":
        assert "{" not in render(commands.ended_early(cause, PLACE).message)


@pytest.mark.parametrize("become", list(Become))
def test_commands_are_safe_in_every_login_shell(become: Become) -> None:
    for command in (commands.python_command(become), commands.install_command(become)):
        words = shlex.split(command)
        assert shlex.join(words) == command and "\n" not in command
        # within single quotes csh still reads "!", fish still reads a backslash
        assert not set(command) & {"!", "\\"}
        assert command.count("'") == 2
        assert ("sudo" in words) == (become is not Become.ROOT)


def _boot(stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-I", "-X", "utf8", "-c", bootstrap.BOOT],
        input=stdin, capture_output=True, timeout=30, check=False,
    )  # fmt: skip


def test_boot_skips_a_line_that_sudo_did_not_read_and_runs_the_program() -> None:
    blocks = bootstrap.blocks({"mode": "echo", "text": "中文"}, FAKE_MODULES)
    done = _boot(b"a password\n" + blocks.request + blocks.program)
    lines = done.stdout.decode().splitlines()
    assert lines[:2] == ["MA1 ready", "MA1 more"]
    assert json.loads(lines[2])["text"] == "中文"
    assert json.loads(lines[2])["modules"] == sorted(FAKE_MODULES)
    assert (json.loads(lines[3])["event"], done.stderr, done.returncode) == ("result", b"", 0)


def test_boot_ends_quietly_without_a_block() -> None:
    done = _boot(b"nothing for us\n")
    assert (done.stdout, done.stderr, done.returncode) == (b"MA1 ready\n", b"", 0)


@pytest.mark.parametrize("part", [b"", b"MA1 ", b"MA1 9\nelse", b"MA1 9\nsomething"])
def test_boot_runs_nothing_but_the_program_it_was_promised(part: bytes) -> None:
    blocks = bootstrap.blocks({"mode": "echo"}, FAKE_MODULES)
    done = _boot(blocks.request + part)
    assert (done.stdout, done.returncode) == (b"MA1 ready\nMA1 more\n", 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root keeps programs")
def test_a_server_of_ours_keeps_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "state" / "program"
    monkeypatch.setattr(bootstrap, "KEPT", str(kept))
    blocks = bootstrap.blocks({"mode": "echo", "text": "x"}, FAKE_MODULES)
    both = blocks.request + blocks.program
    assert b"MA1 more" in _boot(both).stdout
    assert not kept.parent.exists(), "nothing is written where nothing was set up"
    kept.parent.mkdir()
    assert b"MA1 more" in _boot(both).stdout
    (file,) = kept.iterdir()
    assert (kept.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    alone = _boot(blocks.request)
    assert alone.returncode == 0
    assert b"MA1 more" not in alone.stdout and b'"text": "x"' in alone.stdout
    # One that was cut short or changed is asked for again, and mended.
    whole = file.read_bytes()
    for damage in (whole[:-1], b"", whole[:20] + b"x" + whole[21:]):
        file.write_bytes(damage)
        assert _boot(blocks.request).returncode == 1
        assert b'"text": "x"' in _boot(both).stdout
        assert file.read_bytes() == whole
    # Programs of other versions go, the oldest first.
    for number in range(20):
        (kept / f"old-{number}").write_bytes(b"")
    file.unlink()
    _boot(both)
    assert len(list(kept.iterdir())) == 16 and file.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root keeps programs")
def test_a_kept_program_is_kept_compiled_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "state" / "program"
    kept.parent.mkdir()
    monkeypatch.setattr(bootstrap, "KEPT", str(kept))
    blocks = bootstrap.blocks({"mode": "echo", "text": "x"}, FAKE_MODULES)
    told = _boot(blocks.request + blocks.program).stdout.partition(b"MA1 more\n")[2]
    (source,) = kept.iterdir()
    assert _boot(blocks.request).stdout.endswith(told)
    (compiled,) = set(kept.iterdir()) - {source}
    whole = compiled.read_bytes()
    assert compiled.stat().st_mode & 0o777 == 0o600
    # What is run is this: with another text in it, the program says another text.
    data = whole[32:].replace(b"modules", b"molecul")
    compiled.write_bytes(hashlib.sha256(data).digest() + data)
    assert b'"molecul"' in _boot(blocks.request).stdout
    # One that was cut short or changed is made anew.
    for damage in (whole[:-1], b"", whole[:31], whole[:40] + b"x" + whole[41:]):
        compiled.write_bytes(damage)
        assert _boot(blocks.request).stdout.endswith(told)
        assert compiled.read_bytes() == whole


def test_a_program_that_breaks_says_where_but_not_on_what() -> None:
    blocks = bootstrap.blocks({"mode": "raise", "secret": "hunter2"}, FAKE_MODULES)
    done = _boot(blocks.request + blocks.program)
    event = json.loads(done.stdout.splitlines()[2])
    assert (event["event"], event["cause"], done.returncode) == ("error", "unknown", 1)
    assert any("main" in line for line in event["tail"])
    assert b"hunter2" not in done.stdout + done.stderr


def test_sources_are_those_of_the_folder() -> None:
    found = sources.sources()
    assert "assistant.onhost" in found and "assistant.onhost.protocol" in found
    assert "MAX_LINE" in found["assistant.onhost.protocol"]
    assert all(name.startswith("assistant.onhost") for name in found)


@pytest.mark.parametrize("mode", ["inspect", "apply", "undo", "status", "measure", "facts"])
def test_a_request_gets_every_module_it_can_come_to_import(mode: str) -> None:
    """Each module is imported from memory alone, as on a host."""
    given = sources.sources_for(mode)
    assert len(given) < len(sources.sources())
    loader, found, _ = bootstrap.LOADER.partition("try:\n    from assistant.onhost.main")
    assert found
    script = (
        "import json, sys\npayload = json.loads(sys.stdin.buffer.readline())\n"
        f"{loader}"
        "import importlib\nfor name in sorted(modules): importlib.import_module(name)\n"
    )
    sent = bootstrap.blocks({}, given).program
    digest = hashlib.sha256(sent.partition(b"\n")[2]).hexdigest()
    done = subprocess.run(
        [sys.executable, "-I", "-c", script],
        input=json.dumps({"digest": digest, "kept": "/nowhere"}).encode() + b"\n" + sent,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_handlers_of_all_kinds_go_along_with_a_run() -> None:
    kinds = {name for name in sources.sources() if name.startswith("assistant.onhost.handlers")}
    assert kinds <= sources.sources_for("apply").keys()
    assert "assistant.onhost.probes.batch" not in sources.sources_for("apply")
    assert "assistant.onhost.engine.apply" not in sources.sources_for("measure")


# --- secrets


def test_secrets_do_not_show() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError):
        json.dumps(secret)
    import pickle

    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_remembering_asks_once_until_the_answer_was_wrong() -> None:
    async def story() -> None:
        user = Answers("wrong", "right")
        memory = Remembering(user)
        first = Wanted("sudo", "h", "u", "h:22")
        assert await asyncio.gather(memory.ask(first), memory.ask(first)) == ["wrong", "wrong"]
        assert await memory.ask(Wanted("sudo", "h", "u", "h:22", attempt=2)) == "right"
        assert await memory.ask(first) == "right"
        assert len(user.asked) == 2
        assert "right" not in repr(memory)

    asyncio.run(story())


def test_errors_are_read_by_people() -> None:
    error = RemoteError("auth", classify(TimeoutError(), PLACE).message, ["\x1b[31mraw", " "])
    assert str(error).endswith("[auth]") and error.evidence == ("raw",)


@pytest.mark.parametrize("opener", ["\x90", "\x98", "\x9d", "\x9e", "\x9f", "\x1b]", "\x1bP"])
@pytest.mark.parametrize("between", ["", "a", "\x9b", "\x1b["])
def test_no_character_of_a_hostile_line_is_looked_at_for_a_second_opener(
    opener: str, between: str
) -> None:
    line = (opener + between) * (262_000 // len(opener + between))
    body = re.compile(sanitize.STRING_BODY)
    openers = re.finditer(f"[{sanitize.OPENERS}]", line)
    looked_at = sum(len(_matched(body, line, found.end())) for found in openers)
    assert looked_at <= len(line)
    begun = time.monotonic()
    assert set(clean_lines(line)) <= set("a[]P")
    assert time.monotonic() - begun < 5


def _matched(body: re.Pattern[str], line: str, at: int) -> str:
    found = body.match(line, at)
    assert found is not None
    return found[0]


_ODD = [
    {"event": "changed", "id": "x", "seconds": "x"},
    {"event": "changed", "id": "x", "seconds": 10**400},
    {"event": "changed", "id": "x", "seconds": True},
    {"event": "changed", "id": "x", "seconds": -1},
    {"event": "busy", "run": "r", "since": 1e300},
    {"event": "busy", "run": ["r"], "since": 1.0},
    {"event": "failed", "id": "x", "cause": "y", "text": "z", "tail": 5},
    {"event": "failed", "id": "x", "cause": "y", "text": "z", "tail": [5]},
    {"event": "failed", "id": {}, "cause": "y", "text": "z"},
    {"event": "run", "run": "r", "total": 10**400},
    {"event": "run", "run": "r", "total": 1.5},
    {"event": "started", "id": "x", "at": 10**400},
    {"event": "started", "id": "x", "seq": 10**400},
    {"event": "confirm", "token": 5, "seconds": 60},
    {"event": "confirm", "token": "t", "seconds": "60"},
    {"event": "finished", "ok": True, "changed": "3"},
]


@pytest.mark.parametrize("event", _ODD)
def test_an_event_with_a_field_of_the_wrong_kind_is_no_event(event: dict[str, object]) -> None:
    with pytest.raises(BadOutput):
        parse_event(json.dumps(event).encode())


def test_fields_that_are_missing_or_null_are_no_lie() -> None:
    for event in (
        {"event": "busy", "run": "", "since": 0.0},
        {"event": "changed", "id": "x", "seconds": 0, "summary": "", "seq": 1, "at": 1.7e9},
        {"event": "failed", "id": None, "text": "x", "tail": []},
        {"event": "measurement", "seconds": None, "text": 5},
    ):
        assert parse_event(json.dumps(event).encode()) == event
