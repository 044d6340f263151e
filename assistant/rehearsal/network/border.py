"""The border as the lab drives it: what it does to packets, and captures of what crosses."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.network.wires import (
    INBOUND_DEVICE,
    OUTBOUND_DEVICE,
    ROUTER,
    Network,
    inside,
)
from assistant.rehearsal.processes.daemon import Daemon

START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from assistant.rehearsal.network.{module} import main; sys.exit(main(sys.argv[2:]))"
)
# Short, unlike the lab's folder: the name of a Unix socket may have 107 bytes.
SOCKET = Path("/run/border.socket")
ORDER_TIMEOUT = 10.0


def own_program(module: str, *arguments: str) -> list[str]:
    """A standard-library program of this package, to be run in a namespace."""
    code = START.format(module=module)
    return [sys.executable, "-I", "-S", "-c", code, str(Path(__file__).parents[3]), *arguments]


def _remove_socket() -> None:
    SOCKET.unlink(missing_ok=True)


@dataclass(frozen=True)
class Border:
    """What the line across the border is like."""

    rtt_ms: float = 0
    """Both ways together."""
    jitter_ms: float = 0
    """A packet's delay in each direction varies by half of this in either sense."""
    loss_percent: float = 0
    """Of the packets, in each direction."""

    def __post_init__(self) -> None:
        if self.rtt_ms < 0 or self.jitter_ms < 0 or not 0 <= self.loss_percent <= 100:
            raise RehearsalError(f"There is no such border: {self}.")

    def filters(self) -> list[dict[str, Any]]:
        """The filters that make it so, as `filters.build` reads them."""
        wanted: list[dict[str, Any]] = []
        if self.loss_percent:
            wanted.append({"kind": "loss", "percent": self.loss_percent})
        if self.rtt_ms or self.jitter_ms:
            wanted.append({"kind": "delay", "rtt_ms": self.rtt_ms, "jitter_ms": self.jitter_ms})
        return wanted


@dataclass(frozen=True)
class Crossed:
    """Packets of one direction since the start."""

    crossed: int
    dropped: int


class RunningBorder:
    """The border of a running lab."""

    def __init__(self, log: Path) -> None:
        self._program = Daemon("The border", log)
        self._lock = asyncio.Lock()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def start(self, network: Network, border: Border) -> None:
        """Put it between the sides. Raises RehearsalError."""
        _remove_socket()
        program = own_program("border_program", str(SOCKET), OUTBOUND_DEVICE, INBOUND_DEVICE)
        await self._program.start(inside(ROUTER, program))

        async def listens() -> bool:
            self._reader, self._writer = await asyncio.open_unix_connection(SOCKET)
            return True

        await self._program.ready(listens)
        await network.divide()
        await self.change(border)

    async def stop(self) -> None:
        """End it; nothing crosses any more."""
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()
        await self._program.stop()
        _remove_socket()

    @property
    def pid(self) -> int:
        """The border program's process id. Raises RehearsalError when it has ended."""
        return self._program.pid

    async def change(self, border: Border) -> None:
        """Make the line another one; packets already on their way keep their time."""
        await self.order({"do": "filters", "filters": border.filters()})

    @asynccontextmanager
    async def capture(self, path: Path) -> AsyncIterator[Path]:
        """Everything that reaches the border meanwhile (lost packets too), as a pcap file."""
        await self.order({"do": "capture", "path": str(path)})
        try:
            yield path
        finally:
            await self.order({"do": "release", "path": str(path)})

    async def count(self) -> tuple[Crossed, Crossed]:
        """What crossed and what was dropped since the start: outbound, inbound."""
        answer = await self.order({"do": "count"})
        return Crossed(**answer["outbound"]), Crossed(**answer["inbound"])

    async def order(self, order: dict[str, Any]) -> dict[str, Any]:
        """Have the border program carry an order out. Raises RehearsalError."""
        _ = self.pid  # Says so, with its log, when the program has ended.
        if self._reader is None or self._writer is None:
            raise RehearsalError("The border was not started.")
        async with self._lock, asyncio.timeout(ORDER_TIMEOUT):
            self._writer.write(json.dumps(order).encode() + b"\n")
            await self._writer.drain()
            answer: dict[str, Any] = json.loads(await self._reader.readline() or "{}")
        if "error" in answer:
            raise RehearsalError(f"The border refused an order: {answer['error']}.")
        return answer
