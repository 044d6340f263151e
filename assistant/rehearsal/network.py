"""The wires: a router namespace, and a routed network of its own for each machine.

Networks are routed, not bridged: what stands between two machines (a border, a home router) can be
put into the way of a route.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assistant.rehearsal.addresses import OPERATOR_SUBNET, Address, address
from assistant.rehearsal.commands import run_async

ROUTER = "net"
NAMESPACES = Path("/run/netns")
TIMEOUT = 20.0

# The file read is that of the namespace of the process that opens it.
FORWARD = (
    "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding; "
    "echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter; "
    "echo 0 >/proc/sys/net/ipv4/conf/default/rp_filter"
)


def namespace_path(name: str) -> Path:
    """The file that stands for a network namespace."""
    return NAMESPACES / name


def inside(namespace: str | None, argv: Sequence[str]) -> list[str]:
    """`argv` to be run in a namespace's network; None stands for the operator's own."""
    if namespace is None:
        return list(argv)
    return ["nsenter", f"--net={namespace_path(namespace)}", *argv]


class Network:
    """The router and the machines attached to it."""

    async def start(self) -> None:
        """Make the router and attach the operator, which is the namespace this runs in."""
        await run_async(["ip", "netns", "add", ROUTER], timeout=TIMEOUT)
        await run_async(inside(ROUTER, ["sh", "-c", FORWARD]), timeout=TIMEOUT)
        await run_async(["ip", "-n", ROUTER, "link", "set", "lo", "up"], timeout=TIMEOUT)
        await self._wire(None, OPERATOR_SUBNET, (address(OPERATOR_SUBNET),))

    async def stop(self) -> None:
        """Take everything down that `start` made."""
        await run_async(["ip", "link", "delete", "eth0"], timeout=TIMEOUT, check=False)
        await run_async(["ip", "netns", "delete", ROUTER], timeout=TIMEOUT, check=False)

    async def attach(self, name: str, subnet: int, addresses: Sequence[Address]) -> None:
        """Make namespace `name` with `eth0` in `subnet` and a default route through the router."""
        await run_async(["ip", "netns", "add", name], timeout=TIMEOUT)
        await self._wire(name, subnet, addresses)

    async def detach(self, name: str, subnet: int) -> None:
        """Remove the namespace and the router's end of its wire."""
        await run_async(
            ["ip", "-n", ROUTER, "link", "delete", _port(subnet)], timeout=TIMEOUT, check=False
        )
        await run_async(["ip", "netns", "delete", name], timeout=TIMEOUT, check=False)

    async def _wire(self, name: str | None, subnet: int, addresses: Sequence[Address]) -> None:
        port = _port(subnet)
        router = address(subnet, 1)
        made = ["link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", ROUTER]
        await run_async(inside(name, ["ip", *made]), timeout=TIMEOUT)
        near = [f"address add {router.ipv4}/24 dev {port}"]
        near += [f"address add {router.ipv6}/64 dev {port} nodad", f"link set {port} up"]
        await self._batch(ROUTER, near)
        far = ["link set lo up"]
        for each in addresses:
            far += [f"address add {each.ipv4}/24 dev eth0"]
            far += [f"address add {each.ipv6}/64 dev eth0 nodad"]
        far += ["link set eth0 up", f"route add default via {router.ipv4}"]
        far += [f"route add ::/0 via {router.ipv6} dev eth0"]
        await self._batch(name, far)

    async def _batch(self, name: str | None, commands: Sequence[str]) -> None:
        text = "\n".join(commands) + "\n"
        await run_async(inside(name, ["ip", "-batch", "-"]), timeout=TIMEOUT, text=text)


def _port(subnet: int) -> str:
    return f"leg{subnet}"
