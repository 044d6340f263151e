"""The host's own packet filter: a table of our own that lets in what was planned."""

from __future__ import annotations

from assistant.onhost.resources import Firewall, Resource
from assistant.plan.recipes.templates import fill
from assistant.plan.routes import service_ports
from assistant.setup.model import Host, Setup

TABLE = "matrix_assistant"


def open_tcp(setup: Setup, host: Host) -> tuple[int, ...]:
    """TCP ports that may answer from outside, in order.

    Both 22 and the port the assistant logs in at: behind a port forwarding or a jump host sshd
    itself listens on 22 whatever the user typed, and where it listens elsewhere nothing answers
    at 22, so opening it shows nothing.
    """
    return tuple(sorted({22, host.login.port, *service_ports(setup, host), *host.keep_ports}))


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """The table. Going live is taken back unless a second session proves that SSH still works."""
    ports = open_tcp(setup, host)
    return (
        Firewall(
            title="Firewall",
            table=TABLE,
            content=fill("host/firewall.nft", TABLE=TABLE, PORTS=", ".join(map(str, ports))),
            allow_tcp=ports,
        ),
    )
