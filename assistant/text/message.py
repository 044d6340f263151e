"""A message for people as a frozen value: an English template and its values."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Value = str | int | float
_FORMATTER = Formatter()


class Message(BaseModel):
    """A sentence for people: ``template`` is the English text, ``values`` fill its braces.

    Values are plain text from users or hosts; they are never read as a format or as markup.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: str
    values: Mapping[str, Value] = Field(default_factory=dict)

    def __str__(self) -> str:
        """The message in English."""
        return render(self)


def msg(template: str, **values: Any) -> Message:
    """Make a :class:`Message`; values that are no numbers are kept as text."""
    return Message(
        template=template,
        values={
            name: value if isinstance(value, (int, float)) else str(value)
            for name, value in values.items()
        },
    )


def render(message: Message, language: str = "en") -> str:
    """Word a message in a language; a missing value shows as its name in braces, never an error."""
    template = message.template
    parts: list[str] = []
    try:
        for literal, name, spec, _ in _FORMATTER.parse(template):
            parts.append(literal)
            if name is None:
                continue
            value = message.values.get(name)
            parts.append("{" + name + "}" if value is None else format(value, spec or ""))
    except ValueError:
        return template
    return "".join(parts)
