"""The core of the recommendation: from answers to an order of the four options, and nothing else.

It is a sum of small table look-ups, so that every combination of answers can be tried: for tests,
and for telling which single answer would change the first place.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from assistant.advice.options import OPTIONS
from assistant.advice.rules import DOUBTS, FIRST_RULES, RULES
from assistant.advice.weights import ADJUSTMENTS, BASE_WEIGHTS, CRITERIA, WEIGHTS
from assistant.answers import QUESTIONS, Answers, AnswerValue

NUMBERS = (1, 2, 3, 4)


class Verdict(StrEnum):
    """Whether an option can be used, as far as the answers tell."""

    POSSIBLE = "possible"
    UNSURE = "unsure"
    RULED_OUT = "ruled_out"


_VERDICTS = (Verdict.POSSIBLE, Verdict.UNSURE, Verdict.RULED_OUT)


class Effect(NamedTuple):
    """What one answer does: bit masks of options (bit n: option n), and points for options 1-4."""

    ruled_out: int = 0
    doubtful: int = 0
    outside_first: bool = False
    points: tuple[int, int, int, int] = (0, 0, 0, 0)


class Decision(NamedTuple):
    """The order of the options, best first; verdicts and scores stand in the order 1, 2, 3, 4."""

    order: tuple[int, int, int, int]
    verdicts: tuple[Verdict, Verdict, Verdict, Verdict]
    scores: tuple[int, int, int, int]

    @property
    def first(self) -> int:
        """The option in the first place."""
        return self.order[0]

    def verdict(self, option: int) -> Verdict:
        """The verdict on one option."""
        return self.verdicts[option - 1]


def _effect(question: str, value: str | None) -> Effect:
    """Everything the tables say about one answer."""
    ruled_out = doubtful = 0
    for rule in RULES:
        if rule.question == question and value in rule.values:
            ruled_out |= 1 << rule.option
    for doubt in DOUBTS:
        if doubt.question == question and value in doubt.values:
            doubtful |= 1 << doubt.option
    points = [0, 0, 0, 0]
    for weight in WEIGHTS:
        if weight.question == question and value in weight.values:
            for option in NUMBERS:
                stars = getattr(OPTIONS[option].stars, weight.criterion)
                points[option - 1] += weight.weight * stars
    for adjustment in ADJUSTMENTS:
        if adjustment.question == question and value in adjustment.values:
            points[adjustment.option - 1] += adjustment.points
    outside_first = any(rule.question == question and value in rule.values for rule in FIRST_RULES)
    one, two, three, four = points
    return Effect(ruled_out, doubtful, outside_first, (one, two, three, four))


def _effects() -> dict[str, dict[str | None, Effect]]:
    """The effect of every answer to every question that has one."""
    found = {
        item.id: {value: _effect(item.id, value) for value in (None, *item.values)}
        for item in QUESTIONS
    }
    return {
        name: effects
        for name, effects in found.items()
        if any(effect != Effect() for effect in effects.values())
    }


EFFECTS = _effects()
"""What each answer does, by question and answer; questions without any effect are left out."""

DECIDING = tuple(EFFECTS)
"""The ids of the questions whose answers can change the order."""

_BASE = tuple(
    sum(BASE_WEIGHTS[name] * getattr(OPTIONS[option].stars, name) for name in CRITERIA)
    for option in NUMBERS
)


def decide(values: Mapping[str, AnswerValue]) -> Decision:
    """Order the options for answers by question id; a missing answer is "not answered".

    Possible options come before unsure ones, those before the ruled-out; then the score decides,
    then the lower number. Option 1 is never ruled out and never unsure, so the first place always
    goes to a possible option.
    """
    ruled_out = doubtful = 0
    outside_first = False
    one, two, three, four = _BASE
    for question, effects in EFFECTS.items():
        effect = effects[values.get(question)]  # type: ignore[index]
        ruled_out |= effect[0]
        doubtful |= effect[1]
        outside_first |= effect[2]
        points = effect[3]
        one += points[0]
        two += points[1]
        three += points[2]
        four += points[3]
    scores = (one, two, three, four)
    ranks = [2 if ruled_out >> n & 1 else doubtful >> n & 1 for n in NUMBERS]
    keys = [(ranks[n - 1], -scores[n - 1], n) for n in NUMBERS]
    if outside_first:
        keys[0] = (-1, 0, 1)
    keys.sort()
    return Decision(
        (keys[0][2], keys[1][2], keys[2][2], keys[3][2]),
        (
            _VERDICTS[ranks[0]],
            _VERDICTS[ranks[1]],
            _VERDICTS[ranks[2]],
            _VERDICTS[ranks[3]],
        ),
        scores,
    )


def deciding_values(answers: Answers) -> dict[str, AnswerValue]:
    """The answers that :func:`decide` reads, by question id."""
    return {question: answers.value(question) for question in DECIDING}
