"""The options with two and three servers, from the names to the review, by keys alone."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from textual import events
from textual.widgets import Button

from assistant.advice.options import OPTIONS
from assistant.setup.model import Role, Setup
from assistant.wizard.draft import Draft, Step, TypedProvider
from assistant.wizard.draft_to_setup import home_port, with_option
from screens.app import AssistantApp
from screens.apply.review import ReviewPage
from screens.checks.checks import ChecksPage
from screens.servers.servers import ServersPage
from screens.widgets.field import Field
from screens.widgets.stepper import Stepper
from tests.support.screens_stand_in import StandInServices, run_app, screen_text, until
from tests.support.screens_values import (
    ADDRESS,
    GOOD_FINDINGS,
    HOME_ADDRESS,
    INSIDE_ADDRESS,
    INSIDE_NAME,
    NAME,
    draft,
    option_draft,
    typed_hosts,
)


@pytest.fixture(autouse=True)
def _yes_to_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    async def yes(self: AssistantApp, *_: Any) -> bool:
        return True

    monkeypatch.setattr(AssistantApp, "confirm_key", yes)


def page(pilot: Any) -> ServersPage:
    shown = pilot.app.screen
    assert isinstance(shown, ServersPage), shown
    return shown


def button(pilot: Any) -> str:
    return str(pilot.app.screen.query_one("#primary", Button).label)


async def says(pilot: Any, words: str) -> None:
    await until(pilot, lambda: words in button(pilot))


async def type_(pilot: Any, text: str) -> None:
    pilot.app.focused.post_message(events.Paste(text))
    await pilot.pause()


async def focused(pilot: Any, line: str) -> None:
    """Until a line has the focus."""
    await until(pilot, lambda: pilot.app.focused is page(pilot).query_one(f"#{line}", Field).input)


async def stepping(pilot: Any, line: str) -> None:
    """Until a choice has the focus."""
    await until(pilot, lambda: pilot.app.focused is page(pilot).query_one(f"#{line}", Stepper))


async def names(pilot: Any) -> None:
    """Both names, each confirmed; a name that is taken is refused."""
    await type_(pilot, INSIDE_NAME)
    await pilot.press("enter", "enter")
    await says(pilot, "Yes, this name for ever")
    await focused(pilot, "other")
    await type_(pilot, INSIDE_NAME.upper())
    await until(pilot, lambda: "the name of the server in China. Each" in screen_text(pilot.app))
    await pilot.press("enter")
    await pilot.pause()
    assert not page(pilot).draft.outside_name_confirmed
    pilot.app.focused.value = ""
    await type_(pilot, NAME)
    await until(pilot, lambda: f"@anna:{NAME}" in screen_text(pilot.app))
    await pilot.press("enter")
    await until(pilot, lambda: page(pilot).draft.outside_name_confirmed)


async def server(pilot: Any, role: str, address: str) -> None:
    """Type a server's address and have it tried."""
    await until(pilot, lambda: page(pilot)._open_part == role)
    await focused(pilot, f"{role}-address")
    await type_(pilot, address)
    await until(pilot, lambda: page(pilot).draft.hosts[role].login.address == address)
    await pilot.press("enter")
    await until(pilot, lambda: page(pilot).draft.hosts[role].reached)
    await until(pilot, lambda: not page(pilot)._busy)
    await pilot.press("enter")


async def choose_company(pilot: Any) -> None:
    """The DNS company is needed, and its account where it has one."""
    await stepping(pilot, "dns-name")
    await says(pilot, "Use this company")
    await pilot.press("enter")
    await pilot.pause()
    assert "The company is needed" in screen_text(pilot.app)
    await pilot.press("right")
    await pilot.pause()
    assert "Alibaba Cloud (阿里云)" in screen_text(pilot.app)
    await pilot.press("enter")
    await pilot.pause()
    assert "dns" not in page(pilot).draft.settled, "it wants the half of the key"
    assert pilot.app.focused is page(pilot).query_one("#dns-account", Field).input
    await type_(pilot, "LTAI5tExample")
    await pilot.press("enter")
    await until(pilot, lambda: "dns" in page(pilot).draft.settled)
    assert page(pilot).draft.provider.name == "alidns"


async def to_the_review(pilot: Any, services: StandInServices) -> Setup:
    """From the last part over the checks to the review."""
    await says(pilot, "Check these servers")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ChecksPage))
    (made,) = services.setups.values()
    await says(pilot, "Review what will change")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ReviewPage))
    await until(pilot, lambda: "Set it up now" in button(pilot))
    return made


def good() -> StandInServices:
    return StandInServices(events={"check": GOOD_FINDINGS})


def begun(option: Literal[2, 3, 4], **more: Any) -> Draft:
    accepted = OPTIONS[option].acknowledgement
    sentence = "" if accepted is None else str(accepted)
    return draft(Step.SERVERS, option=option, acknowledged=sentence, **more)


