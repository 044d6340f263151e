"""The drawing of an option: who connects to whom across the border, from its Topology.

Pure: topology, width and a way to word messages go in, lines of text come out. Wide enough, the
two sides of the border stand beside each other; else everything stands in one column.
"""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len

from assistant.advice.options import Link, LinkKind, NameSource, Node, NodeKind, Side, Topology
from assistant.text import Message, msg
from screens.widgets.cells import centre, shorten, wrap

Say = Callable[[Message], str]

SIDE_BY_SIDE = 54
"""Cells from which on the two sides stand beside each other."""
WIDEST = 84
"""Cells that a drawing takes at most."""
BORDER = "┊"

_GAP = 22  # between the columns at least, so that the words on the crossing line fit
_SIDES = {Side.OUTSIDE: msg("Outside China"), Side.INSIDE: msg("Mainland China")}
_FILTER = msg("border filter")
_DOES = {
    LinkKind.CLIENTS: msg("apps connect"),
    LinkKind.FEDERATION: msg("servers exchange"),
    LinkKind.FORWARD: msg("passes it on"),
}
_NAMES = {
    NameSource.PUBLIC_DNS: msg("name in public DNS"),
    NameSource.DEVICE_RECORD: msg("name set on devices"),
    NameSource.SERVER_RECORD: msg("name set on server"),
    NameSource.ADDRESS: msg("by address, no name"),
}
_KEEPS = {
    NodeKind.SERVER: msg("keeps the messages"),
    NodeKind.PROXY: msg("keeps nothing"),
}


def draw(topology: Topology, width: int, say: Say = str) -> tuple[str, ...]:
    """The drawing in lines of at most ``width`` cells (20 at least)."""
    width = max(20, min(width, WIDEST))
    if width >= SIDE_BY_SIDE:
        rows = _rows(topology)
        if len(set(rows.values())) == len(rows):
            return _beside(topology, width, say, rows)
    return _below(topology, width, say)


# -- where the boxes stand -------------------------------------------------------


def _rows(topology: Topology) -> dict[str, tuple[Side, int]]:
    """Side and row of each node: down towards what answers, crossing links on one level."""
    rows = {node.id: 0 for node in topology.nodes}
    for _ in topology.nodes:  # as often as the longest chain could need
        for link in topology.links:
            if topology.crosses_border(link):
                rows[link.start] = rows[link.end] = max(rows[link.start], rows[link.end])
            else:
                rows[link.end] = max(rows[link.end], rows[link.start] + 1)
    for link in reversed(topology.links):
        if not topology.crosses_border(link):
            rows[link.start] = rows[link.end] - 1
    return {node.id: (node.side, rows[node.id]) for node in topology.nodes}


def _box(node: Node, width: int, say: Say) -> list[str]:
    """What stands in a box, each line at most ``width`` cells."""
    lines = wrap(say(node.label), width)
    if node.kind in _KEEPS:
        lines += wrap(say(_KEEPS[node.kind]), width)
    return lines


def _node_width(topology: Topology, say: Say, most: int) -> int:
    """The width of all boxes with their frames, ``most`` at most."""
    longest = max(
        cell_len(line) for node in topology.nodes for line in _box(node, most - 4, say) or [""]
    )
    return min(longest + 4, most)


