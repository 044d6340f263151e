"""The real outside: what is kept, trying a server, operations on a setup, drafts as setups."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assistant import remote
from assistant.common.errors import AssistantError, StoreError
from assistant.findings.model import Finding
from assistant.operations import apply
from assistant.operations.connections import Connections
from assistant.operations.follow import Progress
from assistant.operations.proof import with_canary
from assistant.remote import CAUSES, HostFailure, HostKey, Wanted
from assistant.setup.model import RELEASES, Host, Login, Role, Settings, Setup
from assistant.setup.store import open_setup, read_setup
from assistant.setup.updates import with_findings
from assistant.text import msg
from assistant.wizard.draft import Draft, TypedHost, TypedLogin
from assistant.wizard.draft_to_setup import draft_from_setup, setup_from_draft, setup_name
from assistant.wizard.steps import Step
from assistant.wizard.typed_fields import FieldError
from screens.services.local_storage import settings_from
from screens.services.protocol import ReachStep
from screens.services.reach_server import ORDER, step_of
from screens.services.real_services import RealServices
from tests.support.remote_sshd import new_key, running_sshd
from tests.support.screens_values import (
    FINDINGS,
    GOOD_FINDINGS,
    INSIDE_NAME,
    NAME,
    SETUP_NAME,
    draft,
    host,
    option_setup,
    setup,
)


class Person:
    """Who answers questions; by default confirms keys and gives no passwords."""

    def __init__(self, *, sure: bool = True, answers: tuple[str | None, ...] = ()) -> None:
        self.sure = sure
        self.answers = list(answers)
        self.keys: list[tuple[str, bool, HostKey]] = []
        self.asked: list[Wanted] = []

    async def confirm_key(self, host: Host, is_jump: bool, key: HostKey) -> bool:
        self.keys.append((host.name, is_jump, key))
        return self.sure

    async def ask(self, wanted: Wanted) -> str | None:
        self.asked.append(wanted)
        return self.answers.pop(0) if self.answers else None

    async def provided(self, name: str, host: str) -> str | None:
        return None


# -- what is kept -------------------------------------------------------------------


def test_a_draft_is_kept_and_forgotten(tmp_path: Path) -> None:
    services = RealServices(tmp_path)
    assert not services.anything_saved()
    assert services.load_draft() is None
    services.save_draft(draft(Step.SERVERS))
    assert services.anything_saved()
    assert RealServices(tmp_path).load_draft() == draft(Step.SERVERS)
    services.drop_draft()
    assert not services.anything_saved()


def test_setups_are_kept_listed_and_read_also_a_damaged_one(tmp_path: Path) -> None:
    services = RealServices(tmp_path)
    services.save_setup(setup())
    changed = setup(acknowledged="yes")
    services.save_setup(changed)
    (tmp_path / "setups" / "broken.toml").write_text("name = ")
    found = {one.name: one for one in services.list_setups()}
    assert found[SETUP_NAME].setup == changed == services.load_setup(SETUP_NAME)
    assert found["broken"].setup is None
    assert "broken.toml" in str(found["broken"].problem)
    assert services.anything_saved()


def test_a_new_setup_begins_with_the_settings_of_this_computer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[settings]\nadmin = "anna"\nacme_email = "a@example.org"\n')
    monkeypatch.setenv("MATRIX_ASSISTANT_SETTINGS", str(file))
    services = RealServices(tmp_path)
    services.save_setup(setup())
    made = services.load_setup(SETUP_NAME)
    assert (made.settings.admin, made.settings.acme_email) == ("anna", "a@example.org")
    mine = setup(name="other", settings=Settings(acme_email="b@example.org"))
    services.save_setup(mine)
    assert services.load_setup("other").settings.acme_email == "b@example.org"
    # A setup that is known, or says something itself, keeps what it says.
    services.save_setup(made.model_copy(update={"settings": Settings(admin="bert")}))
    assert services.load_setup(SETUP_NAME).settings.admin == "bert"
    given = setup(name="third", settings=Settings(upload_megabytes=7))
    services.save_setup(given)
    assert services.load_setup("third") == given


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("settings = 3", "settings.toml"),
        ("[settings]\nupload_megabytes = 0\n", "upload_megabytes"),
        ("[settings]\npassword = 'x'\n", "settings.toml"),
        ("[settings", "not TOML"),
    ],
)
def test_settings_that_cannot_be_used_are_told(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(AssistantError) as told:
        settings_from(str(file))
    assert told.value.cause == "settings-file"
    assert words in str(told.value.message)


def test_settings_that_are_missing_are_told_and_none_are_the_usual_ones(tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match="cannot be read"):
        settings_from(str(tmp_path / "none.toml"))
    assert settings_from("") == Settings()


def test_a_summary_names_the_service_and_a_file_is_never_overwritten(tmp_path: Path) -> None:
    services = RealServices(tmp_path)
    services.save_setup(setup())
    text = services.export(SETUP_NAME, "operator", "en")
    assert NAME in text
    assert services.export(SETUP_NAME, "people", "zh") != services.export(
        SETUP_NAME, "people", "en"
    )
    where = tmp_path / "sub" / "summary.md"
    assert services.write_file(str(where), text) == str(where)
    assert services.write_file(str(where), text) == str(where)
    where.write_text("mine")
    other = services.write_file(str(where), text)
    assert other == str(where.with_name("summary-2.md"))
    assert where.read_text() == "mine"
    assert Path(other).read_text("utf-8") == text


@pytest.mark.parametrize("path", ["", "  ", "/", "/proc/none/x", "\0"])
def test_a_file_that_cannot_be_written_is_told(path: str) -> None:
    with pytest.raises(AssistantError) as told:
        RealServices().write_file(path, "text")
    assert told.value.cause == "output-file"


def test_real_names_are_only_changed_by_their_owner(tmp_path: Path) -> None:
    services = RealServices(tmp_path)
    services.save_setup(setup())
    assert not services.practice
    with pytest.raises(AssistantError, match="Only you can change"):
        asyncio.run(services.add_records(SETUP_NAME))


def test_a_practice_adds_the_public_records_of_the_plan(tmp_path: Path) -> None:
    told: list[tuple[str, str, tuple[str, ...]]] = []

    async def registrar(records: tuple[Any, ...]) -> None:
        told.extend((r.name, r.type, r.values) for r in records if r.must == "exist")

    services = RealServices(tmp_path, registrar=registrar)
    assert services.practice
    services.save_setup(setup())
    asyncio.run(services.add_records(SETUP_NAME))
    assert (NAME, "A", ("203.0.113.9",)) in told


@pytest.mark.skipif(os.geteuid() != 0, reason="root can always practise on Linux")
def test_a_computer_without_root_is_told_how_to_practise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    problem = RealServices().practice_problem()
    assert problem is not None
    assert "sudo" in str(problem)


# -- operations ----------------------------------------------------------------------


@pytest.fixture
def no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operations without connecting: keys are known, nothing is asked of the servers."""

    async def trust(setup: Setup, confirm: Any, credentials: Any, closed: Any = None) -> Setup:
        return setup

    async def learn(connections: Connections, optional: bool = False) -> Setup:
        return connections.setup

    monkeypatch.setattr("assistant.operations.trust.trust", trust)
    monkeypatch.setattr("assistant.operations.trust.learn", learn)


