"""The last page: does it work, who is going to chat, and the summary to keep.

Three quiet parts, one at a time; Enter leads through them and then back to the start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.css.query import NoMatches
from textual.widgets import ContentSwitcher, Input, Static

from assistant.common.errors import AssistantError
from assistant.setup.model import Setup
from assistant.text import Message, listed, msg
from assistant.wizard.draft import Draft
from assistant.wizard.steps import Step
from screens.base.page import Page
from screens.finish.people import PeoplePart
from screens.finish.proof import ProofPart
from screens.finish.summary_view import SummaryPart
from screens.widgets.words import say

Part = Literal["proof", "people", "summary"]
PARTS: tuple[Part, ...] = ("proof", "people", "summary")
_NAMES: dict[Part, Message] = {
    "proof": msg("1 Does it work?"),
    "people": msg("2 People"),
    "summary": msg("3 Summary"),
}


class PartName(Static):
    """The name of a part in the line above; a click shows the part."""

    def __init__(self, part: Part) -> None:
        super().__init__("", markup=False, id=f"to-{part}", classes="part")
        self._part = part

    def retell(self) -> None:
        """Word it."""
        self.update(Content(say(self, _NAMES[self._part])))

    def on_click(self) -> None:
        """Show the part."""
        if isinstance(self.screen, FinishPage):
            self.screen.action_part(self._part)


class FinishPage(Page):
    """Verify and finish."""

    step = Step.FINISH
    help_text = msg(
        "1. Two test users, A and B, are made on your server; with two servers, one on each. They"
        " write to each other as people would, encrypted. Then the assistant looks into the"
        " server's database: it must hold only what nobody can read. At last the test users are"
        " removed. Press r to run it again.\n\n"
        "2. The administrator is the account that looks after the service. Everybody who chats"
        " gets an account from you; nobody can register without you. Passwords are shown once and"
        " kept nowhere on this computer.\n\n"
        "3. The summary tells everything you need to run and mend the service; the one for the"
        " others tells them how to log in. Neither holds a password."
    )
    changed = msg("Your service is set up.")
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    FinishPage #parts { height: 1; margin: 0 0 1 0; }
    FinishPage .part { width: auto; margin: 0 3 0 0; color: $text-muted; }
    FinishPage .part.-here { color: $text; text-style: bold underline; }
    FinishPage #part { height: auto; max-width: 124; }
    FinishPage .row { height: auto; }
    FinishPage .row Button { margin: 0 2 0 0; width: auto; min-width: 4; }
    FinishPage .fit { width: auto; }
    FinishPage .gap { margin: 1 0 0 0; }
    FinishPage {
        &.-wide #columns { layout: horizontal; }
        &.-wide #talk { width: 3fr; margin: 0 4 0 0; }
        &.-wide #findings { width: 2fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "part('proof')", show=False),
        Binding("2", "part('people')", show=False),
        Binding("3", "part('summary')", show=False),
        Binding("r", "again", str(msg("Run again"))),
        Binding("p", "admin", str(msg("Password"))),
        Binding("i", "invite", str(msg("Invite")), priority=True),
        Binding("o", "server", str(msg("Other server"))),
        Binding("t", "audience", str(msg("For whom"))),
        Binding("e", "save", str(msg("Save")), priority=True),
        Binding("ctrl+d", "done", str(msg("Done")), show=False),
        Binding("up", "body('scroll_up')", show=False),
        Binding("down", "body('scroll_down')", show=False),
        Binding("pageup", "body('scroll_page_up')", show=False),
        Binding("pagedown", "body('scroll_page_down')", show=False),
        Binding("home", "body('scroll_home')", show=False),
        Binding("end", "body('scroll_end')", show=False),
    ]
    _PART_OF: ClassVar[dict[str, Part]] = {
        "again": "proof",
        "admin": "people",
        "invite": "people",
        "server": "people",
        "audience": "summary",
        "save": "summary",
    }

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self._part: Part = "proof"
        self._warned = False

    def body(self) -> ComposeResult:
        """The names of the parts, and the part that is shown."""
        with Horizontal(id="parts"):
            yield from map(PartName, PARTS)
        with ContentSwitcher(initial="proof", id="part"):
            yield ProofPart(self.draft.setup, id="proof")
            yield PeoplePart(id="people")
            yield SummaryPart(id="summary")

    def on_mount(self) -> None:
        """Read the setup; the proof begins when it is known."""
        self.action_part("proof")
        for name in self.query(PartName):
            name.retell()
        self.assistant.run_worker(self._load(), exit_on_error=False)

    async def _load(self) -> None:
        try:
            setup = await asyncio.to_thread(self.assistant.services.load_setup, self.draft.setup)
        except AssistantError as error:
            if self.is_attached:
                self.query_one(ProofPart).trouble(error.message)
            return
        if not self.is_attached:
            return
        self.changed = self._changed(setup)
        self.query_one(PeoplePart).know(setup)
        self.query_one(SummaryPart).know(setup.name)
        self.query_one(ProofPart).know(setup)
        self.retell()

    def _changed(self, setup: Setup) -> Message:
        hosts = listed(host.name for host in setup.hosts)
        if self.draft.practice or self.assistant.services.practice:
            return msg(
                "{name} is set up on practice servers only: {hosts}.",
                name=setup.server_name,
                hosts=hosts,
            )
        return msg("{name} is set up on {hosts}.", name=setup.server_name, hosts=hosts)

    # -- what Enter does -----------------------------------------------------

    @property
    def primary(self) -> Message | None:
        """What happens next, which is what Enter does here and now."""
        try:
            people = self.query_one(PeoplePart)
        except NoMatches:
            return None
        if self._part == "proof":
            return msg("Next: people")
        if self._part == "people":
            if people.showing:
                return msg("I have written it down")
            if people.typed and self._in("localpart"):
                return msg("Make the account")
            return msg("Next: the summary")
        if self._in("path"):
            return msg("Save it here")
        return msg("Done — back to the start")

    def _in(self, id: str) -> bool:
        return isinstance(self.focused, Input) and self.focused.id == id

    def action_primary(self) -> None:
        """Lead through the parts; what is typed comes first."""
        people, summary = self.query_one(PeoplePart), self.query_one(SummaryPart)
        if self._part == "proof":
            self.action_part("people")
        elif self._part == "people":
            if people.showing:
                self._warned = False
                people.hide()
            elif people.typed and self._in("localpart"):
                people.invite()
            else:
                self.action_part("summary")
        elif self._in("path"):
            summary.save()
        else:
            self.action_done()

    def action_back(self) -> None:
        """To the part before, and from the first one to the page before."""
        index = PARTS.index(self._part)
        if index:
            self.action_part(PARTS[index - 1])
        else:
            super().action_back()

    def action_done(self) -> None:
        """Forget the draft, since its work is finished, and show the start page."""
        if self._may_leave():
            self.assistant.finish()

    def action_part(self, part: Part) -> None:
        """Show a part."""
        if part != self._part and not self._may_leave():
            return
        self._part = part
        self.query_one("#part", ContentSwitcher).current = part
        for name in self.query(PartName):
            name.set_class(name.id == f"to-{part}", "-here")
        self.set_focus(None)
        self.query_one("#body", VerticalScroll).scroll_home(animate=False)
        self.retell()

    def _may_leave(self) -> bool:
        """Whether nothing is lost by leaving the part: a password is shown only once."""
        people = self.query_one(PeoplePart)
        if self._part != "people" or not (people.showing or people.busy) or self._warned:
            self._warned = False
            people.hide()
            return True
        self._warned = True
        self.assistant.tell(
            msg("One moment: the server is still making the account. The same key again leaves.")
            if people.busy
            else msg("The password is shown only now. Write it down; the same key again leaves."),
            warning=True,
        )
        return False

    # -- keys ----------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys of the part that is shown, and none of them while one types.

        What begins typing is decided at once (a priority binding), so that the letters behind it
        reach the field however fast they come.
        """
        if action == "again" and self.query_one(ProofPart).running:
            return False
        if action == "server" and not self.query_one(PeoplePart).two:
            return False
        part = self._PART_OF.get(action)
        return part is None or (part == self._part and not isinstance(self.focused, Input))

    def action_again(self) -> None:
        """Run the proof again."""
        self.query_one(ProofPart).begin()

    def action_admin(self) -> None:
        """Show the administrator's password."""
        self.query_one(PeoplePart).show_admin()

    def action_invite(self) -> None:
        """Type a name."""
        self.set_focus(self.query_one("#localpart", Input))

    def action_server(self) -> None:
        """Accounts on the other server."""
        self.query_one(PeoplePart).switch()

    def action_audience(self) -> None:
        """The summary for the others."""
        self.query_one(SummaryPart).toggle()

    def action_save(self) -> None:
        """Type where to save the summary."""
        self.set_focus(self.query_one("#path", Input))

    def action_body(self, how: str) -> None:
        """Scroll."""
        getattr(self.query_one("#body", VerticalScroll), how)(animate=False)

    def commands(self) -> Iterable[tuple[Message, Message, Any]]:
        """Every action of the three parts."""

        def at(part: Part, action: Any) -> Any:
            def go() -> None:
                self.action_part(part)
                if self._part == part:
                    action()

            return go

        yield (
            msg("Prove it again"),
            msg("Run the checks and the conversation"),
            at("proof", self.action_again),
        )
        yield (
            msg("Show the administrator's password"),
            msg("Shown, never kept"),
            at("people", self.action_admin),
        )
        yield msg("Invite somebody"), msg("Make an account"), at("people", self.action_invite)
        if self.query_one(PeoplePart).two:
            yield (
                msg("Accounts on the other server"),
                msg("For people in China, or outside"),
                at("people", self.action_server),
            )
        yield (
            msg("Read the summary"),
            msg("For you, or for the others"),
            at("summary", lambda: None),
        )
        yield (
            msg("The other summary"),
            msg("For you, or for the others"),
            at("summary", self.action_audience),
        )
        yield msg("Save the summary"), msg("In a file of yours"), at("summary", self.action_save)
        yield msg("Done"), msg("Back to the start page"), self.action_done

    # -- news of the parts ---------------------------------------------------

    @on(PeoplePart.News)
    @on(SummaryPart.News)
    @on(ProofPart.News)
    def _news(self, event: Any) -> None:
        event.stop()
        self.retell()

    def on_descendant_focus(self) -> None:
        """What Enter does depends on where one types."""
        self.retell()

    def on_descendant_blur(self) -> None:
        """What Enter does depends on where one types."""
        self.retell()
