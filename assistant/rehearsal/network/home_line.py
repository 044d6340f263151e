"""A home in the practice internet: the line, its router, and the machines behind it.

The router is a namespace with the line (`eth0`) and the LAN (`br0`). The operator sits at home too:
its `lan0` is in the LAN. The lab sets the LAN's IPv6 addresses, as if the router announced them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from assistant.rehearsal.addresses import Address, address, host_subnets, lan_prefix
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.network.home_rules import LAN_ROUTER, Line, router_rules
from assistant.rehearsal.network.sniffers import Sniffer
from assistant.rehearsal.network.wires import (
    ROUTER,
    TIMEOUT,
    Network,
    RoutedWire,
    batch,
    furnish_router,
    inside,
)
from assistant.rehearsal.processes.commands import run_async

HOME_ROUTER = "home-router"
GATEWAY_IPV6 = "fe80::1"
FIRST_HOST = 2
FIRST_DEVICE = 50
OPERATOR_NUMBER = 100
LAST_NUMBER = 250


# Some kernels show the firewall also what merely passes the bridge, from machine to machine.
PLAIN_BRIDGE = (
    "for call in /proc/sys/net/bridge/bridge-nf-call-ip*tables; "
    'do [ ! -e "$call" ] || echo 0 >"$call"; done'
)


class LanWire:
    """One machine's place in the LAN; `eth0` there, a port of the router's bridge here."""

    def __init__(self, home: Home, name: str, number: int) -> None:
        self._home = home
        self.name = name
        self.number = number
        self._port = f"lan{number}"
        self._ipv6 = ""

    @property
    def address(self) -> Address:
        """The private IPv4 address, and the IPv6 address that comes with the line's prefix."""
        return Address(f"192.168.1.{self.number}", f"{self._home.prefix}{self.number:x}")

    async def attach(self) -> None:
        """Make the namespace and lay the wire."""
        await run_async(["ip", "netns", "add", self.name], timeout=TIMEOUT)
        await lay(self.name, "eth0", self._port)
        commands = ["link set lo up", f"address add {self.address.ipv4}/24 dev eth0"]
        commands += ["link set eth0 up", f"route add default via {LAN_ROUTER}"]
        commands += [f"route add ::/0 via {GATEWAY_IPV6} dev eth0"]
        await batch(self.name, commands)
        await self.renumber()

    async def renumber(self) -> None:
        """Take the IPv6 address that the line's prefix gives now, and give up the old one."""
        old, self._ipv6 = self._ipv6, self.address.ipv6
        commands = [f"address delete {old}/64 dev eth0"] if old else []
        await batch(self.name, [*commands, f"address add {self._ipv6}/64 dev eth0 nodad"])

    async def down(self) -> None:
        """Lose everything on it."""
        await batch(HOME_ROUTER, [f"link set {self._port} down"])

    async def up(self) -> None:
        """Mend it."""
        await batch(HOME_ROUTER, [f"link set {self._port} up"])

    async def detach(self) -> None:
        """Remove the machine's namespace and the wire."""
        self._home.forget(self)
        await run_async(
            ["ip", "-n", HOME_ROUTER, "link", "delete", self._port], timeout=TIMEOUT, check=False
        )
        await run_async(["ip", "netns", "delete", self.name], timeout=TIMEOUT, check=False)


async def lay(namespace: str | None, interface: str, port: str) -> None:
    """A wire between `interface` there and a port of the home router's bridge."""
    made = ["link", "add", interface, "type", "veth", "peer", "name", port, "netns", HOME_ROUTER]
    await run_async(inside(namespace, ["ip", *made]), timeout=TIMEOUT)
    await batch(HOME_ROUTER, [f"link set {port} master br0 up"])


