"""The third part of the last page: the summary to read and to take along.

The Markdown of the export is read by a strict parser and drawn as plain text with a little
emphasis. Nothing in it can become a link or an action: only kinds of text that are named here are
drawn, and every piece of text is taken literally.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message as Event
from textual.widgets import Input, Static

from assistant.common.errors import AssistantError
from assistant.text import Message, listed, msg
from assistant.text.sanitize import clean_text
from screens.base.app_base import AppBase, app_of
from screens.widgets.button import Button
from screens.widgets.status import Verdict, hanging
from screens.widgets.words import Words, say

if TYPE_CHECKING:
    from markdown_it.token import Token


Audience = Literal["operator", "people"]
PATHS: dict[Audience, str] = {
    "operator": "~/matrix-summary.md",
    "people": "~/matrix-for-everyone.md",
}
"""Where the summaries go unless another place is typed."""
_WIDEST = 96
"""Longer lines are hard to read."""


def readable(markdown: str, width: int) -> Content:
    """A Markdown document as text for a terminal of a width in cells."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).disable(["image", "autolink", "entity"])
    tokens = parser.enable("table").parse(markdown)
    return Content("\n").join(_lines(tokens, max(min(width, _WIDEST), 16)))


def _lines(tokens: Sequence[Token], width: int) -> list[Content]:
    lines: list[Content] = []
    row: list[Content] = []
    heading = in_item = in_cell = in_head = False
    for token in tokens:
        match token.type:
            case "heading_open":
                heading = True
                lines.append(Content(""))
            case "heading_close":
                heading = False
            case "list_item_open":
                in_item = True
            case "list_item_close":
                in_item = False
            case "bullet_list_open" | "table_open" | "fence":
                lines.append(Content(""))
            case "paragraph_open" if not in_item:
                lines.append(Content(""))
            case "thead_open" | "thead_close":
                in_head = token.type == "thead_open"
            case "tr_open":
                row = []
            case "tr_close" if not in_head:
                lines += _row(row, width)
            case "th_open" | "td_open":
                in_cell = True
            case "th_close" | "td_close":
                in_cell = False
            case _:
                pass
        if token.type == "fence":
            code = token.content.rstrip("\n").split("\n")
            lines += [Content.styled(f"  {clean_text(line)}", "bold") for line in code]
        elif token.type == "inline":
            text = _inline(token.children or ())
            if in_cell:
                row.append(text)
            elif heading:
                lines += text.stylize("bold $text-primary").wrap(width)
            elif in_item:
                lines += hanging(Content("• "), text, width).split("\n")
            else:
                lines += text.wrap(width)
    while lines and not lines[0].plain:
        del lines[0]
    return lines


def _inline(children: Iterable[Token]) -> Content:
    """Words and code; of anything else (there is nothing else in an export) the text alone."""
    text = Content("")
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            text += Content(" ")
        elif child.type == "code_inline":
            text += Content.styled(clean_text(child.content), "bold")
        else:
            text += Content(clean_text(child.content))
    return text


def _row(cells: Sequence[Content], width: int) -> list[Content]:
    """A row of a table as an item: its first cell leads, the others follow, a dot between."""
    filled = [cell for cell in cells if cell.plain.strip()]
    if not filled:
        return []
    rest = Content("  ·  ").join(filled[1:])
    return list(hanging(filled[0] + Content("  "), rest, width).split("\n"))


class Reading(Static):
    """A Markdown document to read; it fits itself to its width."""

    def __init__(self, **how: Any) -> None:
        super().__init__("", markup=False, **how)
        self._markdown = ""

    def show(self, markdown: str) -> None:
        """Show a document."""
        self._markdown = markdown
        self.on_resize()

    def on_resize(self) -> None:
        """Break the lines anew."""
        width = self.size.width or self.app.size.width - 4
        self.update(readable(self._markdown, width))


