"""What will change on the servers, as a tree: server, kind of thing, thing; and its diff."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rich.style import Style
from rich.text import Text
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from assistant.text import Message, msg
from assistant.text.host_messages import host_message, title_message
from assistant.text.message import NOTHING
from screens.widgets.words import say

if TYPE_CHECKING:
    from assistant.operations.apply import HostPreview

KEEP = "keep"
OVERWRITE = "overwrite"

Decisions = Mapping[str, Mapping[str, str]]
"""What was decided on hand-edited things, by host and id: KEEP or OVERWRITE."""

GROUPS: Mapping[str, Message] = {
    "conflict": msg("Edited by hand: your decision"),
    "packages": msg("Packages"),
    "programs": msg("Programs"),
    "files": msg("Settings files"),
    "folders": msg("Folders"),
    "secrets": msg("Keys and secrets"),
    "users": msg("System accounts"),
    "database": msg("Database"),
    "services": msg("Services"),
    "firewall": msg("Firewall"),
    "certificate": msg("Certificate"),
    "timers": msg("Timers"),
    "commands": msg("Commands"),
    "removals": msg("Things removed"),
    "other": msg("Other things"),
}
"""The groups in the order they are shown."""

_GROUP_OF = {
    "mirror": "packages",
    "packages": "packages",
    "virtualenv": "programs",
    "file": "files",
    "block": "files",
    "directory": "folders",
    "secret": "secrets",
    "user": "users",
    "pgrole": "database",
    "pgdatabase": "database",
    "service": "services",
    "firewall": "firewall",
    "certificate": "certificate",
    "timer": "timers",
    "command": "commands",
    "absent": "removals",
}


@dataclass(frozen=True)
class Change:
    """One thing that will change on a host. ``more`` are names it stands for (packages)."""

    host: str
    id: str
    title: str
    action: str
    summary: Message = NOTHING
    diff: str = ""
    more: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The key of its group."""
        if self.action == "conflict":
            return "conflict"
        return _GROUP_OF.get(self.id.partition(":")[0], "other")

    @property
    def place(self) -> str:
        """Where it is: the path of a file, the name of a service."""
        return self.id.partition(":")[2]


def changes_of(preview: HostPreview, more: Mapping[str, tuple[str, ...]]) -> tuple[Change, ...]:
    """What a preview says would change; ``more`` gives the names behind an id."""
    return tuple(
        Change(
            host=preview.host,
            id=str(state.get("id", "")),
            title=str(state.get("title") or state.get("id", "")),
            action=str(state.get("action", "unknown")),
            summary=host_message(state, "summary"),
            diff=str(state.get("diff") or ""),
            more=more.get(str(state.get("id")), ()),
        )
        for state in preview.changes
    )


def undecided(changes: Iterable[Change], decisions: Decisions) -> tuple[Change, ...]:
    """The hand-edited things nobody has decided on yet."""
    return tuple(
        change
        for change in changes
        if change.action == "conflict" and change.id not in decisions.get(change.host, {})
    )


_SIGNS: Mapping[str, tuple[str, str, Message]] = {
    "create": ("+", "new", msg("new")),
    "update": ("~", "changed", msg("changes")),
    "run": ("▸", "changed", msg("is run")),
    "restart": ("▸", "changed", msg("restarts")),
    "remove": ("-", "removed", msg("goes")),
    "unknown": ("·", "later", msg("once the rest is there")),
    "conflict": ("!", "decide", msg("decide: yours or the new one")),
    KEEP: ("–", "later", msg("yours is kept")),
    OVERWRITE: ("~", "changed", msg("the new one is used")),
}


def sign_of(change: Change, decisions: Decisions) -> tuple[str, str, Message]:
    """Sign, style and word for a change."""
    action = change.action
    if action == "conflict":
        action = decisions.get(change.host, {}).get(change.id, action)
    return _SIGNS.get(action, _SIGNS["update"])


