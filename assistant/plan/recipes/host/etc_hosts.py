"""The outside server's own names for the main server: lines of ours in its /etc/hosts.

Synapse asks the hosts file first and reads it anew at each look-up, so no service is told. With a
name found there, and 443 written in the main server's answer about itself, it asks no DNS for it.
"""

from __future__ import annotations

from assistant.onhost.resources import ManagedBlock, Resource
from assistant.plan.routes import federation_addresses
from assistant.setup.model import Host, Role, Setup

PATH = "/etc/hosts"
MARKER = "matrix-assistant-names"


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """One block on the outside server of options 3 and 4 (and 2 with a wrapped link)."""
    if host.role is not Role.OUTSIDE or setup.option == 1:
        return ()
    addresses = federation_addresses(setup)
    if not addresses:
        return ()
    names = " ".join(setup.names)
    return (
        ManagedBlock(
            title="Names of the server in China",
            path=PATH,
            marker=MARKER,
            lines=tuple(f"{address} {names}" for address in addresses),
        ),
    )
