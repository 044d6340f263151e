"""Captures at one interface, as processes of the lab."""

from __future__ import annotations

from pathlib import Path

from assistant.rehearsal.network.border import own_program
from assistant.rehearsal.network.wires import inside
from assistant.rehearsal.processes.daemon import Daemon


class Sniffer:
    """Writes what passes an interface of a namespace to a file, until it is stopped."""

    def __init__(self, namespace: str, interface: str, path: Path, port: int | None = None) -> None:
        self.path = path
        self._program = Daemon("The capture", path.with_name(f"{path.name}.log"))
        self._ready = path.with_name(f"{path.name}.ready")
        arguments = [str(path), interface, *([str(port)] if port is not None else [])]
        self._argv = inside(namespace, own_program("capture_program", *arguments))

    async def start(self) -> None:
        """Start; from the moment this returns nothing is missed. Raises RehearsalError."""
        self._ready.unlink(missing_ok=True)
        await self._program.start(self._argv)

        async def listens() -> bool:
            return self._ready.exists()

        await self._program.ready(listens)

    async def stop(self) -> None:
        """End it; what arrived until now is in the file."""
        await self._program.stop()
        for left in (self._ready, self._program.log):
            left.unlink(missing_ok=True)
