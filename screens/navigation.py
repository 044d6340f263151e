"""Which page shows a draft, and what going on or back means for it: pure but for the imports."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from assistant.wizard.steps import STEPS, Step

if TYPE_CHECKING:
    from assistant.wizard.draft import Draft
    from screens.base.page import Page

PAGES: dict[Step, str] = {
    Step.QUESTIONS: "screens.advice.questions:QuestionsPage",
    Step.ADVICE: "screens.advice.advice:AdvicePage",
    Step.SERVERS: "screens.servers.servers:ServersPage",
    Step.CHECKS: "screens.checks.checks:ChecksPage",
    Step.REVIEW: "screens.apply.review:ReviewPage",
    Step.APPLY: "screens.apply.apply:ApplyPage",
    Step.FINISH: "screens.finish.finish:FinishPage",
}
"""Module and class of each page; imported when it is first shown, so that starting is quick."""


def page_for(draft: Draft) -> Page:
    """The page that shows a draft."""
    module, _, name = PAGES[draft.step].partition(":")
    make: Callable[[Draft], Page] = getattr(import_module(module), name)
    return make(draft)


def onward(draft: Draft) -> Draft:
    """The draft at the next step; the last step stays."""
    index = min(STEPS.index(draft.step) + 1, len(STEPS) - 1)
    return draft.model_copy(update={"step": STEPS[index]})


def backward(draft: Draft) -> Draft | None:
    """The draft at the step before; None when that is the start page."""
    index = STEPS.index(draft.step)
    if index == 0:
        return None
    return draft.model_copy(update={"step": STEPS[index - 1]})
