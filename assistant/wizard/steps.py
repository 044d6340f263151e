"""The stations of the wizard. Apart from the draft, so that the first screen loads quickly."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """The stations of the wizard, in order."""

    QUESTIONS = "questions"
    ADVICE = "advice"
    SERVERS = "servers"
    CHECKS = "checks"
    REVIEW = "review"
    APPLY = "apply"
    FINISH = "finish"


STEPS = tuple(Step)
