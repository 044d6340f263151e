"""Names and servers: one part open at a time; each server is tried as soon as it is known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll

from assistant.common.errors import AssistantError
from assistant.setup.model import Role
from assistant.text import Message, msg
from assistant.wizard.draft import Draft, Step, TypedHost
from assistant.wizard.draft_to_setup import home_port, setup_name
from screens.base.background_work import Work
from screens.base.page import Page
from screens.base.todo_dialog import TodoDialog
from screens.servers.option_lines import OWN
from screens.servers.option_parts import TopicPart, topic_part
from screens.servers.reach_panel import Trial, trial_of
from screens.servers.reach_work import WORK, NotingTalk, learned
from screens.servers.server_entry import (
    NAME,
    NAMES,
    OF_HOST,
    host_of,
    is_done,
    noted,
    parts_of,
    roles_of,
    unreached,
    what_next,
    without_empty_jump,
)
from screens.servers.server_lines import help_for
from screens.servers.server_parts import NamePart, Part, ServerPart
from screens.servers.setup_saving import Prepared, prepared
from screens.widgets.field import Field, TypedInput
from screens.widgets.stepper import Row, Stepper
from screens.widgets.words import Words

_ON_TO: dict[str, Message] = {
    "name": msg("On to the name"),
    "other": msg("On to the other name"),
    "port": msg("On to the port"),
    "dns": msg("On to the DNS"),
    "devices": msg("On to the devices"),
    "links": msg("On to the links"),
    "filing": msg("On to the filing"),
}


class ServersPage(Page):
    """Asks for names, for ever, for the servers of the chosen option, and what else it needs."""

    step = Step.SERVERS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5,t", "try", str(msg("Try this server")), key_display="F5"),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("ctrl+down", "part(1)", show=False),
        Binding("ctrl+up", "part(-1)", show=False),
        Binding("pagedown", "scroll(1)", show=False),
        Binding("pageup", "scroll(-1)", show=False),
    ]
    DEFAULT_CSS = """
    ServersPage #columns { height: auto; }
    ServersPage #parts { width: 1fr; height: auto; }
    ServersPage #trouble { height: auto; display: none; margin: 1 0 0 0; }
    ServersPage #trouble.-shown { display: block; }
    ServersPage #where { display: none; width: 34; margin: 2 0 0 4; height: auto;
        color: $text-muted; }
    ServersPage.-wide #where { display: block; }
    """

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self.help_text = help_for(draft.option or 1)
        self._roles = roles_of(draft)
        self._parts = parts_of(draft)
        left = (part for part in self._parts if not is_done(draft, part))
        self._open_part: str = next(left, self._roles[0])
        self._drawn: object = None
        self._saving = False
        self._told_for = draft

    # -- what is shown -------------------------------------------------------

    def body(self) -> ComposeResult:
        """The parts, one of them open; beside them where to get what is asked for."""
        with Horizontal(id="columns"):
            with Vertical(id="parts"):
                yield Words(
                    msg("A name and a server")
                    if len(self._roles) == 1
                    else msg("Two names and {count} servers", count=len(self._roles)),
                    classes="title",
                )
                for key in self._parts:
                    yield self._made(key)
                yield Words(id="trouble", classes="failed")
            yield Words(id="where")

    def _made(self, key: str) -> Part:
        if key in NAMES:
            return NamePart(self.draft, key)
        if key in self._roles:
            return ServerPart(self.draft, Role(key))
        return topic_part(self.draft, key, practice=self.assistant.services.practice)

    def on_mount(self) -> None:
        """Take up a trial that is under way, and open what is next."""
        super().on_mount()
        self.set_interval(0.1, self._look)
        self._look()
        self._open(self._open_part)

    def retell(self) -> None:
        """Word the headings and the button again."""
        super().retell()
        for part in self.query(Part):
            part.show(self.draft, is_open=part.key == self._open_part)

    @property
    def primary(self) -> Message | None:
        """What Enter does: the next thing that is missing."""
        action, part = what_next(self.draft, self._open_part, busy=self._busy)
        if action == "wait":
            return None
        if action == "confirm":
            return msg("Yes, this name for ever")
        if action == "open":
            return _ON_TO.get(part, msg("On to the server"))
        if action == "take":
            topic = self._part(part)
            return topic.take if isinstance(topic, TopicPart) else None
        if action == "try":
            failed = self._server(part).trial.failure is not None
            return msg("Try again") if failed else msg("Try this server")
        return msg("Check this server") if len(self._roles) == 1 else msg("Check these servers")

    def current(self) -> Draft:
        """The draft as typed; a way through nowhere is none."""
        if self.is_mounted:
            self._take()
        hosts = {role: without_empty_jump(host) for role, host in self.draft.hosts.items()}
        return self.draft.model_copy(update={"hosts": hosts})

    def _host(self, role: str) -> TypedHost:
        return self.draft.hosts.get(role, TypedHost())

    def _part(self, key: str) -> Part:
        return self.query_one(f"#part-{key}", Part)

    def _server(self, role: str) -> ServerPart:
        return self.query_one(f"#part-{role}", ServerPart)

    def _open(self, key: str) -> None:
        """Open one part and close the others; go to what is missing in it."""
        self._open_part = key
        if key == "port" and not self.draft.access_port.strip():
            port = home_port(self.draft.setup or setup_name(self.draft.server_name))
            self._change(access_port=str(port))
            self.query_one("#port", Field).value = str(port)
        self.retell()
        rows = self._part(key).rows
        missing = (row for row in rows if row.problem is not None)
        self._focus(next(missing, rows[0]))

    def _focus(self, row: Row) -> None:
        self.call_after_refresh(row.input.focus)

    def _trouble(self, message: Message | None) -> None:
        self._told_for = self.draft
        words = self.query_one("#trouble", Words)
        words.set_class(message is not None, "-shown")
        words.message = "" if message is None else msg("✗ {problem}", problem=message)
        if message is not None:
            self.call_after_refresh(words.scroll_visible, animate=False)

    @on(Part.Pressed)
    def _heading_pressed(self, event: Part.Pressed) -> None:
        event.stop()
        self._open(event.key)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Beside the page: where to get what is asked for here."""
        for row in event.widget.ancestors_with_self:
            if isinstance(row, Field):
                self.query_one("#where", Words).message = row.line.where
            elif isinstance(row, Stepper):
                self.query_one("#where", Words).message = row.where
                for field in self.query(Field):
                    field.remove_class("-here")
            else:
                continue
            for stepper in self.query(Stepper):
                stepper.set_class(stepper is row, "-here")
            return

    # -- what is typed -------------------------------------------------------

    @on(Field.Changed)
    def _typed(self, event: Field.Changed) -> None:
        event.stop()
        self._note(event.field)
        self._noted()

    @on(Stepper.Changed)
    def _chosen(self, event: Stepper.Changed) -> None:
        event.stop()
        where, _, name = (event.stepper.id or "").partition("-")
        row, value = f"{where}-{name}", event.value
        if name == "mirror_choice":  # What is typed counts only where "another" stands.
            row = f"{where}-mirror"
            typed = self.query_one(f"#{row}", Field)
            typed.display = value == OWN
            value = typed.value if value == OWN else value
        self.draft = noted(self.draft, row, value)
        self._noted()

    def _noted(self) -> None:
        if self._told_for != self.draft:
            self._trouble(None)
        self.retell()

    def _take(self) -> None:
        """Note every line as it stands now: Enter may be quicker than the news of the last key."""
        for field in self.query(Field):
            self._note(field)

    def _note(self, field: Field) -> None:
        row = field.id or ""
        before, after = self.draft, noted(self.draft, row, field.value)
        if not field.display or after == before:
            return
        self.draft = after
        role, _, line = row.partition("-")
        if role not in self._roles:
            return
        for name in ("public_ipv4", "public_ipv6"):
            value = getattr(self._host(role), name)
            shown = self._server(role).line(name)
            # Who types there already, on a slow computer, is not interrupted.
            follows = name != line and not shown.input.has_focus
            if follows and value != getattr(before.hosts.get(role, TypedHost()), name):
                shown.value = value
        if line not in OF_HOST:
            self._forget_trial(role)

    def _change(self, **update: Any) -> None:
        self.draft = self.draft.model_copy(update=update)

    def _keep_host(self, role: str, typed: TypedHost) -> None:
        self._change(hosts={**self.draft.hosts, role: typed})

    def _usable(self, key: str) -> bool:
        """Whether every line of a part can be used; opens it at the first that cannot."""
        part = self._part(key)
        wrong = part.insist()
        if wrong is None and isinstance(part, ServerPart) and part.role is not Role.HOME:
            typed = self._host(key)
            if not typed.public_ipv4.strip() and not typed.public_ipv6.strip():
                wrong = part.line("public_ipv4")
                self._trouble(
                    msg(
                        "Also give the public address of this server, IPv4 or IPv6, so that its"
                        " name can point to it. It is on your provider's page."
                    )
                )
        if wrong is None:
            return True
        if key != self._open_part:
            self._open(key)
        self._focus(wrong)
        return False

    # -- what keys do --------------------------------------------------------

    def action_primary(self) -> None:
        """Confirm, try, go on: whatever is next."""
        focused = self.focused
        if isinstance(focused, TypedInput):
            # Behind the keys that wait to be typed there: people and pasted text are quick.
            focused.call_later(self._do_next)
        else:
            self._do_next()

    def _do_next(self) -> None:
        self._take()
        action, part = what_next(self.draft, self._open_part, busy=self._busy)
        if action == "confirm":
            self._confirm(part)
        elif action == "take":
            self._settle(part)
        elif action == "open":
            self._open(part)
        elif action == "try":
            self._try(part)
        elif action == "go":
            self._go()

    def action_back(self) -> None:
        """Stop a trial that is under way; else to the page before."""
        if self._busy:
            self._cancel()
        else:
            super().action_back()

    def action_try(self) -> None:
        """Try the open server, or the first that was not yet reached."""
        if self._busy:
            return
        self._take()
        left = unreached(self.draft) or self._roles
        self._try(self._open_part if self._open_part in self._roles else left[0])

    def action_part(self, by: int) -> None:
        """Open the next part, or the one before."""
        parts = self._parts
        self._open(parts[(parts.index(self._open_part) + by) % len(parts)])

    def action_scroll(self, by: int) -> None:
        """Look further down or up without leaving the line."""
        body = self.query_one("#body", VerticalScroll)
        body.scroll_relative(y=by * max(1, body.size.height - 2), animate=False)

    def action_forget_key(self) -> None:
        """Take no key of the open server as known: it is shown again at the next trial."""
        role = self._open_part
        if role not in self._roles or self._busy:
            return
        keys = {"host_key": "", "jump_key": "", "reached": False, "release": ""}
        self._keep_host(role, self._host(role).model_copy(update=keys))
        self._forget_trial(role)
        self.assistant.tell(msg("The key is forgotten. Trying the server shows it again."))
        self.retell()

    def commands(self) -> Iterable[tuple[Message, Message, Any]]:
        """Every action of this page in the palette."""
        yield msg("Try this server"), msg("Log in and look, without changing"), self.action_try
        if self._busy:
            yield msg("Stop trying"), msg("Nothing was changed"), self._cancel
        if self._open_part in self._roles:
            yield (
                msg("Forget the key of this server"),
                msg("After the server was installed anew, and only then"),
                self.action_forget_key,
            )
        for key in self._parts:
            if key == NAME and len(self._roles) == 1:
                yield msg("Open the part: the name"), msg(""), self._opener(NAME)
            else:
                title = self._part(key).title
                yield msg("Open the part: {title}", title=title), msg(""), self._opener(key)

    def _opener(self, key: str) -> Callable[[], None]:
        return lambda: self._open(key)

    def _confirm(self, part: str) -> None:
        if not self._usable(part):
            return
        self._change(**{NAMES[part]: True})
        self.assistant.keep(self.current())
        self.retell()
        if part == NAME:
            self._focus(self.query_one("#email", Field))
        else:
            self._onward()

    def _settle(self, part: str) -> None:
        if self._usable(part):
            self._change(settled=(*self.draft.settled, part))
            self.assistant.keep(self.current())
            self._onward()

    def _onward(self) -> None:
        """Open what is next; where nothing is left, stay: Enter then goes to the checks."""
        action, part = what_next(self.draft, self._open_part, busy=self._busy)
        if action == "open":
            self._open(part)
        else:
            self.retell()

    # -- trying --------------------------------------------------------------

    @property
    def _busy(self) -> bool:
        work = self._work()
        return work is not None and work.state == "running"

    def _work(self) -> Work | None:
        work = self.assistant.work
        return work if work is not None and work.name == WORK else None

    def _try(self, role: str) -> None:
        if self._open_part != role:
            self._open(role)
        if not self._usable(role):
            return
        app = self.assistant
        if app.work is not None and app.work.state == "running":
            # There is one work at a time: beginning this one would end that one.
            self._trouble(msg("Something else is still under way. Let it end, then try again."))
            return
        host = host_of(Role(role), self._host(role))
        work = Work(WORK, setup=role)
        talk = NotingTalk(app, work)
        app.begin(work, lambda: app.services.reach(host, talk, work.report))
        self._look()

    def _cancel(self) -> None:
        self.assistant.workers.cancel_group(self.assistant, "work")

    def _forget_trial(self, role: str) -> None:
        """What was tried is no longer what stands here."""
        work = self._work()
        if work is not None and work.setup == role:
            if work.state == "running":
                self._cancel()
            self.assistant.work = None
        self._server(role).show_trial(Trial())

    def _look(self) -> None:
        """Draw what is new of a trial; called ten times a second, and does nothing mostly."""
        work = self._work()
        if work is None or work.setup not in [role.value for role in self._roles]:
            return
        running = work.state == "running"
        seconds = int(time.monotonic() - work.began) if running else 0
        state = (id(work), len(work.events), work.state, seconds)
        if state == self._drawn:
            return
        self._drawn = state
        typed = learned(self._host(work.setup), work)
        if typed != self._host(work.setup):
            self._keep_host(work.setup, typed)
            self.assistant.keep(self.current())
        self._server(work.setup).show_trial(trial_of(work), began=work.began)
        self.retell()

    # -- going on ------------------------------------------------------------

    def _go(self) -> None:
        """Save the setup, then on to the checks."""
        if not self._saving and all(map(self._usable, self._parts)):
            self._saving = True
            self.assistant.run_worker(self._save(), group="save", exit_on_error=False)

    async def _save(self) -> None:
        trouble: Message | None = None
        services = self.assistant.services
        try:
            ready = await asyncio.to_thread(prepared, services, self.current())
            if ready.todo and not await self._agreed(ready):
                return
            await asyncio.to_thread(services.save_setup, ready.setup)
        except AssistantError as error:
            trouble = error.message
        finally:
            self._saving = False
        if self not in self.assistant.screen_stack:
            return  # The person went elsewhere meanwhile.
        self._trouble(trouble)
        if trouble is None:
            self.draft = ready.draft
            self.post_message(self.Next(ready.draft))

    async def _agreed(self, ready: Prepared) -> bool:
        """Whether a service that runs is to become another option, with what that asks for."""
        says = msg("From now on this is option {option}.", option=ready.setup.option)
        answer = await self.assistant.push_screen_wait(TodoDialog(says, ready.todo))
        return answer is True
