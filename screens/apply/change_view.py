"""One change in full: what, where, why, and its diff; beside the tree or over the screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ScrollableContainer
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from assistant.text import listed, msg
from assistant.text.host_messages import title_message
from screens.apply.change_tree import Change, Decisions, Heading, sign_of
from screens.base.page import worded_bindings
from screens.widgets.key_hints import KeyHints
from screens.widgets.words import say

if TYPE_CHECKING:
    from textual.binding import ActiveBinding


class ChangeView(ScrollableContainer, can_focus=True):
    """One change in full: what, where, why, and its diff."""

    DEFAULT_CSS = """
    ChangeView { height: 1fr; min-height: 5; }
    ChangeView > Static { width: auto; min-width: 100%; height: auto; }
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._data: Change | Heading | None = None
        self._decisions: Decisions = {}

    def compose(self) -> Iterable[Static]:
        """One text."""
        yield Static("", markup=False)

    def show(self, data: Change | Heading | None, decisions: Decisions) -> None:
        """Show another change, from its top."""
        if data != self._data:
            self.scroll_home(animate=False)
        self._data, self._decisions = data, decisions
        self.retell()

    def retell(self) -> None:
        """Word it in the present language."""
        if self.is_attached and self.children:
            self.query_one(Static).update(Content("\n").join(self._lines()))

    def _lines(self) -> list[Content]:
        change = self._data
        if not isinstance(change, Change):
            return []
        sign, kind, word = sign_of(change, self._decisions)
        lines = [
            Content.styled(say(self, title_message(change.title)), "bold"),
            Content.styled(say(self, change.place), "dim"),
            Content.assemble((f"{sign} ", _COLOURS.get(kind, "")), say(self, word)),
        ]
        if change.more:
            lines += [Content(""), Content(say(self, listed(change.more)))]
        elif change.summary.template:
            lines += [Content(""), Content(say(self, change.summary))]
        if change.action == "conflict":
            lines += [Content(""), Content(say(self, _CHOICE))]
        if change.diff:
            lines += [Content(""), *diff_lines(say(self, change.diff))]
        elif change.group in ("files", "conflict") and change.action != "create":
            lines += [Content(""), Content.styled(say(self, _NO_DIFF), "dim")]
        return lines


_CHOICE = msg("k  keep yours as it is\nn  use the new one (undo brings yours back)")
_NO_DIFF = msg("What it holds is not shown: it is secret, or only its owner or mode changes.")
_COLOURS = {
    "new": "$text-success",
    "changed": "$text-accent",
    "removed": "$text-error",
    "decide": "$text-warning",
    "later": "dim",
}


def diff_lines(diff: str) -> list[Content]:
    """The lines of a unified diff: signs as they are, coloured for those who see colour."""
    found = []
    for line in diff.splitlines():
        if line.startswith(("+++", "---")):
            style = "bold"
        elif line.startswith("@@"):
            style = "$text-accent"
        else:
            style = {"+": "$text-success", "-": "$text-error"}.get(line[:1], "")
        found.append(Content.styled(line, style))
    return found


class DetailsDialog(ModalScreen[str | None]):
    """One change over the whole screen; ends with a decision, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,d,enter,q", "close", str(msg("Close"))),
        Binding("k", "decide('keep')", str(msg("Keep yours"))),
        Binding("n", "decide('overwrite')", str(msg("Use the new one"))),
        Binding("f2,ctrl+l", "app.language", str(msg("中文 / English"))),
    ]
    DEFAULT_CSS = """
    DetailsDialog ChangeView { padding: 1 2; background: $background; }
    """

    def __init__(self, change: Change, decisions: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__()
        self._change, self._decisions = change, decisions

    def compose(self) -> ComposeResult:
        """The change and the keys."""
        yield ChangeView()
        yield KeyHints()

    def on_mount(self) -> None:
        """Show it."""
        view = self.query_one(ChangeView)
        view.show(self._change, self._decisions)
        view.focus()

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The key hints in the present language."""
        return worded_bindings(self, super().active_bindings)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Decisions only where there is something to decide."""
        if action == "decide":
            return self._change.action == "conflict"
        return super().check_action(action, parameters)

    def action_close(self) -> None:
        """Back to the review."""
        self.dismiss(None)

    def action_decide(self, how: str) -> None:
        """Decide and go back."""
        self.dismiss(how)
