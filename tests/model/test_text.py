"""Messages: what they hold, how they are worded, which language is spoken."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from assistant.text import Message, language, language_of_locale, listed, msg, render


class Holder(BaseModel):
    message: Message


def test_values_are_kept_and_worded_as_they_are() -> None:
    message = msg("{name} has {count} of {size:.1f}", name="[/b]{x}", count=3, size=2.25)
    assert str(message) == "[/b]{x} has 3 of 2.2"
    assert render(message, "zh") == str(message)  # no translation: English


def test_a_message_in_a_message_is_worded_in_the_same_language() -> None:
    inner = msg("ok")
    outer = msg(
        "{host}: {text}", host="outside", text=msg("{name} is {state}", name="a", state=inner)
    )
    assert render(outer) == "outside: a is ok"
    assert render(outer, "zh") == "outside：a is 正常"


def test_messages_survive_json_nested_ones_too() -> None:
    message = msg("{a} {b} {c}", a=msg("{d}", d=msg("ok")), b=1, c=1.5)
    again = Holder.model_validate_json(Holder(message=message).model_dump_json()).message
    assert again == message
    assert isinstance(again.values["a"], Message)
    assert [type(again.values[name]) for name in "bc"] == [int, float]


def test_saved_messages_of_earlier_versions_are_read() -> None:
    old = '{"message": {"template": "{who}: {n}", "values": {"who": "template", "n": 2}}}'
    assert str(Holder.model_validate_json(old).message) == "template: 2"
    assert str(Holder.model_validate({"message": {"template": "x"}}).message) == "x"
    with pytest.raises(ValueError, match="extra"):
        Holder.model_validate({"message": {"template": "x", "values": {}, "extra": 1}})


def test_other_values_become_text() -> None:
    assert msg("{x}", x=None).values == {"x": "None"}


def test_a_missing_value_or_a_broken_template_is_no_error() -> None:
    assert str(msg("{gone} and {there}", there=1)) == "{gone} and 1"
    assert str(Message(template="open { brace")) == "open { brace"
    assert str(msg("{n:.1f}", n="text")) == "{n:.1f}"
    assert render(Message(template=""), "zh") == ""


def test_a_broken_translation_falls_back_to_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.text.message.translated", lambda template, to: "坏 {x:.1f")
    assert render(msg("{x} is fine", x=1), "zh") == "1 is fine"


def test_several_things_are_listed_with_the_commas_of_the_language() -> None:
    things = listed(["a", msg("ok"), "b"])
    assert (str(things), render(things, "zh")) == ("a, ok, b", "a、正常、b")
    assert str(listed([])) == ""
    assert str(listed(["one"])) == "one"


def test_chinese_is_set_with_spaces_around_latin_words() -> None:
    here = msg("Not tried from {vantage}: there is no connection to it.", vantage="this computer")
    there = msg("Not tried from {vantage}: there is no connection to it.", vantage="outside")
    assert render(here, "zh") == "没有从这台电脑测试：与它没有连接。"
    assert render(there, "zh") == "没有从 outside 测试：与它没有连接。"
    assert "from outside:" in str(there)
    left = msg("{time} so far, {left} left", time="11 s", left=msg("about a minute"))
    assert render(left, "zh") == "已用 11 s，还剩大约一分钟"
    two = msg("{what} {remedy}", what=msg("The test users are gone."), remedy=msg("Nothing."))
    assert render(two, "zh") == "测试用户已删除。没有。"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW.UTF-8", "LC_ALL": ""}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "zh_CN"}, "zh"),
        ({"LANG": "en_US.UTF-8", "MATRIX_ASSISTANT_LANGUAGE": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "MATRIX_ASSISTANT_LANGUAGE": "en"}, "en"),
    ],
)
def test_the_language_follows_the_locale(environment: dict[str, str], wanted: str) -> None:
    assert language_of_locale(environment) == wanted


def test_a_damaged_catalogue_leaves_english(
    monkeypatch: pytest.MonkeyPatch, tmp_path: language.Path
) -> None:
    folder = tmp_path / "zh" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "matrix-assistant.mo").write_bytes(b"not a catalogue")
    monkeypatch.setattr(language, "LOCALE", tmp_path)
    language._catalogue.cache_clear()
    try:
        assert render(msg("ok"), "zh") == "ok"
    finally:
        language._catalogue.cache_clear()
