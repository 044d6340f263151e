"""The wires: a router namespace, and a routed network of its own for each machine.

Networks are routed, not bridged: what stands between two machines (a border, a home router) can be
put into the way of a route. With a border the router asks, for every packet, which side it came
from: a table of routes per side leads what has to cross into the border's device for that
direction. What the border writes back follows the ordinary routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from assistant.rehearsal.addresses import (
    HOME_LINES,
    INSIDE_IPV4,
    INSIDE_IPV6,
    NEUTRAL_IPV4,
    NEUTRAL_IPV6,
    OPERATOR_SUBNET,
    Address,
    Side,
    address,
)
from assistant.rehearsal.processes.commands import run_async

ROUTER = "net"
NAMESPACES = Path("/run/netns")
TIMEOUT = 20.0

OUTBOUND_DEVICE = "outbound"
INBOUND_DEVICE = "inbound"
"""The border's devices, one per direction, so that no address can lie about its side."""
TABLES = {"inside": 101, "outside": 102}

# The file read is that of the namespace of the process that opens it.
FORWARD = (
    "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding; "
    "echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter; "
    "echo 0 >/proc/sys/net/ipv4/conf/default/rp_filter"
)


class Wire(Protocol):
    """What connects one machine to the rest."""

    @property
    def address(self) -> Address:
        """The machine's addresses now."""
        ...

    async def down(self) -> None:
        """Cut it; what is sent gets lost without a word."""
        ...

    async def up(self) -> None:
        """Mend it."""
        ...

    async def detach(self) -> None:
        """Remove it together with the machine's namespace."""
        ...


def namespace_path(name: str) -> Path:
    """The file that stands for a network namespace."""
    return NAMESPACES / name


def inside(namespace: str | None, argv: Sequence[str]) -> list[str]:
    """`argv` to be run in a namespace's network; None stands for the operator's own."""
    if namespace is None:
        return list(argv)
    return ["nsenter", f"--net={namespace_path(namespace)}", *argv]


async def batch(namespace: str | None, commands: Sequence[str]) -> None:
    """Run `ip` commands in a namespace, all in one process. Raises RehearsalError."""
    text = "\n".join(commands) + "\n"
    await run_async(inside(namespace, ["ip", "-batch", "-"]), timeout=TIMEOUT, text=text)


async def make_router(namespace: str) -> None:
    """A namespace that forwards packets."""
    await run_async(["ip", "netns", "add", namespace], timeout=TIMEOUT)
    await furnish_router(namespace)


async def furnish_router(namespace: str) -> None:
    """Let a namespace forward packets."""
    await run_async(inside(namespace, ["sh", "-c", FORWARD]), timeout=TIMEOUT)
    await run_async(["ip", "-n", namespace, "link", "set", "lo", "up"], timeout=TIMEOUT)


class Network:
    """The router and the machines attached to it."""

    def __init__(self) -> None:
        self._divided = False
        self._cut: set[str] = set()

    async def start(self) -> None:
        """Make the router and attach the operator, which is the namespace this runs in."""
        await make_router(ROUTER)
        # A home line's address that nobody has at the moment is silent, as at a real ISP.
        await batch(ROUTER, [f"route add blackhole {block}" for block in HOME_LINES])
        operator = RoutedWire(self, None, OPERATOR_SUBNET, "inside")
        await operator.attach((address(OPERATOR_SUBNET),))
        self.operator = operator

    async def stop(self) -> None:
        """Take everything down that `start` made."""
        await run_async(["ip", "link", "delete", "eth0"], timeout=TIMEOUT, check=False)
        await run_async(["ip", "netns", "delete", ROUTER], timeout=TIMEOUT, check=False)

    async def divide(self) -> None:
        """Lead what has to cross through the border's devices, which must be there already."""
        commands = []
        for device in (OUTBOUND_DEVICE, INBOUND_DEVICE):
            # Without an address of its own the kernel sends nothing by itself on it.
            commands += [f"link set {device} addrgenmode none txqueuelen 5000 mtu 1500"]
            commands += [f"link set {device} up"]
        here, there = TABLES["inside"], TABLES["outside"]
        for near in (*INSIDE_IPV4, *INSIDE_IPV6, *NEUTRAL_IPV4, *NEUTRAL_IPV6):
            commands += [f"route add throw {near} table {here}"]
        for world in ("0.0.0.0/0", "::/0"):
            commands += [f"route add {world} dev {OUTBOUND_DEVICE} table {here}"]
            # Should the border end, nothing crosses: a test must never pass by going round it.
            commands += [f"route add unreachable {world} metric 9999 table {here}"]
        for block in (*INSIDE_IPV4, *INSIDE_IPV6):
            commands += [f"route add {block} dev {INBOUND_DEVICE} table {there}"]
            commands += [f"route add unreachable {block} metric 9999 table {there}"]
        await batch(ROUTER, commands)
        self._divided = True
        await self.rules("add", self.operator)

    async def attach(
        self,
        name: str,
        subnet: int,
        addresses: Sequence[Address],
        side: Side | None = None,
        mtu: int = 1500,
    ) -> RoutedWire:
        """Make namespace `name` with `eth0` in `subnet` and a default route through the router.

        `side` None is near to both sides.
        """
        await run_async(["ip", "netns", "add", name], timeout=TIMEOUT)
        wire = RoutedWire(self, name, subnet, side, mtu)
        await wire.attach(addresses)
        if self._divided:
            await self.rules("add", wire)
        return wire

    async def rules(self, change: str, wire: RoutedWire) -> None:
        """`add` or `delete` what sends a machine's packets to its side's table."""
        if not self._divided or wire.side is None:
            return
        table = TABLES["outside" if wire.side == "outside" else "inside"]
        for family in ("-4", "-6"):
            rule = ["rule", change, "iif", wire.port, "lookup", str(table)]
            await run_async(
                ["ip", "-n", ROUTER, family, *rule], timeout=TIMEOUT, check=change == "add"
            )

    async def cut(self, port: str) -> None:
        """Lose everything at one of the router's ports."""
        self._cut.add(port)
        await self._silence()

    async def mend(self, port: str) -> None:
        """The opposite of `cut`."""
        if port in self._cut:
            self._cut.discard(port)
            await self._silence()

    async def _silence(self) -> None:
        await run_async(
            inside(ROUTER, ["nft", "-f", "-"]), timeout=TIMEOUT, text=outage_rules(self._cut)
        )


