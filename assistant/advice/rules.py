"""What the recommendation rests on, as tables: what rules an option out or puts one first.

Every row names one question and the answers it is about, so that each conclusion can show the
answer it comes from. ``None`` among the answers means "not answered". An unset or unknown answer is
never counted in favour of options 2, 3 or 4. Hard rules and honest notes: the project's facts.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.text import Message, msg

Values = frozenset[str | None]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A hard rule: with one of these answers the option is ruled out.

    Nothing rules out option 1: a server outside needs no filing, no line and nobody in China.
    """

    id: str
    option: int
    question: str
    values: Values
    message: Message


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """With one of these answers nobody can say yet whether the option is possible."""

    option: int
    question: str
    values: Values
    message: Message


@dataclass(frozen=True, kw_only=True)
class FirstRule:
    """With one of these answers option 1 comes first whatever the scores."""

    id: str
    question: str
    values: Values
    message: Message


def these(*answers: str | None) -> Values:
    """A set of answers; ``None`` is "not answered"."""
    return frozenset(answers)


_NOT_KNOWN = these(None, "unknown")

RULES: tuple[Rule, ...] = (
    *(
        Rule(
            id=f"{option}-no-mainland-server",
            option=option,
            question="mainland_server",
            values=these("no"),
            message=msg("It needs a server in a mainland cloud, and there is none."),
        )
        for option in (2, 3, 4)
    ),
    Rule(
        id="2-will-not-file",
        option=2,
        question="filing",
        values=these("will_not"),
        message=msg("It needs a filing (ICP 备案) for the domain, and you will not file."),
    ),
    *(
        Rule(
            id=f"{option}-nobody-inside",
            option=option,
            question="operator",
            values=these("nobody_inside"),
            message=msg("It needs somebody in mainland China who answers for it."),
        )
        for option in (2, 4)
    ),
    *(
        Rule(
            id=f"{option}-no-consequence",
            option=option,
            question="consequence",
            values=these("none"),
            message=msg(
                "It runs without a filing on a real-name cloud. You said that nothing may happen "
                "to anybody: then it must not be used."
            ),
        )
        for option in (3, 4)
    ),
    Rule(
        id="3-devices",
        option=3,
        question="device_records",
        values=these("no"),
        message=msg("It needs a setting on every device in China, and not all can be given one."),
    ),
    Rule(
        id="4-no-line",
        option=4,
        question="home_line",
        values=these("none"),
        message=msg("It needs a home broadband line in mainland China, and there is none."),
    ),
    Rule(
        id="4-cgnat",
        option=4,
        question="home_line",
        values=these("cgnat"),
        message=msg(
            "The home line shares its address (CGNAT) and has no IPv6: nothing gets in. Asking "
            "the provider for a public address may change that."
        ),
    ),
    Rule(
        id="4-port-forwarding",
        option=4,
        question="port_forwarding",
        values=these("no"),
        message=msg("The home router cannot let connections in."),
    ),
    Rule(
        id="4-line-loss",
        option=4,
        question="line_loss",
        values=these("no"),
        message=msg("The provider may cut the home line for it, and you could not bear that."),
    ),
)
"""All hard rules."""

DOUBTS: tuple[Doubt, ...] = (
    *(
        Doubt(
            option=option,
            question="mainland_server",
            values=_NOT_KNOWN,
            message=msg("Whether there is a server in a mainland cloud is not known yet."),
        )
        for option in (2, 3, 4)
    ),
    *(
        Doubt(
            option=option,
            question="operator",
            values=_NOT_KNOWN,
            message=msg("Who in mainland China would answer for it is not known yet."),
        )
        for option in (2, 4)
    ),
    Doubt(
        option=2,
        question="operator",
        values=these("other_inside"),
        message=msg(
            "Whether somebody without a mainland ID card can hold the filing, only the cloud "
            "company can tell. Ask it first."
        ),
    ),
    Doubt(
        option=2,
        question="filing",
        values=_NOT_KNOWN,
        message=msg("Whether the domain is on file (ICP 备案) is not known yet."),
    ),
    *(
        Doubt(
            option=option,
            question="consequence",
            values=these(None),
            message=msg("What may happen to people at worst has not been said yet."),
        )
        for option in (3, 4)
    ),
    Doubt(
        option=3,
        question="device_records",
        values=_NOT_KNOWN,
        message=msg("Whether every device can be given a setting is not known yet."),
    ),
    Doubt(
        option=4,
        question="home_line",
        values=_NOT_KNOWN,
        message=msg("Whether the home line can be reached is not known yet: test it."),
    ),
    Doubt(
        option=4,
        question="port_forwarding",
        values=_NOT_KNOWN,
        message=msg("Whether the home router can let connections in is not known yet."),
    ),
    Doubt(
        option=4,
        question="line_loss",
        values=these(None),
        message=msg("Whether losing the home line would be bearable has not been said yet."),
    ),
)
"""What leaves an option undecided."""

FIRST_RULES: tuple[FirstRule, ...] = (
    FirstRule(
        id="1-mostly-outside",
        question="people",
        values=these("mostly_outside"),
        message=msg("Most people are outside China: a server near them serves most of you best."),
    ),
    FirstRule(
        id="1-nobody-inside",
        question="people",
        values=these("none_inside"),
        message=msg("Nobody is in China, so nothing is gained by a server there."),
    ),
    FirstRule(
        id="1-when-unsure",
        question="people",
        values=these(None),
        message=msg(
            "As long as it is not known where the people are, a server outside is the safe start."
        ),
    ),
)
"""When option 1 is first without looking at the scores."""
