"""The colours the person chose for the screen, kept from one start to the next."""

from __future__ import annotations

import contextlib
from pathlib import Path

from assistant.common.atomic import write_atomically

_FILE = "theme"
_LONGEST = 64


def kept_theme(folder: Path) -> str:
    """The name of the theme that was chosen last; empty when none was, or it cannot be read."""
    try:
        with (folder / _FILE).open(encoding="utf-8") as file:
            return file.read(_LONGEST).strip()
    except (OSError, ValueError):
        return ""


def keep_theme(folder: Path, name: str) -> None:
    """Keep a choice. A disk that refuses costs the choice at the next start, and no words now."""
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(folder / _FILE, f"{name}\n")
