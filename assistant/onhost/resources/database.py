"""Roles and databases of PostgreSQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from assistant.onhost.resources.base import (
    NAME,
    Resource,
    check,
)


@dataclass(frozen=True, kw_only=True)
class PostgresRole(Resource):
    """A database role that logs in over the unix socket with peer authentication, no password."""

    kind: ClassVar[str] = "pgrole"
    name: str

    def __post_init__(self) -> None:
        check(bool(NAME.match(self.name)), self, f"bad name {self.name!r}")

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
            check(bool(NAME.match(name)), self, f"bad name {name!r}")
        check(bool(re.fullmatch(r"[A-Za-z0-9_.-]+", self.encoding + self.locale)), self, "locale")

    @property
    def id(self) -> str:
        """``pgdatabase:NAME``."""
        return f"pgdatabase:{self.name}"
