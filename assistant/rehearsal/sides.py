"""Where the machines of a lab stand: the border, the home, the devices, and who can reach whom."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

from assistant.rehearsal.addresses import INSIDE_RESOLVER, RESOLVER, Side, address, host_subnets
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.hosts.host import Host
from assistant.rehearsal.network.border import Border, RunningBorder
from assistant.rehearsal.network.devices import Device
from assistant.rehearsal.network.home_line import HOME_ROUTER, Home
from assistant.rehearsal.network.home_rules import Line
from assistant.rehearsal.network.wires import ROUTER, Network, Wire
from assistant.rehearsal.services.dns_queries import Query, QueryLog
from assistant.rehearsal.services.services_root import NAMESPACE

RESERVED_NAMES = (ROUTER, NAMESPACE, HOME_ROUTER, "operator")


class Sides:
    """What a lab knows of places; the lab itself adds systems, names and packages."""

    def __init__(self, border: Border | None, workdir: Path, logs: Path) -> None:
        self._workdir = workdir
        self._network = Network()
        self._line = border
        self._border = RunningBorder(logs / "border.log") if border else None
        self._query_log = QueryLog(logs) if border else None
        self._home: Home | None = None
        self._hosts: dict[str, Host] = {}
        self._devices: dict[str, Device] = {}
        self._booting = asyncio.Lock()

    async def _start_sides(self) -> None:
        if self._border and self._query_log and self._line:
            await self._border.start(self._network, self._line)
            await self._query_log.start()

    async def _stop_sides(self) -> None:
        for part in (self._query_log, self._border, self._home):
            if part is not None:
                await part.stop()

    @property
    def border(self) -> RunningBorder:
        """The border between the sides. Raises RehearsalError in a lab without one."""
        if self._border is None:
            raise RehearsalError("This practice internet was started without a border.")
        return self._border

    @property
    def home(self) -> Home:
        """The home line. Raises RehearsalError when there is none."""
        if self._home is None:
            raise RehearsalError("There is no home line in the lab; start one with home_line().")
        return self._home

    @property
    def has_home(self) -> bool:
        """Whether there is a home line."""
        return self._home is not None

    async def home_line(
        self,
        ports_closed: Sequence[int] = (80, 443),
        mtu: int = 1492,
        *,
        line: Line | None = None,
    ) -> Home:
        """Connect a home on the inside; the operator sits in its LAN (192.168.1.100).

        `line` (from a scenario) says everything, the other two are its most usual parts.
        """
        if self._home is not None:
            raise RehearsalError("The lab has a home line already.")
        self._home = Home(self._network, line or Line(tuple(ports_closed), mtu))
        await self._home.start()
        return self._home

    async def device(self, name: str, side: Side = "inside") -> Device:
        """A user's device: a network with this machine's programs, and no system of its own."""
        self._check_name(name)
        async with self._booting:
            wire = await self._attach(name, side, device=True)
        folder = self._workdir / "devices" / name
        device = self._devices[name] = Device(name, side, wire, folder, self._resolver(side))
        return device

    def _check_name(self, name: str) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name) or name in RESERVED_NAMES:
            raise RehearsalError(f"{name!r} cannot be the name of a host.")
        if name in self._hosts or name in self._devices:
            raise RehearsalError(f"There is a host named {name} already.")

    def _resolver(self, side: Side) -> str:
        if self._border is None or side == "outside":
            return RESOLVER.ipv4
        return INSIDE_RESOLVER.ipv4

    async def _attach(self, name: str, side: Side, *, device: bool = False) -> Wire:
        if side == "home":
            return await self.home.attach(name, device=device)
        taken = {wire.address for wire in self._wires()}
        subnet = next(n for n in host_subnets(side) if address(n) not in taken)
        return await self._network.attach(name, subnet, (address(subnet),), side)

    def _wires(self) -> list[Wire]:
        hosts = [host.wire for host in self._hosts.values()]
        return hosts + [device.wire for device in self._devices.values()]

    def _host(self, name: str) -> Host:
        try:
            return self._hosts[name]
        except KeyError:
            raise RehearsalError(f"There is no host named {name} in the lab.") from None

    def queries(self) -> list[Query]:
        """(client, name, type) of what all DNS servers were asked since the start.

        Only in a lab with a border. A machine at home asks from the line's public address.
        """
        if self._query_log is None:
            raise RehearsalError("This practice internet was started without a border.")
        return self._query_log.read()

    def _wire(self, name: str) -> Wire:
        if name == HOME_ROUTER:
            return self.home.wire
        if name == "operator":
            return self._network.operator
        if name in self._devices:
            return self._devices[name].wire
        return self._host(name).wire

    async def link_down(self, name: str) -> None:
        """Lose everything that a machine sends or is sent, without a word.

        The name of a host or a device, "home-router" for the home line, or "operator".
        """
        await self._wire(name).down()

    async def link_up(self, name: str) -> None:
        """The opposite of `link_down`."""
        await self._wire(name).up()