def _checking(
    monkeypatch: pytest.MonkeyPatch, findings: tuple[Finding, ...], meanwhile: Any = None
) -> None:
    async def check(connections: Connections, checker: Any, **how: Any) -> Any:
        for finding in findings:
            how["report"](finding)
        if meanwhile is not None:
            await meanwhile()
        made = with_findings(connections.setup, findings, datetime.now(UTC))
        connections.setup = made
        return made, findings

    monkeypatch.setattr("assistant.operations.check.check", check)


@pytest.mark.usefixtures("no_servers")
def test_a_check_saves_its_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _checking(monkeypatch, GOOD_FINDINGS)
    services = RealServices(tmp_path)
    services.save_setup(setup())
    seen: list[Finding] = []
    found = asyncio.run(
        services.check(SETUP_NAME, Person(), phase="before", only=None, report=seen.append)
    )
    assert tuple(seen) == found == GOOD_FINDINGS
    assert RealServices(tmp_path).load_setup(SETUP_NAME).current_findings == GOOD_FINDINGS


@pytest.mark.usefixtures("no_servers")
def test_a_setup_is_locked_while_worked_on_and_free_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = RealServices(tmp_path)
    services.save_setup(setup())
    folder = tmp_path / "setups"

    async def another_program() -> None:
        with pytest.raises(StoreError) as told, open_setup(SETUP_NAME, folder):
            pass
        assert told.value.cause == "open-elsewhere"

    _checking(monkeypatch, GOOD_FINDINGS, another_program)
    check = services.check(SETUP_NAME, Person(), phase="before", only=None, report=lambda _: None)
    asyncio.run(check)
    with open_setup(SETUP_NAME, folder):
        pass


