"""Setups of every option for the tests of what is handed out and of changes of mind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from assistant.answers import Answers
from assistant.setup.model import DnsProvider, DnsUpdate, Host, Login, Role, Settings, Setup

ADDRESSES = {
    Role.OUTSIDE: ("241.0.3.7", "3fff:0:3::7"),
    Role.INSIDE: ("241.0.5.9", ""),
    Role.HOME: ("241.0.8.2", "3fff:0:8::2"),
}
ROLES_OF = {
    1: (Role.OUTSIDE,),
    2: (Role.INSIDE, Role.OUTSIDE),
    3: (Role.INSIDE, Role.OUTSIDE),
    4: (Role.HOME, Role.INSIDE, Role.OUTSIDE),
}
UPDATE = DnsUpdate(server="241.0.1.1", key_name="test-key")
INSIDE_NAME, OUTSIDE_NAME = "im.example.cn", "chat.example.org"


def host(role: Role, **changes: Any) -> Host:
    """A host of a role with a confirmed key."""
    v4, v6 = ADDRESSES[role]
    fields: dict[str, Any] = {
        "name": role.value,
        "role": role,
        "login": Login(
            address="192.168.1.20" if role is Role.HOME else v4, host_key="ssh-ed25519 QUJD"
        ),
        "public_ipv4": v4,
        "public_ipv6": v6,
        "release": "trixie",
    }
    return Host(**(fields | changes))


def setup(option: int, **changes: Any) -> Setup:
    """A Setup of an option; option 1 stands under the name the outside server has in the others."""
    values: dict[str, Any] = {
        "name": "test",
        "created": datetime(2026, 11, 1, tzinfo=UTC),
        "answers": Answers(),
        "option": option,
        "server_name": OUTSIDE_NAME if option == 1 else INSIDE_NAME,
        "outside_name": "" if option == 1 else OUTSIDE_NAME,
        "access_port": 20443 if option == 4 else 443,
        "hosts": tuple(host(role) for role in ROLES_OF[option]),
        "settings": Settings(
            challenge="http-01" if option <= 2 else "dns-01",
            dns_update=UPDATE,
            provider=DnsProvider(name="rfc2136", update=UPDATE),
        ),
    }
    return Setup(**(values | changes))
