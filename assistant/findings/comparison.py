"""What changed between two sets of findings, and findings the person has set aside. Pure.

Only status and cause count. Figures in the sentences (milliseconds, gigabytes, days) differ from
one measurement to the next and would bury what matters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from assistant.findings.model import Finding, Status
from assistant.text.sanitize import clean_text

_RANK = {
    Status.OK: 0,
    Status.SKIPPED: 0,
    Status.WARNING: 1,
    Status.UNKNOWN: 1,
    Status.FAILED: 2,
}
PROBLEMS = (Status.WARNING, Status.UNKNOWN, Status.FAILED)
"""A finding with one of these asks for attention."""

UNTRIED = ("no-vantage", "vantage-lost", "earlier-problem", "check-broke", "facts-missing")
"""Causes that say that something was not tried this time, whatever it was like before."""


class ChangeKind(StrEnum):
    """How a finding differs from last time.

    ``new``: a problem that was not there; ``gone``: a problem that is there no more; ``worse`` and
    ``better``: a problem both times; ``other``: as bad as before, for another cause.
    """

    NEW = "new"
    WORSE = "worse"
    OTHER = "other"
    BETTER = "better"
    GONE = "gone"


@dataclass(frozen=True)
class Change:
    """One difference. ``before`` or ``now`` is None when there was no finding then, or is none."""

    kind: ChangeKind
    before: Finding | None
    now: Finding | None

    @property
    def finding(self) -> Finding:
        """The finding to show: today's, or the last one when it is gone."""
        shown = self.now or self.before
        if shown is None:
            raise ValueError("a change is about a finding")
        return shown


@dataclass(frozen=True)
class Comparison:
    """The changes, the worst first, and what could not be looked at this time."""

    changes: tuple[Change, ...] = ()
    unseen: tuple[Finding, ...] = ()

    def of(self, kind: ChangeKind) -> tuple[Change, ...]:
        """The changes of one kind, in the order of the findings."""
        return tuple(change for change in self.changes if change.kind is kind)


def compare(before: Sequence[Finding], now: Sequence[Finding]) -> Comparison:
    """What changed from one set of findings to a later one.

    A check that did not run at all this time (another phase, or only some were asked for) says
    nothing: its findings are neither gone nor unseen.
    """
    was = {finding.key: finding for finding in before}
    found = {finding.key: finding for finding in now}
    ran = {finding.check for finding in now}
    changes: list[Change] = []
    unseen: list[Finding] = []
    for finding in now:
        earlier = was.get(finding.key)
        if not _tried(finding):
            continue
        kind = _kind(earlier, finding)
        if kind is not None:
            changes.append(Change(kind, earlier, finding))
    for earlier in before:
        if earlier.check not in ran or not _tried(earlier):
            continue
        today = found.get(earlier.key)
        if today is None and _held_back(earlier, now):
            unseen.append(earlier)
        elif today is None and earlier.status in PROBLEMS:
            changes.append(Change(ChangeKind.GONE, earlier, None))
        elif today is not None and not _tried(today):
            unseen.append(earlier)
    order = list(ChangeKind)
    changes.sort(key=lambda c: (order.index(c.kind), -_RANK[c.finding.status]))
    return Comparison(tuple(changes), tuple(unseen))


def _tried(finding: Finding) -> bool:
    return finding.status is not Status.SKIPPED and finding.cause not in UNTRIED


def _kind(before: Finding | None, now: Finding) -> ChangeKind | None:
    """How a finding that was tried today differs; None when it does not, or is no problem."""
    was_problem = before is not None and _tried(before) and before.status in PROBLEMS
    is_problem = now.status in PROBLEMS
    if before is None or not was_problem:
        return ChangeKind.NEW if is_problem else None
    if not is_problem:
        return ChangeKind.GONE
    if _RANK[now.status] != _RANK[before.status]:
        worse = _RANK[now.status] > _RANK[before.status]
        return ChangeKind.WORSE if worse else ChangeKind.BETTER
    return None if now.cause == before.cause else ChangeKind.OTHER


def _held_back(earlier: Finding, now: Iterable[Finding]) -> bool:
    """Whether a finding is missing because its check, place or subject was not tried today."""
    return any(
        item.check == earlier.check
        and not _tried(item)
        and (
            item.cause == "check-broke"
            or (item.cause in ("no-vantage", "vantage-lost") and item.vantage == earlier.vantage)
            or f"{earlier.subject} ".startswith(f"{item.subject} ")
        )
        for item in now
    )


def aside_key(finding: Finding) -> str:
    """How a finding is named among those set aside: ``check|subject|vantage``."""
    return clean_text("|".join(finding.key))


def is_aside(finding: Finding, set_aside: Collection[str]) -> bool:
    """Whether a finding was set aside; one that is all right never counts as such."""
    return finding.status in PROBLEMS and aside_key(finding) in set_aside


def toggled(set_aside: Sequence[str], finding: Finding) -> tuple[str, ...]:
    """The names with a finding added, or without it when it was among them; sorted."""
    return tuple(sorted(set(set_aside) ^ {aside_key(finding)}))


@dataclass(frozen=True)
class Count:
    """How many findings there are of each status; those set aside are counted by themselves."""

    ok: int = 0
    warning: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: int = 0
    aside: int = 0


def count(findings: Iterable[Finding], set_aside: Collection[str] = ()) -> Count:
    """Count findings by status."""
    found = dict.fromkeys(Status, 0)
    aside = 0
    for finding in findings:
        if is_aside(finding, set_aside):
            aside += 1
        else:
            found[finding.status] += 1
    return Count(
        ok=found[Status.OK],
        warning=found[Status.WARNING],
        failed=found[Status.FAILED],
        unknown=found[Status.UNKNOWN],
        skipped=found[Status.SKIPPED],
        aside=aside,
    )