@pytest.mark.usefixtures("no_servers")
def test_what_the_person_sets_aside_during_a_check_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = RealServices(tmp_path)
    services.save_setup(setup())

    async def set_aside() -> None:
        now = services.load_setup(SETUP_NAME)
        services.save_setup(now.model_copy(update={"set_aside": ("dns|x|y",)}))

    _checking(monkeypatch, FINDINGS, set_aside)
    check = services.check(SETUP_NAME, Person(), phase="after", only=None, report=lambda _: None)
    asyncio.run(check)
    kept = read_setup(SETUP_NAME, tmp_path / "setups").setup
    assert kept.set_aside == ("dns|x|y",)
    assert kept.current_findings == FINDINGS


@pytest.mark.usefixtures("no_servers")
def test_two_operations_share_the_setup_and_the_last_one_closes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = RealServices(tmp_path)
    services.save_setup(setup())

    async def both() -> None:
        first, second = asyncio.Event(), asyncio.Event()

        async def check(connections: Connections, checker: Any, **how: Any) -> Any:
            await (first if how["phase"] == "before" else second).wait()
            made = with_canary(connections.setup, True, how["phase"])
            return made, ()

        monkeypatch.setattr("assistant.operations.check.check", check)
        jobs = [
            asyncio.ensure_future(
                services.check(SETUP_NAME, Person(), phase=p, only=None, report=lambda _: None)
            )
            for p in ("before", "after")
        ]
        await asyncio.sleep(0.2)
        first.set()
        await jobs[0]
        second.set()
        await jobs[1]

    asyncio.run(both())
    kept = read_setup(SETUP_NAME, tmp_path / "setups").setup
    assert [entry.detail for entry in kept.history] == ["before", "after"]
    with open_setup(SETUP_NAME, tmp_path / "setups"):
        pass


@pytest.mark.usefixtures("no_servers")
def test_an_option_with_risks_is_not_applied_without_consent(tmp_path: Path) -> None:
    risky = setup(
        option=3,
        outside_name="out.example.net",
        hosts=(host(), host(name="inside", role=Role.INSIDE)),
    )
    services = RealServices(tmp_path)
    services.save_setup(risky)
    with pytest.raises(AssistantError) as told:
        asyncio.run(services.apply(SETUP_NAME, Person(), {}, lambda _: None))
    assert told.value.cause == "acknowledgement"


def test_the_company_is_given_the_public_records_and_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    async def set_records(records: Any, provider: Any, token: str) -> tuple[str, ...]:
        given.append((tuple(r.name for r in records if r.where == "public"), provider.name, token))
        return ("done",)

    monkeypatch.setattr("assistant.dns_records.publish.set_records", set_records)

    class Typist(Person):
        async def provided(self, name: str, host: str) -> str | None:
            return {"records-token cloudflare": "secret-key"}.get(f"{name} {host}")

    services = RealServices(tmp_path)
    services.save_setup(setup(name="alone"))
    services.save_setup(option_setup(3))
    with pytest.raises(AssistantError) as told:
        asyncio.run(services.set_records("alone", Typist()))
    assert told.value.cause == "no-provider" and not given
    assert asyncio.run(services.set_records(SETUP_NAME, Typist())) == ("done",)
    ((names, provider, token),) = given
    assert (provider, token) == ("cloudflare", "secret-key")
    assert NAME in names and INSIDE_NAME in names
    kept = "".join(p.read_text("utf-8") for p in tmp_path.rglob("*") if p.is_file())
    assert "secret-key" not in kept

    class Silent(Person):
        async def provided(self, name: str, host: str) -> str | None:
            return None

    assert asyncio.run(services.set_records(SETUP_NAME, Silent())) == ()
    assert len(given) == 1


def test_what_the_wizard_decides_joins_the_settings_of_this_computer(tmp_path: Path) -> None:
    services = RealServices(tmp_path, settings=Settings(admin="anna", acme_email="a@example.org"))
    services.save_setup(option_setup(4))
    made = services.load_setup(SETUP_NAME).settings
    assert (made.admin, made.acme_email) == ("anna", "anna@example.org")
    assert made.challenge == "dns-01" and made.provider is not None


