"""The recommendation: the options ranked, with reasons, conditions, and what would change it."""

from __future__ import annotations

from assistant.advice.options import OPTIONS
from assistant.advice.ranking import EFFECTS, Decision, Verdict, decide, deciding_values
from assistant.advice.rules import DOUBTS, FIRST_RULES, RULES
from assistant.advice.sensitivity import Change, Ground, Unknown, unknowns, would_change
from assistant.advice.weights import (
    ADJUSTMENTS,
    BASE_WEIGHTS,
    CONDITIONS,
    CRITERIA,
    REMARKS,
    WEIGHTS,
    Criterion,
)
from assistant.answers import QUESTIONS, Answers, Contradiction, contradictions, question
from assistant.common.frozen import Frozen
from assistant.text import Message, msg


class Reason(Frozen):
    """Why an option stands where it stands. ``points`` is its share of the score (may be 0)."""

    message: Message
    ground: Ground
    points: int = 0


class RuledOut(Frozen):
    """A hard rule that hit.

    ``back`` are the other answers with which this question would leave the option possible, without
    a doubt; rules about other questions may still hit.
    """

    rule: str
    message: Message
    ground: Ground
    back: tuple[str, ...]


class OpenPoint(Frozen):
    """What leaves an option undecided, and how to find out."""

    message: Message
    ground: Ground
    find_out: Message


class Condition(Frozen):
    """What has to be done for the option to work; ``ground`` is ``None`` when it always holds."""

    message: Message
    ground: Ground | None = None


class ScorePart(Frozen):
    """One criterion: ``points = stars * weight``; ``grounds`` are the answers behind the weight."""

    criterion: Criterion
    stars: int
    weight: int
    points: int
    grounds: tuple[Ground, ...] = ()


class Ranked(Frozen):
    """One option in its place.

    ``score`` is the sum of the parts' points and of the points of ``adjustments`` (those reasons
    that add or take points directly).
    """

    option: int
    verdict: Verdict
    score: int
    parts: tuple[ScorePart, ...]
    adjustments: tuple[Reason, ...]
    reasons_for: tuple[Reason, ...]
    reasons_against: tuple[Reason, ...]
    ruled_out_by: tuple[RuledOut, ...]
    open_points: tuple[OpenPoint, ...]
    conditions: tuple[Condition, ...]
    test_first: bool


class Recommendation(Frozen):
    """All four options, best first. ``first`` is always a possible option (1 is never ruled out).

    ``test_first``: the first place goes to an option that needs a live test before anything is
    set up, with option 1 to fall back on. ``only_one``: everything but one option is ruled out.
    ``would_change`` has every single answer that would change the first place; an answer "I don't
    know" is none. ``remarks`` hold for every option.
    """

    ranking: tuple[Ranked, ...]
    first: int
    advice: Message
    test_first: bool
    only_one: bool
    would_change: tuple[Change, ...]
    unknowns: tuple[Unknown, ...]
    contradictions: tuple[Contradiction, ...]
    remarks: tuple[Reason, ...]

    def ranked(self, option: int) -> Ranked:
        """What is said about one option; ``KeyError`` when there is no such option."""
        for item in self.ranking:
            if item.option == option:
                return item
        raise KeyError(option)


def recommend(answers: Answers) -> Recommendation:
    """Rank the four options for these answers; the same answers always give the same result."""
    values = deciding_values(answers)
    decision = decide(values)
    ranking = tuple(_ranked(option, answers, decision) for option in decision.order)
    return Recommendation(
        ranking=ranking,
        first=decision.first,
        advice=_advice(decision),
        test_first=OPTIONS[decision.first].test_first,
        only_one=_left(decision) == 1,
        would_change=would_change(values, decision.first),
        unknowns=unknowns(answers, values, decision),
        contradictions=contradictions(answers),
        remarks=_remarks(answers),
    )


def _left(decision: Decision) -> int:
    return sum(verdict is not Verdict.RULED_OUT for verdict in decision.verdicts)


