"""The form that leads to another option: which one, what it brings, and why not yet."""

from __future__ import annotations

from collections.abc import Iterable

from assistant.change.limits import POSSIBLE, may_become
from assistant.change.possible import PossibleChange
from assistant.setup.model import Setup
from assistant.text import Message, msg
from screens.advice.stars import SHORT_TITLES
from screens.base.form import Form
from screens.widgets.stepper import Choice, Row, Stepper

_NEEDS: dict[tuple[int, int], Message] = {
    (1, 2): msg("It needs a server in China and a domain with a filing (ICP 备案)."),
    (1, 3): msg("It needs a server in China. Its name is put on your devices, in no public DNS."),
    (1, 4): msg("It needs a server in China and a machine on a home line there."),
    (3, 4): msg("Option 4 needs a machine on a home line in China."),
    (4, 3): msg("Option 3 has no machine at home: the server's name is put on your devices."),
}
"""What comes or goes, from option to option."""


class OptionForm(Form[int]):
    """Ends with the option to go to. What it needs is asked for on the pages of the wizard."""

    yes = msg("Read about it")

    def __init__(self, setup: Setup, kind: PossibleChange) -> None:
        super().__init__()
        self._setup = setup
        self._options = POSSIBLE[setup.option]
        self.title_text = kind.title
        self.intro = _from_one(setup) if setup.option == 1 else _from_two()
        if len(self._options) == 1:
            needs = _NEEDS[setup.option, self._options[0]]
            self.intro = msg("{first} {then}", first=needs, then=self.intro)

    def lines(self) -> Iterable[Row]:
        """Which of the options that can follow, where there are several."""
        if len(self._options) == 1:
            return
        choices = [
            Choice(
                str(option),
                msg("{number}  {title}", number=option, title=SHORT_TITLES[option]),
                _NEEDS[self._setup.option, option],
            )
            for option in self._options
        ]
        yield Stepper(msg("Option"), choices, "", where=self.intro, id="option")

    def on_mount(self) -> None:
        """What stands in the way is said at once."""
        super().on_mount()
        self.judge()

    def result(self) -> int:
        """The option; raises when it cannot follow, or not yet."""
        option = self._options[0]
        for stepper in self.query(Stepper):
            option = int(stepper.value)
        may_become(self._setup, option)
        return option


def _from_one(setup: Setup) -> Message:
    return msg(
        "Your present server stays as the one outside China: its name {name}, its people and"
        " their messages stay. The next pages explain the option, then ask for what it needs."
        " Nothing is changed meanwhile.",
        name=setup.server_name,
    )


def _from_two() -> Message:
    return msg(
        "Both servers keep their names, their people and their messages. The next pages explain"
        " the option, then ask for what it needs. Nothing is changed meanwhile."
    )
