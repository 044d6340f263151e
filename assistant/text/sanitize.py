"""Text from outside made fit to show: no terminal escapes, nothing that moves or turns it."""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)"  # OSC, DCS
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
