"""The conductor: pages in order, long work, languages, keeping what was entered, no crash.

The pages here are plain ones: what the real pages do is tested with each of them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Input

from assistant.common.errors import AssistantError
from assistant.text import msg
from assistant.wizard import draft as draft_file
from assistant.wizard.draft import Draft
from assistant.wizard.steps import STEPS, Step
from screens import navigation
from screens.app import AssistantApp
from screens.base.background_work import KEEP, Work
from screens.base.page import Page, PlainPage
from screens.widgets.words import Words
from tests.support.screens_stand_in import StandInServices, run_app, screen_text, until
from tests.support.screens_values import ODD, ODD_SHOWN, SETUP_NAME, draft, error


class StepPage(Page):
    """A field, a sentence, and the step it shows."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self.step = draft.step  # type: ignore[misc]  # a real page has one step for ever

    def body(self) -> ComposeResult:
        yield Words(msg("This is step {step}.", step=self.draft.step.value), id="sentence")
        yield Input(self.draft.server_name, id="field")

    def current(self) -> Draft:
        return self.draft.model_copy(update={"server_name": self.query_one(Input).value})


class PlainHome(PlainPage):
    """The start page: goes on with what was left."""

    def body(self) -> ComposeResult:
        yield Words(msg("Welcome"))

    def action_primary(self) -> None:
        self.assistant.go_to(self.assistant.services.load_draft() or Draft())


class BrokenPage(StepPage):
    """A page with a defect."""

    def action_primary(self) -> None:
        raise ValueError("the password is hunter2")


@pytest.fixture(autouse=True)
def step_pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    home = ModuleType("screens.start_page")
    home.HomePage = PlainHome  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "screens.start_page", home)
    monkeypatch.setattr(navigation, "PAGES", dict.fromkeys(STEPS, f"{__name__}:StepPage"))
    yield


def page(pilot: Any) -> StepPage:
    shown = pilot.app.screen
    assert isinstance(shown, StepPage)
    return shown


async def at_step(pilot: Any, step: Step) -> None:
    """Wait until the page of a step is shown."""

    def there() -> bool:
        shown = pilot.app.screen
        return isinstance(shown, StepPage) and shown.draft.step is step

    await until(pilot, there)


# -- flow ---------------------------------------------------------------------


def test_onward_goes_through_every_step_and_stays_at_the_last() -> None:
    seen = [Draft()]
    for _ in STEPS:
        seen.append(navigation.onward(seen[-1]))
    assert [d.step for d in seen] == [*STEPS, Step.FINISH]


def test_backward_is_the_way_back() -> None:
    for step in STEPS[:-1]:
        here = draft(step)
        assert navigation.backward(navigation.onward(here)) == here
    assert navigation.backward(Draft()) is None


def test_going_on_or_back_keeps_everything_that_was_entered() -> None:
    full = draft(Step.REVIEW, resolve={"outside": {"file:/x": "keep"}}, acknowledged="I know")
    for other in (navigation.onward(full), navigation.backward(full)):
        assert other is not None
        assert other.model_dump(exclude={"step"}) == full.model_dump(exclude={"step"})


def test_every_step_has_a_page() -> None:
    assert set(navigation.PAGES) == set(STEPS)
    assert isinstance(navigation.page_for(Draft()), StepPage)


# -- pages --------------------------------------------------------------------


def test_the_program_starts_at_home_and_walks_forth_and_back() -> None:
    services = StandInServices()

    async def walk(pilot: Any) -> None:
        assert isinstance(pilot.app.screen, PlainHome)
        await pilot.press("enter")
        for step in STEPS:
            await at_step(pilot, step)
            await pilot.press("enter")
        for step in reversed(STEPS[:-1]):
            await pilot.press("escape")
            await at_step(pilot, step)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlainHome))

    run_app(services, walk)


def test_the_draft_is_saved_at_each_step_and_when_leaving() -> None:
    services = StandInServices()

    async def walk(pilot: Any) -> None:
        page(pilot).query_one(Input).focus()
        await pilot.press(*"ab", "enter")
        await until(pilot, lambda: page(pilot).draft.step is Step.ADVICE)
        assert services.draft == Draft(step=Step.ADVICE, server_name="ab")
        page(pilot).query_one(Input).focus()
        await pilot.press("end", "c", "ctrl+q")

    run_app(services, walk, start=Draft())
    assert services.draft == Draft(step=Step.ADVICE, server_name="abc")


