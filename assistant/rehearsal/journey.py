"""The main job from end to end on the practice internet, stage by stage.

Runs inside the containment, where this process's network is the operator's. Every stage is timed;
the report is what ``matrix-assistant rehearse --json`` prints.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from assistant import run
from assistant.errors import AssistantError
from assistant.findings import Finding, Status
from assistant.plan.compile import compile_plan
from assistant.recommendation import recommend
from assistant.rehearsal.lab import Lab, LabHost
from assistant.rehearsal.practice import practice_setup
from assistant.remote import HostKey, NoCredentials
from assistant.setup import Host, Setup

Say = Callable[[str], None]

SANDBOX_LIMITS = {"matrix-synapse.service": 1.5, "nginx.service": 3.0}
"""Highest exposure score of `systemd-analyze security` that passes, by unit."""

REPEATS = 3
"""How often a re-apply and a bare ssh are timed; the medians are compared."""


class StageError(AssistantError):
    """A stage did not give what it must; the rehearsal ends there."""


@dataclass
class Rehearsed:
    """The report, filled in as the stages pass."""

    option: int
    release: str
    stages: list[dict[str, Any]] = field(default_factory=list)
    canary: dict[str, Any] = field(default_factory=dict)
    reapply: dict[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    open_ports: dict[str, list[int]] = field(default_factory=dict)
    planned_ports: dict[str, list[int]] = field(default_factory=dict)
    sandbox: dict[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def ok(self) -> bool:
        """True only when every stage passed and every figure is as it must be."""
        return (
            not self.error
            and bool(self.stages)
            and all(stage["ok"] for stage in self.stages)
            and bool(self.canary)
            and self.canary["sent"] > 0
            and self.canary["delivered"] == self.canary["sent"]
            and bool(self.canary["encrypted_on_server"])
            and bool(self.reapply)
            and self.reapply["changed"] == 0
            and bool(self.findings)
            and not any(finding.status is Status.FAILED for finding in self.findings)
            and bool(self.open_ports)
            and self.open_ports == self.planned_ports
        )

    def to_json(self) -> dict[str, Any]:
        """The JSON object of ``rehearse --json``."""
        return {
            "option": self.option,
            "release": self.release,
            "ok": self.ok,
            "stages": self.stages,
            "canary": self.canary,
            "reapply": self.reapply,
            "findings": [
                {
                    "check": finding.check,
                    "subject": finding.subject,
                    "vantage": finding.vantage,
                    "status": finding.status.value,
                    "cause": finding.cause,
                    "summary": str(finding.summary),
                }
                for finding in self.findings
            ],
            "open_ports": self.open_ports,
            "planned_ports": self.planned_ports,
            "sandbox": self.sandbox,
            "error": self.error,
        }


class Journey:
    """One rehearsal of an option on a running lab."""

    def __init__(
        self, lab: Lab, option: int, release: str, checker: run.Checker, *, say: Say, progress: Say
    ) -> None:
        self.lab = lab
        self.report = Rehearsed(option, release)
        self.checker = checker
        self.say = say
        self.progress = progress
        self._setup: Setup | None = None

    @property
    def setup(self) -> Setup:
        """The Setup as it stands."""
        if self._setup is None:
            raise RuntimeError("the journey has not begun")
        return self._setup

    async def travel(self, outside: LabHost) -> Rehearsed:
        """All stages in order; the first that fails ends the journey."""
        try:
            await self._stages(outside)
        except AssistantError as error:
            self.report.error = str(error.message)
        return self.report

    @asynccontextmanager
    async def stage(self, name: str) -> AsyncIterator[None]:
        """Time a stage and note how it ended."""
        begun = time.monotonic()
        self.progress(f"{name} …")
        good = False
        try:
            yield
            good = True
        finally:
            seconds = round(time.monotonic() - begun, 2)
            self.report.stages.append({"name": name, "ok": good, "seconds": seconds})
            self.say(f"{'✓' if good else '✗'} {name} ({seconds:.1f} s)")

    async def _stages(self, outside: LabHost) -> None:
        report = self.report
        async with self.stage("recommend"):
            self._setup = practice_setup(report.option, report.release, self.lab.facts, outside)
            first = recommend(self.setup.answers).first
            _must(first == report.option, f"the advice was option {first}")
        async with self.stage("trust"):
            self._setup = await run.trust(self.setup, self._confirm(outside), NoCredentials())
        async with run.Connections(self.setup, NoCredentials()) as connections:
            await self._prepare_host(connections)
            async with self.stage("apply"):
                self._setup, results = await run.apply(connections, report=self._told)
                for result in results:
                    last = " | ".join(result.tail[-3:])
                    _must(result.ok, f"{result.host}: {result.failed} {result.text} {last}")
            async with self.stage("verify"):
                self._setup, report.findings = await run.check(
                    connections, self.checker, phase="after"
                )
                self._no_failure(report.findings)
            async with self.stage("canary"):
                await self._canary(connections)
        async with self.stage("re-apply"):
            await self._reapply(outside)
        async with self.stage("ports"):
            planned = compile_plan(self.setup).for_host("outside")
            report.open_ports[planned.host] = list(await self.lab.scan(outside.name))
            report.planned_ports[planned.host] = sorted(planned.open_tcp)
            _must(
                report.open_ports == report.planned_ports,
                f"open ports {report.open_ports}, planned {report.planned_ports}",
            )
        async with self.stage("sandbox"):
            await self._sandbox(outside)

    async def _prepare_host(self, connections: run.Connections) -> None:
        async with self.stage("check without DNS"):
            self._setup = await run.learn(connections)
            self._setup, findings = await run.check(connections, self.checker, phase="before")
            missing = [f for f in findings if f.check == "dns" and f.status is Status.FAILED]
            _must(bool(missing), "the missing DNS records were not noticed")
        async with self.stage("add DNS records"):
            for record in compile_plan(self.setup).records:
                if record.must == "exist":
                    await self.lab.dns_set(record.name, record.type, record.values)
        async with self.stage("check"):
            # Whoever asked too early has the absence in a resolver's cache for its negative TTL.
            for attempt in range(10):
                self._setup, findings = await run.check(connections, self.checker, phase="before")
                failed = [f for f in findings if f.status is Status.FAILED]
                if not failed or any(f.check != "dns" for f in failed) or attempt == 9:
                    break
                await asyncio.sleep(1)
            self.report.findings = findings
            self._no_failure(findings)
        async with self.stage("plan"):
            previews = await run.preview(connections)
            _must(all(p.changes for p in previews), "a fresh host needs changes, none were found")

    async def _canary(self, connections: run.Connections) -> None:
        result = await run.canary(connections)
        self.report.canary = {
            "sent": result.sent,
            "delivered": result.delivered,
            "encrypted_on_server": result.encrypted_on_server,
            "p50_ms": result.p50_ms,
            "p95_ms": result.p95_ms,
            "removed": result.removed,
        }
        _must(result.ok, str(result.failure) if result.failure else "not every message arrived")

    async def _reapply(self, outside: LabHost) -> None:
        """Apply again on fresh connections, in turns with a bare ssh, and compare medians."""
        ours: list[float] = []
        bare: list[float] = []
        changes: list[str] = []
        for _ in range(REPEATS):
            bare.append(await self._bare_ssh(outside))
            async with run.Connections(self.setup, NoCredentials()) as connections:
                begun = time.monotonic()
                _, results = await run.apply(connections, report=self._told)
                ours.append(time.monotonic() - begun)
            for result in results:
                _must(result.ok, f"{result.host}: {result.failed} {result.text}")
                changes.extend(result.changes)
        seconds, bare_seconds = statistics.median(ours), statistics.median(bare)
        self.report.reapply = {
            "changed": len(changes),
            "seconds": round(seconds, 3),
            "bare_ssh_seconds": round(bare_seconds, 3),
            "ratio": round(seconds / bare_seconds, 2),
        }
        _must(not changes, f"a second apply changed {', '.join(changes[:5])}")

    async def _bare_ssh(self, host: LabHost) -> float:
        known = self.lab.known_hosts()
        argv = ["ssh", "-F", "none", "-i", str(self.lab.facts.operator_key), "-p"]
        argv += [str(host.ssh_port), "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes"]
        begun = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *argv, f"root@{host.ipv4}", "true", stdin=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(60):
            code = await process.wait()
        _must(code == 0, f"a bare ssh to {host.name} ended with {code}")
        return time.monotonic() - begun

    async def _sandbox(self, outside: LabHost) -> None:
        for unit, limit in SANDBOX_LIMITS.items():
            done = await self.lab.exec(
                outside.name,
                ["systemd-analyze", "security", "--no-pager", unit],
                check=False,
            )
            last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
            words = last.split()
            _must(": " in last and len(words) > 6, f"no score for {unit}: {last!r}")
            score = float(last.split(": ", 1)[1].split()[0])
            self.report.sandbox[unit] = score
            _must(score <= limit, f"{unit} scores {score}, more than {limit}")

    def _confirm(self, outside: LabHost) -> run.ConfirmKey:
        async def confirm(host: Host, is_jump: bool, key: HostKey) -> bool:
            shown = key.text.split()[:2]
            return any(shown == known.split()[:2] for known in outside.host_keys)

        return confirm

    def _told(self, progress: run.Progress) -> None:
        event = progress.event
        if event.get("event") == "started":
            self.progress(f"{progress.host}: {event.get('title') or event.get('id', '')}")
        elif event.get("event") == "failed":
            self.say(f"✗ {progress.host}: {event.get('id', '')}: {event.get('text', '')}")

    def _no_failure(self, findings: tuple[Finding, ...]) -> None:
        failed = [f for f in findings if f.status is Status.FAILED]
        words = "; ".join(f"{f.check} {f.subject} from {f.vantage}: {f.summary}" for f in failed)
        _must(not failed, words)


def _must(good: bool, what: str) -> None:
    if not good:
        from assistant.text import msg

        raise StageError("rehearsal", msg("The rehearsal stopped: {what}", what=what))