async def resize_and_back(pilot: Any) -> None:
    """Another size and language in the middle of typing change nothing that was entered."""
    before = page(pilot).draft
    await pilot.resize_terminal(60, 20)
    await pilot.pause()
    await pilot.press("f2")
    await pilot.pause()
    lines = screen_text(pilot.app).splitlines()
    assert len(lines) == 20
    await pilot.press("f2")
    await pilot.resize_terminal(80, 24)
    await pilot.pause()
    assert page(pilot).draft == before


def test_option_2_from_the_names_to_the_review() -> None:
    services = good()

    async def test(pilot: Any) -> None:
        await names(pilot)
        await server(pilot, "inside", INSIDE_ADDRESS)
        await server(pilot, "outside", ADDRESS)
        await focused(pilot, "filing")
        await type_(pilot, "京ICP备12345678号-1")
        await resize_and_back(pilot)
        await says(pilot, "Go on with these numbers")
        await pilot.press("enter")
        made = await to_the_review(pilot, services)
        assert (made.option, made.server_name, made.outside_name) == (2, INSIDE_NAME, NAME)
        assert made.settings.filing == "京ICP备12345678号-1"
        assert made.settings.challenge == "http-01" and made.settings.provider is None
        assert made.access_port == 443

    run_app(services, test, start=begun(2))


def test_option_3_from_the_names_to_the_review() -> None:
    services = good()

    async def test(pilot: Any) -> None:
        await names(pilot)
        await server(pilot, "inside", INSIDE_ADDRESS)
        await server(pilot, "outside", ADDRESS)
        await stepping(pilot, "devices-private_resolver")
        await pilot.press("right")
        await until(pilot, lambda: page(pilot).draft.private_resolver)
        await resize_and_back(pilot)
        await pilot.press("enter")
        await choose_company(pilot)
        await stepping(pilot, "links-outside_link")
        assert len(page(pilot).query("#part-links Stepper")) == 1
        await says(pilot, "Connect them like this")
        await pilot.press("right", "enter")
        made = await to_the_review(pilot, services)
        assert (made.option, made.settings.private_resolver) == (3, True)
        assert (made.settings.outside_link, made.settings.home_link) == ("wrapped", "direct")
        assert made.settings.challenge == "dns-01"
        assert made.settings.provider is not None
        assert (made.settings.provider.name, made.settings.provider.account) == (
            "alidns",
            "LTAI5tExample",
        )
        assert "option 3" in made.acknowledged

    run_app(services, test, start=begun(3))


def test_option_4_from_the_names_to_the_review() -> None:
    services = good()

    async def test(pilot: Any) -> None:
        await names(pilot)
        await server(pilot, "home", HOME_ADDRESS)
        await server(pilot, "inside", INSIDE_ADDRESS)
        await server(pilot, "outside", ADDRESS)
        await until(pilot, lambda: page(pilot)._open_part == "port")
        port = home_port("im-example-cn")
        shown = screen_text(pilot.app)
        assert f"protocol TCP, outside port {port}, to {HOME_ADDRESS}, inside port {port}" in shown
        field = page(pilot).query_one("#port", Field)
        for bad, why in (("443", "closed for low ports"), ("8448", "used for something"),
                         ("x", "from 1 to 65535")):  # fmt: skip
            field.value = bad
            await pilot.pause()
            assert why in screen_text(pilot.app)
        await pilot.press("enter")
        await pilot.pause()
        assert "port" not in page(pilot).draft.settled
        field.value = "24601"
        await until(pilot, lambda: page(pilot).draft.access_port == "24601")
        await resize_and_back(pilot)
        assert "outside port 24601" in screen_text(pilot.app)
        await says(pilot, "Use this port")
        await pilot.press("enter")
        await choose_company(pilot)
        await stepping(pilot, "links-outside_link")
        await pilot.press("down", "right")
        await until(pilot, lambda: page(pilot).draft.home_link == "wrapped")
        await pilot.press("enter")
        made = await to_the_review(pilot, services)
        assert [host.role for host in made.hosts] == ["home", "inside", "outside"]
        assert (made.option, made.access_port) == (4, 24601)
        assert (made.settings.home_link, made.settings.outside_link) == ("wrapped", "direct")
        assert made.host(Role.HOME).public_ipv4 == ""

    run_app(services, test, start=begun(4))


