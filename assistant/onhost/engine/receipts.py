"""Receipts of a run: what undo needs, written down before each change."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.onhost.contract import HostError
from assistant.onhost.paths import Paths, checked_run
from assistant.onhost.said import said
from assistant.onhost.system.disk import Lines, host_error, read_lines, write_whole


@dataclass(frozen=True)
class Receipt:
    """What one resource's change in one run left for undo. ``number`` orders them in the run."""

    run: str
    number: int
    id: str
    kind: str
    title: str
    value: Mapping[str, Any]
    undone: bool


def _path(paths: Paths, run: str) -> str:
    return f"{paths.run(run)}/receipts"


class ReceiptBook:
    """Writes the receipts of one run."""

    def __init__(self, paths: Paths, run: str) -> None:
        self._lines = Lines(_path(paths, run))
        self._path = _path(paths, run)

    def add(self, number: int, resource: Mapping[str, str], value: Mapping[str, Any]) -> None:
        """Add keys to the receipt ``number``, durably; ``resource`` has id, kind and title."""
        self._append({"n": number, **resource, "receipt": dict(value)})

    def mark_undone(self, number: int) -> None:
        """Note, durably, that a receipt was taken back."""
        self._append({"n": number, "undone": True})

    def _append(self, value: Mapping[str, Any]) -> None:
        try:
            self._lines.append(json.dumps(value).encode("ascii") + b"\n", durable=True)
        except OSError as error:
            raise host_error(error, self._path) from error

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


def load_receipts(paths: Paths, run: str) -> list[Receipt]:
    """The receipts of a run in the order of their changes, also those of a cut-off change."""
    found: dict[int, Receipt] = {}
    for line in read_lines(_path(paths, run)):
        number = int(line.get("n", 0))
        before = found.get(number)
        if "receipt" in line:
            value = {**(before.value if before else {}), **line["receipt"]}
            found[number] = Receipt(
                run,
                number,
                str(line.get("id", "")),
                str(line.get("kind", "")),
                str(line.get("title", "")),
                value,
                before.undone if before else False,
            )
        elif before is not None and line.get("undone"):
            found[number] = Receipt(
                run, number, before.id, before.kind, before.title, before.value, True
            )
    return [found[number] for number in sorted(found)]


def keep_blob(paths: Paths, run: str, data: bytes) -> str:
    """Keep bytes in a run's folder; the name begins with the run's id."""
    name = hashlib.sha256(data).hexdigest()[:32]
    path = f"{paths.run(run)}/blobs/{name}"
    try:
        if not os.path.isdir(os.path.dirname(path)):
            os.mkdir(os.path.dirname(path), 0o700)
        if not os.path.exists(path):
            write_whole(path, data, uid=os.geteuid(), gid=os.getegid(), mode=0o600)
    except OSError as error:
        raise host_error(error, path) from error
    return f"{run}/{name}"


def load_blob(paths: Paths, name: str) -> bytes:
    """The bytes kept under a name; HostError when they are gone."""
    run, _, digest = name.partition("/")
    path = f"{paths.run(checked_run(run))}/blobs/{os.path.basename(digest)}"
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise HostError(
            "command", said("The kept copy {name} is no longer on this host.", name=name)
        ) from None
