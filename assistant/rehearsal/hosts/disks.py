"""A host's disk: a writable layer over read-only ones, and snapshots that become such layers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from assistant.rehearsal.cache import remove_tree
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.processes.commands import run_async

TIMEOUT = 60.0
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True)
class DeployedImage:
    """Read-only layers to boot hosts over. Lasts as long as the lab it came from."""

    release: str
    layers: tuple[Path, ...]
    """The topmost first."""


def parse_size(text: str) -> int:
    """Bytes of a size such as "600M". Raises RehearsalError."""
    match = re.fullmatch(r"(\d+)([KMG])", text)
    if not match:
        raise RehearsalError(f"{text!r} is not a size such as 600M.")
    return int(match[1]) * UNITS[match[2]]


class Disk:
    """The file system of one host, merged at `root` while it is mounted."""

    def __init__(self, folder: Path, image: DeployedImage, size: str | None) -> None:
        self._folder = folder
        self.image = image
        self._size = size
        self._generation = 0
        self._parts: list[Path] = []
        self.root = folder / "root"

    @property
    def limited(self) -> bool:
        """Whether the writable layer is a small disk of its own."""
        return self._size is not None

    async def mount(self) -> None:
        """Make an empty writable layer and mount everything at `root`."""
        self._generation += 1
        self.root.mkdir(parents=True, exist_ok=True)
        part = self._folder / f"layer{self._generation}"
        part.mkdir()
        self._parts.append(part)
        if self._size is not None:
            backing = self._backing(part)
            with backing.open("wb") as file:
                file.truncate(parse_size(self._size))
            await run_async(["mkfs.ext4", "-q", "-F", str(backing)], timeout=TIMEOUT)
            await _mount("-o", "loop", str(backing), str(part))
        (part / "upper").mkdir()
        (part / "work").mkdir()
        await self._merge(part)

    async def _merge(self, part: Path) -> None:
        options = f"lowerdir={':'.join(map(str, self.image.layers))}"
        options += f",upperdir={part / 'upper'},workdir={part / 'work'}"
        # A host on a plain folder cannot lose what it did not sync: its page cache is this
        # machine's. So syncing to this machine's disk would only cost time.
        options += "" if self.limited else ",volatile"
        await _mount("-t", "overlay", "-o", options, "overlay", str(self.root))

    async def lose_unwritten(self) -> None:
        """Go back to what had reached the disk: the truth after a power cut. Host must be off."""
        part = self._parts[-1]
        backing = self._backing(part)
        copied = backing.with_suffix(".cut")
        # Copied without a sync: what the host's file system still held in memory is not in it.
        await run_async(["cp", "--sparse=always", str(backing), str(copied)], timeout=TIMEOUT)
        await _umount(self.root)
        await _umount(part)
        copied.rename(backing)
        # e2fsck says 1 when it mended something, which is what it is for.
        await run_async(["e2fsck", "-fy", str(backing)], timeout=TIMEOUT, check=False)
        await _mount("-o", "loop", str(backing), str(part))
        await self._merge(part)

    async def freeze(self) -> DeployedImage:
        """Turn the writable layer into a read-only one and go on with an empty one above it."""
        await _umount(self.root)
        upper = self._parts[-1] / "upper"
        self.image = DeployedImage(self.image.release, (upper, *self.image.layers))
        await self.mount()
        return self.image

    async def remove(self, *, keep_layers: bool) -> None:
        """Unmount, and remove the layers unless images were made of them."""
        await _umount(self.root)
        last = self._parts.pop() if self._parts else None
        if last is not None:
            if self.limited:
                await _umount(last)
                self._backing(last).unlink(missing_ok=True)
            remove_tree(last)
        if not keep_layers:
            for part in self._parts:
                if self.limited:
                    await _umount(part)
                remove_tree(part)

    @staticmethod
    def _backing(part: Path) -> Path:
        return part.with_suffix(".ext4")


async def _mount(*arguments: str) -> None:
    await run_async(["mount", *arguments], timeout=TIMEOUT)


async def _umount(point: Path) -> None:
    # Lazily: a process of a killed host may take a moment to let go.
    await run_async(["umount", "--lazy", str(point)], timeout=TIMEOUT, check=False)
