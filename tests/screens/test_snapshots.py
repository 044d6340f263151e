"""Every page as text, in both languages and two sizes, beside what it looked like before.

``UPDATE_SNAPSHOTS=1 pytest tests/screens/test_snapshots.py`` writes them anew; read the difference
before keeping it. Within a run the language is switched and switched back, so that a page that
keeps words of the other language, or loses its place, does not fit its picture either.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from assistant.answers import Answers
from assistant.operations.apply import HostPreview
from assistant.setup.history import with_history
from assistant.setup.model import HistoryEntry, Setup
from assistant.setup.updates import with_findings
from assistant.text import msg
from assistant.wizard.draft import Draft
from assistant.wizard.steps import Step
from screens.services.protocol import SavedSetup
from tests.support.quick_loop import pass_time
from tests.support.screens_runs import (
    APPLY_FAILED,
    APPLY_FAILED_EVENTS,
    CANARY_FAILED,
    CANARY_FAILED_EVENTS,
    CANARY_TWO,
    PREVIEWS_CONFLICT,
    PREVIEWS_NOTHING,
    STATES,
)
from tests.support.screens_stand_in import StandInServices, known_services, run_app, screen_text
from tests.support.screens_values import (
    FINDINGS,
    GOOD_FINDINGS,
    KEY,
    NOW,
    OPTION_FINDINGS,
    SETUP_NAME,
    WANTED,
    applied_setup,
    draft,
    error,
    host,
    option_draft,
    option_setup,
    setup,
    typed_host,
)

FOLDER = Path(__file__).with_name("snapshots")
SIZES = ((80, 24), (120, 40))
LANGUAGES = ("en", "zh")
UPDATE = os.environ.get("UPDATE_SNAPSHOTS") == "1"

Act = Callable[[Any], Awaitable[None]]


async def _nothing(pilot: Any) -> None:
    del pilot


@dataclass(frozen=True)
class Case:
    """A page to look at: the outside it has, the draft it starts with, what is done on it."""

    name: str
    services: Callable[[], StandInServices] = known_services
    start: Callable[[], Draft] | None = None
    act: Act = field(default=_nothing)


def keys(*pressed: str) -> Act:
    """Presses keys, with a moment for the page after each."""

    async def act(pilot: Any) -> None:
        for key in pressed:
            await pilot.press(key)
            await settled(pilot)

    return act


def known() -> StandInServices:
    """Setups of all kinds, and unfinished work."""
    days_ago = datetime.now(UTC) - timedelta(days=3, hours=1)
    well = with_findings(applied_setup(), GOOD_FINDINGS, days_ago)
    ill = with_findings(
        applied_setup(name="company", server_name="im.example.net"), FINDINGS, days_ago
    )
    new = setup(name="new", server_name="new.example.org")
    broken = SavedSetup("old", None, msg("The file {path} is damaged.", path="old.json"))
    return StandInServices(
        setups={SETUP_NAME: well, "company": ill, "new": new},
        damaged=(broken,),
        draft=draft(Step.SERVERS, server_name="other.example.org"),
    )


def held(method: str, after: int, **more: Any) -> Callable[[], StandInServices]:
    """Services of which one method stops in the middle."""

    def make() -> StandInServices:
        services = known_services(**more)
        services.hold(method, after)
        return services

    return make


def diagnosed() -> StandInServices:
    return StandInServices(setups={SETUP_NAME: applied_setup(FINDINGS)})


async def show_key(pilot: Any) -> None:
    from screens.servers.secret_dialogs import KeyDialog

    pilot.app.push_screen(KeyDialog(host(), False, KEY))


async def show_secret(pilot: Any) -> None:
    from screens.servers.secret_dialogs import SecretDialog

    pilot.app.push_screen(SecretDialog.for_login(WANTED))


async def show_diagnosis(pilot: Any) -> None:
    pilot.app.diagnose(SETUP_NAME)


def changeable() -> Setup:
    """A service with a line at home that runs, with all that can be changed of it."""
    made = option_setup(4, spare_names=("im.example.net",))
    for one in made.hosts:
        made = with_history(made, HistoryEntry(at=NOW, what="applied", host=one.name))
    return made


def running() -> StandInServices:
    return StandInServices(setups={SETUP_NAME: changeable()})


def changing(down: int, *pressed: str) -> Act:
    """Opens the page of changes and presses keys on one of its lines."""

    async def act(pilot: Any) -> None:
        pilot.app.change(changeable())
        await settled(pilot)
        await keys(*["down"] * down, *pressed)(pilot)

    return act


async def open_server(pilot: Any) -> None:
    await pilot.press("ctrl+down")


def at(step: Step, **more: Any) -> Callable[[], Draft]:
    return lambda: draft(step, **more)


def unsettled(option: Literal[2, 3, 4], **more: Any) -> Draft:
    return option_draft(Step.SERVERS, option, **{"settled": (), **more})


def of_option(option: Literal[2, 3, 4]) -> StandInServices:
    """Services of a setup with two or three servers, each of which has something to do."""
    made = option_setup(option)
    previews = tuple(HostPreview(host.name, 53, STATES) for host in made.hosts)
    return StandInServices(
        setups={SETUP_NAME: made},
        results={"preview": previews, "canary": CANARY_TWO},
        events={"check": OPTION_FINDINGS},
    )


HALF = Answers.model_validate(
    {"people": "mostly_inside", "mainland_server": "yes", "operator": "company"}
)
NAMED: dict[str, Any] = {"server_name": "chat.example.org", "server_name_confirmed": True}

CASES = (
    Case("home-first", StandInServices),
    Case("home-known", known),
    Case("home-practice", lambda: StandInServices(practice=True, draft=Draft(practice=True))),
    Case("home-give-up", known, act=keys("n")),
    Case("question-first", StandInServices, Draft),
    Case("question-filing", StandInServices, at(Step.QUESTIONS, answers=HALF, question="filing")),
    Case("question-phones", StandInServices, at(Step.QUESTIONS, answers=HALF, question="phones")),
    Case(
        "question-answers", StandInServices, at(Step.QUESTIONS, answers=HALF, question="filing"),
        keys("a"),
    ),
    Case("advice", StandInServices, at(Step.ADVICE)),
    Case("advice-other", StandInServices, at(Step.ADVICE), keys("4")),
    Case("servers-name", StandInServices, at(Step.SERVERS)),
    Case("servers-server", StandInServices, at(Step.SERVERS, **NAMED)),
    Case(
        "servers-reached", StandInServices,
        at(Step.SERVERS, **NAMED, hosts={"outside": typed_host()}),
    ),
    Case(
        "servers-failed", lambda: StandInServices(errors={"reach": error()}),
        at(Step.SERVERS, **NAMED, hosts={"outside": typed_host(reached=False)}),
        keys("f5"),
    ),
    Case("servers-other-name", StandInServices, lambda: option_draft(
        Step.SERVERS, 4, outside_name_confirmed=False)),
    Case("servers-home", StandInServices, lambda: unsettled(4, hosts={})),
    Case("servers-port", StandInServices, lambda: unsettled(4)),
    Case("servers-dns", StandInServices, lambda: unsettled(4, settled=("port", "links"))),
    Case("servers-links", StandInServices, lambda: unsettled(4, settled=("port", "dns"))),
    Case("servers-devices", StandInServices, lambda: unsettled(3)),
    Case("servers-filing", StandInServices, lambda: unsettled(2)),
    Case("checks-option-3", lambda: of_option(3), lambda: option_draft(Step.CHECKS, 3)),
    Case("checks-company", known_services, at(Step.CHECKS), keys("p")),
    Case("review-option-4", lambda: of_option(4), lambda: option_draft(Step.REVIEW, 4)),
    Case("finish-two-servers", lambda: of_option(2), lambda: option_draft(Step.FINISH, 2)),
    Case("checks-running", held("check", 4), at(Step.CHECKS)),
    Case("checks-done", known_services, at(Step.CHECKS)),
    Case(
        "checks-good", lambda: known_services(events={"check": GOOD_FINDINGS}), at(Step.CHECKS)
    ),
    Case("review", known_services, at(Step.REVIEW)),
    Case(
        "review-conflict", lambda: known_services(results={"preview": PREVIEWS_CONFLICT}),
        at(Step.REVIEW),
    ),
    Case(
        "review-nothing", lambda: known_services(results={"preview": PREVIEWS_NOTHING}),
        at(Step.REVIEW),
    ),
    Case("review-failed", lambda: known_services(errors={"preview": error()}), at(Step.REVIEW)),
    Case("apply-running", held("apply", 12), at(Step.APPLY)),
    Case("apply-log", held("apply", 12), at(Step.APPLY), keys("l")),
    Case("apply-done", known_services, at(Step.APPLY)),
    Case(
        "apply-failed",
        lambda: known_services(
            events={"apply": APPLY_FAILED_EVENTS}, results={"apply": APPLY_FAILED}
        ),
        at(Step.APPLY),
    ),
    Case("apply-stop", held("apply", 12), at(Step.APPLY), keys("s")),
    Case("finish-talking", held("canary", 7), at(Step.FINISH)),
    Case("finish-proven", known_services, at(Step.FINISH)),
    Case(
        "finish-failed",
        lambda: known_services(
            events={"canary": CANARY_FAILED_EVENTS}, results={"canary": CANARY_FAILED}
        ),
        at(Step.FINISH),
    ),
    Case("finish-people", known_services, at(Step.FINISH), keys("2")),
    Case("finish-summary", known_services, at(Step.FINISH), keys("3")),
    Case("diagnosis", diagnosed, act=show_diagnosis),
    Case("changes", running, act=changing(0)),
    Case("changes-name", running, act=changing(0, "enter", *"im.example.org")),
    Case("changes-todo", running, act=changing(6, "enter", "backspace", "9", "enter")),
    Case("changes-link", running, act=changing(8, "enter", "right")),
    Case("changes-option", running, act=changing(11, "enter")),
    Case("key", known_services, at(Step.SERVERS), show_key),
    Case("secret", known_services, at(Step.SERVERS), show_secret),
    Case("help", known_services, at(Step.CHECKS), keys("question_mark")),
    Case("palette", StandInServices, act=keys("ctrl+p")),
)  # fmt: skip


async def settled(pilot: Any) -> str:
    """The screen once it does not change any more."""
    shown = ""
    for _ in range(60):
        await pass_time(0.15)
        await pilot.pause()
        before, shown = shown, screen_text(pilot.app)
        if shown == before:
            return shown
    raise AssertionError("the page never comes to rest:\n" + shown)


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that show the time that has passed see none pass."""
    clock = SimpleNamespace(monotonic=lambda: 1000.0)
    for name in (
        "apply.apply", "apply.run_work", "servers.servers", "servers.reach_panel",
        "checks.check_work", "base.background_work",
    ):  # fmt: skip
        monkeypatch.setattr(f"screens.{name}.time", clock, raising=True)
    later = NOW + timedelta(days=3)
    monkeypatch.setattr("screens.checks.findings_page.FindingsPage.now", lambda _: later)


