"""What can go wrong on a host of the practice internet, done to it on purpose.

Each fault is a function or a context that takes the lab and the name of a host; a context takes
its fault back at the end. Nothing here knows which plan is applied: moments are found in the
journal of the run that the host itself writes.
"""

from __future__ import annotations

import asyncio
import http.server
import json
import re
import shlex
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from assistant.onhost.protocol import STATE_DIR
from assistant.rehearsal.addresses import Address
from assistant.rehearsal.commands import run_async
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.lab import Lab
from assistant.rehearsal.mirror import clearsign, make_signing_key
from assistant.rehearsal.network import ROUTER, inside
from assistant.remote import sources

POLL = 0.004
"""Seconds between two looks at a journal."""

FILLER = "/var/tmp/filler"  # noqa: S108 - on a lab host

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


@dataclass(frozen=True)
class Moment:
    """A resource that began to change: which, in which run, and its number in the plan."""

    run: str
    resource: str
    index: int


class Journals:
    """The journals on a host's disk, read as they grow, from outside the host.

    Runs that were there when it was made are not looked at.
    """

    def __init__(self, lab: Lab, name: str) -> None:
        self._runs = lab.root_of(name) / STATE_DIR.lstrip("/") / "runs"
        self._seen = {path.name for path in self._all()}
        self._offsets: dict[Path, int] = {}

    def _all(self) -> list[Path]:
        return sorted(self._runs.iterdir()) if self._runs.is_dir() else []

    def new(self) -> list[tuple[str, dict[str, Any]]]:
        """Events written since the last look: the run and the event."""
        found: list[tuple[str, dict[str, Any]]] = []
        for folder in self._all():
            if folder.name in self._seen:
                continue
            path = folder / "journal"
            with suppress(FileNotFoundError), path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offsets[path] = self._offsets.get(path, 0) + len(line)
                    with suppress(ValueError):
                        found.append((folder.name, json.loads(line)))
        return found

    async def happened(
        self, kind: str, wanted: Callable[[str], bool] = lambda _: True, *, seconds: float = 300
    ) -> Moment:
        """Wait for an event about a resource whose id is wanted. RehearsalError when none comes.

        Events that name no resource (`confirm`) are of any.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for run, event in self.new():
                if event.get("event") == kind and wanted(str(event.get("id", ""))):
                    return Moment(run, str(event.get("id", "")), int(event.get("index", 0)))
            await asyncio.sleep(POLL)
        raise RehearsalError(
            f"No event {kind} that was waited for came within {seconds:g} seconds."
        )

    async def started(
        self, wanted: Callable[[str], bool] = lambda _: True, *, seconds: float = 300
    ) -> Moment:
        """Wait until a resource whose id is wanted begins to change; as `happened`."""
        return await self.happened("started", wanted, seconds=seconds)


# A brake: the run stops at an exact point, for as long as it takes to pull the plug

_BRAKE = "/var/tmp/lab-brake"  # noqa: S108 - on a lab host
_HALT = f"{_BRAKE}.reached"

_BRAKE_SOURCE = f"""

def _braked():
    import threading
    import time

    state = {{"steps": -1, "name": ""}}
    plain_append, plain_whole = Lines.append, write_whole

    def wanted():
        try:
            with open({_BRAKE!r}) as file:
                value = json.load(file)
            return value["at"], value["step"]
        except (OSError, ValueError):
            return (), 0

    def stand():
        with open({_HALT!r}, "w") as file:
            file.write(state["name"])
        while os.path.exists({_BRAKE!r}):
            time.sleep(0.01)
        state["steps"] = -1

    def step():
        if state["steps"] < 0 or threading.current_thread() is not threading.main_thread():
            return
        if state["steps"] >= wanted()[1]:
            stand()
        else:
            state["steps"] += 1

    def append(self, line, *, durable):
        plain_append(self, line, durable=durable)
        event = json.loads(line)
        if event.get("event") == "started":
            if event.get("id") in wanted()[0]:
                state.update(steps=0, name=event["id"])
        elif event.get("event") in ("changed", "failed") and state["steps"] >= 0:
            stand()
        step()

    def whole(path, data, **how):
        plain_whole(path, data, **how)
        step()

    Lines.append = append
    globals()["write_whole"] = whole


