"""The diagnosis of a saved setup: what changed, setting aside, testing, applying again, undoing."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len

from assistant.findings.comparison import compare
from assistant.findings.model import Status
from assistant.setup.history import with_history
from assistant.setup.model import HistoryEntry
from assistant.text import Message, render
from assistant.wizard.draft import Draft, draft_of
from assistant.wizard.steps import Step
from screens.apply.run_work import UNDO, RunWork
from screens.base.background_work import Work
from screens.checks.diagnosis import DiagnosisPage
from screens.checks.diagnosis_view import news_lines, proof_lines
from screens.checks.grid import Place
from screens.checks.grid_view import FindingGrid
from screens.widgets.styled_lines import Lines
from tests.support.screens_runs import CANARY_FAILED, CANARY_RESULT
from tests.support.screens_stand_in import (
    StandInServices,
    run_app,
    screen_lines,
    screen_text,
    until,
)
from tests.support.screens_values import (
    FINDINGS,
    GOOD_FINDINGS,
    NAME,
    NOW,
    ODD_SHOWN,
    SETUP_NAME,
    applied_setup,
    draft,
    error,
    option_setup,
    setup,
    with_odd_text,
)


def known(**more: Any) -> StandInServices:
    """Services that know a setup that was checked and applied, with good findings."""
    return StandInServices(**{"setups": {SETUP_NAME: applied_setup()}, **more})


def start(
    services: StandInServices, test: Any, size: tuple[int, int] = (80, 24), **more: Any
) -> None:
    async def opened(pilot: Any) -> None:
        pilot.app.diagnose(SETUP_NAME)
        await pilot.pause()
        await until(pilot, lambda: page(pilot).setup is not None or page(pilot).problem is not None)
        await pilot.pause()
        await test(pilot)

    run_app(services, opened, size, **more)


def page(pilot: Any) -> DiagnosisPage:
    found = pilot.app.screen
    assert isinstance(found, DiagnosisPage), found
    return found


def words(pilot: Any) -> str:
    return " ".join(screen_text(pilot.app).replace("│", " ").split())


def told(pilot: Any, name: str) -> str:
    """What one of the page's texts says, in English."""
    lines = page(pilot).query_one(name, Lines).lines
    return "\n".join(line.text if isinstance(line.text, str) else render(line.text)
                     for line in lines)  # fmt: skip


async def select(pilot: Any, check: str, subject: str, vantage: str) -> None:
    """Select a cell with the keys, as a person does."""
    view = page(pilot).query_one(FindingGrid)
    await pilot.press("home")
    for _ in range(30):
        if view.place == Place(check, subject, vantage):
            return
        await pilot.press("down")
    raise AssertionError(view.place)


async def checked_again(pilot: Any) -> None:
    await pilot.press("enter")
    await until(pilot, lambda: "Since last time" in told(pilot, "#news"))


# -- pure ------------------------------------------------------------------------


def english(lines: Any) -> list[str]:
    return [
        f"{line.glyph} {render(line.text) if isinstance(line.text, Message) else line.text}".strip()
        for line in lines
    ]


def test_what_changed_is_counted_and_listed_as_far_as_there_is_room() -> None:
    found = compare(GOOD_FINDINGS, FINDINGS)
    assert english(news_lines(found, 1)) == [
        "Since last time: 4 new",
        f"✗ new: {NAME} has no A record yet.",
        "and 3 more: press n",
    ]
    assert english(news_lines(found, 0)) == ["Since last time: 4 new (n shows them)"]
    assert len(news_lines(found, 99)) == 5
    assert english(news_lines(compare(FINDINGS, FINDINGS), 9)) == [
        "Nothing changed since last time."
    ]


def test_what_is_gone_is_named() -> None:
    mended = FINDINGS[3].model_copy(update={"status": Status.OK, "cause": ""})
    lines = english(news_lines(compare(FINDINGS[3:4], (mended,)), 9))
    assert lines == ["Since last time: 1 gone", f"✓ gone: {NAME}: A record"]