def test_starting_again_takes_up_where_it_was_left() -> None:
    services = StandInServices()

    async def leave(pilot: Any) -> None:
        page(pilot).query_one(Input).value = "chat.example.org"
        await pilot.press("ctrl+q")

    async def again(pilot: Any) -> None:
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, StepPage))
        assert page(pilot).draft.step is Step.SERVERS
        assert page(pilot).query_one(Input).value == "chat.example.org"

    run_app(services, leave, start=draft(Step.SERVERS))
    run_app(services, again)


def test_the_draft_survives_on_disk(tmp_path: Path) -> None:
    services = StandInServices()
    services.save_draft = lambda draft: draft_file.save_draft(draft, tmp_path)  # type: ignore[method-assign]

    async def walk(pilot: Any) -> None:
        page(pilot).query_one(Input).value = ODD
        await pilot.press("ctrl+q")

    run_app(services, walk, start=draft(Step.CHECKS))
    kept = draft_file.load_draft(tmp_path)
    assert kept is not None
    assert kept.step is Step.CHECKS
    assert kept.setup == SETUP_NAME
    assert kept.server_name.startswith("[red]no[/b]")


def test_a_damaged_draft_is_put_aside(tmp_path: Path) -> None:
    draft_file.draft_path(tmp_path).write_text('{"step": "nowhere"}', "utf-8")
    assert draft_file.load_draft(tmp_path) is None
    (aside,) = tmp_path.iterdir()
    assert "damaged" in aside.name
    assert aside.read_text("utf-8") == '{"step": "nowhere"}'


@pytest.mark.parametrize(
    "failure",
    [OSError(28, "No space left on device"), AssistantError("disk", msg("The disk is full."))],
    ids=["os", "told"],
)
def test_a_disk_that_refuses_is_told_and_the_page_goes_on(failure: Exception) -> None:
    services = StandInServices(errors={"save_draft": failure})

    async def walk(pilot: Any) -> None:
        page(pilot).query_one(Input).value = "chat.example.org"
        await pilot.press("enter")
        await until(pilot, lambda: page(pilot).draft.step is Step.ADVICE)
        assert page(pilot).query_one(Input).value == "chat.example.org"
        await until(pilot, lambda: "could not be saved" in screen_text(pilot.app))

    run_app(services, walk, size=(120, 40), start=Draft())


def test_the_start_page_is_a_command_away_and_nothing_is_lost() -> None:
    services = StandInServices()

    async def walk(pilot: Any) -> None:
        page(pilot).query_one(Input).value = "typed"
        (home,) = (
            c for c in pilot.app.get_system_commands(pilot.app.screen) if c.title == "Start page"
        )
        home.callback()
        await until(pilot, lambda: isinstance(pilot.app.screen, PlainHome))
        # Nothing stands on the start page: leaving there must not undo what was kept.
        await pilot.press("ctrl+q")

    run_app(services, walk, start=draft(Step.SERVERS))
    assert services.draft == draft(Step.SERVERS, server_name="typed")


def test_leaving_while_a_dialog_is_open_keeps_what_was_entered() -> None:
    services = StandInServices()

    async def walk(pilot: Any) -> None:
        page(pilot).query_one(Input).value = "typed"
        pilot.app.push_screen(ModalScreen())
        await pilot.pause()
        await pilot.press("ctrl+q")

    run_app(services, walk, start=draft(Step.SERVERS))
    assert services.draft == draft(Step.SERVERS, server_name="typed")


def test_a_question_left_open_by_going_home_counts_as_not_answered() -> None:
    async def walk(pilot: Any) -> None:
        work = Work("check")

        async def job() -> object:
            return await pilot.app.push_screen_wait(ModalScreen())

        pilot.app.begin(work, job)
        await until(pilot, lambda: isinstance(pilot.app.screen, ModalScreen))
        pilot.app.action_home()
        await until(pilot, lambda: isinstance(pilot.app.screen, PlainHome))
        await until(pilot, lambda: work.state == "done")
        assert work.result is None
        assert len(pilot.app.screen_stack) == 2

    run_app(StandInServices(), walk, start=draft(Step.CHECKS))


