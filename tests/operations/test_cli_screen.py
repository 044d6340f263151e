"""Starting the screen: quitting, practising and coming back, a computer that cannot practise."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from assistant.cli import start_screen
from assistant.rehearsal.errors import RehearsalError
from assistant.text import Message
from screens.app import PRACTISE

Wishes = list[str | None]


class App:
    """Ends at once, with what it was told to; remembers how it was started."""

    wishes: Wishes = []  # noqa: RUF012 - set by the fixture
    started: list[tuple[str, Message | None]] = []  # noqa: RUF012 - set by the fixture

    def __init__(self, services: object, language: str, *, greeting: Message | None = None) -> None:
        self.language = "zh"  # as if it had been switched meanwhile
        self.theme = "textual-light"
        self.return_code: int | None = 0
        App.started.append((language, greeting))

    def run(self) -> str | None:
        return App.wishes.pop(0)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Start with apps that end with these wishes."""
    monkeypatch.setattr("screens.app.AssistantApp", App)
    monkeypatch.setenv("MATRIX_ASSISTANT_LANGUAGE", "en")
    monkeypatch.setenv("MATRIX_ASSISTANT_THEME", "dark")  # starting sets it
    monkeypatch.setattr(App, "started", [])

    def go(*wishes: str | None) -> int:
        monkeypatch.setattr(App, "wishes", list(wishes))
        return start_screen.start()

    return go


def practising(monkeypatch: pytest.MonkeyPatch, inside: Callable[..., int]) -> None:
    monkeypatch.setattr("assistant.rehearsal.make_ready.make_ready", lambda *_: None)
    monkeypatch.setattr("assistant.rehearsal.processes.contain.run_contained", inside)


def noted(waited: list[str], prompt: str) -> str:
    waited.append(prompt)
    return ""


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_quitting_ends_the_program(start: Callable[..., int]) -> None:
    assert start(None) == 0
    assert App.started == [("en", None)]


def test_a_practice_looks_the_same_and_comes_back_with_a_word(
    start: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[Any] = []

    def inside(argv: list[str], env: dict[str, str]) -> int:
        calls.append((argv, env))
        return 0

    practising(monkeypatch, inside)
    assert start(PRACTISE, None) == 0
    ((argv, env),) = calls
    assert argv == [sys.executable, "-m", "assistant", "--practice-inside"]
    assert env == {
        "MATRIX_ASSISTANT_LANGUAGE": "zh",
        "MATRIX_ASSISTANT_THEME": "textual-light",
    }
    (first, none), (language, greeting) = App.started
    assert (first, none, language) == ("en", None, "zh")
    assert greeting is not None
    assert "practice is over" in str(greeting)
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RehearsalError("The disk is full."), "The disk is full."),
        (KeyboardInterrupt(), ""),
    ],
)
def test_a_practice_that_cannot_begin_goes_back_to_the_start_page(
    start: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    told: str,
) -> None:
    waited: list[str] = []
    monkeypatch.setattr("builtins.input", partial(noted, waited))
    practising(monkeypatch, lambda *_: pytest.fail("it must not begin"))
    monkeypatch.setattr("assistant.rehearsal.make_ready.make_ready", raising(error))
    assert start(PRACTISE, None) == 0
    assert told in capsys.readouterr().out
    assert bool(waited) is bool(told)  # words stay until they were read
    assert len(App.started) == 2


def test_a_practice_that_breaks_says_so_and_waits(
    start: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[str] = []
    monkeypatch.setattr("builtins.input", partial(noted, waited))
    practising(monkeypatch, lambda *_: 70)
    assert start(PRACTISE, None) == 0
    assert len(waited) == 1
    assert App.started[1][1] is None