def test_how_a_test_conversation_went_is_said() -> None:
    work = Work("canary")
    assert english(proof_lines(work, None, None)) == ["Test conversation under way …"]
    work.state = "done"
    assert english(proof_lines(work, CANARY_RESULT, None))[0].startswith("✓ ok: 4 of 4 messages")
    assert "cannot be reached" in english(proof_lines(work, CANARY_FAILED, None))[0]
    work.state, work.error = "failed", error()
    assert "gave no answer" in english(proof_lines(work, None, None))[0]


def test_a_draft_is_made_of_a_setup_and_keeps_what_is_known() -> None:
    made = draft_of(setup(), Step.REVIEW)
    assert made == draft(Step.REVIEW).model_copy(update={"acme_email": ""})
    earlier = draft(Step.CHECKS, resolve={"outside": {"file:/x": "keep"}})
    assert draft_of(setup(), Step.REVIEW, earlier) == earlier.model_copy(
        update={"step": Step.REVIEW}
    )
    other = draft(Step.CHECKS, setup="other", resolve={"outside": {"file:/x": "keep"}})
    assert draft_of(setup(), Step.REVIEW, other) == made


# -- the page --------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 20)])
def test_the_last_findings_are_shown_and_nothing_runs_by_itself(size: tuple[int, int]) -> None:
    services = known()

    async def test(pilot: Any) -> None:
        assert NAME in words(pilot)
        assert "✓ 5 ok" in words(pilot)
        assert "ago" in words(pilot)
        assert services.called("check") == []
        assert services.called("save_draft") == []

    start(services, test, size)


def test_checking_again_tells_what_changed() -> None:
    services = known()

    async def test(pilot: Any) -> None:
        await checked_again(pilot)
        assert services.called("check") == [(SETUP_NAME, "after", None)]
        assert "Since last time: 4 new" in words(pilot)
        assert "✗ 2 failed" in words(pilot)
        await pilot.press("n")
        await pilot.pause()
        assert "Nothing that this computer sends to port 443" in told(pilot, "#finding")
        await pilot.press("n")
        await pilot.pause()
        assert "Since last time" not in told(pilot, "#finding")
        # One check again is still the same look.
        await pilot.press("r")
        await until(pilot, lambda: len(services.called("check")) == 2)
        await until(pilot, lambda: "Since last time: 4 new" in told(pilot, "#news"))
        # The next look is compared with this one.
        await pilot.press("enter")
        await until(pilot, lambda: "Nothing changed" in told(pilot, "#news"))

    start(services, test)


def test_a_setup_that_was_never_applied_is_checked_as_such() -> None:
    services = known(setups={SETUP_NAME: setup()})

    async def test(pilot: Any) -> None:
        assert "not set up yet" in words(pilot)
        assert "It was not checked yet." in words(pilot)
        await pilot.press("u")
        await pilot.pause()
        assert page(pilot) is pilot.app.screen
        await pilot.press("enter")
        await until(pilot, lambda: "✗ 2 failed" in words(pilot))
        assert services.called("check") == [(SETUP_NAME, "before", None)]

    start(services, test)


def test_a_known_finding_is_set_aside_marked_and_counted() -> None:
    services = known(setups={SETUP_NAME: applied_setup(FINDINGS)})

    async def test(pilot: Any) -> None:
        await select(pilot, "host", "outside memory", "outside")
        await pilot.press("s")
        await until(pilot, lambda: services.setups[SETUP_NAME].set_aside != ())
        assert services.setups[SETUP_NAME].set_aside == ("host|outside memory|outside",)
        assert services.setups[SETUP_NAME].current_findings == FINDINGS
        await until(pilot, lambda: "1 set aside" in words(pilot))
        assert "outside: memory · set aside" in words(pilot)
        assert "! 1 to check" not in words(pilot)
        assert "You set this aside" in words(pilot)
        await pilot.press("s")
        await until(pilot, lambda: services.setups[SETUP_NAME].set_aside == ())
        await until(pilot, lambda: "! 1 to check" in words(pilot))

    start(services, test, (120, 40))


def test_a_disk_that_refuses_sets_nothing_aside() -> None:
    services = known(
        setups={SETUP_NAME: applied_setup(FINDINGS)}, errors={"save_setup": OSError(28, "full")}
    )

    async def test(pilot: Any) -> None:
        await select(pilot, "host", "outside memory", "outside")
        await pilot.press("s")
        await until(pilot, lambda: "That could not be saved" in words(pilot))
        assert "set aside" not in told(pilot, "#head")

    start(services, test, (120, 40))


