"""A host for tests: real files below a folder of the test's own, commands answered by a script."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from assistant.onhost.contract import Completed, HostError
from assistant.onhost.engine.machine import HostMachine
from assistant.onhost.paths import Paths
from assistant.onhost.system.process import failure

Script = Callable[[tuple[str, ...], str], Completed | str | None]
"""From argv and standard input to the answer; None: run the command for real."""


class StandIn(HostMachine):
    """``calls`` lists every command, ``inputs``, ``environments`` and ``users`` go
    with it."""

    def __init__(self, root: Path, script: Script, run: str = "run-1") -> None:
        (root / "etc").mkdir(parents=True, exist_ok=True)
        uid, gid = os.getuid(), os.getgid()
        (root / "etc/passwd").write_text(f"root:x:{uid}:{gid}:root:/root:/bin/sh\n")
        (root / "etc/group").write_text(f"root:x:{gid}:\n")
        paths = Paths(str(root))
        Path(paths.run(run)).mkdir(parents=True, exist_ok=True)
        super().__init__(paths, (), run=run, emit=self._note)
        self.root = root
        self.script = script
        self.calls: list[tuple[str, ...]] = []
        self.inputs: list[str] = []
        self.environments: list[dict[str, str]] = []
        self.users: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.begin(1, "thing:one", "thing", "")

    def _note(self, event: Any) -> None:
        self.events.append(dict(event))

    def run(self, argv: Sequence[str], **options: Any) -> Completed:
        self.calls.append(tuple(argv))
        self.inputs.append(options.get("stdin") or "")
        self.environments.append(dict(options.get("env") or {}))
        self.users.append(options.get("user") or "")
        answer = self.script(tuple(argv), options.get("stdin") or "")
        if answer is None:
            options.pop("user", None)
            return super().run(argv, **options)
        done = Completed(0, answer) if isinstance(answer, str) else answer
        if options.get("check", True) and done.code != 0:
            raise failure(argv, done)
        return done

    def file(self, path: str) -> Path:
        """The real place of a path of the plan."""
        return self.root / path.lstrip("/")

    def put(self, path: str, text: str = "") -> Path:
        """Make a file of the host."""
        place = self.file(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place


def fails(work: Callable[[], object]) -> HostError:
    """The HostError that the work must raise."""
    try:
        work()
    except HostError as error:
        return error
    raise AssertionError("no HostError was raised")
