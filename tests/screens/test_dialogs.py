"""Dialogs: keys of servers, passwords, questions, help. No is what a hasty Enter means."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.widgets import Input

from assistant.remote import HostKey, Wanted
from assistant.setup.model import Login
from assistant.text import msg
from assistant.wizard.draft import Draft
from assistant.wizard.steps import Step
from screens.base.dialogs import ConfirmDialog, TellDialog
from screens.help import HelpDialog
from screens.servers.secret_dialogs import KeyDialog, SecretDialog
from tests.support.screens_stand_in import StandInServices, run_app, screen_text, until
from tests.support.screens_values import KEY, ODD, ODD_SHOWN, host

SIZES = [(60, 20), (80, 24), (120, 40)]


async def asked(pilot: Any, question: Callable[[], Awaitable[Any]]) -> asyncio.Task[Any]:
    """Ask as long work does: from a worker of the app. The task gives the answer."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()

    async def work() -> None:
        try:
            answer.set_result(await question())
        except asyncio.CancelledError:
            answer.cancel()
            raise

    before = pilot.app.screen
    pilot.app.run_worker(work(), exit_on_error=False, group="work")
    await until(pilot, lambda: pilot.app.screen is not before)
    await pilot.pause()
    return asyncio.ensure_future(asyncio.wait_for(answer, 10))


def on_page(test: Callable[[Any], Awaitable[None]], **how: Any) -> None:
    run_app(StandInServices(), test, start=Draft(), **how)


# -- host keys ------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_a_key_is_shown_whole_with_how_to_compare_it(size: tuple[int, int]) -> None:
    async def walk(pilot: Any) -> None:
        answer = await asked(pilot, lambda: pilot.app.confirm_key(host(), False, KEY))
        assert isinstance(pilot.app.screen, KeyDialog)
        shown = screen_text(pilot.app)
        assert KEY.fingerprint in shown
        assert "203.0.113.9, port 22" in shown
        assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in shown
        assert "No, stop here" in shown
        assert "It is the same" in shown
        await pilot.press("y")
        assert await answer is True

    on_page(walk, size=size)


@pytest.mark.parametrize("keys", [["enter"], ["escape"], ["n"], ["space", "enter"]])
def test_haste_does_not_confirm_a_key(keys: list[str]) -> None:
    async def walk(pilot: Any) -> None:
        answer = await asked(pilot, lambda: pilot.app.confirm_key(host(), False, KEY))
        await pilot.press(*keys)
        assert await answer is False

    on_page(walk)


@pytest.mark.parametrize("keys", [["tab", "enter"], ["right", "enter"]])
def test_the_other_button_confirms(keys: list[str]) -> None:
    async def walk(pilot: Any) -> None:
        answer = await asked(pilot, lambda: pilot.app.confirm_key(host(), False, KEY))
        await pilot.press(*keys)
        assert await answer is True

    on_page(walk)


def test_the_mouse_confirms() -> None:
    async def walk(pilot: Any) -> None:
        answer = await asked(pilot, lambda: pilot.app.confirm_key(host(), False, KEY))
        await pilot.click("#yes")
        assert await answer is True

    on_page(walk)


def test_the_key_of_a_jump_host_is_said_to_be_one() -> None:
    jump = Login(address="198.51.100.7", port=2222)

    async def walk(pilot: Any) -> None:
        one = host(jump=jump)
        answer = await asked(pilot, lambda: pilot.app.confirm_key(one, True, KEY))
        shown = screen_text(pilot.app)
        assert "jump host" in shown
        assert "198.51.100.7, port 2222" in shown
        assert "203.0.113.9" not in shown
        await pilot.press("escape")
        assert await answer is False

    on_page(walk)


def test_a_hostile_key_is_shown_as_it_is() -> None:
    async def walk(pilot: Any) -> None:
        odd = HostKey(text=ODD, algorithm=ODD, fingerprint=ODD)
        answer = await asked(pilot, lambda: pilot.app.confirm_key(host(), False, odd))
        assert ODD_SHOWN in screen_text(pilot.app)
        await pilot.press("escape")
        assert await answer is False

    on_page(walk, size=(120, 40))


def test_the_language_changes_within_a_dialog_and_the_focus_stays() -> None:
    async def walk(pilot: Any) -> None:
        answer = await asked(pilot, lambda: pilot.app.confirm_key(host(), False, KEY))
        english = screen_text(pilot.app)
        await pilot.press("tab", "f2")
        await until(pilot, lambda: pilot.app.language == "zh")
        await pilot.pause()
        chinese = screen_text(pilot.app)
        assert KEY.fingerprint in chinese
        assert "Is this really your server?" in english
        assert pilot.app.screen.focused.id == "yes"
        await pilot.press("enter")
        assert await answer is True

    on_page(walk)


def test_a_dialog_survives_the_smallest_terminal_and_back() -> None:
    async def walk(pilot: Any) -> None:
        answer = await asked(pilot, lambda: pilot.app.confirm_key(host(), False, KEY))
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        small = screen_text(pilot.app)
        assert KEY.fingerprint in small
        assert "No, stop here" in small
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await pilot.press("y")
        assert await answer is True

    on_page(walk)


def test_two_questions_at_a_time_come_one_after_the_other() -> None:
    async def walk(pilot: Any) -> None:
        async def both() -> list[bool]:
            one = pilot.app.confirm_key(host(), False, KEY)
            other = pilot.app.confirm_key(host(name="inside"), False, KEY)
            return list(await asyncio.gather(one, other))

        answer = await asked(pilot, both)
        first = pilot.app.screen
        assert len(pilot.app.screen_stack) == 3
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.screen is not first)
        await until(pilot, lambda: isinstance(pilot.app.screen, KeyDialog))
        await pilot.press("n")
        assert await answer == [True, False]

    on_page(walk)


