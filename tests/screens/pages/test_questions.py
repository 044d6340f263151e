"""The questions: one at a time, kept at each answer, with the options reacting beside them."""

from __future__ import annotations

from typing import Any

from assistant.advice.recommendation import recommend
from assistant.answers import QUESTIONS, Answers, applicable, next_question, question, with_answer
from assistant.common.errors import AssistantError
from assistant.text import msg
from assistant.wizard.draft import Draft
from assistant.wizard.steps import Step
from screens.advice.options_panel import OptionsPanel
from screens.advice.question_dialogs import AnswersDialog, WhyDialog
from screens.advice.questions import (
    QuestionsPage,
    question_after,
    question_before,
    question_to_show,
)
from screens.advice.stars import standings
from screens.widgets.cells import shorten, wrap
from screens.widgets.choice_list import ChoiceList
from tests.support.screens_stand_in import StandInServices, run_app, screen_text, until
from tests.support.screens_values import ANSWERS, ODD, draft


def answers(**given: Any) -> Answers:
    return Answers.model_validate(given)


def page(pilot: Any) -> QuestionsPage:
    assert isinstance(pilot.app.screen, QuestionsPage)
    return pilot.app.screen


def shown(pilot: Any) -> str:
    return page(pilot).draft.question


CLASHING = answers(people="both", mainland_server="yes", operator="individual")
"""With nobody inside, this operator would contradict."""


# -- pure ----------------------------------------------------------------------


def test_standings_agree_with_the_recommendation_for_every_path() -> None:
    for value in ("yes", "no", "unknown"):
        given = with_answer(ANSWERS, "mainland_server", value)
        advice = recommend(given)
        for standing in standings(given):
            assert standing.verdict is advice.ranked(standing.option).verdict
            assert standing.leading is (standing.option == advice.first)
    because = standings(answers(people="both", mainland_server="no"))[1].because
    assert [str(why) for why in because] == [
        "It needs a server in a mainland cloud, and there is none."
    ]


def test_an_answer_that_no_longer_applies_does_not_count() -> None:
    stale = answers(people="none_inside", mainland_server="no")
    assert standings(stale) == standings(answers(people="none_inside"))


def test_after_a_look_back_the_next_question_is_the_open_one() -> None:
    given = answers(people="both", mainland_server="yes", operator="company")
    following = question_after(given, "people")
    assert following is not None
    assert following.id == "filing"
    assert question_after(ANSWERS, "people") is None
    before = question_before(given, "filing")
    assert before is not None
    assert before.id == "operator"
    assert question_before(given, "people") is None


def test_a_draft_with_a_question_that_does_not_apply_shows_one_that_does() -> None:
    given = answers(people="none_inside")
    assert question_to_show(Draft(question="filing", answers=given)).id == "traffic"
    assert question_to_show(Draft(question="<odd>", answers=given)).id == "traffic"
    assert question_to_show(Draft(question="people", answers=given)).id == "people"
    assert question_to_show(Draft(answers=ANSWERS)).id == applicable(ANSWERS)[-1].id


def test_wrapping_counts_cells_and_keeps_closing_marks_off_the_start() -> None:
    assert wrap("一二三四，五", 8) == ["一二三", "四，五"]
    assert wrap("ICP 备案 is a filing", 8) == ["ICP 备案", "is a", "filing"]
    assert wrap("a" * 9, 4) == ["aaaa", "aaaa", "a"]
    assert wrap("", 5) == [""]
    assert shorten("一二三", 5) == "一二…"
    assert shorten("ab", 4) == "ab  "


# -- on the screen -------------------------------------------------------------


def test_enter_all_the_way_leads_to_the_advice_and_keeps_every_answer() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        for number in range(1, len(QUESTIONS) + 1):
            at = page(pilot)
            asked = question(shown(pilot))
            text = screen_text(pilot.app)
            assert str(asked.text)[:40] in text
            assert str(msg("Question {number} of about", number=number)) in text
            assert services.draft is None or services.draft.answers == at.draft.answers
            await pilot.press("enter")
            await pilot.pause()
            if not isinstance(pilot.app.screen, QuestionsPage):
                break
        assert services.draft is not None
        assert services.draft.step is Step.ADVICE
        assert next_question(services.draft.answers) is None
        assert services.draft.answers.people == "mostly_inside"
        assert services.draft.answers.phones == ("ios_mainland",)

    run_app(services, test, start=draft())


