"""The end of a log: it goes along, stays where somebody looks back, and shows text as text."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.app import App, ComposeResult

from screens.widgets.log_tail import KEPT, LogTail

HEIGHT = 6


class Bare(App[None]):
    """Nothing but a log."""

    language = "en"
    CSS = f"LogTail {{ height: {HEIGHT + 1}; }}"

    def compose(self) -> ComposeResult:
        """The log."""
        yield LogTail()


def seen(log: LogTail) -> list[str]:
    """What stands on the screen."""
    strips = log.render_lines(log.outer_size.region)
    return [strip.text.rstrip() for strip in strips[1:]]


def run(test: Callable[[Any, LogTail], Awaitable[None]]) -> None:
    async def go() -> None:
        app = Bare()
        async with app.run_test(size=(20, 12)) as pilot:
            log = app.query_one(LogTail)
            log.focus()
            await pilot.pause()
            await test(pilot, log)

    asyncio.run(go())


def numbered(start: int, count: int) -> list[str]:
    return [f"line {number}" for number in range(start, start + count)]


def test_it_goes_along_with_what_comes() -> None:
    async def test(pilot: Any, log: LogTail) -> None:
        log.write_lines(numbered(0, 3))
        assert seen(log)[:4] == [*numbered(0, 3), ""]
        log.write_lines(numbered(3, 40))
        assert seen(log) == numbered(43 - HEIGHT, HEIGHT)
        log.write_lines(numbered(43, 3 * KEPT))
        assert log.line_count == KEPT
        assert seen(log)[-1] == f"line {43 + 3 * KEPT - 1}"
        log.clear()
        assert seen(log) == [""] * HEIGHT

    run(test)


def test_who_looks_back_stays_there_until_end() -> None:
    async def test(pilot: Any, log: LogTail) -> None:
        log.write_lines(numbered(0, 100))
        await pilot.press("up", "up")
        place = seen(log)
        assert place == numbered(100 - HEIGHT - 2, HEIGHT)
        assert "End" in str(log.border_title)
        log.write_lines(numbered(100, 50))
        assert seen(log) == place
        await pilot.press("pagedown")
        assert seen(log) == numbered(100 - HEIGHT - 2 + HEIGHT - 1, HEIGHT)
        await pilot.press("home")
        assert seen(log) == numbered(0, HEIGHT)
        # What is looked at is forgotten at last: then the oldest that is kept.
        log.write_lines(numbered(150, KEPT))
        assert seen(log)[0] == "line 150"
        await pilot.press("end")
        assert log.follows
        assert seen(log)[-1] == f"line {150 + KEPT - 1}"
        assert not log.border_title

    run(test)


def test_down_to_the_newest_goes_along_again() -> None:
    async def test(pilot: Any, log: LogTail) -> None:
        log.write_lines(numbered(0, 20))
        await pilot.press("up", "down")
        assert log.follows
        log.write_lines(numbered(20, 1))
        assert seen(log)[-1] == "line 20"

    run(test)


@pytest.mark.parametrize(
    "text",
    ["[red]no[/red] [/]", "\x1b[31mred\x1b[0m", "a\tb", "\u202ereversed", "\x9b2J", "\udc80"],
)
def test_text_is_text(text: str) -> None:
    async def test(pilot: Any, log: LogTail) -> None:
        log.write_lines([text])
        await pilot.pause()
        (line, *_) = seen(log)
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in line)
        assert "\u202e" not in line
        if text.startswith("["):
            assert line == text

    run(test)


def test_long_and_wide_lines_are_cut_and_can_be_read_to_their_end() -> None:
    async def test(pilot: Any, log: LogTail) -> None:
        log.write_lines(["0123456789" * 4, "一二三四五六七八九十" * 3])
        for strip in log.render_lines(log.outer_size.region):
            assert strip.cell_length == 20
        await pilot.press("right")
        assert seen(log)[0] == ("0123456789" * 4)[16:36]
        await pilot.press("left", "left")
        assert seen(log)[0] == ("0123456789" * 2)

    run(test)
