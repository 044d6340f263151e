"""Which question comes next, and how an answer reads: small functions over the table."""

from __future__ import annotations

from assistant.answers.model import Answers, AnswerValue
from assistant.answers.questions import QUESTIONS, Question
from assistant.text import Message, msg

_BY_ID = {item.id: item for item in QUESTIONS}


def question(question_id: str) -> Question:
    """The question with an id; ``KeyError`` when there is none."""
    return _BY_ID[question_id]


def applicable(answers: Answers) -> tuple[Question, ...]:
    """The questions that can still change something, in order."""
    return tuple(item for item in QUESTIONS if item.applies(answers))


def next_question(answers: Answers) -> Question | None:
    """The first question that applies and was not asked yet; ``None`` when all are answered."""
    return next((item for item in applicable(answers) if answers.value(item.id) is None), None)


def relevant(answers: Answers) -> Answers:
    """A copy of the answers with ``None`` for every question that does not apply."""
    asked = {item.id for item in applicable(answers)}
    return answers.model_copy(update={item.id: None for item in QUESTIONS if item.id not in asked})


def labels(question_id: str, value: AnswerValue) -> tuple[Message, ...]:
    """How an answer reads to a person, one message for each choice made.

    ``None`` reads "not answered yet". Raises ``KeyError`` for a value that is none of the choices.
    """
    if value is None:
        return (msg("not answered yet"),)
    values = (value,) if isinstance(value, str) else value
    return tuple(question(question_id).choice(item).label for item in values)
