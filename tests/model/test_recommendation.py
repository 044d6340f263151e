"""The recommendation in telling cases: what comes first, why, and what would change it."""

from __future__ import annotations

import pytest

from assistant.advice.ranking import Verdict
from assistant.advice.recommendation import Recommendation, recommend
from assistant.answers import Answers
from assistant.text import render

READY = {
    "people": "mostly_inside",
    "mainland_server": "yes",
    "operator": "company",
    "filing": "same_cloud",
    "consequence": "questioned",
    "device_records": "yes",
    "home_line": "public_ipv4",
    "port_forwarding": "yes",
    "line_loss": "yes",
    "traffic": "photos",
    "skill": "expert",
    "outage": "week",
    "phones": ["ios_foreign"],
    "federation": "own",
}
"""Answers that leave every option possible."""


def advise(**changes: object) -> Recommendation:
    return recommend(Answers.model_validate(READY | changes))


def order(result: Recommendation) -> list[int]:
    return [item.option for item in result.ranking]


def left(result: Recommendation) -> set[int]:
    return {item.option for item in result.ranking if item.verdict is not Verdict.RULED_OUT}


def test_all_options_are_possible_when_nothing_stands_against_them() -> None:
    assert {item.verdict for item in advise().ranking} == {Verdict.POSSIBLE}


@pytest.mark.parametrize(
    ("story", "changes", "first", "possible"),
    [
        ("a company with a filing, most staff in China", {}, 2, {1, 2, 3, 4}),
        ("the same with a filing at another cloud", {"filing": "other_cloud"}, 2, {1, 2, 3, 4}),
        ("a family mostly in Frankfurt", {"people": "mostly_outside"}, 1, {1, 2, 3, 4}),
        ("friends in Paris and Tokyo", {"people": "none_inside"}, 1, {1, 2, 3, 4}),
        (
            "a student behind CGNAT who will not file",
            {
                "operator": "individual",
                "filing": "will_not",
                "home_line": "cgnat",
                "consequence": "none",
                "skill": "beginner",
            },
            1,
            {1},
        ),
        ("nobody there answers for it", {"operator": "nobody_inside"}, 3, {1, 3}),
        ("no mainland server", {"mainland_server": "no", "filing": "could"}, 1, {1}),
        ("nothing may happen to anybody", {"consequence": "none"}, 2, {1, 2}),
        (
            "nothing may happen and no filing",
            {"consequence": "none", "filing": "will_not"},
            1,
            {1},
        ),
        (
            "an expert without a filing, calls, devices within reach",
            {"filing": "will_not", "traffic": "calls"},
            3,
            {1, 3, 4},
        ),
        (
            "the same, grandmother's phone out of reach",
            {"filing": "will_not", "traffic": "calls", "device_records": "no"},
            4,
            {1, 4},
        ),
        (
            "the same, and the line is needed for work",
            {
                "filing": "will_not",
                "traffic": "calls",
                "device_records": "no",
                "line_loss": "no",
            },
            1,
            {1},
        ),
        ("text only, no filing", {"filing": "will_not", "traffic": "text"}, 1, {1, 3, 4}),
        (
            "only the service may be lost, no filing",
            {"filing": "will_not", "traffic": "calls", "consequence": "service_lost"},
            1,
            {1, 3, 4},
        ),
        ("half here, half there, text", {"people": "both", "traffic": "text"}, 1, {1, 2, 3, 4}),
        ("half here, half there, calls", {"people": "both", "traffic": "calls"}, 2, {1, 2, 3, 4}),
    ],
)
def test_scenarios(story: str, changes: dict[str, object], first: int, possible: set[int]) -> None:
    result = advise(**changes)
    assert result.first == first, story
    assert order(result)[0] == first
    assert left(result) == possible, story
    assert result.only_one is (possible == {1})
    assert result.test_first is (first in (3, 4))


