"""Sentences of the program on the host, with what another language needs to word them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Said(str):
    """An English sentence that knows how it was made: ``template``, filled with ``values``.

    Values are numbers and texts; one that is a sentence itself is worded with the sentence around
    it. ``template`` is empty for words that are nobody's to translate (a program's output).
    """

    template: str = ""
    values: Mapping[str, Any] = {}


def said(template: str, **values: Any) -> Said:
    """A sentence. Its template is a literal and found in the source, as those of ``msg``."""
    made = {k: v if isinstance(v, (int, float, Said)) else str(v) for k, v in values.items()}
    whole = Said(template.format(**made))
    whole.template, whole.values = template, made
    return whole


def plain(text: str) -> Said:
    """Words that stay as they are in every language."""
    return Said(text)


def together(parts: Sequence[Said]) -> Said:
    """Several short sentences as one; empty when there are none."""
    whole = parts[-1] if parts else Said()
    for part in reversed(parts[:-1]):
        whole = said("{first}; {rest}", first=part, rest=whole)
    return whole


def listed(parts: Sequence[Said]) -> Said:
    """Several words with commas between them; empty when there are none."""
    whole = parts[-1] if parts else Said()
    for part in reversed(parts[:-1]):
        whole = said("{first}, {rest}", first=part, rest=whole)
    return whole


def fields(key: str, text: str) -> dict[str, Any]:
    """The fields of an event for a sentence: its text under ``key``, template and values beside.

    The text is there for whoever reads a journal. An event carries one sentence at most.
    """
    return {key: str(text), **_parts(text)} if getattr(text, "template", "") else {key: str(text)}


def _parts(text: Any) -> dict[str, Any]:
    values = {
        name: _parts(value) if getattr(value, "template", "") else value
        for name, value in text.values.items()
    }
    return {"template": text.template, **({"values": values} if values else {})}
