"""The advice: the first choice drawn and explained, the others to look at, what may be chosen."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from rich.cells import cell_len
from textual.widgets import Input

from assistant.advice.options import (
    OPTIONS,
    Link,
    LinkKind,
    NameSource,
    Node,
    NodeKind,
    Side,
    Topology,
)
from assistant.advice.recommendation import recommend
from assistant.answers import Answers
from assistant.setup.history import with_history
from assistant.setup.model import HistoryEntry
from assistant.text import Message, msg, render
from assistant.wizard.draft_to_setup import draft_from_setup
from assistant.wizard.steps import Step
from screens.advice.advice import AdvicePage, stand_in
from screens.advice.option_drawing import BORDER, SIDE_BY_SIDE, draw
from screens.advice.questions import QuestionsPage
from screens.advice.story import told
from screens.advice.story_lines import StoryLine
from tests.support.option_setups import setup
from tests.support.screens_stand_in import StandInServices, run_app, screen_text, until
from tests.support.screens_values import ANSWERS, ODD, ODD_SHOWN, draft

THREE = Answers.model_validate(
    {
        "people": "both",
        "mainland_server": "yes",
        "operator": "individual",
        "filing": "will_not",
        "consequence": "service_lost",
        "device_records": "yes",
        "home_line": "cgnat",
        "traffic": "photos",
        "skill": "some",
        "outage": "day",
        "phones": ["ios_mainland"],
        "federation": "own",
    }
)
"""Option 3 is possible; 2 and 4 are ruled out; 1 leads."""
TWO = THREE.model_copy(update={"operator": "company", "filing": "same_cloud"})
"""Option 2 leads."""
SENTENCE = "I accept the risks of option 3"


def page(pilot: Any) -> AdvicePage:
    assert isinstance(pilot.app.screen, AdvicePage)
    return pilot.app.screen


async def type_text(pilot: Any, text: str) -> None:
    await pilot.press(*("space" if char == " " else char for char in text))


# -- the drawing ---------------------------------------------------------------


def chinese(message: Message) -> str:
    return render(message, "zh")


@pytest.mark.parametrize("number", sorted(OPTIONS))
@pytest.mark.parametrize("say", [str, chinese])
def test_a_drawing_fits_its_width_and_names_every_box(number: int, say: Any) -> None:
    topology = OPTIONS[number].topology
    for width in range(20, 100):
        lines = draw(topology, width, say)
        assert max(cell_len(line) for line in lines) <= width
        plain = "".join(char for line in lines for char in line if char.isalnum())
        if width < SIDE_BY_SIDE:
            for node in topology.nodes:
                label = "".join(char for char in say(node.label) if char.isalnum())
                assert label in plain, (width, label)
        corners = sum(line.count("┌") for line in lines)
        assert corners == sum(line.count("┘") for line in lines) == len(topology.nodes)


@pytest.mark.parametrize("number", sorted(OPTIONS))
def test_frames_are_straight_also_around_chinese(number: int) -> None:
    lines = draw(OPTIONS[number].topology, 76, chinese)

    def columns(line: str, signs: str) -> list[int]:
        return [cell_len(line[:place]) for place, char in enumerate(line) if char in signs]

    right = [place for line in lines for place in columns(line, "┐┘")]
    left = [place for line in lines for place in columns(line, "┌└")]
    assert len(set(right)) <= 2
    assert len(set(left)) <= 2
    borders = {place for line in lines[1:] for place in columns(line, BORDER)}
    assert len(borders) == 1, "one straight border"


def test_the_drawing_of_option_3_tells_where_each_name_is_known() -> None:
    text = "\n".join(draw(OPTIONS[3].topology, 76))
    assert "name set on devices │" in text
    assert "→ name set on server" in text
    assert "← name in public DNS" in text
    server = next(line for line in text.splitlines() if "Your server outside" in line)
    assert "◀" in server
    assert "▶" in server


def test_the_drawing_of_option_1_points_from_inside_to_outside() -> None:
    lines = draw(OPTIONS[1].topology, 76)
    (crossing,) = [line for line in lines if "◀" in line]
    assert "▶" not in crossing
    assert crossing.index("Your server outside") < crossing.index(BORDER)
    assert crossing.index(BORDER) < crossing.index("People in China")
    assert any("▲ apps connect" in line for line in draw(OPTIONS[1].topology, 40))


def test_a_link_that_has_no_place_in_one_column_is_told_in_words() -> None:
    nodes = tuple(
        Node(id=name, kind=NodeKind.SERVER, side=Side.OUTSIDE, label=msg("{name}", name=name))
        for name in "abc"
    )
    links = tuple(
        Link(start=start, end=end, kind=LinkKind.FORWARD, name=NameSource.ADDRESS)
        for start, end in ("ab", "bc", "ac")
    )
    assert "a → c: passes it on" in draw(Topology(nodes=nodes, links=links), 40)


# -- the story -----------------------------------------------------------------


def test_the_first_choice_says_why_not_the_others_and_what_brings_them_back() -> None:
    lines = [line for line in told(recommend(THREE), 1) if line.kind != "heading"]
    words = [str(line.message) for line in lines]
    out = words.index("It needs a filing (ICP 备案) for the domain, and you will not file.")
    assert lines[out + 1].question == "filing"
    assert words[out + 2].startswith("It would be possible again with: “Yes, with the company")
    assert any("option 2" in text and text.startswith("If the answer were") for text in words)


def test_what_an_option_rests_on_can_always_be_gone_to() -> None:
    advice = recommend(THREE)
    for number in OPTIONS:
        lines = told(advice, number)
        for line, following in pairwise(lines):
            if line.kind == "out":
                assert following.kind == "answer"
                assert following.question


def test_the_stand_in_is_not_ruled_out() -> None:
    assert stand_in(recommend(THREE), 3) == 1
    assert stand_in(recommend(THREE), 1) == 3


# -- on the screen -------------------------------------------------------------


def test_enter_goes_on_with_option_1() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        text = screen_text(pilot.app)
        assert "Our advice is option 1: One server outside China" in text
        assert "Go on with option 1 ⏎" in text
        assert "People in China" in text
        await pilot.press("enter")
        await until(pilot, lambda: services.draft is not None and services.draft.option == 1)
        assert services.draft is not None
        assert services.draft.step is Step.SERVERS

    run_app(services, test, start=draft(Step.ADVICE))


def test_a_ruled_out_option_is_shown_but_not_chosen_and_leads_to_its_answer() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        await pilot.press("2")
        await pilot.pause()
        text = screen_text(pilot.app)
        assert "Option 2: A licensed server in China" in text
        assert "It cannot be chosen with your answers" in text
        assert "Go on with option 1 ⏎" in text
        assert not page(pilot).query_one("#acknowledge").display
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuestionsPage))
        assert services.draft is not None
        assert (services.draft.step, services.draft.question) == (Step.QUESTIONS, "filing")
        assert services.draft.answers == THREE
        await pilot.press("1", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AdvicePage))
        assert "Our advice is option 2" in screen_text(pilot.app)

    run_app(services, test, start=draft(Step.ADVICE, answers=THREE))


def test_option_2_is_gone_on_with_like_any_other() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        assert "Our advice is option 2" in screen_text(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: services.draft is not None and services.draft.option == 2)

    run_app(services, test, start=draft(Step.ADVICE, answers=TWO))


def test_the_risks_are_accepted_only_with_the_sentence() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        await pilot.press("3", "enter")
        await pilot.pause()
        assert "First read what you should know" in screen_text(pilot.app)
        await type_text(pilot, "[b]yes[/b] 13")
        await pilot.press("enter")
        await pilot.pause()
        text = screen_text(pilot.app)
        assert "This is not the sentence yet" in text
        assert "[b]yes[/b] 13" in text, "digits belong to the field while it is typed in"
        assert services.draft is not None
        assert services.draft.acknowledged == ""
        page(pilot).query_one(Input).value = ""
        await type_text(pilot, SENTENCE.lower())
        await pilot.press("enter")
        await until(pilot, lambda: services.draft.step is Step.SERVERS)  # type: ignore[union-attr]
        assert (services.draft.option, services.draft.acknowledged) == (3, SENTENCE.lower())
        # going back and on with another option takes the consent back
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, AdvicePage))
        await pilot.press("1", "enter")
        await until(pilot, lambda: services.draft.option == 1)  # type: ignore[union-attr]
        assert services.draft.acknowledged == ""

    run_app(services, test, start=draft(Step.ADVICE, answers=THREE))


def test_the_sentence_leads_on_as_it_was_typed() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        await pilot.press("3", "enter")
        await type_text(pilot, SENTENCE)
        await pilot.press("enter")
        await until(pilot, lambda: services.draft is not None and services.draft.option == 3)
        assert services.draft is not None
        assert (services.draft.step, services.draft.acknowledged) == (Step.SERVERS, SENTENCE)

    run_app(services, test, start=draft(Step.ADVICE, answers=THREE))


def test_escape_leaves_the_field_first_and_then_the_page() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        await pilot.press("3", "enter", "x", "escape")
        assert page(pilot).query_one(Input).value == "x"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuestionsPage))
        assert services.draft is not None
        assert services.draft.answers == THREE

    run_app(services, test, start=draft(Step.ADVICE, answers=THREE))


def test_language_and_size_keep_the_option_and_what_was_typed() -> None:
    async def test(pilot: Any) -> None:
        await pilot.press("3", "enter")
        await type_text(pilot, "I acc")
        await pilot.press("f2")
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert page(pilot).query_one(Input).value == "I acc"
        assert page(pilot).query_one(Input).has_focus
        assert "Option 3:" not in screen_text(pilot.app)
        await pilot.resize_terminal(80, 24)
        await pilot.press("f2", "escape", "home")
        await pilot.pause()
        assert "Option 3: A server in China" in screen_text(pilot.app)
        assert "› 3 In China, no public DNS" in screen_text(pilot.app)

    run_app(StandInServices(), test, start=draft(Step.ADVICE, answers=THREE))


def test_everything_can_be_reached_at_sixty_by_twenty() -> None:
    async def test(pilot: Any) -> None:
        seen = screen_text(pilot.app)
        scroll = page(pilot).query_one("#advice-scroll")
        for _ in range(30):
            await pilot.press("pagedown")
            scroll.scroll_to(y=scroll.scroll_target_y, animate=False)
            await pilot.pause()
            seen += screen_text(pilot.app)
        for heading in ("What speaks for it", "Why not the others", "What you need"):
            assert heading in seen
        assert "1 ▸ leading" in screen_text(pilot.app)

    run_app(StandInServices(), test, size=(60, 20), start=draft(Step.ADVICE))


def test_an_odd_acknowledgement_is_cleaned_and_accepts_nothing() -> None:
    async def test(pilot: Any) -> None:
        assert page(pilot).query_one(Input).value == ODD_SHOWN
        assert "Accept the risks of option 3" in screen_text(pilot.app)
        assert len(page(pilot).query(StoryLine)) > 10

    run_app(
        StandInServices(),
        test,
        start=draft(Step.ADVICE, answers=THREE, option=3, acknowledged=ODD),
    )


def test_the_draft_of_a_ruled_out_option_is_not_gone_on_with() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        assert "It cannot be chosen" in screen_text(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: services.draft is not None and services.draft.option == 1)

    run_app(services, test, start=draft(Step.ADVICE, answers=ANSWERS, option=4))


def test_a_service_that_runs_goes_on_only_with_what_it_can_become() -> None:
    before = with_history(
        setup(2), HistoryEntry(at=datetime(2026, 1, 2, tzinfo=UTC), what="applied")
    )
    services = StandInServices(setups={before.name: before})

    async def test(pilot: Any) -> None:
        for option in (1, 3, 4):
            await pilot.press(str(option))
            await until(pilot, lambda o=option: f"Option {o}:" in screen_text(pilot.app))  # type: ignore[misc]
            text = " ".join(screen_text(pilot.app).split())
            assert "Your service runs as option 2 and cannot become this one." in text
            assert "Start a new setup" in text
            assert "Go on with option 2 ⏎" in text
            assert not page(pilot).query_one("#acknowledge").display
        await pilot.press("enter")
        await until(pilot, lambda: services.draft is not None and services.draft.option == 2)

    start = draft_from_setup(before, Step.ADVICE).model_copy(update={"answers": TWO})
    run_app(services, test, start=start)


def test_a_service_that_runs_may_stay_what_it_is_whatever_is_answered_later() -> None:
    before = with_history(
        setup(2), HistoryEntry(at=datetime(2026, 1, 2, tzinfo=UTC), what="applied")
    )
    services = StandInServices(setups={before.name: before})

    async def test(pilot: Any) -> None:
        text = " ".join(screen_text(pilot.app).split())
        assert "Your service runs as this option and can stay so" in text
        assert "Go on with option 2 ⏎" in text

    start = draft_from_setup(before, Step.ADVICE).model_copy(update={"answers": THREE})
    run_app(services, test, start=start)
