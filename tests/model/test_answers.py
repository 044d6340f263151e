"""The questionnaire: words, choices, what applies, and what contradicts what."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from assistant.answers import (
    QUESTIONS,
    Answers,
    Phone,
    applicable,
    contradictions,
    labels,
    next_question,
    question,
    relevant,
    with_answer,
)
from assistant.text import render


def test_every_field_has_one_question_in_the_same_order() -> None:
    assert [item.id for item in QUESTIONS] == list(Answers.model_fields)


def test_the_choices_are_exactly_what_the_field_accepts() -> None:
    for item in QUESTIONS:
        for value in item.values:
            assert with_answer(Answers(), item.id, value).value(item.id) in (value, (value,))
        wrong: object
        for wrong in ("", "maybe", item.values[0].upper(), 1, True, ["yes", 3], {}):
            with pytest.raises(ValidationError):
                Answers.model_validate({item.id: wrong})
        allowed = str(Answers.model_json_schema()["properties"][item.id])
        schema = Answers.model_json_schema()
        name = allowed.rsplit("/", 1)[-1].split("'")[0]
        assert list(item.values) == schema["$defs"][name]["enum"]


def test_words_are_there_and_have_no_open_braces() -> None:
    for item in QUESTIONS:
        words = [item.text, item.why, item.find_out, *(choice.label for choice in item.choices)]
        words += [choice.note for choice in item.choices if choice.note is not None]
        for message in words:
            text = render(message)
            assert text.strip() == text
            assert len(text) >= 2
            assert "{" not in text
        assert render(item.text).endswith("?")
        assert len(item.values) == len(set(item.values)) >= 2


def test_preferences_cannot_be_unknown_and_facts_can() -> None:
    assert {item.id for item in QUESTIONS if item.unknown} == {
        "mainland_server",
        "operator",
        "filing",
        "device_records",
        "home_line",
        "port_forwarding",
        "phones",
    }


def test_phones_are_kept_in_one_order_and_once() -> None:
    given = Answers.model_validate({"phones": ["android_google", "ios_mainland", "android_google"]})
    assert given.phones == (Phone.IOS_MAINLAND, Phone.ANDROID_GOOGLE)
    assert Answers.model_validate({"phones": "none"}).phones == (Phone.NONE,)
    assert Answers.model_validate_json(given.model_dump_json()) == given


@pytest.mark.parametrize("wrong", [[], ["none", "ios_foreign"], ["unknown", "ios_foreign"]])
def test_phones_that_cannot_be_true_together(wrong: list[str]) -> None:
    with pytest.raises(ValidationError):
        Answers.model_validate({"phones": wrong})


def test_answers_do_not_change_in_place() -> None:
    answers = Answers()
    with pytest.raises(ValidationError):
        answers.people = "both"  # type: ignore[assignment]
    assert with_answer(answers, "people", "both") != answers
    with pytest.raises(KeyError):
        with_answer(answers, "colour", "red")


def _asked(**given: str) -> set[str]:
    return {item.id for item in applicable(Answers.model_validate(given))}


_ALWAYS = {"people", "traffic", "skill", "outage", "phones", "federation"}


def test_nothing_answered_everything_applies() -> None:
    assert _asked() == set(Answers.model_fields)


@pytest.mark.parametrize(
    ("given", "gone"),
    [
        ({"people": "none_inside"}, set(Answers.model_fields) - _ALWAYS),
        (
            {"mainland_server": "no"},
            set(Answers.model_fields) - _ALWAYS - {"mainland_server"},
        ),
        ({"operator": "nobody_inside"}, {"filing", "home_line", "port_forwarding", "line_loss"}),
        (
            {"consequence": "none"},
            {"device_records", "home_line", "port_forwarding", "line_loss"},
        ),
        ({"home_line": "cgnat"}, {"port_forwarding", "line_loss"}),
        ({"home_line": "none"}, {"port_forwarding", "line_loss"}),
        ({"port_forwarding": "no"}, {"line_loss"}),
        ({"home_line": "unknown"}, set()),
        ({"port_forwarding": "unknown", "mainland_server": "unknown"}, set()),
    ],
)
def test_what_falls_away(given: dict[str, str], gone: set[str]) -> None:
    assert set(Answers.model_fields) - _asked(**given) == gone


def test_questions_come_one_after_the_other_until_all_are_answered() -> None:
    answers = Answers()
    asked = []
    while (item := next_question(answers)) is not None:
        asked.append(item.id)
        answers = with_answer(answers, item.id, item.values[0])
    # the first choice of "consequence" is "nothing may happen": options 3 and 4 are not asked about
    assert asked == [
        *("people", "mainland_server", "operator", "filing", "consequence"),
        *("traffic", "skill", "outage", "phones", "federation"),
    ]


def test_relevant_drops_only_what_does_not_apply() -> None:
    answers = Answers.model_validate(
        {"people": "none_inside", "operator": "company", "traffic": "calls"}
    )
    assert relevant(answers) == Answers.model_validate(
        {"people": "none_inside", "traffic": "calls"}
    )
    assert answers.value("operator") == "company"


def test_labels() -> None:
    assert [render(item) for item in labels("people", None)] == ["not answered yet"]
    assert labels("people", "both") == (question("people").choice("both").label,)
    assert len(labels("phones", ("ios_mainland", "ios_foreign"))) == 2
    with pytest.raises(KeyError):
        labels("people", "purple")


@pytest.mark.parametrize(
    ("given", "pair"),
    [
        ({"people": "none_inside", "home_line": "public_ipv4"}, ("people", "home_line")),
        ({"people": "none_inside", "operator": "individual"}, ("people", "operator")),
        ({"operator": "nobody_inside", "filing": "same_cloud"}, ("operator", "filing")),
        ({"operator": "nobody_inside", "filing": "could"}, ("operator", "filing")),
        ({"operator": "nobody_inside", "home_line": "cgnat"}, ("operator", "home_line")),
        ({"mainland_server": "no", "filing": "same_cloud"}, ("mainland_server", "filing")),
        ({"mainland_server": "no", "filing": "other_cloud"}, ("mainland_server", "filing")),
        ({"home_line": "none", "port_forwarding": "yes"}, ("home_line", "port_forwarding")),
        ({"consequence": "none", "line_loss": "yes"}, ("consequence", "line_loss")),
    ],
)
def test_contradictions_name_both_answers(given: dict[str, str], pair: tuple[str, str]) -> None:
    found = contradictions(Answers.model_validate(given))
    assert [item.questions for item in found] == [pair]
    text = render(found[0].message)
    assert text.startswith("You said that ")
    assert " and also that " in text


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"people": "none_inside", "operator": "company"},
        {"people": "none_inside", "home_line": "none"},
        {"people": "none_inside", "home_line": "unknown", "operator": "unknown"},
        {"operator": "nobody_inside", "filing": "will_not", "home_line": "none"},
        {"mainland_server": "no", "filing": "could"},
        {"mainland_server": "unknown", "filing": "same_cloud"},
        {"home_line": "cgnat", "port_forwarding": "yes"},
    ],
)
def test_no_contradiction_where_both_can_be_true(given: dict[str, str]) -> None:
    assert contradictions(Answers.model_validate(given)) == ()
