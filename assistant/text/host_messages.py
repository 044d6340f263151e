"""What the program on a host says, as messages.

That program stands alone on the server. Its events carry plain English and beside it the template
and the values (``assistant.onhost.said``); the templates are keys of the catalogues. Words without
a template (journals that an older program wrote, output) are shown as they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any

from assistant.text.message import Message, Value, msg
from assistant.text.sanitize import clean_line, clean_text

LONGEST = 4000
"""Characters of a text from a host that are kept."""

_DEEPEST = 8
_MOST_VALUES = 20


def host_message(event: Mapping[str, Any], key: str = "text") -> Message:
    """The sentence of an event, whose plain English is under ``key``; empty when it has none.

    Nothing in it is believed: a template that is not plain names in braces is not used.
    """
    known = _known(event, _DEEPEST)
    if known is not None:
        return known
    text = event.get(key)
    if not isinstance(text, str) or not text:
        return Message(template="")
    return msg("{text}", text=clean_line(text, LONGEST))


def title_message(title: str) -> Message:
    """The title of a resource: a template of ours without values, wherever it was kept since."""
    return msg("{text}", text=title) if "{" in title or "}" in title else Message(template=title)


def _known(told: Mapping[str, Any], depth: int) -> Message | None:
    template, values = told.get("template"), told.get("values", {})
    if not isinstance(template, str) or not 0 < len(template) <= LONGEST or depth == 0:
        return None
    if not isinstance(values, Mapping) or len(values) > _MOST_VALUES:
        return None
    if clean_text(template) != template or not _plain(template, values):
        return None
    made: dict[str, Value] = {}
    for name, value in values.items():
        one = _known(value, depth - 1) if isinstance(value, Mapping) else _value(value)
        if one is None:
            return None
        made[str(name)] = one
    return Message(template=template, values=made)


def _plain(template: str, values: Mapping[str, Any]) -> bool:
    """Whether all braces hold the name of a value, without any format: that could ask for a lot."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        return False
    return all(name is None or (name in values and not spec) for _, name, spec, _ in parts)


def _value(value: object) -> Value | None:
    if isinstance(value, str):
        return clean_text(value[:LONGEST])
    return value if isinstance(value, (int, float)) else None
