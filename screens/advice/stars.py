"""Stars and standing of the four options in words: pure, so that every screen says the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from assistant.advice.options import OPTIONS
from assistant.advice.ranking import Verdict, decide, deciding_values
from assistant.advice.rules import DOUBTS, RULES, Doubt, Rule
from assistant.advice.weights import CRITERIA, Criterion
from assistant.answers import Answers, relevant
from assistant.text import Message, msg

MOST = 3
"""Stars at most."""

SHORT_TITLES: Mapping[int, Message] = MappingProxyType(
    {
        1: msg("One server outside"),
        2: msg("Licensed, in China"),
        3: msg("In China, no public DNS"),
        4: msg("Home line in China"),
    }
)
"""The options in a few words, for places where the whole title does not fit."""

CRITERION_SHORT: Mapping[Criterion, Message] = MappingProxyType(
    {"censorship": msg("Lasts"), "speed": msg("Fast"), "ease": msg("Easy")}
)
"""The heads of the columns of stars."""

CRITERION_LONG: Mapping[Criterion, Message] = MappingProxyType(
    {
        "censorship": msg("Lasts: how hard it is to block or to close"),
        "speed": msg("Fast: how quick it is for people in China"),
        "ease": msg("Easy: how little the people must set up"),
    }
)
"""What each column of stars means."""


def stars(count: int) -> str:
    """One to three stars, always three cells wide."""
    return "★" * count + "☆" * (MOST - count)


def option_stars(option: int) -> tuple[str, ...]:
    """The stars of an option, in the order of :data:`assistant.advice.weights.CRITERIA`."""
    return tuple(stars(getattr(OPTIONS[option].stars, name)) for name in CRITERIA)


@dataclass(frozen=True)
class Standing:
    """Where an option stands. ``because`` says why it is ruled out or undecided; else empty."""

    option: int
    verdict: Verdict
    leading: bool
    because: tuple[Message, ...] = ()

    @property
    def word(self) -> Message:
        """The standing in a word."""
        if self.leading:
            return msg("leading")
        if self.verdict is Verdict.RULED_OUT:
            return msg("ruled out")
        if self.verdict is Verdict.UNSURE:
            return msg("undecided")
        return msg("possible")

    @property
    def words(self) -> Message:
        """Sign and word."""
        return msg("{glyph} {standing}", glyph=self.glyph, standing=self.word)

    @property
    def glyph(self) -> str:
        """A sign of one cell that says the same as the word."""
        if self.leading:
            return "▸"
        return {Verdict.RULED_OUT: "✗", Verdict.UNSURE: "?", Verdict.POSSIBLE: "✓"}[self.verdict]

    @property
    def style(self) -> str:
        """The name of its class and theme variable (see ``style.tcss``)."""
        if self.leading:
            return "ok"
        return {
            Verdict.RULED_OUT: "muted",
            Verdict.UNSURE: "unknown",
            Verdict.POSSIBLE: "plain",
        }[self.verdict]


def standings(answers: Answers) -> tuple[Standing, ...]:
    """Where options 1 to 4 stand with these answers; answers that do not apply do not count.

    Quick enough for each move of a cursor: only the tables are looked up, nothing is tried out.
    """
    counted = relevant(answers)
    decision = decide(deciding_values(counted))

    def because(option: int) -> tuple[Message, ...]:
        verdict = decision.verdict(option)
        rows: tuple[Rule | Doubt, ...] = ()
        if verdict is not Verdict.POSSIBLE:
            rows = RULES if verdict is Verdict.RULED_OUT else DOUBTS
        return tuple(
            row.message
            for row in rows
            if row.option == option and counted.value(row.question) in row.values
        )

    return tuple(
        Standing(option, decision.verdict(option), option == decision.first, because(option))
        for option in sorted(OPTIONS)
    )