def test_a_password_is_asked_for_once_while_the_program_runs() -> None:
    async def story() -> None:
        services = RealServices()
        person = Person(answers=("right",))
        wanted = Wanted("sudo", "203.0.113.9", "debian")
        assert await services._talking(person).ask(wanted) == "right"
        later = Person()
        assert await services._talking(later).ask(wanted) == "right"
        assert later.asked == []
        # A wrong one is asked for again, by whoever is there now.
        again = Wanted("sudo", "203.0.113.9", "debian", attempt=2)
        assert await services._talking(later).ask(again) is None
        assert later.asked == [again]
        assert "right" not in repr(services._talking(later))

    asyncio.run(story())


# -- runs under way -------------------------------------------------------------------


def _end(ok: bool = True) -> list[dict[str, Any]]:
    return [
        {"event": "finished", "ok": ok, "changed": 1, "failed": 0, "stopped": False},
        {"event": "result", "run": "theirs", "ok": ok},
    ]


def _following(monkeypatch: pytest.MonkeyPatch, what: str, followed: list[str | None]) -> None:
    """A host on which ``theirs`` is under way."""

    async def apply_run(open_session: Any, request: Mapping[str, Any]) -> AsyncIterator[Any]:
        yield {"event": "busy", "run": "theirs", "since": 1.0}
        raise HostFailure("busy", msg("Run theirs is under way."), host="outside")

    async def follow_run(open_session: Any, run: str | None = None) -> AsyncIterator[Any]:
        followed.append(run)
        yield {"event": "run", "run": "theirs", "what": what, "total": 2, "seq": 1}
        yield {"event": "changed", "id": "file:/x", "seconds": 1, "summary": "", "seq": 2}
        for event in _end():
            yield event

    monkeypatch.setattr(remote, "apply_run", apply_run, raising=False)
    monkeypatch.setattr(remote, "follow_run", follow_run, raising=False)


def test_an_apply_joins_the_one_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[str | None] = []
    _following(monkeypatch, "apply", followed)
    events: list[Progress] = []
    connections = Connections(setup(), Person())
    made, (result,) = asyncio.run(apply.apply(connections, report=events.append))
    assert followed == ["theirs"]
    assert (result.ok, result.run, result.changed) == (True, "theirs", 1)
    assert [e.event["event"] for e in events][:2] == ["busy", "run"]
    assert [(e.what, e.run, e.ok) for e in made.history] == [("applied", "theirs", True)]


