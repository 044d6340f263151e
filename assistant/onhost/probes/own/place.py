"""Where the sections of the probe look and how they run commands: a fake one in tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from assistant.onhost.contract import Completed
from assistant.onhost.system.process import Call, Identity, execute

MAX_FILE = 1024 * 1024
LONGEST_LINE = 240


@dataclass(frozen=True)
class Place:
    """A host. ``root`` is put before every path, ``execute`` runs a command."""

    root: str = ""
    execute: Callable[[Call], Completed] = field(default=execute)

    def real(self, path: str) -> str:
        """The real path of an absolute one."""
        return self.root + path

    def read(self, path: str) -> bytes | None:
        """A file's content, at most 1 MB of it; None when there is none."""
        try:
            with open(self.real(path), "rb") as file:
                return file.read(MAX_FILE)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        user: str = "",
        env: Mapping[str, str] | None = None,
        timeout: float = 20,
    ) -> Completed:
        """Run a command to its end, as another user if one is named; KeyError for an unknown."""
        identity = _identity(user) if user and os.geteuid() == 0 else None
        return self.execute(Call(tuple(argv), stdin, identity, env, timeout))


def _identity(user: str) -> Identity:
    # Only Linux has it, and the measuring program starts on other systems too.
    import pwd

    row = pwd.getpwnam(user)
    groups = tuple(os.getgrouplist(user, row.pw_gid))
    return Identity(row.pw_uid, row.pw_gid, groups, user, row.pw_dir or "/")


def printable(text: str, most: int = LONGEST_LINE) -> str:
    """One line of what a program said, without control characters."""
    return "".join(c if c.isprintable() else " " for c in text.strip())[:most]
