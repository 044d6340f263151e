"""What the order of the possible options rests on, as tables: weights, adjustments, conditions.

As in :mod:`assistant.advice.rules` each row names one question and the answers it is about. What is
not answered counts as the careful case: never in favour of options 2, 3 or 4 against option 1. The
one exception is federation, where the program's own default (own servers only) holds until changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assistant.advice.rules import Values, these
from assistant.text import Message, msg

Criterion = Literal["censorship", "speed", "ease"]
CRITERIA: tuple[Criterion, ...] = ("censorship", "speed", "ease")


@dataclass(frozen=True, kw_only=True)
class Weight:
    """An answer that makes a criterion count more.

    ``strong``, ``middle`` and ``weak`` say what that means for an option with three, two and one
    star; ``middle`` is ``None`` where two stars speak neither for nor against.
    """

    question: str
    values: Values
    criterion: Criterion
    weight: int
    strong: Message
    weak: Message
    middle: Message | None = None


@dataclass(frozen=True, kw_only=True)
class Adjustment:
    """An answer that adds or takes points from one option."""

    option: int
    question: str
    values: Values
    points: int
    message: Message


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What must be done for an option to work; ``question`` empty: always."""

    option: int
    question: str
    values: Values
    message: Message


@dataclass(frozen=True, kw_only=True)
class Remark:
    """What an answer means whatever the option. ``value``: one choice, also of a multiple one."""

    question: str
    value: str
    message: Message


BASE_WEIGHTS: dict[Criterion, int] = {"censorship": 2, "speed": 1, "ease": 1}
"""What each star counts before any answer; not being cut off comes first for a messenger."""


WEIGHTS: tuple[Weight, ...] = (
    Weight(
        question="people",
        values=these("mostly_inside"),
        criterion="speed",
        weight=2,
        strong=msg("It is fast for people in China, where most of you are."),
        weak=msg("It is slow for people in China, where most of you are."),
        middle=msg(
            "For people in China, where most of you are, it is faster than a server outside."
        ),
    ),
    Weight(
        question="people",
        values=these("both"),
        criterion="speed",
        weight=1,
        strong=msg("It is fast for the half of you who are in China."),
        weak=msg("It is slow for the half of you who are in China."),
        middle=msg("For the half of you who are in China it is faster than a server outside."),
    ),
    Weight(
        question="traffic",
        values=these("photos"),
        criterion="speed",
        weight=1,
        strong=msg("It carries photos quickly to people in China."),
        weak=msg("Photos take long to reach people in China, above all in the evening."),
        middle=msg("Photos reach people in China faster than from a server outside."),
    ),
    Weight(
        question="traffic",
        values=these("calls"),
        criterion="speed",
        weight=2,
        strong=msg("Its line to people in China is good enough for calls."),
        weak=msg("Calls with people in China will often be poor."),
        middle=msg("Calls with people in China are better than over a server outside."),
    ),
    Weight(
        question="skill",
        values=these("beginner", None),
        criterion="ease",
        weight=1,
        strong=msg("People just install an app and log in: nothing to explain."),
        weak=msg("Every device needs a setting by hand, which is much to explain at first."),
    ),
)
"""Which answers make which stars count more."""

_HARD_FIRST = msg("It has several parts to look after, which is much for a first server.")
_SLOW_BACK = msg("It can stop from one day to the next and takes time to bring back.")
_NOT_SAID = msg("Not everything has been said yet, so the careful case is counted against it.")
_UNLICENSED = msg(
    "It is only for people who accept being asked about it, and you do not want that."
)

