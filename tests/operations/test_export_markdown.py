"""Markdown made from any text shows that text and nothing else, judged by a real parser."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from assistant.export.markdown import Page, code, escape, fenced, one_line
from assistant.text import msg

PARSER = MarkdownIt("commonmark").enable("table").enable("strikethrough")

HOSTILE = (
    "`x` <script>alert(1)</script>",
    "a | b\n| c",
    "[click](javascript:alert(1)) ![i](http://x)",
    "# heading",
    "- item",
    "1. item",
    "12) item",
    "=== ",
    "> quote",
    "**b** __c__ _d_ ~~e~~",
    "back\\slash \\` \\",
    "&lt;b&gt; &#60; &amp;",
    "<https://evil.example>",
    "line\r\nbreak\u2028more",
    "\x1b[31mred\x1b[0m\x07",
    "``` fence",
    "``two`` `` ` ``",
    "~~~",
    "[ref]: http://x",
    "\ue000name\ue001",
    "{name} {0} %s $x$",
    "| --- |",
    "",
    "   padded   ",
)

texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60), st.text("`\\|*_[]<>&~ \n#-1.)"))


def _plain(tokens: list[Token]) -> str:
    """The text of inline tokens, which may be nothing but text and code."""
    assert {token.type for token in tokens} <= {"text", "code_inline"}, tokens
    return "".join(token.content for token in tokens)


def _unmarked(text: str) -> str:
    """A message's value without the two characters that mark places in a message."""
    return text.replace("\ue000", "").replace("\ue001", "")


def _inline(markdown: str) -> list[list[Token]]:
    return [token.children or [] for token in PARSER.parse(markdown) if token.type == "inline"]


@settings(max_examples=400, deadline=None)
@given(texts)
@example("1.")
@example("-")
@example("+ a")
def test_escaped_text_stays_text(text: str) -> None:
    inlines = _inline("Before: " + escape(text) + " after")
    assert [_plain(children) for children in inlines] == ["Before: " + one_line(text) + " after"]


@settings(max_examples=400, deadline=None)
@given(texts)
@example("1.")
@example("-")
@example("+ a")
@example("10) x")
def test_escaped_text_may_begin_a_line(text: str) -> None:
    markdown = escape(text)
    kinds = [token.type for token in PARSER.parse(markdown)]
    expected = ["paragraph_open", "inline", "paragraph_close"] if one_line(text) else []
    assert kinds == expected
    for children in _inline(markdown):
        assert _plain(children) == one_line(text)


@settings(max_examples=400, deadline=None)
@given(texts)
def test_code_keeps_its_text(text: str) -> None:
    line = one_line(text)
    inlines = _inline("x " + code(text) + " y")
    if not line:
        return
    (children,) = inlines
    assert [token.type for token in children] == ["text", "code_inline", "text"]
    assert children[1].content == line


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, max_size=4))
def test_a_block_cannot_be_left(lines: list[str]) -> None:
    tokens = PARSER.parse(fenced(lines) + "\n\nafter")
    assert [token.type for token in tokens][:2] == ["fence", "paragraph_open"]
    assert tokens[0].content == "".join(one_line(line) + "\n" for line in lines)


@settings(max_examples=200, deadline=None)
@given(texts, texts)
def test_a_table_cell_cannot_be_left(first: str, second: str) -> None:
    page = Page("en")
    page.table((msg("One"), msg("Two")), ((first, msg("About {it}", it=second)),))
    tokens = PARSER.parse(page.text())
    assert [token.type for token in tokens].count("td_open") == 2
    cells = [_plain(children) for children in _inline(page.text())]
    assert cells == ["One", "Two", one_line(first), one_line("About " + _unmarked(second))]


@settings(max_examples=200, deadline=None)
@given(texts, texts)
def test_values_in_items(shown: str, told: str) -> None:
    page = Page("en")
    page.item(msg("Shown {a_b}: {told}", a_b=shown, told=told), "a_b")
    page.item(msg("Next"))
    tokens = PARSER.parse(page.text())
    assert [token.type for token in tokens].count("list_item_open") == 2
    children = _inline(page.text())[0]
    spans = [token.content for token in children if token.type == "code_inline"]
    assert spans == ([one_line(shown)] if one_line(shown) else [])
    _plain(children)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("see https://x.example", "see https:\\//x.example"), ("www.x.example", "www\\.x.example")],
)
def test_no_address_becomes_a_link_by_itself(text: str, shown: str) -> None:
    assert escape(text) == shown
