"""What a host is and has: one JSON value, read without changing anything."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shlex
import socket
import struct
import sys
import time
from typing import Any

from assistant.onhost.paths import Paths
from assistant.onhost.protocol import PROCESS_NAME
from assistant.onhost.system.disk import room
from assistant.onhost.system.firewalls import let_in
from assistant.onhost.system.process import Call, execute
from assistant.onhost.system.sockets import listening, serving, with_processes

_APT_LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
)
_SERVICES = (
    "nginx", "apache2", "caddy", "haproxy", "matrix-synapse", "synapse", "dendrite", "conduit",
    "postgresql", "coturn", "docker", "nftables", "ufw", "firewalld", "unattended-upgrades",
)  # fmt: skip


def facts(paths: Paths) -> dict[str, Any]:
    """The ``result`` of mode ``facts``.

    ``id``, ``codename``, ``version`` of the release; ``python``, ``arch``, ``hostname``;
    ``memory`` and ``disk`` (by path) in MB; ``clock`` in seconds since 1970; ``addresses``;
    ``listening`` sockets, with whether each ``serves`` others; ``services`` that are installed, by
    name: their state; ``firewalls`` of others that are on, by name: what they let in; and more.
    """
    release = os_release(_text(paths, "/etc/os-release"))
    return {
        "event": "result",
        "id": release.get("ID", ""),
        "codename": release.get("VERSION_CODENAME", ""),
        "version": release.get("VERSION_ID", ""),
        "pretty": release.get("PRETTY_NAME", ""),
        "python": ".".join(map(str, sys.version_info[:3])),
        "arch": platform.machine(),
        "kernel": platform.release(),
        "hostname": socket.gethostname(),
        "memory": memory(_text(paths, "/proc/meminfo")),
        "disk": {path: _disk(paths.real(path)) for path in ("/", "/var")},
        "clock": time.time(),
        "timezone": _timezone(paths),
        "synchronised": os.path.exists(paths.real("/run/systemd/timesync/synchronized")),
        "addresses": addresses(),
        "listening": _listening(),
        "root": os.geteuid() == 0,
        "systemd": os.path.isdir(paths.real("/run/systemd/system")),
        "apt_busy": any(_locked(paths.real(path)) for path in _APT_LOCKS),
        "services": _services(),
        "firewalls": let_in(paths),
        "reboot_required": os.path.exists(paths.real("/run/reboot-required")),
        "virtual": execute(Call(("systemd-detect-virt",), timeout=10)).output.strip(),
    }


def _text(paths: Paths, path: str) -> str:
    try:
        with open(paths.real(path), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def os_release(text: str) -> dict[str, str]:
    """The assignments in an os-release file."""
    found = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            with contextlib.suppress(ValueError):
                found[key] = "".join(shlex.split(value))
    return found


def memory(text: str) -> dict[str, int]:
    """``total``, ``available`` and ``swap`` in MB, from the text of /proc/meminfo."""
    values = {}
    for line in text.splitlines():
        key, _, rest = line.partition(":")
        number = rest.split()
        if number and number[0].isdigit():
            values[key] = int(number[0]) // 1024
    names = {"total": "MemTotal", "available": "MemAvailable", "swap": "SwapTotal"}
    return {name: values.get(key, 0) for name, key in names.items()}


def _disk(path: str) -> dict[str, Any]:
    mount, free = room(path)
    try:
        info = os.statvfs(path)
    except OSError:
        return {"mount": mount, "total": 0, "free": free}
    return {"mount": mount, "total": info.f_blocks * info.f_frsize // 2**20, "free": free}


def _timezone(paths: Paths) -> str:
    with contextlib.suppress(OSError):
        _, found, name = os.readlink(paths.real("/etc/localtime")).partition("zoneinfo/")
        if found:
            return name
    return _text(paths, "/etc/timezone").strip() or "UTC"


def addresses() -> list[str]:
    """Addresses of this host's interfaces, without loopback and link-local ones."""
    told = execute(Call(("hostname", "--all-ip-addresses"), timeout=10))
    return sorted(set(told.output.split())) if told.code == 0 else []


def _listening() -> list[dict[str, Any]]:
    told = with_processes(listening())
    serve = {(s.protocol, s.address, s.port): s.interface for s in serving()}
    return [
        {
            "protocol": s.protocol,
            "address": s.address,
            "port": s.port,
            "process": s.process,
            "serves": (s.protocol, s.address, s.port) in serve,
            "interface": serve.get((s.protocol, s.address, s.port), ""),
        }
        for s in told
        # Another measurement's temporary listener is nobody's service.
        if s.process != PROCESS_NAME
    ]


def _locked(path: str) -> bool:
    """Whether another process holds a POSIX lock on a file, as apt and dpkg do."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        query = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(fd, fcntl.F_GETLK, query)
        return bool(struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK)
    except OSError:
        return False
    finally:
        os.close(fd)


def _services() -> dict[str, str]:
    names = [f"{name}.service" for name in _SERVICES]
    argv = ("systemctl", "show", "--property=Id,LoadState,ActiveState", "--", *names)
    done = execute(Call(argv, timeout=30))
    found = {}
    if done.code == 0:
        for name, block in zip(_SERVICES, done.output.strip().split("\n\n")):  # noqa: B905 - 3.10
            told = dict(line.partition("=")[::2] for line in block.splitlines())
            if told.get("LoadState") not in (None, "not-found"):
                found[name] = told.get("ActiveState", "")
    return found
