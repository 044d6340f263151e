"""Reads the template files beside the recipes and fills them in.

A placeholder is written ``@NAME@``. A value is one line of text and stays one: what a user typed
can never add a line to a configuration.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources

from assistant.plan import host_programs

_PLACEHOLDER = re.compile(r"@([A-Z][A-Z0-9_]*)@")
_OWN_LINE = re.compile(r"^([ \t]*)@([A-Z][A-Z0-9_]*)@\n", re.MULTILINE)


class TemplateError(ValueError):
    """A template and its values do not fit; always a mistake in a recipe."""


def read(name: str) -> str:
    """The text of a template file beside the recipes, as ``folder/name``."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def host_program(name: str) -> str:
    """The text of a program that is copied to hosts."""
    return resources.files(host_programs).joinpath(name).read_text(encoding="utf-8")


def fill(name: str, **values: str | int | Sequence[str]) -> str:
    """The template ``name`` with its placeholders replaced.

    A text or number replaces its placeholder within a line; a sequence of texts must have a line
    to itself and becomes one line each, indented alike (none: the line goes). Raises
    :class:`TemplateError` for a missing or unused value and for a control character in a value.
    """
    text = read(name)
    wanted = set(_PLACEHOLDER.findall(text))
    if wanted != set(values):
        raise TemplateError(f"{name}: placeholders {sorted(wanted ^ set(values))}")
    lines: dict[str, Sequence[str]] = {}
    words: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, (str, int)):
            words[key] = _line(name, str(value))
        else:
            lines[key] = [_line(name, line) for line in value]

    def word(match: re.Match[str]) -> str:
        if match[1] not in words:
            raise TemplateError(f"{name}: @{match[1]}@ needs a line to itself")
        return words[match[1]]

    # Values may hold an @, so lines are put in only after the words have been looked for.
    parts: list[str] = []
    end = 0
    for match in _OWN_LINE.finditer(text):
        parts.append(_PLACEHOLDER.sub(word, text[end : match.start()]))
        if match[2] in lines:
            parts.extend(f"{match[1]}{line}\n" for line in lines[match[2]])
        else:
            parts.append(_PLACEHOLDER.sub(word, match[0]))
        end = match.end()
    parts.append(_PLACEHOLDER.sub(word, text[end:]))
    return "".join(parts)


def _line(name: str, text: str) -> str:
    if any(ord(c) < 32 or ord(c) == 127 or c in "\x85\u2028\u2029" for c in text):
        raise TemplateError(f"{name}: a value with a control character")
    return text
