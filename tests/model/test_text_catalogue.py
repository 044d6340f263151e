"""The catalogue: complete, current, and a lint that notices when it is not."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from string import Formatter

import pytest
from rich.cells import cell_len

from assistant.advice.options import OPTIONS, acknowledged
from assistant.answers import QUESTIONS
from assistant.cli import build_parser
from assistant.onhost.said import fields, said, together
from assistant.text import Message, catalogue, language, msg, render
from assistant.text.host_messages import host_message, title_message
from assistant.text.sanitize import clean_text

TEXTS = catalogue.all_texts()
TEMPLATES = catalogue.templates(TEXTS)


def test_nothing_is_wrong_with_the_texts_and_their_translations() -> None:
    assert list(catalogue.check(TEXTS)) == []


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(language.LOCALE, tmp_path / "locale")
    return tmp_path / "locale"


def _po(locale: Path) -> Path:
    return locale / "zh" / "LC_MESSAGES" / "matrix-assistant.po"


@pytest.mark.parametrize(
    ("was", "becomes", "complaint"),
    [
        ('msgstr "{host}：{text}"', 'msgstr "{host}：{test}"', "other braces"),
        ('msgstr "{host}：{text}"', 'msgstr "{host}：{text"', "other braces"),
        ('msgstr "{host}：{text}"', 'msgstr ""', "not translated"),
        ('msgstr "{host}：{text}"', 'msgstr "{host}——{text}"', "is not what the .po says"),
        ('msgid "{host}: {text}"', 'msgid "{host}:: {text}"', "no longer used"),
        ('msgid "{host}: {text}"', 'msgid "{host}:: {text}"', "not there yet"),
        ('msgid "{host}: {text}"', '#, fuzzy\nmsgid "{host}: {text}"', "marked fuzzy"),
    ],
)
def test_the_check_catches_a_broken_catalogue(
    copied: Path, was: str, becomes: str, complaint: str
) -> None:
    path = _po(copied)
    text = path.read_text("utf-8")
    assert was in text
    path.write_text(text.replace(was, becomes), "utf-8")
    assert any(complaint in problem for problem in catalogue.check(TEXTS, copied))


def test_the_check_catches_an_obsolete_entry_and_a_missing_mo(copied: Path) -> None:
    path = _po(copied)
    path.write_text(path.read_text("utf-8") + '\n#~ msgid "Gone"\n#~ msgstr "没了"\n', "utf-8")
    path.with_suffix(".mo").unlink()
    problems = list(catalogue.check(TEXTS, copied))
    assert any("obsolete" in problem for problem in problems)
    assert any(problem.startswith(str(path.with_suffix(".mo"))) for problem in problems)


def test_an_update_keeps_translations_drops_old_texts_and_changes_nothing_twice(
    copied: Path,
) -> None:
    path = _po(copied)
    before = (path.read_bytes(), path.with_suffix(".mo").read_bytes())
    catalogue.update(TEXTS, copied)
    assert (path.read_bytes(), path.with_suffix(".mo").read_bytes()) == before
    fewer = [text for text in TEXTS if text.template != "ok"]
    catalogue.update(fewer, copied)
    assert 'msgid "ok"' not in path.read_text("utf-8")
    assert list(catalogue.check(fewer, copied)) == []


def test_the_check_catches_another_order(copied: Path) -> None:
    catalogue.update(list(reversed(TEXTS)), copied)
    (problem,) = catalogue.check(TEXTS, copied)
    assert problem == f"{_po(copied)}: not in the order of the source; run --update"


def test_texts_that_cannot_be_translated_are_found(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(
        'msg(f"a {b}")\nmsg("{a}")\nmsg("x", a=1)\nmsg("{")\nmsg("{0}", **more)\n', "utf-8"
    )
    found = [problem for text in catalogue.texts(tmp_path) for problem in text.problems]
    wanted = ("one literal", "no value for {a}", "value a is not", "Single '{'", "plain name")
    assert len(found) == 5
    for problem, part in zip(found, wanted, strict=True):
        assert part in problem


def _values(template: str) -> dict[str, object]:
    return {
        name: 1.5 if spec else f"<{name}>"
        for _, name, spec, _ in Formatter().parse(template)
        if name is not None
    }


def test_every_text_is_worded_in_chinese_with_all_its_values() -> None:
    for template in TEMPLATES:
        _is_worded(template)


def _is_worded(template: str) -> None:
    values = _values(template)
    worded = render(msg(template, **values), "zh")
    for name, value in values.items():
        assert (
            f"<{name}>" if isinstance(value, str) else "2" if ":.0f" in template else "1.5"
        ) in worded
    assert "{" not in worded
    assert all(clean_text(line) == line for line in worded.split("\n"))
    assert worded.count("\n") == template.count("\n")


# What stays as it is in a Chinese sentence.
_KEPT = re.compile(r"`[^`]+`|--[a-z-]+|https?://\S+|\b[a-z_]+\.(?:md|py|toml)\b|/etc/\S+|\[setup\]")


def test_commands_options_and_paths_are_not_translated() -> None:
    for template in TEMPLATES:
        worded = render(msg(template), "zh")
        for kept in _KEPT.findall(template):
            assert kept.rstrip(".,:;)") in worded


def test_no_text_needs_a_plural_form() -> None:
    people = {
        template
        for template, files in TEMPLATES.items()
        if not all(file.startswith("assistant/onhost/") for file in files)
    }
    assert [template for template in people if re.search(r"\w\(s\)", template)] == []


def test_chinese_uses_its_own_punctuation_and_one_way_of_address() -> None:
    for template in TEMPLATES:
        worded = render(msg(template), "zh")
        assert "你" not in worded.replace("你们", ""), worded  # 您, to everybody
        assert not re.search(r"[\u4e00-\u9fff][,;?!](?:\s|$)", worded), worded


BUTTONS = (
    "Accept the risks of option {number}", "Again", "Begin", "Cancel", "Check again", "Close",
    "Continue", "Copy", "Done", "Go on", "Go on anyway", "Keep it", "Make the account",
    "Next: people", "Next: the summary", "Run again", "Save", "Save it here", "See the advice",
    "Stop", "Stop trying", "Try again", "Undo", "Use it", "← Back",
)  # fmt: skip


@pytest.mark.parametrize("template", [one for one in BUTTONS if one in TEMPLATES])
def test_buttons_stay_short_in_chinese(template: str) -> None:
    worded = render(msg(template, number=3), "zh")
    limit = 20 if "{" in template else 14
    assert cell_len(worded) <= limit


def test_answers_and_stars_have_room_in_chinese() -> None:
    for asked in QUESTIONS:
        for choice in asked.choices:
            assert cell_len(render(choice.label, "zh")) <= 60


@pytest.mark.parametrize("option", [3, 4])
def test_the_risks_can_be_acknowledged_in_either_language(option: int) -> None:
    sentence = OPTIONS[option].acknowledgement
    assert sentence is not None
    for spoken in language.LANGUAGES:
        assert acknowledged(option, f" {render(sentence, spoken)} ")
    chinese = render(sentence, "zh")
    assert acknowledged(option, chinese.replace(str(option), f" {option} "))
    assert not acknowledged(option, chinese.replace(str(option), str(7 - option)))


def test_help_of_every_command_is_worded_in_both_languages() -> None:
    for spoken, part in (("en", "exit codes"), ("zh", "退出码")):
        text = build_parser(spoken).format_help()
        assert part in re.sub(r"\s+", " ", text)


# -- what the program on the host says --------------------------------------------------------


def _said(template: str, **values: object) -> dict[str, object]:
    return {"event": "failed", **fields("text", said(template, **values))}


def test_what_the_host_says_is_worded_again() -> None:
    inner = said("the installation of {names}", names="nginx")
    event = json.loads(json.dumps(_said("apt failed, so {what} stopped.", what=inner)))
    message = host_message(event)
    assert str(message) == event["text"] == "apt failed, so the installation of nginx stopped."
    assert render(message, "zh") == "apt 失败了，所以 nginx 的安装停下了。"
    both = together([said("removed {path}", path="/etc/x"), said("removed")])
    assert render(host_message(fields("text", both)), "zh") == "已删除 /etc/x；已删除"
    assert render(title_message("Start Synapse"), "zh") == "启动 Synapse"
    assert str(title_message("of {another} time")) == "of {another} time"


def test_journals_of_older_programs_are_shown_in_plain_english() -> None:
    event = {"event": "failed", "text": "apt failed, so the installation of nginx stopped."}
    assert render(host_message(event), "zh") == event["text"]
    assert host_message({"event": "changed", "seconds": 1.0}, "summary").template == ""


@pytest.mark.parametrize(
    "forged",
    [
        {"template": "{x:>999999999}", "values": {"x": "a"}},
        {"template": "{x!r}", "values": {}},
        {"template": "{x.y}", "values": {"x": "a"}},
        {"template": "{0}", "values": {"x": "a"}},
        {"template": "{", "values": {}},
        {"template": "a\x1b[2J"},
        {"template": "x" * 5000},
        {"template": 5},
        {"template": "{x}", "values": ["a"]},
        {"template": "{x}", "values": {"x": ["a"]}},
        {"template": "{x}", "values": {"x": None}},
        {"template": "x", "values": {str(n): "a" for n in range(1000)}},
        {"template": "{x}", "values": {"x": {"template": "{y}"}}},
    ],
)
def test_a_forged_template_is_not_used(forged: dict[str, object]) -> None:
    assert str(host_message({"event": "failed", "text": "as it came", **forged})) == "as it came"


def test_values_of_a_host_are_cleaned_and_kept_short() -> None:
    message = host_message(_said("removed {path}", path="a\x1b[2J\nb\u202e" + "c" * 9000))
    assert str(message).startswith("removed ab" + "c" * 100)
    assert len(str(message)) <= 4100


def test_sentences_within_sentences_end_somewhere() -> None:
    whole = said("removed")
    for _ in range(50):
        whole = said("{first}; {rest}", first=whole, rest="x")
    assert str(host_message(fields("text", whole))) == str(whole)
    assert host_message(fields("text", whole)).template == "{text}"


def test_every_sentence_of_the_host_is_a_template_of_the_catalogue() -> None:
    folder = Path(catalogue.ROOT / "assistant" / "onhost")
    found = [text for text in catalogue.texts(folder) if text.template]
    assert len(found) > 250
    assert [problem for text in found for problem in text.problems] == []
    assert all(render(Message(text.template or ""), "zh") for text in found)
