"""The draft to go on with from a saved setup, and what becomes of unfinished work of before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from assistant.common.errors import AssistantError
from assistant.text import msg
from assistant.wizard.draft import Draft
from screens.base.dialogs import Question

if TYPE_CHECKING:
    from assistant.setup.model import Setup
    from screens.base.app_base import AppBase


async def draft_to_go_on(
    app: AppBase, make: Callable[[Draft | None], Draft], becoming: Setup | None = None
) -> Draft | None:
    """The draft that ``make`` gives for the unfinished one; None when the person keeps that.

    ``becoming``: the setup that is going to change. A change of its option that was begun and is
    not what ``make`` goes on with is asked for, too.
    """
    try:
        known = await asyncio.to_thread(app.services.load_draft)
    except (AssistantError, OSError):
        known = None
    draft = make(known)
    if known is None:
        return draft
    question = None
    if not known.setup and known != Draft():
        question = _another_service()
    elif (
        becoming is not None
        and known.setup == becoming.name
        and known.option not in (becoming.option, draft.option)
    ):
        question = _another_option(known)
    if question is not None and await app.push_screen_wait(question) is None:
        return None
    return draft


def _another_service() -> Question:
    return Question(
        msg("Leave your unfinished work?"),
        msg(
            "You began to prepare another service and did not save it as a setup yet. If"
            " you go on here, those answers are forgotten."
        ),
        msg("Forget them and go on"),
        msg("Keep them"),
    )


def _another_option(known: Draft) -> Question:
    return Question(
        msg("Leave your unfinished work?"),
        msg(
            "You began to change this service to option {option} and did not save it yet. If you"
            " go on here, what you typed for that is forgotten.",
            option=known.option or "?",
        ),
        msg("Forget it and go on"),
        msg("Keep it"),
    )
