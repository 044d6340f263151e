"""The answers of a person, as values: one field a question, ``None`` while it was not asked."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator

from assistant.common.errors import ProblemError
from assistant.common.frozen import Frozen
from assistant.text import msg


class People(StrEnum):
    """Where the people are who will write to each other."""

    MOSTLY_INSIDE = "mostly_inside"
    BOTH = "both"
    MOSTLY_OUTSIDE = "mostly_outside"
    NONE_INSIDE = "none_inside"


class MainlandServer(StrEnum):
    """Whether there is a server in a mainland cloud. Hong Kong counts as outside."""

    YES = "yes"
    COULD = "could"
    NO = "no"
    UNKNOWN = "unknown"


class Operator(StrEnum):
    """Who in mainland China answers for the service."""

    COMPANY = "company"
    INDIVIDUAL = "individual"
    OTHER_INSIDE = "other_inside"
    NOBODY_INSIDE = "nobody_inside"
    UNKNOWN = "unknown"


class Filing(StrEnum):
    """Whether the domain is on file (ICP 备案)."""

    SAME_CLOUD = "same_cloud"
    OTHER_CLOUD = "other_cloud"
    COULD = "could"
    WILL_NOT = "will_not"
    UNKNOWN = "unknown"


class Consequence(StrEnum):
    """The worst that may happen to the people in China because of the service."""

    NONE = "none"
    SERVICE_LOST = "service_lost"
    QUESTIONED = "questioned"


class YesNoUnknown(StrEnum):
    """A fact that one may honestly not know."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class YesNo(StrEnum):
    """Something everyone can decide for themselves."""

    YES = "yes"
    NO = "no"


class HomeLine(StrEnum):
    """What reaches a home broadband line in mainland China from outside."""

    PUBLIC_IPV4 = "public_ipv4"
    IPV6_ONLY = "ipv6_only"
    CGNAT = "cgnat"
    NONE = "none"
    UNKNOWN = "unknown"


class Traffic(StrEnum):
    """The most demanding thing that must work well."""

    TEXT = "text"
    PHOTOS = "photos"
    CALLS = "calls"


class Skill(StrEnum):
    """How much the person who looks after the servers has done before."""

    BEGINNER = "beginner"
    SOME = "some"
    EXPERT = "expert"


class Outage(StrEnum):
    """How long the messenger may be gone before it hurts."""

    HOURS = "hours"
    DAY = "day"
    WEEK = "week"


class Phone(StrEnum):
    """Kinds of phones in use; several may be given, ``none`` and ``unknown`` stand alone."""

    IOS_MAINLAND = "ios_mainland"
    IOS_FOREIGN = "ios_foreign"
    ANDROID_GOOGLE = "android_google"
    ANDROID_NO_GOOGLE = "android_no_google"
    NONE = "none"
    UNKNOWN = "unknown"


class Federation(StrEnum):
    """Whom the servers talk to: each other only, or every Matrix server in the world."""

    OWN = "own"
    OPEN = "open"


def _phones(value: Any) -> Any:
    """One kind or several, in one order, each once; ``ValueError`` when they cannot all be true."""
    if value is None:
        return None
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, Iterable) or isinstance(value, dict):
        raise ProblemError(msg("Give a list of kinds of phones."))
    given = list(value)
    known = {item.value for item in Phone}
    if any(not isinstance(item, str) or item not in known for item in given):
        return tuple(given)  # the type itself then names the wrong entry
    if not given:
        raise ProblemError(msg("Give at least one kind of phone, or none: the list is empty."))
    kinds = tuple(item for item in Phone if item in given)
    for lonely in (Phone.NONE, Phone.UNKNOWN):
        if lonely in kinds and len(kinds) > 1:
            raise ProblemError(
                msg("{answer} cannot stand beside other kinds of phones.", answer=lonely.value)
            )
    return kinds


Phones = Annotated[tuple[Phone, ...], BeforeValidator(_phones)]
"""Kinds of phones, each once and always in the same order."""

AnswerValue = str | tuple[str, ...] | None
"""What one field holds: an enum member, several of them (phones), or ``None``: not asked yet."""


class Answers(Frozen):
    """Everything the questionnaire asks; see :data:`assistant.answers.QUESTIONS` for the words.

    The order of the fields is the order of the questions.
    """

    people: People | None = None
    mainland_server: MainlandServer | None = None
    operator: Operator | None = None
    filing: Filing | None = None
    consequence: Consequence | None = None
    device_records: YesNoUnknown | None = None
    home_line: HomeLine | None = None
    port_forwarding: YesNoUnknown | None = None
    line_loss: YesNo | None = None
    traffic: Traffic | None = None
    skill: Skill | None = None
    outage: Outage | None = None
    phones: Phones | None = None
    federation: Federation | None = None

    def value(self, question: str) -> AnswerValue:
        """The answer to a question by its id; ``KeyError`` when there is no such question."""
        if question not in type(self).model_fields:
            raise KeyError(question)
        found: AnswerValue = getattr(self, question)
        return found

    def known(self, question: str) -> bool:
        """Whether the question was answered with something else than "I don't know"."""
        value = self.value(question)
        return value is not None and value != "unknown" and value != ("unknown",)


def with_answer(answers: Answers, question: str, value: AnswerValue) -> Answers:
    """The answers with one of them changed.

    Raises ``KeyError`` for an unknown question, pydantic's ``ValidationError`` for a value that
    is none of its choices. Other answers stay, also those that do not apply any more: nobody
    should have to type them again after looking at another path.
    """
    answers.value(question)
    return Answers.model_validate({**answers.model_dump(), question: value})
