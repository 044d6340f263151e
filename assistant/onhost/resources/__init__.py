"""The one vocabulary of desired state: recipes write it, the engine on the host reads it.

A resource is the desired state of one thing on a host. Resources are frozen, made of plain values
and checked when they are made, so that nothing a user typed can mean more than its own text.
``to_json`` and ``from_json`` carry them over the wire.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+\Z")
_UNIT = re.compile(r"[A-Za-z0-9:_.@-]{1,200}\.(service|timer|socket|target|path)\Z")
_MODE = re.compile(r"0[0-7]{3}\Z")
_MARKER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")


class ResourceError(ValueError):
    """A resource that cannot mean what its author intended; the text says which field and why."""


def _check(good: bool, resource: object, what: str) -> None:
    if not good:
        raise ResourceError(f"{type(resource).__name__}: {what}")


def _is_path(text: str) -> bool:
    return (
        text.startswith("/")
        and "\0" not in text
        and "\n" not in text
        and ".." not in text.split("/")
        and (text == "/" or not text.endswith("/"))
    )


def _is_line(text: str) -> bool:
    return not any(ord(c) < 32 or ord(c) == 127 for c in text)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """Base of all resources. ``title`` is a short English description for progress."""

    kind: ClassVar[str]
    title: str = ""

    @property
    def id(self) -> str:
        """Stable identity within a host's plan, such as ``file:/etc/motd``."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class PackageMirror(Resource):
    """Where apt gets Debian or Ubuntu packages from, instead of the sources already there.

    ``sources`` is the text of a deb822 .sources file (codename already filled in), ``signing_key``
    an armoured OpenPGP key or empty (then the release's own keyring). While it applies, the other
    sources are moved aside (``replace``); undo brings them back.
    """

    kind: ClassVar[str] = "mirror"
    sources: str
    signing_key: str = ""
    replace: bool = True

    @property
    def id(self) -> str:
        """One per host."""
        return "mirror:apt"


@dataclass(frozen=True, kw_only=True)
class Packages(Resource):
    """Debian packages that must be installed. ``group`` tells several of them apart."""

    kind: ClassVar[str] = "packages"
    group: str
    names: tuple[str, ...]
    recommends: bool = False

    def __post_init__(self) -> None:
        _check(bool(_MARKER.match(self.group)), self, f"bad group {self.group!r}")
        for name in self.names:
            _check(bool(_PACKAGE.match(name)), self, f"bad package name {name!r}")

    @property
    def id(self) -> str:
        """``packages:GROUP``."""
        return f"packages:{self.group}"


@dataclass(frozen=True, kw_only=True)
class User(Resource):
    """A system account with its own group of the same name."""

    kind: ClassVar[str] = "user"
    name: str
    home: str = "/nonexistent"
    shell: str = "/usr/sbin/nologin"
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.name, *self.groups):
            _check(bool(_NAME.match(name)), self, f"bad name {name!r}")
        _check(_is_path(self.home) and _is_path(self.shell), self, "home and shell are paths")

    @property
    def id(self) -> str:
        """``user:NAME``."""
        return f"user:{self.name}"


@dataclass(frozen=True, kw_only=True)
class _Placed(Resource):
    """Something at a path with an owner and a mode."""

    path: str
    owner: str = "root"
    group: str = "root"
    mode: str = "0644"

    def __post_init__(self) -> None:
        _check(_is_path(self.path), self, f"bad path {self.path!r}")
        _check(bool(_MODE.match(self.mode)), self, f"bad mode {self.mode!r}")
        for name in (self.owner, self.group):
            _check(bool(_NAME.match(name)), self, f"bad name {name!r}")

    @property
    def id(self) -> str:
        """``KIND:PATH``."""
        return f"{self.kind}:{self.path}"


@dataclass(frozen=True, kw_only=True)
class Directory(_Placed):
    """A directory; parents that are missing are made as root's, mode 0755."""

    kind: ClassVar[str] = "directory"
    mode: str = "0755"


@dataclass(frozen=True, kw_only=True)
class File(_Placed):
    """A file with exactly this content.

    ``validate`` is a command run before the content goes live, with ``{path}`` standing for a
    temporary file that holds it; ``check`` is a command run after it went live, on whose failure
    the old content comes back (for ``nginx -t``, which reads the whole tree). ``private`` keeps
    the content out of diffs.
    """

    kind: ClassVar[str] = "file"
    content: str
    validate: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    private: bool = False


@dataclass(frozen=True, kw_only=True)
class ManagedBlock(_Placed):
    """A block of lines between two marker comments inside a file that belongs to somebody else.

    ``marker`` names the block, ``comment`` starts a comment line in that file's syntax. The rest
    of the file, its owner and its mode stay as they are; ``mode`` counts only when it is made.
    """

    kind: ClassVar[str] = "block"
    marker: str
    lines: tuple[str, ...]
    comment: str = "#"
    check: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(bool(_MARKER.match(self.marker)), self, f"bad marker {self.marker!r}")
        for line in self.lines:
            _check(_is_line(line), self, f"a line with a control character: {line!r}")

    @property
    def id(self) -> str:
        """``block:PATH#MARKER``."""
        return f"block:{self.path}#{self.marker}"


