"""One run at a time: a lock that the kernel gives back when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from dataclasses import dataclass

from assistant.onhost.paths import Paths
from assistant.onhost.system.disk import write_all

_TRIES = 6


@dataclass(frozen=True)
class Holder:
    """The run that holds the lock, since when (seconds since 1970)."""

    run: str
    since: float


class BusyError(Exception):
    """Another run holds the lock."""

    def __init__(self, holder: Holder) -> None:
        super().__init__(holder.run)
        self.holder = holder


class Lock:
    """Holds the lock of this host from :meth:`take` until :meth:`release` or death."""

    def __init__(self, paths: Paths) -> None:
        self._path = paths.lock
        self._fd = -1

    def take(self, run: str) -> None:
        """Take the lock for a run; :class:`BusyError` names the holder."""
        # Not inherited by programs the run starts, so a daemon among them cannot keep it.
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        # Whoever asks for the holder takes a shared lock for a moment: try again before giving up.
        for attempt in range(_TRIES):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == _TRIES - 1:
                    told = _told(fd)
                    os.close(fd)
                    raise BusyError(told) from None
                time.sleep(0.1)
        self._fd = fd
        os.ftruncate(fd, 0)
        # A full disk must not stop an undo; the note only names the holder.
        with contextlib.suppress(OSError):
            write_all(fd, json.dumps({"run": run, "since": time.time()}).encode("ascii"))

    def release(self) -> None:
        """Give the lock back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def holder(paths: Paths) -> Holder | None:
    """Who holds the lock now, or None. What a dead holder left in the file does not count."""
    try:
        fd = os.open(paths.lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _told(fd)
    finally:
        os.close(fd)
    return None


def _told(fd: int) -> Holder:
    try:
        value = json.loads(os.pread(fd, 4096, 0))
        return Holder(str(value["run"]), float(value["since"]))
    except (ValueError, KeyError, TypeError):
        return Holder("", 0.0)
