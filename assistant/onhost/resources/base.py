"""What every resource is, and how its fields are checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+\Z")
UNIT = re.compile(r"[A-Za-z0-9:_.@-]{1,200}\.(service|timer|socket|target|path)\Z")
MODE = re.compile(r"0[0-7]{3}\Z")
MARKER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")


class ResourceError(ValueError):
    """A resource that cannot mean what its author intended; the text says which field and why."""


def check(good: bool, resource: object, what: str) -> None:
    """Refuse (:class:`ResourceError`) a resource whose field is not good; ``what`` names it."""
    if not good:
        raise ResourceError(f"{type(resource).__name__}: {what}")


def is_path(text: str) -> bool:
    """Whether it is an absolute path without ``..``, ending in no slash."""
    return (
        text.startswith("/")
        and "\0" not in text
        and "\n" not in text
        and ".." not in text.split("/")
        and (text == "/" or not text.endswith("/"))
    )


def is_line(text: str) -> bool:
    """Whether a text is one line without control characters."""
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
class Placed(Resource):
    """Something at a path with an owner and a mode."""

    path: str
    owner: str = "root"
    group: str = "root"
    mode: str = "0644"

    def __post_init__(self) -> None:
        check(is_path(self.path), self, f"bad path {self.path!r}")
        check(bool(MODE.match(self.mode)), self, f"bad mode {self.mode!r}")
        for name in (self.owner, self.group):
            check(bool(NAME.match(name)), self, f"bad name {name!r}")

    @property
    def id(self) -> str:
        """``KIND:PATH``."""
        return f"{self.kind}:{self.path}"
