"""Lines of Chinese broken where Chinese is broken: between characters, not only at spaces.

Textual breaks lines at spaces alone, so that a sentence of Chinese with one Latin word in it is
torn apart at that word. It has no setting for this; :func:`install` gives it another function to
find the places. Text without wide characters is left to Textual's own.
"""

from __future__ import annotations

from collections.abc import Iterator

import textual.content
from rich._wrap import divide_line as _at_spaces
from rich.cells import cell_len

_NEVER_FIRST = frozenset("，。、；：！？）》」』】〉”’…％,.;:!?)]}%")
_NEVER_LAST = frozenset("（《「『【〈“‘([{")


def divide_line(text: str, width: int, fold: bool = True) -> list[int]:
    """Offsets at which a line of text is broken to fit a width in cells."""
    if text.isascii() or not any(map(_wide, text)):
        return _at_spaces(text, width, fold)
    breaks: list[int] = []
    used = 0
    for start, piece in _pieces(text):
        size = cell_len(piece.rstrip())
        if used and used + size > width:
            breaks.append(start)
            used = 0
        if fold and size > width:
            for offset, char in enumerate(piece.rstrip(), start):
                if used and used + cell_len(char) > width:
                    breaks.append(offset)
                    used = 0
                used += cell_len(char)
            used += len(piece) - len(piece.rstrip())
        else:
            used += cell_len(piece)
    return breaks


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """What must stay together, each with the spaces behind it."""
    start = 0
    for offset in range(1, len(text)):
        if _may_break(text[offset - 1], text[offset]):
            yield start, text[start:offset]
            start = offset
    if text:
        yield start, text[start:]


def _may_break(left: str, right: str) -> bool:
    if right == " ":
        return False
    if left == " ":
        return True
    if right in _NEVER_FIRST or left in _NEVER_LAST:
        return False
    return _wide(left) or _wide(right)


def _wide(char: str) -> bool:
    return char >= "\u2e80" and cell_len(char) == 2


def install() -> None:
    """Let Textual break lines with :func:`divide_line`."""
    vars(textual.content)["divide_line"] = divide_line
