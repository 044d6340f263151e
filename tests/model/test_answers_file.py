"""Answers files: what they may say, and one clear sentence for everything that is wrong."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.advice.options import acknowledged
from assistant.answers import QUESTIONS, Answers, Phone
from assistant.cli.open_setup import setup_from
from assistant.common.errors import InputError
from assistant.setup.answers_file import PartialSetup, parse_answers, read_answers_file
from assistant.setup.model import Role, Setup
from assistant.wizard.draft_to_setup import home_port

GOOD = """\
# for the rehearsal
[answers]
people = "both"
port_forwarding = true
phones = ["android_google", "ios_foreign"]

[setup]
name = "family"
option = 2
server_name = "Chat.Example.org"

[setup.settings]
federation = "open"

[[setup.hosts]]
name = "out"
role = "outside"
login = { address = "241.0.1.2", port = 2222 }
"""


def test_everything_at_once(tmp_path: Path) -> None:
    path = tmp_path / "answers.toml"
    for raw in (GOOD.encode(), b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()):
        path.write_bytes(raw)
        found = read_answers_file(path)
        assert found.answers == Answers.model_validate(
            {
                "people": "both",
                "port_forwarding": "yes",
                "phones": ["ios_foreign", "android_google"],
            }
        )
        assert found.answers.phones == (Phone.IOS_FOREIGN, Phone.ANDROID_GOOGLE)
        assert found.setup.name == "family"
        assert found.setup.option == 2
        assert found.setup.server_name == "chat.example.org"
        assert found.setup.access_name is None
        assert found.setup.hosts is not None
        assert found.setup.hosts[0].login.port == 2222
        assert found.setup.settings is not None
        assert found.setup.settings.federation == "open"


def test_json_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text(json.dumps({"answers": {"people": "both"}, "setup": {"option": 1}}))
    found = read_answers_file(path)
    assert found.answers == Answers.model_validate({"people": "both"})
    assert found.setup == PartialSetup(option=1)


def test_every_answer_of_every_question_can_be_given() -> None:
    for item in QUESTIONS:
        for value in item.values:
            found = parse_answers(f'[answers]\n{item.id} = "{value}"\n', "a.toml")
            assert found.answers.value(item.id) in (value, (value,))
    assert parse_answers("", "a.toml").answers == Answers()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[answers]\npeople = "mostly_insid"\n',
            [
                "a.toml, line 2, answers.people:",
                "“mostly_insid” is not one of the answers",
                "Did you mean mostly_inside?",
                "Allowed: mostly_inside, both, mostly_outside, none_inside",
            ],
        ),
        ('[answers]\nfiling = "purple"\n', ["line 2, answers.filing", "Allowed: same_cloud,"]),
        ("[answers]\ntraffic = 3\n", ["answers.traffic", "“3” is not one", "text, photos, calls"]),
        ("[answers]\nline_loss = 1979-05-27\n", ["answers.line_loss", "Allowed: yes, no"]),
        ('[answers]\npeople = ["both"]\n', ["answers.people: give only one of:"]),
        (
            '[answers]\npeopel = "both"\n',
            ["line 2, answers.peopel", "Did you mean people?", "Known names: people, mainland"],
        ),
        ('[answer]\npeople = "both"\n', ["line 1, answer:", "Did you mean answers?"]),
        ("answers = 3\n", ["line 1, answers: must be a section"]),
        ('[answers]\nphones = ["ios"]\n', ["answers.phones, number 1:", "ios_mainland"]),
        ('[answers]\nphones = ["none", "ios_foreign"]\n', ["none cannot stand beside"]),
        ("[answers]\nphones = []\n", ["the list is empty"]),
        ("[setup]\noption = 5\n", ["line 2, setup.option:", "Allowed: 1, 2, 3, 4"]),
        ('[setup]\nname = "A b"\n', ["setup.name: only small letters"]),
        ('[setup]\nserver_name = "foo"\n', ["setup.server_name:", "needs at least one dot"]),
        (
            '[[setup.hosts]]\nname = "a"\nrole = "outsid"\nlogin = {address = "1.2.3.4"}\n',
            ["line 3, setup.hosts, number 1, role:", "Did you mean outside?"],
        ),
        (
            '[[setup.hosts]]\nname = "a"\nrole = "home"\nlogin = {address = "1.2.3.4", port = 0}\n',
            ["setup.hosts, number 1, login.port: must be at least 1"],
        ),
        (
            '[[setup.hosts]]\nname = "a"\nrole = "home"\nlogin = {adress = "1.2.3.4"}\n',
            ["login.adress: there is nothing of this name", "Did you mean address?"],
        ),
        ('[[setup.hosts]]\nname = "a"\nrole = "home"\n', ["number 1, login: this is missing"]),
        ('[setup.settings]\nkeep_media_days = "x"\n', ["must be a whole number"]),
        ('[setup.settings]\nresolvers = "1.1.1.1"\n', ["must be a list in square brackets"]),
        ("[answers]\npeople = both\n", ["a.toml is not valid TOML (line 2, column 10)"]),
        ('[answers]\npeople = "both"\npeople = "both"\n', ["not valid TOML", "line 3"]),
        ('[answers]\npeople = "bo', ["not valid TOML (near its end)"]),
    ],
)
def test_one_sentence_says_where_and_what_is_allowed(text: str, said: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parse_answers(text, "a.toml")
    for part in said:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not valid JSON (line 1, column 1)"),
        ('{"answers": {\n"people": "both",}}', "line 2"),
        ("[]", 'must hold an object with "answers"'),
        ('{"answers": {"people": "both", "people": "both"}}', 'has "people" twice'),
        ("[" * 100_000, "not JSON that makes sense"),
        ('{"answers": {"people": "no"}}', "answers.people: “no” is not one"),
        ('{"answers": {"people": NaN}}', "answers.people"),
    ],
)
def test_json_gets_the_same_care(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_answers(text, "a.json", as_json=True)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        'password = "hunter2-canary"',
        'token = "hunter2-canary"',
        'key_passphrase = "hunter2-canary"',
        'server_nam = "hunter2-canary"',
        'server_name = ["hunter2-canary"]',
        'hosts = "hunter2-canary"',
        'name = "hunter2 canary"',
        'acknowledged = "hunter2-canary\\u0001"',
        'x = "hunter2-canary',
    ],
)
def test_a_secret_in_the_wrong_place_is_never_repeated(line: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_answers(f"[setup]\n{line}\n", "a.toml")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "hunter2" not in repr(caught.value)


def test_passwords_are_refused_with_advice() -> None:
    with pytest.raises(InputError, match="secrets do not belong in this file"):
        parse_answers('[setup]\nadmin_password = "x"\n', "a.toml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        read_answers_file(tmp_path / "absent.toml")
    with pytest.raises(InputError, match="folder"):
        read_answers_file(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_answers_file(tmp_path / "nul\0.toml")
    path = tmp_path / "big.toml"
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(InputError, match="far too long"):
        read_answers_file(path)
    path.write_bytes(b"[answers]\n# caf\xe9\n")
    with pytest.raises(InputError, match="line 2: this is not UTF-8"):
        read_answers_file(path)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_gives_answers_or_an_input_error(text: str) -> None:
    for as_json in (False, True):
        try:
            parse_answers(text, "a", as_json=as_json)
        except InputError as error:
            assert str(error)


def test_any_small_damage_gives_answers_or_an_input_error() -> None:
    dice = random.Random(3)  # noqa: S311 - to repeat the same test
    refused = 0
    for _ in range(1_500):
        chars = list(GOOD)
        for _ in range(dice.choice((1, 1, 2, 5))):
            place = dice.randrange(len(chars))
            chars[place] = dice.choice(["", "\n", "[", '"', "=", "0", "x", "\0", "é"])
        try:
            parse_answers("".join(chars), "a.toml")
        except InputError as error:
            refused += 1
            assert str(error).startswith("a.toml")
    assert refused > 700


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["answers", "setup", "people", "phones", "hosts", "login", "settings"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(JSON_VALUES)
def test_any_shape_gives_answers_or_an_input_error(value: object) -> None:
    try:
        parse_answers(json.dumps(value), "a.json", as_json=True)
    except InputError as error:
        assert str(error).startswith("a.json")


def test_a_mirror_with_a_password_in_it_is_refused() -> None:
    text = '[setup.settings.mirror]\nuri = "https://me:canary@mirror.example.org/debian"\n'
    with pytest.raises(InputError) as caught:
        parse_answers(text, "answers.toml")
    assert "password" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_every_example_in_the_manual_is_a_whole_setup() -> None:
    manual = Path(__file__).parents[2] / "docs" / "cli.md"
    blocks = [part.split("```")[0] for part in manual.read_text("utf-8").split("```toml")[1:]]
    made = {}
    for text in blocks:
        if "[[setup.hosts]]" not in text:
            continue
        file = parse_answers(text, "cli.md")
        setup = setup_from(file, "cli.md", None)
        assert acknowledged(setup.option, setup.acknowledged)
        made[setup.option] = setup
    assert sorted(made) == [1, 2, 3, 4]
    assert (made[2].outside_name, made[2].spare_names) == (
        "chat.example.org",
        ("im.example.com.cn",),
    )
    assert made[2].settings.filing and made[2].host(Role.INSIDE).mirror is not None
    assert made[3].settings.private_resolver and made[3].settings.provider is not None
    assert made[4].access_port == 23517
    assert made[4].settings.provider is not None and made[4].settings.provider.update is not None


def test_a_file_for_two_servers_must_name_both() -> None:
    text = GOOD.replace('name = "out"\nrole = "outside"', 'name = "out"\nrole = "inside"')
    with pytest.raises(InputError, match="outside_name"):
        setup_from(parse_answers(text, "a.toml"), "a.toml", None)


TWO = """\
[setup]
option = {option}
server_name = "{main}"
outside_name = "{other}"

