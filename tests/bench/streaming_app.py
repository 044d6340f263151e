"""The app with three made-up hosts that stream events into the apply page; see streaming.py."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import screens.app
from assistant.operations.follow import HostResult, Progress
from assistant.wizard.steps import Step
from screens.app import AssistantApp
from screens.services.protocol import Talk
from tests.support import screens_runs as runs
from tests.support import screens_stand_in as made_up
from tests.support import screens_values as values

HOSTS = ("outside", "outside-2", "outside-3")
RATE = 1000
"""Events a second from each host."""
BURST = 0.01
"""Seconds between two bursts of events: a connection delivers many lines at once."""


class Streaming(made_up.StandInServices):
    """Services whose apply never rests."""

    told = 0

    async def apply(
        self,
        name: str,
        talk: Talk,
        resolve: Mapping[str, Mapping[str, str]],
        report: Callable[[Progress], None],
    ) -> tuple[HostResult, ...]:
        """Stream until the program ends."""
        await asyncio.gather(*(self._stream(host, report) for host in HOSTS))
        return ()

    async def _stream(self, host: str, report: Callable[[Progress], None]) -> None:
        steps = [event.event for event in runs.APPLY_EVENTS if event.event["event"] == "started"]
        report(Progress(host, {"event": "run", "seq": 1, "at": 0.0, "run": host, "total": 9}))
        begun, seq, step = time.monotonic(), 1, steps[0]
        while True:
            # Behind the clock as much as is due, so that a slow screen does not slow the hosts.
            due = int((time.monotonic() - begun) * RATE)
            while seq < due:
                seq += 1
                if seq % 2000 == 2:
                    step = steps[(seq // 2000) % len(steps)]
                    event: dict[str, Any] = dict(step)
                else:
                    text = f"Get:{seq} http://deb.debian.org/debian trixie/main package {seq}\n"
                    event = {"event": "output", "id": step["id"], "text": text}
                report(Progress(host, {**event, "seq": seq, "at": seq / RATE}))
                Streaming.told += 1
            await asyncio.sleep(BURST)


class Bench(AssistantApp):
    """The app on the apply page; it tells at its end how many events it was told."""

    CSS_PATH = str(Path(screens.app.__file__).with_name("style.tcss"))

    def on_mount(self) -> None:
        """Straight to the apply."""
        self.go_to(values.draft(Step.APPLY))


def main() -> None:
    """Run until the keyboard ends it."""
    services = Streaming(setups={values.SETUP_NAME: values.setup()})
    Bench(services, "en").run()
    Path(os.environ["BENCH_TOLD"]).write_text(str(Streaming.told), "utf-8")


if __name__ == "__main__":
    main()
