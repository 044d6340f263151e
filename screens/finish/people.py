"""The second part of the last page: the administrator's password, and accounts for the others.

A password is shown when it is asked for, and forgotten as soon as it is hidden.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message as Event
from textual.widgets import Input, Static

from assistant.common.errors import AssistantError, ProblemError
from assistant.common.validators import clean_localpart
from assistant.setup.homeservers import homeservers
from assistant.text import Message, msg
from screens.base.app_base import AppBase, app_of
from screens.widgets.button import Button
from screens.widgets.status import Verdict
from screens.widgets.words import Words, say

if TYPE_CHECKING:
    from assistant.setup.homeservers import Homeserver
    from assistant.setup.model import Setup


@dataclass(frozen=True)
class Account:
    """What somebody must write down. The password is in no representation."""

    user_id: str
    password: str = field(repr=False)
    url: str
    admin: bool = False


class Handover(Static):
    """An account to write down: address, name, password, and what to tell its owner."""

    def __init__(self, account: Account) -> None:
        super().__init__("", markup=False, classes="handover")
        self._account = account

    def on_mount(self) -> None:
        """Word it."""
        self.retell()

    def retell(self) -> None:
        """Word it in the present language."""
        account = self._account
        rows = (
            (msg("Homeserver"), account.url),
            (msg("Name"), account.user_id),
            (msg("Password"), account.password),
        )
        labels = [Content(say(self, label)) for label, _ in rows]
        widest = max(label.cell_length for label in labels)
        lines = [
            label.pad_right(widest - label.cell_length + 2)
            + Content.styled(say(self, value), "bold")
            for label, (_, value) in zip(labels, rows, strict=True)
        ]
        advice = (
            msg(
                "Write it down where only you find it; whoever has it rules the service. Use it"
                " for looking after the service, and make an account of your own for chatting."
            )
            if account.admin
            else msg(
                "Give them all three, best in person: install Element X, choose another server,"
                " type the homeserver, log in, change the password, and write the recovery key"
                " on paper."
            )
        )
        lines.append(Content.styled(say(self, advice), "$text-muted"))
        self.update(Content("\n").join(lines))


class PeoplePart(Vertical):
    """Accounts. Posts :class:`News` when what Enter does here has changed."""

    class News(Event):
        """Something was shown, hidden, typed or begun."""

    DEFAULT_CSS = """
    PeoplePart { height: auto; max-width: 92; }
    PeoplePart #localpart { width: 1fr; min-width: 10; max-width: 20; }
    PeoplePart #server { margin: 0 2 0 0; }
    PeoplePart #which { margin: 0 0 1 0; }
    PeoplePart Verdict { margin: 1 0 0 0; }
    PeoplePart #people-busy { margin: 1 0 0 0; }
    PeoplePart #handovers { height: auto; }
    PeoplePart Handover { margin: 1 0 0 2; }
    PeoplePart Handover:first-child { margin: 0 0 0 2; }
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._setup: Setup | None = None
        self._servers: tuple[Homeserver, ...] = ()
        self._chosen = 0
        self.showing = False
        """Whether a password is on the screen."""
        self.busy = False
        """Whether a server is being asked at the moment."""

    @property
    def _assistant(self) -> AppBase:
        return app_of(self)

    @property
    def typed(self) -> str:
        """The name that is typed."""
        return self.query_one("#localpart", Input).value.strip()

    def compose(self) -> ComposeResult:
        """Both accounts' parts, and room for what is to be written down."""
        yield Words(msg("Who is going to chat?"), classes="title")
        with Horizontal(classes="row", id="which"):
            yield Words("", id="whose", classes="fit")
            yield Button("", id="other", compact=True)
        yield Words("", id="admin")
        with Horizontal(classes="row"):
            yield Button("", id="show-admin", compact=True)
            yield Words(msg("It is on your server. Mind who looks on."), classes="muted")
        yield Words(
            msg("Give somebody an account: a short name, which stays theirs."), classes="gap"
        )
        with Horizontal(classes="row"):
            yield Static("@", classes="fit")
            yield Input(id="localpart", compact=True, max_length=101)
            yield Words("", id="server", classes="fit muted")
            yield Button("", id="invite", compact=True)
        yield Words(msg("Asking your server …"), id="people-busy", classes="muted")
        yield Verdict(id="people-news")
        yield Vertical(id="handovers")

    def on_mount(self) -> None:
        """Nothing is wrong yet."""
        self._say("skipped", None)
        self.retell()

    def know(self, setup: Setup) -> None:
        """Take the setup whose people these are."""
        self._setup = setup
        self._servers = homeservers(setup)
        self.retell()

    @property
    def two(self) -> bool:
        """Whether there are two servers to choose from."""
        return len(self._servers) > 1

    @property
    def server(self) -> Homeserver:
        """The server that accounts are made on at the moment."""
        return self._servers[self._chosen]

    def retell(self) -> None:
        """Word what depends on values."""
        self.query_one("#which").display = self.two
        if self._setup is not None:
            user = f"@{self._setup.settings.admin}:{self.server.server_name}"
            self.query_one("#admin", Words).message = msg(
                "The account that looks after the service is {user}.", user=user
            )
            self.query_one("#server", Words).message = f":{self.server.server_name}"
        if self.two:
            who = msg("People in China") if self.server.main else msg("People outside China")
            self.query_one("#whose", Words).message = msg(
                "{who}: accounts on {host}", who=who, host=self.server.host.name
            )
            self.query_one("#other", Button).label = Content(
                say(
                    self,
                    msg("o  People outside China")
                    if self.server.main
                    else msg("o  People in China"),
                )
            )
        self.query_one("#show-admin", Button).label = Content(
            say(self, msg("p  Show the password"))
        )
        self.query_one("#invite", Button).label = Content(say(self, msg("Make the account")))
        self.query_one("#localpart", Input).placeholder = say(self, msg("anna"))

    def hide(self) -> None:
        """Take every password off the screen and forget it."""
        if self.showing:
            self.showing = False
            self.query(Handover).remove()
            self._say("skipped", None)

    def _say(self, status: str, message: Message | None) -> None:
        line = self.query_one("#people-news", Verdict)
        line.display = message is not None
        self.query_one("#people-busy").display = self.busy
        if message is not None:
            line.show(status, message)
        self.post_message(self.News())

    @on(Button.Pressed, "#other")
    def switch(self, event: Button.Pressed | None = None) -> None:
        """The other server; what is typed stays."""
        if event is not None:
            event.stop()
        if self.two and not self.busy:
            self._chosen = 1 - self._chosen
            self.retell()

    # -- asking the server ---------------------------------------------------

    @on(Button.Pressed, "#show-admin")
    def show_admin(self, event: Button.Pressed | None = None) -> None:
        """Fetch the administrator's password and show it."""
        if event is not None:
            event.stop()
        if self._setup is not None and not self.busy:
            self._begin(self._setup, "")

    @on(Button.Pressed, "#invite")
    def invite(self, event: Button.Pressed | None = None) -> None:
        """Make an account of the name that is typed, unless it cannot be a name."""
        if event is not None:
            event.stop()
        problem = self._problem()
        if problem is not None or not self.typed:
            self._say("warning", problem or msg("Type a name first, for example anna."))
            self.screen.set_focus(self.query_one("#localpart", Input))
        elif self._setup is not None and not self.busy:
            self._begin(self._setup, self.typed)

    @on(Input.Changed, "#localpart")
    def _typing(self, event: Input.Changed) -> None:
        event.stop()
        problem = self._problem()
        if problem is not None or not self.showing:
            self._say("warning", problem)
        self.post_message(self.News())

    def _problem(self) -> Message | None:
        try:
            clean_localpart(self.typed or "a")
        except ProblemError as error:
            return error.message
        return None

    def _begin(self, setup: Setup, localpart: str) -> None:
        self.busy = True
        self._say("skipped", None)
        self._assistant.run_worker(
            self._fetch(setup, localpart), group="people", exit_on_error=False
        )

    async def _fetch(self, setup: Setup, localpart: str) -> None:
        app, server = self._assistant, self.server
        # The main one is meant when none is named.
        host = "" if server.main else server.host.name
        try:
            if localpart:
                made = await app.services.invite(setup.name, app, localpart, host)
            else:
                made = await app.services.admin_password(setup.name, app, host)
        except AssistantError as error:
            self.busy = False
            if self.is_attached:
                self._say("failed", msg("{what} Try again.", what=error.message))
            return
        finally:
            self.busy = False
        if self.is_attached:
            account = Account(*made, url=server.base_url, admin=not localpart)
            await self._show(account, localpart)
        elif localpart:
            app.tell(
                msg(
                    "The account {user} was made after you left the page, so its password was not"
                    " shown. Give that person another name.",
                    user=made[0],
                ),
                warning=True,
            )

    async def _show(self, account: Account, localpart: str) -> None:
        self.showing = True
        room = self.query_one("#handovers", Vertical)
        if account.admin:
            await room.query(".of-admin").remove()
        card = Handover(account)
        card.set_class(account.admin, "of-admin")
        await room.mount(card, before=0)
        if localpart and self.typed == localpart:
            self.query_one("#localpart", Input).clear()
        self.screen.set_focus(None)
        self._say(
            "warning",
            msg("Write this down now: it is gone when you leave."),
        )
        # Twice: the card grows once its words are broken into lines.
        self.call_after_refresh(self.call_after_refresh, card.scroll_visible, animate=False)
