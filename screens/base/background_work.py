"""Long work as a value that pages can watch: what happened so far, and how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from assistant.common.errors import AssistantError

KEEP = 5000
"""Events kept; older ones go, so that memory stays flat however long the work takes."""


@dataclass
class Work:
    """Long work of the app. ``name`` tells what it is: ``check``, ``apply``, ``canary``, …
    ``state`` is ``running``, ``done`` (``result`` is set), ``failed`` (``error`` is set) or
    ``cancelled``. ``events`` are in order; a page that comes later reads them from the start. A
    watcher is called without arguments after each news; watchers should only note that there is
    news and draw on a timer, so that a thousand events a second do not draw a thousand times.
    """

    name: str
    setup: str = ""
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    events: list[Any] = field(default_factory=list)
    dropped: int = 0
    result: Any = None
    error: AssistantError | None = None
    began: float = field(default_factory=time.monotonic)
    _watchers: list[Callable[[], None]] = field(default_factory=list)

    def report(self, event: Any) -> None:
        """Note an event."""
        self.events.append(event)
        if len(self.events) > KEEP:
            # In blocks: cutting one at a time would copy the list for each event.
            cut = KEEP // 5
            del self.events[:cut]
            self.dropped += cut
        self._news()

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Have a function called at news; returns a function that ends that."""
        self._watchers.append(watcher)

        def end() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return end

    async def run(self, job: Callable[[], Awaitable[object]]) -> None:
        """Do the work and note how it ended; a defect is raised for the app to tell."""
        try:
            self.result = await job()
            self.state = "done"
        except AssistantError as error:
            self.error, self.state = error, "failed"
        except asyncio.CancelledError:
            self.state = "cancelled"
            raise
        except Exception:
            self.state = "failed"
            raise
        finally:
            self._news()

    def _news(self) -> None:
        for watcher in tuple(self._watchers):
            watcher()
