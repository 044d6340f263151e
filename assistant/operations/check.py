"""Measure from everywhere, conclude, and keep the findings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Protocol

from assistant.findings.model import Finding
from assistant.findings.probes import Vantage
from assistant.operations.connections import Connections
from assistant.operations.trust import learn
from assistant.plan import Plan
from assistant.plan.compile import compile_plan
from assistant.setup.model import Setup
from assistant.setup.updates import with_findings, with_release

if TYPE_CHECKING:
    pass


ASSUMED_RELEASE = "trixie"

Phase = Literal["before", "after"]


class Checker(Protocol):
    """What ``checks.run_checks`` offers; handed in, so that the core does not know checks/."""

    async def __call__(
        self,
        setup: Setup,
        plan: Plan,
        vantages: Sequence[Vantage],
        *,
        phase: Phase,
        previous: Sequence[Finding] = (),
        only: Collection[str] | None = None,
        report: Callable[[Finding], None] | None = None,
    ) -> tuple[Finding, ...]:
        """Measure and conclude."""
        ...


async def check(
    connections: Connections,
    checker: Checker,
    *,
    phase: Phase,
    only: Collection[str] | None = None,
    report: Callable[[Finding], None] | None = None,
) -> tuple[Setup, tuple[Finding, ...]]:
    """Measure from this computer and every host; the Setup comes back with the findings kept.

    A host that cannot be logged in to costs what it would have measured, no more.
    """
    setup = await learn(connections, optional=True)
    findings = await checker(
        setup,
        compile_plan(_assumed(setup)),
        await connections.vantages(),
        phase=phase,
        previous=setup.current_findings,
        only=only,
        report=report,
    )
    setup = with_findings(setup, findings, datetime.now(UTC))
    connections.setup = setup
    return setup, findings


def _assumed(setup: Setup) -> Setup:
    """The Setup with a release for each host that never told its own.

    What is measured from elsewhere (names, ports, records) is the same for all releases.
    """
    for host in setup.hosts:
        if not host.release:
            setup = with_release(setup, host.name, ASSUMED_RELEASE)
    return setup
