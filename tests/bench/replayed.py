"""An SSH server that gives the answer a real host gave before: a host that costs next to nothing.

One computer that plays fifty hosts is busy with being fifty hosts. With these in their place, what
is left is what the assistant itself adds. ``python -m tests.bench.replayed ADDRESS PORT FOLDER``
serves ``FOLDER/answer`` to whoever has ``FOLDER/user_key``, with ``FOLDER/host_key`` as its own.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh

from assistant.rehearsal.lab import LabHost
from assistant.rehearsal.network.wires import inside
from assistant.setup.model import Login
from tests.support.remote_sshd import new_key

PORT = 2222


@asynccontextmanager
async def replaying(host: LabHost, folder: Path, answer: bytes) -> AsyncIterator[Login]:
    """Serve an answer at a host's address, across whatever lies before it; how to log in there."""
    (folder / "answer").write_bytes(answer)
    new_key(folder / "user_key")
    public = new_key(folder / "host_key")
    argv = [sys.executable, "-m", "tests.bench.replayed", host.ipv4, str(PORT), str(folder)]
    server = await asyncio.create_subprocess_exec(
        *inside(host.name, argv), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        assert await server.stdout.readline() == b"ready\n"
        yield Login(
            address=host.ipv4,
            port=PORT,
            key_file=str(folder / "user_key"),
            use_agent=False,
            host_key=" ".join(public.split()[:2]),
        )
    finally:
        server.terminate()
        await server.wait()


async def serve(address: str, port: int, folder: Path) -> None:
    """Answer until the process is ended."""
    answer = (folder / "answer").read_bytes()

    async def play(process: asyncssh.SSHServerProcess[bytes]) -> None:
        process.stdout.write(b"MA1 ready\n")
        size = int((await process.stdin.readline()).removeprefix(b"MA1 "))
        await process.stdin.readexactly(size)
        process.stdout.write(answer)
        process.exit(0)

    server = await asyncssh.listen(
        address,
        port,
        server_host_keys=[str(folder / "host_key")],
        authorized_client_keys=str(folder / "user_key.pub"),
        process_factory=play,
        encoding=None,
        backlog=100,
    )
    print("ready", flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
