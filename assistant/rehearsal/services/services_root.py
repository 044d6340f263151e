"""Where the lab's own servers live: one namespace, and a root folder that holds their programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assistant.rehearsal.addresses import SERVICES, SERVICES_SUBNET
from assistant.rehearsal.build.prepare import Prepared
from assistant.rehearsal.network.wires import Network, Wire, inside
from assistant.rehearsal.processes.commands import Completed, run_async

NAMESPACE = "services"
TIMEOUT = 20.0


class ServicesRoot:
    """The servers' root folder. Inside it /lab is `folder`: configurations, states and logs."""

    def __init__(self, prepared: Prepared, workdir: Path) -> None:
        self._prepared = prepared
        self._wire: Wire | None = None
        self._root = workdir / "services" / "root"
        self.folder = workdir / "services" / "lab"

    async def start(self, network: Network) -> None:
        """Mount the root and attach the namespace."""
        self._wire = await network.attach(NAMESPACE, SERVICES_SUBNET, SERVICES)
        self._root.mkdir(parents=True)
        self.folder.mkdir()
        # Read-only: the mount points have to be there already.
        points = self._root.parent / "points"
        (points / "lab").mkdir(parents=True)
        layers = (points, self._prepared.services_layer, self._prepared.services_image)
        lower = ":".join(str(layer) for layer in layers)
        await self._mount("-t", "overlay", "-o", f"ro,lowerdir={lower}", "overlay", str(self._root))
        await self._mount("--bind", str(self.folder), str(self._root / "lab"))
        await self._mount("--bind", "/dev", str(self._root / "dev"))
        for scratch in ("run", "tmp"):
            await self._mount("-t", "tmpfs", "tmpfs", str(self._root / scratch))

    def command(self, *argv: str, where: str = NAMESPACE) -> list[str]:
        """`argv` to be run in the root, and in the network of the servers or of a machine."""
        return inside(where, ["chroot", str(self._root), *argv])

    def log(self, name: str) -> Path:
        """The log file of one server."""
        return self._root.parent / f"{name}.log"

    async def run(self, argv: Sequence[str]) -> Completed:
        """Run a program of the servers' root to its end. Raises RehearsalError."""
        return await run_async(self.command(*argv), timeout=TIMEOUT)

    async def stop(self) -> None:
        """Unmount the root and take the namespace down."""
        if self._wire is None:
            return
        for point in ("tmp", "run", "dev", "lab", "."):
            await run_async(
                ["umount", "--lazy", str(self._root / point)], timeout=TIMEOUT, check=False
            )
        await self._wire.detach()
        self._wire = None

    async def _mount(self, *arguments: str) -> None:
        await run_async(["mount", *arguments], timeout=TIMEOUT)