def test_back_and_forth_keeps_everything() -> None:
    services = good()

    async def test(pilot: Any) -> None:
        await says(pilot, "Check these servers")
        before = page(pilot).draft
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChecksPage))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ServersPage))
        after = page(pilot).draft
        assert after.model_copy(update={"setup": ""}) == before.model_copy(update={"setup": ""})
        shown = screen_text(pilot.app)
        assert "✓ ok: 23517" in shown and "✓ ok: Cloudflare" in shown

    run_app(services, test, (120, 40), start=option_draft(Step.SERVERS, 4, setup=""))


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
@pytest.mark.parametrize("option", [2, 3, 4])
def test_every_part_opens_in_every_size(option: Literal[2, 3, 4], size: tuple[int, int]) -> None:
    from rich.cells import cell_len

    async def test(pilot: Any) -> None:
        for _ in page(pilot)._parts:
            await pilot.press("ctrl+down")
            await pilot.pause()
            part = page(pilot)._part(page(pilot)._open_part)
            focused = pilot.app.focused
            assert focused is not None and part in focused.ancestors
            region = focused.region
            assert region.height and 0 <= region.y < size[1], "what has the focus is seen"
            assert all(cell_len(line) <= size[0] for line in screen_text(pilot.app).splitlines())

    start = option_draft(Step.SERVERS, option, hosts={}, settled=())
    run_app(good(), test, size, language="zh", start=start)


def test_a_mirror_is_chosen_or_typed() -> None:
    services = good()

    async def test(pilot: Any) -> None:
        choice = page(pilot).query_one("#inside-mirror_choice", Stepper)
        assert choice.value == "tuna"
        assert not page(pilot).query("#outside-mirror_choice"), "outside China none is asked for"
        await pilot.press("ctrl+up", "ctrl+up")
        choice.focus()
        await pilot.press("end")
        await pilot.pause()
        field = page(pilot).query_one("#inside-mirror", Field)
        assert field.display
        field.input.focus()
        await type_(pilot, "http://mirror.example.cn")
        assert "whole address of the folder" in screen_text(pilot.app)
        await type_(pilot, "/debian")
        assert page(pilot).draft.hosts["inside"].mirror == "http://mirror.example.cn/debian"
        assert page(pilot).draft.hosts["inside"].reached, "a mirror is no other server"
        choice.focus()
        await pilot.press("home")
        await until(pilot, lambda: page(pilot).draft.hosts["inside"].mirror == "")
        assert not field.display

    run_app(services, test, start=option_draft(Step.SERVERS, 2, settled=()))


def test_a_practice_needs_no_company() -> None:
    services = StandInServices(practice=True)

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: page(pilot)._open_part == "dns")
        assert "the practice company" in screen_text(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: "dns" in page(pilot).draft.settled)

    start = option_draft(Step.SERVERS, 3, provider=TypedProvider(), settled=("devices", "links"))
    run_app(services, test, start=start)


def test_an_own_name_server_asks_for_what_it_needs() -> None:
    services = good()

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: page(pilot)._open_part == "dns")
        page(pilot).query_one("#dns-name", Stepper).focus()
        await pilot.press("end")
        await pilot.pause()
        assert "RFC 2136" in screen_text(pilot.app)
        await pilot.press("enter")
        await pilot.pause()
        assert "The address of the name server is needed" in screen_text(pilot.app)
        page(pilot).query_one("#dns-server", Field).value = "192.0.2.53"
        page(pilot).query_one("#dns-key_name", Field).value = "matrix-key"
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: "dns" in page(pilot).draft.settled)
        await pilot.press("enter")
        await until(pilot, lambda: bool(services.setups))
        (made,) = services.setups.values()
        provider = made.settings.provider
        assert provider is not None and provider.update is not None
        assert (provider.update.server, provider.update.key_name) == ("192.0.2.53", "matrix-key")

    start = option_draft(
        Step.SERVERS, 3, provider=TypedProvider(), settled=("devices", "links"), setup=""
    )
    run_app(services, test, start=start)


def test_a_spare_name_is_folded_away_until_it_is_wanted() -> None:
    async def test(pilot: Any) -> None:
        assert page(pilot)._open_part == "name"
        await pilot.click("#fold-spares")
        await until(pilot, lambda: getattr(pilot.app.focused, "placeholder", "") != "")
        page(pilot).query_one("#spares", Field).input.focus()
        await focused(pilot, "spares")
        await type_(pilot, "chat.example.net oops")
        # The page may still scroll to the line.
        await until(pilot, lambda: "needs at least one dot" in screen_text(pilot.app))
        page(pilot).query_one("#spares", Field).value = "chat.example.net，a.example.com"
        await pilot.pause()
        assert page(pilot).draft.spare_names == "chat.example.net，a.example.com"

    start = option_draft(Step.SERVERS, 4, server_name_confirmed=False)
    run_app(good(), test, start=start)


def test_a_name_stays_with_its_server_when_the_option_changes() -> None:
    one = draft(Step.ADVICE, option=1, server_name=NAME, server_name_confirmed=True)
    two = with_option(one, 2)
    assert (two.server_name, two.outside_name) == ("", NAME)
    assert two.outside_name_confirmed and not two.server_name_confirmed
    assert with_option(two, 4).outside_name == NAME
    full = two.model_copy(update={"server_name": INSIDE_NAME, "hosts": typed_hosts(2)})
    back = with_option(full, 1)
    assert (back.server_name, back.outside_name) == (NAME, "")
    assert back.server_name_confirmed
