"""Runs checks: one batch of probes per vantage and stage, findings as they come.

Checks that build on one another run in stages. All probes that a vantage has to try in a stage go
there together, the vantages work side by side, and the hosts' facts are asked for meanwhile.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from assistant.common.errors import AssistantError
from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Measurement, Status
from assistant.findings.probes import Listening, Probe, Told, Vantage, Visitor, longest
from assistant.findings.vantages import LostVantage
from assistant.plan.model import Plan
from assistant.setup.model import Setup
from assistant.text import Message, msg
from checks.all_checks import ALL_CHECKS
from checks.causes import conclude
from checks.check import Check, Context, Listener, Phase
from checks.explanation import fold

MARGIN = 3.0
"""Seconds a batch gets beyond its longest probe."""

MAX_BATCH = 120.0
FACTS_TIME = 60.0

Report = Callable[[Finding], None]


def stages(checks: Sequence[Check]) -> tuple[tuple[Check, ...], ...]:
    """Checks in as few stages as their needs allow; needs outside of them are ignored."""
    known = {check.id for check in checks}
    left, done, made = list(checks), set[str](), list[tuple[Check, ...]]()
    while left:
        ready = tuple(
            c for c in left if all(n in done or n not in known for n in (*c.requires, *c.uses))
        )
        if not ready:
            raise ValueError(f"checks need each other in a circle: {[c.id for c in left]}")
        made.append(ready)
        done.update(check.id for check in ready)
        left = [check for check in left if check not in ready]
    return tuple(made)


def chosen(
    checks: Sequence[Check],
    phase: Phase,
    only: Collection[str] | None,
    previous: Sequence[Finding] = (),
) -> tuple[Check, ...]:
    """The checks to run: of the phase, and with ``only`` those named, with what they build on.

    A check whose measurements are used runs again; one that must merely be all right runs only
    when ``previous`` has nothing about it.
    """
    of_phase = {check.id: check for check in checks if phase in check.phases}
    if only is None:
        return tuple(of_phase.values())
    told = {finding.check for finding in previous}
    wanted: set[str] = set()
    queue = [name for name in only if name in of_phase]
    while queue:
        name = queue.pop()
        if name in wanted:
            continue
        wanted.add(name)
        check = of_phase[name]
        needs = (*check.uses, *(need for need in check.requires if need not in told))
        queue.extend(need for need in needs if need in of_phase)
    return tuple(check for check in of_phase.values() if check.id in wanted)


@dataclass
class _State:
    """What has come in so far; contexts are made from it."""

    base: Context
    measured: dict[tuple[str, str], tuple[Measurement, ...]] = field(default_factory=dict)
    facts: dict[str, Told] = field(default_factory=dict)
    no_facts: dict[str, str] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    visitors: dict[str, tuple[Visitor, ...]] = field(default_factory=dict)
    unheard: dict[tuple[str, int], Measurement] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def context(self, subjects: tuple[str, ...] = ()) -> Context:
        return replace(
            self.base,
            subjects=subjects,
            measured=dict(self.measured),
            facts=dict(self.facts),
            no_facts=dict(self.no_facts),
            lost=dict(self.lost),
            visitors=dict(self.visitors),
            unheard=dict(self.unheard),
            findings=tuple(self.findings),
        )


@dataclass
class _Job:
    """One check within a stage."""

    check: Check
    subjects: tuple[str, ...]
    listeners: tuple[Listener, ...] = ()
    probes: dict[str, tuple[Probe, ...]] = field(default_factory=dict)


class _Runner:
    def __init__(self, state: _State, vantages: Mapping[str, Vantage], report: Report) -> None:
        self.state = state
        self.vantages = vantages
        self.report = report
        self.titles: dict[str, Message] = {}

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.state.findings.append(finding)
            self.report(finding)

    async def learn(self, vantage: Vantage) -> None:
        """Ask a host for its facts; a failure leaves them missing."""
        try:
            async with asyncio.timeout(FACTS_TIME):
                told = await vantage.facts()
        except Exception as problem:
            self.state.no_facts[vantage.host] = _reason(problem)
            return
        if told is not None:
            self.state.facts[vantage.host] = told

    def prepare(self, check: Check) -> _Job | None:
        """Which subjects can be tried and what to measure; None when there is nothing to do."""
        context = self.state.context()
        try:
            subjects = check.subjects(context)
            active = []
            for subject in subjects:
                problem = context.problem(check.requires, subject)
                if problem is None:
                    active.append(subject)
                else:
                    self.add([_held_back(check, subject, problem, self.titles)])
            if not active:
                return None
            context = replace(context, subjects=tuple(active))
            job = _Job(check, tuple(active), check.listeners(context))
            for name in check.vantages(context):
                if name in self.vantages and name not in self.state.lost:
                    job.probes[name] = check.probes(context, name)
                else:
                    self.add([_no_vantage(check, name, self.state.lost.get(name))])
        except Exception as problem:
            self.add([_broke(check, problem)])
            return None
        return job

    async def stage(self, checks: Sequence[Check], facts: asyncio.Task[None]) -> None:
        """Measure for some checks side by side, then judge each as soon as it can be."""
        jobs = [job for check in checks if (job := self.prepare(check)) is not None]
        wanted: dict[str, list[int]] = {}
        for job in jobs:
            for listener in job.listeners:
                wanted.setdefault(listener.host, []).append(listener.port)
        patience = max(
            (longest(batch) for job in jobs for batch in job.probes.values()), default=0.0
        )
        async with AsyncExitStack() as stack:
            opened = await self.open(stack, wanted, patience)
            async with asyncio.TaskGroup() as group:
                names = {name for job in jobs for name, batch in job.probes.items() if batch}
                tasks = {name: group.create_task(self.batch(name, jobs)) for name in names}
                for job in jobs:
                    if not job.listeners:
                        group.create_task(self.judge(job, tasks, facts))
        # Listeners hear of late visitors until they are closed, so their checks are judged last.
        for host, listening in opened.items():
            self.state.visitors[host] = listening.visitors
            self.state.unheard.update(
                {(host, port): item for port, item in listening.failed.items()}
            )
        for job in jobs:
            if job.listeners:
                await self.judge(job, {}, facts)

    async def open(
        self, stack: AsyncExitStack, wanted: Mapping[str, list[int]], patience: float
    ) -> dict[str, Listening]:
        """Open all listeners side by side; a host that cannot is noted as lost."""
        opened: dict[str, Listening] = {}
        by_host = {vantage.host: vantage for vantage in self.vantages.values()}

        async def one(host: str, ports: list[int]) -> None:
            vantage = by_host[host]
            seconds = min(MAX_BATCH, patience + 2 * MARGIN)
            holder = vantage.listen(sorted(set(ports)), self.state.base.nonce, seconds)
            try:
                opened[host] = await holder.__aenter__()
            except Exception as problem:
                self.state.lost[vantage.name] = _reason(problem)
                return
            stack.push_async_exit(holder.__aexit__)

        async with asyncio.TaskGroup() as group:
            for host, ports in wanted.items():
                if host in by_host:
                    group.create_task(one(host, ports))
        return opened

    async def batch(self, name: str, jobs: Sequence[_Job]) -> None:
        """Try everything the jobs want tried from one vantage; a failure marks it as lost."""
        probes: list[Probe] = []
        origin: dict[str, tuple[str, str]] = {}
        for job in jobs:
            for probe in job.probes.get(name, ()):
                sent = f"{job.check.id}/{probe.id}"
                origin[sent] = (job.check.id, probe.id)
                after = tuple(f"{job.check.id}/{item}" for item in probe.after_failure)
                probes.append(replace(probe, id=sent, after_failure=after))
        deadline = min(MAX_BATCH, longest(probes) + MARGIN)
        try:
            async with asyncio.timeout(deadline + FACTS_TIME):
                found = await self.vantages[name].measure(probes, deadline)
        except Exception as problem:
            self.state.lost[name] = _reason(problem)
            return
        sorted_out: dict[str, list[Measurement]] = {}
        for item in found:
            if item.probe in origin:
                check, probe_id = origin[item.probe]
                sorted_out.setdefault(check, []).append(item.model_copy(update={"probe": probe_id}))
        for check, items in sorted_out.items():
            self.state.measured[(check, name)] = tuple(items)

    async def judge(
        self, job: _Job, tasks: Mapping[str, asyncio.Task[None]], facts: asyncio.Task[None]
    ) -> None:
        """Wait for what a check needs, then conclude."""
        waits = [tasks[name] for name in job.probes if name in tasks]
        if job.check.needs_facts:
            waits.append(facts)
        if waits:
            await asyncio.wait(waits)
        for name, probes in job.probes.items():
            if (
                probes
                and name in self.state.lost
                and (job.check.id, name) not in (self.state.measured)
            ):
                self.add([_no_vantage(job.check, name, self.state.lost[name])])
        try:
            self.add(job.check.judge(self.state.context(job.subjects)))
        except Exception as problem:
            self.add([_broke(job.check, problem)])


async def run_checks(
    setup: Setup,
    plan: Plan,
    vantages: Sequence[Vantage],
    *,
    phase: Phase,
    previous: Sequence[Finding] = (),
    only: Collection[str] | None = None,
    report: Report | None = None,
    checks: Sequence[Check] = ALL_CHECKS,
) -> tuple[Finding, ...]:
    """Measure and conclude; the findings in the order of the checks, consequences folded.

    ``only`` names checks to run again; the ``previous`` findings of the others are kept and
    returned with the new ones. ``report`` is told of every new finding at once. Never raises for
    what happens on the network: that is what findings are for.
    """
    running = chosen(checks, phase, only, previous)
    again = {check.id for check in running}
    kept = [item for item in previous if item.check not in again] if only is not None else []
    closed = {item.host: item.problem for item in vantages if isinstance(item, LostVantage)}
    by_name = {item.name: item for item in vantages if item.host not in closed}
    base = Context(
        setup=setup,
        plan=plan,
        phase=phase,
        nonce=secrets.token_hex(12),
        vantages=tuple(by_name),
        closed=closed,
    )
    state = _State(base, findings=list(kept))
    runner = _Runner(state, by_name, report or (lambda finding: None))
    runner.titles = {check.id: check.title for check in checks}

    async def learn_all() -> None:
        if any(check.needs_facts for check in running):
            hosts = [vantage for vantage in by_name.values() if vantage.host]
            await asyncio.gather(*(runner.learn(vantage) for vantage in hosts))

    async with asyncio.TaskGroup() as group:
        facts = group.create_task(learn_all())
        for number, stage in enumerate(stages(running)):
            if number and any(check.needs_facts for check in stage):
                await asyncio.wait([facts])
            await runner.stage(stage, facts)
    order = {check.id: number for number, check in enumerate(checks)}
    return fold(sorted(state.findings, key=lambda item: order.get(item.check, len(order))))


def _reason(problem: BaseException) -> str:
    """Why a vantage failed, as raw text."""
    if isinstance(problem, AssistantError):
        return str(problem.message)
    return type(problem).__name__


def _held_back(
    check: Check, subject: str, problem: Finding, titles: Mapping[str, Message]
) -> Finding:
    return conclude(
        check.id,
        subject,
        problem.vantage,
        Status.SKIPPED,
        "earlier-problem",
        msg(
            "Not tried for {subject}: first this must come out well: {earlier}.",
            subject=subject,
            earlier=titles.get(problem.check, problem.check),
        ),
        because=problem,
        confidence=Confidence.LOW,
    )


def _no_vantage(check: Check, name: str, reason: str | None) -> Finding:
    if reason is None:
        summary = msg("Not tried from {vantage}: there is no connection to it.", vantage=name)
        return conclude(
            check.id, name, name, Status.SKIPPED, "no-vantage", summary, confidence=Confidence.LOW
        )
    summary = msg("Measuring from {vantage} broke off, so nothing is known.", vantage=name)
    return conclude(
        check.id,
        name,
        name,
        Status.UNKNOWN,
        "vantage-lost",
        summary,
        evidence=(reason,),
        confidence=Confidence.LOW,
    )


def _broke(check: Check, problem: BaseException) -> Finding:
    return conclude(
        check.id,
        check.id,
        THIS_COMPUTER,
        Status.UNKNOWN,
        "check-broke",
        msg("This check broke, which says nothing about your servers. Please report it."),
        evidence=(f"{type(problem).__name__} in {check.id}",),
        confidence=Confidence.LOW,
    )
