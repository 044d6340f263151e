"""What the program on a host says, made into messages.

That program stands alone on the server and speaks plain English; so do the titles of resources,
which travel there and back. :func:`said_by_host` recognises its sentences, so that they can be
worded in another language; what it does not know is shown as it came.
"""

from __future__ import annotations

import re
from functools import lru_cache
from string import Formatter

from assistant.text.host_templates import SENTENCES, TWO
from assistant.text.message import Message

_NESTED = frozenset({"why", "what", "verb", "kind", "taken"})
"""Values that may be sentences of the host themselves."""


def said_by_host(text: str) -> Message:
    """The message for a text from the host or a title of a resource; in English that very text."""
    return _recognised(text)


@lru_cache(maxsize=2048)
def _recognised(text: str) -> Message:
    known = _known(text)
    first, semicolon, rest = text.partition("; ")
    if semicolon and (known is None or "; " not in known.template):
        begun = _known(first)
        if begun is not None:
            return Message(template=TWO, values={"first": begun, "rest": said_by_host(rest)})
    if known is not None:
        return known
    if "{" in text or "}" in text:
        return Message(template="{text}", values={"text": text})
    return Message(template=text)  # a title, or something new, which then stays English


def _known(text: str) -> Message | None:
    for pattern, template in _patterns():
        found = pattern.fullmatch(text)
        if found is not None:
            values = {
                name: said_by_host(value) if name in _NESTED else value
                for name, value in found.groupdict().items()
            }
            return Message(template=template, values=values)
    return None


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The sentences as patterns, the most particular (most fixed letters) first."""
    made = []
    for template in SENTENCES:
        pattern, fixed = "", 0
        for literal, name, _, _ in Formatter().parse(template):
            pattern += re.escape(literal)
            fixed += len(literal)
            if name is not None:
                pattern += f"(?P<{name}>.+?)"
        made.append((fixed, re.compile(pattern, re.DOTALL), template))
    made.sort(key=lambda one: -one[0])
    return tuple((pattern, template) for _, pattern, template in made)