def test_what_is_all_right_and_what_is_several_cannot_be_set_aside() -> None:
    services = known(setups={SETUP_NAME: applied_setup(FINDINGS)})

    async def test(pilot: Any) -> None:
        await pilot.press("home", "s")
        await pilot.pause()
        await select(pilot, "host", "", "outside")
        await pilot.press("s")
        await pilot.pause()
        assert services.called("save_setup") == []
        assert "Select a single finding" in words(pilot)

    start(services, test, (120, 40))


def test_the_test_conversation_is_drawn_and_can_be_left() -> None:
    services = known()
    services.hold("canary", after=7)

    async def test(pilot: Any) -> None:
        await pilot.press("t")
        await until(pilot, lambda: "The kettle sings at noon" in words(pilot))
        pilot.app.diagnose(SETUP_NAME)
        await until(pilot, lambda: "The kettle sings at noon" in words(pilot))
        services.release("canary")
        await until(pilot, lambda: "4 of 4 messages arrived" in words(pilot))
        assert len(services.called("canary")) == 1
        await pilot.press("down")
        await pilot.pause()
        assert "The kettle" not in words(pilot)
        assert "outside runs Debian 13." in words(pilot)

    start(services, test)


def test_a_test_conversation_that_fails_says_why() -> None:
    services = known(results={"canary": CANARY_FAILED}, events={"canary": ()})

    async def test(pilot: Any) -> None:
        await pilot.press("t")
        await until(pilot, lambda: "cannot be reached from here" in words(pilot))
        services.errors["canary"] = error()
        await pilot.press("t")
        await until(pilot, lambda: "gave no answer" in words(pilot))

    start(services, test)


def test_applying_again_goes_to_the_review_of_this_setup() -> None:
    services = known()
    went: list[Draft] = []

    async def test(pilot: Any) -> None:
        pilot.app.go_to = went.append
        await pilot.press("a")
        await until(pilot, lambda: bool(went))
        assert (went[0].step, went[0].setup) == (Step.REVIEW, SETUP_NAME)

    start(services, test)


def test_other_unfinished_work_is_not_thrown_away_unasked() -> None:
    services = known(draft=draft(Step.SERVERS, server_name="other.example.org"))
    went: list[Draft] = []

    async def test(pilot: Any) -> None:
        pilot.app.go_to = went.append
        await pilot.press("a")
        await until(pilot, lambda: "Leave your unfinished work?" in words(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DiagnosisPage))
        assert went == []
        await pilot.press("a")
        await until(pilot, lambda: "Leave your unfinished work?" in words(pilot))
        await pilot.click("#yes")
        await until(pilot, lambda: bool(went))

    start(services, test)


def test_undo_wants_the_name_typed() -> None:
    services = known()
    services.hold("undo")
    went: list[Draft] = []

    async def test(pilot: Any) -> None:
        pilot.app.go_to = went.append
        await pilot.press("u")
        await until(pilot, lambda: "Take everything back?" in words(pilot))
        await pilot.press(*"no", "enter")
        await until(pilot, lambda: "That is not" in words(pilot))
        assert services.called("undo") == []
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DiagnosisPage))
        await pilot.press("u")
        await until(pilot, lambda: "Take everything back?" in words(pilot))
        await pilot.press(*NAME, "enter")
        await until(pilot, lambda: bool(went))
        assert services.called("undo") == [(SETUP_NAME,)]
        assert went[0].step is Step.APPLY
        assert isinstance(pilot.app.work, RunWork)
        assert pilot.app.work.name == UNDO
        services.release("undo")

    start(services, test)


def test_the_machine_at_home_can_be_taken_back_alone() -> None:
    entries = tuple(
        HistoryEntry(at=NOW, what="applied", host=host) for host in ("home", "inside", "outside")
    )
    made = option_setup(4, name=SETUP_NAME, history=entries)
    services = known(setups={SETUP_NAME: made})
    went: list[Draft] = []

    async def test(pilot: Any) -> None:
        pilot.app.go_to = went.append
        await pilot.press("u")
        await until(pilot, lambda: "Take back what was set up?" in words(pilot))
        await pilot.press(*"inside", "enter")
        await until(pilot, lambda: "That is not" in words(pilot))
        for _ in "inside":
            await pilot.press("backspace")
        await pilot.press(*"home", "enter")
        await until(pilot, lambda: bool(went))
        assert services.called("undo") == [(SETUP_NAME, "home")]
        assert isinstance(pilot.app.work, RunWork)
        assert set(pilot.app.work.runs) == {"home"}

    start(services, test)


