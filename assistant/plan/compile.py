"""Setup -> Plan: which recipes each host gets, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assistant.onhost.resources import Packages, Resource, Virtualenv
from assistant.plan.errors import PlanError
from assistant.plan.model import HostPlan, Plan
from assistant.plan.recipes.dns import dyndns, private_resolver
from assistant.plan.recipes.host import backup, base, etc_hosts, firewall, hardening
from assistant.plan.recipes.links import home_forward, wrapped
from assistant.plan.recipes.matrix import admin, postgres, synapse, workers
from assistant.plan.recipes.web import certificates, nginx
from assistant.plan.records import records
from assistant.setup.model import Host, Role, Setup
from assistant.text import msg

__all__ = ["PlanError", "compile_plan", "planned_locks", "planned_packages"]

Recipe = Callable[[Setup, Host], tuple[Resource, ...]]
Chapter = tuple[str, Recipe]
"""A recipe, and the part of the work it belongs to (a key of ``operations.run_state.CHAPTERS``)."""

MATRIX: tuple[Chapter, ...] = (
    ("base", base.resources),
    ("hardening", hardening.resources),
    # Before Synapse starts: what it finds under a name must be right from its first look.
    ("hosts", etc_hosts.resources),
    ("postgres", postgres.resources),
    ("synapse", synapse.resources),
    ("workers", workers.resources),
    # Before the certificate: an authority that asks over HTTP needs port 80 open.
    ("firewall", firewall.resources),
    ("web", nginx.plain_resources),
    ("certificates", certificates.resources),
    ("website", nginx.secure_resources),
    ("links", wrapped.resources),
    ("resolver", private_resolver.resources),
    ("admin", admin.resources),
    ("backup", backup.resources),
)
"""Every host with a Matrix server; a recipe that a role or option does not need gives nothing."""

HOME: tuple[Chapter, ...] = (
    ("base", base.resources),
    ("hardening", hardening.resources),
    ("firewall", firewall.resources),
    ("forward", home_forward.resources),
    ("dyndns", dyndns.resources),
)

RECIPES: dict[int, dict[Role, tuple[Chapter, ...]]] = {
    1: {Role.OUTSIDE: MATRIX},
    2: {Role.INSIDE: MATRIX, Role.OUTSIDE: MATRIX},
    3: {Role.INSIDE: MATRIX, Role.OUTSIDE: MATRIX},
    4: {Role.HOME: HOME, Role.INSIDE: MATRIX, Role.OUTSIDE: MATRIX},
}
"""For each option: the recipes of each role, in the order they are applied."""


def compile_plan(setup: Setup) -> Plan:
    """The plan of a Setup: pure, the same for the same inputs.

    :class:`PlanError` when this version cannot deploy the option, or when something the plan needs
    is not known yet.
    """
    roles = RECIPES.get(setup.option)
    if roles is None:
        raise PlanError(
            "option-unsupported",
            msg("Option {option} cannot be deployed by this version yet.", option=setup.option),
        )
    # First: what they lack, most other things lack too, and they say it best.
    wanted = records(setup)
    return Plan(
        option=setup.option,
        server_name=setup.server_name,
        access_name=setup.access_name,
        hosts=tuple(_host_plan(setup, host, roles[host.role]) for host in setup.hosts),
        records=wanted,
    )


def _host_plan(setup: Setup, host: Host, chapters: tuple[Chapter, ...]) -> HostPlan:
    return HostPlan(
        host=host.name,
        resources=tuple(resource for _, recipe in chapters for resource in recipe(setup, host)),
        open_tcp=firewall.open_tcp(setup, host),
        open_udp=firewall.open_udp(setup, host),
    )


def planned_packages(plan: Plan, host: str = "") -> tuple[str, ...]:
    """Names of all Debian packages the plan installs, sorted; those of one host when named."""
    names = {
        name
        for resource in _resources(plan, host)
        if isinstance(resource, Packages)
        for name in resource.names
    }
    return tuple(sorted(names))


def planned_locks(plan: Plan, host: str = "") -> tuple[str, ...]:
    """The locks of all Python environments of the plan, sorted; those of one host when named."""
    found = _resources(plan, host)
    return tuple(sorted({each.lock for each in found if isinstance(each, Virtualenv)}))


def _resources(plan: Plan, host: str) -> Iterator[Resource]:
    for planned in plan.hosts:
        if host in ("", planned.host):
            yield from planned.resources
