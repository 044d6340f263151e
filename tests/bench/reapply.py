"""A re-apply that changes nothing, beside a bare ssh, pyinfra and Ansible, near and far.

Run it as ``python -m tests.bench.reapply [--rtt 0 150] [--runs 3]`` (root, Debian: it needs the
rehearsal). A host with the whole of option 1 stands behind a border that delays; everything is
timed in turns, so that whatever else the computer does meets all of them. It prints one JSON
object. Exit code 1: a target is missed, or one of them changed something.

It also measures, at the longest delay, what an inspection costs as plans grow (10 to 1,000
files) and as hosts grow (1 to 50 connections to that host at once). Since one computer plays all
of those hosts, as many bare logins at once are timed beside them (nothing can be quicker), and as
many hosts that only repeat what the real one answered (what the assistant itself adds).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from assistant.onhost.resources import File, to_json
from assistant.operations import apply
from assistant.operations.connections import Connections
from assistant.plan.compile import compile_plan
from assistant.rehearsal.journey import Journey
from assistant.rehearsal.lab import Lab, LabHost
from assistant.rehearsal.make_ready import make_ready
from assistant.rehearsal.network.border import Border
from assistant.rehearsal.processes.contain import is_contained, run_contained, work_folder
from assistant.remote import NoCredentials
from assistant.setup.model import Login, Setup
from checks import run_checks
from tests.bench.other_tools import Tool, install, tools
from tests.bench.replayed import replaying

TARGETS = {0: 3.0, 150: 1.3}
"""Highest ratio of ours to a bare ssh, by round trip in milliseconds."""
FLEET = 3.0
"""Highest ratio of inspecting 50 hosts to inspecting one, at the longest delay."""
PLANS = (10, 100, 1000)
HOSTS = (1, 10, 50)
Timed = Callable[[], Awaitable[None]]


async def seconds_of(work: Timed) -> float:
    """How long something takes."""
    begun = time.monotonic()
    await work()
    return time.monotonic() - begun


async def run_program(argv: list[str], env: dict[str, str]) -> str:
    """Run a program to its end; its output, or RuntimeError with the end of it."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env={**os.environ, **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 600)
    text = output.decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"{argv[0]} ended with {process.returncode}: {text[-2000:]}")
    return text


