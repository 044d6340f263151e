"""The practice internet as one value: start it, boot hosts in it, change its names, look at it."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from assistant.rehearsal import leftovers, portscan, webserver
from assistant.rehearsal.addresses import (
    FIRST_HOST_SUBNET,
    LAST_HOST_SUBNET,
    MIRROR,
    OPERATOR,
    RESOLVER,
    address,
)
from assistant.rehearsal.authority import DIRECTORY_URL, Acme, ServiceAuthority
from assistant.rehearsal.cache import Report, remove_tree
from assistant.rehearsal.commands import Completed, run_async
from assistant.rehearsal.contain import SYSTEM_TRUST, TRUST_FILE, work_folder
from assistant.rehearsal.disks import DeployedImage, Disk
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.hosts import Host, LabHost
from assistant.rehearsal.names import MIRROR_NAME, Names, Tsig
from assistant.rehearsal.network import ROUTER, Network, inside
from assistant.rehearsal.prepare import Prepared
from assistant.rehearsal.processes import Daemon
from assistant.rehearsal.provision import DEFAULT_USERS, LabUser, Trust, host_keys, provision
from assistant.rehearsal.services import NAMESPACE, ServicesRoot
from assistant.rehearsal.wheels import write_index

__all__ = ["DeployedImage", "Lab", "LabFacts", "LabHost", "LabUser", "RehearsalError", "Tsig"]

DEFAULT_ZONES = ("family.example",)
SCAN_TIMEOUT = 120.0
RESERVED_NAMES = (ROUTER, NAMESPACE, "operator")


@dataclass(frozen=True)
class LabFacts:
    """What a setup in the practice internet has to be told; fixed while the lab runs."""

    operator_ipv4: str
    operator_ipv6: str
    resolver_ipv4: str
    resolver_ipv6: str
    debs_url: str
    """The Debian mirror: suites are release names, the component is main."""
    signing_key: str
    """The mirror's public key, armored."""
    wheels_url: str
    """A PEP 503 index, https with the lab's authority."""
    pip_conf: str
    """What /etc/pip.conf has to say on a host."""
    acme_directory: str
    acme_authority: Path
    """PEM of the authority of the ACME server's own API, and of the wheels' server."""
    acme_root: Path
    """PEM of the root of every certificate it issues."""
    trust_bundle: Path
    """PEM: the machine's public authorities and the lab's two."""
    tsig: Tsig
    """May change every record of the zone, as a user's key at a DNS provider."""
    tsig_txt: Tsig
    """May change TXT records only, as a server that renews certificates should."""
    zone: str
    operator_key: Path
    """The operator's private SSH key (ed25519, mode 0600)."""
    operator_public_key: str


