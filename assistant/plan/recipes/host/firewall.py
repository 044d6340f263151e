"""The host's own packet filter: a table of our own that lets in what was planned."""

from __future__ import annotations

from assistant.onhost.resources import Firewall, Resource
from assistant.plan.recipes.templates import fill
from assistant.plan.routes import service_ports
from assistant.setup.model import Host, Setup

TABLE = "matrix_assistant"

INNER = (
    "wg*", "tun*", "tap*", "tailscale*", "zt*", "nebula*", "ppp*", "ipsec*", "xfrm*", "gre*",
    "docker*", "br-*", "podman*", "cni*", "flannel*", "cali*", "cilium*", "kube*", "nodelocaldns*",
    "virbr*", "vnet*", "veth*", "ve-*", "vb-*", "lxcbr*", "lxdbr*", "incusbr*", "mpqemubr*",
)  # fmt: skip
"""Interfaces of tunnels, containers and virtual machines, by the names their programs give them.

None of these names is one of a network card or of the network a container or rented server is in.
"""

ANSWERS_UDP = (68, 546, 5353, 5355)
"""UDP ports where the rules let in what a network needs: DHCP's answers, names at home."""


def open_tcp(setup: Setup, host: Host) -> tuple[int, ...]:
    """TCP ports that may answer from outside, in order.

    Both 22 and the port the assistant logs in at: behind a port forwarding or a jump host sshd
    itself listens on 22 whatever the user typed, and where it listens elsewhere nothing answers
    at 22, so opening it shows nothing.
    """
    return tuple(sorted({22, host.login.port, *service_ports(setup, host), *host.keep_tcp}))


def open_udp(setup: Setup, host: Host) -> tuple[int, ...]:
    """UDP ports that may answer from outside, in order: only those the user keeps."""
    return tuple(sorted(host.keep_udp))


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """The table. Going live is taken back unless a second session proves that SSH still works."""
    ports, udp = open_tcp(setup, host), open_udp(setup, host)
    kept = (f"udp dport {{ {', '.join(map(str, udp))} }} accept",) if udp else ()
    return (
        Firewall(
            title="Firewall",
            table=TABLE,
            content=fill(
                "host/firewall.nft",
                TABLE=TABLE,
                PORTS=", ".join(map(str, ports)),
                UDP=kept,
                INNER=tuple(f'iifname "{name}" accept' for name in INNER),
            ),
            allow_tcp=ports,
            allow_udp=(*udp, *ANSWERS_UDP),
            inner=INNER,
        ),
    )
