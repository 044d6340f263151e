"""Setups for the tests of plans and recipes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from assistant.answers import Answers
from assistant.onhost.resources import File, Resource
from assistant.plan.model import Plan
from assistant.setup import Host, Login, Role, Settings, Setup

RELEASES = ("bookworm", "trixie", "jammy", "noble")
V4, V6 = "241.0.3.7", "3fff:0:3::7"


def setup(
    *,
    server_name: str = "family.example",
    access_name: str = "family.example",
    settings: Settings | None = None,
    **host: Any,
) -> Setup:
    """An option 1 Setup; further arguments are fields of its host."""
    fields: dict[str, Any] = {
        "name": "outside",
        "role": Role.OUTSIDE,
        "login": Login(address=V4),
        "public_ipv4": V4,
        "public_ipv6": V6,
        "release": "trixie",
        **host,
    }
    return Setup(
        name="test",
        created=datetime(2026, 11, 1, tzinfo=UTC),
        answers=Answers(),
        option=1,
        server_name=server_name,
        access_name=access_name,
        hosts=(Host(**fields),),
        settings=settings or Settings(),
    )


def files(plan: Plan) -> dict[str, str]:
    """Contents of the plan's files by path."""
    return {
        resource.path: resource.content
        for host in plan.hosts
        for resource in host.resources
        if isinstance(resource, File)
    }


def only(plan: Plan, kind: type[Resource], part: str = "") -> Any:
    """The single resource of a kind whose id contains ``part``."""
    found = [
        resource
        for host in plan.hosts
        for resource in host.resources
        if isinstance(resource, kind) and part in resource.id
    ]
    assert len(found) == 1, [resource.id for resource in found]
    return found[0]
