"""An apply or undo as work of the app: its state is folded whether or not a page looks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from assistant.operations.run_state import HostRun, ended, fold, planned_steps
from screens.base.background_work import Work

if TYPE_CHECKING:
    from assistant.operations.apply import HostPreview
    from assistant.setup.model import Setup

PREVIEW: Final = "preview"
APPLY: Final = "apply"
UNDO: Final = "undo"

_BATCH = 1000
"""Events that may wait until they are folded: far fewer than a Work keeps."""


@dataclass
class RunWork(Work):
    """A run on all hosts. ``runs`` are the states as folded so far.

    A page calls :meth:`catch_up` when it draws. While no page looks, the work folds by itself
    before it drops events, so that a page coming back misses nothing.
    """

    runs: dict[str, HostRun] = field(default_factory=dict)
    _seen: int = 0
    _settled: bool = False

    def report(self, event: Any) -> None:
        """Note an event (:class:`assistant.operations.follow.Progress`)."""
        super().report(event)
        if self.dropped + len(self.events) - self._seen >= _BATCH:
            self.catch_up()

    def catch_up(self) -> Mapping[str, HostRun]:
        """The states with everything that was reported so far."""
        fresh = self.events[max(0, self._seen - self.dropped) :]
        self._seen = self.dropped + len(self.events)
        by_host: dict[str, list[Mapping[str, Any]]] = {}
        for progress in fresh:
            by_host.setdefault(progress.host, []).append(progress.event)
        now = time.monotonic()
        for host, events in by_host.items():
            self.runs[host] = fold(self.runs.get(host, HostRun(host)), events, now)
        if self.state == "done" and not self._settled:
            self._settled = True
            for result in self.result or ():
                before = self.runs.get(result.host, HostRun(result.host))
                self.runs[result.host] = ended(before, result)
        return self.runs

    def stopping(self, host: str) -> None:
        """Note that a host was asked to stop after its present step."""
        if host in self.runs:
            self.runs[host] = replace(self.runs[host], stopping=True)

    @property
    def ok(self) -> bool:
        """Whether it came to a good end on every host."""
        return self.state == "done" and all(result.ok for result in self.result or ())

    @property
    def stopped(self) -> bool:
        """Whether it was stopped, and nothing went wrong."""
        return self.state == "done" and all(r.ok or r.stopped for r in self.result) and not self.ok


def apply_work(setup: Setup, previews: Iterable[HostPreview] = ()) -> RunWork:
    """An apply with the steps that its setup plans; a preview tells which take no time."""
    same = {
        preview.host: {
            str(state.get("id")) for state in preview.states if state.get("action") == "none"
        }
        for preview in previews
    }
    runs = {
        host.name: HostRun(host.name, steps=planned_steps(setup, host, same.get(host.name, ())))
        for host in setup.hosts
    }
    return RunWork(APPLY, setup.name, runs=runs)


def undo_work(setup: Setup, only: str = "") -> RunWork:
    """An undo, everywhere or on the host ``only``; what it takes back it tells itself."""
    names = [host.name for host in setup.hosts if only in ("", host.name)]
    return RunWork(UNDO, setup.name, runs={name: HostRun(name, what="undo") for name in names})
