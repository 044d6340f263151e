"""A note of temporary users, kept on the host so that a crash leaves a trace to clean up by."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assistant.onhost.protocol import STATE_DIR
from assistant.onhost.system.disk import private_folder, write_whole

_MOST_PAST = 2000


class TemporaryUsers:
    """Localparts of temporary users: the living, and those removed (their names stay taken)."""

    def __init__(self, folder: str = STATE_DIR) -> None:
        self._folder = folder
        self._path = f"{folder}/temporary-users.json"

    def living(self) -> tuple[str, ...]:
        """Users that were about to be made and were not seen removed."""
        return tuple(self._read()[0])

    def past(self) -> frozenset[str]:
        """Users that were removed."""
        return frozenset(self._read()[1])

    def add(self, localparts: tuple[str, ...]) -> None:
        """Note users before they are made; on the disk when it returns."""
        with self._locked():
            living, past = self._read()
            self._write([*living, *(name for name in localparts if name not in living)], past)

    def removed(self, localpart: str) -> None:
        """Note that a user has gone; one that was not temporary is passed over."""
        with self._locked():
            living, past = self._read()
            if localpart in living:
                living.remove(localpart)
                self._write(living, [*past, localpart][-_MOST_PAST:])

    def _read(self) -> tuple[list[str], list[str]]:
        try:
            told = json.loads(Path(self._path).read_text("utf-8"))
            return [str(n) for n in told["living"]], [str(n) for n in told["past"]]
        except (OSError, ValueError, KeyError, TypeError):
            return [], []

    def _write(self, living: list[str], past: list[str]) -> None:
        data = json.dumps({"living": living, "past": past}).encode()
        write_whole(self._path, data, uid=os.getuid(), gid=os.getgid(), mode=0o600)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        private_folder(self._folder)
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
