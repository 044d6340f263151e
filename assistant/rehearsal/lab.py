"""The practice internet as one value: start it, boot hosts in it, change its names, look at it."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from assistant.rehearsal.addresses import RESOLVER, Side
from assistant.rehearsal.build.prepare import Prepared
from assistant.rehearsal.cache import Report, remove_tree
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.hosts.disks import DeployedImage, Disk
from assistant.rehearsal.hosts.host import Host, LabHost
from assistant.rehearsal.hosts.provision import DEFAULT_USERS, LabUser, Trust, host_keys, provision
from assistant.rehearsal.lab_facts import LabFacts, gather_facts
from assistant.rehearsal.network import portscan
from assistant.rehearsal.network.border import Border
from assistant.rehearsal.network.devices import Device
from assistant.rehearsal.network.home_line import Home
from assistant.rehearsal.network.home_rules import Line
from assistant.rehearsal.network.wires import inside
from assistant.rehearsal.processes import leftovers
from assistant.rehearsal.processes.commands import Completed, run_async
from assistant.rehearsal.processes.contain import TRUST_FILE, work_folder
from assistant.rehearsal.services.certificate_authority import Acme, ServiceAuthority
from assistant.rehearsal.services.dns_servers import Names, Tsig
from assistant.rehearsal.services.package_mirror import PackageMirror
from assistant.rehearsal.services.services_root import ServicesRoot
from assistant.rehearsal.sides import Sides

__all__ = [
    "Border",
    "DeployedImage",
    "Device",
    "Home",
    "Lab",
    "LabFacts",
    "LabHost",
    "LabUser",
    "Line",
    "RehearsalError",
    "Tsig",
]

DEFAULT_ZONES = ("family.example",)
SCAN_TIMEOUT = 120.0


class Lab(Sides):
    """A running practice internet. Use `async with await Lab.start(...) as lab`."""

    facts: LabFacts

    def __init__(
        self,
        prepared: Prepared,
        run_folder: Path,
        report: Report,
        zones: Sequence[str],
        border: Border | None,
    ) -> None:
        self._prepared = prepared
        self._run_folder = run_folder
        (run_folder / "labs").mkdir(exist_ok=True)
        workdir = Path(tempfile.mkdtemp(dir=run_folder / "labs", prefix=""))
        self.workdir = workdir
        """The folder of this lab; everything in it goes when the lab stops."""
        self._report = report
        self._services = ServicesRoot(prepared, workdir)
        super().__init__(border, workdir, self._services.folder.parent)
        self._authority = ServiceAuthority(workdir / "authority")
        self._names = Names(self._services, zones, two_sided=border is not None)
        self._acme = Acme(self._services, self._authority, workdir / "acme-root.pem")
        mirror_log = self._services.log("mirror")
        self._mirror = PackageMirror(prepared, workdir / "mirror", mirror_log)

    @classmethod
    async def start(
        cls,
        prepared: Prepared,
        *,
        workdir: Path | None = None,
        report: Report,
        zones: Sequence[str] = DEFAULT_ZONES,
        border: Border | None = None,
    ) -> Lab:
        """Bring up network, names, certificates and packages; takes one to two seconds.

        Only inside the containment, and one at a time; `workdir` is where it makes its folder
        (None: in the folder of the run). With a `border` there are two sides, the operator being
        inside, and each has its public resolver. Raises RehearsalError.
        """
        lab = cls(prepared, workdir or work_folder(), report, zones, border)
        try:
            await lab._start()
        except BaseException:
            await lab.stop()
            raise
        return lab

    async def _start(self) -> None:
        self._report("Starting the practice internet.")
        await self._network.start()
        await self._services.start(self._network)
        await self._start_sides()
        await asyncio.gather(self._names.start(), self._authority.start(), self._make_key())
        await asyncio.gather(self._acme.start(), self._mirror.start(self._authority))
        self._trust = Trust((self._authority.certificate, self._acme.root))
        self.facts = gather_facts(
            self._names,
            self._trust,
            self._run_folder / TRUST_FILE,
            self.workdir / "operator-key",
            self._prepared.signing_key,
            two_sided=self._border is not None,
        )
        self._ask(self._resolver("inside"))

    async def _make_key(self) -> None:
        key = self.workdir / "operator-key"
        what = ["-t", "ed25519", "-N", "", "-C", "operator", "-f", str(key)]
        await run_async(["ssh-keygen", "-q", *what], timeout=20)

    def _ask(self, resolver: str) -> None:
        """Let the operator's computer ask that resolver."""
        (self._run_folder / "resolv.conf").write_text(f"nameserver {resolver}\n")

    async def boot(
        self,
        name: str,
        *,
        release: str = "trixie",
        users: Sequence[LabUser] = DEFAULT_USERS,
        lower: DeployedImage | None = None,
        disk: str | None = None,
        python: bool = True,
        sshd_port: int = 22,
        side: Side = "outside",
    ) -> LabHost:
        """Make a host and boot it; returns when SSH answers (about a second). RehearsalError.

        `lower` boots a clone of a deployed host, with an identity of its own. `disk` (such as
        "600M") puts all it writes on an ext4 of that size. `python=False` takes python3 away.
        A host at "home" (which needs a home line) is in the LAN.
        """
        self._check_name(name)
        if lower is None:
            try:
                image = self._prepared.of(release).image
            except KeyError as error:
                raise RehearsalError(f"No image of {release} was prepared.") from error
            lower = DeployedImage(release, (image,))
        host = await self._make_host(name, lower, disk, sshd_port, side)
        try:
            await host.disk.mount()
            known = await provision(
                host.disk.root,
                name=name,
                users=users,
                public_key=self.facts.operator_public_key,
                trust=self._trust,
                sshd_port=sshd_port,
                python=python,
                resolver=self._resolver(side),
            )
            host.facts = LabHost(
                name=name,
                release=lower.release,
                ipv4=host.facts.ipv4,
                ipv6=host.facts.ipv6,
                ssh_port=sshd_port,
                host_keys=host_keys(host.disk.root),
                users=known,
            )
            await host.power_on()
        except BaseException:
            await self.remove(name)
            raise
        return host.facts

    async def _make_host(
        self, name: str, lower: DeployedImage, disk: str | None, sshd_port: int, side: Side
    ) -> Host:
        async with self._booting:
            self._check_name(name)
            wire = await self._attach(name, side)
            where = wire.address
            folder = self.workdir / "hosts.d" / name
            folder.mkdir(parents=True, exist_ok=True)
            facts = LabHost(name, lower.release, where.ipv4, where.ipv6, sshd_port, (), ())
            groups = [group / name for group in leftovers.run_cgroups(self._run_folder.name)]
            host = Host(facts, wire, Disk(folder, lower, disk), folder, groups)
            self._hosts[name] = host
            return host

    def host(self, name: str) -> LabHost:
        """The facts of a host that was booted, with its addresses of now."""
        host = self._host(name)
        where = host.wire.address
        return replace(host.facts, ipv4=where.ipv4, ipv6=where.ipv6)

    async def power_off(self, name: str) -> None:
        """Shut a host down cleanly (about 2 s)."""
        await self._host(name).power_off()

    async def power_cut(self, name: str, *, lose_unwritten: bool = False) -> None:
        """Pull the plug. `lose_unwritten` (hosts with a `disk`) also loses what was not synced."""
        host = self._host(name)
        if lose_unwritten and not host.disk.limited:
            raise RehearsalError("Only a host with a disk of its own can lose unwritten data.")
        await host.power_cut()
        if lose_unwritten:
            await host.disk.lose_unwritten()

    async def power_on(self, name: str) -> None:
        """Boot a host that is off, from the disk it had."""
        await self._host(name).power_on()

    async def remove(self, name: str) -> None:
        """Pull the plug and throw a host (or device) away; images taken from it stay usable."""
        if name in self._devices:
            await self._devices.pop(name).wire.detach()
            return
        host = self._host(name)
        await host.power_cut()
        await host.disk.remove(keep_layers=host.images_taken)
        await host.wire.detach()
        del self._hosts[name]

    async def snapshot(self, name: str) -> DeployedImage:
        """An image of a host that is off, to boot clones over. The host can be used on."""
        host = self._host(name)
        if host.is_on:
            raise RehearsalError(f"The host {name} must be off for a snapshot.")
        host.images_taken = True
        return await host.disk.freeze()

    @property
    def services(self) -> ServicesRoot:
        """The programs of the lab's own servers; :mod:`.user_resolvers` runs some elsewhere."""
        return self._services

    async def exec(
        self,
        name: str,
        argv: Sequence[str],
        *,
        input: str | None = None,
        timeout: float = 60,  # noqa: ASYNC109 - a test says how long it waits
        check: bool = True,
    ) -> Completed:
        """Run a program as root in a host directly, for tests and faults (timeout in seconds)."""
        return await self._host(name).exec(argv, text=input, timeout=timeout, check=check)

    def root_of(self, name: str) -> Path:
        """The host's root folder as seen from here."""
        return self._host(name).disk.root

    async def dns_set(self, name: str, type: str, values: Sequence[str], ttl: int = 5) -> None:
        """Make `values` all the records of that type at `name`, at once and everywhere."""
        await self._names.set(name, type, values, ttl)

    async def dns_delete(self, name: str, type: str | None = None) -> None:
        """Remove the records of that type (None: all) at `name`."""
        await self._names.delete(name, type)

    async def dns_keys(self, key: Tsig, narrow_key: Tsig) -> None:
        """Let these keys change records (see :class:`Names`), as if the domain had moved."""
        await self._names.take_keys(key, narrow_key)
        self.facts = replace(self.facts, tsig=key, tsig_txt=narrow_key)

    async def scan(
        self,
        name: str,
        from_: str = "operator",
        ports: Iterable[int] = range(1, 65536),
        *,
        ipv6: bool = False,
    ) -> tuple[int, ...]:
        """The TCP ports of a host that answer from another machine; all of them take 10 s."""
        target = self.host(name)
        script = [sys.executable, "-I", str(portscan.__file__)]
        script.append(target.ipv6 if ipv6 else target.ipv4)
        argv = inside(None if from_ == "operator" else from_, script)
        found = await run_async(argv, timeout=SCAN_TIMEOUT, text=json.dumps(list(ports)))
        return tuple(json.loads(found.stdout))

    def describe(self) -> str:
        """How a person at this machine logs in to the hosts, from another terminal."""
        pid = (self._run_folder / "pid").read_text().strip()
        known = self.known_hosts()
        lines: list[str] = []
        for host in self._hosts.values():
            ssh = f"ssh -i {self.facts.operator_key} -o UserKnownHostsFile={known}"
            ssh += f" -p {host.facts.ssh_port}"
            lines.append(f"{host.facts.name} ({host.facts.release}):")
            lines.append(f"  nsenter -t {pid} -n -m {ssh} root@{host.facts.ipv4}")
        return "\n".join(lines)

    def known_hosts(self) -> Path:
        """Write the keys of all hosts as OpenSSH reads them; returns the file."""
        path = self.workdir / "known_hosts"
        lines: list[str] = []
        for host in (entry.facts for entry in self._hosts.values()):
            where = host.ipv4 if host.ssh_port == 22 else f"[{host.ipv4}]:{host.ssh_port}"
            lines.extend(f"{where} {key}\n" for key in host.host_keys)
        path.write_text("".join(lines), "utf-8")
        return path

    async def stop(self) -> None:
        """Cut every host's power and end everything; never raises for what is already gone."""
        for name in [*self._hosts, *self._devices]:
            try:
                await self.remove(name)
            except RehearsalError as error:
                self._report(error.sentence)
        self._ask(RESOLVER.ipv4)
        await self._mirror.stop()
        await self._acme.stop()
        await self._names.stop()
        await self._stop_sides()
        await self._services.stop()
        await self._network.stop()
        remove_tree(self.workdir)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