_braked()
"""


@contextmanager
def braked_program() -> Iterator[None]:
    """Meanwhile, hosts get the program with a brake: where a `Brake` says, a run stands still.

    Steps are the moments after which something is on the disk: 0 is the beginning of the resource,
    then each file written whole, each line of a receipt or journal. A resource of fewer steps
    stands at its end.
    """
    plain = sources.sources_for
    name = "assistant.onhost.disk"

    def braked(mode: str) -> Mapping[str, str]:
        found = plain(mode)
        return {**found, name: found[name] + _BRAKE_SOURCE} if name in found else found

    # Set as in a test's patch, so that nothing in the program itself knows of brakes.
    vars(sources)["sources_for"] = braked
    try:
        yield
    finally:
        vars(sources)["sources_for"] = plain


class Brake:
    """Says where the braked program on a host stands still."""

    def __init__(self, lab: Lab, name: str) -> None:
        root = lab.root_of(name)
        self._where, self._reached = root / _BRAKE.lstrip("/"), root / _HALT.lstrip("/")

    def set(self, resources: Collection[str], step: int) -> None:
        """Stand still at a step of the first of these resources (ids) that changes."""
        self._reached.unlink(missing_ok=True)
        self._where.write_text(json.dumps({"at": list(resources), "step": step}))

    def release(self) -> None:
        """Go on."""
        self._where.unlink(missing_ok=True)
        self._reached.unlink(missing_ok=True)

    async def reached(self, *, seconds: float = 300) -> str:
        """Wait until the program stands; the resource it stands at. RehearsalError if never."""
        deadline = time.monotonic() + seconds
        while True:
            with suppress(FileNotFoundError):
                if name := self._reached.read_text():
                    return name
            if time.monotonic() > deadline:
                raise RehearsalError("The run did not come to its brake.")
            await asyncio.sleep(POLL)


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
async def cut_off(lab: Lab, name: str, targets: Collection[str] = ()) -> AsyncIterator[None]:
    """Meanwhile, packets between a host and the targets (addresses; none: everybody) get lost."""
    host = lab.host(name)
    table = f"fault_{name.replace('-', '_')}"
    rules: list[str] = []
    for family, own in (("ip", host.ipv4), ("ip6", host.ipv6)):
        for target in targets or ("",):
            if target and (":" in target) != (family == "ip6"):
                continue
            to = f"{family} daddr {target} " if target else ""
            back = f"{family} saddr {target} " if target else ""
            rules.append(f"{family} saddr {own} {to}drop")
            rules.append(f"{family} daddr {own} {back}drop")
    text = f"table inet {table} {{ chain pass {{ type filter hook forward priority -300;\n"
    text += "\n".join(rules) + "\n} }\n"
    await run_async(inside(ROUTER, ["nft", "-f", "-"]), timeout=20, text=text)
    try:
        yield
    finally:
        await run_async(inside(ROUTER, ["nft", "delete", "table", "inet", table]), timeout=20)


@asynccontextmanager
async def altered_mirror(lab: Lab, alter: Callable[[str, bytes], bytes]) -> AsyncIterator[str]:
    """A copy of the lab's mirror that gives `alter(path, content)`; yields its address (HTTP)."""
    folder = lab.workdir / "mirror"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = (folder / unquote(self.path).lstrip("/")).resolve()
            try:
                content = alter(self.path, path.read_bytes())
            except OSError:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer((lab.facts.operator_ipv4, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{lab.facts.operator_ipv4}:{server.server_address[1]}"
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


@asynccontextmanager
async def mirror_of_another_day(
    lab: Lab, release: str, days: float
) -> AsyncIterator[tuple[str, str]]:
    """A copy of the lab's mirror made in `days` days: to it, a host's clock is that much slow.

    A host cannot be given another time than this machine's; what it compares its clock with can.
    Yields the mirror's address and its public key (armored).
    """
    folder = Path(tempfile.mkdtemp(dir=lab.workdir))
    await asyncio.to_thread(make_signing_key, folder)
    text = (lab.workdir / "mirror/debian/dists" / release / "Release").read_text()
    date = format_datetime(datetime.now(UTC) + timedelta(days=days), usegmt=True)
    (folder / "Release").write_text(re.sub(r"(?m)^Date: .*$", f"Date: {date}", text))
    key, signed = folder / "private.asc", folder / "InRelease"
    await asyncio.to_thread(clearsign, key, folder / "Release", signed)

    def alter(path: str, content: bytes) -> bytes:
        return signed.read_bytes() if path.endswith("/InRelease") else content

    async with altered_mirror(lab, alter) as url:
        yield url, (folder / "public.asc").read_text()


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
