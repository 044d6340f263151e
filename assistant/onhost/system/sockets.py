"""Listening sockets of this host, from /proc: no program needed."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from assistant.onhost.system.process import Call, execute

_LISTEN = "0A"
_UNCONNECTED = "07"


@dataclass(frozen=True)
class Socket:
    """A listening TCP socket or a bound UDP socket. ``process`` is a name, or empty; ``pid`` its
    number, 0 when unknown.

    ``interface`` is the one whose address it is bound to, empty for every address.
    """

    protocol: str
    address: str
    port: int
    inode: str
    process: str = ""
    interface: str = ""
    pid: int = 0

    @property
    def local(self) -> bool:
        """Whether only this host itself can reach it."""
        return ipaddress.ip_address(self.address).is_loopback


def _address(text: str) -> str:
    words = [bytes.fromhex(text[i : i + 8])[::-1] for i in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _parse(protocol: str, text: str) -> Iterator[Socket]:
    state = _LISTEN if protocol == "tcp" else _UNCONNECTED
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == state:
            address, _, port = fields[1].rpartition(":")
            yield Socket(protocol, _address(address), int(port, 16), fields[9])


def listening(proc: str = "/proc") -> list[Socket]:
    """All listening TCP and bound UDP sockets, without their processes."""
    found: list[Socket] = []
    for name in ("tcp", "tcp6", "udp", "udp6"):
        with contextlib.suppress(OSError), open(f"{proc}/net/{name}", encoding="ascii") as file:
            found += _parse(name[:3], file.read())
    return sorted(found, key=lambda s: (s.protocol, s.port, s.address))


def with_processes(sockets: list[Socket], proc: str = "/proc") -> list[Socket]:
    """The same with process names, as far as they may be seen."""
    wanted = {f"socket:[{socket.inode}]": ("", 0) for socket in sockets}
    for pid in os.listdir(proc):
        if not pid.isdigit():
            continue
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"{proc}/{pid}/fd"):
                link = os.readlink(f"{proc}/{pid}/fd/{fd}")
                if wanted.get(link) == ("", 0):
                    with open(f"{proc}/{pid}/comm", encoding="utf-8", errors="replace") as file:
                        wanted[link] = file.read().strip(), int(pid)
    holders = [wanted[f"socket:[{s.inode}]"] for s in sockets]
    return [replace(s, process=h[0], pid=h[1]) for s, h in zip(sockets, holders)]  # noqa: B905 - 3.10


def serving(proc: str = "/proc") -> list[Socket]:
    """What others may come to: without loopback, redirected ports and sockets that only ask."""
    first, last = _passing(proc)
    found = with_processes([s for s in listening(proc) if not s.local], proc)
    told = execute(Call(("ip", "-oneline", "address", "show"), timeout=10))
    rules = execute(Call(("nft", "list", "ruleset"), timeout=30))
    placed = on_interfaces(found, told.output if told.code == 0 else "")
    kept = without_askers(placed, range(first, last + 1))
    gone = redirected(rules.output if rules.code == 0 else "")
    return [s for s in kept if (s.protocol, s.port, ":" in s.address) not in gone]


def on_interfaces(sockets: list[Socket], text: str) -> list[Socket]:
    """The same with the interface of each one's address, from what ``ip -o address`` printed."""
    lines = re.findall(r"^\d+:\s+(\S+)\s+inet6?\s+([0-9a-fA-F.:]+)", text, re.MULTILINE)
    names = {address: name for name, address in lines}
    return [replace(s, interface=names.get(s.address, "")) for s in sockets]


def without_askers(sockets: list[Socket], passing: Collection[int]) -> list[Socket]:
    """Without the UDP sockets from which a program asks others.

    The kernel gives those a port among ``passing``, where services (WireGuard's 51820) may be as
    well: only a process that also serves at another port counts as asking. Its name alone would
    not do: two services may both be called python3.
    """
    serve = {s.pid for s in sockets if s.protocol == "udp" and s.port not in passing}
    return [
        s
        for s in sockets
        if s.protocol == "tcp" or s.port not in passing or not s.pid or s.pid not in serve
    ]


def redirected(rules: str) -> set[tuple[str, int, bool]]:
    """Protocol, port and whether IPv6, of what other tables send on (containers' ports).

    ``rules`` is what nft lists. Such packets never come to the chain that guards this host.
    """
    found: set[tuple[str, int, bool]] = set()
    families: tuple[bool, ...] = ()
    for line in rules.splitlines():
        if line.startswith("table "):
            family = line.split()[1]
            families = {"ip": (False,), "ip6": (True,), "inet": (False, True)}.get(family, ())
        sent = re.search(r"\b(tcp|udp) dport (\d+)\b.*(\bdnat\b|\bDNAT\b)", line)
        if sent:
            found |= {(sent[1], int(sent[2]), six) for six in families}
    return found


def _passing(proc: str) -> tuple[int, int]:
    path = f"{proc}/sys/net/ipv4/ip_local_port_range"
    with contextlib.suppress(OSError, ValueError), open(path, encoding="ascii") as file:
        first, last = file.read().split()
        return int(first), int(last)
    return 32768, 60999
