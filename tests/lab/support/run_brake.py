"""Finding the moment for a fault: a run's journal as it grows, and a brake that holds a run still.

The brake is added to the program on its way to a lab host; what real servers get knows of none.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.onhost.protocol import STATE_DIR
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.lab import Lab
from assistant.remote import sources

POLL = 0.004
"""Seconds between two looks."""


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

_BRAKE = "/var/tmp/lab-brake"
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
        while os.path.exists({_BRAKE!r}):
            # Whoever sets the brake anew, while the run stands already, is told again.
            if not os.path.exists({_HALT!r}):
                with open({_HALT!r}, "w") as file:
                    file.write(state["name"])
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
    name = "assistant.onhost.system.disk"

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
