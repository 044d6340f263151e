"""What a rehearsal came to: filled in as its stages pass, printed by ``rehearse --json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from assistant.findings.model import Finding, Status
from assistant.rehearsal.network.border import Border

TRIPS = 3
PROCESSING_MS = 300
"""A message may take TRIPS round trips of the border and the servers' own work besides."""


def limit_ms(border: Border) -> float | None:
    """Longest time for 95 % of the messages; None where the border adds none to compare with."""
    return TRIPS * border.rtt_ms + PROCESSING_MS if border.rtt_ms else None


@dataclass
class Rehearsed:
    """The report, filled in as the stages pass."""

    option: int
    release: str
    border: Border = field(default_factory=Border)
    stages: list[dict[str, Any]] = field(default_factory=list)
    canary: dict[str, Any] = field(default_factory=dict)
    reapply: dict[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    open_ports: dict[str, list[int]] = field(default_factory=dict)
    planned_ports: dict[str, list[int]] = field(default_factory=dict)
    sandbox: dict[str, dict[str, float]] = field(default_factory=dict)
    error: str = ""

    @property
    def slow(self) -> bool:
        """Whether messages took longer across the border than the line itself explains.

        On a busy computer they do, so this is told beside ``ok`` and is no part of it.
        """
        limit, slowest = self.canary.get("limit_ms"), self.canary.get("p95_ms")
        return limit is not None and slowest is not None and slowest > limit

    @property
    def ok(self) -> bool:
        """Whether every stage passed and everything is as it must be, however long it took."""
        return (
            not self.error
            and bool(self.stages)
            and all(stage["ok"] for stage in self.stages)
            and self._canary_ok()
            and bool(self.reapply)
            and self.reapply["changed"] == 0
            and bool(self.findings)
            and not any(finding.status is Status.FAILED for finding in self.findings)
            and bool(self.open_ports)
            and self.open_ports == self.planned_ports
        )

    def _canary_ok(self) -> bool:
        canary = self.canary
        if not canary or not canary["sent"] or canary["delivered"] != canary["sent"]:
            return False
        return bool(canary["encrypted_on_server"])

    def to_json(self) -> dict[str, Any]:
        """The JSON object of ``rehearse --json``. ``sandbox`` has the highest score of each unit,
        ``sandbox_by_host`` all of them.
        """
        return {
            "option": self.option,
            "release": self.release,
            "ok": self.ok,
            "slow": self.slow,
            "border": asdict(self.border),
            "stages": self.stages,
            "canary": self.canary,
            "reapply": self.reapply,
            "findings": [finding.to_json() for finding in self.findings],
            "open_ports": self.open_ports,
            "planned_ports": self.planned_ports,
            "sandbox": worst_scores(self.sandbox),
            "sandbox_by_host": self.sandbox,
            "error": self.error,
        }


def worst_scores(by_host: dict[str, dict[str, float]]) -> dict[str, float]:
    """The highest score of each unit over all hosts."""
    worst: dict[str, float] = {}
    for scores in by_host.values():
        for unit, score in scores.items():
            worst[unit] = max(score, worst.get(unit, score))
    return worst
