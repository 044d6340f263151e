"""The page of names and servers: typed, confirmed, tried one by one, and saved."""

from __future__ import annotations

from typing import Any

import pytest
from textual import events
from textual.widgets import Button

from assistant.common.errors import InputError, ProblemError
from assistant.common.validators import clean_address, clean_domain, clean_port
from assistant.setup.model import ROLES, Role
from assistant.wizard.draft import Draft, Step, TypedHost, TypedLogin
from assistant.wizard.draft_to_setup import with_option
from screens.app import AssistantApp
from screens.base.background_work import Work
from screens.servers.reach_panel import ReachPanel
from screens.servers.server_entry import (
    changed,
    host_of,
    is_same,
    parts_of,
    public_of,
    what_next,
    with_reached,
)
from screens.servers.server_lines import help_for, jump_lines, name_line, server_lines
from screens.servers.servers import ServersPage
from screens.servers.setup_saving import free_name, prepared
from screens.widgets.field import Field, Fold
from tests.support.screens_runs import REACH_FAILED, REACH_STEPS
from tests.support.screens_stand_in import (
    StandInServices,
    known_services,
    run_app,
    screen_text,
    until,
)
from tests.support.screens_values import (
    ADDRESS,
    INSIDE_NAME,
    KEY,
    NAME,
    ODD,
    ODD_SHOWN,
    applied_setup,
    draft,
    error,
    option_draft,
    typed_host,
)


@pytest.fixture(autouse=True)
def _yes_to_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    async def yes(self: AssistantApp, *_: Any) -> bool:
        return True

    monkeypatch.setattr(AssistantApp, "confirm_key", yes)


def empty() -> Draft:
    return draft(Step.SERVERS)


def named(**more: Any) -> Draft:
    """The name is settled; the server is still to come."""
    sure = {"server_name": NAME, "server_name_confirmed": True}
    return draft(Step.SERVERS, **{**sure, **more})


def full(**more: Any) -> Draft:
    """Everything settled but not saved."""
    return named(**{"hosts": {"outside": typed_host()}, **more})


def page(pilot: Any) -> ServersPage:
    shown = pilot.app.screen
    assert isinstance(shown, ServersPage), shown
    return shown


def button(pilot: Any) -> str:
    return str(page(pilot).query_one("#primary", Button).label)


def typed(pilot: Any, role: str = "outside") -> TypedHost:
    return page(pilot).draft.hosts.get(role, TypedHost())


async def type_(pilot: Any, text: str) -> None:
    """As pasted: quicker than a key at a time."""
    pilot.app.focused.post_message(events.Paste(text))
    await pilot.pause()


async def select(pilot: Any, field: str) -> None:
    page(pilot).query_one(f"#{field}", Field).input.focus()
    await pilot.pause()


