"""How a run is shown: each server a column of parts that settle into ✓, and the log on demand.

Drawn on a timer from folded states (:mod:`assistant.operations.run_state`), only what changed, at a
size that does not depend on what happens: a thousand events a second cost five drawings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest
from typing import Any

from textual.app import ComposeResult
from textual.cache import LRUCache
from textual.containers import Container, Vertical
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

from assistant.operations.run_state import CHAPTERS, SETTLED, HostRun, RunStep
from assistant.operations.run_time import about, counted, elapsed, in_step, left
from assistant.text import Message, msg
from assistant.text.host_messages import title_message
from screens.widgets.cells import shorten
from screens.widgets.log_tail import LogTail
from screens.widgets.words import say

_BURST = 150
"""Lines of one server added to the log at once: of more than anyone can read, the newest."""
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

_GLYPHS = {"waiting": "○", "done": "✓", "same": "✓", "kept": "–", "failed": "✗"}
_STYLES = {"done": "$text-success", "same": "$text-success", "failed": "$text-error"}
_WORDS: Mapping[str, Message] = {
    "waiting": msg("to come"),
    "done": msg("done"),
    "same": msg("as it was"),
    "kept": msg("left as it is"),
    "failed": msg("failed"),
    "running": msg("working"),
    "halted": msg("not done"),
}
_UNDO_WORDS: Mapping[str, Message] = {**_WORDS, "done": msg("taken back")}


@dataclass(frozen=True)
class Row:
    """One line of a column: how deep, which state, what it says, what stands at its right end."""

    state: str
    title: Message
    right: Message | None = None
    depth: int = 0


def rows(run: HostRun, now: float, room: int) -> tuple[tuple[Row, ...], int]:
    """The lines for a run's parts, the present one opened, and the number of the present line.

    In little ``room`` only the steps nearest to the present one are among them.
    """
    chapters = [(key, tuple(steps)) for key, steps in groupby(run.steps, lambda step: step.chapter)]
    if len(chapters) <= 1:
        return _step_rows(run, run.steps, now, 0)
    found: list[Row] = []
    focus = 0
    for key, steps in chapters:
        state = _chapter_state(steps)
        open_ = state in ("running", "failed")
        seconds = sum(step.seconds for step in steps)
        right = None
        if state in ("done", "same") and seconds >= 1:
            right = counted(seconds)
        title = CHAPTERS.get(key, CHAPTERS["other"])
        if open_ and focus == 0:
            focus = len(found)
        found.append(Row(state, title, right))
        if open_:
            inner, at = _step_rows(run, steps, now, 1)
            near = window(len(inner), at, max(2, room - len(chapters)))
            focus = len(found) + at - near.start
            found += inner[near.start : near.stop]
        elif state != "waiting":
            focus = len(found) - 1
    return tuple(found), focus


def _chapter_state(steps: Sequence[RunStep]) -> str:
    states = {step.state for step in steps}
    if "failed" in states:
        return "failed"
    if states <= SETTLED:
        return "same" if states == {"same"} else "done"
    if states == {"waiting"}:
        return "waiting"
    return "running"


def _step_rows(
    run: HostRun, steps: Sequence[RunStep], now: float, depth: int
) -> tuple[tuple[Row, ...], int]:
    present = run.steps[run.current].id if run.current is not None else ""
    found, focus = [], 0
    for number, step in enumerate(steps):
        right = None
        if step.state == "done" and step.seconds >= 1:
            right = counted(step.seconds)
        elif step.state == "running" and step.id == present and run.phase != "ended":
            right = counted(in_step(run, now))
        if step.state != "waiting":
            focus = number
        found.append(Row(step.state, title_message(step.title), right, depth))
    return tuple(found), focus


def window(total: int, focus: int, height: int) -> range:
    """Which of ``total`` lines to show in ``height``, the present one in the upper two thirds."""
    start = min(max(0, focus - (height * 3) // 5), max(0, total - height))
    return range(start, min(total, start + height))


class HostColumn(Widget):
    """One server: its name, how far it is, its parts, the time.

    Only the lines that changed are drawn again: that is four or five of thirty each time.
    """

    DEFAULT_CSS = """
    HostColumn { height: 1fr; min-height: 3; width: 1fr; padding: 0 2 0 0; }
    """

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host
        self._drawn: list[Content] = []
        # Most lines stay as they are for long, but move when the log opens.
        self._strips: LRUCache[object, Strip] = LRUCache(128)
        self._run = HostRun(host)
        self._shown: object = None
        self._now = 0.0

    def show(self, run: HostRun, now: float) -> None:
        """Draw a state, unless it looks as what is shown."""
        self._run, self._now = run, now
        moving = run.phase not in ("waiting", "ended")
        # The same object means that no event came: then only the clock and the wheel move.
        shown = (id(run), int(now * 10) if moving else 0)
        if self._shown != shown:
            self._shown = shown
            self._draw()

    def retell(self) -> None:
        """Word it in the present language."""
        self._draw()

    def on_resize(self) -> None:
        """Fit the new size."""
        self._draw()

    def _draw(self) -> None:
        width, height = self.content_size
        if width <= 4 or height <= 0:
            return
        before, self._drawn = self._drawn, self._lines(width, height)
        for y, (old, new) in enumerate(zip_longest(before, self._drawn)):
            if old is None or new is None or not new.is_same(old):
                self.refresh(Region(0, y, width, 1))

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines as they were last drawn, with the gap to their right.

        Textual puts borders, tints and the like around each line anew when the size changes; none
        of these are here, and that takes longer than the lines themselves.
        """
        if self.get_line_filters() or self.opacity < 1:
            return super().render_lines(crop)
        width, background = self.outer_size.width, self.visual_style.rich_style
        lines = [self.render_line(y).adjust_cell_length(width, background) for y in crop.line_range]
        if crop.column_span == (0, width):
            return lines
        return [line.crop(*crop.column_span) for line in lines]

    def render_line(self, y: int) -> Strip:
        """One line, as it was last drawn."""
        width, style = self.content_size.width, self.visual_style
        if y >= len(self._drawn):
            return Strip.blank(width, style.rich_style)
        line = self._drawn[y]
        key = (line.plain, tuple(line.spans), width, style)
        strip = self._strips.get(key)
        if strip is None:
            [strip] = Visual.to_strips(self, line, width, 1, style, pad=True)
            self._strips[key] = strip
        return strip

    def _lines(self, width: int, height: int) -> list[Content]:
        run = self._run
        lines = [self._head(width), self._bar(width)]
        foot = self._time(width)
        if height < 7:
            # Little room for each of several servers: where it is counts most.
            foot = foot[-1:] if height >= 5 else []
        elif height >= 17:
            lines.append(Content(""))
            foot = [Content(""), *foot]
        room = height - len(lines) - len(foot)
        found, focus = rows(run, self._now, room)
        shown = [self._row(found[number], width) for number in window(len(found), focus, room)]
        lines += shown
        return [*lines, *foot][:height]

    def _head(self, width: int) -> Content:
        run = self._run
        count = msg("{done} of {total}", done=run.settled, total=run.count) if run.count else ""
        right = say(self, count)
        name = shorten(say(self, self.host), max(0, width - Content(right).cell_length - 1))
        return Content.assemble((name, "bold"), " ", (right, "dim"))

    def _bar(self, width: int) -> Content:
        run = self._run
        filled = round(run.share * width)
        style = "$primary"
        if run.phase == "ended":
            style = "$text-success" if run.ok else "$text-error"
            if run.stopped:
                style = "$text-warning"
        return Content.assemble(("━" * filled, style), ("─" * (width - filled), "dim"))

    def _row(self, row: Row, width: int) -> Content:
        run = self._run
        words = _UNDO_WORDS if run.what == "undo" else _WORDS
        state, style = row.state, _STYLES.get(row.state, "")
        glyph = _GLYPHS.get(state, "")
        if state == "running":
            if run.phase == "ended":
                glyph, style, state = "–", "", "halted"
            else:
                glyph, style = self._wheel(), "$primary"
        word = say(self, words[state])
        if row.right is not None:
            word = f"{word}  {say(self, row.right)}"
        if row.depth and state == "waiting":
            word = ""
        space = width - 2 - Content(word).cell_length - 2 - 2 * row.depth
        title = shorten(say(self, row.title), max(4, space))
        weight = "bold" if state == "running" else ("dim" if state in ("waiting", "halted") else "")
        return Content.assemble(
            "  " * row.depth, (glyph, style), " ", (title, weight), "  ", (word, "dim")
        )

    def _wheel(self) -> str:
        if self.app.animation_level == "none":
            return "…"
        return SPINNER[int(self._now * 10) % len(SPINNER)]

    def _time(self, width: int) -> list[Content]:
        run, now = self._run, self._now
        if run.phase == "waiting":
            text = say(self, msg("Connecting …"))
        elif run.phase == "ended":
            text = say(self, msg("Took {time}.", time=counted(elapsed(run, now))))
        else:
            expected = left(run, now)
            if expected.over:
                words = msg(
                    "{time} so far. This step takes a little longer than usual.",
                    time=counted(elapsed(run, now)),
                )
            elif run.steps:
                words = msg(
                    "{time} so far, {left} left",
                    time=counted(elapsed(run, now)),
                    left=about(expected.seconds),
                )
            else:
                words = msg("{time} so far", time=counted(elapsed(run, now)))
            text = say(self, words)
        lines = [Content(shorten(text, width)).stylize("dim")]
        if run.line and run.phase != "ended":
            lines.insert(0, Content(shorten(f"  {run.line}", width)).stylize("dim italic"))
        elif run.phase not in ("ended", "waiting"):
            lines.insert(0, Content(""))
        return lines