ADJUSTMENTS: tuple[Adjustment, ...] = (
    Adjustment(
        option=2,
        question="filing",
        values=these("same_cloud"),
        points=0,
        message=msg("The domain is on file with the right company: it can start at once."),
    ),
    Adjustment(
        option=2,
        question="filing",
        values=these("other_cloud"),
        points=0,
        message=msg("The domain is on file already; only an access filing (接入备案) is missing."),
    ),
    Adjustment(
        option=2,
        question="filing",
        values=these("could"),
        points=-1,
        message=msg("The filing has to be made first, and it may be refused."),
    ),
    Adjustment(
        option=2,
        question="operator",
        values=these("individual"),
        points=-1,
        message=msg("A private person's filing does not clearly cover a messaging service."),
    ),
    *(
        Adjustment(option=2, question="skill", values=values, points=-1, message=message)
        for values, message in (
            (these("beginner"), msg("There are two servers to look after instead of one.")),
            (these(None), _NOT_SAID),
        )
    ),
    Adjustment(
        option=1,
        question="outage",
        values=these("hours"),
        points=-1,
        message=msg("Its name or address can be blocked any day; moving takes time."),
    ),
    *(
        Adjustment(
            option=option,
            question="consequence",
            values=these("questioned"),
            points=-2,
            message=msg("It runs without a filing: somebody may have to explain it."),
        )
        for option in (3, 4)
    ),
    *(
        Adjustment(
            option=option,
            question="consequence",
            values=values,
            points=-7,
            message=message,
        )
        for option in (3, 4)
        for values, message in ((these("service_lost"), _UNLICENSED), (these(None), _NOT_SAID))
    ),
    *(
        Adjustment(
            option=option,
            question="skill",
            values=values,
            points=-2,
            message=message,
        )
        for option in (3, 4)
        for values, message in ((these("beginner"), _HARD_FIRST), (these(None), _NOT_SAID))
    ),
    *(
        Adjustment(
            option=option,
            question="outage",
            values=values,
            points=points,
            message=message,
        )
        for option in (3, 4)
        for values, points, message in (
            (these("hours"), -3, _SLOW_BACK),
            (these("day"), -1, _SLOW_BACK),
            (these(None), -3, _NOT_SAID),
        )
    ),
    Adjustment(
        option=3,
        question="federation",
        values=these("open"),
        points=-2,
        message=msg("Strangers' servers cannot find the server in China: it is in no public DNS."),
    ),
    Adjustment(
        option=4,
        question="home_line",
        values=these("ipv6_only"),
        points=-1,
        message=msg("Only people with IPv6 can connect to the home line."),
    ),
)
"""Which answers speak for or against one option."""

CONDITIONS: tuple[Condition, ...] = (
    Condition(
        option=1,
        question="people",
        values=these("mostly_inside", "both", "mostly_outside", None),
        message=msg("Rent the server in Hong Kong, or with a premium route to China."),
    ),
    Condition(
        option=1,
        question="",
        values=these(),
        message=msg("Keep a spare domain ready in case the first one gets blocked."),
    ),
    Condition(
        option=2,
        question="filing",
        values=these("other_cloud"),
        message=msg(
            "Before you start: make an access filing (接入备案) with the company where the server "
            "is."
        ),
    ),
    Condition(
        option=2,
        question="filing",
        values=these("could"),
        message=msg(
            "Before you start: file the domain (ICP 备案) with the company where the server is, "
            "and state the true purpose. Until then option 1 can serve."
        ),
    ),
    Condition(
        option=2,
        question="operator",
        values=these("individual"),
        message=msg(
            "Ask the cloud company whether a private person's filing covers a messenger for your "
            "circle. If it does not, choose another option; never state another purpose."
        ),
    ),
    *(
        Condition(
            option=option,
            question="mainland_server",
            values=these("could"),
            message=msg("Rent a server in a mainland cloud, under the operator's real name."),
        )
        for option in (2, 3, 4)
    ),
    *(
        Condition(
            option=option,
            question="",
            values=these(),
            message=msg(
                "Test first: the program tries the real network before it sets anything up. If "
                "the name is filtered, fall back to option 1."
            ),
        )
        for option in (3, 4)
    ),
    Condition(
        option=4,
        question="home_line",
        values=these("ipv6_only"),
        message=msg("Everyone in China who connects needs IPv6 on their line or phone."),
    ),
)
"""What comes with an option."""

REMARKS: tuple[Remark, ...] = (
    Remark(
        question="phones",
        value="ios_mainland",
        message=msg(
            "Element and FluffyChat are not in the App Store of mainland China: people with such "
            "an account need one of another country to install the app."
        ),
    ),
    Remark(
        question="phones",
        value="android_no_google",
        message=msg(
            "Android phones without Google services get no push: the app must be allowed to run "
            "in the background."
        ),
    ),
    Remark(
        question="traffic",
        value="calls",
        message=msg("This program does not set up a call server yet: calls are for later."),
    ),
    Remark(
        question="federation",
        value="open",
        message=msg(
            "Other Matrix servers will learn the names of your users and the rooms they share."
        ),
    ),
)
"""What is worth knowing whatever the option."""
