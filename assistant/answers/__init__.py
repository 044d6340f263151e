"""The questionnaire: what is asked, why, what may be answered, and what was answered."""

from assistant.answers.contradictions import Contradiction, contradictions
from assistant.answers.model import (
    Answers,
    AnswerValue,
    Consequence,
    Federation,
    Filing,
    HomeLine,
    MainlandServer,
    Operator,
    Outage,
    People,
    Phone,
    Phones,
    Skill,
    Traffic,
    YesNo,
    YesNoUnknown,
    with_answer,
)
from assistant.answers.question_order import applicable, labels, next_question, question, relevant
from assistant.answers.questions import QUESTIONS, Choice, Question

__all__ = [
    "QUESTIONS",
    "AnswerValue",
    "Answers",
    "Choice",
    "Consequence",
    "Contradiction",
    "Federation",
    "Filing",
    "HomeLine",
    "MainlandServer",
    "Operator",
    "Outage",
    "People",
    "Phone",
    "Phones",
    "Question",
    "Skill",
    "Traffic",
    "YesNo",
    "YesNoUnknown",
    "applicable",
    "contradictions",
    "labels",
    "next_question",
    "question",
    "relevant",
    "with_answer",
]
