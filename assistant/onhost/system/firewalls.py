"""Firewalls of others that are on, and what they let in: ufw and firewalld."""

from __future__ import annotations

import re
from collections.abc import Callable

from assistant.onhost.paths import Paths
from assistant.onhost.system.process import Call, execute

_SERVICES = ("/etc/firewalld/services", "/usr/lib/firewalld/services")


def let_in(paths: Paths) -> dict[str, list[str]]:
    """By the firewall's name, what it lets in from everywhere: ``tcp/80``, ``udp/6000-6007``.

    ``["*"]`` when that is everything. Firewalls that are off are not in it.
    """
    found: dict[str, list[str]] = {}
    # systemctl calls ufw inactive after it was switched on, until the next boot.
    if re.search(r"(?m)^ENABLED=yes", _text(paths, "/etc/ufw/ufw.conf")):
        policy = _text(paths, "/etc/default/ufw")
        found["ufw"] = by_ufw(_text(paths, "/etc/ufw/user.rules"), policy)
    told = execute(Call(("firewall-cmd", "--list-all"), timeout=20))
    if told.code == 0:
        found["firewalld"] = by_firewalld(told.output, lambda name: _service(paths, name))
    return found


def by_ufw(rules: str, policy: str = "") -> list[str]:
    """What ufw lets in, from its user.rules and its /etc/default/ufw."""
    if re.search(r'(?m)^DEFAULT_INPUT_POLICY="?ACCEPT', policy):
        return ["*"]
    found = []
    for line in rules.splitlines():
        word = line.split()
        if not line.startswith("### tuple ###") or len(word) < 9 or "in" not in word[-1]:
            continue
        _, _, _, action, protocol, ports, to, _, source = word[:9]
        if action not in ("allow", "limit") or (to, source) != ("0.0.0.0/0", "0.0.0.0/0"):
            continue
        for each in ("tcp", "udp") if protocol == "any" else (protocol,):
            listed = ["1-65535"] if ports == "any" else ports.replace(":", "-").split(",")
            found += [f"{each}/{port}" for port in listed]
    return found


def by_firewalld(text: str, service: Callable[[str], str]) -> list[str]:
    """What firewalld lets in, from ``--list-all``; ``service`` gives the XML of a service."""
    fields = dict(re.findall(r"(?m)^\s*(target|services|ports): *(.*)$", text))
    if fields.get("target", "").strip() == "ACCEPT":
        return ["*"]
    found = []
    for word in fields.get("ports", "").split():
        port, _, protocol = word.partition("/")
        found.append(f"{protocol}/{port}")
    for name in fields.get("services", "").split():
        for element in re.findall(r"<port\b[^>]*>", service(name)):
            told = dict(re.findall(r'(\w+)="([^"]*)"', element))
            if told.get("port"):
                found.append(f"{told.get('protocol', 'tcp')}/{told['port']}")
    return found


def _service(paths: Paths, name: str) -> str:
    return next((text for f in _SERVICES if (text := _text(paths, f"{f}/{name}.xml"))), "")


def _text(paths: Paths, path: str) -> str:
    try:
        with open(paths.real(path), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
