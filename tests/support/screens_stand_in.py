"""The outside of the screens, made up: in memory, as slow or broken as a test asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from assistant.canary.model import CanaryEvent, CanaryResult
from assistant.common.errors import AssistantError
from assistant.dns_records.publish import Outcome
from assistant.export.device_files import DeviceFile
from assistant.findings.model import Finding
from assistant.operations.apply import HostPreview
from assistant.operations.follow import HostResult, Progress
from assistant.remote import Wanted
from assistant.setup.history import with_history
from assistant.setup.homeservers import homeserver_on
from assistant.setup.model import HistoryEntry, Host, Setup
from assistant.setup.updates import with_findings
from assistant.text import Message, msg
from assistant.wizard.draft import Draft
from screens.app import AssistantApp
from screens.services.protocol import Phase, Reached, ReachStep, SavedSetup, Talk
from tests.support.quick_loop import run_quickly
from tests.support.screens_runs import (
    APPLY_EVENTS,
    APPLY_RESULTS,
    CANARY_EVENTS,
    CANARY_RESULT,
    PREVIEWS,
    REACH_STEPS,
    RECORDS_SET,
    SUMMARY,
)
from tests.support.screens_values import FINDINGS, KEY, NAME, NOW, SETUP_NAME, error, setup

T = TypeVar("T")


@dataclass
class StandInServices:
    """A made-up outside. Everything below may be changed by a test, before or while it runs.

    By the name of a method: ``results`` replaces what it returns (a callable gets its
    arguments), ``errors`` what it raises, after its events; ``events`` what it reports first,
    ``delays`` how many seconds it waits before that. ``pause`` is the time between two events.
    """

    draft: Draft | None = None
    practice: bool = False
    setups: dict[str, Setup] = field(default_factory=dict)
    damaged: tuple[SavedSetup, ...] = ()
    results: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, BaseException] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    events: dict[str, Sequence[Any]] = field(default_factory=dict)
    pause: float = 0.0
    asks: tuple[Wanted, ...] = ()
    """What trying a server (or a check, a preview, an apply) asks for first; answers are kept."""
    asked: list[str | None] = field(default_factory=list)
    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    _held: dict[str, tuple[int, asyncio.Event]] = field(default_factory=dict)

    def hold(self, method: str, after: int = 0) -> None:
        """Let a method wait after its first events until :meth:`release`."""
        self._held[method] = (after, asyncio.Event())

    def release(self, method: str) -> None:
        """Let a held method go on."""
        self._held.pop(method)[1].set()

    def called(self, method: str) -> list[tuple[Any, ...]]:
        """The arguments of every call of a method."""
        return [args for name, args in self.calls if name == method]

    # -- what is kept --------------------------------------------------------

    def keep_theme(self, name: str) -> None:
        self._now("keep_theme", (name,), None)

    def load_draft(self) -> Draft | None:
        return self._now("load_draft", (), self.draft)

    def save_draft(self, draft: Draft) -> None:
        self._now("save_draft", (draft,), None)
        self.draft = draft

    def drop_draft(self) -> None:
        self._now("drop_draft", (), None)
        self.draft = None

    def list_setups(self) -> tuple[SavedSetup, ...]:
        known = (SavedSetup(name, made) for name, made in sorted(self.setups.items()))
        return self._now("list_setups", (), (*known, *self.damaged))

    def load_setup(self, name: str) -> Setup:
        if name not in self.setups and "load_setup" not in self.results:
            raise AssistantError("setup-missing", msg("There is no setup {name}.", name=name))
        return self._now("load_setup", (name,), self.setups.get(name) or setup())

    def save_setup(self, setup: Setup) -> None:
        self._now("save_setup", (setup,), None)
        self.setups[setup.name] = setup

    # -- the outside ---------------------------------------------------------

    async def reach(self, host: Host, talk: Talk, report: Callable[[ReachStep], None]) -> Reached:
        async def trusted(step: Any) -> None:
            if step == ReachStep("key", "running"):
                for is_jump, login in ((True, host.jump), (False, host.login)):
                    if login is None or login.host_key:
                        continue
                    if not await talk.confirm_key(host, is_jump, KEY):
                        report(ReachStep("key", "failed"))
                        raise error("host-key-not-confirmed")
            elif step == ReachStep("login", "running"):
                await self._ask(talk)

        login = host.login.model_copy(update={"host_key": host.login.host_key or KEY.text})
        jump = host.jump and host.jump.model_copy(
            update={"host_key": host.jump.host_key or KEY.text}
        )
        found = host.model_copy(update={"login": login, "jump": jump, "release": "trixie"})
        return await self._later("reach", (host,), Reached(found), REACH_STEPS, report, trusted)

    async def check(
        self,
        name: str,
        talk: Talk,
        *,
        phase: Phase,
        only: Collection[str] | None,
        report: Callable[[Finding], None],
    ) -> tuple[Finding, ...]:
        await self._ask(talk)
        told = self.events.get("check", FINDINGS)
        fresh = tuple(f for f in told if only is None or f.check in only)
        before = self.setups[name].current_findings if name in self.setups else ()
        keys = {f.key for f in fresh}
        whole = (*(f for f in before if f.key not in keys), *fresh)
        args = (name, phase, only)
        done = await self._later("check", args, whole, fresh, report, told=fresh)
        if name in self.setups:
            self.setups[name] = with_findings(self.setups[name], done, NOW.replace(hour=13))
        return done

    async def preview(
        self, name: str, talk: Talk, resolve: Mapping[str, Mapping[str, str]]
    ) -> tuple[HostPreview, ...]:
        await self._ask(talk)
        return await self._later("preview", (name, resolve), PREVIEWS)

    async def apply(
        self,
        name: str,
        talk: Talk,
        resolve: Mapping[str, Mapping[str, str]],
        report: Callable[[Progress], None],
    ) -> tuple[HostResult, ...]:
        await self._ask(talk)
        args = (name, resolve)
        done = await self._later("apply", args, APPLY_RESULTS, APPLY_EVENTS, report)
        self._note(name, "applied", done)
        return done

    async def stop(self, name: str, host: str, run: str) -> None:
        await self._later("stop", (name, host, run), None)

    async def undo(
        self, name: str, talk: Talk, report: Callable[[Progress], None], only: str = ""
    ) -> tuple[HostResult, ...]:
        await self._ask(talk)
        what = (name, only) if only else (name,)
        done = await self._later("undo", what, APPLY_RESULTS, APPLY_EVENTS, report)
        self._note(name, "undone", done)
        return done

    async def canary(
        self, name: str, talk: Talk, report: Callable[[CanaryEvent], None]
    ) -> CanaryResult:
        await self._ask(talk)
        return await self._later("canary", (name,), CANARY_RESULT, CANARY_EVENTS, report)

    async def admin_password(self, name: str, talk: Talk, host: str = "") -> tuple[str, str]:
        made = (f"@admin:{self._server(name, host)}", "made-up-words-4")
        return await self._later("admin_password", (name, host) if host else (name,), made)

    async def invite(
        self, name: str, talk: Talk, localpart: str, host: str = ""
    ) -> tuple[str, str]:
        made = (f"@{localpart}:{self._server(name, host)}", "other-made-up-words-7")
        asked = (name, localpart, host) if host else (name, localpart)
        return await self._later("invite", asked, made)

    def _server(self, name: str, host: str) -> str:
        return homeserver_on(self.setups[name], host).server_name if host else NAME

    def device_files(self, name: str) -> tuple[DeviceFile, ...]:
        return self._now("device_files", (name,), ())

    def export(self, name: str, audience: Literal["operator", "people"], language: str) -> str:
        return self._now("export", (name, audience, language), SUMMARY)

    def write_file(self, path: str, text: str) -> str:
        full = path.replace("~", "/home/anna", 1)
        made = self._now("write_file", (path, text), full)
        self.files[made] = text
        return made

    def practice_problem(self) -> Message | None:
        return self._now("practice_problem", (), None)

    async def add_records(self, name: str) -> None:
        await self._later("add_records", (name,), None)

    async def set_records(self, name: str, talk: Talk) -> tuple[Outcome, ...]:
        self.asked.append(await talk.provided("records-token", name))
        if self.asked[-1] is None:
            return ()
        return await self._later("set_records", (name,), RECORDS_SET)

    def anything_saved(self) -> bool:
        return self.draft is not None or bool(self.setups or self.damaged)

    # -- how -----------------------------------------------------------------

    async def _ask(self, talk: Talk) -> None:
        for wanted in self.asks:
            self.asked.append(await talk.ask(wanted))

    def _note(self, name: str, what: str, done: Sequence[HostResult]) -> None:
        for one in done if name in self.setups else ():
            entry = HistoryEntry(
                at=NOW.replace(hour=14), what=what, host=one.host, run=one.run, ok=one.ok
            )
            self.setups[name] = with_history(self.setups[name], entry)

    def _now(self, method: str, args: tuple[Any, ...], default: T) -> T:
        self.calls.append((method, args))
        if method in self.errors:
            raise self.errors[method]
        return self._result(method, args, default)

    def _result(self, method: str, args: tuple[Any, ...], default: T) -> T:
        result: Any = self.results.get(method, default)
        made: T = result(*args) if callable(result) else result
        return made

    async def _later(
        self,
        method: str,
        args: tuple[Any, ...],
        default: T,
        events: Sequence[Any] = (),
        report: Callable[[Any], None] | None = None,
        between: Callable[[Any], Awaitable[None]] | None = None,
        *,
        told: Sequence[Any] | None = None,
    ) -> T:
        self.calls.append((method, args))
        await asyncio.sleep(self.delays.get(method, 0))
        for number, event in enumerate(
            told if told is not None else self.events.get(method, events)
        ):
            await self._wait(method, number)
            if report is not None:
                report(event)
            if between is not None:
                await between(event)
            await asyncio.sleep(self.pause)
        await self._wait(method, None)
        if method in self.errors:
            raise self.errors[method]
        return self._result(method, args, default)

    async def _wait(self, method: str, number: int | None) -> None:
        after, until = self._held.get(method, (0, None))
        if until is not None and (number is None or number >= after):
            await until.wait()


def known_services(**more: Any) -> StandInServices:
    """Services that know the setup of the drafts of later steps."""
    return StandInServices(**{"setups": {SETUP_NAME: setup()}, **more})


def run_app(
    services: StandInServices,
    test: Callable[[Any], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
    *,
    language: str = "en",
    start: Draft | None = None,
) -> None:
    """Run the app without a terminal and a test with its pilot, on the page of ``start``."""

    async def go() -> None:
        app = AssistantApp(services, language)
        async with app.run_test(size=size, notifications=True) as pilot:
            if start is not None:
                app.go_to(start)
            await pilot.pause()
            await test(pilot)

    run_quickly(go())


async def until(pilot: Any, true: Callable[[], bool], seconds: float = 15.0) -> None:
    """Let the app work until something is true; fails with the screen's text when it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await pilot.pause()
        if true():
            return
    raise AssertionError("this did not come true on:\n" + screen_text(pilot.app))


def screen_lines(app: Any) -> list[str]:
    """What the screen shows, a string a line, without colours and spaces at the end."""
    from rich.cells import set_cell_size

    width, height = app.size
    lines = []
    for strip in app.screen._compositor.render_strips()[:height]:
        lines.append(set_cell_size(strip.text, width).rstrip())
    return lines


def screen_text(app: Any) -> str:
    """What the screen shows as one text."""
    return "\n".join(screen_lines(app)) + "\n"
