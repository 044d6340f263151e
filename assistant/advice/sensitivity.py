"""What would change the first place: another answer, or an answer that is still missing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from assistant.advice.ranking import DECIDING, EFFECTS, NUMBERS, Decision, Effect, Verdict, decide
from assistant.answers import Answers, AnswerValue, applicable, question
from assistant.common.frozen import Frozen
from assistant.text import Message

MOST_TRIED = 2000
"""How many combinations of missing answers are tried at most (some 10 microseconds each)."""


class Ground(Frozen):
    """The answer something rests on; ``value`` is ``None`` when it was not answered."""

    question: str
    value: str | tuple[str, ...] | None


class Change(Frozen):
    """One other answer that would give another option the first place."""

    question: str
    value: str
    first: int


class Unknown(Frozen):
    """An answer that is missing and matters.

    ``alone``: knowing it may change the first place by itself. ``could_change``: it may, by itself
    or together with other missing answers; exact unless so many are missing that not all their
    combinations are tried (:data:`MOST_TRIED`), then always true.
    """

    ground: Ground
    find_out: Message
    alone: bool
    could_change: bool


def _definite(question_id: str) -> tuple[str, ...]:
    return tuple(value for value in question(question_id).values if value != "unknown")


def would_change(values: Mapping[str, AnswerValue], first: int) -> tuple[Change, ...]:
    """Every single other answer that changes the first place, by trying all of them."""
    changes = []
    for question_id in DECIDING:
        for value in _definite(question_id):
            if value == values[question_id]:
                continue
            other = decide({**values, question_id: value}).first
            if other != first:
                changes.append(Change(question=question_id, value=value, first=other))
    return tuple(changes)


def _touches(question_id: str, option: int) -> bool:
    """Whether answers to a question can differ in what they mean for an option."""

    def view(effect: Effect) -> tuple[bool, bool, int, bool]:
        bit = 1 << option
        return (
            bool(effect.ruled_out & bit),
            bool(effect.doubtful & bit),
            effect.points[option - 1],
            effect.outside_first,
        )

    return len({view(effect) for effect in EFFECTS[question_id].values()}) > 1


def unknowns(
    answers: Answers, values: Mapping[str, AnswerValue], decision: Decision
) -> tuple[Unknown, ...]:
    """The missing answers that concern an option which is not ruled out, in the order asked."""
    rivals = [n for n in NUMBERS if n != 1 and decision.verdict(n) is not Verdict.RULED_OUT]
    missing = [
        item.id
        for item in applicable(answers)
        if item.id in EFFECTS
        and not answers.known(item.id)
        and any(_touches(item.id, option) for option in rivals)
    ]
    together = _matter_together(missing, values)
    return tuple(
        Unknown(
            ground=Ground(question=question_id, value=answers.value(question_id)),
            find_out=question(question_id).find_out,
            alone=_can_change(question_id, values),
            could_change=question_id in together,
        )
        for question_id in missing
    )


def _matter_together(missing: Sequence[str], values: Mapping[str, AnswerValue]) -> set[str]:
    """Those of the missing answers that decide the first place for some filling-in of the others.

    All fillings-in are tried, "stays missing" among them. With very many missing nothing is tried
    and none is excluded: that early, any of them may matter.
    """
    axes = [_different(question_id, values[question_id]) for question_id in missing]
    if math.prod(len(axis) for axis in axes) > MOST_TRIED:
        return set(missing)
    firsts = {
        case: decide({**values, **dict(zip(missing, case, strict=True))}).first
        for case in itertools.product(*axes)
    }
    found = set()
    for place, question_id in enumerate(missing):
        beside: dict[tuple[AnswerValue, ...], int] = {}
        for case, first in firsts.items():
            if beside.setdefault(case[:place] + case[place + 1 :], first) != first:
                found.add(question_id)
                break
    return found


def _different(question_id: str, given: AnswerValue) -> tuple[AnswerValue, ...]:
    """What is given and the definite answers, one for each different effect."""
    effects = EFFECTS[question_id]
    one_each = {effects[value]: value for value in _definite(question_id)}
    return (given, *one_each.values())


def _can_change(question_id: str, values: Mapping[str, AnswerValue]) -> bool:
    """Whether two answers to a question lead to different first places, the others being fixed.

    What is there counts as one of the answers, so that "not answered" is compared as well.
    """
    firsts = {decide({**values, question_id: value}).first for value in _definite(question_id)}
    return len(firsts | {decide(values).first}) > 1