@dataclass(frozen=True, kw_only=True)
class Absent(Resource):
    """A file or link that must not exist."""

    kind: ClassVar[str] = "absent"
    path: str

    def __post_init__(self) -> None:
        _check(_is_path(self.path), self, f"bad path {self.path!r}")

    @property
    def id(self) -> str:
        """``absent:PATH``."""
        return f"absent:{self.path}"


@dataclass(frozen=True, kw_only=True)
class Secret(_Placed):
    """A secret in a file that only its service reads; its value is in no plan, event or receipt.

    ``form`` says how it is generated when the file is missing: ``urlsafe`` (``length`` random
    bytes), ``synapse-signing-key`` (one line ``ed25519 a_XXXX BASE64``), or ``provided`` (its
    value comes with the request under ``name``; without one an existing file is kept).
    ``prefix`` is written before the value, ``suffix`` after it (for ini files). Undo keeps it.
    """

    kind: ClassVar[str] = "secret"
    mode: str = "0400"
    name: str
    form: str = "urlsafe"
    length: int = 32
    prefix: str = ""
    suffix: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        known = ("urlsafe", "synapse-signing-key", "provided")
        _check(self.form in known, self, f"bad form {self.form!r}")
        _check(bool(_MARKER.match(self.name)), self, f"bad name {self.name!r}")
        _check(16 <= self.length <= 128, self, "length is 16 to 128 bytes")


@dataclass(frozen=True, kw_only=True)
class Virtualenv(Resource):
    """A Python environment with pinned wheels, switched in whole.

    Each set of ``requirements`` gets a folder of its own below ``path``/versions, is verified
    against the wheels' RECORD, marked complete, then ``path``/current points to it.
    ``pip_conf`` is the text of a pip configuration used for the installation (index, proxies), or
    empty for pip's own defaults.
    """

    kind: ClassVar[str] = "virtualenv"
    path: str
    requirements: tuple[str, ...]
    pip_conf: str = ""

    def __post_init__(self) -> None:
        _check(_is_path(self.path), self, f"bad path {self.path!r}")
        for line in self.requirements:
            pinned = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._\[\],-]*==[A-Za-z0-9.!+]+", line)
            _check(pinned is not None, self, f"not a pinned requirement: {line!r}")

    @property
    def id(self) -> str:
        """``virtualenv:PATH``."""
        return f"virtualenv:{self.path}"


@dataclass(frozen=True, kw_only=True)
class PostgresRole(Resource):
    """A database role that logs in over the unix socket with peer authentication, no password."""

    kind: ClassVar[str] = "pgrole"
    name: str

    def __post_init__(self) -> None:
        _check(bool(_NAME.match(self.name)), self, f"bad name {self.name!r}")

    @property
    def id(self) -> str:
        """``pgrole:NAME``."""
        return f"pgrole:{self.name}"


@dataclass(frozen=True, kw_only=True)
class PostgresDatabase(Resource):
    """A database made from template0; an existing one is never dropped or re-made."""

    kind: ClassVar[str] = "pgdatabase"
    name: str
    owner: str
    encoding: str = "UTF8"
    locale: str = "C"

    def __post_init__(self) -> None:
        for name in (self.name, self.owner):
            _check(bool(_NAME.match(name)), self, f"bad name {name!r}")
        _check(bool(re.fullmatch(r"[A-Za-z0-9_.-]+", self.encoding + self.locale)), self, "locale")

    @property
    def id(self) -> str:
        """``pgdatabase:NAME``."""
        return f"pgdatabase:{self.name}"


@dataclass(frozen=True, kw_only=True)
class Service(Resource):
    """A systemd unit that is enabled and running with its present configuration.

    ``after`` lists ids of resources it reads: when their desired state differs from what the unit
    was last (re)started with, it is restarted (``reload``: reloaded when it is already running).
    ``health_url`` is asked over HTTP from the host itself until it answers below 500, within
    ``health_seconds``; a unit state is no proof of health. ``stage`` tells apart several mentions
    of one unit in a plan.
    """

    kind: ClassVar[str] = "service"
    unit: str
    enabled: bool = True
    running: bool = True
    reload: bool = False
    after: tuple[str, ...] = ()
    health_url: str = ""
    health_host: str = ""
    health_seconds: int = 60
    stage: str = ""

    def __post_init__(self) -> None:
        _check(bool(_UNIT.match(self.unit)), self, f"bad unit {self.unit!r}")
        local = re.fullmatch(r"(https?://(127\.0\.0\.1|localhost)(:\d+)?/[!-~]*)?", self.health_url)
        _check(local is not None, self, f"health is asked on the host itself: {self.health_url!r}")

    @property
    def id(self) -> str:
        """``service:UNIT`` or ``service:UNIT#STAGE``."""
        return f"service:{self.unit}" + (f"#{self.stage}" if self.stage else "")


