"""Which changes are offered, what a finding proposes, and what follows in the wizard."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from assistant.change.changes import (
    Change,
    add_spare_name,
    change_access_name,
    change_address,
    change_option,
    change_port,
    change_provider,
    recorded,
    set_link,
    set_workers,
)
from assistant.change.limits import POSSIBLE
from assistant.change.next_step import GO_ON, left_to_do, next_step
from assistant.change.possible import Proposal, possible_changes, proposed
from assistant.common.errors import InputError
from assistant.findings.model import Confidence, Finding, Mender, Remedy, Status
from assistant.setup.history import with_history
from assistant.setup.homeservers import homeservers
from assistant.setup.model import HistoryEntry, Login, Role, Setup
from assistant.text import msg, render
from assistant.wizard.draft import TOPICS
from assistant.wizard.draft_to_setup import draft_towards, setup_from_draft, with_option
from assistant.wizard.steps import Step
from tests.support.option_setups import INSIDE_NAME, OUTSIDE_NAME, host, setup

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def ids(made: Setup) -> list[str]:
    return [f"{kind.id} {kind.about}".strip() for kind in possible_changes(made)]


def finding(action: str, **values: Any) -> Finding:
    return Finding(
        check="tls",
        subject="x",
        vantage="outside",
        status=Status.FAILED,
        cause="cut",
        summary=msg("The name is fine"),
        remedy=Remedy(who=Mender.ASSISTANT, text=msg("Do {works}.", **values), action=action),
        confidence=Confidence.HIGH,
    )


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (1, ["add-name", "access-name", "address outside", "provider", "workers", "option"]),
        (2, ["add-name", "access-name", "address inside", "address outside", "provider",
             "link outside", "workers"]),
        (3, ["add-name", "access-name", "address inside", "address outside", "provider",
             "link outside", "workers", "option"]),
        (4, ["add-name", "access-name", "address home", "address inside", "address outside", "port",
             "provider", "link outside", "link home", "workers", "remove-host home"]),
    ],
)  # fmt: skip
def test_only_what_is_possible_is_offered(option: int, expected: list[str]) -> None:
    assert ids(setup(option)) == expected
    spare = setup(option, spare_names=("spare.example.net",))
    assert ids(spare) == ["add-name", "remove-name", *expected[1:]]


@pytest.mark.parametrize("option", [1, 2, 3, 4])
def test_every_line_is_short_and_told_in_both_languages(option: int) -> None:
    from rich.cells import cell_len

    for kind in possible_changes(setup(option, spare_names=("spare.example.net",))):
        for language in ("en", "zh"):
            title, why = render(kind.title, language), render(kind.why, language)
            assert cell_len(title) <= 28 and cell_len(why) <= 44, (title, why)
            assert "{" not in title + why


def test_the_title_says_whether_there_is_a_company_already() -> None:
    bare = setup(1)
    none = bare.model_copy(update={"settings": bare.settings.model_copy(update={"provider": None})})
    titles = [str(kind.title) for made in (bare, none) for kind in possible_changes(made)
              if kind.id == "provider"]  # fmt: skip
    assert titles == ["Another DNS company", "Name your DNS company"]


@pytest.mark.parametrize(
    ("option", "action", "expected"),
    [
        (4, "wrap-home-link", ("link", "home", "wrapped")),
        (4, "wrap-outside-link", ("link", "outside", "wrapped")),
        (3, "wrap-outside-link", ("link", "outside", "wrapped")),
        (4, "use-port", ("port", "", "21777")),
        (3, "wrap-home-link", None),
        (1, "wrap-outside-link", None),
        (3, "use-port", None),
        (4, "keep-port", None),
        (4, "", None),
    ],
)
def test_a_finding_proposes_the_change_that_mends_it(
    option: int, action: str, expected: tuple[str, str, str] | None
) -> None:
    found = proposed(setup(option), finding(action, works=21777))
    got = found and (found.kind.id, found.kind.about, found.value)
    assert got == expected


def test_what_is_done_already_or_not_known_is_not_proposed() -> None:
    wrapped = set_link(setup(4), "home", "wrapped").setup
    assert proposed(wrapped, finding("wrap-home-link")) is None
    bare = finding("use-port").model_copy(update={"remedy": None})
    assert proposed(setup(4), bare) is None
    unknown = proposed(setup(4), finding("use-port"))
    assert isinstance(unknown, Proposal) and unknown.value == ""


def test_no_command_is_named_where_the_wizard_leads_on() -> None:
    four = setup(4)
    changes = [
        add_spare_name(four, "spare.example.net"),
        change_access_name(four, "new.example.net"),
        change_address(four, "outside", ipv4="241.0.9.9"),
        change_port(four, 30443),
        change_provider(four, None),
        set_link(four, "home", "wrapped"),
        set_workers(four, 2),
        change_option(
            setup(1), 3, hosts=[host(Role.INSIDE)], server_name=INSIDE_NAME, acknowledged=""
        ),
    ]
    for change in changes:
        left = left_to_do(change)
        assert left.count(GO_ON) == 1
        assert not any("matrix-assistant " in render(one) for one in left)
    port = left_to_do(changes[3])
    assert port.index(GO_ON) < len(port) - 1, "people are told the new address afterwards"


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (lambda s: add_spare_name(s, "spare.example.net"), Step.CHECKS),
        (lambda s: change_access_name(s, "new.example.net"), Step.CHECKS),
        (lambda s: change_address(s, "outside", ipv4="241.0.9.9"), Step.CHECKS),
        (lambda s: change_address(s, "outside", login_address="241.0.9.9"), Step.SERVERS),
        (lambda s: set_link(s, "home", "wrapped"), Step.REVIEW),
        (lambda s: set_workers(s, 2), Step.REVIEW),
        (lambda s: change_port(s, 30443), Step.CHECKS),
    ],
)
def test_where_the_wizard_goes_on(change: Any, step: Step) -> None:
    four = applied(setup(4))
    assert next_step(four, change(four).setup) is step
    assert next_step(setup(4), change(setup(4)).setup) in (Step.SERVERS, Step.CHECKS)


def test_a_setup_without_a_plan_goes_on_to_the_checks() -> None:
    three = applied(setup(3))
    bare = three.settings.model_copy(update={"provider": None, "dns_update": None})
    assert next_step(three, three.model_copy(update={"settings": bare})) is Step.CHECKS


def test_a_change_is_kept_in_the_history() -> None:
    change = set_workers(setup(1), 2)
    made = recorded(change, "workers 2", NOW)
    assert made.history == (HistoryEntry(at=NOW, what="changed", detail="workers 2"),)
    assert made.model_copy(update={"history": ()}) == change.setup


# -- another option, as the wizard does it ---------------------------------------


def applied(made: Setup) -> Setup:
    for one in made.hosts:
        made = with_history(made, HistoryEntry(at=NOW, what="applied", host=one.name))
    return made


@pytest.mark.parametrize("option", [2, 3, 4])
def test_the_present_server_becomes_the_one_outside(option: int) -> None:
    before = applied(setup(1))
    draft = draft_towards(before, option, practice=True)
    assert (draft.step, draft.option, draft.setup) == (Step.ADVICE, option, before.name)
    assert (draft.server_name, draft.server_name_confirmed) == ("", False)
    assert (draft.outside_name, draft.outside_name_confirmed) == (OUTSIDE_NAME, True)
    assert draft.settled == () and draft.acknowledged == "" and draft.practice
    typed = draft.model_copy(
        update={
            "server_name": INSIDE_NAME,
            "hosts": {**draft.hosts, "inside": draft.hosts["outside"],
                      "home": draft.hosts["outside"]},
        }
    )  # fmt: skip
    made = setup_from_draft(typed, before)
    assert made.host(Role.OUTSIDE) == before.host(Role.OUTSIDE)
    assert set(homeservers(before)[0].names) <= {s.server_name for s in homeservers(made)}
    assert (made.access_name, made.history) == (INSIDE_NAME, before.history)


def test_a_home_line_comes_and_goes_with_what_it_asks_for() -> None:
    three = setup(3)
    four = draft_towards(three, 4)
    assert set(TOPICS) - set(four.settled) == {"port", "links"}
    assert (four.server_name, four.outside_name) == (INSIDE_NAME, OUTSIDE_NAME)
    back = draft_towards(setup(4), 3)
    assert set(TOPICS) - set(back.settled) == {"devices"}
    made = setup_from_draft(back, setup(4))
    assert (made.option, made.access_port) == (3, 443)
    assert [one.name for one in made.hosts] == ["inside", "outside"]


@pytest.mark.parametrize("option", [o for o in POSSIBLE if POSSIBLE[o]])
def test_names_stay_with_their_servers_when_other_answers_took_the_option_back(
    option: int,
) -> None:
    for to in POSSIBLE[option]:
        draft = draft_towards(setup(option), to)
        unsure = draft.model_copy(update={"option": None})
        assert with_option(unsure, to) == draft
        assert with_option(unsure, option).server_name == setup(option).server_name


def test_a_plan_that_can_never_be_made_is_refused() -> None:
    with pytest.raises(InputError):
        add_spare_name(setup(4), "a" * 64 + ".example.net")


def test_a_login_that_is_known_needs_no_trial() -> None:
    made = host(Role.OUTSIDE, login=Login(address="241.0.3.7"))
    new = setup(1, hosts=(made,))
    assert next_step(setup(1), new) is Step.SERVERS
    assert isinstance(Change(new), Change)
