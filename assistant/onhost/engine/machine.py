"""The real :class:`assistant.onhost.contract.Machine`."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from assistant.onhost.contract import Completed, HostError
from assistant.onhost.engine.journal import new_token
from assistant.onhost.engine.receipts import ReceiptBook, keep_blob, load_blob
from assistant.onhost.engine.state import State
from assistant.onhost.paths import Paths
from assistant.onhost.protocol import MAX_OUTPUT
from assistant.onhost.resources import Resource, to_json
from assistant.onhost.said import Said, fields, said
from assistant.onhost.system import disk, owners
from assistant.onhost.system.event_lines import Emit, clean
from assistant.onhost.system.process import Call, Identity, execute, failure

T = TypeVar("T")

_MOST_OUTPUT = 512 * 1024
"""Most characters of output one resource puts into the journal."""


def _ignore(event: Mapping[str, Any]) -> None:
    del event


class HostMachine:
    """The host: an inspection reads through it, a run also writes through it.

    Without ``run`` nothing can be written. ``emit`` takes the run's events.
    """

    def __init__(
        self,
        paths: Paths,
        resources: Sequence[Resource] = (),
        *,
        secrets: Mapping[str, str] | None = None,
        run: str = "",
        emit: Emit = _ignore,
    ) -> None:
        self.paths = paths
        self.secrets: Mapping[str, str] = secrets or {}
        self.run_id = run
        self.pending: set[str] = set()
        """Ids that will change before later resources are applied: only an inspection fills it."""
        self.stop_requested = False
        self.touched = False
        """Whether the resource being worked on may have changed something."""
        self.resources = tuple(resources)
        self._by_id = {resource.id: resource for resource in resources}
        self._emit = emit
        self._state = State(f"{paths.state}/state.json")
        self._cache: dict[str, Any] = {}
        self._book: ReceiptBook | None = None
        self._current: dict[str, str] = {"id": "", "kind": "", "title": ""}
        self._number = 0
        self._said = 0

    # The resource being worked on, set by the engine

    def begin(self, number: int, resource_id: str, kind: str, title: str) -> None:
        """Receipts and output belong to this resource from now on."""
        self._number = number
        self._current = {"id": resource_id, "kind": kind, "title": title}
        self._said = 0
        self.touched = False

    def forget_cache(self) -> None:
        """Forget what was read."""
        self._cache.clear()

    def forget_cache_after_change(self) -> None:
        """Forget what was read if the resource being worked on may have changed something."""
        if self.touched:
            self.forget_cache()

    def cached(self, key: str, make: Callable[[], T]) -> T:
        """See :class:`Machine`."""
        if key not in self._cache:
            self._cache[key] = make()
        value: T = self._cache[key]
        return value

    def planned(self, kind: str) -> Sequence[Resource]:
        """See :class:`Machine`."""
        return [resource for resource in self.resources if resource.kind == kind]

    # Files and commands

    def path(self, absolute: str) -> str:
        """See :class:`Machine`."""
        return self.paths.real(absolute)

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        user: str = "",
        env: Mapping[str, str] | None = None,
        timeout: float = 300,
        check: bool = True,
        stream: bool = False,
    ) -> Completed:
        """See :class:`Machine`."""
        call = Call(tuple(argv), stdin, self._identity(user), env, timeout)
        done = execute(call, self._output if stream else None)
        if check and done.code != 0:
            raise failure(argv, done)
        return done

    def _identity(self, user: str) -> Identity | None:
        if not user:
            return None
        if user.isdigit():
            spare = int(user)
            return None if spare == os.geteuid() else Identity(spare, spare, (), user, "/")
        row = owners.users(self).get(user)
        if row is None:
            # Made by a command of this very resource, perhaps.
            self.forget_cache()
            row = owners.users(self).get(user)
        if row is None:
            raise HostError("command", said("There is no user {user} on this host.", user=user))
        uid, gid = int(row[2]), int(row[3])
        if uid == os.geteuid():
            return None
        member = [int(r[2]) for r in owners.groups(self).values() if user in r[3].split(",")]
        return Identity(uid, gid, tuple({gid, *member}), user, row[5] or "/")

    def write(
        self,
        path: str,
        data: bytes,
        *,
        owner: str = "root",
        group: str = "root",
        mode: str = "0644",
    ) -> None:
        """See :class:`Machine`."""
        uid, gid = owners.need_ids(self, owner, group)
        real = self.path(path)
        try:
            disk.make_parents(real)
            disk.write_whole(real, data, uid=uid, gid=gid, mode=int(mode, 8))
        except OSError as error:
            raise disk.host_error(error, path) from error

    # What outlives this process

    def remember(self, key: str, value: Any) -> None:
        """See :class:`Machine`."""
        self._state.set({key: value})

    def recall(self, key: str) -> Any:
        """See :class:`Machine`."""
        return self._state.get(key)

    def receipt(self, value: Mapping[str, Any]) -> None:
        """See :class:`Machine`."""
        if self._book is None:
            self._book = ReceiptBook(self.paths, self.run_id)
        self._book.add(self._number, self._current, value)

    def keep_blob(self, data: bytes) -> str:
        """See :class:`Machine`."""
        return keep_blob(self.paths, self.run_id, data)

    def blob(self, name: str) -> bytes:
        """See :class:`Machine`."""
        return load_blob(self.paths, name)

    # Digests of what other resources want

    def desired_digest(self, ids: Sequence[str]) -> str:
        """See :class:`Machine`. Counts repairs too: what was put back also needs a restart."""
        parts: list[Any] = []
        for name in ids:
            resource = self._by_id.get(name)
            desired = to_json(resource) if resource is not None else None
            waiting = name in self.pending
            parts.append([name, desired, self.recall(f"changes:{name}") or 0, waiting])
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()

    def count_change(self, resource_id: str) -> None:
        """Note that a resource others depend on is about to be changed."""
        if any(resource_id in getattr(other, "after", ()) for other in self.resources):
            key = f"changes:{resource_id}"
            self.remember(key, (self.recall(key) or 0) + 1)

    # Talking

    def say(self, text: Said) -> None:
        """See :class:`Machine`."""
        self._emit({"event": "output", "id": self._current["id"], **fields("text", text)})

    def _output(self, text: str) -> None:
        text = clean(text)
        if not text.strip() or self._said > _MOST_OUTPUT:
            return
        self._said += len(text)
        if self._said > _MOST_OUTPUT:
            text = "(no more output is kept)\n"
        for start in range(0, len(text), MAX_OUTPUT):
            part = text[start : start + MAX_OUTPUT].rstrip("\n")
            self._emit({"event": "output", "id": self._current["id"], "text": part})

    def confirm(self, seconds: int) -> bool:
        """See :class:`Machine`."""
        token = new_token()
        path = f"{self.paths.run(self.run_id)}/confirmed"
        self._emit({"event": "confirm", "token": token, "seconds": seconds})
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if disk.read_file(path) == token.encode("ascii"):
                return True
            time.sleep(0.2)
        return False

    def close(self) -> None:
        """Close what is open."""
        if self._book is not None:
            self._book.close()
            self._book = None
