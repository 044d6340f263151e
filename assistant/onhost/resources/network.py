"""Certificates and the firewall."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from assistant.onhost.resources.base import (
    NAME,
    Resource,
    check,
    is_line,
)


@dataclass(frozen=True, kw_only=True)
class Certificate(Resource):
    """A certificate by ACME through certbot, kept below /etc/letsencrypt/live/NAME.

    ``challenge`` is ``http-01`` (answered from ``webroot`` by the web server already running) or
    ``dns-01`` with ``dns_plugin`` (``rfc2136``, …) and the ``dns_credentials`` file. ``reload``
    is the unit told after each renewal. ``ca_bundle``: the trust store certbot uses.
    """

    kind: ClassVar[str] = "certificate"
    name: str
    domains: tuple[str, ...]
    directory: str
    email: str = ""
    challenge: str = "http-01"
    webroot: str = ""
    dns_plugin: str = ""
    dns_credentials: str = ""
    dns_wait: int = 30
    certbot: str = "/opt/matrix-assistant/certbot/current/bin/certbot"
    reload: str = "nginx.service"
    ca_bundle: str = "/etc/ssl/certs/ca-certificates.crt"

    def __post_init__(self) -> None:
        domain = r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?"
        for name in self.domains:
            good = len(name) <= 253 and re.fullmatch(domain, name)
            check(bool(good), self, f"bad domain {name!r}")
        check(bool(re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,252}", self.name)), self, "bad name")
        check(bool(self.domains), self, "no domains")
        check(self.directory.startswith("https://") and is_line(self.directory), self, "directory")
        check(self.challenge in ("http-01", "dns-01"), self, f"challenge {self.challenge!r}")
        email = re.fullmatch(r"([A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+)?", self.email)
        check(email is not None and not self.email.startswith("-"), self, f"mail {self.email!r}")
        check(bool(re.fullmatch(r"[a-z0-9-]*", self.dns_plugin)), self, "bad dns_plugin")

    @property
    def id(self) -> str:
        """``certificate:NAME``."""
        return f"certificate:{self.name}"


@dataclass(frozen=True, kw_only=True)
class Firewall(Resource):
    """An nftables table of our own, loaded at boot by a unit of our own; other tables stay.

    ``content`` is the ruleset text of the table ``table`` (family inet): it must delete and make
    that table only, and have in it an empty chain ``trial`` that what comes from outside passes
    first. Going live starts a timer of ``revert_seconds`` that brings the old rules back, unless a
    second session confirms that the host can still be reached. ``allow_tcp`` and ``allow_udp`` are
    what the rules let in; ``inner`` are names of interfaces, with ``*``, whose packets they let in.
    """

    kind: ClassVar[str] = "firewall"
    table: str
    content: str
    allow_tcp: tuple[int, ...]
    allow_udp: tuple[int, ...] = ()
    inner: tuple[str, ...] = ()
    revert_seconds: int = 60

    def __post_init__(self) -> None:
        check(bool(NAME.match(self.table)), self, f"bad table {self.table!r}")
        for port in (*self.allow_tcp, *self.allow_udp):
            check(0 < port < 65536, self, f"bad port {port}")

    @property
    def id(self) -> str:
        """``firewall:TABLE``."""
        return f"firewall:{self.table}"
