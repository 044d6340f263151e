"""What /etc of a host is like, and what an undo may leave different: the table of docs/undo.md."""

from __future__ import annotations

import hashlib
import re
import stat
from fnmatch import fnmatchcase
from pathlib import Path

Manifest = dict[str, str]


def manifest(root: Path) -> Manifest:
    """Everything below /etc: path to kind, mode, owner and content."""
    found = {}
    for path in sorted((root / "etc").rglob("*")):
        info = path.lstat()
        what = stat.filemode(info.st_mode) + f" {info.st_uid}:{info.st_gid}"
        if path.is_symlink():
            what += f" -> {path.readlink()}"
        elif path.is_file():
            what += f" {hashlib.sha256(path.read_bytes()).hexdigest()}"
        found["/" + str(path.relative_to(root))] = what
    return found


def documented(*, wrapped: bool) -> list[str]:
    """The patterns of docs/undo.md; with those for wrapped links only where there are any."""
    text = (Path(__file__).parents[3] / "docs/undo.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| `(/etc[^`]*)` \| (.+) \|$", text)
    patterns = [path for path, why in rows if wrapped or not why.startswith("wrapped links")]
    assert len(patterns) > 5
    return patterns


def undocumented(
    before: Manifest, after: Manifest, *, wrapped: bool = False
) -> dict[str, tuple[str | None, str | None]]:
    """What differs and is not excused."""
    patterns = documented(wrapped=wrapped)
    return {
        name: (before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
        and not any(fnmatchcase(name, pattern) for pattern in patterns)
    }
