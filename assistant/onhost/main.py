"""The entry of the program on the host: one request in, event lines out."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Callable, Mapping
from typing import Any

from assistant.onhost.contract import HostError
from assistant.onhost.paths import Paths, checked_run
from assistant.onhost.protocol import PROCESS_NAME
from assistant.onhost.said import fields, said
from assistant.onhost.system.event_lines import Emit, Emitter

_FOR_ROOT = ("inspect", "apply", "undo", "stop", "confirm", "follow", "status", "accounts", "link")


def main(
    request: Mapping[str, Any],
    modules: Mapping[str, str],
    *,
    root: str = "",
    emit: Emit | None = None,
    gone: Callable[[], bool] | None = None,
) -> int:
    """Answer a request with events on standard output; the exit code is 0 but for ``error``.

    ``modules`` are the sources of this program, which a run needs to start itself. With ``root``
    everything happens below that folder and within this process.
    """
    emit = emit or Emitter(sys.stdout.buffer)
    if not root:
        with contextlib.suppress(OSError), open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(PROCESS_NAME)
    try:
        _Answer(Paths(root), modules, emit, gone or _stdin_closed).give(request)
    except (BrokenPipeError, KeyboardInterrupt):
        return 1
    except Exception as error:
        return _report(error, emit)
    return 0


def _report(error: Exception, emit: Emit) -> int:
    from assistant.onhost.system.host_errors import as_host_error

    told = as_host_error(error)
    if told.cause == "unknown":
        print(f"matrix-assistant: {type(error).__name__}", file=sys.stderr)  # noqa: T201
    try:
        words = fields("text", told.text)
        emit({"event": "error", "cause": told.cause, **words, "tail": list(told.tail)})
    except BrokenPipeError:
        return 1
    return 1


def _stdin_closed() -> bool:
    """Whether the assistant left: it keeps standard input open for as long as it listens."""
    try:
        ready, _, _ = select.select([0], [], [], 0)
        return bool(ready) and os.read(0, 4096) == b""
    except OSError:
        return True


class _Answer:
    """Answers one request."""

    def __init__(
        self, paths: Paths, modules: Mapping[str, str], emit: Emit, gone: Callable[[], bool]
    ) -> None:
        self._paths = paths
        self._modules = modules
        self._emit = emit
        self._gone = gone

    def give(self, request: Mapping[str, Any]) -> None:
        """Dispatch by mode; HostError for one that is unknown. Imports only what the mode needs."""
        mode = request.get("mode")
        if mode in _FOR_ROOT and not self._paths.root and os.geteuid() != 0:
            raise HostError(
                "permission", said("This needs root: log in as root or as a user with sudo.")
            )
        if mode == "measure":
            from assistant.onhost.probes import batch

            batch.run(request, self._emit, gone=self._gone)
        elif mode == "accounts":
            from assistant.onhost.accounts import actions

            actions.run(request, self._emit)
        elif mode == "link":
            from assistant.onhost import links

            links.run(request, self._emit, self._paths)
        elif mode == "facts":
            from assistant.onhost.system.facts import facts

            self._emit(facts(self._paths))
        elif mode == "inspect":
            self._inspect(request)
        elif mode in ("apply", "undo"):
            self._run(request)
        elif mode in ("follow", "stop", "confirm", "status"):
            self._about_runs(mode, request)
        else:
            raise HostError(
                "unsupported", said("This program does not know the mode {mode}.", mode=repr(mode))
            )

    def _inspect(self, request: Mapping[str, Any]) -> None:
        from assistant.onhost.engine.inspect import inspect, planned_resources
        from assistant.onhost.engine.machine import HostMachine

        machine = HostMachine(self._paths, planned_resources(request))
        inspect(request, machine, self._emit)

    def _about_runs(self, mode: str, request: Mapping[str, Any]) -> None:
        from assistant.onhost.engine import status

        if mode == "stop":
            self._emit(status.ask_to_stop(request, self._paths))
        elif mode == "confirm":
            self._emit(status.confirm(request, self._paths))
        elif mode == "status":
            self._emit(status.status(self._paths))
        else:
            if request.get("run") is None:
                run = status.latest_run(self._paths)
            else:
                run = status.known_run(request, self._paths)
            self._follow(run, int(request.get("after") or 0))

    def _run(self, request: Mapping[str, Any]) -> None:
        from assistant.onhost.engine import apply, run_unit, undo

        run = checked_run(request.get("run"))
        if os.path.exists(self._paths.journal(run)):
            self._follow(run, int(request.get("after") or 0))
            return
        apply.busy(self._paths, self._emit)
        prepare = apply.needs_run if request["mode"] == "apply" else undo.needs_run
        if not prepare(request, self._paths, self._emit):
            return
        apply.prepare(self._paths, run)
        if self._paths.root:
            run_unit.work(request, request.get("secrets") or {}, self._paths)
        else:
            run_unit.launch(request, self._modules, self._paths)
        self._follow(run, 0)

    def _follow(self, run: str, after: int) -> None:
        from assistant.onhost.engine import run_unit
        from assistant.onhost.engine.journal import follow

        root = self._paths.root
        ended = follow(
            self._paths,
            run,
            after,
            self._emit,
            alive=lambda: not root and run_unit.alive(run, self._paths),
            gone=self._gone,
            why_dead=lambda: None if root else run_unit.why_dead(run),
        )
        if ended and not root:
            run_unit.tidy(run)
