"""The parts of the page of names and servers: each folds into one line when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message as Event

from assistant.common.validators import clean_domain
from assistant.findings.model import Status
from assistant.plan.releases import RELEASES
from assistant.setup.model import Role
from assistant.text import Message, msg
from assistant.wizard.draft import Draft, TypedHost, TypedLogin
from screens.servers.option_lines import (
    MIRROR_LINE,
    MIRROR_WHERE,
    OWN,
    mirror_choice,
    mirror_choices,
)
from screens.servers.reach_panel import ReachPanel, Trial
from screens.servers.server_entry import NAME, OF_HOST, OTHER, is_done
from screens.servers.server_lines import (
    EMAIL,
    ROLE_TITLES,
    SPARES,
    jump_lines,
    name_line,
    name_title,
    other_name_line,
    server_lines,
)
from screens.widgets.button import Button
from screens.widgets.field import Field, Fold, Line
from screens.widgets.status import GLYPHS, status_words
from screens.widgets.stepper import Row, Stepper
from screens.widgets.words import Words


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

    @property
    def title(self) -> Message:
        """What its heading says."""
        return self._title

    def inside(self) -> ComposeResult:
        """What is below the heading."""
        raise NotImplementedError

    def summary(self, draft: Draft) -> Message | None:
        """What a finished part says in its heading; None for one that is not finished."""
        raise NotImplementedError

    @property
    def rows(self) -> Sequence[Row]:
        """Its lines that are asked for now, in order."""
        found = self.query("Field, Stepper").results()
        return [row for row in found if isinstance(row, (Field, Stepper)) and row.display]

    def insist(self) -> Row | None:
        """Say everything that is missing; the first line that cannot be used."""
        wrong = [row for row in self.rows if not row.insist()]
        return wrong[0] if wrong else None

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
    """A server name, for ever; with the first one also an e-mail address and spare names."""

    DEFAULT_CSS = """
    NamePart .for-ever { height: auto; margin: 1 0 1 0; }
    NamePart .spares { height: auto; display: none; }
    NamePart .spares.-open { display: block; }
    """

    def __init__(self, draft: Draft, key: str = NAME) -> None:
        super().__init__(key, draft, name_title(draft.option or 1, second=key == OTHER))
        self._second = key == OTHER

    def _line(self) -> Line:
        option = self._draft.option or 1
        if self._second:
            return other_name_line(lambda: self._draft.server_name)
        return name_line(option)

    def inside(self) -> ComposeResult:
        """Name, what it means, e-mail, spare names."""
        draft = self._draft
        yield Field(self._line(), draft.outside_name if self._second else draft.server_name,
                    id=self.key)  # fmt: skip
        yield Words(classes="for-ever")
        if self._second:
            return
        yield Field(EMAIL, draft.acme_email, id="email")
        yield Fold(_SPARES, id="fold-spares")
        with Vertical(classes="spares"):
            yield Field(SPARES, draft.spare_names, id="spares")

    def on_mount(self) -> None:
        """The spare names are folded away unless there are some."""
        if not self._second:
            self._open_spares(bool(self._draft.spare_names.strip()))

    def _open_spares(self, is_open: bool) -> None:
        self.query_one(".spares").set_class(is_open, "-open")
        self.query_one("#fold-spares", Fold).message = msg(
            "{arrow} {title}", arrow="▾" if is_open else "▸", title=_SPARES
        )

    def insist(self) -> Row | None:
        """As every part; a spare name that cannot be used is made visible."""
        wrong = super().insist()
        if wrong is not None and wrong.id == "spares":
            self._open_spares(True)
        return wrong

    def summary(self, draft: Draft) -> Message | None:
        """The name, once it is confirmed; while the part is open it stands below in full."""
        if not is_done(draft, self.key) or self.has_class("-open"):
            return None
        name = draft.outside_name if self._second else draft.server_name
        return msg("{name}, for ever", name=name.strip())

    def show(self, draft: Draft, *, is_open: bool) -> None:
        """The heading, and what the name means."""
        self._draft = draft
        super().show(draft, is_open=is_open)
        words = self.query_one(".for-ever", Words)
        confirmed = is_done(draft, self.key)
        words.set_class(confirmed, "ok")
        words.message = _for_ever(
            draft.outside_name if self._second else draft.server_name, confirmed=confirmed
        )

    @on(Button.Pressed)
    def _spares_pressed(self, event: Button.Pressed) -> None:
        if event.button.id != "fold-spares":
            return
        event.stop()
        is_open = not self.query_one(".spares").has_class("-open")
        self._open_spares(is_open)
        if is_open:
            self.call_after_refresh(self.query_one("#spares", Field).input.focus)


_SPARES = msg("I have a spare name as well")


def _for_ever(text: str, *, confirmed: bool) -> Message:
    try:
        name = clean_domain(text)
    except ValueError:
        return msg(
            "The name is for ever: it is part of every user id, like @anna:chat.example.org, and"
            " cannot be changed once people use it."
        )
    if confirmed:
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
        *lines, last = server_lines(self.role)
        for line in lines:
            first = getattr(typed if line.id in OF_HOST else typed.login, line.id)
            yield Field(line, first, id=f"{self.key}-{line.id}")
        if self.role is not Role.OUTSIDE:
            yield Stepper(
                msg("Packages from"),
                mirror_choices(),
                mirror_choice(typed.mirror),
                where=MIRROR_WHERE,
                id=f"{self.key}-mirror_choice",
            )
            own = mirror_choice(typed.mirror) == OWN
            field = Field(MIRROR_LINE, typed.mirror if own else "", id=f"{self.key}-mirror")
            field.display = own
            yield field
        yield Fold(msg("I reach it through another machine"), id=f"more-{self.key}")
        with Vertical(classes="jump"):
            for line in jump_lines():
                first = getattr(typed.jump or TypedLogin(), line.id.removeprefix("jump_"))
                yield Field(line, first, id=f"{self.key}-{line.id}")
        yield ReachPanel(id=f"panel-{self.key}")
        # Below the trial, which must be seen whole on a small screen; few servers need it.
        yield Field(last, typed.keep_ports, id=f"{self.key}-{last.id}")

    def on_mount(self) -> None:
        """The machine in between is folded away unless there is one."""
        self.open_jump(self._draft.hosts.get(self.key, TypedHost()).jump is not None)

    def line(self, name: str) -> Field:
        """One of its lines, by the name it has in :mod:`screens.servers.server_lines`."""
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

    def insist(self) -> Row | None:
        """As every part; a machine in between that cannot be used is made visible."""
        wrong = super().insist()
        if wrong is not None and (wrong.id or "").startswith(f"{self.key}-jump_"):
            self.open_jump(True)
        return wrong

    def show_trial(self, trial: Trial, *, began: float = 0.0) -> None:
        """Show how far a trial has come."""
        self.trial = trial
        panel = self.query_one(ReachPanel)
        panel.show(trial, began=began)
        if trial != Trial():
            # Its lines are as tall as they will be only after a second turn.
            scroll = partial(panel.scroll_visible, animate=False)
            self.call_after_refresh(self.call_after_refresh, scroll)

    @on(Button.Pressed)
    def _more_pressed(self, event: Button.Pressed) -> None:
        if event.button.id != f"more-{self.key}":
            return
        event.stop()
        is_open = not self.query_one(".jump").has_class("-open")
        self.open_jump(is_open)
        if is_open:
            self.call_after_refresh(self.line("jump_address").input.focus)
