"""What a check is, and what it gets to look at.

A check is pure: from the Setup, the Plan and earlier results it says which probes it wants from
which vantage, and from what was measured it concludes findings. :mod:`checks.runner` does the
measuring, so that all checks of a stage share one round trip per vantage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from assistant.common.errors import AssistantError
from assistant.findings.model import THIS_COMPUTER, Finding, Measurement, Status
from assistant.findings.probes import Probe, Told, Visitor
from assistant.plan.model import Plan
from assistant.setup.model import Host, Setup
from assistant.text import Message

Phase = Literal["before", "after"]
"""``before``: nothing deployed yet. ``after``: the services are meant to run."""

GOOD = (Status.OK, Status.WARNING)


@dataclass(frozen=True)
class Listener:
    """A temporary listener a check wants on a host while its probes run."""

    host: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything a check may look at. ``subjects`` are the check's own that can be tried.

    ``measured`` is keyed by check and vantage. ``lost`` are vantages that failed, ``no_facts``
    hosts that did not tell about themselves, both with the reason as raw text. ``closed`` are hosts
    that cannot be logged in to, with the reason; they are no vantages. ``findings`` are
    those so far. ``visitors`` came to listeners, by host; ``unheard`` are listeners that could
    not be opened, by host and port.
    """

    setup: Setup
    plan: Plan
    phase: Phase
    nonce: str
    vantages: tuple[str, ...]
    subjects: tuple[str, ...] = ()
    measured: Mapping[tuple[str, str], tuple[Measurement, ...]] = field(default_factory=dict)
    facts: Mapping[str, Told] = field(default_factory=dict)
    no_facts: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)
    closed: Mapping[str, AssistantError] = field(default_factory=dict)
    visitors: Mapping[str, tuple[Visitor, ...]] = field(default_factory=dict)
    unheard: Mapping[tuple[str, int], Measurement] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def got(self, check: str, vantage: str, probe: str) -> tuple[Measurement, ...]:
        """The measurements of one probe, in order of its attempts; empty when there are none."""
        found = self.measured.get((check, vantage), ())
        return tuple(item for item in found if item.probe == probe)

    def last(self, check: str, vantage: str, probe: str) -> Measurement | None:
        """The last measurement of a probe, None when it was not measured."""
        found = self.got(check, vantage, probe)
        return found[-1] if found else None

    def host(self, name: str) -> Host:
        """A host of the Setup by name; ``KeyError``."""
        for host in self.setup.hosts:
            if host.name == name:
                return host
        raise KeyError(name)

    @property
    def host_names(self) -> tuple[str, ...]:
        """The hosts of the Setup, in its order."""
        return tuple(host.name for host in self.setup.hosts)

    def others(self, host: str) -> tuple[str, ...]:
        """Every place a host is seen from: this computer and the other hosts."""
        return (THIS_COMPUTER, *(name for name in self.host_names if name != host))

    def shut(self, vantage: str, host: str, port: int, address: str) -> Finding | None:
        """What says that a place gets no connection to a port, so that more tries are pointless."""
        subject = f"{host} tcp/{port} {address}"
        for item in self.findings:
            about = item.check in ("ports-before", "ports-after") and item.subject == subject
            bad = item.status in (Status.FAILED, Status.UNKNOWN)
            if about and bad and item.vantage == vantage:
                return item
        return None

    def problem(self, checks: tuple[str, ...], subject: str) -> Finding | None:
        """The first finding that says a subject is not all right from anywhere, or None."""
        about = [
            item
            for item in self.findings
            if item.check in checks and (item.subject + " ").startswith(subject + " ")
        ]
        for check in checks:
            mine = [item for item in about if item.check == check]
            if mine and not any(item.status in GOOD for item in mine):
                return mine[0]
        return None


class Check:
    """Base of all checks; the class attributes say what it is and needs.

    ``requires``: checks whose findings about the same subject must not all be bad. ``uses``:
    checks whose measurements it reads; they run earlier and again when this one is run again.
    A finding's subject is the subject's name, alone or followed by a space and details.
    """

    id: ClassVar[str]
    title: ClassVar[Message]
    phases: ClassVar[tuple[Phase, ...]] = ("before", "after")
    requires: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ()
    needs_facts: ClassVar[bool] = False

    def subjects(self, context: Context) -> tuple[str, ...]:
        """What it is about: host names unless a check says otherwise."""
        return context.host_names

    def vantages(self, context: Context) -> tuple[str, ...]:
        """Where it wants to measure from; a place that is missing is reported as skipped."""
        return ()

    def listeners(self, context: Context) -> tuple[Listener, ...]:
        """Listeners to hold open while the probes of its stage run."""
        return ()

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """What to measure from a vantage; ids are the check's own."""
        return ()

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """What the measurements mean."""
        raise NotImplementedError
