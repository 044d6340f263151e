"""How wide text is on a terminal, where a Chinese character takes two cells."""

from __future__ import annotations

from collections.abc import Iterable


def spaced(parts: Iterable[str]) -> str:
    """Parts joined as Chinese is set: a space where a Han character meets a letter or digit.

    A space in a part, there for a Latin word to follow, goes where a Han character follows, and
    one between two sentences goes as well: the full stop has its own.
    """
    text = ""
    for part in parts:
        if not text or not part:
            text += part
        elif _meet(text[-1], part[0]):
            text += " " + part
        elif text.endswith("。 ") or (text[-1] == " " and _han(text[-2:-1]) and _han(part[0])):
            text = text[:-1] + part
        elif part[0] == " " and _han(text[-1]) and _han(part[1:2]):
            text += part[1:]
        else:
            text += part
    return text


def _meet(left: str, right: str) -> bool:
    return (_han(left) and _latin(right)) or (_latin(left) and _han(right))


def _han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def _latin(char: str) -> bool:
    return char.isascii() and char.isalnum()


def padded(text: str, width: int) -> str:
    """Text with spaces behind it up to a width in cells; longer text stays as it is."""
    from rich.cells import cell_len

    return text + " " * max(0, width - cell_len(text))
