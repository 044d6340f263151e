"""The last page: the proof drawn live, people and their passwords, the summary and its file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.widgets import Button, Input

from assistant.canary.model import CanaryEvent, CanaryResult, Line
from assistant.export.device_files import DeviceFile
from assistant.export.markdown import Page as Markdown
from assistant.findings.model import Status
from assistant.text import msg
from assistant.wizard.draft import Step
from screens.finish.finish import FinishPage
from screens.finish.people import Account
from screens.finish.proof import proven
from screens.finish.summary_view import readable
from screens.widgets.chat import Chat, bubble, talked
from screens.widgets.status import GLYPHS, Verdict, status_class, status_words
from tests.support.option_setups import setup as option_setup
from tests.support.screens_runs import (
    CANARY_EVENTS,
    CANARY_FAILED,
    CANARY_FAILED_EVENTS,
    CANARY_RESULT,
)
from tests.support.screens_stand_in import (
    StandInServices,
    known_services,
    run_app,
    screen_lines,
    screen_text,
    until,
)
from tests.support.screens_values import (
    FINDINGS,
    GOOD_FINDINGS,
    NAME,
    NOW,
    ODD,
    ODD_SHOWN,
    SETUP_NAME,
    applied_setup,
    draft,
    error,
    setup,
    with_odd_text,
)

IT_WORKS = "It works: messages arrive"


def services(**more: Any) -> StandInServices:
    values: dict[str, Any] = {"events": {"check": GOOD_FINDINGS}, **more}
    return known_services(**values)


def at_finish(
    made: StandInServices,
    test: Callable[[Any], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
    **more: Any,
) -> None:
    run_app(made, test, size, start=draft(Step.FINISH), **more)


async def shows(pilot: Any, text: str) -> None:
    await until(pilot, lambda: text in " ".join(screen_text(pilot.app).split()))


def shown(pilot: Any) -> str:
    return " ".join(screen_text(pilot.app).split())


def told(pilot: Any) -> str:
    return " ".join(notice.message for notice in pilot.app._notifications)


def on_home(pilot: Any) -> bool:
    return type(pilot.app.screen).__name__ == "HomePage"


# -- the proof -----------------------------------------------------------------


def test_from_proof_to_home_by_enter_alone() -> None:
    made = services()

    async def test(pilot: Any) -> None:
        await shows(pilot, IT_WORKS)
        assert "The server stored only ciphertext." in shown(pilot)
        assert "The test users are gone." in shown(pilot)
        assert "5 checks came out well." in shown(pilot)
        assert f"{NAME} is set up on outside." in shown(pilot)
        await pilot.press("enter")
        await shows(pilot, "Who is going to chat?")
        await pilot.press("enter")
        await shows(pilot, "For you, who looks after it")
        assert made.draft is not None
        await pilot.press("enter")
        await until(pilot, lambda: on_home(pilot))

    at_finish(made, test)
    assert made.draft is None
    assert made.called("check") == [(SETUP_NAME, "after", None)]
    assert made.called("canary") == [(SETUP_NAME,)]


def test_the_conversation_is_drawn_as_it_happens_and_goes_on_without_the_page() -> None:
    made = services()
    made.hold("canary", after=7)

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: "Seven boats" in shown(pilot))
        lines = screen_lines(pilot.app)
        said = next(line for line in lines if "kettle" in line)
        answer = next(line for line in lines if "Seven boats" in line)
        assert said.index("kettle") < 20 < 40 < answer.index("Seven boats")
        assert "61 ms" in said
        assert "74 ms" in answer
        assert "is writing" in shown(pilot)
        work = pilot.app.work
        await pilot.press("r")  # under way already
        pilot.app.go_home()
        await until(pilot, lambda: on_home(pilot))
        pilot.app.go_to(draft(Step.FINISH))
        await until(pilot, lambda: "Seven boats" in shown(pilot))
        assert pilot.app.work is work
        made.release("canary")
        await shows(pilot, IT_WORKS)
        assert "blue umbrella" in shown(pilot)

    at_finish(made, test)
    assert len(made.called("canary")) == 1


def test_a_failed_proof_says_why_and_r_runs_it_again() -> None:
    made = services(
        results={"canary": CANARY_FAILED},
        events={"check": GOOD_FINDINGS, "canary": CANARY_FAILED_EVENTS},
    )

    async def test(pilot: Any) -> None:
        await shows(pilot, "Not proven yet")
        assert f"https://{NAME} cannot be reached from here" in shown(pilot)
        assert "✗ failed" in shown(pilot)
        assert "ciphertext" not in shown(pilot)
        made.results.clear()
        made.events["canary"] = CANARY_EVENTS
        await pilot.press("r")
        await shows(pilot, IT_WORKS)
        assert "cannot be reached" not in shown(pilot)

    at_finish(made, test)
    assert len(made.called("canary")) == 2


def test_an_unreachable_server_is_told_and_nothing_is_lost() -> None:
    made = services(errors={"check": error()})

    async def test(pilot: Any) -> None:
        await shows(pilot, "The server outside gave no answer.")
        assert "press r" in shown(pilot)
        made.errors.clear()
        await pilot.press("r")
        await shows(pilot, IT_WORKS)

    at_finish(made, test)


def test_a_defect_does_not_close_the_program() -> None:
    made = services(errors={"canary": RuntimeError("boom")})

    async def test(pilot: Any) -> None:
        await shows(pilot, "The program itself stumbled")
        assert isinstance(pilot.app.screen, FinishPage)

    at_finish(made, test)


def test_a_proof_that_is_stopped_says_so() -> None:
    made = services()
    made.hold("canary", after=3)

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: bool(made.called("canary")))
        pilot.app.workers.cancel_group(pilot.app, "work")
        await shows(pilot, "It was stopped before it ended.")
        made.release("canary")
        await pilot.press("r")
        await shows(pilot, IT_WORKS)

    at_finish(made, test)


def test_messages_that_arrive_do_not_hide_checks_that_failed() -> None:
    async def test(pilot: Any) -> None:
        await shows(pilot, "Messages arrive encrypted, but some checks did not come out well")
        await pilot.press("end")
        await shows(pilot, "1 could not be tried.")
        assert "? undecided" in shown(pilot)
        assert "! check" in shown(pilot)

    at_finish(services(events={"check": FINDINGS}), test)


def test_what_is_proven_already_is_not_run_again_by_itself() -> None:
    made = services(setups={SETUP_NAME: applied_setup()})

    async def test(pilot: Any) -> None:
        await shows(pilot, "Proven on 2026-03-01")
        assert not made.called("canary")
        await pilot.press("r")
        await shows(pilot, "4 of 4 messages arrived")

    at_finish(made, test)
    assert proven(setup()) is None
    assert proven(applied_setup()) is not None


def test_a_setup_that_cannot_be_read_is_told() -> None:
    async def test(pilot: Any) -> None:
        await shows(pilot, "There is no setup family.")

    at_finish(StandInServices(), test)


# -- people --------------------------------------------------------------------


def test_the_administrators_password_is_shown_on_demand_and_hidden_again() -> None:
    made = services()

    async def test(pilot: Any) -> None:
        await pilot.press("2")
        await shows(pilot, "looks after the service is @admin:chat.example.org.")
        assert "made-up-words-4" not in shown(pilot)
        await pilot.press("p")
        await shows(pilot, "made-up-words-4")
        assert "gone when you leave" in shown(pilot)
        await pilot.press("f2", "f2")
        assert "made-up-words-4" in shown(pilot)
        await pilot.press("enter")  # I have written it down
        await until(pilot, lambda: "made-up-words-4" not in shown(pilot))
        assert "made-up-words-4" not in repr(made.draft)
        await pilot.press("p")
        await shows(pilot, "made-up-words-4")
        await pilot.press("escape")  # asks first
        assert "The password is shown only now." in told(pilot)
        assert "Who is going to chat?" in shown(pilot)
        await pilot.press("escape", "2")
        await shows(pilot, "Who is going to chat?")
        assert "made-up-words-4" not in shown(pilot)

    at_finish(made, test)
    assert "s3cret" not in repr(Account("@a:b", "s3cret", "https://b"))


def test_inviting_shows_what_to_hand_over_once() -> None:
    made = services()

    async def test(pilot: Any) -> None:
        await pilot.press("2", "i", *"anna")
        await shows(pilot, "Make the account ⏎")
        await pilot.press("enter")
        await shows(pilot, "other-made-up-words-7")
        text = shown(pilot)
        assert "@anna:chat.example.org" in text
        assert "https://chat.example.org" in text
        await shows(pilot, "the recovery key on paper.")
        assert pilot.app.screen.query_one("#localpart", Input).value == ""

    at_finish(made, test)
    assert made.called("invite") == [(SETUP_NAME, "anna")]


def test_fast_hands_lose_no_letter() -> None:
    from textual.events import Key

    made = services()

    async def test(pilot: Any) -> None:
        await pilot.press("2")
        await shows(pilot, "Who is going to chat?")
        for key in ("i", "i", "r", "i", "s", "p", "1", "enter"):
            pilot.app.post_message(Key(key, key if len(key) == 1 else None))
        await shows(pilot, "other-made-up-words-7")

    at_finish(made, test)
    assert made.called("invite") == [(SETUP_NAME, "irisp1")]
    assert not made.called("admin_password")


@pytest.mark.parametrize("typed", ["Anna", "a b", "[/b]", "ä", "@anna"])
def test_a_name_that_cannot_be_is_said_while_typing(typed: str) -> None:
    made = services()

    async def test(pilot: Any) -> None:
        await pilot.press("2", "i")
        pilot.app.screen.query_one("#localpart", Input).value = typed
        await shows(pilot, "made of lower-case letters")
        await pilot.press("enter")
        assert pilot.app.screen.query_one("#localpart", Input).value == typed

    at_finish(made, test)
    assert not made.called("invite")


def test_a_failing_invitation_keeps_the_name() -> None:
    made = services(errors={"invite": error()})

    async def test(pilot: Any) -> None:
        await pilot.press("2", "i", *"anna", "enter")
        await shows(pilot, "The server outside gave no answer.")
        assert pilot.app.screen.query_one("#localpart", Input).value == "anna"
        made.errors.clear()
        await pilot.press("enter")
        await shows(pilot, "other-made-up-words-7")

    at_finish(made, test)


def test_a_slow_invitation_is_not_made_twice_and_leaving_warns() -> None:
    made = services()
    made.hold("invite")

    async def test(pilot: Any) -> None:
        await pilot.press("2", "i", *"anna", "enter", "enter")
        await shows(pilot, "Asking your server")
        await pilot.press("escape")
        assert "still making the account" in told(pilot)
        made.release("invite")
        await shows(pilot, "other-made-up-words-7")

    at_finish(made, test)
    assert len(made.called("invite")) == 1


def two_servers(option: int = 4) -> StandInServices:
    made = option_setup(option, name=SETUP_NAME)
    return services(setups={SETUP_NAME: made})


def test_an_account_is_made_on_the_server_of_that_person() -> None:
    made = two_servers()

    async def test(pilot: Any) -> None:
        await pilot.press("2")
        await shows(pilot, "People in China: accounts on inside")
        assert "@admin:im.example.cn" in shown(pilot)
        await pilot.press("i", *"anna")
        await pilot.press("enter")
        await shows(pilot, "https://im.example.cn:20443")
        await pilot.press("enter", "o")
        await shows(pilot, "People outside China: accounts on outside")
        assert "@admin:chat.example.org" in shown(pilot)
        await pilot.press("i", *"otto")
        assert pilot.app.screen.query_one("#localpart", Input).value == "otto", "no key is lost"
        await pilot.press("enter")
        await shows(pilot, "@otto:chat.example.org")
        assert "https://chat.example.org" in shown(pilot)
        await pilot.press("enter", "p")
        await shows(pilot, "@admin:chat.example.org")
        await pilot.press("enter", "f2")
        assert "chat.example.org" in shown(pilot)

    at_finish(made, test)
    assert made.called("invite") == [(SETUP_NAME, "anna"), (SETUP_NAME, "otto", "outside")]
    assert made.called("admin_password") == [(SETUP_NAME, "outside")]


def test_with_one_server_there_is_nothing_to_choose() -> None:
    async def test(pilot: Any) -> None:
        await pilot.press("2", "o")
        await shows(pilot, "Who is going to chat?")
        assert "People in China" not in shown(pilot)
        titles = [str(title) for title, _, _ in pilot.app.screen.commands()]
        assert "Accounts on the other server" not in titles

    at_finish(services(), test)


# -- the summary ---------------------------------------------------------------


def test_files_for_devices_are_saved_beside_the_summary() -> None:
    made = two_servers(3)
    files = (
        DeviceFile(kind="hosts", name="matrix-hosts.txt", title=msg("x"), text="1.2.3.4 a.example"),
        DeviceFile(kind="mobileconfig", name="m.mobileconfig", title=msg("y"), text="<plist/>"),
    )
    made.results["device_files"] = files

    async def test(pilot: Any) -> None:
        await pilot.press("3")
        await shows(pilot, "Save it as")
        await pilot.press("e", "enter")
        await shows(pilot, "Beside it for devices and routers: matrix-hosts.txt, m.mobileconfig.")

    at_finish(made, test)
    assert made.files["/home/anna/matrix-hosts.txt"] == "1.2.3.4 a.example"
    assert made.files["/home/anna/m.mobileconfig"] == "<plist/>"
    assert "/home/anna/matrix-summary.md" in made.files


def test_the_summary_is_read_switched_and_saved() -> None:
    made = services()
    made.results["export"] = lambda name, audience, language: f"# For {audience} {language}\n"

    async def test(pilot: Any) -> None:
        await pilot.press("3")
        await shows(pilot, "For operator en")
        await pilot.press("f2")
        await shows(pilot, "For operator zh")
        await pilot.press("f2", "t")
        await shows(pilot, "For people en")
        path = pilot.app.screen.query_one("#path", Input)
        assert path.value == "~/matrix-for-everyone.md"
        await pilot.press("t")
        await shows(pilot, "For operator en")
        assert path.value == "~/matrix-summary.md"
        await pilot.press("e")
        await shows(pilot, "Save it here ⏎")
        await pilot.press("enter")
        await shows(pilot, "Saved in /home/anna/matrix-summary.md.")
        assert "Done — back to the start" in shown(pilot)

    at_finish(made, test)
    assert made.files == {"/home/anna/matrix-summary.md": "# For operator en\n"}


@pytest.mark.parametrize("why", [error("no-space"), OSError(28, "No space left on device")])
def test_a_place_that_cannot_be_written_is_told_and_kept(why: BaseException) -> None:
    made = services(errors={"write_file": why})

    async def test(pilot: Any) -> None:
        await pilot.press("3")
        await shows(pilot, f"Server: {'203.0.113.9'}")
        path = pilot.app.screen.query_one("#path", Input)
        path.value = "/nowhere/[b]x.md"
        await pilot.press("e", "enter")
        await shows(pilot, "Choose another place and try again.")
        assert path.value == "/nowhere/[b]x.md"
        path.value = " "
        await pilot.press("e", "enter")
        await shows(pilot, "Type where to save it")

    at_finish(made, test)


def test_text_from_hosts_in_the_summary_stays_text() -> None:
    page = Markdown("en")
    host = "[x](http://evil.example) <b>b</b> ![i](u) www.evil.example `c` [@click=app.quit]q[/]"
    page.heading(msg("{host}", host=host))
    page.item(msg("{host}", host=host))
    page.item(msg("{host}", host=host), "host")
    page.table((msg("Head"),), ((host,),))
    page.block(host)
    content = readable(page.text(), 300)
    assert content.plain.count("[x](http://evil.example) <b>b</b> ![i](u) www.evil.example") == 5
    for span in content.spans:
        assert "click" not in str(span.style)
        assert "link" not in str(span.style)


def test_markdown_that_is_not_ours_is_drawn_as_text() -> None:
    content = readable(
        "[x](https://evil.example) <script> ![i](u) <https://evil.example>\x1b[31m\n\n<div>\n", 80
    )
    assert "\x1b" not in content.plain
    assert "x" in content.plain
    assert not [span for span in content.spans if "link" in str(span.style)]


def test_long_items_hang_and_wide_characters_count_double() -> None:
    lines = readable("- " + "中文字" * 20 + "\n", 40).plain.split("\n")
    assert lines[0].startswith("• ")
    assert all(line.startswith("  ") for line in lines[1:])
    assert all(Content_width(line) <= 40 for line in lines)


def Content_width(text: str) -> int:  # noqa: N802 - reads as what it is
    from rich.cells import cell_len

    return cell_len(text)


# -- around --------------------------------------------------------------------


def test_escape_leads_back_part_by_part_and_then_to_apply() -> None:
    made = services()

    async def test(pilot: Any) -> None:
        await shows(pilot, IT_WORKS)
        await pilot.press("3", "escape")
        await shows(pilot, "Who is going to chat?")
        await pilot.press("escape")
        await shows(pilot, IT_WORKS)
        seen: list[Any] = []
        pilot.app.go_to = seen.append
        await pilot.press("escape")
        await until(pilot, lambda: bool(seen))
        assert seen[0].step is Step.APPLY

    at_finish(made, test)


def test_language_and_size_may_change_half_way() -> None:
    made = services()

    async def test(pilot: Any) -> None:
        await pilot.press("2", "i", *"anna")
        box = pilot.app.screen.query_one("#localpart", Input)
        await pilot.resize_terminal(60, 20)
        await pilot.press("f2")
        await pilot.pause()
        assert pilot.app.language == "zh"
        assert box.has_focus
        assert box.value == "anna"
        await pilot.press("f2")
        await pilot.resize_terminal(80, 24)
        await shows(pilot, "Who is going to chat?")
        await pilot.press("enter")
        await shows(pilot, "other-made-up-words-7")
        assert max(map(Content_width, screen_lines(pilot.app))) <= 80

    at_finish(made, test)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
def test_every_line_fits_and_the_primary_button_is_whole(size: tuple[int, int]) -> None:
    async def test(pilot: Any) -> None:
        await shows(pilot, IT_WORKS)
        for key in ("2", "3"):
            await pilot.press(key)
            await pilot.pause()
            button = pilot.app.screen.query_one("#primary", Button)
            assert str(button.label) in screen_text(pilot.app)
        await pilot.press("e")
        await shows(pilot, "Save it here ⏎")

    at_finish(services(), test, size)


def test_text_like_markup_is_shown_as_it_is() -> None:
    said = tuple(
        CanaryEvent(step="message", message=msg("{text}", text=ODD), sender=sender, ms=1.0)
        for sender in ("A", "B")
    )
    made = services(
        events={
            "check": (with_odd_text(FINDINGS[3]).model_copy(update={"status": Status.FAILED}),),
            "canary": (*CANARY_EVENTS[:5], *said),
        },
        results={
            "canary": CanaryResult(cause="x", failure=msg("It said {text}.", text=ODD)),
            "export": ODD,
        },
    )

    async def test(pilot: Any) -> None:
        await shows(pilot, f"It said {ODD_SHOWN}.")
        await pilot.press("end")
        await shows(pilot, f"The certificate of {ODD_SHOWN} is valid.")
        await pilot.press("3")
        await until(pilot, lambda: "red" in shown(pilot))
        assert "\x1b" not in screen_text(pilot.app)

    at_finish(made, test)


def test_every_action_is_in_the_palette() -> None:
    async def test(pilot: Any) -> None:
        await shows(pilot, IT_WORKS)
        page = pilot.app.screen
        commands = {str(title): call for title, _, call in page.commands()}
        commands["Show the administrator's password"]()
        await shows(pilot, "made-up-words-4")
        await pilot.press("enter")
        commands["Save the summary"]()
        await shows(pilot, "Save it here ⏎")
        commands["Prove it again"]()
        await shows(pilot, IT_WORKS)
        commands["Done"]()
        await until(pilot, lambda: on_home(pilot))

    at_finish(services(), test)


# -- the pieces ----------------------------------------------------------------


def test_talk_is_told_by_events_and_settled_by_the_result() -> None:
    assert talked(CANARY_EVENTS[:2]).doing == msg("Making two test users")
    begun = talked(CANARY_EVENTS[:5])
    assert (begun.lines, begun.writing) == ((), "A")
    half = talked((*GOOD_FINDINGS, *CANARY_EVENTS[:6]))
    assert [line.sender for line in half.lines] == ["A"]
    assert (half.writing, half.doing) == ("B", None)
    assert talked(CANARY_EVENTS, CANARY_RESULT).lines == CANARY_RESULT.transcript


def test_a_bubble_never_leaves_its_line() -> None:
    from textual.content import Content

    for sender in "AB":
        for text in ("短" * 60, "x" * 200, "", "[/b]"):
            line = bubble(text, sender, Content("✓ 12 ms"), 56)
            assert line.cell_length <= 56
    assert bubble("hi", "B", Content("✓ 1 ms"), 56).cell_length == 56


def test_an_undelivered_message_says_so() -> None:
    lost = CanaryResult(
        transcript=(Line(sender="A", text="Lost", ms=None),),
        cause="timeout",
        failure=msg("No answer."),
        removed=False,
    )

    async def test(pilot: Any) -> None:
        await shows(pilot, "✗ did not arrive")
        assert pilot.app.screen.query_one(Chat).talked.lines == lost.transcript
        assert "could not be removed" in shown(pilot)

    at_finish(services(results={"canary": lost}), test)


def test_every_status_has_a_glyph_a_word_and_a_class() -> None:
    from rich.cells import cell_len

    for status in Status:
        assert cell_len(GLYPHS[status]) == 1
        assert str(status_words(status))
        assert status_class(status) in ("ok", "warning", "failed", "unknown", "muted")
    assert len({GLYPHS[s] for s in Status}) == len({str(status_words(s)) for s in Status}) == 5


def test_verdicts_beside_one_another_share_a_column() -> None:
    async def test(pilot: Any) -> None:
        await shows(pilot, "1 could not be tried.")
        texts = [
            str(verdict.render()).split("\n")[0]
            for verdict in pilot.app.screen.query("#findings Verdict").results(Verdict)
        ]
        begins = {len(text) - len(text.split("  ", 1)[1].lstrip()) for text in texts}
        assert len(begins) == 1

    at_finish(services(events={"check": FINDINGS}), test, (80, 40))


def test_the_clock_of_history_decides_what_is_proven() -> None:
    from assistant.setup.history import with_history
    from assistant.setup.model import HistoryEntry

    later = HistoryEntry(at=NOW.replace(hour=15), what="applied", host="outside")
    assert proven(with_history(applied_setup(), later)) is None
    assert asyncio.iscoroutinefunction(StandInServices.canary)