def test_a_question_goes_when_the_work_that_asks_is_stopped() -> None:
    async def walk(pilot: Any) -> None:
        answer = await asked(pilot, lambda: pilot.app.confirm_key(host(), False, KEY))
        page = pilot.app.screen_stack[-2]
        pilot.app.workers.cancel_group(pilot.app, "work")
        await until(pilot, lambda: pilot.app.screen is page)
        with pytest.raises(asyncio.CancelledError):
            await answer
        # The next question is not kept waiting by the one that went.
        answer = await asked(pilot, lambda: pilot.app.confirm_key(host(), False, KEY))
        await pilot.press("y")
        assert await answer is True

    on_page(walk)


# -- passwords ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted("password", "203.0.113.9", "debian"), "The password of debian"),
        (Wanted("sudo", "203.0.113.9", "debian"), "for sudo"),
        (Wanted("passphrase", "203.0.113.9", "root", "~/.ssh/id_rsa"), "~/.ssh/id_rsa"),
    ],
)
def test_a_password_is_typed_in_the_dark(wanted: Wanted, words: str) -> None:
    async def walk(pilot: Any) -> None:
        answer = await asked(pilot, lambda: pilot.app.ask(wanted))
        assert isinstance(pilot.app.screen, SecretDialog)
        await pilot.press(*"s3cr?t")
        shown = screen_text(pilot.app)
        assert words in shown
        assert "s3cr" not in shown
        assert "kept in memory" in shown
        assert "That was not it" not in shown
        await pilot.press("enter")
        assert await answer == "s3cr?t"

    on_page(walk)


@pytest.mark.parametrize("keys", [["escape"], ["enter"], ["x", "escape"]])
def test_no_password_is_an_answer(keys: list[str]) -> None:
    async def walk(pilot: Any) -> None:
        answer = await asked(pilot, lambda: pilot.app.ask(Wanted("sudo", "h", "u")))
        await pilot.press(*keys)
        assert await answer is None

    on_page(walk)


def test_a_second_attempt_says_that_the_first_was_wrong() -> None:
    async def walk(pilot: Any) -> None:
        wanted = Wanted("sudo", "203.0.113.9", "debian", attempt=2)
        answer = await asked(pilot, lambda: pilot.app.ask(wanted))
        assert "✗ That was not it" in screen_text(pilot.app)
        await pilot.press("escape")
        assert await answer is None

    on_page(walk)


def test_a_half_typed_password_outlives_a_change_of_language() -> None:
    async def walk(pilot: Any) -> None:
        answer = await asked(pilot, lambda: pilot.app.ask(Wanted("sudo", "h", "u")))
        await pilot.press("a", "b", "f2")
        await until(pilot, lambda: pilot.app.language == "zh")
        assert pilot.app.screen.query_one(Input).value == "ab"
        await pilot.press("c", "enter")
        assert await answer == "abc"

    on_page(walk)


def test_who_is_asked_about_is_never_markup() -> None:
    async def walk(pilot: Any) -> None:
        answer = await asked(pilot, lambda: pilot.app.ask(Wanted("password", ODD, ODD)))
        assert ODD_SHOWN in screen_text(pilot.app)
        await pilot.press("escape")
        assert await answer is None

    on_page(walk, size=(120, 40))


@pytest.mark.parametrize("name", ["dns-token", "something-else"])
def test_a_secret_of_a_plan_may_be_left_as_it_is(name: str) -> None:
    async def walk(pilot: Any) -> None:
        answer = await asked(pilot, lambda: pilot.app.provided(name, "outside"))
        assert "outside" in screen_text(pilot.app)
        await pilot.press("enter")
        assert await answer is None
        answer = await asked(pilot, lambda: pilot.app.provided(name, "outside"))
        await pilot.press(*"tok", "enter")
        assert await answer == "tok"

    on_page(walk)


# -- questions and help -----------------------------------------------------------


@pytest.mark.parametrize(("key", "sure"), [("enter", False), ("escape", False), ("y", True)])
def test_a_question_is_answered(key: str, sure: bool) -> None:
    async def walk(pilot: Any) -> None:
        dialog = ConfirmDialog(msg("Sure?"), msg("{a} said so.", a=ODD))
        answer = await asked(pilot, lambda: pilot.app.push_screen_wait(dialog))
        assert ODD_SHOWN in screen_text(pilot.app)
        await pilot.press(key)
        assert await answer is sure

    on_page(walk, size=(120, 40))


@pytest.mark.parametrize("key", ["enter", "escape"])
def test_what_is_told_goes_away(key: str) -> None:
    async def walk(pilot: Any) -> None:
        page = pilot.app.screen
        pilot.app.push_screen(TellDialog(msg("Listen"), msg("There is more.")))
        await until(pilot, lambda: "There is more." in screen_text(pilot.app))
        await pilot.press(key)
        await until(pilot, lambda: pilot.app.screen is page)

    on_page(walk)


@pytest.mark.parametrize("size", SIZES)
def test_help_has_the_pages_text_and_the_keys_and_scrolls(size: tuple[int, int]) -> None:
    async def walk(pilot: Any) -> None:
        page = pilot.app.screen
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpDialog))
        await pilot.pause()
        assert "Close" in screen_text(pilot.app)
        seen = screen_text(pilot.app)
        for _ in range(12):
            await pilot.press("pagedown")
            seen += screen_text(pilot.app)
        assert "Answer one question at a time" in seen
        assert "Ctrl+Q" in seen
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is page)

    run_app(StandInServices(), walk, size=size, start=Draft(step=Step.QUESTIONS))