def test_a_page_that_breaks_ends_the_program_kindly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(navigation, "PAGES", dict.fromkeys(STEPS, f"{__name__}:BrokenPage"))
    services = StandInServices()

    async def walk(pilot: Any) -> None:
        page(pilot).query_one(Input).value = "typed"
        await pilot.press("enter")
        await pilot.pause()

    with pytest.raises(ValueError, match="hunter2"):  # only under test it comes out
        run_app(services, walk, start=draft(Step.SERVERS))
    assert services.draft == draft(Step.SERVERS, server_name="typed")
    out = "".join(capsys.readouterr())
    assert "defect of the program" in out
    assert "hunter2" not in out
    assert "Traceback" not in out


def test_enter_comes_behind_the_keys_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that arrive together, as from a quick hand or a paste, are heard in their order."""
    services = StandInServices()
    monkeypatch.setitem(navigation.PAGES, Step.QUESTIONS, "screens.advice.questions:QuestionsPage")

    async def walk(pilot: Any) -> None:
        from screens.advice.questions import QuestionsPage

        shown = pilot.app.screen
        assert isinstance(shown, QuestionsPage)
        for key in ("2", "enter", "3", "enter"):
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else "\r"))
        await until(pilot, lambda: shown.draft.answers.mainland_server is not None)
        assert shown.draft.answers.people == "both"
        assert shown.draft.answers.mainland_server == "no"

    run_app(services, walk, start=Draft())


# -- long work ----------------------------------------------------------------


def test_work_goes_on_while_pages_come_and_go() -> None:
    async def walk(pilot: Any) -> None:
        until_told = asyncio.Event()
        work = Work("check", SETUP_NAME)

        async def job() -> str:
            work.report("begun")
            await until_told.wait()
            work.report("ended")
            return "all"

        pilot.app.begin(work, job)
        await until(pilot, lambda: work.events == ["begun"])
        await pilot.press("escape")
        await until(pilot, lambda: page(pilot).draft.step is Step.SERVERS)
        await pilot.press("enter")
        await until(pilot, lambda: page(pilot).draft.step is Step.CHECKS)
        assert pilot.app.work is work
        assert work.state == "running"
        until_told.set()
        await until(pilot, lambda: work.state == "done")
        assert work.events == ["begun", "ended"]
        assert work.result == "all"

    run_app(StandInServices(), walk, start=draft(Step.CHECKS))


def test_a_worker_that_breaks_is_told_and_closes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def walk(pilot: Any) -> None:
        page(pilot).query_one(Input).value = "kept"
        work = Work("apply")

        async def job() -> None:
            raise ValueError("the password is hunter2")

        pilot.app.begin(work, job)
        await until(pilot, lambda: work.state == "failed")
        await until(pilot, lambda: "defect of the program" in screen_text(pilot.app))
        assert page(pilot).query_one(Input).value == "kept"
        await pilot.press("enter")
        await until(pilot, lambda: page(pilot).draft.step is Step.REVIEW)

    run_app(StandInServices(), walk, size=(120, 40), start=draft(Step.CHECKS))
    (report,) = tmp_path.glob("matrix-assistant-report-*.txt")
    assert "ValueError" in report.read_text("utf-8")
    assert "hunter2" not in report.read_text("utf-8")


def test_a_service_that_fails_is_no_defect() -> None:
    async def walk(pilot: Any) -> None:
        work = Work("apply")
        services = pilot.app.services

        async def job() -> object:
            return await services.apply(SETUP_NAME, pilot.app, {}, work.report)

        pilot.app.begin(work, job)
        await until(pilot, lambda: work.state == "failed")
        assert work.error is services.errors["apply"]
        assert "defect" not in screen_text(pilot.app)

    run_app(
        StandInServices(errors={"apply": error()}), walk, size=(120, 40), start=draft(Step.CHECKS)
    )


def test_a_thing_begun_later_takes_the_place_of_the_earlier() -> None:
    async def walk(pilot: Any) -> None:
        async def for_ever() -> None:
            await asyncio.sleep(60)

        async def short() -> str:
            return "done"

        first, second = Work("check"), Work("check")
        pilot.app.begin(first, for_ever)
        await pilot.pause()
        pilot.app.begin(second, short)
        await until(pilot, lambda: second.state == "done")
        assert first.state == "cancelled"

    run_app(StandInServices(), walk, start=draft(Step.CHECKS))


def test_events_are_bounded_and_every_one_is_told() -> None:
    work = Work("apply")
    told: list[None] = []
    end = work.watch(lambda: told.append(None))
    for number in range(3 * KEEP):
        work.report(number)
    assert len(told) == 3 * KEEP
    assert len(work.events) <= KEEP
    assert work.dropped + len(work.events) == 3 * KEEP
    assert work.events == list(range(work.dropped, 3 * KEEP))
    end()
    work.report("more")
    assert len(told) == 3 * KEEP


# -- words --------------------------------------------------------------------


def test_the_language_changes_everywhere_and_nothing_entered_is_lost() -> None:
    async def walk(pilot: Any) -> None:
        field = page(pilot).query_one(Input)
        field.focus()
        await pilot.press(*"family", "left", "left")
        at = field.cursor_position
        english = screen_text(pilot.app)
        assert "Continue" in english
        await pilot.press("f2")
        await until(pilot, lambda: pilot.app.language == "zh")
        await pilot.pause()
        chinese = screen_text(pilot.app)
        for words in ("Continue", "Nothing has been changed", "← Back"):
            assert words in english
            assert words not in chinese
        assert (field.value, field.cursor_position, field.has_focus) == ("family", at, True)
        await pilot.press("f2")
        await until(pilot, lambda: pilot.app.language == "en")
        await pilot.pause()
        assert screen_text(pilot.app) == english

    run_app(StandInServices(), walk, start=Draft(), language="en")


def test_the_key_hints_are_in_the_language_too() -> None:
    async def walk(pilot: Any) -> None:
        assert "Back" in screen_text(pilot.app).splitlines()[-1]
        await pilot.press("f2")
        await pilot.pause()
        await pilot.pause()
        assert "Back" not in screen_text(pilot.app).splitlines()[-1]

    run_app(StandInServices(), walk, start=Draft())


def test_text_from_outside_is_shown_as_it_is() -> None:
    async def walk(pilot: Any) -> None:
        page(pilot).query_one("#sentence", Words).message = ODD
        await pilot.pause()
        assert ODD_SHOWN in screen_text(pilot.app)
        page(pilot).query_one("#sentence", Words).message = msg("{a} said so.", a=ODD)
        await pilot.pause()
        assert f"{ODD_SHOWN} said so." in screen_text(pilot.app)
        pilot.app.tell(msg("{a} said so.", a=ODD))
        await pilot.pause()
        await pilot.pause()
        assert screen_text(pilot.app).count("[red]no[/b]") == 2

    run_app(StandInServices(), walk, size=(120, 40), start=Draft())


@pytest.mark.parametrize(("locale", "language"), [("zh_CN.UTF-8", "zh"), ("C.UTF-8", "en")])
def test_the_first_language_is_the_locales(
    monkeypatch: pytest.MonkeyPatch, locale: str, language: str
) -> None:
    for name in ("LC_MESSAGES", "LANG", "LANGUAGE", "MATRIX_ASSISTANT_LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_ALL", locale)
    assert AssistantApp(StandInServices()).language == language


def test_the_terminal_may_shrink_and_grow_again() -> None:
    async def walk(pilot: Any) -> None:
        before = screen_text(pilot.app)
        assert "○ Finish" in before
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        small = screen_text(pilot.app)
        assert "● You" in small
        assert "Finish" not in small
        assert "Continue" in small
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await pilot.pause()
        assert screen_text(pilot.app) == before

    run_app(StandInServices(), walk, start=Draft())


def test_every_action_is_in_the_palette_in_both_languages() -> None:
    async def walk(pilot: Any) -> None:
        english = {c.title for c in pilot.app.get_system_commands(pilot.app.screen)}
        assert {"Quit", "Switch language", "Start page", "Help for this page"} <= english
        pilot.app.language = "zh"
        chinese = {c.title for c in pilot.app.get_system_commands(pilot.app.screen)}
        assert len(chinese) == len(english)
        assert not chinese & english

    run_app(StandInServices(), walk, start=Draft())


# -- imports ------------------------------------------------------------------
