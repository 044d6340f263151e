"""Text in terminal cells: a Chinese character takes two, so nothing here counts characters."""

from __future__ import annotations

import re

from rich.cells import cell_len, set_cell_size

_TOKENS = re.compile(r"\s+|[^\s\u2e80-\uffef]+|[\u2e80-\uffef]")
# What must not begin a line: it stays with what stands before it.
_CLOSING = frozenset("，。、；：？！）》」』】”’…,.;:?!)")


def shorten(text: str, width: int) -> str:
    """The text in exactly ``width`` cells: padded with spaces, or cut and ended with ``…``."""
    if cell_len(text) <= width:
        return set_cell_size(text, max(width, 0))
    return set_cell_size(set_cell_size(text, max(width - 1, 0)).rstrip() + "…", max(width, 0))


def centre(text: str, width: int) -> str:
    """The text in the middle of ``width`` cells."""
    return shorten(" " * max((width - cell_len(text)) // 2, 0) + text, width)


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` (2 or more) cells, broken at spaces and between Han characters."""
    width = max(width, 2)
    lines: list[str] = [""]
    for token in _tokens(text):
        if cell_len(lines[-1]) + cell_len(token) <= width:
            lines[-1] += token
        elif not token.isspace():
            lines.append(token)
            while cell_len(lines[-1]) > width:
                head = _head(lines[-1], width)
                lines[-1:] = [head, lines[-1][len(head) :]]
    return [line.strip() for line in lines if line.strip()] or [""]


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    for token in _TOKENS.findall(text):
        if found and token in _CLOSING and not found[-1].isspace():
            found[-1] += token
        else:
            found.append(token)
    return found


def _head(text: str, width: int) -> str:
    """As many characters from the start as fit, at least one."""
    end = 1
    while end < len(text) and cell_len(text[: end + 1]) <= width:
        end += 1
    return text[:end]