class Lab:
    """A running practice internet. Use `async with await Lab.start(...) as lab`."""

    facts: LabFacts

    def __init__(
        self, prepared: Prepared, run_folder: Path, report: Report, zones: Sequence[str]
    ) -> None:
        self._prepared = prepared
        self._run_folder = run_folder
        (run_folder / "labs").mkdir(exist_ok=True)
        workdir = Path(tempfile.mkdtemp(dir=run_folder / "labs", prefix=""))
        self.workdir = workdir
        """The folder of this lab; everything in it goes when the lab stops."""
        self._report = report
        self._network = Network()
        self._services = ServicesRoot(prepared, workdir)
        self._authority = ServiceAuthority(workdir / "authority")
        self._names = Names(self._services, zones)
        self._acme = Acme(self._services, self._authority, workdir / "acme-root.pem")
        self._web = Daemon("The package mirror", self._services.log("mirror"))
        self._hosts: dict[str, Host] = {}
        self._booting = asyncio.Lock()

    @classmethod
    async def start(
        cls,
        prepared: Prepared,
        *,
        workdir: Path | None = None,
        report: Report,
        zones: Sequence[str] = DEFAULT_ZONES,
    ) -> Lab:
        """Bring up network, names, certificates and packages; takes one to two seconds.

        Only inside the containment, and one at a time; `workdir` is where it makes its folder
        (None: in the folder of the run). Raises RehearsalError.
        """
        lab = cls(prepared, workdir or work_folder(), report, zones)
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
        await asyncio.gather(self._names.start(), self._authority.start(), self._make_key())
        await asyncio.gather(self._acme.start(), self._start_mirror())
        self._trust = Trust((self._authority.certificate, self._acme.root))
        self.facts = self._gather_facts()

    async def _make_key(self) -> None:
        key = self.workdir / "operator-key"
        what = ["-t", "ed25519", "-N", "", "-C", "operator", "-f", str(key)]
        await run_async(["ssh-keygen", "-q", *what], timeout=20)

    async def _start_mirror(self) -> None:
        folder = self.workdir / "mirror"
        for release in self._prepared.releases:
            for kind in ("dists", "pool"):
                link = folder / "debian" / kind / release.release
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(release.debs / kind / release.release)
        found = [path for each in self._prepared.releases for path in each.wheels.iterdir()]
        await asyncio.to_thread(write_index, found, folder / "simple")
        certificate, key = await self._authority.issue([MIRROR_NAME], [MIRROR.ipv4, MIRROR.ipv6])
        server = [sys.executable, "-I", str(webserver.__file__), "--folder", str(folder)]
        server += ["--certificate", str(certificate), "--key", str(key)]
        await self._web.start(inside(NAMESPACE, [*server, MIRROR.ipv4, MIRROR.ipv6]))

        async def answers() -> bool:
            _, writer = await asyncio.open_connection(MIRROR.ipv4, 443)
            writer.close()
            return True

        await self._web.ready(answers)

    def _gather_facts(self) -> LabFacts:
        bundle = self._run_folder / TRUST_FILE
        parts = [SYSTEM_TRUST] if SYSTEM_TRUST.exists() else []
        parts += self._trust.certificates
        bundle.write_text("".join(part.read_text() for part in parts))
        wheels = f"https://{MIRROR_NAME}/simple/"
        key = self.workdir / "operator-key"
        return LabFacts(
            operator_ipv4=OPERATOR.ipv4,
            operator_ipv6=OPERATOR.ipv6,
            resolver_ipv4=RESOLVER.ipv4,
            resolver_ipv6=RESOLVER.ipv6,
            debs_url=f"http://{MIRROR_NAME}/debian",
            signing_key=self._prepared.signing_key,
            wheels_url=wheels,
            pip_conf=f"[global]\nindex-url = {wheels}\n",
            acme_directory=DIRECTORY_URL,
            acme_authority=self._authority.certificate,
            acme_root=self._acme.root,
            trust_bundle=bundle,
            tsig=self._names.key,
            tsig_txt=self._names.narrow_key,
            zone=self._names.zones[0],
            operator_key=key,
            operator_public_key=key.with_suffix(".pub").read_text().strip(),
        )

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
    ) -> LabHost:
        """Make a host and boot it; returns when SSH answers (about a second). RehearsalError.

        `lower` boots a clone of a deployed host, with an identity of its own. `disk` (such as
        "600M") puts all it writes on an ext4 of that size. `python=False` takes python3 away.
        """
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name) or name in RESERVED_NAMES:
            raise RehearsalError(f"{name!r} cannot be the name of a host.")
        if lower is None:
            try:
                image = self._prepared.of(release).image
            except KeyError as error:
                raise RehearsalError(f"No image of {release} was prepared.") from error
            lower = DeployedImage(release, (image,))
        host = await self._make_host(name, lower, disk, sshd_port)
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
        self, name: str, lower: DeployedImage, disk: str | None, sshd_port: int
    ) -> Host:
        async with self._booting:
            if name in self._hosts:
                raise RehearsalError(f"There is a host named {name} already.")
            taken = {host.subnet for host in self._hosts.values()}
            free = (n for n in range(FIRST_HOST_SUBNET, LAST_HOST_SUBNET) if n not in taken)
            subnet = next(free)
            where = address(subnet)
            folder = self.workdir / "hosts.d" / name
            folder.mkdir(parents=True, exist_ok=True)
            facts = LabHost(name, lower.release, where.ipv4, where.ipv6, sshd_port, (), ())
            groups = [group / name for group in leftovers.run_cgroups(self._run_folder.name)]
            host = Host(facts, subnet, Disk(folder, lower, disk), folder, groups)
            await self._network.attach(name, subnet, (where,))
            self._hosts[name] = host
            return host

    def _host(self, name: str) -> Host:
        try:
            return self._hosts[name]
        except KeyError:
            raise RehearsalError(f"There is no host named {name} in the lab.") from None

    def host(self, name: str) -> LabHost:
        """The facts of a host that was booted."""
        return self._host(name).facts

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
        """Pull the plug and throw the host away; images taken from it stay usable."""
        host = self._host(name)
        await host.power_cut()
        await host.disk.remove(keep_layers=host.images_taken)
        await self._network.detach(name, host.subnet)
        del self._hosts[name]

    async def snapshot(self, name: str) -> DeployedImage:
        """An image of a host that is off, to boot clones over. The host can be used on."""
        host = self._host(name)
        if host.is_on:
            raise RehearsalError(f"The host {name} must be off for a snapshot.")
        host.images_taken = True
        return await host.disk.freeze()

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
        for name in list(self._hosts):
            try:
                await self.remove(name)
            except RehearsalError as error:
                self._report(error.sentence)
        await self._web.stop()
        await self._acme.stop()
        await self._names.stop()
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
