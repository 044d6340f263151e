"""What goes wrong on a real host: one clear sentence, what to do, the documented exit code, no
traceback, the saved setup as it was, and an apply that converges once the fault is gone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.operations.follow import HostResult
from assistant.rehearsal.lab import LabHost
from assistant.setup.model import Setup
from assistant.setup.store import read_setup
from tests.lab.conftest import Cli, Practice, with_login
from tests.lab.support import host_faults
from tests.lab.support.faulted import APPLY, Saved, applied_during, sentence, told, with_settings
from tests.lab.support.run_brake import Journals
from tests.lab.support.stocked import applied, applied_as, changes_nothing


@pytest.fixture(scope="module")
def server(practice: Practice) -> Iterator[tuple[LabHost, Setup]]:
    """A deployed server."""
    host, setup = practice.clone()
    yield host, setup
    practice.remove(host)


@pytest.fixture(scope="module")
def host(server: tuple[LabHost, Setup]) -> LabHost:
    return server[0]


@pytest.fixture(autouse=True)
def found_by_name(practice: Practice, server: tuple[LabHost, Setup]) -> None:
    """The name of the service leads to this server."""
    host, setup = server
    practice.point(setup, host)


def password_of(host: LabHost, name: str) -> str:
    return next(user.password or "" for user in host.users if user.name == name)


def test_a_changed_host_key_is_refused(
    practice: Practice, server: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    _, setup = server
    other = practice.fresh()
    wrong = next(key for key in other.host_keys if key.startswith("ssh-ed25519"))
    path = saved(with_login(setup, host_key=wrong))
    before = path.read_bytes()
    text = sentence(cli("apply", "--setup", str(path), "--unattended", "--json"), 3)
    assert "key" in text
    assert "SHA256:" in text
    assert path.read_bytes() == before
    practice.remove(other)
    practice.run(changes_nothing(setup))


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
    assert json.loads(ended.out)["hosts"][0]["changes"] == []


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


def test_a_file_edited_by_hand_is_a_decision(
    practice: Practice, server: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    host, setup = server
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


def test_a_hand_edit_that_breaks_things(
    practice: Practice, server: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    host, setup = server
    name = "/etc/nginx/conf.d/matrix-assistant-https.conf"
    edited = practice.lab.root_of(host.name) / name.lstrip("/")
    edited.write_text(edited.read_text() + "server { listen 443 ssl\n")
    path = str(saved(setup))
    ended = cli("apply", "--setup", path, *APPLY)
    assert name in sentence(ended, 5)
    assert "decide" in sentence(ended, 5)
    ended = cli("apply", "--setup", path, *APPLY, "--overwrite", f"file:{name}")
    assert ended.code == 0, ended
    practice.run(changes_nothing(setup))


def _without_ssh(value: dict[str, Any]) -> dict[str, Any]:
    if value["kind"] == "firewall":
        content = value["content"].replace("dport { 22, ", "dport { ")
        assert content != value["content"]
        # Those who are in already notice as well.
        content = content.replace("ct state established,related accept", "")
        return {**value, "content": content, "revert_seconds": 6}
    return value


def test_a_firewall_that_would_lock_us_out(
    practice: Practice, server: tuple[LabHost, Setup]
) -> None:
    _, setup = server
    result = practice.run(applied_as(setup, _without_ssh))
    assert not result.ok
    assert result.cause == "not-confirmed", result
    assert "old firewall rules are back" in result.text
    assert "port that SSH uses" in result.text
    practice.run(changes_nothing(setup))


def test_a_firewall_that_would_lock_us_out_when_the_run_dies(
    practice: Practice, server: tuple[LabHost, Setup]
) -> None:
    host, setup = server
    lab = practice.lab

    async def story() -> HostResult:
        journals = Journals(lab, host.name)
        task = asyncio.ensure_future(applied_as(setup, _without_ssh))
        # Read on the host's disk: the session itself may be locked out before it hears of this.
        await journals.happened("confirm")
        kill = ["systemctl", "kill", "--signal=KILL", "matrix-assistant-run-*"]
        await lab.exec(host.name, kill)
        rules = (await lab.exec(host.name, ["nft", "list", "ruleset"])).stdout
        assert "dport { 80" in rules
        # Nothing of ours is left but the timer of systemd; it alone lets the assistant in again.
        return await task

    result = practice.run(story())
    assert result.cause == "interrupted", result
    practice.run(changes_nothing(setup))


def test_postgresql_is_stopped(practice: Practice, server: tuple[LabHost, Setup]) -> None:
    host, setup = server
    practice.run(practice.lab.exec(host.name, ["systemctl", "stop", "postgresql@17-main"]))
    result = practice.run(applied(setup))
    assert result.ok, result
    practice.run(changes_nothing(setup))


def test_postgresql_cannot_start(
    practice: Practice, server: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    host, setup = server
    lab = practice.lab
    config = lab.root_of(host.name) / "etc/postgresql/17/main/postgresql.conf"
    good = config.read_text()
    config.write_text(good + "no_such_setting = 1\n")
    practice.run(lab.exec(host.name, ["systemctl", "stop", "postgresql@17-main"]))
    ended = applied_during(practice, cli, saved, setup)
    told(ended, "postgres", "PostgreSQL did not answer", "mend that")
    assert "no_such_setting" in "".join(json.loads(ended.out)["hosts"][0]["tail"])
    config.write_text(good)
    result = practice.run(applied(setup))
    assert result.ok, result
    practice.run(changes_nothing(setup))


def test_synapse_cannot_start(
    practice: Practice, server: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    host, setup = server
    lab = practice.lab
    key = lab.root_of(host.name) / "etc/matrix-synapse/homeserver.signing.key"
    good = key.read_text()
    key.write_text("ed25519 broken\n")
    practice.run(lab.exec(host.name, ["systemctl", "stop", "matrix-synapse"]))
    ended = applied_during(practice, cli, saved, setup)
    (result,) = json.loads(ended.out)["hosts"]
    assert ended.code == 4
    assert result["failed"] == "service:matrix-synapse.service"
    assert "matrix-synapse.service" in result["text"]
    assert "signing" in "".join(result["tail"]) + result["text"]
    key.write_text(good)
    assert practice.run(applied(setup)).ok
    practice.run(changes_nothing(setup))


@pytest.mark.parametrize("folder", ["/etc", "/var/lib/matrix-assistant"])
def test_a_file_system_that_is_read_only(
    practice: Practice, server: tuple[LabHost, Setup], cli: Cli, saved: Saved, folder: str
) -> None:
    host, setup = server
    changed = with_settings(setup, upload_megabytes=53 if folder == "/etc" else 54)
    locked = host_faults.read_only(practice.lab, host.name, folder)
    ended = applied_during(practice, cli, saved, changed, locked)
    told(ended, "read-only", "restart")
    assert practice.run(applied(changed)).ok
    practice.run(changes_nothing(changed))