# -- pure -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "text", "says"),
    [
        (clean_domain, "chat", "at least one dot"),
        (clean_domain, "https://chat.example.org", "without https://"),
        (clean_domain, "anna@example.org", "behind the @"),
        (clean_domain, "203.0.113.7", "made of numbers"),
        (clean_domain, "chat example.org", "letters, digits, dots and hyphens"),
        (clean_domain, "-a.example.org", "letters, digits, dots and hyphens"),
        (clean_domain, "a" * 300 + ".org", "too long"),
        (clean_domain, "a..org", "letters, digits"),
        (clean_address, "root@203.0.113.7", "before the @"),
        (clean_address, "203.0.113.7:2222", "behind the colon"),
        (clean_address, "203.0.113.700", "neither an IP address"),
        (clean_port, "0", "from 1 to 65535"),
        (clean_port, "٢٢", "from 1 to 65535"),
        (clean_port, "99999", "from 1 to 65535"),
    ],
)
def test_a_reason_is_a_kind_sentence_that_does_not_repeat_the_value(
    check: Any, text: str, says: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        check(text)
    assert says in caught.value.message.template
    assert not caught.value.message.values
    assert str(caught.value).endswith(".")


def test_what_can_be_used_is_made_clean() -> None:
    assert clean_domain(" Chat.Example.ORG. ") == "chat.example.org"
    assert clean_domain("聊天。example。org") == "xn--rss932g.example.org"
    assert clean_address("[2001:DB8::7]") == "2001:db8::7"
    assert clean_address("vps-17") == "vps-17"
    assert clean_port(" 2222 ") == 2222


def test_public_addresses_follow_the_address_until_they_are_typed() -> None:
    host = changed(TypedHost(), "address", "203.0.113.9")
    assert host.public_ipv4 == "203.0.113.9"
    host = changed(host, "address", "203.0.113.90")
    assert host.public_ipv4 == "203.0.113.90"
    host = changed(host, "address", "2001:db8::7")
    assert (host.public_ipv4, host.public_ipv6) == ("", "2001:db8::7")
    host = changed(changed(host, "public_ipv4", "198.51.100.1"), "address", "203.0.113.1")
    assert (host.public_ipv4, host.public_ipv6) == ("198.51.100.1", "")
    assert public_of("192.168.1.20") == public_of("fd00::1") == public_of("vps.example.org")


@pytest.mark.parametrize(
    "part", ["address", "port", "user", "jump_address", "jump_port", "jump_user"]
)
def test_another_way_to_a_server_may_be_another_server(part: str) -> None:
    after = changed(typed_host(), part, "77")
    assert not after.reached and not after.host_key and not after.release


def test_another_key_file_only_means_trying_again() -> None:
    after = changed(typed_host(), "key_file", "~/other")
    assert not after.reached and after.host_key == KEY.text
    assert changed(typed_host(), "public_ipv6", "2001:db8::7").reached
    assert changed(typed_host(), "port", "22") == typed_host()


def test_a_way_through_nowhere_is_none() -> None:
    host = changed(changed(TypedHost(), "jump_port", "2"), "jump_port", "22")
    assert host.jump is None
    half = changed(typed_host(), "jump_user", "anna")
    assert half.jump is not None
    assert host_of(Role.OUTSIDE, half).jump is None


def test_what_was_learned_counts_for_the_same_server_only() -> None:
    found = host_of(Role.OUTSIDE, typed_host()).model_copy(update={"release": "trixie"})
    fresh = typed_host(reached=False, release="", host_key="")
    after = with_reached(fresh, Role.OUTSIDE, found)
    assert after is not None and after.reached and after.host_key == KEY.text
    assert with_reached(changed(fresh, "port", "23"), Role.OUTSIDE, found) is None
    assert with_reached(changed(fresh, "port", "x"), Role.OUTSIDE, found) is None
    odd = found.model_copy(update={"release": ""})
    unknown = with_reached(fresh, Role.OUTSIDE, odd)
    assert unknown is not None and not unknown.reached and unknown.host_key == KEY.text
    assert not is_same(fresh, Role.INSIDE, found)


def test_each_setup_gets_a_name_of_its_own() -> None:
    assert free_name("chat-example-org", ()) == "chat-example-org"
    taken = {"chat-example-org", "chat-example-org-2"}
    assert free_name("chat-example-org", taken) == "chat-example-org-3"
    assert len(free_name("a" * 60, {"a" * 60})) <= 63


def test_the_names_come_first_then_each_server_then_the_rest_then_the_checks() -> None:
    two = draft(Step.SERVERS, option=2, server_name=NAME)
    assert parts_of(two) == ("name", "other", "inside", "outside", "filing")
    assert what_next(two, "name", busy=False) == ("confirm", "name")
    sure = two.model_copy(update={"server_name_confirmed": True})
    assert what_next(sure, "name", busy=False) == ("open", "other")
    assert what_next(sure, "other", busy=False) == ("confirm", "other")
    sure = sure.model_copy(update={"outside_name_confirmed": True})
    assert what_next(sure, "name", busy=False) == ("open", "inside")
    assert what_next(sure, "inside", busy=False) == ("try", "inside")
    one = sure.model_copy(update={"hosts": {"inside": typed_host()}})
    assert what_next(one, "inside", busy=False) == ("open", "outside")
    both = one.model_copy(update={"hosts": {"inside": typed_host(), "outside": typed_host()}})
    assert what_next(both, "outside", busy=False) == ("open", "filing")
    assert what_next(both, "filing", busy=False) == ("take", "filing")
    settled = both.model_copy(update={"settled": ("filing",)})
    assert what_next(settled, "filing", busy=False) == ("go", "")
    unsure = settled.model_copy(update={"server_name_confirmed": False})
    assert what_next(unsure, "outside", busy=False) == ("open", "name")
    assert what_next(settled, "outside", busy=True)[0] == "wait"
    alone = full()
    assert parts_of(alone) == ("name", "outside")
    assert what_next(alone, "outside", busy=False) == ("go", "")


def test_every_line_says_where_to_get_what_it_asks_for() -> None:
    lines = [*map(name_line, ROLES), *jump_lines()]
    lines += [line for role in Role for line in server_lines(role)]
    assert all(len(str(line.where)) > 60 for line in lines)
    help_text = str(help_for(1))
    for part in ("domain registrar", "Debian 12 or 13, 1 GB", "10 GB", "Hong Kong", "ssh-keygen"):
        assert part in help_text
    for part in ("machine at home", "mainland China", "Hong Kong", "changes"):
        assert part in str(help_for(4))


# -- the name -----------------------------------------------------------------------


def test_the_name_is_judged_while_it_is_typed_and_confirmed_once() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        await pilot.press(*"chat")
        await pilot.pause()
        assert "needs at least one dot" in screen_text(pilot.app)
        await pilot.press("enter")
        assert not page(pilot).draft.server_name_confirmed
        await type_(pilot, ".example.org")
        shown = screen_text(pilot.app)
        assert "needs at least one dot" not in shown
        assert "@anna:chat.example.org" in shown and "for ever" in shown
        assert "Yes, this name for ever" in button(pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert page(pilot).draft.server_name_confirmed
        assert services.draft is not None and services.draft.server_name_confirmed
        await type_(pilot, "anna@example.org")
        assert page(pilot).draft.acme_email == "anna@example.org"
        assert "On to the server" in button(pilot)
        # another name is asked again
        await select(pilot, "name")
        await pilot.press("backspace")
        await pilot.pause()
        assert not page(pilot).draft.server_name_confirmed
        assert "Yes, this name for ever" in button(pilot)

    run_app(services, test, start=empty())


def test_keys_that_come_at_once_are_all_there_when_enter_comes() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        for key in ADDRESS:
            pilot.app.post_message(events.Key("full_stop" if key == "." else key, key))
        pilot.app.post_message(events.Key("enter", "\r"))
        await until(pilot, lambda: typed(pilot).reached)
        assert str(services.called("reach")[0][0].login.address) == ADDRESS

    run_app(services, test, start=named())


def test_a_paste_brings_no_escapes_and_only_one_line() -> None:
    async def test(pilot: Any) -> None:
        await type_(pilot, "\x1b[31mchat.example.org\x1b]0;t\x07\u202e\nsecond line")
        assert page(pilot).draft.server_name == "chat.example.org"

    run_app(StandInServices(), test, start=empty())


def test_nothing_typed_is_told_only_when_it_is_needed() -> None:
    async def test(pilot: Any) -> None:
        assert "A name is needed" not in screen_text(pilot.app)
        await pilot.press("enter")
        await pilot.pause()
        assert "A name is needed" in screen_text(pilot.app)
        assert not page(pilot).draft.server_name_confirmed

    run_app(StandInServices(), test, start=empty())


def test_letters_do_not_overtake_the_editing_keys_before_them() -> None:
    """All keys arrive before the first is handled, as from a quick person on a slow computer."""

    async def test(pilot: Any) -> None:
        await select(pilot, "outside-user")
        line = page(pilot).query_one("#outside-user", Field)
        line.value = "debian"
        await pilot.pause()
        keys = [("end", None), ("ctrl+u", "\x15"), *((letter, letter) for letter in "operator")]
        for key, character in keys:
            pilot.app.post_message(events.Key(key, character))
        await until(pilot, lambda: line.value.endswith("r"))
        await pilot.pause(0.3)
        assert line.value == "operator"

    run_app(StandInServices(), test, start=named())


def test_a_public_address_that_comes_late_does_not_land_amid_what_is_typed() -> None:
    """A slow page hears of the address only when the person is three lines further on."""

    async def test(pilot: Any) -> None:
        await select(pilot, "outside-public_ipv4")
        page(pilot).query_one("#outside-address", Field).value = ADDRESS
        await until(pilot, lambda: typed(pilot).login.address == ADDRESS)
        await type_(pilot, "198.51.100.7")
        await until(pilot, lambda: typed(pilot).public_ipv4 == "198.51.100.7")
        assert page(pilot).query_one("#outside-public_ipv4", Field).value == "198.51.100.7"

    run_app(StandInServices(), test, start=named())


# -- trying -------------------------------------------------------------------------


def test_a_server_is_tried_step_by_step_and_the_setup_saved() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        await type_(pilot, ADDRESS)
        assert "Try this server" in button(pilot)
        services.hold("reach", 3)
        await pilot.press("enter")
        await until(pilot, lambda: "Comparing its key" in screen_text(pilot.app))
        shown = screen_text(pilot.app)
        assert "✓ ok       The server answers" in shown and "Logged in" not in shown
        assert "Trying. Escape stops it." in shown
        services.release("reach")
        await until(pilot, lambda: typed(pilot).reached)
        assert typed(pilot).host_key == KEY.text and typed(pilot).release == "trixie"
        assert typed(pilot).public_ipv4 == ADDRESS
        await until(pilot, lambda: "You are its administrator" in screen_text(pilot.app))
        assert services.draft is not None and services.draft.hosts["outside"].reached
        assert "Check this server" in button(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: bool(services.called("save_setup")))
        (made,) = services.setups.values()
        assert made.name == "chat-example-org" and made.server_name == NAME
        assert made.host(Role.OUTSIDE).login.host_key == KEY.text
        await until(pilot, lambda: services.draft is not None and services.draft.setup != "")
        assert services.draft is not None and services.draft.step is Step.CHECKS

    run_app(services, test, start=named())


def test_a_failing_server_says_what_to_do_and_keeps_the_confirmed_key() -> None:
    services = StandInServices(errors={"reach": error()}, events={"reach": REACH_FAILED})

    async def test(pilot: Any) -> None:
        await type_(pilot, ADDRESS)
        await pilot.press("enter")
        await until(pilot, lambda: "Check that it is switched on" in screen_text(pilot.app))
        shown = screen_text(pilot.app)
        assert "✗ failed   It does not let you in" in shown
        assert not typed(pilot).reached and typed(pilot).host_key == KEY.text
        assert "Try again" in button(pilot)
        services.errors.clear()
        services.events.clear()
        await pilot.press("enter")
        await until(pilot, lambda: typed(pilot).reached)
        assert "Check that it is switched on" not in screen_text(pilot.app)
        # the second time the key was known
        assert services.called("reach")[1][0].login.host_key == KEY.text

    run_app(services, test, start=named())


def test_a_defect_is_told_and_nothing_is_lost() -> None:
    services = StandInServices(errors={"reach": RuntimeError("boom")})

    async def test(pilot: Any) -> None:
        await type_(pilot, ADDRESS)
        await pilot.press("enter")
        await until(pilot, lambda: "Something in this program broke" in screen_text(pilot.app))
        assert "RuntimeError" not in screen_text(pilot.app)
        assert typed(pilot).login.address == ADDRESS and "Try again" in button(pilot)

    run_app(services, test, start=named())


def test_escape_stops_a_slow_server_and_only_then_goes_back() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        await type_(pilot, ADDRESS)
        services.hold("reach", 1)
        await pilot.press("enter")
        await until(pilot, lambda: "Escape stops it" in screen_text(pilot.app))
        await pilot.press("enter")  # nothing to do meanwhile, and nothing done twice
        await pilot.press("escape")
        await until(pilot, lambda: "You stopped it" in screen_text(pilot.app))
        assert len(services.called("reach")) == 1
        assert pilot.app.work.state == "cancelled"
        await pilot.press("escape")
        await until(pilot, lambda: services.draft is not None)
        assert services.draft is not None and services.draft.step is Step.ADVICE
        assert services.draft.hosts["outside"].login.address == ADDRESS

    run_app(services, test, start=named())


def test_typing_another_address_ends_the_trial_and_forgets_what_it_learned() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        services.hold("reach", 4)
        await pilot.press("enter")
        await until(pilot, lambda: typed(pilot).host_key == KEY.text)
        await pilot.press("0")
        await until(pilot, lambda: "Logging in" not in screen_text(pilot.app))
        await pilot.pause(0.2)
        assert typed(pilot).host_key == "" and not typed(pilot).reached
        assert not page(pilot).query_one("#panel-outside", ReachPanel).has_class("-shown")

    start = named(hosts={"outside": TypedHost(login=TypedLogin(address="203.0.113.1"))})
    start = start.model_copy(
        update={"hosts": {"outside": changed(TypedHost(), "address", "203.0.113.1")}}
    )
    run_app(services, test, start=start)


def test_a_trial_goes_on_while_the_page_is_left() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        await type_(pilot, ADDRESS)
        services.hold("reach", 4)
        await pilot.press("enter")
        await until(pilot, lambda: "Logging in" in screen_text(pilot.app) or True)
        left = page(pilot).current()
        pilot.app.go_to(left)
        await pilot.pause()
        services.release("reach")
        await until(pilot, lambda: typed(pilot).reached)
        assert "✓ ok       Logged in" in screen_text(pilot.app)

    run_app(services, test, start=named())


def test_an_unknown_system_is_no_success() -> None:
    def odd(host: Any) -> Any:
        from screens.services.protocol import Reached

        return Reached(host)

    async def test(pilot: Any) -> None:
        await type_(pilot, ADDRESS)
        await pilot.press("enter")
        await until(pilot, lambda: "runs a system that this" in screen_text(pilot.app))
        assert not typed(pilot).reached

    run_app(StandInServices(results={"reach": odd}), test, start=named())


def test_bad_lines_are_shown_and_nothing_is_tried() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        await type_(pilot, "root@203.0.113.9")
        assert "What stands before the @" in screen_text(pilot.app)
        await pilot.press("enter")
        await pilot.pause()
        assert page(pilot).query_one("#outside-address", Field).input.has_focus
        page(pilot).query_one("#outside-address", Field).value = "vps.example.org"
        await pilot.press("enter")
        await until(pilot, lambda: "Also give the public address" in screen_text(pilot.app))
        await select(pilot, "outside-key_file")
        await type_(pilot, "~/.ssh/id_ed25519.pub")
        assert "public half of a key" in screen_text(pilot.app)
        assert not services.called("reach")

    run_app(services, test, start=named())


def test_another_machine_in_between_is_folded_away_until_it_is_wanted() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        assert "Through" not in screen_text(pilot.app)
        await type_(pilot, ADDRESS)
        page(pilot).query_one("#more-outside", Fold).press()
        await until(
            pilot, lambda: page(pilot).query_one("#outside-jump_address", Field).input.has_focus
        )
        await type_(pilot, "198.51.100.2")
        await pilot.press("enter")
        await until(pilot, lambda: typed(pilot).reached)
        assert services.called("reach")[0][0].jump.address == "198.51.100.2"
        assert typed(pilot).jump_key == KEY.text

    run_app(services, test, start=named())


def test_trying_does_not_end_other_work() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        await type_(pilot, ADDRESS)
        pilot.app.work = Work("apply")
        await pilot.press("enter")
        await until(pilot, lambda: "Something else is still under way" in screen_text(pilot.app))
        assert not services.called("reach") and pilot.app.work.state == "running"

    run_app(services, test, start=named())


def test_a_heading_opens_its_part_by_key_mouse_and_palette() -> None:
    async def test(pilot: Any) -> None:
        assert "E-mail" not in screen_text(pilot.app)
        await pilot.press("ctrl+up")
        await until(pilot, lambda: "E-mail" in screen_text(pilot.app))
        await pilot.click("#fold-outside")
        await until(pilot, lambda: "Key file" in screen_text(pilot.app))
        for title, _, callback in page(pilot).commands():
            if title.template == "Open the part: the name":
                callback()
        await until(pilot, lambda: "E-mail" in screen_text(pilot.app))

    run_app(StandInServices(), test, start=named())


def test_forgetting_a_key_asks_for_it_again() -> None:
    services = StandInServices()

    async def test(pilot: Any) -> None:
        page(pilot).action_forget_key()
        await pilot.pause()
        assert typed(pilot).host_key == "" and "Try this server" in button(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: typed(pilot).reached)
        assert services.called("reach")[0][0].login.host_key == ""

    run_app(services, test, start=full())


# -- going on -----------------------------------------------------------------------


def test_a_disk_that_refuses_is_told_and_can_be_tried_again() -> None:
    services = StandInServices(errors={"save_setup": error("disk-full")})

    async def test(pilot: Any) -> None:
        await pilot.press("enter")
        await until(pilot, lambda: "✗ The server outside gave no answer" in screen_text(pilot.app))
        services.errors.clear()
        await pilot.press("enter")
        await until(pilot, lambda: "chat-example-org" in services.setups)

    run_app(services, test, start=full())


def test_a_name_that_people_use_cannot_be_changed() -> None:
    services = known_services(setups={"family": applied_setup()})

    async def test(pilot: Any) -> None:
        await pilot.press("enter")
        await until(pilot, lambda: "This service runs already as" in screen_text(pilot.app))
        assert not services.called("save_setup")

    run_app(services, test, start=full(server_name="other.example.org", setup="family"))


def test_a_service_that_runs_can_grow_but_keeps_its_names() -> None:
    services = known_services(setups={"family": applied_setup()})
    grown = option_draft(Step.SERVERS, 2)
    ready = prepared(services, grown)
    assert ready.draft.setup == "family" and ready.todo
    made = services.setups["family"] = ready.setup
    assert (made.option, made.server_name, made.outside_name) == (2, INSIDE_NAME, NAME)
    assert made.history
    for wrong in ({"outside_name": "x.example.org"}, {"server_name": "x.example.cn"}):
        with pytest.raises(InputError, match="for ever"):
            prepared(services, grown.model_copy(update=wrong))
    for option in (1, 3):
        with pytest.raises(InputError, match="cannot become option"):
            prepared(services, with_option(grown, option))


def test_a_second_setup_of_the_same_domain_has_a_name_of_its_own() -> None:
    services = StandInServices(setups={"chat-example-org": applied_setup(name="chat-example-org")})

    async def test(pilot: Any) -> None:
        await pilot.press("enter")
        await until(pilot, lambda: "chat-example-org-2" in services.setups)

    run_app(services, test, start=full())


# -- the terminal -------------------------------------------------------------------


def test_nothing_is_lost_in_a_small_terminal_or_another_language() -> None:
    async def test(pilot: Any) -> None:
        await type_(pilot, "203.0.113")
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        await pilot.press("f2")
        await type_(pilot, ".9")
        focused = pilot.app.focused
        await pilot.press("f2")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert pilot.app.focused is focused and focused is not None
        assert typed(pilot).login.address == ADDRESS == focused.value
        assert typed(pilot).public_ipv4 == ADDRESS
        shown = screen_text(pilot.app)
        assert "Address" in shown and "Your server outside mainland China" in shown

    run_app(StandInServices(), test, start=named())


def test_text_from_outside_is_never_markup() -> None:
    steps = (*REACH_STEPS[:5], REACH_STEPS[4].__class__("login", "failed", _odd()))
    services = StandInServices(errors={"reach": error()}, events={"reach": steps}, draft=None)

    async def test(pilot: Any) -> None:
        assert ODD_SHOWN in page(pilot).query_one("#outside-address", Field).value
        page(pilot).query_one("#outside-address", Field).value = ADDRESS
        await pilot.press("f5")
        await until(pilot, lambda: "[red]no[/b]" in screen_text(pilot.app))
        assert "\x1b" not in screen_text(pilot.app)

    run_app(
        services, test, start=named(hosts={"outside": TypedHost(login=TypedLogin(address=ODD))})
    )


def _odd() -> Any:
    from assistant.text import msg

    return msg("{text}", text=ODD)


def test_help_is_one_key_away_even_while_typing() -> None:
    async def test(pilot: Any) -> None:
        await type_(pilot, "chat")
        await pilot.press("question_mark")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ServersPage))
        assert "domain" in screen_text(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ServersPage))
        assert page(pilot).draft.server_name == "chat"

    run_app(StandInServices(), test, start=empty())


def test_beside_the_page_a_wide_terminal_says_where_to_get_things() -> None:
    async def test(pilot: Any) -> None:
        assert "No domain yet?" in screen_text(pilot.app)
        await select(pilot, "email")
        assert "padlock" in screen_text(pilot.app)
        names = [title.template for title, _, _ in page(pilot).commands()]
        assert "Try this server" in names and "Open the part: the name" in names

    run_app(StandInServices(), test, (120, 40), start=empty())
