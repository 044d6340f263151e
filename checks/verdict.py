"""What a set of findings adds up to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assistant.findings.model import Finding, Status

_ORDER = (Status.FAILED, Status.UNKNOWN, Status.WARNING, Status.SKIPPED, Status.OK)


def worst(findings: Iterable[Finding]) -> Status:
    """The worst status among findings; ``skipped`` when there are none."""
    seen = {finding.status for finding in findings}
    return next((status for status in _ORDER if status in seen), Status.SKIPPED)


def by_urgency(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings with the worst first, otherwise in their order."""
    return tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.status)))


def with_consequences(
    findings: Iterable[Finding],
) -> tuple[tuple[Finding, tuple[Finding, ...]], ...]:
    """The findings that stand on their own, the worst first, each with what follows from it."""
    ordered = by_urgency(findings)
    known = {item.key for item in ordered}
    roots = [item for item in ordered if item.because not in known]
    return tuple((root, tuple(f for f in ordered if f.because == root.key)) for root in roots)


def ready_to_apply(findings: Sequence[Finding]) -> tuple[bool, tuple[Finding, ...]]:
    """Whether an apply may start, and the findings that stand in its way.

    Without any findings nothing was checked, so it may not.
    """
    blockers = tuple(finding for finding in findings if finding.blocking)
    return bool(findings) and not blockers, blockers


def to_repeat(findings: Iterable[Finding]) -> frozenset[str]:
    """The checks worth running again: those that did not come out well."""
    return frozenset(f.check for f in findings if f.status is not Status.OK)
