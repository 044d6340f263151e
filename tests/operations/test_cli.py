"""The command line without any server: files, setups, exit codes, one JSON object."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from assistant import cli
from assistant.cli.credentials import TerminalCredentials, read_credentials
from assistant.cli.exit_codes import Exit, exit_for
from assistant.cli.open_setup import setup_from
from assistant.common.crash_report import write_report
from assistant.common.errors import AssistantError, InputError, StoreError
from assistant.remote import HostFailure, RemoteError, Wanted
from assistant.setup.answers_file import parse_answers
from assistant.setup.store import create_setup, open_setup, read_setup
from assistant.setup.updates import with_host_key
from assistant.text import msg

ROOT = Path(__file__).parents[2]
ANSWERS = """
[answers]
people = "mostly_outside"
consequence = "none"

[setup]
name = "family"
server_name = "chat.example.org"

[[setup.hosts]]
name = "outside"
role = "outside"
public_ipv4 = "198.51.100.7"

[setup.hosts.login]
address = "198.51.100.7"
"""
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("MATRIX_ASSISTANT_LANGUAGE", "en")


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "answers.toml"
    path.write_text(ANSWERS)
    return path


def test_recommend_prints_one_json_object(
    answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["recommend", "--answers", str(answers), "--json"]) == 0
    out, _ = capsys.readouterr()
    value = json.loads(out)
    assert len(out.strip().splitlines()) == 1
    assert value["first"] == 1
    assert value["ranking"][0]["option"] == 1
    assert len(value["ranking"]) == 4


def test_recommend_names_the_answers_it_rests_on(
    answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["recommend", "--answers", str(answers)]) == 0
    out, _ = capsys.readouterr()
    assert "Most are outside mainland China" in out
    assert re.search(r"^1\. Option 1", out, re.MULTILINE)


def test_the_questions_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recommend", "--questions", "--json"]) == 0
    questions = json.loads(capsys.readouterr().out)["questions"]
    assert {"people", "filing", "home_line"} <= {item["id"] for item in questions}


@pytest.mark.parametrize(
    "command", ["plan", "check", "apply", "canary", "undo", "status", "export"]
)
def test_without_a_setup_every_command_says_what_to_do(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "--json"]) == Exit.USAGE
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["cause"] == "no-setup"
    assert "--answers" in err
    assert "Traceback" not in err


def test_a_first_export_makes_the_setup_and_a_second_uses_it(
    answers: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    target = tmp_path / "summary.md"
    # A release is needed to compile the plan; a server would tell it.
    answers.write_text(ANSWERS.replace('role = "outside"', 'role = "outside"\nrelease = "trixie"'))
    argv = ["export", "--unattended"]
    assert cli.main([*argv, "--answers", str(answers), "--output", str(target)]) == 0
    assert "chat.example.org" in target.read_text()
    assert cli.main([*argv, "--setup", "family", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1


def test_a_setup_that_is_open_elsewhere(answers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = parse_answers(ANSWERS, "answers.toml")
    with create_setup(setup_from(file, "answers.toml", None)):
        assert cli.main(["status", "--setup", "family", "--json"]) == Exit.LOCAL
    assert json.loads(capsys.readouterr().out)["error"]["cause"] == "open-elsewhere"


def test_what_was_learned_survives_a_new_reading_of_the_file() -> None:
    file = parse_answers(ANSWERS, "answers.toml")
    first = with_host_key(setup_from(file, "a", None), "outside", KEY)
    again = setup_from(file, "a", first)
    assert again.hosts[0].login.host_key == KEY
    moved = ANSWERS.replace('address = "198.51.100.7"', 'address = "198.51.100.8"')
    assert setup_from(parse_answers(moved, "a"), "a", first).hosts[0].login.host_key == ""


def test_a_server_name_is_for_ever() -> None:
    first = setup_from(parse_answers(ANSWERS, "a"), "a", None)
    other = parse_answers(ANSWERS.replace("chat.example.org", "talk.example.org"), "a")
    with pytest.raises(InputError, match="for ever"):
        setup_from(other, "a", first)


def test_other_answers_take_the_consent_back() -> None:
    file = parse_answers(ANSWERS, "a")
    first = setup_from(file, "a", None).model_copy(update={"acknowledged": "I accept"})
    assert setup_from(file, "a", first).acknowledged == "I accept"
    other = parse_answers(ANSWERS.replace('"none"', '"questioned"'), "a")
    assert setup_from(other, "a", first).acknowledged == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("x", msg("x")), Exit.USAGE),
        (StoreError("damaged", msg("x")), Exit.LOCAL),
        (RemoteError("auth", msg("x")), Exit.CONNECTION),
        (RemoteError("host-key-changed", msg("x")), Exit.CONNECTION),
        (HostFailure("disk-full", msg("full")), Exit.HOST),
        (HostFailure("busy", msg("busy")), Exit.DECISION),
        (AssistantError("findings", msg("x")), Exit.DECISION),
        (AssistantError("rehearsal", msg("x")), Exit.LOCAL),
    ],
)
def test_exit_codes(error: AssistantError, code: Exit) -> None:
    assert exit_for(error) is code


def test_every_exit_code_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    for code in Exit:
        assert f"| {int(code)} |" in text


def test_every_command_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    names = re.findall(r"^ {4}([a-z]+)\b", capsys.readouterr().out, re.MULTILINE)
    assert len(names) >= 9
    for name in names:
        assert f"`{name}" in text, name


def test_a_defect_is_reported_without_values(tmp_path: Path) -> None:
    try:
        secret = "canary-of-a-secret"
        raise ValueError(f"broken by {secret}")
    except ValueError as error:
        message = write_report(error)
    path = Path(str(message.values["path"]))
    text = path.read_text()
    path.unlink()
    assert "ValueError" in text
    assert "test_cli.py" in text
    assert "canary-of-a-secret" not in text


def test_credentials_are_given_once_and_never_shown(tmp_path: Path) -> None:
    import asyncio

    path = tmp_path / "credentials.toml"
    path.write_text('[outside]\nsudo = "canary"\n')
    path.chmod(0o600)
    given = TerminalCredentials(
        read_credentials(path), {"198.51.100.7": "outside"}, interactive=False
    )
    assert "canary" not in repr(given)

    async def ask(attempt: int) -> str | None:
        return await given.ask(Wanted("sudo", "198.51.100.7", "me", attempt=attempt))

    assert asyncio.run(ask(1)) == "canary"
    assert asyncio.run(ask(2)) is None


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_credentials_for_everybody_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "credentials.toml"
    path.write_text('[outside]\nsudo = "canary"\n')
    path.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600") as caught:
        read_credentials(path)
    assert "canary" not in str(caught.value)


def test_broken_credentials_are_never_quoted(tmp_path: Path) -> None:
    path = tmp_path / "credentials.toml"
    path.write_text('[outside]\nsudo = "canary\n')
    path.chmod(0o600)
    with pytest.raises(InputError) as caught:
        read_credentials(path)
    assert "canary" not in str(caught.value)
    assert "line 2" in str(caught.value)


def test_a_closed_pipe_is_no_traceback(answers: Path) -> None:
    command = f'"{sys.executable}" -m assistant recommend --questions | head -n 1'
    done = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert "people" in done.stdout
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_saved_setup_is_whole_after_every_command(answers: Path) -> None:
    cli.main(["export", "--answers", str(answers), "--unattended"])
    with open_setup("family") as handle:
        assert handle.setup.server_name == "chat.example.org"
    assert read_setup("family").notices == ()
