"""A message for people as a frozen value: an English template and its values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any, ClassVar

from assistant.text.language import translated
from assistant.text.width import spaced

_FORMATTER = Formatter()
_OUR_NAMES = frozenset({"this computer"})
"""Values that are names given by the program, worded in the language of the sentence."""


@dataclass(frozen=True)
class Message:
    """A sentence for people: ``template`` is the English text, ``values`` fill its braces.

    Values are plain text from users or hosts; they are never read as a format or as markup. A
    value that is itself a message is worded in the same language as the sentence around it.
    Not a model of pydantic, though models hold it, so that the first screen need not wait for
    pydantic to load.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    template: str
    values: Mapping[str, str | int | float | Message] = field(default_factory=dict)

    def __str__(self) -> str:
        """The message in English."""
        return render(self)


Value = str | int | float | Message

NOTHING = Message(template="")
"""What is said where there is nothing to say."""


def msg(template: str, **values: Any) -> Message:
    """Make a :class:`Message`; values that are no numbers and no messages are kept as text."""
    return Message(
        template=template,
        values={
            name: value if isinstance(value, (int, float, Message)) else str(value)
            for name, value in values.items()
        },
    )


def listed(items: Iterable[Message | str]) -> Message:
    """Several things in one sentence, with the commas of the language it is shown in."""
    message: Message | None = None
    for item in reversed(list(items)):
        one = item if isinstance(item, Message) else msg("{text}", text=item)
        message = one if message is None else msg("{first}, {rest}", first=one, rest=message)
    return Message(template="") if message is None else message


def render(message: Message, language: str = "en") -> str:
    """Word a message in a language; what has no translation is worded in English.

    A missing value shows as its name in braces, never an error.
    """
    template = message.template
    for wording in (translated(template, language), template):
        try:
            return _fill(wording, message.values, language)
        except ValueError:
            continue  # braces or a format that do not fit: the next best wording
    return template


def _fill(template: str, values: Mapping[str, Value], language: str) -> str:
    parts: list[str] = []
    for literal, name, spec, _ in _FORMATTER.parse(template):
        parts.append(literal)
        if name is None:
            continue
        value = values.get(name)
        if value is None:
            parts.append("{" + name + "}")
        elif isinstance(value, Message):
            parts.append(render(value, language))
        elif value in _OUR_NAMES:
            parts.append(translated(str(value), language))
        else:
            parts.append(format(value, spec or ""))
    return spaced(parts) if language == "zh" else "".join(parts)