[[setup.hosts]]
name = "inside"
role = "inside"
login = {{ address = "203.0.113.7" }}

[[setup.hosts]]
name = "outside"
role = "outside"
login = {{ address = "198.51.100.7" }}
"""
HOME = """
[[setup.hosts]]
name = "home"
role = "home"
login = { address = "192.168.1.20" }
"""


def test_both_names_are_for_ever_and_the_port_follows_the_option() -> None:
    def made(option: int, main: str, other: str, present: Setup | None = None) -> Setup:
        text = TWO.format(option=option, main=main, other=other) + (HOME if option == 4 else "")
        return setup_from(parse_answers(text, "a.toml"), "a.toml", present)

    three = made(3, "im.example.cn", "chat.example.org")
    for main, other in (("x.example.cn", "chat.example.org"), ("im.example.cn", "x.example.org")):
        with pytest.raises(InputError, match="for ever"):
            made(3, main, other, three)
    four = made(4, "im.example.cn", "chat.example.org", three)
    assert four.access_port == home_port(four.name) != 443
    assert made(3, "im.example.cn", "chat.example.org", four).access_port == 443


def test_the_server_of_option_1_keeps_its_name_beside_a_new_one() -> None:
    one = TWO.split("[[setup.hosts]]")
    alone = one[0] + "[[setup.hosts]]" + one[2]
    alone = alone.format(option=1, main="chat.example.org", other="x.example.org")
    first = setup_from(parse_answers(alone, "a"), "a", None)
    assert first.outside_name == ""
    text = TWO.format(option=2, main="im.example.cn", other="chat.example.org")
    second = setup_from(parse_answers(text, "a"), "a", first)
    assert (second.server_name, second.access_name) == ("im.example.cn", "im.example.cn")
    swapped = TWO.format(option=2, main="chat.example.org", other="im.example.cn")
    with pytest.raises(InputError, match="for ever"):
        setup_from(parse_answers(swapped, "a"), "a", first)
