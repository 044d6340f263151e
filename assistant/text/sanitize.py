"""Text from outside made fit to show: no terminal escapes, nothing that moves or turns it."""

from __future__ import annotations

import re
from typing import Any

OPENERS = r"\x1b\x90\x98\x9b\x9d-\x9f"
"""The characters that an escape sequence can begin with, inside square brackets."""

STRING_BODY = rf"[^\x07\x9c{OPENERS}]{{0,4096}}"
"""What may stand in a string for the terminal: no opener, or a host could have every one of a
quarter of a million openers looked at as far as the next ones, again and again."""

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    rf"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]){STRING_BODY}(?:\x07|\x1b\\|\x9c)"  # OSC, DCS
    r"|\x9b[0-?]*[ -/]*[@-~]"  # CSI as one character
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
)
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad"
    "\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)
_BREAKS = re.compile("\r\n?|[\u2028\u2029\x0b\x0c\x85]")


def clean_lines(text: str) -> str:
    """Text without terminal escapes and without control, direction or invisible characters.

    Line feeds and tabs stay; other line breaks become line feeds. Cleaning twice is cleaning once.
    """
    if text.isprintable() and text.isascii():
        return text
    text = _BREAKS.sub("\n", _ESCAPES.sub("", text))
    return _UNSAFE.sub("", text)


def clean_text(text: str) -> str:
    """The same as one line: a tab becomes a space, and a line break disappears."""
    if text.isprintable() and text.isascii():
        return text
    return clean_lines(text).replace("\t", " ").replace("\n", "")


def clean_line(text: str, limit: int = 300) -> str:
    """The text on one line, at most ``limit`` characters; breaks and gaps become one space."""
    line = " ".join(clean_lines(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def clean_value(value: Any) -> Any:
    """A JSON value with every string in it cleaned as :func:`clean_lines`, keys included."""
    if isinstance(value, str):
        return clean_lines(value)
    if isinstance(value, list):
        return [clean_value(item) for item in value]
    if isinstance(value, dict):
        return {clean_lines(str(name)): clean_value(item) for name, item in value.items()}
    return value