def outage_rules(ports: set[str]) -> str:
    """nftables' rules that lose what comes from or goes to these interfaces, and nothing else."""
    rules = "table inet outage\ndelete table inet outage\n"
    if not ports:
        return rules
    names = ", ".join(f'"{port}"' for port in sorted(ports))
    return f"""{rules}table inet outage {{
    chain arriving {{ type filter hook prerouting priority -400; iifname {{ {names} }} drop; }}
    chain leaving {{ type filter hook postrouting priority 400; oifname {{ {names} }} drop; }}
}}
"""


class RoutedWire:
    """A machine's own subnet at the router: `eth0` there, `legN` here."""

    def __init__(
        self, network: Network, name: str | None, subnet: int, side: Side | None, mtu: int = 1500
    ) -> None:
        self._network = network
        self.name = name
        self.subnet = subnet
        self.side = side
        self.port = f"leg{subnet}"
        self._mtu = mtu

    @property
    def address(self) -> Address:
        """The machine's (first) addresses."""
        return address(self.subnet)

    async def attach(self, addresses: Sequence[Address]) -> None:
        """Lay the wire; the namespace is there already."""
        made = ["link", "add", "eth0", "mtu", str(self._mtu), "type", "veth"]
        made += ["peer", "name", self.port, "mtu", str(self._mtu), "netns", ROUTER]
        await run_async(inside(self.name, ["ip", *made]), timeout=TIMEOUT)
        await batch(ROUTER, [*self._router_addresses(), f"link set {self.port} up"])
        await batch(self.name, ["link set lo up", "link set eth0 up", *self._addresses(addresses)])

    async def renumber(self, subnet: int) -> None:
        """Give the machine another subnet; the old addresses are nobody's from then on."""
        self.subnet = subnet
        await batch(ROUTER, [f"address flush dev {self.port} scope global"])
        await batch(ROUTER, self._router_addresses())
        await batch(self.name, ["address flush dev eth0 scope global"])
        await batch(self.name, self._addresses((self.address,)))

    def _router_addresses(self) -> list[str]:
        router = address(self.subnet, 1)
        return [
            f"address add {router.ipv4}/24 dev {self.port}",
            f"address add {router.ipv6}/64 dev {self.port} nodad",
        ]

    def _addresses(self, addresses: Sequence[Address]) -> list[str]:
        router = address(self.subnet, 1)
        commands = []
        for each in addresses:
            commands += [f"address add {each.ipv4}/24 dev eth0"]
            commands += [f"address add {each.ipv6}/64 dev eth0 nodad"]
        commands += [f"route replace default via {router.ipv4}"]
        return [*commands, f"route replace ::/0 via {router.ipv6} dev eth0"]

    async def down(self) -> None:
        """Lose everything on it."""
        await self._network.cut(self.port)

    async def up(self) -> None:
        """Mend it."""
        await self._network.mend(self.port)

    async def detach(self) -> None:
        """Remove the namespace and the router's end."""
        await self.up()
        # A rule outlives its interface and would catch the next one of that name.
        await self._network.rules("delete", self)
        await run_async(
            ["ip", "-n", ROUTER, "link", "delete", self.port], timeout=TIMEOUT, check=False
        )
        if self.name is not None:
            await run_async(["ip", "netns", "delete", self.name], timeout=TIMEOUT, check=False)
