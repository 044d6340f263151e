"""Figures of a deployment that are taken from outside of it: a bare ssh beside ours, sandboxes."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from assistant.onhost.resources import Service
from assistant.plan import HostPlan
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.lab import Lab
from assistant.setup.model import Login, Setup

SSH_SECONDS = 60.0


async def bare_ssh(setup: Setup, known_hosts: Path) -> float:
    """Seconds that `ssh HOST true` takes for all hosts side by side; RehearsalError.

    ``known_hosts`` is a file to write the confirmed keys to.
    """
    logins = [host.login for host in setup.hosts]
    lines = [f"{_place(login)} {login.host_key}\n" for login in logins]
    await asyncio.to_thread(known_hosts.write_text, "".join(lines), "utf-8")
    begun = time.monotonic()
    codes = await asyncio.gather(*(_ssh(login, known_hosts) for login in logins))
    seconds = time.monotonic() - begun
    for host, code in zip(setup.hosts, codes, strict=True):
        if code != 0:
            raise RehearsalError(f"A bare ssh to {host.name} ended with {code}.")
    return seconds


def _place(login: Login) -> str:
    return login.address if login.port == 22 else f"[{login.address}]:{login.port}"


async def _ssh(login: Login, known_hosts: Path) -> int:
    argv = ["ssh", "-F", "none", "-i", login.key_file, "-p", str(login.port)]
    argv += ["-o", f"UserKnownHostsFile={known_hosts}", "-o", "BatchMode=yes"]
    process = await asyncio.create_subprocess_exec(
        *argv, f"{login.user}@{login.address}", "true", stdin=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(SSH_SECONDS):
        return await process.wait()


def compared(ours: Sequence[float], bare: Sequence[float]) -> dict[str, float]:
    """The medians of both in seconds, and how many times the second the first one is."""
    seconds, bare_seconds = statistics.median(ours), statistics.median(bare)
    return {
        "seconds": round(seconds, 3),
        "bare_ssh_seconds": round(bare_seconds, 3),
        "ratio": round(seconds / bare_seconds, 2),
    }


async def sandbox_scores(
    lab: Lab, name: str, plan: HostPlan, limits: Mapping[str, float]
) -> dict[str, float]:
    """What `systemd-analyze security` says of those units with a limit that run on a host."""
    scores: dict[str, float] = {}
    units = [item.unit for item in plan.resources if isinstance(item, Service)]
    for unit in dict.fromkeys(unit for unit in units if unit in limits):
        argv = ["systemd-analyze", "security", "--no-pager", unit]
        done = await lab.exec(name, argv, check=False)
        last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
        # "→ Overall exposure level for nginx.service: 2.5 OK"
        if ": " not in last or len(last.split()) <= 6:
            raise RehearsalError(f"systemd gave no score for {unit} on {name}: {last!r}")
        scores[unit] = float(last.split(": ", 1)[1].split()[0])
    return scores
