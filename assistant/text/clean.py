"""Text from outside made fit to show: no control characters, no terminal escapes."""

from __future__ import annotations

import re
import unicodedata

_ESCAPES = re.compile(
    r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[PX^_][^\x1b]*(\x1b\\)?|[ -/]*[0-~])?"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)


def clean_text(text: str) -> str:
    """One line of text without escapes, control, surrogate or direction-changing characters.

    A tab becomes a space; a line break and any other control character disappears.
    """
    text = _ESCAPES.sub("", text).replace("\t", " ")
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
