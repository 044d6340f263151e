"""Packages of the system, where they come from, and Python environments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from assistant.onhost.resources.base import (
    MARKER,
    PACKAGE,
    Resource,
    check,
    is_path,
)

_WHEN = r"python_version (==|<=|>=) \"3\.[0-9]+\""
_LOCKED = re.compile(
    rf"[a-z0-9.-]+==[A-Za-z0-9.!+]+( ; {_WHEN}( (and|or) {_WHEN})*)?"
    r"(\s+--hash=sha256:[0-9a-f]{64})+"
)


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
        check(bool(MARKER.match(self.group)), self, f"bad group {self.group!r}")
        for name in self.names:
            check(bool(PACKAGE.match(name)), self, f"bad package name {name!r}")

    @property
    def id(self) -> str:
        """``packages:GROUP``."""
        return f"packages:{self.group}"


@dataclass(frozen=True, kw_only=True)
class Virtualenv(Resource):
    """A Python environment of exactly the wheels in a lock, switched in whole.

    ``lock`` lists every package with its hashes, in pip's format and without options;
    ``requirements`` are those of them that the environment is for. Each lock gets a folder of its
    own below ``path``/versions, is verified against the wheels' RECORD, marked complete, then
    ``path``/current points to it.
    ``pip_conf`` is the text of a pip configuration used for the installation (index, proxies), or
    empty for pip's own defaults.
    """

    kind: ClassVar[str] = "virtualenv"
    path: str
    requirements: tuple[str, ...]
    lock: str
    pip_conf: str = ""

    def __post_init__(self) -> None:
        check(is_path(self.path), self, f"bad path {self.path!r}")
        for line in self.requirements:
            pinned = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._\[\],-]*==[A-Za-z0-9.!+]+", line)
            check(pinned is not None, self, f"not a pinned requirement: {line!r}")
        for line in self.lock.replace(" \\\n", "").splitlines():
            check(_LOCKED.fullmatch(line) is not None, self, f"not a locked wheel: {line!r}")

    @property
    def id(self) -> str:
        """``virtualenv:PATH``."""
        return f"virtualenv:{self.path}"
