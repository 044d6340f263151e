"""Do the services run and can they do their work? Asked on each host itself, in one go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from assistant.findings.model import Confidence, Finding, Measurement, Status
from assistant.findings.probes import Probe
from assistant.text import msg
from checks.causes import conclude
from checks.check import Check, Context
from checks.evidence import describe
from checks.host import machine_rules, service_rules, settings_rules
from checks.host.asked import PROBE, federation_wanted, hosts_records, own_state_probe
from checks.host.follows import CHECK, roots


class RunningCheck(Check):
    """Only causes, each once: what follows from one on the same host is in its evidence."""

    id = CHECK
    title = msg("The services run and can do their work")
    phases = ("after",)

    def vantages(self, context: Context) -> tuple[str, ...]:
        """Each host looks at itself."""
        return context.subjects

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """One, for everything."""
        return (own_state_probe(context, vantage),)

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """What each host that could be asked says."""
        return tuple(
            finding
            for host in context.subjects
            if (item := context.last(self.id, host, PROBE)) is not None
            for finding in self._about(context, host, item)
        )

    def _about(self, context: Context, host: str, item: Measurement) -> tuple[Finding, ...]:
        told = item.data
        if not item.ok:
            summary = msg("{host} could not be asked how its services are.", host=host)
            return (_unknown(host, summary, (describe(item),)),)
        found = roots(tuple(judge_state(context, host, told)))
        problems = told.get("problems")
        unseen = problems if isinstance(problems, Mapping) else {}
        made = list(found)
        if unseen and not any(item.status is Status.FAILED for item in found):
            summary = msg("{host} could not look at everything of its own.", host=host)
            made.append(_unknown(host, summary, [f"{k}: {v}" for k, v in unseen.items()]))
        if not made:
            made.append(
                conclude(
                    self.id,
                    f"{host} services",
                    host,
                    Status.OK,
                    "",
                    msg("Everything on {host} runs, can be written to and is as planned.",
                        host=host),
                    confidence=Confidence.CERTAIN,
                )
            )  # fmt: skip
        return tuple(made)


def _unknown(host: str, summary: Any, evidence: Any) -> Finding:
    return conclude(
        CHECK,
        f"{host} services",
        host,
        Status.UNKNOWN,
        "facts-missing",
        summary,
        confidence=Confidence.LOW,
        evidence=tuple(evidence),
    )


def judge_state(context: Context, host: str, told: Mapping[str, Any]) -> Iterator[Finding]:
    """Every rule on what one host told, causes before what follows from them."""
    units = told.get("units") or ()
    found = [
        *machine_rules.judge_disks(host, told.get("disks") or ()),
        *machine_rules.judge_memory(host, told.get("memory") or {}),
        *service_rules.judge_units(host, units),
    ]
    yield from found
    for item in service_rules.judge_database(host, told.get("database") or {"wrote": True}):
        if item.cause not in {one.cause for one in found}:
            yield item
    yield from service_rules.judge_synapse(host, told.get("health") or (), told.get("login"))
    special = list(_special(context, host, told))
    yield from special
    files = settings_rules.without(told.get("files") or (), [item.cause for item in special])
    yield from settings_rules.judge_files(host, files)


def _special(context: Context, host: str, told: Mapping[str, Any]) -> Iterator[Finding]:
    """Rules that say more about a file than that it was changed."""
    if "federation" in told:
        wanted = federation_wanted(context, host).get("federation_domain_whitelist")
        yield from settings_rules.judge_federation(
            host, told["federation"], wanted, told.get("units") or ()
        )
    if "names" in told:
        yield from settings_rules.judge_names(host, told["names"], hosts_records(context, host))
    yield from settings_rules.judge_certificates(host, told.get("certificates") or ())
    if "firewall" in told:
        planned = context.plan.for_host(host).open_tcp
        yield from machine_rules.judge_firewall(host, told["firewall"], planned)
