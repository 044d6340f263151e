"""What the summaries state, taken from a Setup and its Plan: pure functions."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from assistant.export import server_notes
from assistant.onhost.resources import Certificate, Resource, Secret, Timer
from assistant.plan.host_paths import (
    BACKUPS,
    SYNAPSE_CONFIG,
    SYNAPSE_DATA,
    SYNAPSE_URL,
    SYNAPSE_USER,
    SYNAPSE_VENV,
)
from assistant.plan.model import HostPlan, Plan
from assistant.setup.homeservers import homeservers
from assistant.setup.model import Setup
from assistant.text import Message, msg

Audience = Literal["operator", "people"]


def homeserver_url(setup: Setup) -> str:
    """What people type into their app as the main homeserver, with the port unless it is 443."""
    return homeservers(setup)[0].base_url


def app_link(setup: Setup) -> str:
    """A link that opens Element X with the main homeserver filled in (see ``servers.app_link``)."""
    return server_notes.app_link(homeservers(setup)[0])


def fingerprint(host_key: str) -> str:
    """The SHA-256 fingerprint of a host key, as ``ssh-keygen -l`` shows it.

    Empty when no key was confirmed yet or the text is no key.
    """
    parts = host_key.split()
    if len(parts) < 2:
        return ""
    try:
        raw = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError):
        return ""
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class Place:
    """Where something is on a host. ``what`` is a stable identifier, ``title`` is for people."""

    what: str
    host: str
    path: str
    title: Message


def places(plan: Plan) -> tuple[Place, ...]:
    """Where what matters lives on each host, as far as the plan puts it there."""
    return tuple(place for host in plan.hosts for place in _places(host))


def _places(host: HostPlan) -> Iterator[Place]:
    known = {
        "config": (SYNAPSE_CONFIG, msg("Synapse's settings")),
        "data": (SYNAPSE_DATA, msg("Synapse's data, with photos and files in its media folder")),
        "backups": (BACKUPS, msg("Nightly backups of database, settings and keys, without media")),
    }
    planned = [str(getattr(resource, "path", "")) for resource in host.resources]
    for what, (path, title) in known.items():
        if any(one == path or one.startswith(path + "/") for one in planned):
            yield Place(what, host.host, path, title)
    for resource in host.resources:
        if isinstance(resource, Secret) and resource.form == "synapse-signing-key":
            title = msg("Signing key (whoever has it can pass for this server; never lose it)")
            yield Place("signing-key", host.host, resource.path, title)
        elif isinstance(resource, Secret) and resource.name == "admin-password":
            title = msg("Password of the administrator (readable by root only)")
            yield Place("admin-password", host.host, resource.path, title)
        elif isinstance(resource, Certificate):
            path = f"/etc/letsencrypt/live/{resource.name}"
            yield Place("certificate", host.host, path, msg("Certificate and its key"))


def timers(resources: tuple[Resource, ...]) -> tuple[Timer, ...]:
    """The commands of a host that run by the calendar."""
    return tuple(resource for resource in resources if isinstance(resource, Timer))


def add_person_command() -> str:
    """The command, on the server, that asks for a name and a password and makes an account."""
    return (
        f"sudo -u {SYNAPSE_USER} {SYNAPSE_VENV}/current/bin/register_new_matrix_user"
        f" -c {SYNAPSE_CONFIG}/homeserver.yaml {SYNAPSE_URL}"
    )
