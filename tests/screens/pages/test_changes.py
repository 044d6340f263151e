"""The page "Change something": every kind of change by keys, on to where its next step is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from rich.cells import cell_len
from textual import events

from assistant.advice.options import OPTIONS
from assistant.answers import Answers
from assistant.common.errors import InputError
from assistant.findings.model import Confidence, Finding, Mender, Remedy, Status
from assistant.setup.history import with_history
from assistant.setup.model import HistoryEntry, Role, Setup
from assistant.setup.updates import with_findings
from assistant.text import msg, render
from assistant.wizard.draft import Draft
from assistant.wizard.steps import Step
from screens.advice.advice import AdvicePage
from screens.app import AssistantApp
from screens.apply.review import ReviewPage
from screens.base.dialogs import Question
from screens.base.form import Form
from screens.base.todo_dialog import TodoDialog
from screens.change.change_option import OptionForm
from screens.change.changes import ChangeMenu, ChangesPage
from screens.checks.checks import ChecksPage
from screens.checks.diagnosis import DiagnosisPage
from screens.servers.servers import ServersPage
from screens.servers.setup_saving import prepared
from screens.widgets.field import Field
from screens.widgets.stepper import Stepper
from tests.support.screens_stand_in import (
    StandInServices,
    run_app,
    screen_lines,
    screen_text,
    until,
)
from tests.support.screens_values import (
    ADDRESS,
    GOOD_FINDINGS,
    HOME_ADDRESS,
    HOME_PORT,
    INSIDE_ADDRESS,
    INSIDE_NAME,
    NAME,
    NOW,
    SETUP_NAME,
    draft,
    error,
    option_draft,
    option_setup,
    setup,
)

OTHER = "other.example.net"


@pytest.fixture(autouse=True)
def _yes_to_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    async def yes(self: AssistantApp, *_: Any) -> bool:
        return True

    monkeypatch.setattr(AssistantApp, "confirm_key", yes)


def applied(option: Literal[1, 2, 3, 4] = 4, **more: Any) -> Setup:
    """A setup that runs, with answers that rule nothing out."""
    more = {"answers": Answers(), **more}
    made = setup(**more) if option == 1 else option_setup(option, **more)
    for one in made.hosts:
        made = with_history(made, HistoryEntry(at=NOW, what="applied", host=one.name))
    return made


def undone(made: Setup, host: str) -> Setup:
    return with_history(made, HistoryEntry(at=NOW.replace(hour=15), what="undone", host=host))


def known(made: Setup, **more: Any) -> StandInServices:
    return StandInServices(
        **{"setups": {SETUP_NAME: made}, "events": {"check": GOOD_FINDINGS}, **more}
    )


def start(
    services: StandInServices,
    test: Callable[[Any], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
) -> None:
    """On the page, come to by the key on the diagnosis."""

    async def opened(pilot: Any) -> None:
        await diagnosed(pilot)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChangesPage))
        await pilot.pause()
        await test(pilot)

    run_app(services, opened, size)


async def diagnosed(pilot: Any) -> None:
    pilot.app.diagnose(SETUP_NAME)
    await until(pilot, lambda: isinstance(pilot.app.screen, DiagnosisPage))
    await until(pilot, lambda: pilot.app.screen.setup is not None)
    await pilot.pause()


async def choose(pilot: Any, kind: str, about: str = "") -> None:
    """Choose a line with the keys, as a person does; its form then stands there."""
    menu = pilot.app.screen.query_one(ChangeMenu)
    await pilot.press("home")
    for _ in range(20):
        chosen = menu.chosen
        assert chosen is not None
        if (chosen.id, about or chosen.about) == (kind, chosen.about):
            break
        await pilot.press("down")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, Form))
    await pilot.pause()


async def fill(pilot: Any, line: str, text: str) -> None:
    field = pilot.app.screen.query_one(f"#{line}", Field)
    field.value = ""
    field.input.focus()
    await pilot.pause()
    field.input.post_message(events.Paste(text))
    await pilot.pause()


async def agreed(pilot: Any) -> None:
    """Through the form and what follows."""
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, TodoDialog))
    await pilot.pause()
    await pilot.press("enter")


async def shows(pilot: Any, page: type[Any]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, page))


def words(pilot: Any) -> str:
    text = screen_text(pilot.app)
    for frame in "│▌":
        text = text.replace(frame, " ")
    return " ".join(text.split())


def last(services: StandInServices) -> tuple[str, str]:
    entry = services.setups[SETUP_NAME].history[-1]
    return entry.what, entry.detail


# -- every kind -------------------------------------------------------------------


def test_a_spare_name_more_is_saved_as_on_the_command_line_and_leads_to_the_checks() -> None:
    services = known(applied())

    async def test(pilot: Any) -> None:
        await choose(pilot, "add-name")
        await fill(pilot, "name", OTHER)
        await pilot.press("enter")
        await shows(pilot, TodoDialog)
        assert f"One more spare name: {OTHER}" in words(pilot)
        assert "No server was changed yet" in words(pilot) and "1. " in words(pilot)
        assert "matrix-assistant apply" not in words(pilot)
        assert services.called("save_setup") == []
        await pilot.press("enter")
        await shows(pilot, ChecksPage)
        made = services.setups[SETUP_NAME]
        assert made.spare_names == (OTHER,)
        assert last(services) == ("changed", f"add-name {OTHER}")
        assert len(made.history) == 4, "what was done before is kept"
        assert services.draft is not None and services.draft.spare_names == OTHER

    start(services, test)


def test_a_spare_name_is_given_up() -> None:
    services = known(applied(spare_names=("a.example.net", OTHER)))

    async def test(pilot: Any) -> None:
        await choose(pilot, "remove-name")
        assert "a.example.net" in words(pilot)
        await pilot.press("right")
        await agreed(pilot)
        await shows(pilot, ChecksPage)
        assert services.setups[SETUP_NAME].spare_names == ("a.example.net",)
        assert last(services) == ("changed", f"remove-name {OTHER}")

    start(services, test)


def test_another_name_to_connect_to() -> None:
    services = known(applied(3, spare_names=(OTHER,)))

    async def test(pilot: Any) -> None:
        await choose(pilot, "access-name")
        field = pilot.app.screen.query_one("#name", Field)
        assert field.value == INSIDE_NAME and f"spare names: {OTHER}" in words(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: f"People connect to {INSIDE_NAME} already." in words(pilot))
        await fill(pilot, "name", OTHER)
        await agreed(pilot)
        await shows(pilot, ChecksPage)
        made = services.setups[SETUP_NAME]
        assert (made.server_name, made.access_name) == (INSIDE_NAME, OTHER)

    start(services, test)


def test_a_server_with_another_ssh_address_is_tried_before_anything_else() -> None:
    services = known(applied(3))

    async def test(pilot: Any) -> None:
        await choose(pilot, "address", "inside")
        form = pilot.app.screen
        assert form.query_one("#address", Field).value == INSIDE_ADDRESS
        assert form.query_one("#public_ipv4", Field).value == INSIDE_ADDRESS
        await fill(pilot, "address", "198.51.100.77")
        await agreed(pilot)
        await shows(pilot, ServersPage)
        made = services.setups[SETUP_NAME].host(Role.INSIDE)
        assert (made.login.address, made.login.host_key) == ("198.51.100.77", "")
        assert made.public_ipv4 == INSIDE_ADDRESS
        assert last(services) == ("changed", "address inside")
        page = pilot.app.screen
        assert page._open_part == "inside"
        await pilot.press("enter")
        await until(pilot, lambda: page.draft.hosts["inside"].reached)
        await until(pilot, lambda: not page._busy)
        await pilot.press("enter")
        await shows(pilot, ChecksPage)
        assert services.setups[SETUP_NAME].host(Role.INSIDE).login.host_key

    start(services, test)


def test_other_public_addresses_and_what_cannot_be_one() -> None:
    services = known(applied(1))

    async def test(pilot: Any) -> None:
        await choose(pilot, "address", "outside")
        await fill(pilot, "public_ipv4", "203.0.113")
        await until(pilot, lambda: "! " in words(pilot))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Form)
        await fill(pilot, "public_ipv4", "")
        await until(pilot, lambda: "would have no public address at all" in words(pilot))
        await fill(pilot, "public_ipv4", "203.0.113.99")
        await fill(pilot, "public_ipv6", "2001:db8::7")
        await until(pilot, lambda: "! " not in words(pilot))
        await agreed(pilot)
        await shows(pilot, ChecksPage)
        made = services.setups[SETUP_NAME].host(Role.OUTSIDE)
        assert (made.public_ipv4, made.public_ipv6) == ("203.0.113.99", "2001:db8::7")
        assert made.login.host_key

    start(services, test)


def test_another_port_and_those_that_cannot_be() -> None:
    services = known(applied())

    async def test(pilot: Any) -> None:
        await choose(pilot, "port")
        field = pilot.app.screen.query_one("#port", Field)
        assert field.value == HOME_PORT
        for bad, why in (("443", "closed for low ports"), ("8448", "used for something"),
                         ("x", "from 1 to 65535")):  # fmt: skip
            field.value = bad
            await until(pilot, lambda why=why: why in words(pilot))
            await pilot.press("enter")
            await pilot.pause()
            assert isinstance(pilot.app.screen, Form) and field.value == bad
        await fill(pilot, "port", HOME_PORT)
        await pilot.press("enter")
        await until(pilot, lambda: f"It is port {HOME_PORT} already." in words(pilot))
        await fill(pilot, "port", "24601")
        await pilot.press("enter")
        await shows(pilot, TodoDialog)
        assert "forward TCP port 24601 to port 24601" in words(pilot)
        await pilot.press("enter")
        await shows(pilot, ChecksPage)
        assert services.setups[SETUP_NAME].access_port == 24601
        assert last(services) == ("changed", "port 24601")
        assert services.draft is not None and services.draft.access_port == "24601"

    start(services, test)


def test_another_dns_company_with_its_account() -> None:
    services = known(applied())

    async def test(pilot: Any) -> None:
        await choose(pilot, "provider")
        assert "Cloudflare" in words(pilot) and not pilot.app.screen.query("#hand")
        await pilot.press("enter")
        await until(pilot, lambda: "Nothing would change." in words(pilot))
        await pilot.press("home", "right")
        assert "Alibaba Cloud" in words(pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert pilot.app.focused is pilot.app.screen.query_one("#dns-account", Field).input
        pilot.app.focused.post_message(events.Paste("LTAI5tExample"))
        await pilot.pause()
        await pilot.press("enter")
        await shows(pilot, TodoDialog)
        assert "Have a token of alidns ready" in words(pilot)
        await pilot.press("escape")
        await shows(pilot, Form)
        assert "LTAI5tExample" in words(pilot), "nothing that was typed is lost"
        await agreed(pilot)
        await shows(pilot, ReviewPage)
        provider = services.setups[SETUP_NAME].settings.provider
        assert provider is not None
        assert (provider.name, provider.account) == ("alidns", "LTAI5tExample")
        assert last(services) == ("changed", "provider alidns")

    start(services, test)


def test_no_dns_company_where_certificates_do_not_need_one() -> None:
    made = applied(2)
    provider = option_setup(4).settings.provider
    made = made.model_copy(
        update={"settings": made.settings.model_copy(update={"provider": provider})}
    )
    services = known(made)

    async def test(pilot: Any) -> None:
        await choose(pilot, "provider")
        await pilot.click("#hand")
        await shows(pilot, TodoDialog)
        assert "revoke the old token at cloudflare" in words(pilot)
        await pilot.click("#yes")
        await shows(pilot, ReviewPage)
        assert services.setups[SETUP_NAME].settings.provider is None
        assert last(services) == ("changed", "provider none")

    start(services, test)


@pytest.mark.parametrize("link", ["outside", "home"])
def test_a_link_is_wrapped(link: str) -> None:
    services = known(applied())

    async def test(pilot: Any) -> None:
        await choose(pilot, "link", link)
        await pilot.press("enter")
        await until(pilot, lambda: "This link is direct already." in words(pilot))
        await pilot.press("right")
        await agreed(pilot)
        await shows(pilot, ReviewPage)
        settings = services.setups[SETUP_NAME].settings
        assert getattr(settings, f"{link}_link") == "wrapped"
        assert {settings.home_link, settings.outside_link} == {"wrapped", "direct"}
        assert last(services) == ("changed", f"link {link} wrapped")

    start(services, test)


def test_worker_processes() -> None:
    services = known(applied(1))

    async def test(pilot: Any) -> None:
        await choose(pilot, "workers")
        await pilot.press("right", "right")
        await until(pilot, lambda: "About 350 MB" in words(pilot))
        await agreed(pilot)
        await shows(pilot, ReviewPage)
        assert services.setups[SETUP_NAME].settings.workers == 2
        assert last(services) == ("changed", "workers 2")

    start(services, test)


# -- another option, through the pages of the wizard ---------------------------------


async def accepted(pilot: Any, option: int) -> None:
    """Type the sentence of an option on the advice, and go on."""
    await shows(pilot, AdvicePage)
    await until(pilot, lambda: f"Option {option}:" in words(pilot))
    await pilot.press("enter")
    await pilot.pause()
    assert isinstance(pilot.app.screen, AdvicePage), "nothing goes on before it is typed"
    entry = pilot.app.screen.query_one("#acknowledge-input")
    entry.focus()
    await pilot.pause()
    entry.post_message(events.Paste(str(OPTIONS[option].acknowledgement)))
    await pilot.pause()
    await pilot.press("enter")
    await shows(pilot, ServersPage)
    await pilot.pause()


async def paste(pilot: Any, line: str, text: str) -> None:
    field = pilot.app.screen.query_one(f"#{line}", Field)
    await until(pilot, lambda: pilot.app.focused is field.input)
    field.input.post_message(events.Paste(text))
    await pilot.pause()


async def reached(pilot: Any, role: str, address: str) -> None:
    page = pilot.app.screen
    await until(pilot, lambda: page._open_part == role)
    await paste(pilot, f"{role}-address", address)
    await pilot.press("enter")
    await until(pilot, lambda: page.draft.hosts[role].reached)
    await until(pilot, lambda: not page._busy)
    await pilot.press("enter")


def says(pilot: Any) -> str:
    return str(pilot.app.screen.query_one("#primary").label)


async def to_the_checks(pilot: Any, services: StandInServices, *todo: str) -> Setup:
    """Over what is left to do to the checks; what was saved."""
    await until(pilot, lambda: "Check these servers" in says(pilot))
    before = len(services.called("save_setup"))
    await pilot.press("enter")
    await shows(pilot, TodoDialog)
    shown = " ".join(render(one) for one in pilot.app.screen._todo)
    assert all(part in shown for part in todo), shown
    await pilot.press("escape")
    await shows(pilot, ServersPage)
    assert len(services.called("save_setup")) == before
    await pilot.press("enter")
    await shows(pilot, TodoDialog)
    await pilot.press("enter")
    await shows(pilot, ChecksPage)
    return services.setups[SETUP_NAME]


def test_from_one_server_to_option_3_the_present_one_stays_the_one_outside() -> None:
    before = applied(1)
    services = known(before)

    async def test(pilot: Any) -> None:
        await choose(pilot, "option")
        assert isinstance(pilot.app.screen, OptionForm)
        assert f"its name {NAME}" in words(pilot)
        await pilot.press("right")
        await until(pilot, lambda: "In China, no public DNS" in words(pilot))
        await pilot.press("enter")
        await accepted(pilot, 3)
        assert services.called("save_setup") == []
        page = pilot.app.screen
        assert page.draft.outside_name == NAME and page.draft.outside_name_confirmed
        await paste(pilot, "name", INSIDE_NAME)
        await pilot.press("enter", "enter")
        await reached(pilot, "inside", INSIDE_ADDRESS)
        await until(pilot, lambda: page._open_part == "devices")
        await pilot.press("enter")
        await until(pilot, lambda: page._open_part == "dns")
        page.query_one("#dns-name", Stepper).focus()
        while page.draft.provider.name != "cloudflare":
            await pilot.press("right")
            await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: page._open_part == "links")
        await pilot.press("enter")
        made = await to_the_checks(
            pilot, services, f"Everybody who has an account at {NAME} keeps it", "device files"
        )
        assert (made.option, made.server_name, made.outside_name) == (3, INSIDE_NAME, NAME)
        assert made.access_name == INSIDE_NAME
        assert made.host(Role.OUTSIDE) == before.host(Role.OUTSIDE)
        assert [one.role for one in made.hosts] == ["inside", "outside"]
        assert made.settings.challenge == "dns-01" and "option 3" in made.acknowledged
        assert made.history[:-1] == before.history
        assert last(services) == ("changed", "option 3")
        assert made.host(Role.OUTSIDE).public_ipv4 == ADDRESS

    start(services, test)


def test_from_option_3_to_a_home_line() -> None:
    before = applied(3)
    services = known(before)

    async def test(pilot: Any) -> None:
        await choose(pilot, "option")
        assert not pilot.app.screen.query(Stepper), "there is one way only"
        await pilot.press("enter")
        await accepted(pilot, 4)
        page = pilot.app.screen
        await reached(pilot, "home", HOME_ADDRESS)
        await until(pilot, lambda: page._open_part == "port")
        await until(pilot, lambda: "Use this port" in says(pilot))
        await fill(pilot, "port", "24601")
        await pilot.press("enter")
        await until(pilot, lambda: page._open_part == "links")
        await pilot.press("enter")
        made = await to_the_checks(pilot, services, "forward TCP port 24601", "old records")
        assert (made.option, made.access_port) == (4, 24601)
        assert [one.role for one in made.hosts] == ["home", "inside", "outside"]
        assert made.hosts[1:] == before.hosts
        assert (made.server_name, made.outside_name) == (INSIDE_NAME, NAME)
        assert last(services) == ("changed", "option 4")

    start(services, test)


def test_the_machine_at_home_is_taken_out_once_it_was_taken_back() -> None:
    services = known(applied(4))

    async def test(pilot: Any) -> None:
        await choose(pilot, "remove-host")
        await until(pilot, lambda: "Take it back first" in words(pilot))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, OptionForm)
        await pilot.press("escape")
        await shows(pilot, ChangesPage)
        services.setups[SETUP_NAME] = undone(services.setups[SETUP_NAME], "home")
        await pilot.press("escape")
        await diagnosed(pilot)
        await pilot.press("m")
        await shows(pilot, ChangesPage)
        await choose(pilot, "remove-host")
        assert "Take it back first" not in words(pilot)
        await pilot.press("enter")
        await accepted(pilot, 3)
        page = pilot.app.screen
        await until(pilot, lambda: page._open_part == "devices")
        await pilot.press("enter")
        made = await to_the_checks(pilot, services, "Delete the public records")
        assert (made.option, made.access_port) == (3, 443)
        assert [one.role for one in made.hosts] == ["inside", "outside"]
        assert last(services) == ("changed", "option 3")

    start(services, test)


def test_a_server_people_reach_by_another_name_is_not_led_on() -> None:
    services = known(applied(1, spare_names=(OTHER,)))

    async def test(pilot: Any) -> None:
        await choose(pilot, "option")
        await until(pilot, lambda: "would be cut off" in words(pilot))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, OptionForm)
        await pilot.press("escape")
        await shows(pilot, ChangesPage)
        # Nor is it saved by the pages of the wizard, whatever way one came there.
        with pytest.raises(InputError, match="would be cut off"):
            prepared(services, option_draft(Step.SERVERS, 3))

    start(services, test, (80, 30))


def test_a_change_of_option_that_was_begun_goes_on_and_is_not_thrown_away_unasked() -> None:
    services = known(applied(1))

    async def test(pilot: Any) -> None:
        await choose(pilot, "option")
        await pilot.press("right", "enter")
        await accepted(pilot, 3)
        await paste(pilot, "name", INSIDE_NAME)
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen.draft.server_name_confirmed)
        await diagnosed(pilot)
        await pilot.press("m")
        await shows(pilot, ChangesPage)
        await choose(pilot, "workers")
        await pilot.press("right")
        await agreed(pilot)
        await shows(pilot, Question)
        assert "You began to change this service to option 3" in words(pilot)
        await pilot.press("escape")
        await shows(pilot, DiagnosisPage)
        assert "The change is saved." in words(pilot)
        assert services.setups[SETUP_NAME].settings.workers == 1
        assert services.draft is not None and services.draft.server_name == INSIDE_NAME
        await until(pilot, lambda: pilot.app.screen.setup is not None)
        await pilot.press("m")
        await shows(pilot, ChangesPage)
        await choose(pilot, "option")
        await pilot.press("right", "enter")
        await shows(pilot, AdvicePage)
        assert pilot.app.screen.draft.server_name == INSIDE_NAME

    start(services, test)


# -- forth and back ------------------------------------------------------------------


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
@pytest.mark.parametrize("option", [1, 4])
def test_every_form_opens_fits_and_can_be_left(
    option: Literal[1, 4], size: tuple[int, int]
) -> None:
    services = known(applied(option, spare_names=(OTHER,)))

    async def test(pilot: Any) -> None:
        menu = pilot.app.screen.query_one(ChangeMenu)
        assert pilot.app.focused is menu
        for number in range(menu.option_count):
            assert menu.highlighted == number
            assert all(cell_len(line) <= size[0] for line in screen_lines(pilot.app))
            await pilot.press("enter")
            await shows(pilot, Form)
            await pilot.pause()
            assert all(cell_len(line) <= size[0] for line in screen_lines(pilot.app))
            no, yes = pilot.app.screen.query_one("#no"), pilot.app.screen.query_one("#yes")
            for button in (no, yes):
                assert button.region.height == 3 and button.region.bottom <= size[1]
            await pilot.press("escape")
            await shows(pilot, ChangesPage)
            assert pilot.app.focused is menu
            await pilot.press("down")
        assert services.called("save_setup") == []
        assert services.called("save_draft") == []
        await pilot.press("escape")
        await shows(pilot, DiagnosisPage)

    start(services, test, size)


def test_the_mouse_chooses_and_cancels() -> None:
    services = known(applied(1))

    async def test(pilot: Any) -> None:
        await pilot.click(ChangeMenu, offset=(5, 4))
        await shows(pilot, Form)
        await pilot.pause()
        assert "Worker processes" in words(pilot)
        await pilot.click("#no")
        await shows(pilot, ChangesPage)
        await pilot.click("#primary")
        await shows(pilot, Form)
        await pilot.press("escape")
        await shows(pilot, ChangesPage)
        await pilot.click("#back")
        await shows(pilot, DiagnosisPage)

    start(services, test)


def test_bad_input_is_told_while_typing_and_nothing_is_lost() -> None:
    services = known(applied(1))

    async def test(pilot: Any) -> None:
        await choose(pilot, "add-name")
        await pilot.press("enter")
        await until(pilot, lambda: "A name is needed" in words(pilot))
        await fill(pilot, "name", "chat example.org")
        await until(pilot, lambda: "letters, digits, dots and hyphens" in words(pilot))
        await fill(pilot, "name", NAME)
        await until(pilot, lambda: f"{NAME} is a name of this setup already." in words(pilot))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Form)
        assert pilot.app.screen.query_one("#name", Field).value == NAME
        await fill(pilot, "name", OTHER)
        await until(pilot, lambda: "already" not in words(pilot))
        await pilot.press("enter")
        await shows(pilot, TodoDialog)
        await pilot.press("escape")
        await shows(pilot, Form)
        await until(pilot, lambda: pilot.app.screen.query_one("#name", Field).value == OTHER)
        await pilot.press("escape")
        await shows(pilot, ChangesPage)
        assert services.called("save_setup") == []

    start(services, test)


def test_resized_and_in_the_other_language_what_was_typed_stays() -> None:
    services = known(applied())

    async def test(pilot: Any) -> None:
        menu = pilot.app.screen.query_one(ChangeMenu)
        await pilot.press("down", "down")
        await pilot.pause()
        before = screen_text(pilot.app)
        await pilot.resize_terminal(60, 20)
        await pilot.press("f2")
        await pilot.pause()
        assert menu.highlighted == 2
        assert all(cell_len(line) <= 60 for line in screen_lines(pilot.app))
        await pilot.press("f2")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: screen_text(pilot.app) == before)
        await choose(pilot, "add-name")
        await fill(pilot, "name", "other.exa")
        before = screen_text(pilot.app)
        focused = pilot.app.focused
        await pilot.resize_terminal(60, 20)
        await pilot.press("f2")
        await pilot.pause()
        assert "other.exa" in words(pilot) and "Spare name" not in words(pilot)
        assert pilot.app.focused is focused
        await pilot.press("f2")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: screen_text(pilot.app) == before)
        await pilot.press(*"mple.net")
        await pilot.press("enter")
        await shows(pilot, TodoDialog)
        await pilot.press("f2")
        await pilot.pause()
        assert OTHER in words(pilot) and "No server was" not in words(pilot)
        await pilot.press("enter")
        await shows(pilot, ChecksPage)
        assert services.setups[SETUP_NAME].spare_names == (OTHER,)

    start(services, test)


@pytest.mark.parametrize("failure", [error("disk-full"), OSError(28, "No space left on device")])
def test_a_disk_that_refuses_is_told_and_can_be_tried_again(failure: Exception) -> None:
    services = known(applied(), errors={"save_setup": failure})

    async def test(pilot: Any) -> None:
        await choose(pilot, "workers")
        await pilot.press("right")
        await agreed(pilot)
        await until(pilot, lambda: "It could not be saved" in words(pilot))
        assert services.setups[SETUP_NAME].settings.workers == 0
        services.errors.clear()
        await pilot.press("enter")
        await shows(pilot, ReviewPage)
        assert services.setups[SETUP_NAME].settings.workers == 1

    start(services, test)


def test_a_setup_that_was_changed_meanwhile_is_not_overwritten() -> None:
    services = known(applied())

    async def test(pilot: Any) -> None:
        now = services.setups[SETUP_NAME]
        services.setups[SETUP_NAME] = now.model_copy(update={"spare_names": (OTHER,)})
        await choose(pilot, "workers")
        await pilot.press("right")
        await agreed(pilot)
        await until(pilot, lambda: "was changed meanwhile" in words(pilot))
        assert services.called("save_setup") == []
        await pilot.press("escape", "escape", "escape")
        await shows(pilot, DiagnosisPage)
        await until(pilot, lambda: pilot.app.screen.setup is not None)
        await pilot.press("m")
        await shows(pilot, ChangesPage)
        await choose(pilot, "workers")
        await pilot.press("right")
        await agreed(pilot)
        await shows(pilot, ReviewPage)
        made = services.setups[SETUP_NAME]
        assert (made.settings.workers, made.spare_names) == (1, (OTHER,))

    start(services, test)


def test_other_unfinished_work_is_kept_if_wanted() -> None:
    unfinished = draft(Step.SERVERS, server_name="new.example.org")
    services = known(applied(), draft=unfinished)

    async def test(pilot: Any) -> None:
        await choose(pilot, "workers")
        await pilot.press("right")
        await agreed(pilot)
        await shows(pilot, Question)
        assert services.setups[SETUP_NAME].settings.workers == 1
        await pilot.press("escape")
        await shows(pilot, DiagnosisPage)
        assert services.draft == unfinished

    start(services, test)


def test_decisions_about_files_stay_and_old_entries_do_not() -> None:
    old = draft(
        Step.REVIEW, resolve={"outside": {"file:/x": "keep"}}, spare_names="old.example.net"
    )
    services = known(applied(1), draft=old)

    async def test(pilot: Any) -> None:
        await choose(pilot, "workers")
        await pilot.press("right")
        await agreed(pilot)
        await shows(pilot, ReviewPage)
        kept: Draft | None = services.draft
        assert kept is not None and kept.resolve == {"outside": {"file:/x": "keep"}}
        assert kept.spare_names == ""

    start(services, test)


def test_the_start_page_can_be_gone_to_from_every_dialog() -> None:
    services = known(applied())

    async def test(pilot: Any) -> None:
        await choose(pilot, "workers")
        await pilot.press("right", "enter")
        await shows(pilot, TodoDialog)
        pilot.app.action_home()
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "HomePage")
        await pilot.pause()
        assert services.called("save_setup") == []
        assert not any(isinstance(one, Form | TodoDialog) for one in pilot.app.screen_stack)

    start(services, test)


def test_while_something_runs_nothing_is_changed() -> None:
    services = known(applied())
    services.hold("canary")

    async def test(pilot: Any) -> None:
        await diagnosed(pilot)
        await pilot.press("t")
        await until(pilot, lambda: bool(services.called("canary")))
        await pilot.press("m")
        await pilot.pause()
        assert isinstance(pilot.app.screen, DiagnosisPage)
        services.release("canary")

    run_app(services, test)


def test_what_is_long_can_be_read_on() -> None:
    services = known(applied(1))

    async def test(pilot: Any) -> None:
        await choose(pilot, "access-name")
        await fill(pilot, "name", OTHER)
        await pilot.press("enter")
        await shows(pilot, TodoDialog)
        await until(pilot, lambda: "Read on" in words(pilot))
        assert "goes on answering" not in words(pilot)
        await pilot.press("pagedown", "pagedown")
        await until(pilot, lambda: "The present" in words(pilot) or "Tell people" in words(pilot))
        await pilot.press("pageup", "pageup")
        await until(pilot, lambda: "Save this change?" in words(pilot))

    start(services, test, (60, 20))


def test_every_change_is_in_the_palette_and_help_is_one_key_away() -> None:
    services = known(applied(spare_names=(OTHER,)))

    async def test(pilot: Any) -> None:
        page = pilot.app.screen
        titles = [render(title) for title, _, _ in page.commands()]
        assert len(titles) == 12 and "Worker processes" in titles
        for title, _, callback in page.commands():
            if render(title) == "Worker processes":
                callback()
                callback()
        await shows(pilot, Form)
        await pilot.pause()
        assert sum(isinstance(one, Form) for one in pilot.app.screen_stack) == 1
        await pilot.press("escape")
        await shows(pilot, ChangesPage)
        await pilot.press("question_mark")
        await until(pilot, lambda: "change a service that runs" in words(pilot))

    start(services, test)


# -- what a finding proposes -----------------------------------------------------------


def found(action: str, **values: Any) -> Finding:
    return Finding(
        check="tls",
        subject="inside",
        vantage="outside",
        status=Status.FAILED,
        cause="name-cut",
        summary=msg("The certificate of {name} is valid.", name=INSIDE_NAME),
        remedy=Remedy(
            who=Mender.ASSISTANT,
            text=msg("Use port {works} for the apps.", works=values.get("works", "")),
            action=action,
        ),
        confidence=Confidence.HIGH,
    )


def proposing(action: str, **values: Any) -> StandInServices:
    made = with_findings(applied(4), (found(action, **values),), datetime.now(UTC))
    return known(made)


def test_a_link_that_a_finding_wants_wrapped_is_one_key_away() -> None:
    services = proposing("wrap-outside-link")

    async def test(pilot: Any) -> None:
        await diagnosed(pilot)
        await until(pilot, lambda: "m does this" in words(pilot))
        await pilot.press("m")
        await shows(pilot, TodoDialog)
        assert "The link from outside: wrapped" in words(pilot)
        await pilot.press("escape")
        await shows(pilot, DiagnosisPage)
        assert services.called("save_setup") == []
        await pilot.press("m")
        await shows(pilot, TodoDialog)
        await pilot.press("enter")
        await shows(pilot, ReviewPage)
        assert services.setups[SETUP_NAME].settings.outside_link == "wrapped"
        assert last(services) == ("changed", "link outside wrapped")

    run_app(services, test, (120, 40))


def test_a_port_that_works_stands_in_the_form_already() -> None:
    services = proposing("use-port", works=21777)

    async def test(pilot: Any) -> None:
        await diagnosed(pilot)
        await pilot.press("m")
        await shows(pilot, Form)
        await pilot.pause()
        assert pilot.app.screen.query_one("#port", Field).value == "21777"
        await agreed(pilot)
        await shows(pilot, ChecksPage)
        assert services.setups[SETUP_NAME].access_port == 21777

    run_app(services, test)


def test_what_nothing_here_mends_leads_to_the_page() -> None:
    services = proposing("")

    async def test(pilot: Any) -> None:
        await diagnosed(pilot)
        assert "m does this" not in words(pilot)
        await pilot.press("m")
        await shows(pilot, ChangesPage)
        await diagnosed(pilot)
        for title, _, callback in pilot.app.screen.commands():
            if render(title) == "Change something":
                callback()
        await shows(pilot, ChangesPage)

    run_app(services, test, (120, 40))
