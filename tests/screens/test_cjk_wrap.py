"""Lines of Chinese, English and both break where a reader expects it."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from rich._wrap import divide_line as at_spaces
from rich.cells import cell_len
from textual.content import Content

from screens.widgets.cjk_wrap import divide_line, install


def lines(text: str, width: int) -> list[str]:
    edges = [0, *divide_line(text, width), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize(
    ("text", "width", "wanted"),
    [
        ("只剩下方案 1。您说的话都没有排除它", 20, ["只剩下方案 1。您说的", "话都没有排除它"]),
        ("服务器已经设置好。", 16, ["服务器已经设置", "好。"]),  # no full stop in front
        ("按（备案）", 4, ["按", "（备", "案）"]),  # no bracket at the end
        ("访问 chat.example.org 即可", 18, ["访问 ", "chat.example.org ", "即可"]),
        ("名 abcdefghij", 6, ["名 ", "abcdef", "ghij"]),  # too long for any line
        ("两个 空格", 4, ["两个 ", "空格"]),
    ],
)
def test_where_lines_break(text: str, width: int, wanted: list[str]) -> None:
    assert lines(text, width) == wanted


def test_english_is_left_to_textual() -> None:
    text = "One two three four, and a very-long-word-indeed."
    assert divide_line(text, 11) == at_spaces(text, 11)


def test_nothing_is_lost_and_nothing_is_too_wide() -> None:
    rng = random.Random(7)  # noqa: S311 - not for secrets
    for _ in range(500):
        text = "".join(rng.choices("中文字，。（）ab c1…✓", k=rng.randrange(1, 40)))
        width = rng.randrange(4, 30)
        found = lines(text, width)
        assert "".join(found) == text
        assert all(found)
        # Punctuation may hang on to what it belongs to only when it fits.
        assert all(cell_len(line.rstrip()) <= width for line in found)


def test_textual_uses_it() -> None:
    install()
    wrapped = Content("只剩下方案 1。您说的话都没有排除它").wrap(20)
    assert [line.plain.rstrip() for line in wrapped] == ["只剩下方案 1。您说的", "话都没有排除它"]
