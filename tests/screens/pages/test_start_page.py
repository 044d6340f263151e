"""The start page: what it shows and does with nothing, unfinished work, setups, and damage."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.common.errors import StoreError
from assistant.findings.model import Status
from assistant.setup.history import ever_applied
from assistant.setup.model import Setup
from assistant.setup.updates import with_findings
from assistant.text import msg
from assistant.wizard.draft import Draft
from assistant.wizard.steps import Step
from screens.app import PRACTISE, first_theme
from screens.base.dialogs import ConfirmDialog, TellDialog
from screens.base.page import Page
from screens.saved_setups import age_words, checked_words, health
from screens.services.protocol import SavedSetup
from screens.services.real_services import RealServices
from screens.start_page import HomePage, Menu
from tests.support.screens_stand_in import StandInServices, run_app, screen_text, until
from tests.support.screens_values import (
    FINDINGS,
    GOOD_FINDINGS,
    NAME,
    ODD,
    ODD_SHOWN,
    SETUP_NAME,
    applied_setup,
    checked_setup,
    draft,
    setup,
)


async def looked(pilot: Any) -> HomePage:
    """The start page once it has looked at what was saved."""
    home = pilot.app.screen
    assert isinstance(home, HomePage)
    await until(pilot, lambda: home.saved is not None)
    await pilot.pause()
    return home


def on_step(pilot: Any, step: Step) -> bool:
    shown = pilot.app.screen
    return isinstance(shown, Page) and shown.draft.step is step


def choose(home: HomePage, line: str) -> None:
    menu = home.query_one(Menu)
    menu.highlighted = menu.get_option_index(line)


def seen(pilot: Any, text: str) -> bool:
    return text in screen_text(pilot.app)


def full(**more: Any) -> StandInServices:
    """Unfinished work, and a setup of every kind."""
    values: dict[str, Any] = {
        "draft": draft(Step.SERVERS),
        "setups": {
            SETUP_NAME: applied_setup(),
            "bad": applied_setup(FINDINGS, name="bad", server_name="bad.example.org"),
            "new": setup(name="new", server_name="new.example.org"),
        },
        "damaged": (SavedSetup("broken", None, msg("The file {f} is damaged.", f="broken.toml")),),
    }
    return StandInServices(**{**values, **more})


# -- the first time ---------------------------------------------------------------


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
def test_a_first_visitor_is_told_what_will_happen(size: tuple[int, int]) -> None:
    async def walk(pilot: Any) -> None:
        await looked(pilot)
        shown = " ".join(screen_text(pilot.app).split())
        assert "Begin ⏎" in shown
        assert "Nothing is changed on any server" in shown
        assert "You answer a few questions." in shown
        assert "A private messenger of your own" in shown
        if size != (60, 20):
            assert "About 20 minutes" in shown
            assert "Practise on this computer" in shown
            assert "Quit" in shown

    run_app(StandInServices(), walk, size=size)


def test_everything_is_on_the_first_picture_of_a_first_visit() -> None:
    services = StandInServices(results={"practice_problem": lambda: time.sleep(0.5)})

    async def walk(pilot: Any) -> None:
        home = pilot.app.screen
        assert home.saved is None  # still looking
        first = screen_text(pilot.app)
        assert "Begin" in first
        await looked(pilot)
        assert screen_text(pilot.app) == first  # and nothing flickered

    run_app(services, walk)


def test_enter_begins_with_the_first_question() -> None:
    services = StandInServices()

    async def walk(pilot: Any) -> None:
        await looked(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: on_step(pilot, Step.QUESTIONS))
        assert services.draft == Draft()

    run_app(services, walk)


def test_a_key_pressed_before_anything_was_looked_at_is_not_lost() -> None:
    services = full(results={"practice_problem": lambda: time.sleep(0.3)})

    async def walk(pilot: Any) -> None:
        assert "Looking for your setups" in screen_text(pilot.app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))

    run_app(services, walk)


def test_escape_does_nothing_and_q_quits() -> None:
    async def walk(pilot: Any) -> None:
        home = await looked(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.screen is home
        await pilot.press("q")
        await pilot.pause()
        assert not pilot.app.is_running or pilot.app._exit

    services = StandInServices()
    run_app(services, walk)
    assert services.draft is None  # a look around leaves nothing behind


# -- unfinished work ----------------------------------------------------------------


def test_unfinished_work_goes_on_where_it_was() -> None:
    services = full()

    async def walk(pilot: Any) -> None:
        await looked(pilot)
        shown = screen_text(pilot.app)
        assert "Go on where you were" in shown
        assert "Servers" in shown
        assert "Go on ⏎" in shown
        await pilot.press("enter")
        await until(pilot, lambda: on_step(pilot, Step.SERVERS))

    run_app(services, walk)


def test_a_draft_that_was_given_up_is_asked_about_first() -> None:
    services = full()

    async def walk(pilot: Any) -> None:
        home = await looked(pilot)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        shown = screen_text(pilot.app)
        assert "You were at: Servers." in shown
        await pilot.press("enter")  # haste keeps it
        await until(pilot, lambda: pilot.app.screen is home)
        assert services.draft is not None
        assert services.draft.step is Step.SERVERS
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("y")
        await until(pilot, lambda: on_step(pilot, Step.QUESTIONS))
        assert services.draft == Draft()

    run_app(services, walk)


# -- setups ---------------------------------------------------------------------------


def test_setups_show_their_health_as_glyph_and_word_and_their_age() -> None:
    async def walk(pilot: Any) -> None:
        await looked(pilot)
        lines = screen_text(pilot.app).splitlines()
        by_name = {
            name: next(line for line in lines if name in line)
            for name in (NAME, "bad.example.org", "new.example.org", "broken")
        }
        assert "✓ ok" in by_name[NAME]
        assert "months ago" in by_name[NAME]
        assert "✗ failed" in by_name["bad.example.org"]
        assert "– not run" in by_name["new.example.org"]
        assert "not finished yet" in by_name["new.example.org"]
        assert "✗ failed" in by_name["broken"]
        assert "cannot be read" in by_name["broken"]

    run_app(full(), walk)


def test_a_running_setup_opens_its_diagnosis() -> None:
    async def walk(pilot: Any) -> None:
        home = await looked(pilot)
        choose(home, f"setup:{SETUP_NAME}")
        await until(pilot, lambda: "Open ⏎" in screen_text(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "DiagnosisPage")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomePage))

    run_app(full(), walk)


def test_a_setup_that_was_never_applied_goes_on_in_the_wizard() -> None:
    services = full(draft=None)

    async def walk(pilot: Any) -> None:
        home = await looked(pilot)
        choose(home, "setup:new")
        await pilot.press("enter")
        await until(pilot, lambda: on_step(pilot, Step.CHECKS))
        assert pilot.app.screen.draft.setup == "new"
        assert pilot.app.screen.draft.server_name == "new.example.org"

    run_app(services, walk)


def test_a_damaged_setup_says_why_and_nothing_else_suffers() -> None:
    async def walk(pilot: Any) -> None:
        home = await looked(pilot)
        choose(home, "setup:broken")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, TellDialog))
        assert "The file broken.toml is damaged." in screen_text(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is home)

    run_app(full(), walk)


def test_setups_that_cannot_be_listed_are_told_on_the_page() -> None:
    error = StoreError("unreadable", msg("{path} could not be read (denied).", path="/x"))
    services = full(errors={"list_setups": error})

    async def walk(pilot: Any) -> None:
        await looked(pilot)
        shown = screen_text(pilot.app)
        assert "! /x could not be read (denied)." in shown
        assert "Go on where you were" in shown

    run_app(services, walk)


def test_many_setups_scroll_and_the_highlighted_one_is_seen() -> None:
    names = [f"s{number:02}" for number in range(40)]
    setups = {name: setup(name=name, server_name=f"{name}.example.org") for name in names}

    async def walk(pilot: Any) -> None:
        home = await looked(pilot)
        for name in ("s00", "s39", "s20"):
            choose(home, f"setup:{name}")
            await until(pilot, partial(seen, pilot, f"{name}.example.org"))

    run_app(StandInServices(setups=setups), walk, size=(60, 20))


# -- practice -------------------------------------------------------------------------


def test_practising_ends_the_app_with_that_wish() -> None:
    async def walk(pilot: Any) -> None:
        home = await looked(pilot)
        choose(home, "practise")
        await until(pilot, lambda: "Practise ⏎" in screen_text(pilot.app))
        await pilot.press("enter")
        await pilot.pause()
        assert pilot.app.return_value == PRACTISE

    run_app(StandInServices(), walk)


def test_a_computer_that_cannot_practise_says_why() -> None:
    services = StandInServices(results={"practice_problem": msg("It needs {what}.", what="Linux")})

    async def walk(pilot: Any) -> None:
        home = await looked(pilot)
        assert "not possible here" in screen_text(pilot.app)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, TellDialog))
        assert "It needs Linux." in screen_text(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is home)
        assert pilot.app.return_value is None

    run_app(services, walk)


def test_within_a_practice_there_is_one_journey_and_a_way_out() -> None:
    services = StandInServices(practice=True, draft=draft(Step.QUESTIONS, practice=True))

    async def walk(pilot: Any) -> None:
        home = await looked(pilot)
        shown = " ".join(screen_text(pilot.app).split())
        assert "Practice: a made-up family" in shown
        assert "Begin to practise" in shown
        assert "End the practice" in shown
        assert "Start anew" not in shown
        await pilot.press("n", "p")
        await pilot.pause()
        assert pilot.app.screen is home
        await pilot.press("enter")
        await until(pilot, lambda: on_step(pilot, Step.QUESTIONS))

    run_app(services, walk)


# -- everywhere -----------------------------------------------------------------------


def test_the_language_changes_on_the_page_and_the_place_stays() -> None:
    async def walk(pilot: Any) -> None:
        home = await looked(pilot)
        choose(home, f"setup:{SETUP_NAME}")
        await until(pilot, lambda: "Open ⏎" in screen_text(pilot.app))
        await pilot.pause()
        english = screen_text(pilot.app)
        await pilot.press("f2")
        await until(pilot, lambda: pilot.app.language == "zh")
        await pilot.pause()
        chinese = screen_text(pilot.app)
        assert NAME in chinese
        for words in ("Start anew", "months ago", "Nothing is changed"):
            assert words in english
            assert words not in chinese
        chosen = home.query_one(Menu).chosen
        assert chosen is not None
        assert chosen.id == f"setup:{SETUP_NAME}"
        await pilot.press("f2")
        await until(pilot, lambda: pilot.app.language == "en")
        await pilot.pause()
        await pilot.pause()
        assert screen_text(pilot.app) == english

    run_app(full(), walk)


def test_the_language_line_switches_too() -> None:
    async def walk(pilot: Any) -> None:
        home = await looked(pilot)
        choose(home, "language")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.language == "zh")

    run_app(StandInServices(), walk)


def test_the_smallest_terminal_and_back() -> None:
    async def walk(pilot: Any) -> None:
        await looked(pilot)
        before = screen_text(pilot.app)
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        small = screen_text(pilot.app)
        assert "Go on where you were" in small
        assert "Go on ⏎" in small
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await pilot.pause()
        assert screen_text(pilot.app) == before

    run_app(full(), walk)


def test_names_from_files_are_never_markup() -> None:
    damaged = (SavedSetup(ODD, None, msg("{why}", why=ODD)),)

    async def walk(pilot: Any) -> None:
        home = await looked(pilot)
        assert ODD_SHOWN in screen_text(pilot.app)
        choose(home, f"setup:{ODD}")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, TellDialog))
        assert ODD_SHOWN in screen_text(pilot.app)

    run_app(StandInServices(damaged=damaged), walk, size=(140, 40))


def test_every_action_is_in_the_palette() -> None:
    async def walk(pilot: Any) -> None:
        home = await looked(pilot)
        titles = {command.title for command in pilot.app.get_system_commands(home)}
        wanted = {"Start anew", "Go on where you were", "Practise on this computer", "Quit"}
        assert wanted | {f"Open {SETUP_NAME}", "Open broken"} <= titles

    run_app(full(), walk)


@pytest.mark.parametrize("theme", ["terminal", "light", "dark", "ansi-light", "no such theme"])
def test_every_theme_shows_the_page(theme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATRIX_ASSISTANT_THEME", theme)

    async def walk(pilot: Any) -> None:
        await looked(pilot)
        assert "✓ ok" in screen_text(pilot.app)
        assert pilot.app.theme in pilot.app.available_themes

    run_app(full(), walk)


# -- what was saved, as words -----------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "theme"),
    [
        ({}, "ansi-dark"),
        ({"COLORFGBG": "0;15"}, "ansi-light"),
        ({"COLORFGBG": "15;default;0"}, "ansi-dark"),
        ({"MATRIX_ASSISTANT_THEME": "light"}, "textual-light"),
        ({"MATRIX_ASSISTANT_THEME": "terminal", "COLORFGBG": "0;7"}, "ansi-light"),
        ({"MATRIX_ASSISTANT_THEME": "nord"}, "nord"),
    ],
)
def test_the_first_theme(environment: dict[str, str], theme: str) -> None:
    assert first_theme(environment) == theme


def test_colours_are_kept_until_the_next_start(tmp_path: Path) -> None:
    async def walk(pilot: Any) -> None:
        pilot.app.action_theme("textual-light")

    run_app(services := full(), walk)
    assert services.called("keep_theme") == [("textual-light",)]
    kept = RealServices(tmp_path / "new")
    assert kept.kept_theme() == ""
    kept.keep_theme("monokai")
    assert first_theme({}, kept.kept_theme()) == "monokai"
    assert first_theme({"MATRIX_ASSISTANT_THEME": "dark"}, kept.kept_theme()) == "textual-dark"


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"no such theme\n", b"x" * 100_000])
def test_a_damaged_choice_is_no_choice(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "theme").write_bytes(damage)
    assert first_theme({}, RealServices(tmp_path).kept_theme()) == "ansi-dark"


def test_a_disk_that_refuses_costs_only_the_choice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    RealServices(tmp_path / "file").keep_theme("monokai")
    assert RealServices(tmp_path / "file").kept_theme() == ""


@given(st.sets(st.sampled_from(Status), max_size=5))
def test_health_is_the_worst_of_what_was_run(statuses: set[Status]) -> None:
    found = tuple(
        FINDINGS[0].model_copy(update={"status": status, "subject": status.value})
        for status in statuses
    )
    worst = health(checked_setup(found) if found else setup())
    if not found:
        assert worst is None
    elif statuses == {Status.SKIPPED}:
        assert worst is Status.SKIPPED
    else:
        order = [Status.FAILED, Status.WARNING, Status.UNKNOWN, Status.OK]
        assert worst is next(status for status in order if status in statuses)


def test_findings_for_other_inputs_say_nothing_about_health() -> None:
    made = checked_setup(GOOD_FINDINGS)
    other = made.model_copy(update={"server_name": "other.example.org"})
    assert health(other) is None
    now = datetime.now(UTC)
    assert "changed since" in str(checked_words(other, now))


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=-3600), "just now"),
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=5), "5 minutes ago"),
        (timedelta(minutes=90), "an hour ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(hours=30), "yesterday"),
        (timedelta(days=3, hours=2), "3 days ago"),
        (timedelta(days=20), "2 weeks ago"),
        (timedelta(days=100), "3 months ago"),
    ],
)
def test_the_age_of_a_check_in_words(ago: timedelta, words: str) -> None:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    made: Setup = with_findings(setup(), GOOD_FINDINGS, now - ago)
    assert words in str(checked_words(made, now))


@given(st.floats(-1e9, 1e12))
def test_every_age_has_words(seconds: float) -> None:
    assert str(age_words(seconds)).startswith("checked ")


def test_only_what_ever_applied_counts_as_running() -> None:
    assert ever_applied(applied_setup())
    assert not ever_applied(checked_setup())
