"""Setups for the tests of plans and recipes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from assistant.answers import Answers
from assistant.onhost.resources import File, Resource
from assistant.plan.model import Plan
from assistant.setup.model import ROLES, DnsUpdate, Host, Login, Role, Settings, Setup

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


ADDRESSES = {
    Role.OUTSIDE: (V4, V6),
    Role.INSIDE: ("241.0.5.9", "3fff:0:5::9"),
    Role.HOME: ("241.0.8.4", "3fff:0:8::4"),
}
UPDATE = DnsUpdate(server="241.0.0.53", key_name="acme.")


def several(
    option: int,
    *,
    settings: dict[str, Any] | None = None,
    hosts: dict[Role, dict[str, Any]] | None = None,
    **fields: Any,
) -> Setup:
    """An option 2 to 4 Setup; ``hosts`` changes fields of hosts by role, ``fields`` the Setup."""
    changed = hosts or {}
    made = []
    for role in ROLES[option]:
        v4, v6 = ADDRESSES[role]
        values = {"public_ipv4": v4, "public_ipv6": v6, "release": "trixie"}
        values |= {"name": role.value, "role": role, "login": Login(address=v4)}
        made.append(Host.model_validate({**values, **changed.get(role, {})}))
    return Setup.model_validate(
        {
            "name": "test",
            "created": datetime(2026, 11, 1, tzinfo=UTC),
            "answers": Answers(),
            "option": option,
            "server_name": "im.family.example",
            "access_port": 28448 if option == 4 else 443,
            "outside_name": "out.family.example",
            "hosts": tuple(made),
            "settings": Settings.model_validate({"dns_update": UPDATE, **(settings or {})}),
            **fields,
        }
    )


def files(plan: Plan, host: str = "") -> dict[str, str]:
    """Contents of the plan's files by path, those of one host when named."""
    return {
        resource.path: resource.content
        for planned in plan.hosts
        if host in ("", planned.host)
        for resource in planned.resources
        if isinstance(resource, File)
    }


def only(plan: Plan, kind: type[Resource], part: str = "", host: str = "") -> Any:
    """The single resource of a kind whose id contains ``part``, on one host when named."""
    found = [
        resource
        for planned in plan.hosts
        if host in ("", planned.host)
        for resource in planned.resources
        if isinstance(resource, kind) and part in resource.id
    ]
    assert len(found) == 1, [resource.id for resource in found]
    return found[0]
