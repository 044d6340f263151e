"""Measure from everywhere, conclude, and keep the findings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Protocol

from assistant.findings.model import Finding
from assistant.findings.probes import Vantage
from assistant.operations.connections import Connections
from assistant.plan import Plan
from assistant.plan.compile import compile_plan
from assistant.setup.model import Setup
from assistant.setup.updates import with_findings

if TYPE_CHECKING:
    pass


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
    """Measure from this computer and every host; the Setup comes back with the findings kept."""
    setup = connections.setup
    findings = await checker(
        setup,
        compile_plan(setup),
        await connections.vantages(),
        phase=phase,
        previous=setup.current_findings,
        only=only,
        report=report,
    )
    setup = with_findings(setup, findings, datetime.now(UTC))
    connections.setup = setup
    return setup, findings
