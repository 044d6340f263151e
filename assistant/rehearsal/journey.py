"""The main job from end to end on the practice internet, stage by stage.

Runs inside the containment, where this process's network is the operator's. Every stage is timed;
the report is what ``matrix-assistant rehearse --json`` prints.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from assistant.advice.recommendation import recommend
from assistant.common.errors import AssistantError
from assistant.findings.model import Status
from assistant.operations import apply, check, proof, trust
from assistant.operations.connections import Connections
from assistant.operations.follow import Progress
from assistant.plan.compile import compile_plan
from assistant.rehearsal.addresses import Side
from assistant.rehearsal.lab import DeployedImage, Lab, LabHost
from assistant.rehearsal.network.border import Border
from assistant.rehearsal.network.home_rules import Line
from assistant.rehearsal.practice_setup import HOME_PORT, PracticeSecrets, practice_setup
from assistant.rehearsal.report import Rehearsed, limit_ms
from assistant.rehearsal.timings import bare_ssh, compared, sandbox_scores
from assistant.remote import HostKey, NoCredentials
from assistant.setup.model import ROLES, Host, LinkWay, Role, Setup
from assistant.text import msg

Say = Callable[[str], None]
Lower = Mapping[str, DeployedImage]

SIDES: dict[Role, Side] = {Role.OUTSIDE: "outside", Role.INSIDE: "inside", Role.HOME: "home"}
"""Where the hosts of each role stand."""

SANDBOX_LIMITS = {"matrix-synapse.service": 1.5, "nginx.service": 3.0}
"""Highest exposure score of `systemd-analyze security` that passes, by unit."""

REPEATS = 3
"""How often a re-apply and a bare ssh are timed; the medians are compared."""

DNS_TRIES = 20
"""Seconds a record that was set may take to be seen from everywhere."""


class StageError(AssistantError):
    """A stage did not give what it must; the rehearsal ends there."""


async def boot_hosts(
    lab: Lab, option: int, release: str, *, line: Line | None = None, lower: Lower | None = None
) -> dict[str, LabHost]:
    """The hosts of an option on their sides of the border, by role, booted side by side.

    Where one stands at home, the home gets its line (``line`` says what that is like) with the port
    forwarded, as the person's router would be told to. ``lower`` has systems to boot, by role.
    """
    roles = ROLES[option]
    if Role.HOME in roles and not lab.has_home:
        await lab.home_line(line=line)
    systems = lower or {}
    hosts = await asyncio.gather(
        *(
            lab.boot(role.value, release=release, side=SIDES[role], lower=systems.get(role))
            for role in roles
        )
    )
    found = {role.value: host for role, host in zip(roles, hosts, strict=True)}
    if Role.HOME in found:
        await lab.home.forward(HOME_PORT, found[Role.HOME].ipv4)
    return found


class Journey:
    """One rehearsal of an option on a running lab."""

    def __init__(
        self,
        lab: Lab,
        option: int,
        release: str,
        checker: check.Checker,
        *,
        say: Say,
        progress: Say,
        border: Border | None = None,
        links: LinkWay = "direct",
    ) -> None:
        self.lab = lab
        self.report = Rehearsed(option, release, border or Border())
        self.checker = checker
        self.say = say
        self.progress = progress
        self.links = links
        self.secrets = PracticeSecrets(lab.facts)
        self._setup: Setup | None = None

    @property
    def setup(self) -> Setup:
        """The Setup as it stands."""
        if self._setup is None:
            raise RuntimeError("the journey has not begun")
        return self._setup

    async def travel(self, hosts: Mapping[str, LabHost]) -> Rehearsed:
        """All stages in order on the option's hosts (by role); the first that fails ends it."""
        try:
            await self._stages(hosts)
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

    async def _stages(self, hosts: Mapping[str, LabHost]) -> None:
        report = self.report
        async with self.stage("recommend"):
            self._setup = practice_setup(
                report.option,
                report.release,
                self.lab.facts,
                hosts,
                line_ipv4=self.lab.home.wan_ipv4 if Role.HOME in hosts else "",
                links=self.links,
            )
            first = recommend(self.setup.answers).first
            _must(first == report.option, f"the advice was option {first}")
        async with self.stage("trust"):
            self._setup = await trust.trust(self.setup, confirm_by(hosts), NoCredentials())
        async with Connections(self.setup, NoCredentials()) as connections:
            await self._prepare_hosts(connections)
            async with self.stage("apply"):
                await self._apply(connections)
            async with self.stage("verify"):
                await self._check(connections, "after")
            async with self.stage("canary"):
                await self._canary(connections)
        async with self.stage("re-apply"):
            await self._reapply()
        async with self.stage("ports"):
            await self._ports(hosts)
        async with self.stage("sandbox"):
            await self._sandbox(hosts)

    async def _prepare_hosts(self, connections: Connections) -> None:
        async with self.stage("check without DNS"):
            self._setup = await trust.learn(connections)
            self._setup, findings = await check.check(connections, self.checker, phase="before")
            missing = [f for f in findings if f.check == "dns" and f.status is Status.FAILED]
            _must(bool(missing), "the missing DNS records were not noticed")
        async with self.stage("add DNS records"):
            for record in compile_plan(self.setup).records:
                wanted = record.must == "exist" and record.where == "public"
                if wanted and not record.dynamic:
                    await self.lab.dns_set(record.name, record.type, record.values)
        async with self.stage("check"):
            await self._check(connections, "before")
        async with self.stage("plan"):
            previews = await apply.preview(connections)
            _must(all(p.changes for p in previews), "a fresh host needs changes, none were found")

    async def _check(self, connections: Connections, phase: check.Phase) -> None:
        """Check until nothing fails; only what DNS still has in caches may be waited for."""
        for left in reversed(range(DNS_TRIES)):
            self._setup, findings = await check.check(connections, self.checker, phase=phase)
            failed = [f for f in findings if f.status is Status.FAILED]
            if not failed or any(f.check != "dns" for f in failed) or not left:
                break
            await asyncio.sleep(1)
        self.report.findings = findings
        words = "; ".join(f"{f.check} {f.subject} from {f.vantage}: {f.summary}" for f in failed)
        _must(not failed, words)

    async def _apply(self, connections: Connections) -> tuple[str, ...]:
        """Apply on all hosts; returns what was changed."""
        self._setup, results = await apply.apply(
            connections, report=self._told, secrets_from=self.secrets
        )
        for result in results:
            last = " | ".join(result.tail[-3:])
            _must(result.ok, f"{result.host}: {result.failed} {result.text} {last}")
        return tuple(f"{result.host}: {what}" for result in results for what in result.changes)

    async def _canary(self, connections: Connections) -> None:
        limit = limit_ms(self.report.border)
        result = await proof.canary(connections, lambda event: self.progress(str(event.message)))
        self.report.canary = {**result.to_json(), "limit_ms": limit}
        _must(result.ok, str(result.failure) if result.failure else "not every message arrived")
        if self.report.slow:
            slow = f"{result.p95_ms:.0f} ms, more than {limit:.0f} ms"
            self.say(f"95 % of the messages took up to {slow}")

    async def _reapply(self) -> None:
        """Apply again on fresh connections, in turns with a bare ssh, and compare medians.

        Both go to all hosts side by side.
        """
        ours: list[float] = []
        bare: list[float] = []
        changes: list[str] = []
        known = self.lab.workdir / "confirmed_hosts"
        for _ in range(REPEATS):
            bare.append(await bare_ssh(self.setup, known))
            async with Connections(self.setup, NoCredentials()) as connections:
                begun = time.monotonic()
                changes += await self._apply(connections)
                ours.append(time.monotonic() - begun)
        self.report.reapply = {"changed": len(changes), **compared(ours, bare)}
        _must(not changes, f"a second apply changed {', '.join(changes[:5])}")

    async def _ports(self, hosts: Mapping[str, LabHost]) -> None:
        report = self.report
        plan = compile_plan(self.setup)
        found = await asyncio.gather(
            *(self.lab.scan(hosts[planned.host].name) for planned in plan.hosts)
        )
        for planned, open_ports in zip(plan.hosts, found, strict=True):
            report.open_ports[planned.host] = list(open_ports)
            report.planned_ports[planned.host] = sorted(planned.open_tcp)
        _must(
            report.open_ports == report.planned_ports,
            f"open ports {report.open_ports}, planned {report.planned_ports}",
        )

    async def _sandbox(self, hosts: Mapping[str, LabHost]) -> None:
        for planned in compile_plan(self.setup).hosts:
            scores = await sandbox_scores(
                self.lab, hosts[planned.host].name, planned, SANDBOX_LIMITS
            )
            self.report.sandbox[planned.host] = scores
            for unit, score in scores.items():
                limit = SANDBOX_LIMITS[unit]
                _must(score <= limit, f"{unit} on {planned.host} scores {score}, more than {limit}")

    def _told(self, progress: Progress) -> None:
        event = progress.event
        if event.get("event") == "started":
            self.progress(f"{progress.host}: {event.get('title') or event.get('id', '')}")
        elif event.get("event") == "failed":
            self.say(f"✗ {progress.host}: {event.get('id', '')}: {event.get('text', '')}")


def confirm_by(hosts: Mapping[str, LabHost]) -> trust.ConfirmKey:
    """A person who compares each key with what the lab says of that host (hosts by role)."""

    async def confirm(host: Host, is_jump: bool, key: HostKey) -> bool:
        shown = key.text.split()[:2]
        return any(shown == known.split()[:2] for known in hosts[host.name].host_keys)

    return confirm


def _must(good: bool, what: str) -> None:
    if not good:
        raise StageError("rehearsal", msg("The rehearsal stopped: {what}", what=what))
