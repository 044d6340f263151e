"""What a host is asked about itself once the services run, derived from its plan. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping
from typing import Any

from assistant.findings.probes import Probe
from assistant.onhost.handlers.block import markers
from assistant.onhost.handlers.firewall import RULES
from assistant.onhost.resources import (
    Certificate,
    File,
    Firewall,
    ManagedBlock,
    PostgresDatabase,
    Resource,
    Secret,
    Service,
    Timer,
)
from assistant.plan.host_paths import SYNAPSE_URL
from assistant.plan.recipes.matrix.synapse_unit import HOMESERVER
from assistant.setup.homeservers import homeserver_on
from checks.check import Context

PROBE = "own state"
TIMEOUT = 25.0
FOLDERS = (
    "/", "/var", "/tmp", "/var/lib/postgresql", "/var/lib/matrix-synapse",  # noqa: S108 - looked at
    "/var/lib/matrix-synapse/media", "/var/log", "/var/backups/matrix-assistant",
)  # fmt: skip


def own_state_probe(context: Context, host: str) -> Probe:
    """The one probe that asks a host about everything of ours on it."""
    resources = context.plan.for_host(host).resources
    fields: dict[str, Any] = {
        "units": _units(resources),
        "files": [item for resource in resources for item in _file(resource)],
        "disks": FOLDERS,
        "memory": {},
        "clock": {},
    }
    for resource in resources:
        if isinstance(resource, PostgresDatabase):
            fields["database"] = {"name": resource.name, "user": resource.owner}
        elif isinstance(resource, Firewall):
            fields["firewall"] = {"table": resource.table, "tcp": resource.allow_tcp}
    urls = [r.health_url for r in resources if isinstance(r, Service)]
    fields["health"] = [{"url": url} for url in urls if url.startswith("http:")]
    server = homeserver_on(context.setup, host)
    if server is not None:
        fields["login"] = {"url": SYNAPSE_URL}
        fields["federation"] = {"path": HOMESERVER}
        fields["certificates"] = [
            {
                "path": f"/etc/letsencrypt/live/{resource.name}/fullchain.pem",
                "name": server.access_name,
                "port": 443,
            }
            for resource in resources
            if isinstance(resource, Certificate)
        ]
    fields["names"] = sorted(hosts_records(context, host))
    return Probe(id=PROBE, kind="own-state", fields=fields, timeout=TIMEOUT)


def _units(resources: tuple[Resource, ...]) -> list[str]:
    """The units that must run: a later mention of a unit counts more than an earlier one."""
    wanted: dict[str, bool] = {}
    for resource in resources:
        if isinstance(resource, Service):
            wanted[resource.unit] = resource.running
        elif isinstance(resource, Timer):
            wanted[f"{resource.name}.timer"] = True
    return [unit for unit, running in wanted.items() if running]


def _file(resource: Resource) -> list[dict[str, str]]:
    if isinstance(resource, ManagedBlock):
        begin, end = (line.decode() for line in markers(resource.comment, resource.marker))
        text = "\n".join((begin, *resource.lines, end)) + "\n"
        about = {"id": resource.id, "begin": begin, "end": end}
        return [{"path": resource.path, "digest": digest(text), **about}]
    if isinstance(resource, Firewall):
        about = {"owner": "root", "mode": "0644"}
        return [{"path": RULES, "digest": digest(resource.content), **about}]
    if isinstance(resource, (File, Secret)):
        about = {"owner": resource.owner, "mode": resource.mode}
        content = digest(resource.content) if isinstance(resource, File) else ""
        if isinstance(resource, Secret) and resource.form == "provided":
            return []  # Deleted once it was read.
        return [{"path": resource.path, "digest": content, **about}]
    return []


def digest(text: str) -> str:
    """Of a content, as the host notes it."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def federation_wanted(context: Context, host: str) -> Mapping[str, Any]:
    """The planned settings of the Matrix server on a host; empty when there is none."""
    for resource in context.plan.for_host(host).resources:
        if isinstance(resource, File) and resource.path == HOMESERVER:
            lines = [x for x in resource.content.splitlines() if not x.lstrip().startswith("#")]
            whole = json.loads("\n".join(lines))
            return whole if isinstance(whole, dict) else {}
    return {}


def hosts_records(context: Context, host: str) -> dict[str, frozenset[str]]:
    """Which names must stand in a host's own hosts file, and with which addresses."""
    blocks = [
        line.split()
        for resource in context.plan.for_host(host).resources
        if isinstance(resource, ManagedBlock) and resource.path == "/etc/hosts"
        for line in resource.lines
    ]
    names = {name for row in blocks for name in row[1:]}
    return {
        name: frozenset(str(ipaddress.ip_address(row[0])) for row in blocks if name in row[1:])
        for name in names
    }
