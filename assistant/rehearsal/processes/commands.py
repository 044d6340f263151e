"""Running other programs: always an argument list, always a time limit, always a clear error."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from assistant.rehearsal.errors import RehearsalError, tail

Completed = subprocess.CompletedProcess[str]


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This program's environment with one language for every tool's output."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(extra or {})}
    # Tools such as useradd live in sbin, which an ordinary root shell does not always search.
    paths = environment.get("PATH", "").split(os.pathsep)
    wanted = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]
    environment["PATH"] = os.pathsep.join([*paths, *(p for p in wanted if p not in paths)])
    return environment


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    text: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    check: bool = True,
) -> Completed:
    """Run `argv` to its end and return it with its output (text, UTF-8).

    `timeout` is in seconds; `text` goes to standard input. Raises RehearsalError when the program
    is missing, takes too long, or (with `check`) ends with a code other than 0.
    """
    try:
        done = subprocess.run(
            list(argv),
            input=text if text is not None else "",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            env=clean_environment(env),
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as error:
        raise RehearsalError(f"The program {argv[0]} is not on this machine.") from error
    except subprocess.TimeoutExpired as error:
        raise RehearsalError(f"{argv[0]} did not finish within {timeout:g} seconds.") from error
    return _checked(done) if check else done


async def run_async(
    argv: Sequence[str],
    *,
    timeout: float,  # noqa: ASYNC109 - every caller says its own, in one way
    text: str | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> Completed:
    """The same as `run`, without holding up the event loop; cancelling it kills the program."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=clean_environment(env),
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise RehearsalError(f"The program {argv[0]} is not on this machine.") from error
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate((text or "").encode())
            code = await process.wait()
    except TimeoutError as error:
        raise RehearsalError(
            f"{_brief(argv)} did not finish within {timeout:g} seconds."
        ) from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    done = subprocess.CompletedProcess(
        list(argv), code, out.decode(errors="replace"), err.decode(errors="replace")
    )
    return _checked(done) if check else done


def _brief(argv: Sequence[str]) -> str:
    """A command in one line: what wraps it and long programs in it are of no help to a reader."""
    words = [word if len(word) < 60 and "\n" not in word else "…" for word in argv]
    return " ".join(words[:12]) + (" …" if len(words) > 12 else "")


def _checked(done: Completed) -> Completed:
    if done.returncode != 0:
        raise RehearsalError(
            f"{_brief(done.args)} failed with code {done.returncode}.",
            tail(done.stderr or done.stdout),
        )
    return done
