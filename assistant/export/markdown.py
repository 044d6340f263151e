"""Markdown that stays what it is, whatever text from users and hosts stands in it.

Text is escaped as a whole, ours and theirs alike; only what :class:`Page` adds is markup.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from assistant.text import Message, render
from assistant.text.sanitize import clean_text

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&$])")
_AT_START = re.compile(r"^(\s*)(?:([#+=-])|(\d{1,9})([.)]))")
_RUN = re.compile(r"`+")
# Private-use characters: they mark where a code span goes while the text around it is escaped.
_MARK = re.compile("\ue000([^\ue001]+)\ue001")


def one_line(text: object) -> str:
    """Any text as one line without control characters."""
    return " ".join(clean_text(line) for line in re.split(r"[\r\n]+", str(text))).strip()


def escape(text: object) -> str:
    """Text as Markdown that shows exactly this text, on one line.

    Markup, HTML, tables, and addresses that renderers would turn into links lose their meaning.
    """
    escaped = _SPECIAL.sub(r"\\\1", one_line(text))
    escaped = escaped.replace("://", ":\\//").replace("www.", "www\\.")
    return _AT_START.sub(
        lambda m: m[1] + (f"\\{m[2]}" if m[2] else f"{m[3]}\\{m[4]}"), escaped, count=1
    )


def code(text: object) -> str:
    """Text as a code span on one line; backticks in it cannot end it. Not for table cells."""
    line = one_line(text)
    if not line:
        return ""
    longest = max((len(run) for run in _RUN.findall(line)), default=0)
    fence = "`" * (longest + 1)
    # Spaces keep a backtick at the edge apart from the fence; Markdown takes one off each side.
    pad = " " if line[0] in "` " or line[-1] in "` " else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def fenced(lines: Iterable[object]) -> str:
    """Lines as a block of code, ready to copy."""
    cleaned = [one_line(line) for line in lines]
    longest = max((len(run) for line in cleaned for run in _RUN.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence, *cleaned, fence])


def _unmarked(value: str | int | float) -> str | int | float:
    return re.sub("[\ue000\ue001]", "", value) if isinstance(value, str) else value


class Page:
    """A Markdown document under construction, in one language."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._blocks: list[str] = []
        self._in_list = False

    def words(self, message: Message, code_values: Collection[str] = ()) -> str:
        """A message in the page's language, escaped; the named values become code spans."""
        values = {
            name: self.plain(value) if isinstance(value, Message) else value
            for name, value in message.values.items()
        }
        marked = replace(
            message,
            values={
                name: f"\ue000{name}\ue001" if name in code_values else _unmarked(value)
                for name, value in values.items()
            },
        )
        text = escape(render(marked, self._language))
        # An underscore in a value's name was escaped with the rest.
        return _MARK.sub(lambda m: code(values[m[1].replace("\\", "")]), text)

    def plain(self, message: Message) -> str:
        """A message in the page's language, not escaped yet: to stand within another one."""
        return render(message, self._language)

    def heading(self, message: Message, level: int = 2) -> None:
        """A heading; level 1 is the title."""
        self._add("#" * level + " " + self.words(message))

    def paragraph(self, message: Message, *code_values: str) -> None:
        """A paragraph."""
        self._add(self.words(message, code_values))

    def item(self, message: Message, *code_values: str) -> None:
        """An item of a list; items in a row make one list."""
        line = "- " + self.words(message, code_values)
        if self._in_list:
            self._blocks[-1] += "\n" + line
        else:
            self._add(line)
            self._in_list = True

    def block(self, *lines: object) -> None:
        """Lines ready to copy."""
        self._add(fenced(lines))

    def table(self, head: Sequence[Message], rows: Iterable[Sequence[Message | str]]) -> None:
        """A table; texts that are no messages are escaped as well."""
        lines = [
            "| " + " | ".join(self.words(cell) for cell in head) + " |",
            "|" + " --- |" * len(head),
        ]
        for row in rows:
            cells = (self.words(c) if isinstance(c, Message) else escape(c) for c in row)
            lines.append("| " + " | ".join(cells) + " |")
        self._add("\n".join(lines))

    def _add(self, block: str) -> None:
        self._blocks.append(block)
        self._in_list = False

    def text(self) -> str:
        """The document, ending in a line break."""
        return "\n\n".join(self._blocks) + "\n"
