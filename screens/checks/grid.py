"""The grid of findings as values: checks and subjects down, vantages across. No widget, no I/O.

A check is one row that shows the worst of its findings at each place; what needs attention gets a
row of its own below it. Widths are in terminal cells: a Chinese character takes two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from assistant.findings.comparison import PROBLEMS, is_aside
from assistant.findings.model import THIS_COMPUTER, Finding, Status
from assistant.text import Message, msg
from checks.verdict import by_urgency, worst
from screens.checks.finding_words import subject_words, vantage_words
from screens.widgets.cells import shorten
from screens.widgets.status import GLYPHS, status_class, status_words

Say = Callable[[Message | str], str]
"""Words a message in the present language and cleans it."""

WAITING = "…"
_GAP = 2
_LEAST_LABEL = 24
_MOST_HEAD = 18
_INDENT = 2


@dataclass(frozen=True)
class Place:
    """A cell by what it stands for, so that it is found again when rows come and go."""

    check: str
    subject: str
    vantage: str


@dataclass(frozen=True)
class Cell:
    """What one place tells. No findings and not pending: nothing is measured there.

    ``status`` is the worst that is not set aside; ``aside``: all that needs attention here is.
    """

    findings: tuple[Finding, ...] = ()
    status: Status | None = None
    pending: bool = False
    aside: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show or to select."""
        return not self.findings and not self.pending


@dataclass(frozen=True)
class Row:
    """A check (``subject`` is empty) or one of its subjects; a cell per vantage."""

    check: str
    subject: str
    label: Message
    cells: tuple[Cell, ...]

    @property
    def aside(self) -> bool:
        """Whether everything that needs attention here was set aside."""
        problems = [cell for cell in self.cells if cell.status in PROBLEMS]
        return bool(problems) and all(cell.aside for cell in problems)


@dataclass(frozen=True)
class Grid:
    """Rows in the order of the checks, columns in the order of ``vantages``."""

    vantages: tuple[str, ...] = (THIS_COMPUTER,)
    rows: tuple[Row, ...] = ()

    def cell(self, place: Place) -> Cell | None:
        """The cell at a place; None when there is no such row or column."""
        where = self.find(place)
        return None if where is None else self.rows[where[0]].cells[where[1]]

    def find(self, place: Place) -> tuple[int, int] | None:
        """Row and column of a place."""
        for index, row in enumerate(self.rows):
            if (row.check, row.subject) == (place.check, place.subject):
                if place.vantage in self.vantages:
                    return index, self.vantages.index(place.vantage)
                return None
        return None

    def place(self, row: int, column: int) -> Place:
        """The place of a row and column."""
        return Place(self.rows[row].check, self.rows[row].subject, self.vantages[column])


def make_grid(
    findings: Sequence[Finding],
    *,
    vantages: Sequence[str],
    titles: Mapping[str, Message],
    pending: Collection[str] = (),
    unfolded: bool = False,
    set_aside: Collection[str] = (),
) -> Grid:
    """The grid of some findings.

    ``titles`` are the checks in their order, ``pending`` those that are being measured.
    ``unfolded`` gives every subject its row, not only those that need attention. Places that
    only findings name come last.
    """
    columns = tuple(dict.fromkeys((*vantages, *(finding.vantage for finding in findings))))
    checks = dict.fromkeys((*titles, *(finding.check for finding in findings)))
    rows: list[Row] = []
    for check in checks:
        about = [finding for finding in findings if finding.check == check]
        waits = check in pending
        if not about and not waits:
            continue
        cells = tuple(_cell(about, column, waits, set_aside) for column in columns)
        if waits and not about:
            cells = (Cell(pending=True), *cells[1:])
        rows.append(Row(check, "", titles.get(check, msg("{check}", check=check)), cells))
        subjects = dict.fromkeys(finding.subject for finding in about)
        if len(subjects) < 2:
            continue
        for subject in subjects:
            mine = [finding for finding in about if finding.subject == subject]
            if unfolded or any(finding.status in PROBLEMS for finding in mine):
                cells = tuple(_cell(mine, column, waits, set_aside) for column in columns)
                rows.append(Row(check, subject, subject_words(check, subject), cells))
    return Grid(columns, tuple(rows))


def _cell(
    findings: Iterable[Finding], vantage: str, pending: bool, set_aside: Collection[str]
) -> Cell:
    here = tuple(finding for finding in findings if finding.vantage == vantage)
    if not here:
        return Cell()
    open_ones = [finding for finding in here if not is_aside(finding, set_aside)]
    return Cell(
        # The cause before what follows from it.
        findings=tuple(sorted(by_urgency(here), key=lambda item: item.because is not None)),
        status=worst(open_ones or here),
        pending=pending,
        aside=len(open_ones) < len(here)
        and not any(finding.status in PROBLEMS for finding in open_ones),
    )


# -- selecting ----------------------------------------------------------------


def moved(grid: Grid, place: Place | None, down: int, right: int) -> Place | None:
    """The place some rows down and columns right, past empty cells; at an edge it stays."""
    start = place and grid.find(place)
    if not start:
        return most_urgent(grid)
    row, column = start
    if right:
        step = 1 if right > 0 else -1
        for index in range(column + step, len(grid.vantages) if step > 0 else -1, step):
            if not grid.rows[row].cells[index].empty:
                return grid.place(row, index)
        return place
    row = max(0, min(len(grid.rows) - 1, row + down))
    return grid.place(row, _nearest(grid.rows[row], column))


