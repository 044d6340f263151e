"""A change from the form to the saved setup, and on to where its next step is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from assistant.change.changes import recorded, set_link
from assistant.change.next_step import left_to_do, next_step
from assistant.common.errors import AssistantError, InputError
from assistant.text import Message, msg
from assistant.wizard.draft import Draft
from assistant.wizard.draft_to_setup import draft_from_setup, draft_towards
from assistant.wizard.steps import Step
from screens.base.form import Form
from screens.base.todo_dialog import TodoDialog
from screens.change.change_forms import (
    AccessNameForm,
    AddressForm,
    Chosen,
    DropNameForm,
    LinkForm,
    NameForm,
    PortForm,
    WorkersForm,
)
from screens.change.change_option import OptionForm
from screens.change.change_provider import ProviderChange
from screens.change.unfinished import draft_to_go_on
from screens.servers.option_lines import link_choices

if TYPE_CHECKING:
    from assistant.change.possible import PossibleChange
    from assistant.setup.model import Setup
    from screens.base.app_base import AppBase
    from screens.services.protocol import Services

_GROUP = "change"
_FORMS: Mapping[str, Callable[[Setup, PossibleChange, Mapping[str, str]], Form[Chosen]]] = {
    "add-name": NameForm,
    "remove-name": DropNameForm,
    "access-name": AccessNameForm,
    "address": AddressForm,
    "port": PortForm,
    "provider": ProviderChange,
    "link": LinkForm,
    "workers": WorkersForm,
}


def begin_change(app: AppBase, setup: Setup, kind: PossibleChange, value: str = "") -> None:
    """Lead through a change; ``value`` is what a finding proposes to change to.

    It is work of the app: pages change on the way. One at a time.
    """
    if any(one.group == _GROUP and not one.is_finished for one in app.workers):
        return
    if kind.id in ("option", "remove-host"):
        work = _another_option(app, setup, kind)
    else:
        work = _change(app, setup, kind, value)
    app.run_worker(work, group=_GROUP, exit_on_error=False)


async def _another_option(app: AppBase, setup: Setup, kind: PossibleChange) -> None:
    """To the advice, where the option is explained and accepted; the pages after it do the rest."""
    option = await app.push_screen_wait(OptionForm(setup, kind))
    if option is None:
        return

    def towards(known: Draft | None) -> Draft:
        if known is not None and known.setup == setup.name and known.option == option:
            return known.model_copy(update={"step": Step.ADVICE})
        return draft_towards(setup, option, practice=app.services.practice)

    draft = await draft_to_go_on(app, towards, setup)
    if draft is not None:
        app.go_to(draft)


async def _change(app: AppBase, setup: Setup, kind: PossibleChange, value: str) -> None:
    proposed = _proposed(setup, kind, value)
    typed: Mapping[str, str] = {kind.id: value} if value else {}
    while True:
        chosen = proposed or await app.push_screen_wait(_FORMS[kind.id](setup, kind, typed))
        if chosen is None:
            return
        answer, saved = await _asked_and_saved(app, setup, chosen)
        if saved is not None:
            await _go_on(app, setup, saved)
            return
        if answer is None or chosen is proposed:
            return
        typed = chosen.typed


async def _asked_and_saved(
    app: AppBase, setup: Setup, chosen: Chosen
) -> tuple[bool | None, Setup | None]:
    """What was answered, and the setup as it was saved; a disk that refuses is asked again."""
    trouble: Message | None = None
    while True:
        todo = left_to_do(chosen.change)
        answer = await app.push_screen_wait(TodoDialog(chosen.says, todo, trouble))
        if not answer:
            return answer, None
        if app.work is not None and app.work.state == "running":
            trouble = msg("Something else is under way. Wait until it is done.")
            continue
        try:
            return True, await asyncio.to_thread(
                _saved, app.services, setup, chosen, datetime.now(UTC)
            )
        except (AssistantError, OSError) as error:
            why = error.message if isinstance(error, AssistantError) else error.strerror or "?"
            trouble = msg("{why}", why=why)


def _saved(services: Services, before: Setup, chosen: Chosen, at: datetime) -> Setup:
    """Save a change on top of what is saved now; runs in a thread."""
    now = services.load_setup(before.name)
    if now.inputs != before.inputs:
        raise InputError(
            "setup-changed",
            msg(
                "The setup was changed meanwhile, in another window or on the command line. Go back"
                " to the diagnosis, and choose the change once more."
            ),
        )
    kept = {"history": now.history, "set_aside": now.set_aside}
    made = replace(chosen.change, setup=chosen.change.setup.model_copy(update=kept))
    setup = recorded(made, chosen.detail, at)
    services.save_setup(setup)
    return setup


async def _go_on(app: AppBase, before: Setup, setup: Setup) -> None:
    """To where the next step is, unless other unfinished work is to be kept."""
    step = next_step(before, setup)

    def fresh(known: Draft | None) -> Draft:
        draft = draft_from_setup(setup, step, practice=app.services.practice)
        # What was typed before is in the setup by now; decisions about files are nowhere else.
        if known is None or known.setup != setup.name:
            return draft
        return draft.model_copy(update={"resolve": known.resolve})

    draft = await draft_to_go_on(app, fresh, setup)
    if draft is None:
        app.diagnose(setup.name)
        app.tell(msg("The change is saved. No server was changed yet: press a to go on with it."))
    else:
        app.go_to(draft)
        app.tell(msg("The change is saved. No server was changed yet."))


def _proposed(setup: Setup, kind: PossibleChange, value: str) -> Chosen | None:
    """The change itself, where nothing is left to fill in: a link that is to be wrapped."""
    if kind.id != "link" or value != "wrapped":
        return None
    change = set_link(setup, "home" if kind.about == "home" else "outside", "wrapped")
    way = next(one.title for one in link_choices() if one.value == value)
    says = msg("{what}: {value}", what=kind.title, value=way)
    return Chosen(change, says, f"link {kind.about} {value}")
