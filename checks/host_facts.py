"""What a host tells about itself, in the form the checks use. Unknown values stay None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MEBI = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Listening:
    """A listening socket: ``public`` unless bound to loopback addresses only.

    ``serves``: others may come to it through this host's own filter (not a program's question, nor
    a port that is sent on to a container). ``interface``: the one it is bound to, if only one.
    """

    port: int
    protocol: str
    address: str
    process: str
    serves: bool = True
    interface: str = ""

    @property
    def public(self) -> bool:
        """Whether others than the host itself can reach it."""
        return not (self.address.startswith("127.") or self.address in ("::1", "localhost"))


@dataclass(frozen=True, kw_only=True)
class HostFacts:
    """Facts of one host: memory and disk in MiB, ``time`` in seconds since 1970 by its clock."""

    codename: str = ""
    system: str = ""
    python: tuple[int, ...] = ()
    memory: int | None = None
    disk_free: int | None = None
    time: float | None = None
    root: bool | None = None
    apt_locked: bool | None = None
    listening: tuple[Listening, ...] = ()
    services: tuple[str, ...] = ()
    firewalls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Firewalls of others that are on, by name: what they let in, as ``tcp/80`` or ``*``."""

    def on_port(self, port: int) -> tuple[Listening, ...]:
        """TCP listeners on a port that others can reach."""
        found = (item for item in self.listening if item.port == port and item.public)
        return tuple(item for item in found if item.protocol == "tcp")


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _listening(values: Any) -> tuple[Listening, ...]:
    if not isinstance(values, Sequence) or isinstance(values, str):
        return ()
    return tuple(
        Listening(
            port=port,
            protocol=str(item.get("protocol", "tcp")),
            address=str(item.get("address", "")),
            process=str(item.get("process", "")),
            serves=item.get("serves") is not False,
            interface=str(item.get("interface", "")),
        )
        for item in values
        if isinstance(item, Mapping) and (port := _whole(item.get("port"))) is not None
    )


def _python(value: Any) -> tuple[int, ...]:
    parts = value.split(".") if isinstance(value, str) else ()
    return tuple(int(part) for part in parts if part.isdigit())


def _least_free(disks: Any) -> int | None:
    """The least free space among the file systems told about."""
    if not isinstance(disks, Mapping):
        return None
    free = [_whole(item.get("free")) for item in disks.values() if isinstance(item, Mapping)]
    return min((value for value in free if value is not None), default=None)


def read_facts(values: Mapping[str, Any]) -> HostFacts:
    """Facts out of a host's answer; a value that is missing or misshapen counts as unknown.

    The answer's fields are described at ``assistant.onhost.system.facts.facts``.
    """
    memory = values.get("memory")
    clock = values.get("clock")
    services = values.get("services")
    firewalls = values.get("firewalls")
    return HostFacts(
        codename=str(values.get("codename", "")),
        system=str(values.get("pretty", "")),
        python=_python(values.get("python")),
        memory=_whole(memory.get("total")) if isinstance(memory, Mapping) else None,
        disk_free=_least_free(values.get("disk")),
        time=float(clock) if isinstance(clock, (int, float)) else None,
        root=_truth(values.get("root")),
        apt_locked=_truth(values.get("apt_busy")),
        listening=_listening(values.get("listening")),
        services=tuple(map(str, services)) if isinstance(services, Mapping) else (),
        firewalls={
            str(name): tuple(map(str, ports))
            for name, ports in (firewalls.items() if isinstance(firewalls, Mapping) else ())
            if isinstance(ports, (list, tuple))
        },
    )
