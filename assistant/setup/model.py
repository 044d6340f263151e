"""The Setup: the saved record of one deployment, and the pure functions that change it.

A Setup never holds a secret. Changing an answer clears what depended on it, so that a stale
finding can never authorise an apply.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from assistant.answers import Answers
from assistant.common.errors import ProblemError
from assistant.common.frozen import Frozen
from assistant.common.validators import (
    clean_address,
    clean_domain,
    clean_email,
    clean_https,
    clean_ipv4,
    clean_ipv6,
    clean_kept_port,
    clean_line,
    clean_localpart,
    clean_user,
)
from assistant.findings.model import Finding
from assistant.text import msg

SETUP_VERSION = 1


class Role(StrEnum):
    """What a host is in an option."""

    OUTSIDE = "outside"
    INSIDE = "inside"
    HOME = "home"


ROLES: dict[int, tuple[Role, ...]] = {
    1: (Role.OUTSIDE,),
    2: (Role.INSIDE, Role.OUTSIDE),
    3: (Role.INSIDE, Role.OUTSIDE),
    4: (Role.HOME, Role.INSIDE, Role.OUTSIDE),
}
"""The hosts each option needs."""

RELEASES = ("bookworm", "trixie", "jammy", "noble")
"""Code names of the releases a server may run: Debian 12 and 13, Ubuntu 22.04 and 24.04."""

Domain = Annotated[str, AfterValidator(clean_domain)]
Address = Annotated[str, AfterValidator(clean_address)]
UserName = Annotated[str, AfterValidator(clean_user)]
Line = Annotated[str, AfterValidator(clean_line)]
Localpart = Annotated[str, AfterValidator(clean_localpart)]
Email = Annotated[str, AfterValidator(clean_email)]
Ipv4 = Annotated[str, AfterValidator(clean_ipv4)]
Ipv6 = Annotated[str, AfterValidator(clean_ipv6)]
HttpsUrl = Annotated[str, AfterValidator(clean_https)]
_URL = r"https?://[A-Za-z0-9.\-\[\]:@]+(/[A-Za-z0-9._~:/@!()*+,=%-]*)?"
"""Addresses of mirrors; what is left out means something in a shell or a configuration."""
Port = Annotated[int, Field(ge=1, le=65535)]


class Login(Frozen):
    """How to log in to a machine over SSH. Passwords and passphrases are asked for, never kept.

    ``key_file`` is a private key on this computer (``~`` allowed; empty: the agent and the usual
    keys), ``host_key`` the confirmed host key (``ssh-ed25519 AAAA…``; empty: not yet confirmed).
    """

    address: Address
    port: Port = 22
    user: UserName = "root"
    key_file: Line = ""
    use_agent: bool = True
    host_key: Line = ""


class Mirror(Frozen):
    """A package mirror: where apt (``uri``, ``security_uri``) and pip (``pip_conf``) get things."""

    uri: Annotated[str, Field(pattern=rf"^{_URL}$")]
    security_uri: Annotated[str, Field(pattern=rf"^({_URL})?$")] = ""
    components: Annotated[str, Field(pattern=r"^[a-z0-9 -]+$")] = "main"
    suites: Annotated[str, Field(pattern=r"^[a-z0-9 /-]*$")] = ""
    signing_key: str = ""
    pip_conf: str = ""

    @field_validator("uri", "security_uri", "pip_conf")
    @classmethod
    def _no_login(cls, text: str) -> str:
        # This record is saved, exported in part and sent to hosts: no place for a password.
        if re.search(r"://[^/\s]*@", text):
            raise ProblemError(
                msg(
                    "An address here holds a name and a password. They would be saved in the setup:"
                    " use a mirror that needs none."
                )
            )
        return text


KeptPort = Annotated[Port | str, BeforeValidator(clean_kept_port)]
"""A port that stays open: a number for TCP, ``udp/51820`` for UDP (``tcp/8080`` is 8080)."""


class Host(Frozen):
    """One of the user's servers.

    ``public_ipv4`` / ``public_ipv6`` are what DNS must say; empty when it has none. A home host has
    those of its line, which change. ``keep_ports`` are ports of the user's own services that stay
    open in the firewall: ``8080`` and ``tcp/8080`` for TCP, ``udp/51820`` for UDP. ``mirror`` is
    where this host gets packages from, instead of the setting for all of them.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    role: Role
    login: Login
    jump: Login | None = None
    public_ipv4: Ipv4 = ""
    public_ipv6: Ipv6 = ""
    release: Literal["", "bookworm", "trixie", "jammy", "noble"] = ""
    keep_ports: tuple[KeptPort, ...] = ()
    mirror: Mirror | None = None

    @property
    def keep_tcp(self) -> tuple[int, ...]:
        """The TCP ports that stay open."""
        return tuple(port for port in self.keep_ports if isinstance(port, int))

    @property
    def keep_udp(self) -> tuple[int, ...]:
        """The UDP ports that stay open."""
        kept = (port for port in self.keep_ports if isinstance(port, str))
        return tuple(int(port.removeprefix("udp/")) for port in kept)


class DnsUpdate(Frozen):
    """DNS-01 by RFC 2136: the server to send updates to. The TSIG secret is asked for.

    ``server`` is an IP address, ``algorithm`` such as ``HMAC-SHA256``.
    """

    server: Address
    port: Port = 53
    key_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
    algorithm: Annotated[str, Field(pattern=r"^HMAC-(SHA\d{3}|MD5)$")] = "HMAC-SHA256"


