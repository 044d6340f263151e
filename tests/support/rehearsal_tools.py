"""What the tests of the practice internet's wires share: a lab to drive, and a talkative server."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from assistant.rehearsal.make_ready import LAB_MISSING
from assistant.rehearsal.network.devices import Device
from assistant.rehearsal.processes.contain import is_contained

PORT = 5000
SERVER = Path(__file__).with_name("rehearsal_server.py")


def need_containment() -> None:
    """Skip (or fail, where the lab is required) outside the practice internet."""
    if is_contained():
        return
    reason = os.environ.get(LAB_MISSING) or "not inside the practice internet (use `make test`)"
    if os.environ.get("MATRIX_ASSISTANT_LAB_REQUIRED") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@asynccontextmanager
async def serving(device: Device, port: int = PORT, *what: str) -> AsyncIterator[Path]:
    """The server of rehearsal_server.py on a device; yields the file it logs to."""
    log = Path(f"/run/served-{device.name}-{port}")
    log.touch()
    argv = device.command([sys.executable, "-I", str(SERVER), str(port), str(log), *what])
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"ready\n"
        yield log
    finally:
        process.kill()
        await process.wait()
        log.unlink()


async def asked(device: Device, address: str, port: int = PORT, seconds: float = 3) -> str:
    """What the server says to a device that connects: the client's address; "" if it cannot."""
    code = (
        "import socket\n"
        f"with socket.create_connection(({address!r}, {port}), {seconds}) as c:\n"
        "    print(c.recv(100).decode())"
    )
    done = await device.run([sys.executable, "-I", "-c", code], check=False)
    return done.stdout.strip()


async def connected(address: str, port: int = PORT) -> float:
    """Seconds the operator needs for a TCP connection: one round trip."""
    start = time.perf_counter()
    _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), 10)
    took = time.perf_counter() - start
    writer.close()
    return took


@contextmanager
def datagrams() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        yield sender


def numbered(log: Path) -> list[tuple[int, float]]:
    """(number, when it arrived) of the datagrams a server got."""
    record = struct.Struct("!Id")
    return list(record.iter_unpack(log.read_bytes()))
