"""One lab host: a real Debian with systemd and sshd, started by systemd-nspawn."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from assistant.rehearsal.addresses import Address
from assistant.rehearsal.errors import RehearsalError, tail_of_file
from assistant.rehearsal.hosts.disks import Disk
from assistant.rehearsal.hosts.provision import LabUser
from assistant.rehearsal.network.wires import Wire
from assistant.rehearsal.processes import leftovers
from assistant.rehearsal.processes.commands import Completed, run_async
from assistant.rehearsal.processes.daemon import Daemon, wait_until

BOOT_TIMEOUT = 60.0
POWER_OFF_TIMEOUT = 30.0
KILL_TIMEOUT = 60.0
POWER_OFF_SIGNAL = signal.SIGRTMIN + 4
"""systemd as process 1 takes it as "power off"."""

# Enter the groups, then become the program: what it starts is in them from its first moment.
ENTER_GROUPS = (
    'while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"'
)


@dataclass(frozen=True)
class LabHost:
    """What a person would know about their new server."""

    name: str
    release: str
    ipv4: str
    ipv6: str
    ssh_port: int
    host_keys: tuple[str, ...]
    """Public host keys, as "type base64"."""
    users: tuple[LabUser, ...]
    """The accounts besides root, with their passwords; the operator's key opens all."""


class Host:
    """The machine behind a LabHost: it can be on or off, its disk stays."""

    def __init__(
        self, facts: LabHost, wire: Wire, disk: Disk, folder: Path, cgroups: Sequence[Path]
    ) -> None:
        self.facts = facts
        self.wire = wire
        self.disk = disk
        self.images_taken = False
        self._leader: int | None = None
        self._cgroups = tuple(cgroups)
        self._supervisor = Daemon(f"The host {facts.name}", folder / "console.log")

    @property
    def is_on(self) -> bool:
        """Whether it runs."""
        return self._supervisor.running

    async def power_on(self) -> None:
        """Boot, and wait until SSH answers and ordinary users may log in. Raises RehearsalError."""
        if self.is_on:
            raise RehearsalError(f"The host {self.facts.name} is already on.")
        for group in self._cgroups:
            group.mkdir(parents=True, exist_ok=True)
        name = self.facts.name
        nspawn = [
            *("systemd-nspawn", "--quiet", "-D", str(self.disk.root), "--boot"),
            f"--machine={name}",
            f"--hostname={name}",
            f"--network-namespace-path=/run/netns/{name}",
            # nftables on the host needs it.
            "--capability=CAP_NET_ADMIN",
            *("--register=no", "--keep-unit", "--resolv-conf=off", "--timezone=off"),
            *("--link-journal=no", "--console=read-only"),
        ]
        groups = [str(group) for group in self._cgroups]
        await self._supervisor.start(
            ["sh", "-c", ENTER_GROUPS, "sh", *groups, "--", *nspawn],
            env={"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )
        await self._supervisor.ready(self._answers_ssh, BOOT_TIMEOUT)

    async def _answers_ssh(self) -> bool:
        if not self._lets_people_in():
            return False
        address = Address(self.facts.ipv4, self.facts.ipv6)
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(address.ipv4, self.facts.ssh_port)
            try:
                return (await reader.read(4)) == b"SSH-"
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    def _lets_people_in(self) -> bool:
        leader = self._find_leader()
        # While the file exists, only root may log in.
        return leader is not None and not Path(f"/proc/{leader}/root/run/nologin").exists()

    def leader(self) -> int:
        """The process id of the host's own process 1. Raises RehearsalError when it is off."""
        leader = self._find_leader()
        if leader is None:
            raise RehearsalError(
                f"The host {self.facts.name} is off.", tail_of_file(self._supervisor.log)
            )
        return leader

    def _find_leader(self) -> int | None:
        if not self.is_on:
            return None
        # Remembered, but looked at each time: a host that reboots gets a new process 1.
        if self._leader is None or not self._is_leader(self._leader):
            pids = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
            self._leader = next(filter(self._is_leader, pids), None)
        return self._leader

    def _is_leader(self, pid: int) -> bool:
        try:
            text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        # A child of the supervisor and the first process of a namespace below this one.
        inner = fields.get("NSpid", "").split()
        return int(fields["PPid"]) == self._supervisor.pid and len(inner) == 2 and inner[1] == "1"

    async def power_off(self) -> None:
        """Shut down cleanly. Raises RehearsalError (after a power cut) when it does not."""
        if not self.is_on:
            return
        os.kill(self.leader(), POWER_OFF_SIGNAL)
        if not await self._supervisor.ended(POWER_OFF_TIMEOUT):
            await self.power_cut()
            raise RehearsalError(
                f"The host {self.facts.name} did not shut down within {POWER_OFF_TIMEOUT:g} "
                "seconds, so its power was cut.",
                tail_of_file(self._supervisor.log),
            )
        await self._free_groups()

    async def power_cut(self) -> None:
        """Stop everything in it at once, as if the plug was pulled."""
        leader = self._find_leader()
        # The guest first: its process 1 would outlive its supervisor.
        for pid in (leader, self._supervisor.pid if self.is_on else None):
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        await self._supervisor.ended(KILL_TIMEOUT)
        await self._free_groups()

    async def _free_groups(self) -> None:
        async def freed() -> bool:
            return all(leftovers.remove_cgroup(group, 0) for group in self._cgroups)

        await wait_until(
            freed,
            timeout=KILL_TIMEOUT,
            sentence=f"Processes of the host {self.facts.name} outlived it.",
        )

    async def exec(
        self,
        argv: Sequence[str],
        *,
        text: str | None,
        timeout: float,  # noqa: ASYNC109 - handed on
        check: bool,
    ) -> Completed:
        """Run a program as root in the host, past its network and its sshd."""
        enter = ["nsenter", f"--target={self.leader()}", "--all", "--root"]
        # The working folder is env's to change: nsenter would keep this machine's.
        clean = ["env", "--chdir=/", "-i", "HOME=/root", "LANG=C.UTF-8", "USER=root"]
        clean.append("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        return await run_async([*enter, *clean, *argv], timeout=timeout, text=text, check=check)