def path_of(case: Case, language: str, size: tuple[int, int]) -> Path:
    return FOLDER / f"{case.name}.{language}.{size[0]}x{size[1]}.txt"


def compare(path: Path, shown: str) -> str:
    """How a screen differs from its picture; nothing when it does not."""
    if UPDATE:
        path.write_text(shown, "utf-8")
        return ""
    if not path.exists():
        return f"{path.name}: there is no picture of it yet:\n{shown}"
    before = path.read_text("utf-8")
    if before == shown:
        return ""
    lines = difflib.unified_diff(
        before.splitlines(), shown.splitlines(), path.name, "now", lineterm=""
    )
    return "\n".join(lines)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_page_looks_as_it_did(
    case: Case, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textual.constants.TEXTUAL_ANIMATIONS", "none")
    wrong: list[str] = []

    async def look(pilot: Any) -> None:
        await settled(pilot)
        await case.act(pilot)
        first = await settled(pilot)
        wrong.append(compare(path_of(case, "en", size), first))
        pilot.app.language = "zh"
        wrong.append(compare(path_of(case, "zh", size), await settled(pilot)))
        pilot.app.language = "en"
        if await settled(pilot) != first:
            wrong.append("switching the language and back changes the page")

    run_app(case.services(), look, size, start=case.start() if case.start else None)
    found = [text for text in wrong if text]
    if found:
        pytest.fail("\n\n".join(found), pytrace=False)


def test_every_picture_is_of_a_page() -> None:
    known_names = {
        path_of(case, language, size).name
        for case in CASES
        for language in LANGUAGES
        for size in SIZES
    }
    assert {path.name for path in FOLDER.iterdir()} == known_names


def test_no_page_is_wider_than_its_terminal() -> None:
    from rich.cells import cell_len

    for path in FOLDER.iterdir():
        width, height = map(int, path.name.split(".")[-2].split("x"))
        lines = path.read_text("utf-8").splitlines()
        assert len(lines) == height, path.name
        assert max(map(cell_len, lines)) <= width, path.name