@dataclass(frozen=True, kw_only=True)
class Timer(Resource):
    """A command that runs by the calendar: writes NAME.service and NAME.timer and enables it.

    ``calendar`` is systemd's OnCalendar, ``delay`` its RandomizedDelaySec in seconds.
    ``sandbox`` holds further lines for the service's [Service] section.
    """

    kind: ClassVar[str] = "timer"
    name: str
    description: str
    command: tuple[str, ...]
    calendar: str
    delay: int = 0
    user: str = "root"
    sandbox: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(bool(_MARKER.match(self.name)), self, f"bad name {self.name!r}")
        _check(bool(self.command) and _is_path(self.command[0]), self, "command needs a full path")
        for text in (self.description, self.calendar, *self.command, *self.sandbox):
            _check(_is_line(text), self, f"a line with a control character: {text!r}")
        _check(bool(_NAME.match(self.user)), self, f"bad user {self.user!r}")

    @property
    def id(self) -> str:
        """``timer:NAME``."""
        return f"timer:{self.name}"


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
            _check(bool(good), self, f"bad domain {name!r}")
        _check(bool(re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,252}", self.name)), self, "bad name")
        _check(bool(self.domains), self, "no domains")
        _check(
            self.directory.startswith("https://") and _is_line(self.directory), self, "directory"
        )
        _check(self.challenge in ("http-01", "dns-01"), self, f"challenge {self.challenge!r}")
        email = re.fullmatch(r"([A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+)?", self.email)
        _check(email is not None and not self.email.startswith("-"), self, f"mail {self.email!r}")
        _check(bool(re.fullmatch(r"[a-z0-9-]*", self.dns_plugin)), self, "bad dns_plugin")

    @property
    def id(self) -> str:
        """``certificate:NAME``."""
        return f"certificate:{self.name}"


@dataclass(frozen=True, kw_only=True)
class Firewall(Resource):
    """An nftables table of our own, loaded at boot by a unit of our own; other tables stay.

    ``content`` is the ruleset text of the table ``table`` (family inet): it must delete and make
    that table only. Going live starts a timer of ``revert_seconds`` that brings the old rules
    back, unless a second session confirms that the host can still be reached.
    """

    kind: ClassVar[str] = "firewall"
    table: str
    content: str
    allow_tcp: tuple[int, ...]
    allow_udp: tuple[int, ...] = ()
    revert_seconds: int = 60

    def __post_init__(self) -> None:
        _check(bool(_NAME.match(self.table)), self, f"bad table {self.table!r}")
        for port in (*self.allow_tcp, *self.allow_udp):
            _check(0 < port < 65536, self, f"bad port {port}")

    @property
    def id(self) -> str:
        """``firewall:TABLE``."""
        return f"firewall:{self.table}"


@dataclass(frozen=True, kw_only=True)
class Command(Resource):
    """A command run when it is needed: ``creates`` is missing, or ``unless`` does not exit 0.

    With neither, it is needed when the desired state of ``after`` differs from its last success.
    Undo removes the files that it ``makes``; nothing else that it did can be taken back.
    """

    kind: ClassVar[str] = "command"
    name: str
    argv: tuple[str, ...]
    unless: tuple[str, ...] = ()
    creates: str = ""
    makes: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    user: str = "root"
    timeout: int = 300

    def __post_init__(self) -> None:
        _check(bool(_MARKER.match(self.name)), self, f"bad name {self.name!r}")
        _check(bool(self.argv), self, "no argv")
        for text in (*self.argv, *self.unless):
            _check("\0" not in text, self, "NUL in an argument")
        _check(bool(self.unless or self.creates or self.after), self, "nothing says when it runs")

    @property
    def id(self) -> str:
        """``command:NAME``."""
        return f"command:{self.name}"


KINDS: dict[str, type[Resource]] = {
    cls.kind: cls
    for cls in (
        PackageMirror,
        Packages,
        User,
        Directory,
        File,
        ManagedBlock,
        Absent,
        Secret,
        Virtualenv,
        PostgresRole,
        PostgresDatabase,
        Service,
        Timer,
        Certificate,
        Firewall,
        Command,
    )
}


def to_json(resource: Resource) -> dict[str, Any]:
    """The resource as a JSON object with its ``kind``."""
    return {"kind": resource.kind, **dataclasses.asdict(resource)}


def from_json(value: Mapping[str, Any]) -> Resource:
    """The resource in a JSON object; :class:`ResourceError` when it is none."""
    data = dict(value)
    cls = KINDS.get(data.pop("kind", ""))
    if cls is None:
        raise ResourceError(f"unknown kind of resource {value.get('kind')!r}")
    try:
        fields: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items()
        }
        return cls(**fields)
    except TypeError as error:
        raise ResourceError(f"{cls.__name__}: {error}") from None
