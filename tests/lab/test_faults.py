"""What goes wrong on a real host: one clear sentence, what to do, the documented exit code, no
traceback, and the saved setup as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.rehearsal.lab import LabHost
from assistant.setup import Setup
from assistant.store import read_setup
from tests.lab.conftest import Cli, Ended, Practice, with_login

Saved = Callable[[Setup], Path]


def sentence(ended: Ended, code: int) -> str:
    """The message for people, once everything else about it is as documented."""
    assert ended.code == code, (ended.code, ended.out, ended.err)
    assert "Traceback" not in ended.out + ended.err
    value = json.loads(ended.out)
    text = value.get("error", {}).get("text") or value["hosts"][0]["text"]
    assert text.endswith((".", "?")), text
    assert text.splitlines()[0] in ended.err + ended.out
    return str(text)


@pytest.fixture(scope="module")
def host(practice: Practice) -> LabHost:
    return practice.fresh()


def password_of(host: LabHost, name: str) -> str:
    return next(user.password for user in host.users if user.name == name)


def test_a_changed_host_key_is_refused(
    practice: Practice, host: LabHost, cli: Cli, saved: Saved, tmp_path: Path
) -> None:
    other = practice.fresh()
    wrong = next(key for key in other.host_keys if key.startswith("ssh-ed25519"))
    path = saved(with_login(practice.setup_for(host), host_key=wrong))
    before = path.read_bytes()
    text = sentence(cli("apply", "--setup", str(path), "--unattended", "--json"), 3)
    assert "key" in text
    assert "SHA256:" in text
    assert path.read_bytes() == before
    practice.remove(other)


def test_an_unknown_host_key_is_not_trusted_unattended(
    practice: Practice, host: LabHost, cli: Cli, saved: Saved
) -> None:
    path = saved(with_login(practice.setup_for(host), host_key=""))
    ended = cli("check", "--setup", str(path), "--unattended", "--json")
    assert "not confirmed" in sentence(ended, 3)
    assert "SHA256:" in ended.err
    assert read_setup(path).setup.hosts[0].login.host_key == ""


def test_a_wrong_sudo_password(
    practice: Practice, host: LabHost, cli: Cli, saved: Saved, tmp_path: Path
) -> None:
    path = saved(with_login(practice.setup_for(host), user="operator"))
    before = path.read_bytes()
    canary = "Wr0ng-sudo-canary-4711"
    credentials = tmp_path / "credentials.toml"
    credentials.write_text(f'[outside]\nsudo = "{canary}"\n')
    credentials.chmod(0o600)
    argv = ["apply", "--setup", str(path), "--unattended", "--credentials", str(credentials)]
    ended = cli(*argv, "--json")
    assert "sudo" in sentence(ended, 3)
    assert canary not in ended.out + ended.err
    assert path.read_bytes() == before
    # The account is not locked: the right password still works.
    credentials.write_text(f'[outside]\nsudo = "{password_of(host, "operator")}"\n')
    ended = cli("plan", *argv[1:], "--json")
    assert ended.code == 0, ended.err
    assert len(json.loads(ended.out)["hosts"][0]["changes"]) > 30


def test_credentials_that_others_can_read_are_refused(
    practice: Practice, host: LabHost, cli: Cli, saved: Saved, tmp_path: Path
) -> None:
    credentials = tmp_path / "credentials.toml"
    credentials.write_text('[outside]\nsudo = "canary-0815"\n')
    credentials.chmod(0o644)
    path = saved(practice.setup_for(host))
    ended = cli("plan", "--setup", str(path), "--credentials", str(credentials), "--json")
    assert "chmod 600" in sentence(ended, 2)
    assert "canary-0815" not in ended.err


def test_nobody_answers(practice: Practice, host: LabHost, cli: Cli, saved: Saved) -> None:
    path = saved(with_login(practice.setup_for(host), port=4711))
    assert "4711" in sentence(cli("status", "--setup", str(path), "--unattended", "--json"), 3)


def test_a_full_disk_and_then_room_again(practice: Practice, cli: Cli, saved: Saved) -> None:
    host = practice.fresh(disk="700M")
    path = saved(practice.setup_for(host))
    argv = ["apply", "--setup", str(path), "--unattended", "--skip-checks", "--json"]
    text = sentence(cli(*argv), 4)
    assert "MB" in text or "disk" in text
    assert read_setup(path).setup.server_name == "im.family.example"
    # The checks say so before anything is changed, where they are not skipped.
    ended = cli("check", "--setup", str(path), "--unattended", "--json")
    causes = {f["cause"] for f in json.loads(ended.out)["findings"] if f["status"] == "failed"}
    assert any("disk" in cause for cause in causes), causes
    assert ended.code == 1
    practice.remove(host)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[answers\npeople = 1", "TOML"),
        ('[answers]\npeople = "mostly_insde"\n', "mostly_inside"),
        ('[answers]\nfavourite = "blue"\n', "favourite"),
        ("", "server_name"),
        ('[setup]\nserver_name = "no dots"\n', "server_name"),
    ],
)
def test_a_broken_answers_file(cli: Cli, tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "answers.toml"
    path.write_text(text)
    assert part in sentence(cli("plan", "--answers", str(path), "--unattended", "--json"), 2)
    assert not list((tmp_path / "data").rglob("*.toml"))


def test_findings_that_stand_in_the_way_stop_an_apply(
    practice: Practice, cli: Cli, saved: Saved
) -> None:
    host = practice.fresh()
    setup = practice.setup_for(host)
    practice.run(practice.lab.dns_delete(setup.server_name, "A"))
    path = saved(setup)
    ended = cli("apply", "--setup", str(path), "--unattended", "--json")
    assert "nothing was changed" in sentence(ended, 5)
    assert not (practice.lab.root_of(host.name) / "etc/matrix-synapse").exists()
    practice.remove(host)


def test_a_file_edited_by_hand_is_a_decision(practice: Practice, cli: Cli, saved: Saved) -> None:
    host, setup = practice.clone()
    edited = practice.lab.root_of(host.name) / "etc/matrix-synapse/log.yaml"
    edited.write_text(edited.read_text() + "# mine\n")
    path = saved(setup)
    argv = ["--setup", str(path), "--unattended", "--json"]
    ended = cli("plan", *argv)
    assert ended.code == 5
    conflict = json.loads(ended.out)["hosts"][0]["conflicts"]
    assert conflict == ["file:/etc/matrix-synapse/log.yaml"]
    assert "log.yaml" in sentence(cli("apply", *argv, "--skip-checks"), 5)
    assert edited.read_text().endswith("# mine\n")
    ended = cli("apply", *argv, "--skip-checks", "--keep", conflict[0])
    assert ended.code == 0, ended.err
    assert edited.read_text().endswith("# mine\n")
    ended = cli("apply", *argv, "--skip-checks", "--overwrite", conflict[0])
    assert ended.code == 0, ended.err
    assert "# mine" not in edited.read_text()
    practice.remove(host)
