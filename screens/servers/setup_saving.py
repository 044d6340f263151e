"""From what was entered to a saved Setup with a name of its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

from assistant.change.limits import POSSIBLE, may_become, plannable
from assistant.common.errors import InputError
from assistant.common.validators import clean_domain
from assistant.setup.history import ever_applied
from assistant.setup.homeservers import renamed
from assistant.text import Message, msg
from assistant.wizard.draft import Draft

if TYPE_CHECKING:
    from assistant.setup.model import Setup
    from screens.services.protocol import Services


def free_name(wanted: str, taken: Collection[str]) -> str:
    """The name that is wanted for a new setup, with a number behind it where it is taken."""
    names = (wanted if number == 1 else f"{wanted[:55]}-{number}" for number in count(1))
    return next(name for name in names if name not in taken)


@dataclass(frozen=True)
class Prepared:
    """What was entered as a Setup that can be saved, with the draft that names it.

    ``todo`` is what the person must do besides, where a service that runs becomes another option.
    """

    draft: Draft
    setup: Setup
    todo: tuple[Message, ...] = ()


def prepared(services: Services, draft: Draft) -> Prepared:
    """What was entered as a Setup, not saved yet. :class:`AssistantError` when that cannot be.

    The setup of a draft that came from one is brought up to date. A name that was applied stays.
    """
    from assistant.change.changes import Change, recorded
    from assistant.change.next_step import left_to_do
    from assistant.change.todo import option_notes
    from assistant.wizard.draft_to_setup import setup_from_draft, setup_name

    known = {item.name: item.setup for item in services.list_setups()}
    name = draft.setup or free_name(setup_name(clean_domain(draft.server_name)), known)
    present = known.get(name)
    named = draft.model_copy(update={"setup": name})
    setup = setup_from_draft(named, present)
    if present is None or not ever_applied(present):
        return Prepared(named, setup)
    _fits(present, setup)
    if present.option == setup.option:
        return Prepared(named, setup)
    plannable(setup)
    change = Change(setup, option_notes(present, setup))
    made = recorded(change, f"option {setup.option}", datetime.now(UTC))
    return Prepared(named, made, left_to_do(change))


def _fits(present: Setup, setup: Setup) -> None:
    """Whether a setup that runs can become another one, with every account kept."""
    if setup.option not in (present.option, *POSSIBLE[present.option]):
        raise InputError(
            "option-changed",
            msg(
                "This service runs as option {old} and cannot become option {new} with its accounts"
                " kept. Begin a new setup from the start page, or go back to option {old}.",
                old=present.option,
                new=setup.option,
            ),
        )
    for _, old, _ in renamed(present, setup):
        raise InputError(
            "server-name-changed",
            msg(
                "This service runs already as {old}. A server name is for ever: it is part of every"
                " user id. Put {old} back, or begin a new setup from the start page.",
                old=old,
            ),
        )
    if setup.option != present.option:
        may_become(present, setup.option)
