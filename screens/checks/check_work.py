"""Checking as work of the app: a run of checks, and waiting until the DNS records are seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from assistant.common.errors import AssistantError
from assistant.findings.model import Finding
from assistant.text import Message
from screens.base.background_work import Work
from screens.services.protocol import Phase, Services, Talk

CHECK = "check"
WAIT = "records"
DNS_CHECKS = frozenset({"dns"})
PAUSE = 10.0
"""Seconds between two looks at the records."""
ROUNDS = 180
"""Looks before waiting ends by itself: half an hour."""

SILENT = frozenset({"dns-servers"})
"""Checks that only measure for others and usually report nothing."""


@dataclass
class CheckWork(Work):
    """A run of checks. ``before`` are the findings when it began, ``wanted`` the checks that run.

    ``baseline`` are the findings to compare with: those of last time.
    While waiting for records, ``rounds`` counts the looks, ``next_at`` is when the next one
    comes (by ``time.monotonic``), and ``trouble`` what went wrong with the last one.
    """

    before: tuple[Finding, ...] = ()
    baseline: tuple[Finding, ...] = ()
    wanted: frozenset[str] = frozenset()
    rounds: int = 0
    next_at: float = 0.0
    trouble: Message | None = None

    def look_again(self) -> None:
        """A new look begins: what was reported so far becomes what was known before."""
        self.before = merged(self.before, tuple(self.events))
        self.events.clear()
        self.rounds += 1
        self.next_at = 0.0

    def rest(self, pause: float) -> None:
        """Note that the next look comes in some seconds."""
        self.next_at = time.monotonic() + pause
        self._news()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is known now: the new findings of checks that reported, else the earlier ones."""
        if self.state == "done" and self.result is not None:
            found: tuple[Finding, ...] = self.result
            return found
        return merged(self.before, tuple(self.events))

    @property
    def pending(self) -> frozenset[str]:
        """The checks that run and have reported nothing yet."""
        if self.state != "running" or (self.name == WAIT and not self.looking):
            return frozenset()
        return self.wanted - {finding.check for finding in self.events} - SILENT

    @property
    def looking(self) -> bool:
        """Whether it measures now, rather than waits for the next look."""
        return self.state == "running" and self.next_at <= time.monotonic()


def merged(before: Sequence[Finding], new: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings with those of checks that reported again replaced by the new ones."""
    again = {finding.check for finding in new}
    return (*(finding for finding in before if finding.check not in again), *new)


def checks_to_run(
    phase: Phase, only: Collection[str] | None, before: Sequence[Finding]
) -> frozenset[str]:
    """Ids of the checks a run will make, those that others build on included."""
    from checks.all_checks import ALL_CHECKS
    from checks.runner import chosen

    return frozenset(check.id for check in chosen(ALL_CHECKS, phase, only, before))


async def wait_for_records(
    services: Services,
    talk: Talk,
    work: CheckWork,
    done: Callable[[Sequence[Finding]], bool],
    phase: Phase,
    *,
    pause: float = PAUSE,
    rounds: int = ROUNDS,
) -> tuple[Finding, ...]:
    """Look at the records again and again until ``done`` says so, or the rounds are used up.

    A look that fails (a line that drops) is noted and the next one tried; only when the last one
    fails is its error raised.
    """
    found = work.before
    for left in range(rounds - 1, -1, -1):
        work.look_again()
        try:
            found = await services.check(
                work.setup, talk, phase=phase, only=DNS_CHECKS, report=work.report
            )
        except AssistantError as error:
            if not left:
                raise
            work.trouble = error.message
        else:
            work.before, work.trouble = found, None
            work.events.clear()
            if done(found):
                break
        if left:
            work.rest(pause)
            await asyncio.sleep(pause)
    return found
