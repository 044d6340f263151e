"""Setup -> Plan: which recipes each host gets, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assistant.onhost.resources import Packages, Resource, Virtualenv
from assistant.plan.errors import PlanError
from assistant.plan.model import HostPlan, Plan
from assistant.plan.recipes import (
    admin,
    backup,
    base,
    certificates,
    firewall,
    hardening,
    postgres,
    synapse,
    web,
)
from assistant.plan.records import records
from assistant.setup import Host, Role, Setup
from assistant.text import msg

__all__ = ["PlanError", "compile_plan", "planned_packages", "planned_wheels"]

Recipe = Callable[[Setup, Host], tuple[Resource, ...]]

RECIPES: dict[int, dict[Role, tuple[Recipe, ...]]] = {
    1: {
        Role.OUTSIDE: (
            base.resources,
            hardening.resources,
            postgres.resources,
            synapse.resources,
            # Before the certificate: an authority that asks over HTTP needs port 80 open.
            firewall.resources,
            web.plain_resources,
            certificates.resources,
            web.secure_resources,
            admin.resources,
            backup.resources,
        ),
    },
}
"""For each option that can be deployed: the recipes of each role, in the order they are applied."""


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
    return Plan(
        option=setup.option,
        server_name=setup.server_name,
        access_name=setup.access_name,
        hosts=tuple(_host_plan(setup, host, roles[host.role]) for host in setup.hosts),
        records=records(setup),
    )


def _host_plan(setup: Setup, host: Host, recipes: tuple[Recipe, ...]) -> HostPlan:
    return HostPlan(
        host=host.name,
        resources=tuple(resource for recipe in recipes for resource in recipe(setup, host)),
        open_tcp=firewall.open_tcp(host),
    )


def planned_packages(plan: Plan) -> tuple[str, ...]:
    """Names of all Debian packages the plan installs, sorted."""
    names = {
        name
        for resource in _resources(plan)
        if isinstance(resource, Packages)
        for name in resource.names
    }
    return tuple(sorted(names))


def planned_wheels(plan: Plan) -> tuple[str, ...]:
    """All pinned Python requirements of the plan, sorted."""
    pins = {
        pin
        for resource in _resources(plan)
        if isinstance(resource, Virtualenv)
        for pin in resource.requirements
    }
    return tuple(sorted(pins))


def _resources(plan: Plan) -> Iterator[Resource]:
    for host in plan.hosts:
        yield from host.resources
