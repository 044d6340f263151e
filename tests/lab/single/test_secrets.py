"""No secret and no password leaves its place: not in arguments, logs, state, exports or reports."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from assistant.plan.compile import compile_plan
from assistant.rehearsal.lab import LabHost, LabUser
from assistant.setup.file_format import dump_setup
from assistant.setup.model import DnsUpdate, Setup
from tests.lab.conftest import Cli, Practice, command_line, with_login
from tests.lab.support.kept_secrets import (
    STATE,
    astray,
    in_journal,
    in_logs,
    misplaced,
    places_of,
    sampled_arguments,
    secrets_of,
)

Saved = Callable[[Setup], Path]
SUDO = "canary-Sud0-2b7e1516"
PEOPLE = ("canary-Pers0n-28aed2a6",)


@dataclass(frozen=True)
class Applied:
    """A host after an apply with canary values for everything secret."""

    host: LabHost
    setup: Setup
    root: Path
    arguments: frozenset[bytes]
    told: str
    """All that the command line printed."""
    local: Path
    """The folder with all that was kept on this computer."""
    values: dict[str, str]
    """Every secret by its name."""


@pytest.fixture(scope="module")
def applied(
    practice: Practice, tmp_path_factory: pytest.TempPathFactory, module_cli: Cli
) -> Iterator[Applied]:
    lab, folder = practice.lab, tmp_path_factory.mktemp("secrets")
    host = practice.fresh(users=(LabUser("operator", "password", SUDO),))
    setup = with_login(practice.setup_for(host), user="operator")
    tsig = lab.facts.tsig_txt
    update = DnsUpdate(server=tsig.server, key_name=tsig.name, algorithm=tsig.algorithm.upper())
    settings = setup.settings.model_copy(update={"challenge": "dns-01", "dns_update": update})
    setup = setup.model_copy(update={"settings": settings})
    path = folder / "setup.toml"
    path.write_text(dump_setup(setup), "utf-8")
    credentials = folder.parent / "credentials.toml"
    credentials.write_text(f'[outside]\nsudo = "{SUDO}"\ndns-token = "{tsig.secret}"\n')
    credentials.chmod(0o600)
    how = ["--setup", str(path), "--unattended", "--credentials", str(credentials)]
    told = []
    with sampled_arguments() as arguments:
        for command in (
            ["apply", *how, "--json"],
            ["canary", *how, "--json"],
            ["status", *how, "--json"],
            ["plan", *how],
            ["export", *how[:3], "--format", "json", "--output", str(folder / "summary.json")],
            ["export", *how[:3], "--output", str(folder / "summary.md")],
        ):
            ended = module_cli(*command)
            assert ended.code == 0, (command[0], ended.out[-2000:], ended.err[-2000:])
            told.append(ended.out + ended.err)
    root = lab.root_of(host.name)
    (plan,) = compile_plan(setup).hosts
    values = {**secrets_of(root, plan), "sudo": SUDO, "dns-token": tsig.secret}
    yield Applied(host, setup, root, frozenset(arguments), "".join(told), folder, values)
    practice.remove(host)


@pytest.fixture(scope="module")
def module_cli(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return command_line(tmp_path_factory.mktemp("data"))


def test_there_is_a_canary_for_every_secret(applied: Applied) -> None:
    assert {"sudo", "dns-token", "admin-password", "signing-key"} <= set(applied.values)
    assert {"registration-shared-secret", "macaroon-secret-key", "form-secret"} <= set(
        applied.values
    )
    assert all(len(value) >= 16 for value in applied.values.values())


def test_no_secret_was_ever_an_argument(applied: Applied) -> None:
    assert len(applied.arguments) > 200
    joined = b"\n".join(applied.arguments)
    # What must have been seen, so that the sampling is known to see the host's processes.
    assert b"apt-get" in joined
    assert b"certbot" in joined
    assert places_of(applied.values, joined) == []


def test_no_secret_is_printed(applied: Applied) -> None:
    assert len(applied.told) > 1000
    assert places_of(applied.values, applied.told.encode()) == []


def test_no_secret_is_kept_on_this_computer(applied: Applied) -> None:
    files = [path for path in applied.local.rglob("*") if path.is_file()]
    assert {"setup.toml", "summary.json", "summary.md"} <= {path.name for path in files}
    for path in files:
        assert places_of(applied.values, path.read_bytes()) == [], path.name


def test_no_secret_is_in_the_host_s_journal(practice: Practice, applied: Applied) -> None:
    assert in_journal(practice, applied.host.name, applied.values) == []


def test_no_secret_is_in_logs_receipts_or_run_journals(applied: Applied) -> None:
    assert in_logs(applied.root, applied.values) == []


def test_a_secret_is_where_its_service_reads_it_and_nowhere_else_in_etc(applied: Applied) -> None:
    (plan,) = compile_plan(applied.setup).hosts
    assert astray(applied.root, plan, applied.values) == []


def test_modes_and_owners_are_as_planned(practice: Practice, applied: Applied) -> None:
    (plan,) = compile_plan(applied.setup).hosts
    assert misplaced(practice, applied.host.name, plan) == {}
    state = stat.S_IMODE((applied.root / STATE).stat().st_mode)
    assert state == 0o700


def test_the_export_says_where_secrets_are_without_them(applied: Applied) -> None:
    data = json.loads((applied.local / "summary.json").read_text())
    assert data["server_name"] == applied.setup.server_name
    assert "admin-password" in json.dumps(data)
