"""The key hints: what fits, what goes first, what a click does, no markup."""

from __future__ import annotations

from typing import Any

from assistant.wizard.draft import Draft
from screens.base.page import PlainPage
from screens.widgets.key_hints import Hint, KeyHints, fitting
from tests.support.screens_stand_in import StandInServices, run_app, screen_lines, until


def hint(action: str, words: str = "word") -> Hint:
    return Hint(action, "x", "x", words)


HINTS = (hint("one"), hint("two"), hint("back"), hint("app.language"), hint("app.help_page"),
         hint("app.leave"))  # fmt: skip


def shown(width: int) -> list[str]:
    return [one.action for one in fitting(HINTS, width)]


def test_everything_is_shown_where_there_is_room() -> None:
    assert shown(8 * len(HINTS)) == [one.action for one in HINTS]


def test_what_the_palette_has_goes_first_and_help_stays() -> None:
    assert shown(40) == ["one", "two", "back", "app.language", "app.help_page"]
    assert shown(39) == ["one", "two", "back", "app.help_page"]
    assert shown(31) == ["one", "back", "app.help_page"]
    assert shown(16) == ["back", "app.help_page"]


def test_wide_characters_count_twice() -> None:
    assert hint("one", "帮助").content.cell_length == hint("one", "help").content.cell_length


def test_text_is_never_markup() -> None:
    assert hint("one", "[b]no[/]").content.plain == " x [b]no[/] "


def test_a_click_presses_the_key() -> None:
    async def click(pilot: Any) -> None:
        line = screen_lines(pilot.app)[-1]
        at = line.index("中文")
        await pilot.click(KeyHints, offset=(at, 0))
        await until(pilot, lambda: pilot.app.language == "zh")
        assert isinstance(pilot.app.screen, PlainPage)
        await until(pilot, lambda: "退出" in screen_lines(pilot.app)[-1])

    run_app(StandInServices(), click, start=Draft(), size=(120, 40))
