"""User devices: this machine's programs, with a network, resolver and hosts file of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from assistant.rehearsal.addresses import Side
from assistant.rehearsal.network.wires import Wire, inside
from assistant.rehearsal.processes.commands import Completed, run_async

# The mounts are in a namespace of their own that ends with the program.
WITH_FILES = (
    'mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"'
)
OWN_HOSTS = "127.0.0.1 localhost\n::1 localhost\n"


class Device:
    """A phone or computer of a user. Programs started on it see its resolver and its hosts."""

    def __init__(self, name: str, side: Side, wire: Wire, folder: Path, resolver: str) -> None:
        self.name = name
        self.side = side
        self.wire = wire
        folder.mkdir(parents=True, exist_ok=True)
        self._resolv = folder / "resolv.conf"
        self._hosts = folder / "hosts"
        self.set_resolver(resolver)
        self.set_hosts(())

    @property
    def ipv4(self) -> str:
        """Its address; a private one at home."""
        return self.wire.address.ipv4

    @property
    def ipv6(self) -> str:
        """Its IPv6 address now."""
        return self.wire.address.ipv6

    def set_hosts(self, lines: Iterable[str]) -> None:
        """Make these the lines of its hosts file, besides those of localhost."""
        self._hosts.write_text(OWN_HOSTS + "".join(f"{line}\n" for line in lines), "utf-8")

    def set_resolver(self, ip: str) -> None:
        """Let it ask that DNS resolver, and no other."""
        self._resolv.write_text(f"nameserver {ip}\noptions timeout:2\n", "utf-8")

    def command(self, argv: Sequence[str]) -> list[str]:
        """`argv` as it has to be started here to run on the device."""
        files = [str(self._resolv), str(self._hosts)]
        own_mounts = ["unshare", "--mount", "--propagation", "private"]
        return inside(self.name, [*own_mounts, "sh", "-c", WITH_FILES, "sh", *files, *argv])

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 60,  # noqa: ASYNC109 - a test says how long it waits
        input: str | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> Completed:
        """Run a program of this machine on the device (timeout in seconds). RehearsalError."""
        return await run_async(
            self.command(argv), timeout=timeout, text=input, env=env, check=check
        )
