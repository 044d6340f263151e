"""The review: what will change on each server, before it does; hand edits are decided here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from assistant.common.errors import AssistantError
from assistant.setup.history import standing
from assistant.text import Message, msg
from assistant.wizard.steps import Step
from screens.apply.change_tree import KEEP, OVERWRITE, Change, ChangeTree, undecided
from screens.apply.change_view import ChangeView, DetailsDialog
from screens.apply.review_facts import Review, reviewed, sums_of
from screens.apply.run_work import PREVIEW, RunWork
from screens.base.background_work import Work
from screens.base.page import NOTHING_CHANGED, Page
from screens.widgets.button import Button
from screens.widgets.words import Words

if TYPE_CHECKING:
    from assistant.operations.apply import HostPreview
    from assistant.setup.model import Setup
    from assistant.wizard.draft import Draft

_TICK = 0.1
_SLOW = 4.0
"""Seconds after which a look at the servers says how long it takes."""

_HELP = msg(
    "Here you see everything that will be done, before it is done. The servers were only looked"
    " at.\n\n"
    "Move with the arrow keys; space opens and closes a line; d shows one thing in full, with the"
    " lines that go (-) and the lines that come (+).\n\n"
    "A file that somebody edited by hand on the server is never overwritten silently: k keeps"
    " yours, n uses the new one, c goes to the next. r looks at the servers again.\n\n"
    "Everything can be taken back later; databases, photos and keys are never removed."
)


class ReviewPage(Page):
    """Looks at the servers, shows what would change, and asks what only the person can decide."""

    step = Step.REVIEW
    help_text = _HELP
    AUTO_FOCUS: ClassVar[str | None] = "ChangeTree"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "details", str(msg("Details"))),
        Binding("k", "keep", str(msg("Keep"))),
        Binding("n", "use_new", str(msg("Use new"))),
        Binding("c", "next_conflict", show=False),
        Binding("r", "look", show=False),
    ]
    CSS = """
    ReviewPage .title { margin: 0; }
    ReviewPage #sums { margin: 0 0 1 0; }
    ReviewPage #decide { margin: 0 0 1 0; display: none; }
    ReviewPage #sides { height: 1fr; min-height: 6; }
    ReviewPage ChangeView { display: none; width: 1fr; margin: 0 0 0 3; }
    ReviewPage.-wide ChangeView { display: block; }
    """

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self._setup: Setup | None = None
        self._work: Work | None = None
        self._review: Review | None = None
        self._trouble: Message | None = None
        self._decisions = {host: dict(some) for host, some in draft.resolve.items()}
        self._shown: object = None

    # -- drawing ---------------------------------------------------------------

    def body(self) -> ComposeResult:
        """Headline, sums, what to decide, tree and details."""
        yield Words("", id="headline", classes="title")
        yield Words("", id="sums")
        yield Words("", id="decide", classes="warning")
        with Horizontal(id="sides"):
            yield ChangeTree()
            yield ChangeView()

    def on_mount(self) -> None:
        """Look at the servers, unless they are being worked on."""
        super().on_mount()
        self.set_interval(_TICK, self._tick)
        self._start()
        self._tick()

    @property
    def _applying(self) -> bool:
        work = self.assistant.work
        return (
            isinstance(work, RunWork) and work.setup == self.draft.setup and work.state == "running"
        )

    @property
    def _open_decisions(self) -> tuple[Change, ...]:
        return undecided(self._review.all, self._decisions) if self._review is not None else ()

    @property
    def primary(self) -> Message | None:
        """Set it up, or go on when there is nothing to do; nothing while it is being looked at."""
        if self._applying:
            return msg("See how far it is")
        if self._trouble is not None:
            return msg("Look again")
        if self._review is None:
            return None
        if not self._review.all:
            return msg("Everything is as planned — go on")
        return msg("Set it up now")

    def current(self) -> Draft:
        """The draft with the decisions that still concern something."""
        decisions = self._decisions
        if self._review is not None:
            wanted = {(c.host, c.id) for c in self._review.all if c.action == "conflict"}
            decisions = {
                host: kept
                for host, some in decisions.items()
                if (kept := {id: how for id, how in some.items() if (host, id) in wanted})
            }
        return self.draft.model_copy(update={"resolve": decisions})

    def retell(self) -> None:
        """Word everything again; the button waits until everything is decided."""
        super().retell()
        self.query_one("#primary", Button).disabled = bool(self._open_decisions)

    def _tick(self) -> None:
        """Draw what has changed."""
        work = self._work
        seconds = 0
        if work is not None and work.state == "running":
            waited = time.monotonic() - work.began
            seconds = int(waited) if waited >= _SLOW else 0
        elif work is not None and self._review is None and self._trouble is None:
            self._ended(work)
        shown = (self._applying, self._review, self._trouble, seconds)
        if shown != self._shown:
            self._shown = shown
            self._tell(seconds)
            self.retell()

    def _tell(self, seconds: int) -> None:
        headline, sums = self._sentences(seconds)
        self.query_one("#headline", Words).message = headline
        self.query_one("#sums", Words).message = sums
        self.query_one("#sides").display = self._review is not None and bool(self._review.all)
        self._tell_decisions()

    def _sentences(self, seconds: int) -> tuple[Message, Message]:
        if self._applying:
            return (
                msg("Your servers are being set up"),
                msg("The work is under way, so there is nothing to review now."),
            )
        if self._trouble is not None:
            return msg("✗ The servers could not be looked at"), self._trouble
        if self._review is None:
            if seconds:
                return (
                    msg("Looking at your servers … {seconds} s", seconds=seconds),
                    msg("This only reads. A server far away takes a little longer."),
                )
            return msg("Looking at your servers …"), msg("This only reads; nothing is changed.")
        if not self._review.all:
            total = sum(preview.total for preview in self._review.previews)
            return (
                msg("✓ Everything is as planned"),
                msg("All {total} things are as they should be.", total=total),
            )
        return msg("What will be done"), sums_of(self._review)

    def _tell_decisions(self) -> None:
        open_ = self._open_decisions
        line = self.query_one("#decide", Words)
        line.display = bool(open_)
        if len(open_) == 1:
            line.message = msg(
                "! One thing was edited by hand on a server. Decide before it goes on: k keeps"
                " yours, n uses the new one."
            )
        elif open_:
            line.message = msg(
                "! {count} things were edited by hand on a server. Decide on each: k keeps yours,"
                " n uses the new one.",
                count=len(open_),
            )

    # -- looking ---------------------------------------------------------------

    def _start(self) -> None:
        if self._applying:
            return
        work = self.assistant.work
        if (
            work is not None
            and work.name == PREVIEW
            and work.setup == self.draft.setup
            and work.state == "running"
        ):
            self._work = work
            return
        self._begin()

    def _begin(self) -> None:
        app, name = self.assistant, self.draft.setup
        work = Work(PREVIEW, name)

        async def job() -> object:
            # With no decisions passed on, what was edited by hand stays visible as such.
            return await app.services.preview(name, app, {})

        self._work, self._review, self._trouble = work, None, None
        app.begin(work, job)

    def _ended(self, work: Work) -> None:
        if work.state == "done":
            self._work = None
            self.assistant.run_worker(self._show(work.result), exit_on_error=False)
        elif work.error is not None:
            self._trouble = work.error.message
        elif work.state == "cancelled":
            self._trouble = msg("Something else was begun meanwhile. Look again when it is done.")
        else:
            self._trouble = msg(
                "That is a defect of the program, not of your servers. Nothing was changed; you"
                " can look again."
            )

    async def _show(self, previews: tuple[HostPreview, ...]) -> None:
        services = self.assistant.services
        try:
            setup = await asyncio.to_thread(services.load_setup, self.draft.setup)
            review = await asyncio.to_thread(reviewed, previews, setup)
        except AssistantError as error:
            self._trouble = error.message
            return
        if not self.is_attached:
            return
        self._setup, self._review = setup, review
        if standing(setup) != "new":
            self.changed = msg("Nothing was changed by looking.")
        else:
            self.changed = NOTHING_CHANGED
        tree = self.query_one(ChangeTree)
        tree.fill(review.changes or {}, self._decisions)
        self._tick()
        tree.focus()
        open_ = self._open_decisions
        if open_:
            tree.go_to(open_[0])
        else:
            tree.move_cursor_to_line(0)

    # -- keys ------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done now has its key."""
        if action in ("keep", "use_new", "next_conflict"):
            review = self._review
            return review is not None and any(c.action == "conflict" for c in review.all)
        if action == "details":
            return self._review is not None and bool(self._review.all)
        if action == "look":
            return not self._applying and (self._review is not None or self._trouble is not None)
        return super().check_action(action, parameters)

    def action_primary(self) -> None:
        """Go on, once everything is decided; look again when that failed."""
        if self._applying:
            super().action_primary()
        elif self._trouble is not None:
            self.action_look()
        elif self._open_decisions:
            self.action_next_conflict()
            self.assistant.tell(msg("First decide: k keeps yours, n uses the new one."))
        elif self._review is not None:
            super().action_primary()

    def action_look(self) -> None:
        """Look at the servers again; decisions stay."""
        self._begin()
        self._tick()

    def action_next_conflict(self) -> None:
        """To the next thing to decide."""
        changes = self._review.all if self._review is not None else ()
        conflicts = [change for change in changes if change.action == "conflict"]
        waiting = [c for c in conflicts if c in self._open_decisions] or conflicts
        tree = self.query_one(ChangeTree)
        if waiting:
            here = waiting.index(tree.present) if tree.present in waiting else -1
            tree.go_to(waiting[(here + 1) % len(waiting)])

    def action_keep(self) -> None:
        """Keep the hand-edited file."""
        self._decide(KEEP)

    def action_use_new(self) -> None:
        """Replace the hand-edited file."""
        self._decide(OVERWRITE)

    def _decide(self, how: str) -> None:
        tree = self.query_one(ChangeTree)
        change = tree.present
        if not isinstance(change, Change) or change.action != "conflict":
            self.action_next_conflict()
            return
        self._decisions = {
            **self._decisions,
            change.host: {**self._decisions.get(change.host, {}), change.id: how},
        }
        tree.decided(self._decisions)
        self.query_one(ChangeView).show(change, self._decisions)
        self._tell_decisions()
        self.retell()
        if self._open_decisions:
            tree.go_to(self._open_decisions[0])

    @on(ChangeTree.NodeHighlighted)
    def _highlighted(self, event: ChangeTree.NodeHighlighted[Any]) -> None:
        self.query_one(ChangeView).show(event.node.data, self._decisions)

    def action_details(self) -> None:
        """One thing in full; on a heading, open or close it."""
        tree = self.query_one(ChangeTree)
        change = tree.present
        if isinstance(change, Change):
            self.app.push_screen(DetailsDialog(change, self._decisions), self._answered)
        elif tree.cursor_node is not None:
            tree.cursor_node.toggle()

    def _answered(self, how: str | None) -> None:
        if how:
            self._decide(how)

    def commands(self) -> Iterable[tuple[Message, Message, Any]]:
        """What can be done now, for the palette."""
        known = (
            (
                "details",
                msg("Show one thing in full"),
                msg("With what goes and what comes"),
                self.action_details,
            ),
            (
                "keep",
                msg("Keep yours"),
                msg("The file you edited stays as it is"),
                self.action_keep,
            ),
            (
                "use_new",
                msg("Use the new one"),
                msg("The file you edited is replaced"),
                self.action_use_new,
            ),
            (
                "next_conflict",
                msg("Next decision"),
                msg("To the next file edited by hand"),
                self.action_next_conflict,
            ),
            (
                "look",
                msg("Look again"),
                msg("Ask the servers what would change"),
                self.action_look,
            ),
        )
        for action, title, text, callback in known:
            if self.check_action(action, ()):
                yield title, text, callback
