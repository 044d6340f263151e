"""Asks beforehand whether the disk has room, because a full one leaves things half done."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from assistant.onhost.contract import HostError, Machine
from assistant.onhost.said import Said, said

MEGABYTE = 1000 * 1000


def require(machine: Machine, needs: Sequence[tuple[str, int]], what: Said) -> None:
    """Raise a ``disk-full`` :class:`HostError` unless there is twice the planned space.

    ``needs`` are pairs of an absolute path and the bytes that will be written below it; paths on
    one file system are added up. Twice, because unpacking needs the old and the new at once.
    """
    planned: dict[int, tuple[str, str, int]] = {}
    for absolute, size in needs:
        real = _existing(machine.path(absolute))
        device = os.stat(real).st_dev
        first, place, sum_so_far = planned.get(device, (absolute, real, 0))
        planned[device] = (first, place, sum_so_far + size)
    for absolute, real, size in planned.values():
        free = shutil.disk_usage(real).free
        if free < 2 * size:
            raise HostError(
                "disk-full",
                said(
                    "{what} needs {needed} MB free below {path}, but there are only {free} MB. "
                    "Free some space or enlarge the disk, then try again.",
                    what=what,
                    needed=_megabytes(2 * size),
                    path=absolute,
                    free=_megabytes(free),
                ),
            )


def _existing(path: str) -> str:
    """The path itself or its nearest parent that exists."""
    here = Path(path)
    while not here.exists() and here != here.parent:
        here = here.parent
    return str(here)


def _megabytes(size: int) -> int:
    return round(size / MEGABYTE)