@dataclass(frozen=True)
class Heading:
    """A line of the tree that holds others: a server, or a group of one."""

    host: str
    group: str
    count: int


class ChangeTree(Tree[Change | Heading | None]):
    """The tree. Assign with :meth:`fill`; decisions are shown by :meth:`decided`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "change--new",
        "change--changed",
        "change--removed",
        "change--decide",
        "change--later",
        "change--word",
    }
    DEFAULT_CSS = """
    ChangeTree { height: 1fr; min-height: 5; background: transparent; padding: 0;
                 scrollbar-size-horizontal: 0; }
    ChangeTree > .change--new { color: $text-success; }
    ChangeTree > .change--changed { color: $text-accent; }
    ChangeTree > .change--removed { color: $text-error; }
    ChangeTree > .change--decide { color: $text-warning; text-style: bold; }
    ChangeTree > .change--later { text-style: dim; }
    ChangeTree > .change--word { text-style: dim; }
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(Text(""), **how)
        self.show_root = False
        self.guide_depth = 3
        self.auto_expand = False
        self._decisions: Decisions = {}

    def fill(self, changes: Mapping[str, Sequence[Change]], decisions: Decisions) -> None:
        """Show the changes of each host; what must be decided is open."""
        self._decisions = decisions
        self.clear()
        for host, of_host in changes.items():
            server = self.root.add(Text(""), Heading(host, "", len(of_host)), expand=True)
            for key in GROUPS:
                inside = [change for change in of_host if change.group == key]
                if not inside:
                    continue
                count = sum(max(1, len(c.more)) if key == "packages" else 1 for c in inside)
                group = server.add(Text(""), Heading(host, key, count), expand=key == "conflict")
                for change in inside:
                    group.add_leaf(Text(""), change)
        self.retell()

    def decided(self, decisions: Decisions) -> None:
        """Show other decisions."""
        self._decisions = decisions
        self.retell()

    def retell(self) -> None:
        """Word every line in the present language; what is open and selected stays so."""
        for node in self.all_nodes():
            node.set_label(self._label(node.data))

    def all_nodes(self) -> Iterable[TreeNode[Change | Heading | None]]:
        """Every line below the root, from top to bottom."""
        waiting = [*reversed(self.root.children)]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.children)

    def go_to(self, change: Change) -> None:
        """Open what holds a change and select it."""
        for node in self.all_nodes():
            if node.data == change:
                parent = node.parent
                while parent is not None:
                    parent.expand()
                    parent = parent.parent
                # The lines are laid out anew first; moving before would miss.
                self.call_after_refresh(self.move_cursor, node)

    @property
    def present(self) -> Change | Heading | None:
        """What the cursor is on."""
        return self.cursor_node.data if self.cursor_node is not None else None

    def _label(self, data: Change | Heading | None) -> Text:
        if isinstance(data, Heading):
            return Text(self._heading(data))
        if data is None:
            return Text("")
        return Text(say(self, title_message(data.title)))

    def _heading(self, data: Heading) -> str:
        if not data.group:
            if not data.count:
                return say(self, msg("{host}: nothing to do", host=data.host))
            return say(self, data.host)
        return say(self, msg("{group} ({count})", group=GROUPS[data.group], count=data.count))

    def render_label(
        self, node: TreeNode[Change | Heading | None], base_style: Style, style: Style
    ) -> Text:
        """Sign, title and word of a change; the usual line for a heading."""
        if not isinstance(node.data, Change):
            return super().render_label(node, base_style, style)
        sign, kind, word = sign_of(node.data, self._decisions)
        colour = self.get_component_rich_style(f"change--{kind}", partial=True)
        quiet = self.get_component_rich_style("change--word", partial=True)
        label = node.label if isinstance(node.label, Text) else Text(str(node.label))
        return Text.assemble(
            (f"{sign} ", base_style + colour + style),
            (label.plain, base_style + style),
            (f"  {say(self, word)}", base_style + (colour if kind == "decide" else quiet) + style),
        )
