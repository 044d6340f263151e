"""Files, folders, blocks in files, and what must not be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from assistant.onhost.resources.base import (
    MARKER,
    Placed,
    Resource,
    check,
    is_line,
    is_path,
)


@dataclass(frozen=True, kw_only=True)
class Directory(Placed):
    """A directory; parents that are missing are made as root's, mode 0755."""

    kind: ClassVar[str] = "directory"
    mode: str = "0755"


@dataclass(frozen=True, kw_only=True)
class File(Placed):
    """A file with exactly this content.

    ``validate`` is a command run before the content goes live, with ``{path}`` standing for a
    temporary file that holds it, as ``validate_user`` where one is named; ``check`` is a command
    run after it went live, on whose failure the old content comes back (for ``nginx -t``, which
    reads the whole tree). ``private`` keeps the content out of diffs.
    """

    kind: ClassVar[str] = "file"
    content: str
    validate: tuple[str, ...] = ()
    validate_user: str = ""
    check: tuple[str, ...] = ()
    private: bool = False


@dataclass(frozen=True, kw_only=True)
class ManagedBlock(Placed):
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
        check(bool(MARKER.match(self.marker)), self, f"bad marker {self.marker!r}")
        for line in self.lines:
            check(is_line(line), self, f"a line with a control character: {line!r}")

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
        check(is_path(self.path), self, f"bad path {self.path!r}")

    @property
    def id(self) -> str:
        """``absent:PATH``."""
        return f"absent:{self.path}"


@dataclass(frozen=True, kw_only=True)
class Secret(Placed):
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
        check(self.form in known, self, f"bad form {self.form!r}")
        check(bool(MARKER.match(self.name)), self, f"bad name {self.name!r}")
        check(16 <= self.length <= 128, self, "length is 16 to 128 bytes")