class SummaryPart(Vertical):
    """The summary, for whom it is, and where it is to be saved. Posts :class:`News`."""

    class News(Event):
        """What Enter does here has changed."""

    DEFAULT_CSS = """
    SummaryPart { height: auto; max-width: 96; }
    SummaryPart #path { width: 1fr; margin: 0 2 0 1; }
    SummaryPart #save { margin: 0; }
    SummaryPart #audience { margin: 0 0 0 3; }
    SummaryPart Verdict { margin: 1 0 0 0; }
    SummaryPart #summary { margin: 1 0 0 0; }
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.audience: Audience = "operator"
        self._setup_name = ""
        self._markdown = ""

    @property
    def _assistant(self) -> AppBase:
        return app_of(self)

    def compose(self) -> ComposeResult:
        """For whom, where to, and the text itself."""
        with Horizontal(classes="row"):
            yield Words("", id="for-whom", classes="title fit")
            yield Button("", id="audience", compact=True)
        with Horizontal(classes="row"):
            yield Words(msg("Save it as"), classes="fit")
            yield Input(PATHS["operator"], id="path", compact=True)
            yield Button("", id="save", compact=True)
        yield Verdict(id="saved")
        yield Reading(id="summary")

    def on_mount(self) -> None:
        """Nothing is saved yet."""
        self.query_one("#saved").display = False
        self._label()

    def know(self, setup_name: str) -> None:
        """Take the setup whose summary this is, and word it."""
        self._setup_name = setup_name
        self.retell()

    def retell(self) -> None:
        """Word everything in the present language; the summary is made anew for it."""
        self._label()
        if self._setup_name:
            self._assistant.run_worker(
                self._export(self._setup_name, self.audience, self._assistant.language),
                group="summary",
                exclusive=True,
                exit_on_error=False,
            )

    def _label(self) -> None:
        mine = self.audience == "operator"
        self.query_one("#for-whom", Words).message = (
            msg("For you, who looks after it") if mine else msg("For the people who will chat")
        )
        self.query_one("#audience", Button).label = Content(
            say(self, msg("t  For the others") if mine else msg("t  For you"))
        )
        self.query_one("#save", Button).label = Content(say(self, msg("Save")))

    async def _export(self, name: str, audience: Audience, language: str) -> None:
        export = self._assistant.services.export
        try:
            text = await asyncio.to_thread(export, name, audience, language)
        except AssistantError as error:
            if self.is_attached:
                self._say("failed", msg("{what} Try again.", what=error.message))
            return
        if self.is_attached:
            self._markdown = text
            self.query_one("#summary", Reading).show(text)

    def _say(self, status: str, message: Message) -> None:
        line = self.query_one("#saved", Verdict)
        line.display = True
        line.show(status, message)
        self.post_message(self.News())

    @on(Button.Pressed, "#audience")
    def toggle(self, event: Button.Pressed | None = None) -> None:
        """The summary for the others. A place that was typed stays as it is."""
        if event is not None:
            event.stop()
        path = self.query_one("#path", Input)
        untouched = path.value == PATHS[self.audience]
        self.audience = "people" if self.audience == "operator" else "operator"
        if untouched:
            path.value = PATHS[self.audience]
        self.query_one("#saved").display = False
        self.retell()

    @on(Button.Pressed, "#save")
    def save(self, event: Button.Pressed | None = None) -> None:
        """Write the summary where the path says."""
        if event is not None:
            event.stop()
        path = self.query_one("#path", Input).value.strip()
        if not path:
            self._say("warning", msg("Type where to save it, for example ~/matrix-summary.md."))
        elif self._markdown:
            self.screen.set_focus(None)
            self._assistant.run_worker(
                self._write(path, self._markdown, self.audience), exit_on_error=False
            )

    async def _write(self, path: str, text: str, audience: Audience) -> None:
        try:
            full, beside = await asyncio.to_thread(self._write_all, path, text)
        except (AssistantError, OSError) as error:
            what = (
                error.message
                if isinstance(error, AssistantError)
                else msg("It could not be written ({why}).", why=error.strerror or str(error))
            )
            if self.is_attached:
                self._say("failed", msg("{what} Choose another place and try again.", what=what))
            return
        if self.is_attached:
            saved = (
                msg("Saved in {path}. It holds no passwords; do not publish it.", path=full)
                if audience == "operator"
                else msg("Saved in {path}. Give it to the people who will chat.", path=full)
            )
            if beside:
                saved = msg(
                    "{saved} Beside it for devices and routers: {names}.",
                    saved=saved,
                    names=listed(beside),
                )
            self._say("ok", saved)

    def _write_all(self, path: str, text: str) -> tuple[str, list[str]]:
        """The summary and, in option 3, the files for devices in the same folder."""
        services = self._assistant.services
        full = services.write_file(path, text)
        beside = [
            services.write_file(str(Path(full).with_name(file.name)), file.text)
            for file in services.device_files(self._setup_name)
        ]
        return full, [Path(name).name for name in beside]
