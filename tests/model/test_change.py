"""Changes of mind: no id changes, every outcome can be planned, what else to do is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant import cli
from assistant.change.changes import (
    Change,
    add_spare_name,
    change_access_name,
    change_address,
    change_option,
    change_port,
    change_provider,
    remove_host,
    remove_spare_name,
    set_link,
    set_workers,
)
from assistant.change.limits import POSSIBLE
from assistant.common.errors import InputError
from assistant.findings.model import Confidence, Finding, Status
from assistant.plan.compile import compile_plan
from assistant.setup import store
from assistant.setup.history import host_applied, was_applied, with_history
from assistant.setup.homeservers import homeservers
from assistant.setup.model import DnsProvider, HistoryEntry, Role, Setup
from assistant.setup.store import create_setup, read_setup
from assistant.setup.updates import with_findings
from assistant.text import msg, render
from tests.support.option_setups import INSIDE_NAME, OUTSIDE_NAME, ROLES_OF, UPDATE, host, setup

NOW = datetime(2026, 11, 20, tzinfo=UTC)
SPARES = ("spare.example.net", "second.example.com", "third.example.org")
FINDING = Finding(
    check="dns",
    subject="x",
    vantage="y",
    status=Status.OK,
    summary=msg("The name is fine"),
    confidence=Confidence.HIGH,
)


def applied(made: Setup, what: str = "applied", only: str = "") -> Setup:
    for one in made.hosts:
        if only in ("", one.name):
            made = with_history(made, HistoryEntry(at=NOW, what=what, host=one.name))
    return made


def to(made: Setup, option: int, **more: Any) -> Change:
    """A change of option with all it needs."""
    given = {role for role in ROLES_OF[option] if role not in {one.role for one in made.hosts}}
    values: dict[str, Any] = {"hosts": [host(role) for role in ROLES_OF[option] if role in given]}
    if made.option == 1:
        values["server_name"] = INSIDE_NAME
    if option == 4:
        values["access_port"] = 20443
    return change_option(made, option, **(values | more))


def servers(made: Setup) -> set[tuple[str, str, str]]:
    """Every Matrix server: the machine its accounts are on, where that is, and its name."""
    return {(s.server_name, s.host.name, s.host.role.value) for s in homeservers(made)}


def text(change: Change) -> str:
    return "\n".join(render(todo) for todo in change.todo)


# -- options -------------------------------------------------------------------


@pytest.mark.parametrize("option", [2, 3, 4])
def test_from_one_server_to_two_its_people_stay(option: int) -> None:
    before = applied(setup(1, acknowledged="I accept", settings=setup(option).settings))
    before = with_findings(before, (FINDING,), NOW)
    change = to(before, option)
    after = change.setup
    assert servers(before) <= servers(after)
    assert (after.outside_name, after.server_name) == (OUTSIDE_NAME, INSIDE_NAME)
    assert after.host(Role.OUTSIDE) == before.host(Role.OUTSIDE)
    assert (after.acknowledged, after.findings) == ("", None)
    assert after.history == before.history
    assert not was_applied(after), "the new servers must be checked first"
    assert compile_plan(after).option == option
    said = text(change)
    assert f"Everybody who has an account at {OUTSIDE_NAME} keeps it" in said
    assert ("accept them again" in said) == (option > 2)
    assert ("device files" in said) == (option == 3)
    assert ("forward TCP port 20443 to port 20443 of the machine home" in said) == (option == 4)
    assert said.endswith(f"matrix-assistant apply --setup {after.name} does it.")


def test_the_home_line_comes_and_goes() -> None:
    three = applied(setup(3))
    four = to(three, 4)
    assert servers(three) == servers(four.setup)
    assert homeservers(four.setup)[0].base_url == f"https://{INSIDE_NAME}:20443"
    assert "Take the old records of" in text(four)
    done = applied(four.setup)
    with pytest.raises(InputError) as refused:
        to(done, 3)
    assert refused.value.cause == "undo-first"
    assert "undo --setup test --host home" in str(refused.value)
    back = to(applied(done, "undone", "home"), 3)
    assert servers(back.setup) == servers(three)
    assert homeservers(back.setup)[0].base_url == f"https://{INSIDE_NAME}"
    assert "Delete the public records" in text(back)
    assert "port 20443 out of the home router" in text(back)
    assert was_applied(back.setup), "a host that is gone must not count"
    assert remove_host(applied(done, "undone", "home"), "home") == back


@pytest.mark.parametrize(
    ("start", "end"),
    [(a, b) for a in range(1, 5) for b in range(1, 5) if b not in POSSIBLE[a]],
)
def test_what_would_lose_accounts_or_names_is_refused(start: int, end: int) -> None:
    with pytest.raises(InputError) as refused:
        to(setup(start), end)
    assert refused.value.cause == ("change-same" if start == end else "change-option")
    assert refused.value.message.template.count(".") >= 1


def test_a_server_people_reach_by_another_name_cannot_become_the_second_one() -> None:
    for changes in ({"access_name": "m.example.org"}, {"spare_names": ("m.example.org",)}):
        with pytest.raises(InputError) as refused:
            to(setup(1, **changes), 3)
        assert refused.value.cause == "change-access"
        assert "m.example.org" in str(refused.value)


@pytest.mark.parametrize(
    ("start", "end", "changes", "cause"),
    [
        (1, 3, {"server_name": ""}, "change-name"),
        (1, 3, {"server_name": OUTSIDE_NAME}, "change-invalid"),
        (1, 3, {"server_name": "no domain"}, "change-invalid"),
        (1, 3, {"server_name": "example.cn"}, "change-name"),
        (1, 3, {"hosts": ()}, "change-invalid"),
        (1, 4, {"access_port": None}, "change-port"),
        (1, 4, {"access_port": 443}, "change-port"),
        (1, 4, {"access_port": 70000}, "change-port"),
        (1, 2, {"access_port": 20443}, "change-port"),
        (3, 4, {"hosts": (host(Role.HOME, name="inside"),)}, "change-invalid"),
        (1, 3, {"acknowledged": "yes, yes"}, "acknowledgement"),
    ],
)
def test_what_is_missing_or_wrong_is_said(
    start: int, end: int, changes: dict[str, Any], cause: str
) -> None:
    with pytest.raises(InputError) as refused:
        to(setup(start), end, **changes)
    assert refused.value.cause == cause
    assert "Traceback" not in str(refused.value)
    assert str(refused.value).endswith((".", '".', "needed."))


def test_the_risks_can_be_accepted_in_the_same_breath() -> None:
    change = to(setup(3), 4, acknowledged="i accept the risks of option 4")
    assert change.setup.acknowledged
    assert "accept them again" not in text(change)


# -- names, addresses, ports, links --------------------------------------------


def test_spare_names_come_and_go() -> None:
    for option in (1, 2, 3, 4):
        first = add_spare_name(setup(option), "Spare.Example.NET")
        assert first.setup.spare_names == ("spare.example.net",)
        said = text(first)
        assert "spare.example.net" in said
        assert ("Nothing of it goes into the public DNS" in said) == (option == 3)
        assert ("follow the home line by themselves" in said) == (option == 4)
        if option == 4:
            assert "https://spare.example.net:20443" in said
        last = remove_spare_name(first.setup, "spare.example.net")
        assert last.setup == setup(option)
    for taken in (INSIDE_NAME, OUTSIDE_NAME):
        with pytest.raises(InputError):
            add_spare_name(setup(3), taken)
    with pytest.raises(InputError, match="no spare name"):
        remove_spare_name(setup(3), "spare.example.net")
    with pytest.raises(InputError, match="dot"):
        add_spare_name(setup(3), "nodots")


def test_another_access_name_keeps_ids_and_the_old_name() -> None:
    first = change_access_name(setup(2), "a.example.com").setup
    assert (first.server_name, first.access_name) == (INSIDE_NAME, "a.example.com")
    assert first.spare_names == (), "the server name itself goes on answering anyway"
    second = change_access_name(first, "b.example.com")
    assert second.setup.spare_names == ("a.example.com",)
    assert "a.example.com goes on answering" in text(second)
    assert set(first.names) < set(second.setup.names)
    third = change_access_name(second.setup, "a.example.com").setup
    assert (third.access_name, third.spare_names) == ("a.example.com", ("b.example.com",))
    with pytest.raises(InputError):
        change_access_name(third, "a.example.com")
    with pytest.raises(InputError):
        change_access_name(third, OUTSIDE_NAME)


def test_another_address_asks_for_the_key_again() -> None:
    before = setup(3)
    change = change_address(before, "inside", ipv4="241.0.5.77", login_address="241.0.5.77")
    moved = change.setup.host(Role.INSIDE)
    assert (moved.public_ipv4, moved.login.address) == ("241.0.5.77", "241.0.5.77")
    assert moved.login.host_key == ""
    assert "compare it as you did" in text(change)
    assert "Every device and router" in text(change)
    assert "hosts file" in text(change)
    kept = change_address(before, "outside", ipv6="").setup.host(Role.OUTSIDE)
    assert kept.login == before.host(Role.OUTSIDE).login, "the login did not change"
    assert "241.0.3.7" in text(change_address(setup(1), "outside", ipv6=""))
    for bad in ({"ipv4": "999.1.1.1"}, {"ipv4": ""}, {"login_address": "a b"}, {}):
        with pytest.raises(InputError):
            change_address(before, "inside", **bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no server nobody"):
        change_address(before, "nobody", ipv4="241.0.5.1")


def test_ports_links_workers_and_provider() -> None:
    change = change_port(setup(4), 30443)
    assert change.setup.access_port == 30443
    assert "port 30443" in text(change)
    assert "port 20443 out of the router" in text(change)
    assert f"https://{INSIDE_NAME}:30443" in text(change)
    wrapped = set_link(set_link(setup(4), "home", "wrapped").setup, "outside", "wrapped").setup
    assert (wrapped.settings.home_link, wrapped.settings.outside_link) == ("wrapped", "wrapped")
    workers = set_workers(setup(2), 2)
    assert "350 MB" in text(workers)
    with pytest.raises(InputError):
        set_workers(setup(2), 9)
    other = change_provider(setup(4), DnsProvider(name="alidns", account="LTAI1"))
    assert "token of alidns" in text(other)
    assert "revoke the old token at rfc2136" in text(other)
    alone = change_provider(other.setup, None)
    assert "after each redial" in text(alone)
    for refused in (
        lambda: change_port(setup(3), 30443),
        lambda: set_link(setup(3), "home", "wrapped"),
        lambda: set_link(setup(1), "outside", "wrapped"),
        lambda: set_link(setup(2), "outside", "direct"),
        lambda: set_workers(setup(2), 0),
        lambda: change_provider(alone.setup, None),
        lambda: remove_host(setup(4), "inside"),
        lambda: remove_host(setup(1), "outside"),
    ):
        with pytest.raises(InputError):
            refused()


def test_what_the_history_knows_of_a_host() -> None:
    made = setup(4)
    assert not host_applied(made, "home")
    assert host_applied(applied(made), "home")
    failed = with_history(made, HistoryEntry(at=NOW, what="applied", host="home", ok=False))
    assert host_applied(failed, "home"), "half applied is applied"
    assert not host_applied(applied(applied(made), "undone"), "home")


# -- any sequence --------------------------------------------------------------

STEPS: dict[str, Callable[[Setup, int], Change]] = {
    "option": lambda made, n: to(applied(made, "undone"), 1 + n % 4),
    "add": lambda made, n: add_spare_name(made, SPARES[n % 3]),
    "remove": lambda made, n: remove_spare_name(made, SPARES[n % 3]),
    "access": lambda made, n: change_access_name(made, (*SPARES, made.server_name)[n % 4]),
    "ipv4": lambda made, n: change_address(
        made, made.hosts[n % len(made.hosts)].name, ipv4=f"241.0.9.{n % 250 + 1}"
    ),
    "login": lambda made, n: change_address(
        made, made.hosts[n % len(made.hosts)].name, login_address=f"241.0.9.{n % 250 + 1}"
    ),
    "port": lambda made, n: change_port(made, 20000 + n),
    "link": lambda made, n: set_link(
        made, ("home", "outside")[n % 2], ("direct", "wrapped")[n // 2 % 2]
    ),
    "workers": lambda made, n: set_workers(made, n % 10),
    "provider": lambda made, n: change_provider(
        made, (None, DnsProvider(name="rfc2136", update=UPDATE), DnsProvider(name="alidns"))[n % 3]
    ),
    "host": lambda made, n: remove_host(
        applied(made, "undone"), made.hosts[n % len(made.hosts)].name
    ),
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 999)), max_size=8),
)
def test_any_sequence_keeps_every_server_and_can_be_planned(
    start: int, steps: list[tuple[str, int]]
) -> None:
    made = setup(start)
    for name, number in steps:
        before = made
        try:
            change = STEPS[name](made, number)
        except InputError as error:
            assert render(error.message, "zh"), "refused with a sentence"
            continue
        made = change.setup
        assert servers(before) <= servers(made), (name, number)
        assert made.findings is None
        assert made.inputs != before.inputs, "a finding made before must not count any more"
        assert change.todo
        # What was answered to stays answered to, unless a person gave that very name up.
        if name not in ("remove",):
            known = {n for server in homeservers(made) for n in server.names}
            assert {n for server in homeservers(before) for n in server.names} <= known
        assert Setup.model_validate(made.model_dump()) == made, "it can be saved"
        compile_plan(made)
        for language in ("en", "zh"):
            assert "{" not in "".join(render(todo, language) for todo in change.todo)


# -- the command line ----------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(store, "setups_folder", lambda: tmp_path)
    with create_setup(setup(1), folder=tmp_path):
        pass
    return tmp_path / "test.toml"


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, dict[str, Any], str]:
    code = cli.main(["change", "--json", *argv])
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


def test_a_dry_run_saves_nothing_and_a_run_does(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = saved.read_text()
    step = ("--setup", str(saved), "add-name", "spare.example.net")
    code, said, _ = call(capsys, "--dry-run", *step)
    assert (code, said["saved"], said["spare_names"]) == (0, False, ["spare.example.net"])
    assert saved.read_text() == before
    code, said, _ = call(capsys, *step)
    assert (code, said["saved"]) == (0, True)
    now = read_setup(saved).setup
    assert now.spare_names == ("spare.example.net",)
    assert (now.history[-1].what, now.history[-1].detail) == (
        "changed",
        "add-name spare.example.net",
    )
    code, said, told = call(capsys, *step)
    assert (code, said["ok"], said["error"]["cause"]) == (2, False, "change-name")
    assert "already" in told


def test_another_option_takes_its_servers_from_a_file(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new.answers.txt"
    file.write_text(
        '[[setup.hosts]]\nname = "inside"\nrole = "inside"\npublic_ipv4 = "241.0.5.9"\n'
        '[setup.hosts.login]\naddress = "241.0.5.9"\n'
    )
    code, said, _ = call(
        capsys,
        "--setup",
        str(saved),
        "option",
        "3",
        "--hosts",
        str(file),
        "--server-name",
        INSIDE_NAME,
        "--accept",
        "I accept the risks of option 3",
    )
    assert code == 0
    assert (said["option"], said["outside_name"]) == (3, OUTSIDE_NAME)
    now = read_setup(saved).setup
    assert now.acknowledged == "I accept the risks of option 3"
    assert [one.name for one in now.hosts] == ["inside", "outside"]
    for step in (
        ("address", "inside", "--ipv4", "241.0.5.10"),
        ("link", "outside", "wrapped"),
        ("provider", "alidns", "--account", "LTAI1"),
        ("provider", "none"),
        ("workers", "1"),
        ("access-name", "new.example.com"),
    ):
        assert call(capsys, "--setup", str(saved), *step)[0] == 0
    assert call(capsys, "--setup", str(saved), "port", "30443")[0] == 2
    assert call(capsys, "--setup", str(saved), "provider", "rfc2136")[0] == 2
    assert call(capsys, "--setup", str(saved), "remove-host", "inside")[0] == 2


def test_an_answers_file_is_not_changed_behind_its_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said, _ = call(capsys, "--answers", str(tmp_path / "a.toml"), "workers", "1")
    assert (code, said["error"]["cause"]) == (2, "change-answers")