class Bench:
    """One lab with one deployed host."""

    def __init__(self, lab: Lab, host: LabHost, setup: Setup, others: tuple[Tool, ...]) -> None:
        self.lab, self.host, self.setup, self.others = lab, host, setup, others
        self.changed: dict[str, int] = {}

    async def bare(self) -> None:
        """``ssh HOST true``."""
        argv = ["ssh", "-F", "none", "-i", str(self.lab.facts.operator_key), "-o", "BatchMode=yes"]
        argv += ["-o", f"UserKnownHostsFile={self.lab.known_hosts()}"]
        await run_program([*argv, f"root@{self.host.ipv4}", "true"], {})

    async def ours(self) -> None:
        """An apply on a fresh connection."""
        async with Connections(self.setup, NoCredentials()) as connections:
            _, results = await apply.apply(connections, report=lambda _: None)
        for result in results:
            if not result.ok:
                raise RuntimeError(result.text)
            self.changed["matrix-assistant"] = len(result.changes)

    async def other(self, tool: Tool) -> None:
        """Another tool, once."""
        text = await run_program(list(tool.argv), dict(tool.env))
        for line in text.splitlines():
            if tool.name == "ansible" and "changed=" in line:
                self.changed[tool.name] = int(line.split("changed=")[1].split()[0])
            if tool.name == "pyinfra" and line.strip().startswith("Grand total"):
                self.changed[tool.name] = int(line.split()[3]) if line.split()[3] != "-" else 0

    async def compare(self, rtt: int, runs: int) -> dict[str, Any]:
        """Medians of everything at a round trip, and what each is of a bare ssh."""
        await self.lab.border.change(Border(rtt_ms=rtt))
        works: dict[str, Timed] = {"bare ssh": self.bare, "matrix-assistant": self.ours}
        for tool in self.others:
            works[tool.name] = lambda tool=tool: self.other(tool)  # type: ignore[misc]
        times: dict[str, list[float]] = {name: [] for name in works}
        for number in range(runs + 1):
            for name, work in works.items():
                taken = await seconds_of(work)
                if number:  # the first one fills caches
                    times[name].append(taken)
        medians = {name: statistics.median(found) for name, found in times.items()}
        bare = medians["bare ssh"]
        return {
            "rtt_ms": rtt,
            "seconds": {name: round(value, 3) for name, value in medians.items()},
            "ratio": {name: round(value / bare, 2) for name, value in medians.items()},
        }

    async def inspect(self, files: int) -> None:
        """Inspect so many files on a fresh connection."""
        resources = [
            to_json(File(path=f"/etc/matrix-assistant/bench/{n}", content=f"{n}\n"))
            for n in range(files)
        ]
        async with Connections(self.setup, NoCredentials()) as connections:
            session = await connections.session(self.host.name)
            async for _ in session.program(
                {"mode": "inspect", "resources": resources, "resolve": {}}
            ):
                pass

    async def growth(self, runs: int) -> dict[str, Any]:
        """What plans of more resources, and more hosts at once, cost at the present delay."""
        plans = {}
        for files in PLANS:
            found = [await seconds_of(lambda n=files: self.inspect(n)) for _ in range(runs)]  # type: ignore[misc]
            plans[files] = round(statistics.median(found), 3)
        hosts: dict[str, dict[int, float]] = {}
        with tempfile.TemporaryDirectory(dir=work_folder()) as folder:
            echo = await self.lab.boot("echo")
            async with replaying(echo, Path(folder), await self._answer()) as login:
                works = {
                    "inspected": lambda: self._look(self.setup.hosts[0].login),
                    "bare ssh": self.bare,
                    "replayed": lambda: self._look(login),
                }
                for count in HOSTS:
                    for name, work in works.items():

                        async def several(work: Timed = work, count: int = count) -> None:
                            await asyncio.gather(*(work() for _ in range(count)))

                        found = [await seconds_of(several) for _ in range(runs)]
                        hosts.setdefault(name, {})[count] = round(statistics.median(found), 3)
        return {
            "seconds_by_resources": plans,
            "seconds_by_hosts": hosts,
            "fleet_ratio": {
                name: round(found[HOSTS[-1]] / found[1], 2) for name, found in hosts.items()
            },
        }

    async def _answer(self) -> bytes:
        """What the host says to an inspection of the whole plan."""
        events: list[dict[str, Any]] = []
        await self._look(self.setup.hosts[0].login, events.append)
        return "".join(f"{json.dumps(event)}\n" for event in events).encode()

    async def _look(
        self, login: Login, report: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> None:
        """Inspect the whole plan on a fresh connection."""
        host = self.setup.hosts[0].model_copy(update={"login": login})
        setup = self.setup.model_copy(update={"hosts": (host,)})
        request = {
            "mode": "inspect",
            "resources": [to_json(r) for r in compile_plan(self.setup).hosts[0].resources],
            "resolve": {},
        }
        async with Connections(setup, NoCredentials()) as connections:
            session = await connections.session(host.name)
            async for event in session.program(request):
                report(event)


async def inside(rtts: list[int], runs: int) -> dict[str, Any]:
    """The whole of it, within the containment."""
    where = install()
    async with await Lab.start(make_ready(("trixie",)), report=print_err, border=Border()) as lab:
        host = await lab.boot("outside")
        journey = Journey(lab, 1, "trixie", run_checks, say=print_err, progress=lambda _: None)
        report = await journey.travel({"outside": host})
        if not report.ok:
            raise RuntimeError(report.error)
        # Fifty connections at once are more than sshd lets in unasked.
        await lab.exec(
            host.name,
            ["sh", "-c", "echo MaxStartups 100 >/etc/ssh/sshd_config.d/bench.conf; "
             "systemctl reload ssh"],
        )  # fmt: skip
        with tempfile.TemporaryDirectory(dir=work_folder()) as folder:
            others = tools(
                compile_plan(journey.setup).hosts[0],
                host,
                lab.facts,
                lab.known_hosts(),
                where,
                Path(folder),
            )
            bench = Bench(lab, host, journey.setup, others)
            compared = [await bench.compare(rtt, runs) for rtt in rtts]
            growth = await bench.growth(runs)
    resources = len(compile_plan(journey.setup).hosts[0].resources)
    fleet = growth["fleet_ratio"]["inspected"]
    missed = [
        entry["rtt_ms"]
        for entry in compared
        if entry["ratio"]["matrix-assistant"] > TARGETS.get(entry["rtt_ms"], 3.0)
    ]
    return {
        "resources": {"matrix-assistant": resources, **{t.name: t.tasks for t in others}},
        "changed": bench.changed,
        "compared": compared,
        **growth,
        "ok": not missed and fleet <= FLEET and not bench.changed.get("matrix-assistant"),
    }


def print_err(line: str) -> None:
    """Progress, beside the result."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Prepare outside, measure inside."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rtt", type=int, nargs="+", default=[0, 150])
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    if not is_contained():
        install()
        make_ready(("trixie",))
        return run_contained([sys.executable, "-m", "tests.bench.reapply", *sys.argv[1:]])
    result = asyncio.run(inside(args.rtt, args.runs))
    print(json.dumps(result, indent=2))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