def test_back_keeps_the_answers_and_ends_at_the_start_page() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        await pilot.press("down", "enter", "end", "enter")
        assert shown(pilot) == "operator"
        await pilot.press("escape")
        assert shown(pilot) == "mainland_server"
        choices = page(pilot).query_one(ChoiceList)
        assert (choices.value, choices.marked) == ("unknown", ("unknown",))
        await pilot.press("escape")
        assert page(pilot).query_one(ChoiceList).value == "both"
        await pilot.press("enter")
        assert shown(pilot) == "operator", "what is answered is not asked again"
        await pilot.press("escape", "escape", "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, QuestionsPage))
        assert services.draft is not None
        assert services.draft.answers == answers(people="both", mainland_server="unknown")

    run_app(services, test, start=draft())


def test_a_number_marks_without_going_on_and_a_wrong_one_does_nothing() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        await pilot.press("9")
        assert page(pilot).draft.answers.people is None
        await pilot.press("3")
        assert shown(pilot) == "people"
        assert services.draft is not None
        assert services.draft.answers.people == "mostly_outside"
        await pilot.press("up", "space")
        assert services.draft.answers.people == "both"

    run_app(services, test, start=draft())


def test_several_may_be_true_but_none_stands_alone() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        await pilot.press("1", "3")
        assert page(pilot).draft.answers.phones == ("ios_mainland", "android_google")
        await pilot.press("5")
        assert page(pilot).draft.answers.phones == ("none",)
        await pilot.press("5")
        assert page(pilot).draft.answers.phones is None
        await pilot.press("4", "2", "enter")
        assert services.draft is not None
        assert services.draft.answers.phones == ("ios_foreign", "android_no_google")

    start = draft(answers=answers(people="both"), question="phones")
    run_app(services, test, start=start)


def test_the_options_react_to_the_highlight_and_to_the_answer() -> None:
    async def test(pilot: Any) -> None:
        assert "? undecided" in screen_text(pilot.app)
        await pilot.press("down", "down", "down")
        text = screen_text(pilot.app)
        assert "With this answer" in text
        assert "✗ ruled out  (was undecided)" in text
        assert page(pilot).draft.answers.filing is None, "nothing is answered by looking"
        await pilot.press("4")
        text = screen_text(pilot.app)
        assert "Your options so far" in text
        assert "(was" not in text
        assert text.count("✗ ruled out") == 1

    start = draft(
        answers=answers(people="both", mainland_server="yes", operator="company"),
        question="filing",
    )
    run_app(StandInServices(), test, start=start)


def test_wide_terminals_give_the_reason_beside_the_question() -> None:
    async def test(pilot: Any) -> None:
        await pilot.press("end")
        await pilot.pause()
        assert "Whether the domain is on file" in screen_text(pilot.app)

    start = draft(
        answers=answers(people="both", mainland_server="yes", operator="company"),
        question="filing",
    )
    run_app(StandInServices(), test, size=(120, 40), start=start)


def test_not_knowing_tells_how_to_find_out() -> None:
    async def test(pilot: Any) -> None:
        assert "beian.miit.gov.cn" not in screen_text(pilot.app)
        await pilot.press("end")
        await pilot.pause()
        assert "beian.miit.gov.cn" in screen_text(pilot.app)
        assert "Go on without knowing" in screen_text(pilot.app)
        await pilot.press("home")
        await pilot.pause()
        assert "beian.miit.gov.cn" not in screen_text(pilot.app)
        await pilot.press("f")
        await pilot.pause()
        assert "beian.miit.gov.cn" in screen_text(pilot.app)

    start = draft(
        answers=answers(people="both", mainland_server="yes", operator="company"),
        question="filing",
    )
    run_app(StandInServices(), test, start=start)


def test_a_contradiction_is_shown_when_it_arises_and_both_ways_out_work() -> None:
    async def test(pilot: Any) -> None:
        await pilot.press("end", "enter")
        await pilot.pause()
        assert shown(pilot) == "people"
        text = screen_text(pilot.app)
        assert "You said that nobody is in mainland China" in text
        assert "Keep both and go on" in text
        await pilot.press("c")
        assert shown(pilot) == "operator"
        await pilot.pause()
        assert "You said that nobody is in mainland China" in screen_text(pilot.app)
        await pilot.press("escape")
        assert shown(pilot) == "people", "what does not apply any more is not gone through"
        await pilot.press("enter")
        assert shown(pilot) == "traffic"
        assert page(pilot).draft.answers.operator == "individual", "nothing is thrown away"

    run_app(StandInServices(), test, start=draft(answers=CLASHING, question="people"))


def test_any_answer_can_be_gone_to_from_the_list() -> None:
    async def test(pilot: Any) -> None:
        await pilot.press("a")
        assert isinstance(pilot.app.screen, AnswersDialog)
        await pilot.press("f2", "home", "down", "enter")
        assert shown(pilot) == "mainland_server"
        await pilot.press("a", "escape")
        assert shown(pilot) == "mainland_server"

    run_app(StandInServices(), test, start=draft(answers=ANSWERS, question="skill"))


def test_an_option_tells_why_and_leads_to_the_answer() -> None:
    async def test(pilot: Any) -> None:
        await pilot.press("o", "down", "enter")
        assert isinstance(pilot.app.screen, WhyDialog)
        await pilot.pause()
        assert "It needs a server in a mainland cloud, and there is none." in screen_text(pilot.app)
        await pilot.press("tab", "enter")
        assert shown(pilot) == "mainland_server"
        await pilot.press("o", "enter", "escape")
        assert page(pilot).query_one(OptionsPanel).has_focus

    run_app(StandInServices(), test, start=draft(answers=ANSWERS, question="skill"))


def test_a_changed_answer_takes_back_what_was_chosen_from_the_old_ones() -> None:
    services = StandInServices()

    def chosen() -> tuple[int | None, str]:
        assert services.draft is not None
        return services.draft.option, services.draft.acknowledged

    async def test(pilot: Any) -> None:
        await pilot.press("enter")
        await pilot.pause()
        assert chosen() == (3, "yes"), "the same answer again changes nothing"
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("up", "space")
        assert chosen() == (None, "")

    start = draft(answers=ANSWERS, question="federation", option=3, acknowledged="yes")
    start = start.model_copy(update={"answers": with_answer(ANSWERS, "federation", "open")})
    run_app(services, test, start=start)


def test_a_switch_of_language_and_a_small_terminal_keep_the_place() -> None:
    async def test(pilot: Any) -> None:
        await pilot.press("3", "down", "down")
        choices = page(pilot).query_one(ChoiceList)
        before = (choices.highlighted, choices.marked)
        await pilot.press("f2")
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        text = screen_text(pilot.app)
        assert "Is there a filing" not in text
        assert "› 5" in text, "the highlighted choice is seen"
        assert (choices.highlighted, choices.marked) == before
        await pilot.resize_terminal(80, 24)
        await pilot.press("f2")
        await pilot.pause()
        await pilot.pause()
        assert "› 5 ( ) I don't know" in screen_text(pilot.app)
        assert (choices.highlighted, choices.marked) == before

    start = draft(
        answers=answers(people="both", mainland_server="yes", operator="company"),
        question="filing",
    )
    run_app(StandInServices(), test, start=start)


def test_at_sixty_by_twenty_every_choice_can_be_seen() -> None:
    async def test(pilot: Any) -> None:
        for item in QUESTIONS:
            pilot.app.go_to(draft(answers=answers(people="both"), question=item.id))
            await pilot.pause()
            if shown(pilot) != item.id:
                continue
            await pilot.press("home")
            for number in range(1, len(item.choices) + 1):
                await pilot.pause()
                assert f"› {number}" in screen_text(pilot.app), (item.id, number)
                await pilot.press("down")

    run_app(StandInServices(), test, size=(60, 20), start=draft())


def test_a_disk_that_refuses_loses_nothing_on_the_screen() -> None:
    # What the disk says comes from outside: it is shown as it is, never as markup.
    refused = AssistantError("disk", msg("The disk is full: {why}", why=ODD))

    async def test(pilot: Any) -> None:
        await pilot.press("2", "enter")
        await pilot.pause()
        assert shown(pilot) == "mainland_server"
        assert page(pilot).draft.answers.people == "both"
        assert "[red]no[/b]" in screen_text(pilot.app)

    run_app(StandInServices(errors={"save_draft": refused}), test, size=(120, 40), start=draft())