@pytest.mark.parametrize("mode", ["apply", "undo"])
def test_what_is_taken_back_is_not_joined_and_no_undo_joins(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    followed: list[str | None] = []
    _following(monkeypatch, "undo" if mode == "apply" else "apply", followed)
    connections = Connections(setup(), Person())
    work = apply.apply if mode == "apply" else apply.undo
    made, (result,) = asyncio.run(work(connections, report=lambda _: None))
    assert (result.ok, result.cause) == (False, "busy")
    assert followed == (["theirs"] if mode == "apply" else [])
    assert [entry.ok for entry in made.history] == [False]


def test_a_run_that_ended_while_the_program_was_away_is_noted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def apply_run(open_session: Any, request: Mapping[str, Any]) -> AsyncIterator[Any]:
        yield {"event": "run", "run": request["run"], "what": "apply", "total": 2, "seq": 1}
        yield {"event": "finished", "ok": True, "changed": 0, "failed": 0, "stopped": False}
        yield {"event": "result", "run": request["run"], "ok": True}

    monkeypatch.setattr(remote, "apply_run", apply_run, raising=False)
    connections = Connections(setup(), Person())
    made, _ = asyncio.run(apply.apply(connections, report=lambda _: None))
    assert [(e.what, e.ok) for e in made.history] == [("applied", True)]
    made, _ = asyncio.run(apply.apply(connections, report=lambda _: None))
    assert len(made.history) == 1


# -- trying a server --------------------------------------------------------------------


def tried(
    wanted: Host, person: Person, tmp_path: Path
) -> tuple[list[tuple[str, str]], Host | AssistantError]:
    """The steps that were told, and the host or the error."""
    steps: list[ReachStep] = []
    services = RealServices(tmp_path / "data")
    try:
        made: Any = asyncio.run(services.reach(wanted, person, steps.append)).host
    except AssistantError as error:
        made = error
    return [(step.step, step.state) for step in steps], made


def ended(steps: list[tuple[str, str]]) -> dict[str, str]:
    """The last state of each step."""
    return dict(steps)


def test_a_server_is_tried_step_by_step_and_known_afterwards(tmp_path: Path) -> None:
    person = Person()
    with running_sshd(tmp_path / "sshd") as server:
        one = host(login=server.login(host_key=""), release="")
        steps, made = tried(one, person, tmp_path)
        assert steps[0] == ("reached", "running")
        assert steps.index(("reached", "ok")) < steps.index(("key", "running"))
        if isinstance(made, Host):
            assert ended(steps) == dict.fromkeys(ORDER, "ok")
            assert made.login.host_key == server.host_keys["ssh-ed25519"]
            assert made.release in RELEASES
            again, _ = tried(made, person, tmp_path)
            assert ended(again) == dict.fromkeys(ORDER, "ok")
        else:  # this computer runs something that is not supported
            assert made.cause == "release-unsupported"
            assert ended(steps) == {**dict.fromkeys(ORDER, "ok"), "release": "failed"}
    assert [(name, jump) for name, jump, _ in person.keys] == [("outside", False)]
    assert person.keys[0][2].text == server.host_keys["ssh-ed25519"]


def test_a_key_that_is_not_confirmed_ends_it_before_anything_is_sent(tmp_path: Path) -> None:
    with running_sshd(tmp_path / "sshd") as server:
        one = host(login=server.login(host_key=""))
        steps, error = tried(one, Person(sure=False), tmp_path)
    assert isinstance(error, AssistantError)
    assert error.cause == "host-key-not-confirmed"
    assert ended(steps) == {"reached": "ok", "key": "failed"}


def test_another_key_than_the_confirmed_one_is_refused(tmp_path: Path) -> None:
    other = " ".join(new_key(tmp_path / "other").split()[:2])
    with running_sshd(tmp_path / "sshd") as server:
        steps, error = tried(host(login=server.login(host_key=other)), Person(), tmp_path)
    assert isinstance(error, AssistantError)
    assert error.cause == "host-key-changed"
    assert ended(steps) == {"reached": "ok", "key": "failed"}


def test_a_login_that_is_refused_is_told_as_such(tmp_path: Path) -> None:
    new_key(tmp_path / "wrong")
    with running_sshd(tmp_path / "sshd") as server:
        login = server.login(key_file=str(tmp_path / "wrong"))
        steps, error = tried(host(login=login), Person(), tmp_path)
    assert isinstance(error, AssistantError)
    assert error.cause == "auth"
    assert ended(steps) == {"reached": "ok", "key": "ok", "login": "failed"}


def test_nothing_there_is_told_at_the_first_step(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        login = Login(address="127.0.0.1", port=probe.getsockname()[1], use_agent=False)
        steps, error = tried(host(login=login), Person(), tmp_path)
    assert isinstance(error, AssistantError)
    assert error.cause == "refused"
    assert steps == [("reached", "running"), ("reached", "failed")]


def test_a_locked_key_file_is_opened_with_its_passphrase(tmp_path: Path) -> None:
    public = new_key(tmp_path / "locked", passphrase="open sesame")
    person = Person(answers=("wrong", "open sesame"))
    with running_sshd(tmp_path / "sshd") as server:
        server.authorize(public)
        login = server.login(key_file=str(tmp_path / "locked"))
        steps, _ = tried(host(login=login), person, tmp_path)
    assert ended(steps)["login"] == "ok"
    assert [wanted.attempt for wanted in person.asked] == [1, 2]
    assert {wanted.kind for wanted in person.asked} == {"passphrase"}


@pytest.mark.parametrize("jump", ["", "jump-"])
@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_every_cause_belongs_to_a_step_and_none_that_passed_fails(cause: str, jump: str) -> None:
    assert step_of(jump + cause, None) in ORDER
    for number, passed in enumerate(ORDER):
        failing = ORDER.index(step_of(jump + cause, passed))
        assert failing == min(max(failing, number + 1), len(ORDER) - 1)


@pytest.mark.parametrize(
    ("facts", "cause", "failing"),
    [
        ({"codename": "sid", "pretty": "Debian sid"}, "release-unsupported", "release"),
        ({"codename": "trixie", "root": False}, "no-sudo", "sudo"),
    ],
)
def test_what_a_server_is_may_rule_it_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, facts: dict[str, Any], cause: str, failing: str
) -> None:
    class Session:
        async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
            return facts

    class Connected:
        async def __aenter__(self) -> Session:
            return Session()

        async def __aexit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(remote, "connect", lambda *a, **k: Connected(), raising=False)
    login = Login(address="203.0.113.9", user="debian", host_key="ssh-ed25519 AAAA")
    steps, error = tried(host(login=login), Person(), tmp_path)
    assert isinstance(error, AssistantError)
    assert error.cause == cause
    assert ended(steps)[failing] == "failed"


# -- drafts as setups ---------------------------------------------------------------------


def _typed(**login: Any) -> dict[str, TypedHost]:
    values = {"address": " 203.0.113.9 ", "key_file": "~/.ssh/id", **login}
    return {"outside": TypedHost(login=TypedLogin(**values), release="trixie")}


def test_a_draft_becomes_a_setup_and_back() -> None:
    made = setup_from_draft(draft(Step.CHECKS))
    assert (made.name, made.server_name, made.access_name) == (SETUP_NAME, NAME, NAME)
    assert made.settings.acme_email == "anna@example.org"
    only = made.host(Role.OUTSIDE)
    assert (only.public_ipv4, only.release) == ("203.0.113.9", "trixie")
    assert setup_from_draft(draft_from_setup(made), made) == made
    assert draft_from_setup(made) == draft(Step.CHECKS)


def test_the_public_address_follows_from_a_direct_login() -> None:
    made = setup_from_draft(Draft(server_name=NAME, option=1, hosts=_typed()))
    assert made.host(Role.OUTSIDE).public_ipv4 == "203.0.113.9"
    made = setup_from_draft(Draft(server_name=NAME, option=1, hosts=_typed(address="2001:db8::1")))
    only = made.host(Role.OUTSIDE)
    assert (only.public_ipv4, only.public_ipv6) == ("", "2001:db8::1")
    named = setup_from_draft(Draft(server_name=NAME, option=1, hosts=_typed(address="a.example")))
    assert named.host(Role.OUTSIDE).public_ipv4 == ""


def test_the_option_is_the_advice_when_nobody_chose_another() -> None:
    made = setup_from_draft(draft(Step.CHECKS, option=None))
    assert made.option == 1


def test_what_was_learned_and_done_stays_with_a_changed_draft() -> None:
    first = setup_from_draft(draft(Step.CHECKS), settings=Settings(admin="anna"))
    done = with_canary(first, True, "10/10")
    changed = draft(Step.CHECKS, acme_email="new@example.org")
    again = setup_from_draft(changed, done, settings=Settings(admin="ignored"))
    assert (again.created, again.history) == (done.created, done.history)
    assert (again.settings.admin, again.settings.acme_email) == ("anna", "new@example.org")
    emptied = setup_from_draft(draft(Step.CHECKS, acme_email=""), again)
    assert emptied.settings.acme_email == ""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"server_name": "nodot"}, "server_name"),
        ({"server_name": ""}, "server_name"),
        ({"acme_email": "anna"}, "acme_email"),
        ({"hosts": {}}, "outside.login.address"),
        ({"hosts": _typed(address="")}, "outside.login.address"),
        ({"hosts": _typed(port="0")}, "outside.login.port"),
        ({"hosts": _typed(user="Mr X")}, "outside.login.user"),
        ({"hosts": _typed(key_file="a\x1bb")}, "outside.login.key_file"),
        (
            {"hosts": {"outside": _typed()["outside"].model_copy(update={"public_ipv4": "1.2"})}},
            "outside.public_ipv4",
        ),
    ],
)
def test_what_cannot_be_used_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldError) as told:
        setup_from_draft(draft(Step.CHECKS, **change))
    assert told.value.field == field
    assert str(told.value.message)


@pytest.mark.parametrize(
    ("server_name", "name"),
    [
        ("chat.example.org", "chat-example-org"),
        ("xn--fiq228c.example", "xn-fiq228c-example"),
        ("x" * 100 + ".org", "x" * 60),
        ("...", "matrix"),
    ],
)
def test_the_name_of_a_setup(server_name: str, name: str) -> None:
    assert setup_name(server_name) == name