class RunView(Container):
    """All servers of a run, and their output when asked for."""

    DEFAULT_CSS = """
    RunView { height: 1fr; min-height: 6; layout: vertical; }
    RunView #columns { height: 1fr; overflow-y: auto; }
    RunView LogTail { display: none; height: 2fr; min-height: 4; margin: 1 0 0 0; }
    """
    _LEAST = 6
    _LEAST_WITH_LOG = 12

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._runs: Mapping[str, HostRun] = {}
        self._logged: dict[str, int] = {}

    def compose(self) -> ComposeResult:
        """Columns come with the first state; the log is there but hidden."""
        yield Vertical(id="columns")
        yield LogTail()

    def show(self, runs: Mapping[str, HostRun], now: float) -> None:
        """Draw states; columns of new hosts are added."""
        self._runs = dict(runs)
        columns = {column.host: column for column in self.query(HostColumn)}
        for host, run in runs.items():
            if host in columns:
                columns[host].show(run, now)
            else:
                column = HostColumn(host)
                self.query_one("#columns").mount(column)
                column.show(run, now)
        for host in columns.keys() - runs.keys():
            columns[host].remove()
        self._feed()

    def toggle_log(self) -> bool:
        """Show or hide the output; whether it is shown now."""
        log = self.query_one(LogTail)
        # No class: it would have every widget in here compared with all style sheets again.
        log.display = not log.display
        self.styles.min_height = self._LEAST_WITH_LOG if log.display else self._LEAST
        self._feed()
        if log.display:
            log.focus()
        return log.display

    @property
    def shows_log(self) -> bool:
        """Whether the output is shown."""
        return self.query_one(LogTail).display

    def restart(self) -> None:
        """Forget what the log shows: another run begins."""
        self._logged.clear()
        self.query_one(LogTail).clear()

    def _feed(self) -> None:
        if not self.shows_log:
            return
        lines: list[str] = []
        several = len(self._runs) > 1
        for host, run in self._runs.items():
            fresh = min(run.logged - self._logged.get(host, 0), len(run.log), _BURST)
            if fresh > 0:
                self._logged[host] = run.logged
                head = f"{host} │ " if several else ""
                lines += [head + line for line in run.log[-fresh:]]
        if lines:
            self.query_one(LogTail).write_lines(lines)


def halted(run: HostRun) -> HostRun:
    """A run nobody hears from any more, as it is shown: where it was, not moving."""
    return replace(run, phase="ended", stopped=False)
