"""What the options with two and three servers ask for, as typed and as a Setup: there and back."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from assistant.advice.options import acknowledged
from assistant.answers.model import Federation
from assistant.common.errors import ProblemError
from assistant.setup.mirrors import MIRRORS, choice_of_mirror, clean_mirror, mirror_of_choice
from assistant.setup.model import Mirror, Role, Settings
from assistant.wizard.draft import Draft, Step, TypedProvider, draft_of
from assistant.wizard.draft_to_setup import (
    draft_from_setup,
    fits_option,
    home_port,
    setup_from_draft,
)
from assistant.wizard.typed_fields import FieldError, clean_home_port, clean_names
from tests.support.screens_values import INSIDE_NAME, NAME, option_draft, option_setup

OPTIONS: tuple[Literal[2, 3, 4], ...] = (2, 3, 4)


@pytest.mark.parametrize("option", OPTIONS)
def test_a_draft_becomes_a_setup_and_back(option: Literal[2, 3, 4]) -> None:
    more: dict[str, Any] = {
        "home_link": "wrapped" if option == 4 else "direct",
        "outside_link": "wrapped" if option != 2 else "direct",
        "spare_names": "a.example.net b.example.net",
        "security_filing": "京公网安备11010502030143号" if option == 2 else "",
        "private_resolver": option == 3,
    }
    draft = option_draft(Step.CHECKS, option, **more)
    made = setup_from_draft(draft)
    assert (made.server_name, made.outside_name) == (INSIDE_NAME, NAME)
    assert made.spare_names == ("a.example.net", "b.example.net")
    assert made.access_port == (23517 if option == 4 else 443)
    assert made.settings.outside_link == more["outside_link"]
    assert made.settings.challenge == ("http-01" if option == 2 else "dns-01")
    assert acknowledged(option, made.acknowledged)
    inside = made.host(Role.INSIDE).mirror
    assert inside is not None and inside.uri == "http://mirrors.tuna.tsinghua.edu.cn/debian"
    assert made.host(Role.OUTSIDE).mirror is None
    again = draft_from_setup(made)
    assert again == draft
    assert setup_from_draft(again, made) == made
    assert draft_of(made, Step.CHECKS) == again


def test_an_own_name_server_goes_there_and_back() -> None:
    provider = TypedProvider(
        name="rfc2136", server="192.0.2.53", port="5353", key_name="k.", algorithm="hmac-sha512"
    )
    made = setup_from_draft(option_draft(Step.CHECKS, 4, provider=provider))
    assert made.settings.provider is not None and made.settings.provider.update is not None
    assert made.settings.provider.update.algorithm == "HMAC-SHA512"
    back = draft_from_setup(made).provider
    assert back == provider.model_copy(update={"algorithm": "HMAC-SHA512"})


def test_a_company_that_is_not_chosen_leaves_the_one_that_was_set() -> None:
    made = option_setup(3)
    again = setup_from_draft(option_draft(Step.CHECKS, 3, provider=TypedProvider()), made)
    assert again.settings.provider == made.settings.provider is not None


def test_the_line_at_home_gets_a_port_of_its_own() -> None:
    made = setup_from_draft(option_draft(Step.CHECKS, 4, access_port=""))
    assert made.access_port == home_port(made.name) == clean_home_port(str(home_port(made.name)))
    assert home_port("a") != home_port("b")


def test_what_was_found_out_of_a_line_at_home_stays() -> None:
    made = option_setup(4)
    assert made.host(Role.HOME).public_ipv4 == "", "a private address is nobody's public one"
    home = made.host(Role.HOME).model_copy(update={"public_ipv4": "198.51.100.77"})
    known = made.model_copy(update={"hosts": (home, *made.hosts[1:])})
    again = setup_from_draft(option_draft(Step.CHECKS, 4), known)
    assert again.host(Role.HOME).public_ipv4 == "198.51.100.77"


def test_answers_decide_on_federation_once() -> None:
    draft = option_draft(Step.CHECKS, 2)
    answers = draft.answers.model_copy(update={"federation": Federation.OPEN})
    made = setup_from_draft(draft.model_copy(update={"answers": answers}))
    assert made.settings.federation == "open"
    by_hand = made.model_copy(
        update={"settings": made.settings.model_copy(update={"federation": "own"})}
    )
    again = setup_from_draft(draft.model_copy(update={"answers": answers}), by_hand)
    assert again.settings.federation == "own", "what was set since is not set back"


@pytest.mark.parametrize(
    ("option", "change", "field"),
    [
        (2, {"outside_name": ""}, "outside_name"),
        (2, {"outside_name": INSIDE_NAME}, "outside_name"),
        (2, {"spare_names": "nodot"}, "spare_names"),
        (2, {"spare_names": f"x.example.org {NAME}"}, "spare_names"),
        (2, {"filing": "1\x1b"}, "filing"),
        (2, {"security_filing": "1\n2"}, "security_filing"),
        (4, {"access_port": "443"}, "access_port"),
        (4, {"access_port": "８０８１a"}, "access_port"),
        (3, {"provider": TypedProvider(name="a b")}, "provider.name"),
        (3, {"provider": TypedProvider(name="nobody")}, "provider.name"),
        (4, {"provider": TypedProvider(name="huaweicloud")}, "provider.name"),
        (3, {"provider": TypedProvider(name="alidns", account="a b")}, "provider.account"),
        (3, {"provider": TypedProvider(name="rfc2136")}, "provider.server"),
        (3, {"provider": TypedProvider(name="rfc2136", server="192.0.2.53", port="x")},
         "provider.port"),
        (3, {"provider": TypedProvider(name="rfc2136", server="192.0.2.53", key_name="k;")},
         "provider.key_name"),
        (3, {"provider": TypedProvider(name="rfc2136", server="192.0.2.53", key_name="k",
                                       algorithm="SHA1")}, "provider.algorithm"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(
    option: Literal[2, 3, 4], change: dict[str, Any], field: str
) -> None:
    with pytest.raises(FieldError) as told:
        setup_from_draft(option_draft(Step.CHECKS, option, **change))
    assert told.value.field == field
    assert str(told.value.message)


@pytest.mark.parametrize("text", ["ftp://a/debian", "http://a:b@mirror/debian", "http://m/apt"])
def test_an_address_of_a_mirror_that_cannot_be_used_is_named(text: str) -> None:
    draft = option_draft(Step.CHECKS, 2)
    host = draft.hosts["inside"].model_copy(update={"mirror": text})
    with pytest.raises(FieldError) as told:
        setup_from_draft(draft.model_copy(update={"hosts": {**draft.hosts, "inside": host}}))
    assert told.value.field == "inside.mirror"


@pytest.mark.parametrize("release", ["bookworm", "trixie", "jammy", "noble"])
def test_every_mirror_has_security_updates_and_wheels(release: str) -> None:
    ubuntu = release in ("jammy", "noble")
    for known in MIRRORS:
        made = mirror_of_choice(known.id, release)
        assert made is not None
        assert made.uri.endswith("/ubuntu" if ubuntu else "/debian")
        assert made.security_uri.endswith("/ubuntu" if ubuntu else "/debian-security")
        assert "index-url = https://" in made.pip_conf
        assert choice_of_mirror(made, release) == known.id
    assert mirror_of_choice("", release) is None


def test_a_typed_mirror_must_fit_the_system() -> None:
    typed = mirror_of_choice(" https://mirror.example.cn/linux/debian/ ", "trixie")
    assert typed == Mirror(
        uri="https://mirror.example.cn/linux/debian",
        security_uri="https://mirror.example.cn/linux/debian-security",
    )
    assert choice_of_mirror(typed, "trixie") == "https://mirror.example.cn/linux/debian"
    with pytest.raises(ProblemError, match="another system"):
        mirror_of_choice("http://mirror.example.cn/debian", "noble")
    with pytest.raises(ProblemError, match="must end with"):
        clean_mirror("http://mirror.example.cn/packages")


def test_a_mirror_set_otherwise_keeps_its_key() -> None:
    made = option_setup(2)
    mirror = Mirror(uri="http://mirror.lab/flat", suites="lab /", signing_key="KEY")
    hosts = tuple(
        host.model_copy(update={"mirror": mirror}) if host.role is Role.INSIDE else host
        for host in made.hosts
    )
    known = made.model_copy(update={"hosts": hosts})
    draft = draft_from_setup(known)
    assert draft.hosts["inside"].mirror == "http://mirror.lab/flat"
    assert setup_from_draft(draft, known).host(Role.INSIDE).mirror == mirror


def test_spare_names_may_stand_as_people_write_them() -> None:
    assert clean_names(" A.example.org,b.example.org；c.example.org a.example.org ") == (
        "a.example.org",
        "b.example.org",
        "c.example.org",
    )
    assert clean_names(" ") == ()


def test_companies_must_do_what_an_option_needs() -> None:
    assert all(fits_option("rfc2136", option) and fits_option("cloudflare", option)
               for option in (1, 2, 3, 4))  # fmt: skip
    assert fits_option("huaweicloud", 3) and not fits_option("huaweicloud", 4)
    assert fits_option("gandi", 2) and not fits_option("gandi", 3)


def test_settings_of_the_computer_stay_where_the_draft_decides_nothing() -> None:
    made = setup_from_draft(option_draft(Step.CHECKS, 4), settings=Settings(admin="anna"))
    assert made.settings.admin == "anna"


def test_an_older_draft_without_the_new_fields_is_read() -> None:
    old = Draft.model_validate({"version": 1, "step": "servers", "option": 1})
    assert old.provider == TypedProvider() and old.settled == ()
