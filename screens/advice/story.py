"""What is to be said about an option, line by line: pure, and tested without a screen.

Each line that rests on an answer names it, and carries the question to go to for changing it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from assistant.advice.options import NOT_LEGAL_ADVICE, OPTIONS
from assistant.advice.ranking import Verdict
from assistant.advice.recommendation import Ranked, Recommendation, RuledOut
from assistant.advice.sensitivity import Ground
from assistant.advice.weights import CRITERIA
from assistant.answers import AnswerValue, labels, question
from assistant.text import Message, listed, msg
from screens.advice.stars import CRITERION_LONG, MOST, SHORT_TITLES, stars

Kind = Literal[
    "heading", "text", "for", "against", "check", "out", "notice", "done", "muted", "answer"
]

SIGNS: dict[Kind, str] = {
    "heading": "",
    "text": "",
    "for": "+ ",
    "against": "– ",
    "check": "· ",
    "out": "✗ ",
    "notice": "! ",
    "done": "✓ ",
    "muted": "  ",
    "answer": "  ↳ ",
}
"""What stands before a line of each kind."""


@dataclass(frozen=True)
class Line:
    """One paragraph; ``question`` is set where an answer can be changed."""

    kind: Kind
    message: Message
    question: str = ""


def answer_line(question_id: str, value: AnswerValue) -> Line:
    """A question with its answer, to be changed there."""
    return Line(
        "answer",
        msg(
            "{question} — {answer}",
            question=question(question_id).text,
            answer=listed(labels(question_id, value)),
        ),
        question_id,
    )


def _answer(ground: Ground) -> Line:
    """The answer that something rests on."""
    return answer_line(ground.question, ground.value)


def _way_back(item: RuledOut) -> Line:
    """Which other answers would leave the option possible."""
    asked = question(item.ground.question)
    quoted = (msg("“{answer}”", answer=asked.choice(value).label) for value in item.back)
    return Line("muted", msg("It would be possible again with: {answers}", answers=listed(quoted)))


def why_out(ranked: Ranked) -> Iterator[Line]:
    """What rules an option out, and the way back."""
    for item in ranked.ruled_out_by:
        yield Line("out", item.message)
        yield _answer(item.ground)
        if item.back:
            yield _way_back(item)


def told(advice: Recommendation, option: int) -> tuple[Line, ...]:
    """Everything to say about an option; with the first choice also what concerns all of them."""
    ranked = advice.ranked(option)
    if option != advice.first:
        return (*reasons(ranked), *facts(ranked.option))
    return (
        *reasons(ranked),
        *others(advice, option),
        *whatever(advice),
        *facts(ranked.option),
    )


def reasons(ranked: Ranked) -> Iterator[Line]:
    """What about one option rests on the answers."""
    if ranked.verdict is Verdict.RULED_OUT:
        yield Line("heading", msg("Why it is ruled out"))
        yield from why_out(ranked)
    if ranked.open_points:
        yield Line("heading", msg("What is not decided yet"))
        for point in ranked.open_points:
            yield Line("check", point.message)
            yield _answer(point.ground)
            yield Line("muted", point.find_out)
    strong = [part.criterion for part in ranked.parts if part.stars == MOST]
    if ranked.reasons_for or strong:
        yield Line("heading", msg("What speaks for it"))
        for criterion in strong:
            yield Line(
                "for",
                msg("{stars} {criterion}", stars=stars(MOST), criterion=CRITERION_LONG[criterion]),
            )
        for reason in ranked.reasons_for:
            yield Line("for", reason.message)
            yield _answer(reason.ground)
    if ranked.reasons_against:
        yield Line("heading", msg("What speaks against it"))
        for reason in ranked.reasons_against:
            yield Line("against", reason.message)
            yield _answer(reason.ground)
    if ranked.conditions:
        yield Line("heading", msg("What you have to do for it"))
        for condition in ranked.conditions:
            yield Line("check", condition.message)
            if condition.ground is not None:
                yield _answer(condition.ground)


def facts(number: int) -> Iterator[Line]:
    """What an option needs, and its honest notes, whatever the answers."""
    option = OPTIONS[number]
    yield Line("heading", msg("What you need"))
    for need in option.needs:
        yield Line("check", need)
    yield Line("heading", msg("What you should know"))
    for note in option.notes:
        yield Line("check", note)
    yield Line("muted", NOT_LEGAL_ADVICE)


def others(advice: Recommendation, option: int) -> Iterator[Line]:
    """What rules the other options out."""
    gone = [
        item
        for item in sorted(advice.ranking, key=lambda item: item.option)
        if item.option != option and item.verdict is Verdict.RULED_OUT
    ]
    if gone:
        yield Line("heading", msg("Why not the others"))
    for item in gone:
        number, title = item.option, SHORT_TITLES[item.option]
        yield Line("text", msg("Option {number}: {title}", number=number, title=title))
        yield from why_out(item)


def whatever(advice: Recommendation) -> Iterator[Line]:
    """What is still unknown, what would change the advice, and what holds for every option."""
    unknown = [item for item in advice.unknowns if item.could_change]
    if unknown:
        yield Line("heading", msg("What is still unknown and may change this advice"))
        for item in unknown:
            yield _answer(item.ground)
            yield Line("muted", item.find_out)
    if advice.would_change:
        yield Line("heading", msg("What would change this advice"))
        for question_id, changes in groupby(advice.would_change, key=lambda item: item.question):
            yield Line("answer", question(question_id).text, question_id)
            for change in changes:
                answer = question(question_id).choice(change.value).label
                yield Line(
                    "muted",
                    msg(
                        "If the answer were “{answer}”: option {number}",
                        answer=answer,
                        number=change.first,
                    ),
                )
    if advice.remarks:
        yield Line("heading", msg("Good to know whatever you choose"))
        for remark in advice.remarks:
            yield Line("check", remark.message)
            yield _answer(remark.ground)
    yield Line("heading", msg("What the stars mean"))
    for name in CRITERIA:
        yield Line("muted", CRITERION_LONG[name])