@pytest.mark.parametrize(
    ("changes", "option", "rule", "back"),
    [
        ({"filing": "will_not"}, 2, "2-will-not-file", ("same_cloud", "other_cloud", "could")),
        ({"mainland_server": "no"}, 2, "2-no-mainland-server", ("yes", "could")),
        ({"mainland_server": "no"}, 3, "3-no-mainland-server", ("yes", "could")),
        ({"mainland_server": "no"}, 4, "4-no-mainland-server", ("yes", "could")),
        ({"operator": "nobody_inside"}, 2, "2-nobody-inside", ("company", "individual")),
        (
            {"operator": "nobody_inside"},
            4,
            "4-nobody-inside",
            ("company", "individual", "other_inside"),
        ),
        ({"home_line": "cgnat"}, 4, "4-cgnat", ("public_ipv4", "ipv6_only")),
        ({"home_line": "none"}, 4, "4-no-line", ("public_ipv4", "ipv6_only")),
        ({"port_forwarding": "no"}, 4, "4-port-forwarding", ("yes",)),
        ({"line_loss": "no"}, 4, "4-line-loss", ("yes",)),
        ({"device_records": "no"}, 3, "3-devices", ("yes",)),
        ({"consequence": "none"}, 3, "3-no-consequence", ("service_lost", "questioned")),
        ({"consequence": "none"}, 4, "4-no-consequence", ("service_lost", "questioned")),
    ],
)
def test_each_hard_rule_names_its_answer_and_the_way_back(
    changes: dict[str, str], option: int, rule: str, back: tuple[str, ...]
) -> None:
    ranked = advise(**changes).ranked(option)
    assert ranked.verdict is Verdict.RULED_OUT
    (hit,) = ranked.ruled_out_by
    (asked,) = changes
    assert (hit.rule, hit.back) == (rule, back)
    assert (hit.ground.question, hit.ground.value) == (asked, changes[asked])
    for value in back:
        assert advise(**{asked: value}).ranked(option).verdict is Verdict.POSSIBLE


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"filing": "unknown"}, 2),
        ({"filing": None}, 2),
        ({"operator": "other_inside"}, 2),
        ({"operator": "unknown"}, 4),
        ({"mainland_server": "unknown"}, 3),
        ({"device_records": "unknown"}, 3),
        ({"home_line": "unknown"}, 4),
        ({"port_forwarding": None}, 4),
        ({"line_loss": None}, 4),
        ({"consequence": None}, 4),
    ],
)
def test_what_is_not_known_leaves_an_option_unsure_and_tells_how_to_find_out(
    changes: dict[str, object], option: int
) -> None:
    ranked = advise(**changes).ranked(option)
    assert ranked.verdict is Verdict.UNSURE
    (point,) = ranked.open_points
    assert point.ground.question in changes
    assert render(point.find_out)


def test_nothing_answered_means_option_one_and_everything_to_find_out() -> None:
    result = recommend(Answers())
    assert result.first == 1
    assert result.ranked(1).verdict is Verdict.POSSIBLE
    assert {result.ranked(number).verdict for number in (2, 3, 4)} == {Verdict.UNSURE}
    assert result.would_change == ()  # one answer alone is never enough
    assert all(item.could_change and not item.alone for item in result.unknowns)
    assert [item.ground.question for item in result.unknowns] == [
        name for name in Answers.model_fields if name != "phones"
    ]
    first_reason = result.ranked(1).reasons_for[0]
    assert (first_reason.ground.question, first_reason.ground.value) == ("people", None)


def test_the_single_answer_that_would_change_the_first_place() -> None:
    result = advise(filing="unknown", consequence="none")
    assert result.first == 1
    changes = {(item.question, item.value, item.first) for item in result.would_change}
    assert ("filing", "same_cloud", 2) in changes
    assert ("filing", "will_not", 1) not in changes
    (missing,) = result.unknowns
    assert missing.ground.question == "filing"
    assert missing.alone
    assert "beian.miit.gov.cn" in render(missing.find_out)


def test_a_missing_answer_that_cannot_matter_is_not_asked_for() -> None:
    result = advise(device_records="unknown", people="mostly_outside")
    assert [(item.ground.question, item.could_change) for item in result.unknowns] == [
        ("device_records", False)
    ]
    # everything about the home line is settled by "nothing may happen to anybody"
    assert advise(home_line="unknown", consequence="none").unknowns == ()


def test_conditions_come_with_the_answers_they_rest_on() -> None:
    result = advise(filing="other_cloud", mainland_server="could")
    conditions = result.ranked(2).conditions
    texts = {item.ground.question: render(item.message) for item in conditions if item.ground}
    assert "接入备案" in texts["filing"]
    assert texts["mainland_server"].startswith("Rent a server in a mainland cloud")
    assert "spare domain" in " ".join(render(item.message) for item in result.ranked(1).conditions)
    assert "Hong Kong" in render(result.ranked(1).conditions[0].message)
    for number in (3, 4):
        assert any(
            render(item.message).startswith("Test first")
            for item in result.ranked(number).conditions
        )


def test_a_private_filing_is_never_stretched() -> None:
    ranked = advise(operator="individual").ranked(2)
    assert "never state another purpose" in " ".join(
        render(item.message) for item in ranked.conditions
    )
    assert any(item.ground.question == "operator" for item in ranked.reasons_against)


def test_the_first_place_always_has_something_to_say_for_itself() -> None:
    for changes in ({}, {"filing": "will_not", "traffic": "calls", "device_records": "no"}):
        result = advise(**changes)
        assert result.ranking[0].reasons_for


def test_remarks_hold_whatever_the_option() -> None:
    result = advise(phones=["ios_mainland", "android_no_google"], traffic="calls")
    assert [item.ground.question for item in result.remarks] == ["traffic", "phones", "phones"]
    assert "App Store" in render(result.remarks[1].message)
    assert advise().remarks == ()


def test_contradictions_are_passed_on() -> None:
    result = advise(mainland_server="no")
    assert [item.questions for item in result.contradictions] == [("mainland_server", "filing")]
    assert advise().contradictions == ()


def test_advice_tells_a_test_comes_first() -> None:
    text = render(advise(filing="will_not", traffic="calls").advice)
    assert "live test" in text
    assert "option 1" in text
    assert "Only option 1 is left" in render(advise(mainland_server="no").advice)
    assert "safe choice" in render(recommend(Answers()).advice)
    assert "so far" in render(advise(home_line="unknown").advice)
