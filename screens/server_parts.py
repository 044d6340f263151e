"""The parts of the page of names and servers: each folds into one line when it is done."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message as Event

from assistant.draft import Draft, TypedHost, TypedLogin
from assistant.findings import Status
from assistant.plan.releases import RELEASES
from assistant.setup import Role
from assistant.text import Message, msg
from assistant.typed import clean_domain
from screens.button import Button
from screens.fields import Field, Fold
from screens.reach_panel import ReachPanel, Trial
from screens.server_lines import EMAIL, ROLE_TITLES, jump_lines, name_line, server_lines
from screens.status import GLYPHS, status_words
from screens.words import Words

NAME = "name"
"""The part that asks for the name; the others are called by their role."""


class Part(Vertical):
    """A heading and what is below it while the part is open."""

    DEFAULT_CSS = """
    Part { height: auto; }
    Part .inside { height: auto; display: none; padding: 0 0 0 2; margin: 0 0 1 0; }
    Part.-open .inside { display: block; }
    """

    class Pressed(Event):
        """The heading was pressed: the part wants to be open."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, key: str, draft: Draft, title: Message) -> None:
        super().__init__(id=f"part-{key}")
        self.key = key
        self._draft = draft
        self._title = title

    def compose(self) -> ComposeResult:
        """Heading and inside."""
        yield Fold(self._title, id=f"fold-{self.key}")
        with Vertical(classes="inside"):
            yield from self.inside()

    def inside(self) -> ComposeResult:
        """What is below the heading."""
        raise NotImplementedError

    def summary(self, draft: Draft) -> Message | None:
        """What a finished part says in its heading; None for one that is not finished."""
        raise NotImplementedError

    @property
    def fields(self) -> Sequence[Field]:
        """Its lines, in order."""
        return list(self.query(Field))

    def show(self, draft: Draft, *, is_open: bool) -> None:
        """Show how things stand."""
        self.set_class(is_open, "-open")
        fold = self.query_one(f"#fold-{self.key}", Fold)
        done = self.summary(draft)
        arrow = "▾" if is_open else "▸"
        fold.set_class(is_open, "-open")
        fold.set_class(not is_open and done is None, "muted")
        if done is None:
            fold.message = msg("{arrow} {title}", arrow=arrow, title=self._title)
        else:
            fold.message = msg(
                "{arrow} {title}  {glyph} {word}: {summary}",
                arrow=arrow,
                title=self._title,
                glyph=GLYPHS[Status.OK],
                word=status_words(Status.OK),
                summary=done,
            )

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == f"fold-{self.key}":
            event.stop()
            self.post_message(self.Pressed(self.key))


class NamePart(Part):
    """The server name, for ever, and an e-mail address for its certificate."""

    DEFAULT_CSS = """
    NamePart #for-ever { height: auto; margin: 1 0 1 0; }
    """

    def __init__(self, draft: Draft, *, inside: bool) -> None:
        super().__init__(NAME, draft, msg("The name"))
        self._inside = inside

    def inside(self) -> ComposeResult:
        """Name, what it means, e-mail."""
        yield Field(name_line(inside=self._inside), self._draft.server_name, id=NAME)
        yield Words(id="for-ever")
        yield Field(EMAIL, self._draft.acme_email, id="email")

    def summary(self, draft: Draft) -> Message | None:
        """The name, once it is confirmed; while the part is open it stands below in full."""
        if not draft.server_name_confirmed or self.has_class("-open"):
            return None
        return msg("{name}, for ever", name=draft.server_name.strip())

    def show(self, draft: Draft, *, is_open: bool) -> None:
        """The heading, and what the name means."""
        super().show(draft, is_open=is_open)
        words = self.query_one("#for-ever", Words)
        words.set_class(draft.server_name_confirmed, "ok")
        words.message = _for_ever(draft)


def _for_ever(draft: Draft) -> Message:
    try:
        name = clean_domain(draft.server_name)
    except ValueError:
        return msg(
            "The name is for ever: it is part of every user id, like @anna:chat.example.org, and"
            " cannot be changed once people use it."
        )
    if draft.server_name_confirmed:
        return msg("✓ ok  This is the name, for ever: @anna:{name}", name=name)
    return msg(
        "People will be called like this: @anna:{name}\nThis is for ever: another name later means"
        " new accounts and empty rooms for everybody. Is it right?",
        name=name,
    )


class ServerPart(Part):
    """How to log in to one server, and how far trying it has come."""

    DEFAULT_CSS = """
    ServerPart .jump { height: auto; display: none; }
    ServerPart .jump.-open { display: block; }
    """

    def __init__(self, draft: Draft, role: Role) -> None:
        super().__init__(role.value, draft, ROLE_TITLES[role])
        self.role = role
        self.trial = Trial()

    def inside(self) -> ComposeResult:
        """The lines of the server, those of a machine in between, the trial."""
        typed = self._draft.hosts.get(self.key, TypedHost())
        for line in server_lines(self.role):
            first = getattr(typed if line.id.startswith("public") else typed.login, line.id)
            yield Field(line, first, id=f"{self.key}-{line.id}")
        yield Fold(msg("I reach it through another machine"), id=f"more-{self.key}")
        with Vertical(classes="jump"):
            for line in jump_lines():
                first = getattr(typed.jump or TypedLogin(), line.id.removeprefix("jump_"))
                yield Field(line, first, id=f"{self.key}-{line.id}")
        yield ReachPanel(id=f"panel-{self.key}")

    def on_mount(self) -> None:
        """The machine in between is folded away unless there is one."""
        self.open_jump(self._draft.hosts.get(self.key, TypedHost()).jump is not None)

    def line(self, name: str) -> Field:
        """One of its lines, by the name it has in :mod:`screens.server_lines`."""
        return self.query_one(f"#{self.key}-{name}", Field)

    def summary(self, draft: Draft) -> Message | None:
        """Address and system, once it was reached."""
        typed = draft.hosts.get(self.key, TypedHost())
        if not typed.reached:
            return None
        return msg(
            "{address}, {system}",
            address=typed.login.address.strip(),
            system=RELEASES[typed.release].name if typed.release in RELEASES else "Linux",
        )

    def open_jump(self, is_open: bool) -> None:
        """Show or fold away the lines of the machine in between."""
        self.query_one(".jump").set_class(is_open, "-open")
        self.query_one(f"#more-{self.key}", Fold).message = msg(
            "{arrow} {title}",
            arrow="▾" if is_open else "▸",
            title=msg("I reach it through another machine"),
        )

    def insist(self) -> Field | None:
        """Say everything that is missing; the first line that cannot be used, made visible."""
        wrong = next((field for field in self.fields if not field.insist()), None)
        if wrong is not None and (wrong.id or "").startswith(f"{self.key}-jump_"):
            self.open_jump(True)
        return wrong

    def show_trial(self, trial: Trial, *, began: float = 0.0) -> None:
        """Show how far a trial has come."""
        self.trial = trial
        panel = self.query_one(ReachPanel)
        panel.show(trial, began=began)
        if trial != Trial():
            self.call_after_refresh(panel.scroll_visible, animate=False)

    @on(Button.Pressed)
    def _more_pressed(self, event: Button.Pressed) -> None:
        if event.button.id != f"more-{self.key}":
            return
        event.stop()
        is_open = not self.query_one(".jump").has_class("-open")
        self.open_jump(is_open)
        if is_open:
            self.call_after_refresh(self.line("jump_address").input.focus)