class DnsProvider(Frozen):
    """The company whose service answers for the domain, and how its records are changed there.

    ``name`` is the provider as dns-lexicon calls it (``alidns``, ``cloudflare``, …) or ``rfc2136``
    (then ``update`` says where). ``account`` is the public half of the login, where there is one
    (an access key id); the token is asked for and kept on the host that needs it.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9]{2,32}$")]
    account: Annotated[str, Field(pattern=r"^[A-Za-z0-9._@:+/=-]{0,200}$")] = ""
    update: DnsUpdate | None = None


LinkWay = Literal["direct", "wrapped"]
"""``direct``: TLS as clients speak it, whose name shows on the way. ``wrapped``: that again in
TLS with certificates of the setup's own authority and no name on the wire."""


class Settings(Frozen):
    """What an expert may change; every default is safe for a beginner.

    ``home_link`` and ``outside_link`` say how the home host and the outside server reach the server
    in China. ``filing`` (ICP 备案) and ``security_filing`` (公安备案) are numbers for the visitors'
    page. ``private_resolver``: a server of the setup answers DNS for the setup's own names.
    ``provider`` changes public records by itself. ``workers`` are Synapse's worker processes on the
    main server, 0 for none.
    """

    mirror: Mirror | None = None
    acme_directory: HttpsUrl = "https://acme-v02.api.letsencrypt.org/directory"
    acme_email: Email = ""
    challenge: Literal["http-01", "dns-01"] = "http-01"
    dns_update: DnsUpdate | None = None
    federation: Literal["own", "open"] = "own"
    admin: Localpart = "admin"
    upload_megabytes: Annotated[int, Field(ge=1, le=1000)] = 50
    keep_media_days: Annotated[int, Field(ge=0, le=3650)] = 0
    resolvers: tuple[Address, ...] = ("1.1.1.1", "8.8.8.8", "9.9.9.9")
    canary_messages: Annotated[int, Field(ge=1, le=100)] = 5
    home_link: LinkWay = "direct"
    outside_link: LinkWay = "direct"
    filing: Line = ""
    security_filing: Line = ""
    private_resolver: bool = False
    provider: DnsProvider | None = None
    workers: Annotated[int, Field(ge=0, le=8)] = 0


class HistoryEntry(Frozen):
    """Something that was done: ``what`` is ``created``, ``checked``, ``applied``, ``undone``, …"""

    at: datetime
    what: str
    host: str = ""
    run: str = ""
    ok: bool = True
    detail: str = ""


class FindingsRecord(Frozen):
    """Findings with the digest of the inputs they were made for, and when (UTC)."""

    inputs: str
    at: datetime
    findings: tuple[Finding, ...]


class Setup(Frozen):
    """One deployment. ``server_name`` is what follows the colon in every user id, for ever;
    ``access_name`` is the name clients connect to (usually the same), at ``access_port``.
    ``spare_names`` are further names for the same service, kept ready for the day when one is
    blocked. With two servers these are of the one in China; ``outside_name`` is then the server
    name of the one outside. ``set_aside`` are findings the person knows of and does not want to
    be reminded of, as ``check|subject|vantage``.
    """

    version: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    created: datetime
    answers: Answers
    option: Literal[1, 2, 3, 4]
    acknowledged: Line = ""
    server_name: Domain
    access_name: Domain
    access_port: Port = 443
    spare_names: tuple[Domain, ...] = ()
    outside_name: Domain | Literal[""] = ""
    hosts: tuple[Host, ...]
    settings: Settings = Settings()
    set_aside: tuple[Line, ...] = ()
    findings: FindingsRecord | None = None
    history: tuple[HistoryEntry, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _same_name(cls, data: object) -> object:
        if isinstance(data, dict) and "access_name" not in data and "server_name" in data:
            data = {**data, "access_name": data["server_name"]}
        return data

    @model_validator(mode="after")
    def _hosts_fit(self) -> Setup:
        names = [host.name for host in self.hosts]
        if len(set(names)) != len(names):
            raise ProblemError(msg("Two hosts have the same name."))
        roles = sorted(host.role for host in self.hosts)
        if roles != sorted(ROLES[self.option]):
            wanted = ", ".join(ROLES[self.option])
            raise ProblemError(
                msg(
                    "Option {option} needs exactly these hosts: {wanted}.",
                    option=self.option,
                    wanted=wanted,
                )
            )
        return self

    @model_validator(mode="after")
    def _names_fit(self) -> Setup:
        if Role.INSIDE in ROLES[self.option] and not self.outside_name:
            raise ProblemError(
                msg("Two servers need two names: the one outside China has none yet.")
            )
        if self.outside_name and self.outside_name in (self.server_name, self.access_name):
            raise ProblemError(msg("The two servers cannot have the same name."))
        if len(set(self.names)) != len(self.names):
            raise ProblemError(msg("A spare name is already the name of something else."))
        if self.access_port != 443 and self.option != 4:
            raise ProblemError(msg("Only a home line (option 4) needs another port than 443."))
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """All names of the main service: the server's, the access name if another, the spares."""
        return (*dict.fromkeys((self.server_name, self.access_name)), *self.spare_names)

    def host(self, role: Role) -> Host:
        """The host with a role; ``KeyError`` when the option has none."""
        for host in self.hosts:
            if host.role is role:
                return host
        raise KeyError(role)

    @property
    def inputs(self) -> str:
        """Digest of everything a plan or a finding depends on (not host keys, not history)."""
        text = self.model_dump_json(exclude={"findings", "history", "created", "name", "set_aside"})
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def current_findings(self) -> tuple[Finding, ...]:
        """The findings that still hold for these inputs; empty when there are none."""
        if self.findings is None or self.findings.inputs != self.inputs:
            return ()
        return self.findings.findings
