"""Which host serves which names to people, as the plan's address records say."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from checks.frame import Context


@dataclass(frozen=True)
class Served:
    """A name, the host that serves it on port 443, and its addresses there."""

    host: str
    name: str
    addresses: tuple[str, ...]


def served(context: Context) -> tuple[Served, ...]:
    """Every name whose address record points to a host that may answer on port 443."""
    found: dict[tuple[str, str], list[str]] = {}
    for record in context.plan.records:
        if record.must != "exist" or record.type not in ("A", "AAAA"):
            continue
        values = {str(ipaddress.ip_address(value)) for value in record.values}
        for host in context.setup.hosts:
            own = [item for item in (host.public_ipv4, host.public_ipv6) if item]
            match = [item for item in own if str(ipaddress.ip_address(item)) in values]
            if match and 443 in context.plan.for_host(host.name).open_tcp:
                listed = found.setdefault((host.name, record.name), [])
                listed.extend(item for item in match if item not in listed)
    return tuple(Served(host, name, tuple(ways)) for (host, name), ways in found.items())