def _nearest(row: Row, column: int) -> int:
    """The column next to a column that is not empty; the column itself when all are."""
    full = [index for index, cell in enumerate(row.cells) if not cell.empty]
    return min(full, key=lambda index: (abs(index - column), index), default=column)


def most_urgent(grid: Grid) -> Place | None:
    """The place to look at first: the worst, and there the row of its own rather than the sum."""
    order = [Status.FAILED, Status.UNKNOWN, Status.WARNING]
    found: list[tuple[tuple[int, bool, int], Place]] = []
    for index, row in enumerate(grid.rows):
        for column, cell in enumerate(row.cells):
            if cell.empty:
                continue
            rank = len(order)
            if cell.status in order and not cell.aside:
                rank = order.index(cell.status)
            summed = row.subject == "" and len({f.subject for f in cell.findings}) > 1
            found.append(((rank, summed, index), grid.place(index, column)))
    return min(found, key=lambda item: item[0])[1] if found else None


def settled(grid: Grid, place: Place | None) -> Place | None:
    """The place to select after the grid changed: the same, its check, or the most urgent."""
    if place is not None:
        if grid.cell(place) is not None:
            return place
        whole = Place(place.check, "", place.vantage)
        if grid.cell(whole) is not None:
            return whole
    return most_urgent(grid)


# -- drawing -------------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    """Widths in cells. ``words``: cells say their status; ``folded``: one glyph a vantage."""

    label: int
    columns: tuple[int, ...]
    words: bool = True
    folded: bool = False

    def column_at(self, x: int) -> int | None:
        """The column at a distance from the left edge; None in the label and beyond."""
        left = self.label
        for index, width in enumerate(self.columns):
            if left <= x < left + width:
                return index
            left += width
        return None


@dataclass(frozen=True)
class Span:
    """A piece of a line. ``kind`` names its style; ``selected`` marks the cell of the cursor."""

    text: str
    kind: str = ""
    selected: bool = False


def make_layout(grid: Grid, width: int, say: Say) -> Layout:
    """How the grid fits a width: words in the cells, glyphs below the heads, or folded."""
    count = len(grid.vantages)
    heads = [min(cell_len(say(vantage_words(name))), _MOST_HEAD) for name in grid.vantages]
    cells = [_cell_text(cell, say, words=True) for row in grid.rows for cell in row.cells]
    word = max((cell_len(text) for text in cells), default=0)
    labels = max((cell_len(_label(row, say)) for row in grid.rows), default=0) + _GAP
    for words, needed in ((True, word), (False, 1)):
        columns = tuple(max(head, needed) + _GAP for head in heads)
        if width - sum(columns) >= min(_LEAST_LABEL, labels):
            return Layout(min(labels, width - sum(columns)), columns, words)
    return Layout(max(1, min(labels, width - 2 * count)), (2,) * count, False, folded=True)


def head_lines(grid: Grid, layout: Layout, width: int, say: Say) -> tuple[tuple[Span, ...], ...]:
    """The heads of the columns; folded, numbers and a line or more that says what they mean."""
    if not layout.folded:
        names = [shorten(say(vantage_words(name)), size - _GAP) + " " * _GAP
                 for name, size in zip(grid.vantages, layout.columns, strict=True)]  # fmt: skip
        return ((Span(" " * layout.label), Span("".join(names), "head")),)
    lines: list[str] = [""]
    for number, name in enumerate(grid.vantages, 1):
        entry = f"{number} {say(vantage_words(name))}"
        joined = f"{lines[-1]}  {entry}" if lines[-1] else entry
        if cell_len(joined) > width and lines[-1]:
            lines.append(entry)
        else:
            lines[-1] = joined
    digits = "".join(f"{number} " for number in range(1, len(grid.vantages) + 1))
    return (
        *((Span(shorten(line, width), "head"),) for line in lines),
        (Span(" " * layout.label), Span(digits, "head")),
    )


def row_spans(
    row: Row, layout: Layout, say: Say, *, selected: int | None = None
) -> tuple[Span, ...]:
    """One row as pieces; ``selected`` is the column of the cursor when it is in this row."""
    label = shorten(_label(row, say), layout.label - 1) + " "
    spans = [Span(label, "aside" if row.aside else "label")]
    for index, (cell, size) in enumerate(zip(row.cells, layout.columns, strict=True)):
        here = index == selected
        gap = 1 if layout.folded else _GAP
        text = _cell_text(cell, say, words=layout.words)
        spans.append(Span(shorten(text, size - gap), _kind(cell, row), here))
        spans.append(Span(" " * gap))
    return tuple(spans)


def _label(row: Row, say: Say) -> str:
    words = msg("{subject} · set aside", subject=row.label) if row.aside else row.label
    return " " * (_INDENT if row.subject else 0) + say(words)


def _cell_text(cell: Cell, say: Say, *, words: bool) -> str:
    if cell.empty:
        return ""
    if cell.status is None:
        return f"{WAITING} {say(msg('measuring'))}" if words else WAITING
    glyph = WAITING if cell.pending else GLYPHS[cell.status]
    return f"{glyph} {say(status_words(cell.status))}" if words else glyph


def _kind(cell: Cell, row: Row) -> str:
    if cell.status is None or cell.pending or row.aside:
        return "muted"
    return status_class(cell.status)
