"""The small parts: causes of failures, commands, events, the lock, facts."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import assistant.onhost
from assistant.onhost.contract import HostError
from assistant.onhost.engine.lock import BusyError, Lock, holder
from assistant.onhost.engine.registry import _MODULES, handler_for
from assistant.onhost.paths import Paths, checked_run
from assistant.onhost.protocol import FAIL_CAUSES, MAX_LINE
from assistant.onhost.resources import KINDS
from assistant.onhost.system.event_lines import Emitter, clean, encode, scrub
from assistant.onhost.system.facts import facts, memory, os_release
from assistant.onhost.system.output_causes import classify, tail_of
from assistant.onhost.system.process import Call, execute
from assistant.onhost.system.sockets import _address, _parse


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("dpkg: error: cannot copy: failed to write (No space left on device)", "disk-full"),
        ("E: You don't have enough free space in /var/cache/apt/archives/.", "disk-full"),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1", "apt-lock"),
        ("E: Unable to lock directory /var/lib/apt/lists/", "apt-lock"),
        ("dpkg: error: dpkg frontend lock was locked by another process", "apt-lock"),
        ("E: /var/lib/apt/lists/partial is missing. Read-only file system", "read-only"),
        ("E: Failed to fetch http://m/x.deb  Hash Sum mismatch", "mirror"),
        ("E: Failed to fetch http://m/x.deb  404  Not Found [IP: 192.0.2.1 80]", "mirror"),
        ("E: Unable to locate package nginx", "mirror"),
        ("W: GPG error: NO_PUBKEY 0123", "mirror"),
        ("ERROR: No matching distribution found for matrix-synapse==1", "mirror"),
        ("Err:1 Temporary failure resolving 'm'\nE: Failed to fetch x", "name-resolution"),
        ("NewConnectionError: [Errno -2] Name or service not known", "name-resolution"),
        ("Sub-process /usr/bin/sqv returned an error code (1): Not live until 2026-11-22", "clock"),
        ("E: Release file for m is not valid yet (invalid for another 3h 2min 5s).", "clock"),
        ("ssl.SSLCertVerificationError: certificate is not yet valid", "clock"),
        ("nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)", "port-taken"),
        ("OSError: [Errno 98] Address already in use", "port-taken"),
        ("mkdir: cannot create directory 'x': Permission denied", "permission"),
        ("curl: (28) Connection timed out", "timeout"),
        ("something else", ""),
    ],
)  # fmt: skip
def test_causes_from_outputs(output: str, cause: str) -> None:
    assert classify(output) == cause
    assert cause in ("", *FAIL_CAUSES)


def test_the_tail_is_short() -> None:
    tail = tail_of("\n".join(["x" * 900, ""] * 50))
    assert (len(tail), len(tail[0])) == (30, 500)


def test_a_command_leaves_nothing_waiting_on_a_daemon() -> None:
    begun = time.monotonic()
    done = execute(Call(("sh", "-c", "sleep 4 & echo up; exit 3")))
    assert (done.code, done.output) == (3, "up\n")
    assert time.monotonic() - begun < 3


def test_a_command_that_hangs_is_ended_with_its_children() -> None:
    with pytest.raises(HostError) as caught:
        execute(Call(("sh", "-c", "echo begun; sleep 77 & sleep 77"), timeout=0.3))
    assert (caught.value.cause, caught.value.tail) == ("timeout", ("begun",))


def test_standard_input_and_environment() -> None:
    text = "x" * 300_000
    assert execute(Call(("cat",), stdin=text)).output == text
    assert (
        execute(Call(("sh", "-c", "echo $LC_ALL $WORD"), env={"WORD": "w"})).output == "C.UTF-8 w\n"
    )
    assert execute(Call(("no-such-program",))).code == 127


def test_output_is_told_as_it_comes() -> None:
    told: list[tuple[float, str]] = []
    call = Call(("sh", "-c", "echo one; sleep 0.4; printf two"))
    execute(call, lambda text: told.append((time.monotonic(), text)))
    assert [text for _, text in told] == ["one\n", "two"]
    assert told[1][0] - told[0][0] > 0.2


def test_event_lines_are_one_line_of_limited_length() -> None:
    out = io.BytesIO()
    emit = Emitter(out)
    emit({"event": "state", "diff": "ü\n" * MAX_LINE, "tail": ["y" * 1000] * 1000})
    emit({"event": "result"})
    first, second = out.getvalue().splitlines(keepends=True)
    assert len(first) <= MAX_LINE
    assert json.loads(first)["diff"].startswith("ü\nü")
    assert json.loads(second) == {"event": "result"}
    assert encode({"event": "x", "text": "\udcff"})


def test_secrets_and_control_characters_go() -> None:
    value = {"text": "a pass-word b", "tail": ["pass-word"], "n": 1}
    assert scrub(value, ["pass-word", "b"]) == {"text": "a *** b", "tail": ["***"], "n": 1}
    assert clean("\x1b[31mred\x1b[0m\a\tx\r\n") == "red\tx\n"


def test_the_lock_names_its_holder_and_dies_with_it(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    Path(paths.state).mkdir(parents=True)
    assert holder(paths) is None
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from assistant.onhost.engine.lock import Lock\n"
        "from assistant.onhost.paths import Paths\n"
        "lock = Lock(Paths(sys.argv[2])); lock.take('theirs')\n"
        "print('held', flush=True); sys.stdin.read()\n"
    )
    top = str(Path(assistant.onhost.__file__).parents[2])
    argv = [sys.executable, "-c", code, top, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        assert (holder(paths) or "").run == "theirs"
        with pytest.raises(BusyError) as caught:
            Lock(paths).take("ours")
        assert caught.value.holder.run == "theirs"
        other.kill()
        other.wait()
    assert holder(paths) is None
    lock = Lock(paths)
    lock.take("ours")
    assert (holder(paths) or "").run == "ours"
    lock.release()


@pytest.mark.parametrize("run", ["", "../x", "a/b", ".x", "-x", "a b", "x" * 65, None, 3])
def test_ids_of_runs_are_no_paths(run: object) -> None:
    with pytest.raises(HostError):
        checked_run(run)


def test_runs_are_ordered_by_their_number_not_by_the_clock(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    for number, run in ((2, "a"), (10, "b"), (1, "c")):
        Path(paths.run(run)).mkdir(parents=True)
        Path(paths.run(run), "number").write_text(str(number))
    assert paths.known_runs() == ["b", "a", "c"]


def test_facts_of_this_host() -> None:
    told = facts(Paths())
    json.dumps(told)
    assert told["memory"]["total"] > 0 and told["disk"]["/"]["total"] > 0
    assert told["arch"] and told["python"].startswith("3.")
    release = os_release('ID=debian\nVERSION_CODENAME="trixie"\n# x=y\nBAD="\n')
    assert (release["ID"], release["VERSION_CODENAME"]) == ("debian", "trixie")
    assert memory("MemTotal:  2048000 kB\nMemAvailable: 1024 kB\n") == {
        "total": 2000, "available": 1, "swap": 0,
    }  # fmt: skip


def test_sockets_from_proc() -> None:
    assert _address("0100007F") == "127.0.0.1"
    assert _address("0000000000000000FFFF00000100007F") == "127.0.0.1"
    assert _address("B80D01200000000000000000" + "01000000") == "2001:db8::1"
    text = (
        "  sl  local_address rem_address   st ...\n"
        "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 77 1\n"
        "   1: 0100007F:0050 0100007F:9999 01 00000000:00000000 00:00000000 00000000 0 0 78 1\n"
    )
    assert [(s.port, s.inode, s.local) for s in _parse("tcp", text)] == [(22, "77", False)]


def test_every_kind_has_a_handler() -> None:
    assert set(_MODULES) == set(KINDS)
    for kind in KINDS:
        handler = handler_for(kind)
        assert all(callable(getattr(handler, name)) for name in ("inspect", "apply", "undo"))


def test_the_program_imports_only_itself_and_the_standard_library() -> None:
    top = Path(assistant.onhost.__file__).parent
    foreign = set()
    for place in top.rglob("*.py"):
        for node in ast.walk(ast.parse(place.read_text())):
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                continue
            for module in modules:
                known = module.split(".")[0] in sys.stdlib_module_names
                if not known and not module.startswith("assistant.onhost"):
                    foreign.add((place.name, module))
    assert foreign == set()
