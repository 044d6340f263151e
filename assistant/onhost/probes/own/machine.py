"""The machine under the services: disks, memory, clock, packet filter."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from assistant.onhost.probes.own.place import Place, printable
from assistant.onhost.system.sockets import listening, with_processes

_UNSYNCHRONISED = 0x40
_TIMEX_STATUS = 40
"""Where ``status`` stands in ``struct timex`` on 64-bit Linux (adjtimex(2)), in bytes."""


def disks(place: Place, probe: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``disks`` (folders) → for each that is there: ``path``, ``mount``, ``free`` and ``total`` in
    MB as services see them, ``inodes`` (free ones; None where the file system has no limit),
    ``writable`` (whether it is mounted so).
    """
    mounts = _mounts((place.read("/proc/self/mounts") or b"").decode("utf-8", "replace"))
    found = []
    for path in map(str, probe["disks"]):
        try:
            info = os.statvfs(place.real(path))
        except OSError:
            continue
        mount = max((m for m in mounts if _below(path, m)), key=len, default="/")
        found.append(
            {
                "path": path,
                "mount": mount,
                "free": info.f_bavail * info.f_frsize // 2**20,
                "total": info.f_blocks * info.f_frsize // 2**20,
                "inodes": info.f_favail if info.f_files else None,
                "writable": not info.f_flag & os.ST_RDONLY,
            }
        )
    return found


def _mounts(text: str) -> list[str]:
    rows = [line.split() for line in text.splitlines()]
    return [row[1].replace("\\040", " ") for row in rows if len(row) > 1]


def _below(path: str, mount: str) -> bool:
    return mount == "/" or path == mount or path.startswith(mount + "/")


def memory(place: Place, probe: Mapping[str, Any]) -> dict[str, int]:
    """``memory`` → ``total``, ``available`` and ``swap`` (free) in MB, ``killed``: how many
    processes the kernel ended since boot because there was none left.
    """
    values = {}
    for line in (place.read("/proc/meminfo") or b"").decode().splitlines():
        key, _, rest = line.partition(":")
        if rest.split():
            values[key] = int(rest.split()[0]) // 1024
    killed = 0
    for line in (place.read("/proc/vmstat") or b"").decode().splitlines():
        if line.startswith("oom_kill "):
            killed = int(line.split()[1])
    names = {"total": "MemTotal", "available": "MemAvailable", "swap": "SwapFree"}
    return {**{name: values.get(key, 0) for name, key in names.items()}, "killed": killed}


def clock(place: Place, probe: Mapping[str, Any]) -> dict[str, Any]:
    """``clock`` → ``now`` (seconds since 1970), ``synchronised`` (what the kernel was told by
    whichever program keeps the time; None when it cannot be asked), ``up``: seconds since boot.
    """
    up = (place.read("/proc/uptime") or b"0").split()
    return {"now": time.time(), "synchronised": _synchronised(), "up": float(up[0])}


def _synchronised() -> bool | None:
    with contextlib.suppress(Exception):
        import ctypes

        buffer = ctypes.create_string_buffer(512)
        if ctypes.CDLL(None, use_errno=True).adjtimex(buffer) >= 0:
            raw = buffer.raw[_TIMEX_STATUS : _TIMEX_STATUS + 4]
            return not int.from_bytes(raw, "little") & _UNSYNCHRONISED
    return None


def firewall(place: Place, probe: Mapping[str, Any]) -> dict[str, Any]:
    """``firewall`` (``table``, ``tcp``: ports) → whether our table is loaded (``loaded``), which
    of the ports it lets in (``open``), which rules refuse one of them first (``stopped``: ``port``,
    ``where``, ``how``), and what listens on them: ``listening`` (``port``, ``process``).
    """
    about = probe["firewall"]
    ports = {int(port) for port in about["tcp"]}
    done = place.run(("nft", "-j", "list", "ruleset"))
    if done.code != 0:
        raise OSError(printable(done.output) or "nft says nothing")
    told = read_rules(json.loads(done.output), str(about["table"]), ports)
    there = [one for one in listening() if one.protocol == "tcp" and one.port in ports]
    told["listening"] = [
        {"port": one.port, "process": printable(one.process, 40)}
        for one in with_processes(there)
        if not one.local
    ]
    return told


def read_rules(ruleset: Mapping[str, Any], table: str, ports: set[int]) -> dict[str, Any]:
    """What a ruleset (nft's JSON) does with new connections from anywhere to some ports.

    Only rules that look at nothing but the port count: one about an address or an interface is
    meant for somebody.
    """
    items = [item for item in ruleset.get("nftables", []) if isinstance(item, dict)]
    chains = [item["chain"] for item in items if "chain" in item]
    rules = [item["rule"] for item in items if "rule" in item]
    incoming = [chain for chain in chains if chain.get("hook") in ("input", "prerouting")]
    ours = [c for c in chains if c.get("table") == table]
    opened: set[int] = set()
    stopped: list[dict[str, Any]] = []
    for chain in incoming:
        place = {key: chain.get(key) for key in ("family", "table")}
        mine = [r for r in rules if place.items() <= r.items() and r.get("chain") == chain["name"]]
        decided: set[int] = set()
        for rule in mine:
            verdict = _verdict(rule)
            if verdict is None:
                continue
            concerned = set(_ports(rule, ports)) - decided
            decided |= concerned
            if verdict == "accept" and chain.get("table") == table:
                opened |= concerned
            elif verdict != "accept":
                where = f"{chain['family']} {chain['table']} {chain['name']}"
                stopped += [{"port": p, "where": where, "how": verdict} for p in sorted(concerned)]
    return {"loaded": bool(ours), "open": sorted(opened), "stopped": stopped}


def _verdict(rule: Mapping[str, Any]) -> str | None:
    for part in rule.get("expr", ()):
        for name in ("accept", "drop", "reject"):
            if name in part:
                return name
    return None


def _ports(rule: Mapping[str, Any], ports: set[int]) -> Iterator[int]:
    """The ports among some that a rule is about; none when it looks at more than the port."""
    matches = [part["match"] for part in rule.get("expr", ()) if "match" in part]
    if len(matches) != 1 or matches[0].get("op") != "==":
        return
    payload = matches[0].get("left", {}).get("payload", {})
    if (payload.get("protocol"), payload.get("field")) not in (("tcp", "dport"), ("th", "dport")):
        return
    right = matches[0].get("right")
    values = right.get("set", []) if isinstance(right, dict) else [right]
    for value in values:
        low, high = value["range"] if isinstance(value, dict) and "range" in value else (value,) * 2
        if isinstance(low, int) and isinstance(high, int):
            yield from (port for port in ports if low <= port <= high)
