"""Listening sockets of this host, from /proc: no program needed."""

from __future__ import annotations

import contextlib
import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass

_LISTEN = "0A"
_UNCONNECTED = "07"


@dataclass(frozen=True)
class Socket:
    """A listening TCP socket or a bound UDP socket. ``process`` is a name, or empty."""

    protocol: str
    address: str
    port: int
    inode: str
    process: str = ""

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
    wanted = {f"socket:[{socket.inode}]": "" for socket in sockets}
    for pid in os.listdir(proc):
        if not pid.isdigit():
            continue
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"{proc}/{pid}/fd"):
                link = os.readlink(f"{proc}/{pid}/fd/{fd}")
                if wanted.get(link) == "":
                    with open(f"{proc}/{pid}/comm", encoding="utf-8", errors="replace") as file:
                        wanted[link] = file.read().strip()
    return [
        Socket(s.protocol, s.address, s.port, s.inode, wanted.get(f"socket:[{s.inode}]", ""))
        for s in sockets
    ]
