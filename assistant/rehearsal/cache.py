"""The cache of everything the practice internet is built from.

An entry is a folder named by what it is and a digest of what it was made from, so a changed list
makes a new entry and an old one is never wrong. It is built beside its final place and renamed when
complete: an interrupt never leaves half an entry that looks whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from assistant.rehearsal.errors import RehearsalError

ENVIRONMENT = "MATRIX_ASSISTANT_CACHE"
LOCK_TIMEOUT = 1200.0
"""Seconds to wait for another program that is filling the same cache."""

Report = Callable[[str], None]
"""Takes one line for the person who waits."""


def cache_root() -> Path:
    """The folder of the practice internet's cache (not made yet)."""
    override = os.environ.get(ENVIRONMENT)
    base = Path(override) if override else platformdirs.user_cache_path("matrix-assistant")
    return base.absolute() / "rehearsal"


def digest(*inputs: object) -> str:
    """Twelve hex digits that change when any of the inputs (JSON values) does."""
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@contextmanager
def cache_lock(root: Path, report: Report) -> Iterator[None]:
    """Hold the cache for this program. Raises RehearsalError after LOCK_TIMEOUT seconds."""
    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report("Another program is preparing the practice internet; waiting for it.")
        try:
            lock.acquire(timeout=LOCK_TIMEOUT)
        except Timeout as error:
            raise RehearsalError(
                "Another program has been preparing the practice internet for too long."
            ) from error
    try:
        yield
    finally:
        lock.release()


def ensure(entry: Path, build: Callable[[Path], None]) -> Path:
    """Return `entry`, letting `build` fill a folder for it first when it is not there.

    Call it while holding the cache lock.
    """
    if entry.is_dir():
        return entry
    entry.parent.mkdir(parents=True, exist_ok=True)
    building = entry.with_name(f".building-{entry.name}")
    # Whoever built here before was interrupted: only the holder of the lock builds.
    remove_tree(building)
    building.mkdir()
    try:
        build(building)
    except BaseException:
        remove_tree(building)
        raise
    building.rename(entry)
    return entry


def remove_tree(path: Path) -> None:
    """Remove a folder of ours, whatever its modes; silent when it is not there."""
    shutil.rmtree(path, ignore_errors=True)