def test_what_was_taken_back_is_not_undone_twice() -> None:
    entry = HistoryEntry(at=NOW.replace(hour=15), what="undone", host="outside")
    services = known(setups={SETUP_NAME: with_history(applied_setup(), entry)})

    async def test(pilot: Any) -> None:
        assert "taken back" in words(pilot)
        await pilot.press("u")
        await pilot.pause()
        assert isinstance(pilot.app.screen, DiagnosisPage)

    start(services, test)


def test_a_failing_check_keeps_the_last_findings_and_can_be_repeated() -> None:
    services = known(errors={"check": error()}, events={"check": ()})

    async def test(pilot: Any) -> None:
        await pilot.press("enter")
        await until(pilot, lambda: "The checks broke off" in words(pilot))
        assert "✓ 5 ok" in words(pilot)
        services.errors.clear()
        services.events.clear()
        await pilot.press("enter")
        await until(pilot, lambda: "✗ 2 failed" in words(pilot))

    start(services, test)


def test_a_setup_that_cannot_be_read_is_told_and_tried_again() -> None:
    services = known(setups={})

    async def test(pilot: Any) -> None:
        assert "There is no setup family." in words(pilot)
        for key in "stauerfn":
            await pilot.press(key)
        services.setups[SETUP_NAME] = applied_setup()
        await pilot.press("enter")
        await until(pilot, lambda: "✓ 5 ok" in words(pilot))

    start(services, test)


def test_escape_goes_home_and_no_draft_is_touched() -> None:
    services = known(draft=draft(Step.SERVERS))

    async def test(pilot: Any) -> None:
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, DiagnosisPage))
        assert services.draft == draft(Step.SERVERS)

    start(services, test)


def test_other_work_under_way_is_not_pushed_aside() -> None:
    services = known()
    services.hold("canary")

    async def test(pilot: Any) -> None:
        await pilot.press("t")
        await until(pilot, lambda: bool(services.called("canary")))
        await pilot.press("enter")
        await until(pilot, lambda: "Something else is under way" in words(pilot))
        assert services.called("check") == []
        services.release("canary")

    start(services, test)


def test_resized_and_in_the_other_language_nothing_is_lost() -> None:
    services = known()

    async def test(pilot: Any) -> None:
        await checked_again(pilot)
        await select(pilot, "host", "outside memory", "outside")
        view = page(pilot).query_one(FindingGrid)
        place, before = view.place, screen_text(pilot.app)
        await pilot.resize_terminal(60, 20)
        await pilot.press("f2")
        await pilot.pause()
        assert view.place == place
        assert pilot.app.focused is view
        assert all(cell_len(line) <= 60 for line in screen_lines(pilot.app))
        await pilot.press("f2")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await until(pilot, lambda: screen_text(pilot.app) == before)

    start(services, test)


def test_text_from_outside_is_shown_as_it_is() -> None:
    odd = with_odd_text(FINDINGS[3])
    services = known(setups={SETUP_NAME: applied_setup((odd,))})

    async def test(pilot: Any) -> None:
        await pilot.press("v")
        await pilot.pause()
        assert "[red]no[/b] red 中文" in words(pilot)
        assert "\x1b]0" not in screen_text(pilot.app)
        await pilot.press("s")
        await until(pilot, lambda: bool(services.called("save_setup")))
        (name,) = services.setups[SETUP_NAME].set_aside
        assert name == f"dns|{ODD_SHOWN}|this computer"

    start(services, test, (120, 40))


def test_every_action_is_in_the_palette() -> None:
    async def test(pilot: Any) -> None:
        titles = [render(title) for title, _, _ in page(pilot).commands()]
        assert len(titles) == len(set(titles)) == 14
        assert {"Test message", "Apply again", "Undo", "Change something"} <= set(titles)

    start(known(), test)
