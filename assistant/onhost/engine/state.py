"""What the host remembers across runs: one JSON file with a backup, durable at every change."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from typing import Any

from assistant.onhost.system.disk import host_error, write_whole


class State:
    """A dictionary of JSON values in a file. Reading never writes; a torn file is replaced by
    its backup, which is one change older.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._backup = path + ".backup"
        self._values: dict[str, Any] | None = None

    def get(self, key: str) -> Any:
        """The value under a key, or None."""
        return self._load().get(key)

    def set(self, changes: Mapping[str, Any]) -> None:
        """Keep values (None forgets a key); on the disk before it returns."""
        values = dict(self._load())
        for key, value in changes.items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        if values == self._values and os.path.lexists(self._path):
            return
        text = json.dumps({"version": 1, "values": values}, sort_keys=True)
        try:
            self._keep_backup()
            write_whole(
                self._path, text.encode("ascii"), uid=os.geteuid(), gid=os.getegid(), mode=0o600
            )
        except OSError as error:
            raise host_error(error, self._path) from error
        self._values = values

    def _keep_backup(self) -> None:
        if _read(self._path) is None:
            return
        spare = self._backup + ".new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(spare)
        os.link(self._path, spare)
        # Durable together with the new file: both are renames within one folder.
        os.replace(spare, self._backup)

    def _load(self) -> dict[str, Any]:
        if self._values is None:
            values = _read(self._path)
            if values is None:
                values = _read(self._backup)
            self._values = values or {}
        return self._values


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            whole = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    values = whole.get("values") if isinstance(whole, dict) else None
    return values if isinstance(values, dict) else None