def _advice(decision: Decision) -> Message:
    """One sentence or two for the top of the advice screen."""
    if _left(decision) == 1:
        return msg(
            "Only option {number} is left. Nothing you said rules it out, and each of the others "
            "fails at one of your answers; see which.",
            number=decision.first,
        )
    if OPTIONS[decision.first].test_first:
        return msg(
            "Option {number} suits your answers best, but only a live test shows whether it works "
            "at all. Test it first, and keep option 1 to fall back on.",
            number=decision.first,
        )
    if Verdict.UNSURE in decision.verdicts:
        if decision.first != 1:
            return msg(
                "Option {number} suits your answers best so far. Some options are still "
                "undecided; see what would settle them.",
                number=decision.first,
            )
        return msg(
            "Option {number} is the safe choice with what is known so far. Some options are still "
            "undecided; see what would settle them.",
            number=decision.first,
        )
    return msg("Option {number} suits your answers best.", number=decision.first)


def _ground(answers: Answers, question_id: str) -> Ground:
    return Ground(question=question_id, value=answers.value(question_id))


def _ranked(option: int, answers: Answers, decision: Decision) -> Ranked:
    stars = OPTIONS[option].stars
    reasons: list[Reason] = [
        Reason(message=rule.message, ground=_ground(answers, rule.question))
        for rule in FIRST_RULES
        if option == 1 and answers.value(rule.question) in rule.values
    ]
    against: list[Reason] = []
    weights = dict(BASE_WEIGHTS)
    grounds: dict[Criterion, list[Ground]] = {name: [] for name in CRITERIA}
    for row in WEIGHTS:
        if answers.value(row.question) not in row.values:
            continue
        ground = _ground(answers, row.question)
        weights[row.criterion] += row.weight
        grounds[row.criterion].append(ground)
        count = getattr(stars, row.criterion)
        if count == 3:
            reasons.append(Reason(message=row.strong, ground=ground, points=count * row.weight))
        elif count == 2 and row.middle is not None:
            reasons.append(Reason(message=row.middle, ground=ground, points=count * row.weight))
        elif count == 1:
            against.append(Reason(message=row.weak, ground=ground, points=count * row.weight))
    adjustments = tuple(
        Reason(message=row.message, ground=_ground(answers, row.question), points=row.points)
        for row in ADJUSTMENTS
        if row.option == option and answers.value(row.question) in row.values
    )
    reasons.extend(item for item in adjustments if item.points >= 0)
    against.extend(item for item in adjustments if item.points < 0)
    return Ranked(
        option=option,
        verdict=decision.verdict(option),
        score=decision.scores[option - 1],
        parts=tuple(
            ScorePart(
                criterion=name,
                stars=getattr(stars, name),
                weight=weights[name],
                points=getattr(stars, name) * weights[name],
                grounds=tuple(grounds[name]),
            )
            for name in CRITERIA
        ),
        adjustments=adjustments,
        reasons_for=tuple(reasons),
        reasons_against=tuple(against),
        ruled_out_by=_ruled_out_by(option, answers),
        open_points=tuple(
            OpenPoint(
                message=doubt.message,
                ground=_ground(answers, doubt.question),
                find_out=question(doubt.question).find_out,
            )
            for doubt in DOUBTS
            if doubt.option == option and answers.value(doubt.question) in doubt.values
        ),
        conditions=tuple(
            Condition(
                message=row.message,
                ground=_ground(answers, row.question) if row.question else None,
            )
            for row in CONDITIONS
            if row.option == option
            and (not row.question or answers.value(row.question) in row.values)
        ),
        test_first=OPTIONS[option].test_first,
    )


def _ruled_out_by(option: int, answers: Answers) -> tuple[RuledOut, ...]:
    bit = 1 << option
    return tuple(
        RuledOut(
            rule=rule.id,
            message=rule.message,
            ground=_ground(answers, rule.question),
            back=tuple(
                value
                for value in question(rule.question).values
                if not (EFFECTS[rule.question][value].ruled_out & bit)
                and not (EFFECTS[rule.question][value].doubtful & bit)
            ),
        )
        for rule in RULES
        if rule.option == option and answers.value(rule.question) in rule.values
    )


def _remarks(answers: Answers) -> tuple[Reason, ...]:
    """What the answers mean whatever the option."""
    remarks: list[Reason] = []
    for item in QUESTIONS:
        given = answers.value(item.id)
        chosen = (given,) if isinstance(given, str) else given or ()
        remarks.extend(
            Reason(message=row.message, ground=Ground(question=item.id, value=given))
            for row in REMARKS
            if row.question == item.id and row.value in chosen
        )
    return tuple(remarks)