class _Canvas:
    """Rows of cells to write text on; a character of two cells takes two."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: list[list[str]] = []

    def put(self, x: int, y: int, text: str) -> None:
        while len(self._rows) <= y:
            self._rows.append([" "] * self._width)
        row = self._rows[y]
        for char in text:
            cells = cell_len(char)
            if not cells or x < 0 or x + cells > self._width:
                continue
            row[x : x + cells] = [char, *[""] * (cells - 1)]
            x += cells

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple("".join(row).rstrip() for row in self._rows)


# -- side by side ----------------------------------------------------------------


def _beside(
    topology: Topology, width: int, say: Say, rows: dict[str, tuple[Side, int]]
) -> tuple[str, ...]:
    box = _node_width(topology, say, (width - _GAP) // 2)
    width = min(width, 2 * box + 40)
    gap = width - 2 * box
    left = {Side.OUTSIDE: 0, Side.INSIDE: width - box}
    middle = box + gap // 2
    canvas = _Canvas(width)
    tops: dict[str, int] = {}
    words: dict[str, list[str]] = {}
    y = 1
    for number in range(min(row for _, row in rows.values()), 1 + max(r for _, r in rows.values())):
        here = [node for node in topology.nodes if rows[node.id][1] == number]
        crossing = [k for k in topology.links if _on_row(topology, rows, k, number, crosses=True)]
        above = max((len(wrap(say(_DOES[k.kind]), gap - 2)) for k in crossing), default=1)
        y += above - 1
        height = 2 + max((len(_names(k, Side.OUTSIDE, gap - 2, say)) for k in crossing), default=0)
        for node in here:
            words[node.id] = _box(node, box - 4, say)
            tops[node.id] = y
            height = max(height, len(words[node.id]) + 2)
        y += height
        down = [k for k in topology.links if _on_row(topology, rows, k, number, crosses=False)]
        y += max((len(_beside_line(k, box // 2 + gap // 2 - 3, say)) for k in down), default=0)
    for line in range(1, y):
        canvas.put(middle, line, BORDER)
    for side, text in _SIDES.items():
        canvas.put(left[side], 0, centre(say(text), box))
    head = shorten(say(_FILTER), min(cell_len(say(_FILTER)), gap - 2))
    canvas.put(middle - cell_len(head) // 2, 0, head)
    for node in topology.nodes:
        _put_box(canvas, left[node.side], tops[node.id], box, words[node.id])
    for link in topology.links:
        start = topology.node(link.start)
        if topology.crosses_border(link):
            _put_crossing(canvas, link, start.side, box, gap, tops[link.end], say)
            continue
        x = left[start.side] + box // 2
        under = tops[link.start] + len(words[link.start]) + 1
        canvas.put(x, under, "┬")
        canvas.put(x, tops[link.end], "▼")
        labels = _beside_line(link, box // 2 + gap // 2 - 3, say)
        for line in range(under + 1, tops[link.end]):
            canvas.put(x, line, "│")
        for place, label in enumerate(labels, under + 1):
            # Towards the middle, where there is room on both sides.
            outside = start.side is Side.OUTSIDE
            canvas.put(x + 2 if outside else x - 1 - cell_len(label), place, label)
    return canvas.lines


def _on_row(
    topology: Topology,
    rows: dict[str, tuple[Side, int]],
    link: Link,
    number: int,
    *,
    crosses: bool,
) -> bool:
    return rows[link.start][1] == number and topology.crosses_border(link) is crosses


def _put_box(canvas: _Canvas, x: int, y: int, width: int, lines: list[str]) -> None:
    canvas.put(x, y, "┌" + "─" * (width - 2) + "┐")
    for place, line in enumerate(lines, y + 1):
        canvas.put(x, place, "│ " + centre(line, width - 4) + " │")
    canvas.put(x, y + len(lines) + 1, "└" + "─" * (width - 2) + "┘")


def _beside_line(link: Link, width: int, say: Say) -> list[str]:
    return [*wrap(say(_DOES[link.kind]), width), *wrap(say(_NAMES[link.name]), width)]


def _names(link: Link, start: Side, width: int, say: Say) -> list[str]:
    """How each end learns where the other is; an arrow says for which direction."""
    lines = wrap(say(_NAMES[link.name]), width - 2)
    if not link.both_ways or link.name_back is None:
        return lines
    back = wrap(say(_NAMES[link.name_back]), width - 2)
    there, here = ("→ ", "← ") if start is Side.OUTSIDE else ("← ", "→ ")
    return [there + lines[0], *lines[1:], here + back[0], *back[1:]]


def _put_crossing(
    canvas: _Canvas, link: Link, start: Side, box: int, gap: int, top: int, say: Say
) -> None:
    rightwards = start is Side.OUTSIDE
    arrow = list("─" * gap)
    arrow[gap // 2] = BORDER
    if rightwards or link.both_ways:
        arrow[-1] = "▶"
    if not rightwards or link.both_ways:
        arrow[0] = "◀"
    canvas.put(box, top + 1, "".join(arrow))
    does = wrap(say(_DOES[link.kind]), gap - 2)
    for place, text in enumerate(does, top + 1 - len(does)):
        canvas.put(box + 1, place, centre(text, gap - 2))
    for place, text in enumerate(_names(link, start, gap - 2, say), top + 2):
        canvas.put(box + 1, place, centre(text, gap - 2))


# -- one column ------------------------------------------------------------------


def _below(topology: Topology, width: int, say: Say) -> tuple[str, ...]:
    """Every box under the one before, the border as a line across; the way messages take."""
    rows = _rows(topology)
    outside = [node for node in topology.nodes if node.side is Side.OUTSIDE]
    inside = [node for node in topology.nodes if node.side is Side.INSIDE]
    outside.sort(key=lambda node: rows[node.id][1])
    inside.sort(key=lambda node: -rows[node.id][1])
    order = [*outside, *inside]
    box = _node_width(topology, say, width)
    lines: list[str] = []
    drawn: set[int] = set()
    for place, node in enumerate(order):
        before = order[place - 1] if place else None
        if before is None:
            lines.append(say(_SIDES[node.side]))
        else:
            lines += _between(topology, before, node, width, say, drawn)
        words = _box(node, box - 4, say)
        canvas = _Canvas(width)
        _put_box(canvas, 0, 0, box, words)
        lines += canvas.lines
    for index, link in enumerate(topology.links):
        if index not in drawn:
            start, end = topology.node(link.start), topology.node(link.end)
            text = f"{say(start.label)} → {say(end.label)}: {say(_DOES[link.kind])}"
            lines += wrap(text, width)
    return tuple(line.rstrip() for line in lines)


def _between(
    topology: Topology, above: Node, under: Node, width: int, say: Say, drawn: set[int]
) -> list[str]:
    """The lines between two boxes: the link, if there is one, and the border, if it is here."""
    lines: list[str] = []
    for index, link in enumerate(topology.links):
        if {link.start, link.end} != {above.id, under.id}:
            continue
        drawn.add(index)
        down, up = link.start == above.id, link.end == above.id
        texts = wrap(say(_DOES[link.kind]), width - 4)
        if link.both_ways and link.name_back is not None:
            first, second = (link.name, link.name_back) if down else (link.name_back, link.name)
            texts += wrap(f"↓ {say(_NAMES[first])}", width - 4)
            texts += wrap(f"↑ {say(_NAMES[second])}", width - 4)
        else:
            texts += wrap(say(_NAMES[link.name]), width - 4)
        marks = ["│"] * len(texts)
        if up or link.both_ways:
            marks[0] = "▲"
        if down or link.both_ways:
            marks[-1] = "▼"
        lines += [f"  {mark} {text}" for mark, text in zip(marks, texts, strict=True)]
    if above.side is not under.side:
        text = f" {say(_FILTER)} "
        rest = max(width - cell_len(text), 2)
        lines.append("┄" * (rest // 2) + text + "┄" * (rest - rest // 2))
        lines.append(say(_SIDES[under.side]))
    return lines
