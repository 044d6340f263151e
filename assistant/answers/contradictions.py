"""Answers that cannot both be true, each pair with a message that names both."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.answers.model import Answers
from assistant.common.frozen import Frozen
from assistant.text import Message, msg

_SOMEBODY = frozenset({"company", "individual", "other_inside"})
_FILED = frozenset({"same_cloud", "other_cloud"})
_LINE = frozenset({"public_ipv4", "ipv6_only", "cgnat"})


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """Two questions with the answers that clash whenever both are given."""

    first: str
    first_values: frozenset[str]
    second: str
    second_values: frozenset[str]
    message: Message


class Contradiction(Frozen):
    """Two answers that do not fit together; ``questions`` are the two to look at again."""

    questions: tuple[str, str]
    message: Message


_PAIRS: tuple[_Pair, ...] = (
    _Pair(
        first="people",
        first_values=frozenset({"none_inside"}),
        second="operator",
        second_values=frozenset({"individual", "other_inside"}),
        message=msg(
            "You said that nobody is in mainland China, and also that a person there would answer "
            "for the service. Please look at both answers again."
        ),
    ),
    _Pair(
        first="people",
        first_values=frozenset({"none_inside"}),
        second="home_line",
        second_values=_LINE,
        message=msg(
            "You said that nobody is in mainland China, and also that there is a home broadband "
            "line there to use. Please look at both answers again."
        ),
    ),
    _Pair(
        first="operator",
        first_values=frozenset({"nobody_inside"}),
        second="home_line",
        second_values=_LINE,
        message=msg(
            "You said that nobody in mainland China would answer for the service, and also that "
            "there is a home broadband line there to use. Whoever has the contract for that line "
            "would be asked first. Please look at both answers again."
        ),
    ),
    _Pair(
        first="operator",
        first_values=frozenset({"nobody_inside"}),
        second="filing",
        second_values=_FILED | {"could"},
        message=msg(
            "You said that nobody in mainland China would answer for the service, and also that "
            "the domain is or could be on file. A filing always names a company or a person there. "
            "Please look at both answers again."
        ),
    ),
    _Pair(
        first="mainland_server",
        first_values=frozenset({"no"}),
        second="filing",
        second_values=_FILED,
        message=msg(
            "You said that there is no server in a mainland cloud, and also that the domain is on "
            "file with a company there. A filing belongs to a server there. Please look at both "
            "answers again."
        ),
    ),
    _Pair(
        first="home_line",
        first_values=frozenset({"none"}),
        second="port_forwarding",
        second_values=frozenset({"yes"}),
        message=msg(
            "You said that there is no home line in mainland China to use, and also that its "
            "router can forward ports. Please look at both answers again."
        ),
    ),
    _Pair(
        first="consequence",
        first_values=frozenset({"none"}),
        second="line_loss",
        second_values=frozenset({"yes"}),
        message=msg(
            "You said that nothing at all may happen to anybody, and also that losing the home "
            "line would be bearable. Please look at both answers again."
        ),
    ),
)


def contradictions(answers: Answers) -> tuple[Contradiction, ...]:
    """All pairs of answers that clash, in a fixed order. Not knowing clashes with nothing."""
    return tuple(
        Contradiction(questions=(pair.first, pair.second), message=pair.message)
        for pair in _PAIRS
        if answers.value(pair.first) in pair.first_values
        and answers.value(pair.second) in pair.second_values
    )
