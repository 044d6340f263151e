"""What can go wrong on a host of the practice internet, done to it on purpose.

Each fault is a function or a context that takes the lab and the name of a host; a context takes
its fault back at the end. Nothing here knows which plan is applied: for the moment of a fault see
`tests/lab/support/run_brake.py`; faults of package mirrors are in `faulty_mirror.py`.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from assistant.rehearsal.addresses import Address
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.lab import Lab

FILLER = "/var/tmp/filler"

_LOCK = """\
import fcntl, sys, time
held = [open(path, "a") for path in sys.argv[1:]]
for file in held:
    fcntl.lockf(file, fcntl.LOCK_EX)
time.sleep(86400)
"""
_IS_LOCKED = """\
import fcntl, sys
try:
    fcntl.lockf(open(sys.argv[1], "a"), fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(0)
sys.exit(1)
"""
PACKAGE_LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
)


async def cut_power(lab: Lab, name: str, *, lose_unwritten: bool = False) -> None:
    """Pull the plug and boot again: returns when SSH answers."""
    await lab.power_cut(name, lose_unwritten=lose_unwritten)
    await lab.power_on(name)


# The line


async def drop_sessions(lab: Lab, name: str) -> int:
    """End every SSH session of a host at once, as a broken line does; how many there were.

    Programs that a session started get no signal but the end of their input.
    """
    listed = await lab.exec(name, ["ps", "-eo", "pid=,ppid=,comm=,args="])
    rows = [line.split(None, 3) for line in listed.stdout.splitlines()]
    servers = [row for row in rows if len(row) == 4 and row[2].startswith("sshd")]
    sessions = [row[0] for row in servers if "[listener]" not in row[3]]
    if sessions:
        await lab.exec(name, ["kill", "-KILL", *sessions], check=False)
    return len(sessions)


@asynccontextmanager
async def dropped_sessions(lab: Lab, name: str, every: float) -> AsyncIterator[list[int]]:
    """Meanwhile, end all SSH sessions of a host every so many seconds; yields how many each."""
    counts: list[int] = []

    async def forever() -> None:
        while True:
            await asyncio.sleep(every)
            counts.append(await drop_sessions(lab, name))

    task = asyncio.ensure_future(forever())
    try:
        yield counts
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def slow_service(
    lab: Lab, name: str, known_as: str, target: Address, port: int, delay: float
) -> AsyncIterator[None]:
    """Meanwhile, a host reaches a service only through a relay: `delay` seconds each way.

    `known_as` is the service's host name, `target` where it is; the host gets a line in /etc/hosts.
    """
    hosts = lab.root_of(name) / "etc/hosts"
    before = hosts.read_text()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await asyncio.sleep(delay)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up, down = await asyncio.open_connection(target.ipv4, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pass_on(reader, down), pass_on(up, writer))

    server = await asyncio.start_server(relay, lab.facts.operator_ipv4, port)
    hosts.write_text(f"{before}{lab.facts.operator_ipv4} {known_as}\n")
    try:
        yield
    finally:
        hosts.write_text(before)
        server.close()


@asynccontextmanager
async def silent_service(lab: Lab) -> AsyncIterator[int]:
    """A TCP port of the operator that accepts and then never says a word; yields its number."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, lab.facts.operator_ipv4, 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


# Disk and files


@asynccontextmanager
async def full_disk(lab: Lab, name: str, leave: int = 0) -> AsyncIterator[None]:
    """Meanwhile, the disk of a host (booted with a `disk`) has only `leave` megabytes left.

    Nothing is left for root either.
    """
    await fill_disk(lab, name, leave)
    try:
        yield
    finally:
        await free_disk(lab, name)


async def fill_disk(lab: Lab, name: str, leave: int = 0) -> None:
    """Fill a host's disk up to `leave` megabytes."""
    told = await lab.exec(name, ["stat", "-f", "-c", "%f %S", "/var"])
    blocks, size = map(int, told.stdout.split())
    spare = blocks * size - leave * 2**20
    await lab.exec(name, ["fallocate", "-l", str(max(spare, 1)), FILLER], check=False)
    if leave == 0:
        # What fallocate could not take as one piece.
        fill = f"cat /dev/zero >{FILLER}-rest; true"
        await lab.exec(name, ["sh", "-c", fill], check=False)


async def free_disk(lab: Lab, name: str) -> None:
    """Take back what `fill_disk` did."""
    await lab.exec(name, ["rm", "-f", FILLER, f"{FILLER}-rest"])


@asynccontextmanager
async def read_only(lab: Lab, name: str, folder: str) -> AsyncIterator[None]:
    """Meanwhile, a folder of a host is a file system mounted read-only."""
    await lab.exec(name, ["mount", "--bind", folder, folder])
    await lab.exec(name, ["mount", "-o", "remount,bind,ro", folder])
    try:
        yield
    finally:
        await lab.exec(name, ["umount", "--lazy", folder])


# Programs that are in the way


@asynccontextmanager
async def running(
    lab: Lab, name: str, argv: Sequence[str], unit: str = "lab-fault"
) -> AsyncIterator[None]:
    """Meanwhile, a program runs on a host, as a service that somebody else set up."""
    await lab.exec(name, ["systemd-run", "--quiet", f"--unit={unit}", "--", *argv])
    try:
        yield
    finally:
        await lab.exec(name, ["systemctl", "stop", unit], check=False)
        await lab.exec(name, ["systemctl", "reset-failed", unit], check=False)


@asynccontextmanager
async def packages_locked(lab: Lab, name: str) -> AsyncIterator[None]:
    """Meanwhile, another program holds apt's and dpkg's locks."""
    program = ["/usr/bin/python3", "-c", _LOCK, *PACKAGE_LOCKS]
    async with running(lab, name, program, "lab-packages"):
        await _until(lab, name, ["/usr/bin/python3", "-c", _IS_LOCKED, PACKAGE_LOCKS[-1]])
        yield


@asynccontextmanager
async def port_taken(lab: Lab, name: str, port: int) -> AsyncIterator[None]:
    """Meanwhile, another server of the host answers on a TCP port, of both families."""
    serve = "import http.server, socket\n"
    serve += "class Six(http.server.ThreadingHTTPServer):\n"
    serve += "    address_family = socket.AF_INET6\n"
    serve += f"Six(('::', {port}), http.server.SimpleHTTPRequestHandler).serve_forever()\n"
    async with running(lab, name, ["/usr/bin/python3", "-c", serve], f"lab-port-{port}"):
        await _until(lab, name, ["sh", "-c", f"ss -Hltn sport = :{port} | grep -q ."])
        yield


async def _until(lab: Lab, name: str, argv: Sequence[str], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while (await lab.exec(name, argv, check=False)).returncode != 0:
        if time.monotonic() > deadline:
            raise RehearsalError(f"{shlex.join(argv)} did not come true on {name}.")
        await asyncio.sleep(0.1)
