"""The containment: what goes through it, and that nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assistant.rehearsal.build.requirements import missing_requirements
from assistant.rehearsal.cache import cache_root
from assistant.rehearsal.processes import leftovers
from assistant.rehearsal.processes.contain import is_contained, passed_on

REPOSITORY = Path(__file__).parents[2]
OUTER = "import sys; from assistant.rehearsal.processes.contain import run_contained; "
OUTER += "sys.exit(run_contained(sys.argv[1:], {'MARK': 'seen'}))"
IN_LAB = """
import asyncio, sys
from assistant.rehearsal.lab import Border, Lab
from assistant.rehearsal.make_ready import make_ready
async def main():
    prepared = make_ready(("trixie", "bookworm"))
    async with await Lab.start(
        prepared, report=lambda line: None, border=Border(rtt_ms=10)
    ) as lab:
        await lab.home_line()
        await lab.boot("outside")
        print("ready", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""
TIMEOUT = 60.0


@pytest.fixture(autouse=True)
def able() -> None:
    missing = missing_requirements()
    if missing:
        reason = " ".join(requirement.sentence for requirement in missing)
        if os.environ.get("MATRIX_ASSISTANT_LAB_REQUIRED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


def outer(*argv: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OUTER, *argv],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], text: str = "") -> tuple[int, str]:
    out, _ = process.communicate(text, timeout=TIMEOUT)
    return process.returncode, out


def traces(run: str) -> list[str]:
    """Everything on this machine that carries the run's name."""
    found = [str(path) for path in (cache_root() / "runs").glob(run)]
    found += [str(group) for group in leftovers.run_cgroups(run) if group.exists()]
    for table in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            if f"/runs/{run}" in table.read_text():
                found.append(str(table))
        except OSError:
            continue
    return found


def wait_for_none(run: str) -> None:
    deadline = time.monotonic() + 15
    while traces(run) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert traces(run) == []


def test_input_output_and_exit_code_pass() -> None:
    process = outer("sh", "-c", 'read line; echo "got $line $MARK $MATRIX_ASSISTANT_LAB"; exit 7')
    run = leftovers.run_name(process.pid)
    assert finish(process, "hello\n") == (7, "got hello seen 1\n")
    assert traces(run) == []


def test_a_signal_death_is_told_as_the_shell_does() -> None:
    assert finish(outer("sh", "-c", "kill -KILL $$"))[0] == 137


def test_there_is_no_network_inside() -> None:
    code, out = finish(outer("ip", "-o", "link"))
    assert code == 0
    assert len(out.splitlines()) == 1


def test_orphans_inside_are_buried_and_end_with_it() -> None:
    program = "sh -c 'sleep 300 & echo done'; sleep 0.3; cat /proc/[0-9]*/stat | grep -c ' Z '"
    assert finish(outer("sh", "-c", program))[1] == "done\n0\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_signal_lets_the_inside_clean_up(number: signal.Signals) -> None:
    script = (
        # os.write: the signal may come while the line before is still being printed.
        "import os,signal,sys,time\n"
        "def end(n, f): os.write(1, b'cleaned %d\\n' % n); sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, end); signal.signal(signal.SIGINT, end)\n"
        "print('up', flush=True)\n"
        "while True: time.sleep(0.1)"
    )
    process = outer(sys.executable, "-c", script)
    run = leftovers.run_name(process.pid)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    assert finish(process) == (3, f"cleaned {number.value}\n")
    assert traces(run) == []


@pytest.mark.boots
def test_a_killed_run_leaves_nothing() -> None:
    process = outer(sys.executable, "-c", IN_LAB)
    run = leftovers.run_name(process.pid)
    assert process.stdout is not None
    line = process.stdout.readline()
    if line != "ready\n":
        _, errors = process.communicate(timeout=TIMEOUT)
        pytest.fail(f"the lab did not start: {errors[-2000:]}")
    assert any("cgroup" in trace for trace in traces(run))
    process.kill()
    process.communicate(timeout=TIMEOUT)
    wait_for_none(run)


@pytest.mark.boots
def test_what_was_killed_altogether_is_swept_by_the_next_run() -> None:
    process = outer(sys.executable, "-c", IN_LAB)
    run = leftovers.run_name(process.pid)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    inside = int((cache_root() / "runs" / run / "pid").read_text())
    # Another lab that begins now would sweep it before it was looked at.
    with leftovers.alone(cache_root() / "runs"):
        process.send_signal(signal.SIGSTOP)
        os.kill(inside, signal.SIGKILL)
        process.kill()
        process.communicate(timeout=TIMEOUT)
        assert traces(run)
    sweeper = outer("true")
    _, said = sweeper.communicate(timeout=TIMEOUT)
    assert sweeper.returncode == 0, said
    assert traces(run) == []


def test_a_run_inside_a_run_does_not_sweep_the_outer_one() -> None:
    if is_contained():
        assert finish(outer("true"))[0] == 0
        assert Path(os.environ["MATRIX_ASSISTANT_LAB_DIR"]).is_dir()
        return
    inner = f'{sys.executable} -c "{OUTER}" true && ls $MATRIX_ASSISTANT_LAB_DIR/pid'
    code, out = finish(outer("sh", "-c", inner))
    assert (code, out.strip().endswith("/pid")) == (0, True)


def test_the_inside_knows_neither_the_agent_nor_a_token() -> None:
    known = {"PATH": "/bin", "LC_ALL": "C", "MATRIX_ASSISTANT_LAB_REQUIRED": "1"}
    secret = {
        "SSH_AUTH_SOCK": "/a",
        "GITHUB_TOKEN": "x",
        "HTTPS_PROXY": "x",
        "XDG_RUNTIME_DIR": "/r",
    }
    assert passed_on({**known, **secret}) == known