class Home:
    """A home line. `wan_ipv4`, `wan_ipv6` and `prefix` change at each redial."""

    def __init__(self, network: Network, line: Line) -> None:
        self.line = line
        self._network = network
        self._subnets = list(host_subnets("home"))
        self._wire: RoutedWire | None = None
        self._machines: dict[str, LanWire] = {}
        self._forwards: dict[int, int] = {}
        self._numbering = asyncio.Lock()

    @property
    def _subnet(self) -> int:
        return self._subnets[0]

    @property
    def wan_ipv4(self) -> str:
        """The line's public IPv4 address."""
        return address(self._subnet).ipv4

    @property
    def wan_ipv6(self) -> str:
        """The router's own IPv6 address on the line."""
        return address(self._subnet).ipv6

    @property
    def prefix(self) -> str:
        """The LAN's IPv6 /64, ending in "::"."""
        return lan_prefix(self._subnet)

    @property
    def wire(self) -> RoutedWire:
        """The line itself, for faults. Raises RehearsalError when it was taken down."""
        if self._wire is None:
            raise RehearsalError("There is no home line in the lab; start one with home_line().")
        return self._wire

    async def start(self) -> None:
        """Connect the home; the operator sits in its LAN from then on."""
        here = address(self._subnet)
        self._wire = await self._network.attach(
            HOME_ROUTER, self._subnet, (here,), "home", mtu=self.line.mtu
        )
        await furnish_router(HOME_ROUTER)
        lan = ["link add br0 type bridge", f"address add {LAN_ROUTER}/24 dev br0"]
        lan += [f"address add {GATEWAY_IPV6}/64 dev br0 nodad", "link set br0 up"]
        await batch(HOME_ROUTER, lan)
        await run_async(inside(HOME_ROUTER, ["sh", "-c", PLAIN_BRIDGE]), timeout=TIMEOUT)
        # An ISP lets out only what comes from the address it lent.
        strict = f"echo 1 >/proc/sys/net/ipv4/conf/{self._wire.port}/rp_filter"
        await run_async(inside(ROUTER, ["sh", "-c", strict]), timeout=TIMEOUT)
        if not self.line.pmtu_replies:
            await run_async(inside(ROUTER, ["nft", "-f", "-"]), timeout=TIMEOUT, text=SILENT)
        await self._delegate()
        await self._load()
        await lay(None, "lan0", "operator")
        await batch(
            None, [f"address add 192.168.1.{OPERATOR_NUMBER}/24 dev lan0", "link set lan0 up"]
        )

    async def stop(self) -> None:
        """Take the line and the LAN down."""
        if self._wire is None:
            return
        await run_async(["ip", "link", "delete", "lan0"], timeout=TIMEOUT, check=False)
        await self._wire.detach()
        self._wire = None

    async def attach(self, name: str, *, device: bool = False) -> LanWire:
        """A machine in the LAN: hosts are numbered from 2, devices from 50."""
        _ = self.wire
        async with self._numbering:
            taken = {wire.number for wire in self._machines.values()} | {OPERATOR_NUMBER}
            first = FIRST_DEVICE if device else FIRST_HOST
            number = next(n for n in range(first, LAST_NUMBER) if n not in taken)
            wire = self._machines[name] = LanWire(self, name, number)
            await wire.attach()
        return wire

    def forget(self, wire: LanWire) -> None:
        """The machine is gone; its number can be given to another."""
        self._machines.pop(wire.name, None)

    async def forward(self, port: int, lan_ipv4: str) -> None:
        """Forward a TCP port of the line to the same port of a LAN machine, for IPv6 too."""
        numbers = [w.number for w in self._machines.values() if w.address.ipv4 == lan_ipv4]
        if not numbers:
            raise RehearsalError(f"There is no machine with the address {lan_ipv4} at home.")
        self._forwards[port] = numbers[0]
        await self._load()

    async def unforward(self, port: int) -> None:
        """Forward a port no longer."""
        self._forwards.pop(port, None)
        await self._load()

    async def redial(self, dark: float = 1.0) -> None:
        """Hang up, wait `dark` seconds, and get new addresses; the old ones go dead."""
        wire = self.wire
        await wire.down()
        await asyncio.sleep(dark)
        old = f"route delete {self.prefix}/64 dev {wire.port}"
        await batch(ROUTER, [old])
        await batch(HOME_ROUTER, [f"address delete {self.prefix}1/64 dev br0"])
        self._subnets.append(self._subnets.pop(0))
        await wire.renumber(self._subnet)
        await self._delegate()
        await self._load()
        for machine in self._machines.values():
            await machine.renumber()
        await wire.up()

    async def _delegate(self) -> None:
        route = f"route add {self.prefix}/64 via {self.wan_ipv6} dev {self.wire.port}"
        await batch(ROUTER, [route])
        await batch(HOME_ROUTER, [f"address add {self.prefix}1/64 dev br0 nodad"])

    async def _load(self) -> None:
        rules = router_rules(self.line, self.wan_ipv4, self._forwards)
        await run_async(inside(HOME_ROUTER, ["nft", "-f", "-"]), timeout=TIMEOUT, text=rules)

    @asynccontextmanager
    async def capture(self, path: Path) -> AsyncIterator[Path]:
        """Everything on the line meanwhile, in both directions, as a pcap file.

        What the ISP drops on its way in is in it: it shows what was tried.
        """
        sniffer = Sniffer(HOME_ROUTER, "eth0", path)
        await sniffer.start()
        try:
            yield path
        finally:
            await sniffer.stop()


SILENT = """\
table inet silent {
  chain output {
    type filter hook output priority filter;
    icmp type destination-unreachable icmp code frag-needed drop
    icmpv6 type packet-too-big drop
  }
}
"""
"""The ISP's router not telling senders that a packet was too large."""
