"""What a resource may cost: time and disk, roughly, on a small rented server.

The figures are rounded from runs on practice servers, with room for a slower disk and a mirror
that is not next door. They are for telling people what to expect, never for deciding anything.
"""

from __future__ import annotations

from collections.abc import Iterable

from assistant.onhost.resources import Packages, Resource, Service

_SECONDS = {
    "mirror": 8.0,
    "packages": 8.0,
    "virtualenv": 35.0,
    "certificate": 15.0,
    "firewall": 5.0,
    "service": 3.0,
    "command": 3.0,
    "timer": 1.5,
    "pgrole": 1.0,
    "pgdatabase": 1.5,
}
_SECONDS_PACKAGE = {"postgresql": 22.0}
_MEGABYTES_PACKAGE = {"postgresql": 230, "python3-venv": 60, "unattended-upgrades": 30}
_MEGABYTES = {"virtualenv": 160, "pgdatabase": 40}


def expected_seconds(resource: Resource) -> float:
    """Seconds until a resource that has to change is as it should be."""
    seconds = _SECONDS.get(resource.kind, 0.3)
    if isinstance(resource, Packages):
        seconds += sum(_SECONDS_PACKAGE.get(name, 4.0) for name in resource.names)
    if isinstance(resource, Service) and resource.health_url:
        seconds += 10.0
    return seconds


def expected_megabytes(resources: Iterable[Resource]) -> int:
    """Megabytes of disk that these resources take, rounded up to 50; 0 when it is next to none."""
    total = 0
    for resource in resources:
        total += _MEGABYTES.get(resource.kind, 0)
        if isinstance(resource, Packages):
            total += sum(_MEGABYTES_PACKAGE.get(name, 10) for name in resource.names)
    return -(-total // 50) * 50
