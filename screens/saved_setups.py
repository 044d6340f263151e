"""What was saved on this computer, as lines of the start page: pure functions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from assistant.findings.comparison import is_aside
from assistant.findings.model import Status
from assistant.setup.history import ever_applied
from assistant.text import Message, msg

if TYPE_CHECKING:
    from assistant.setup.model import Setup
    from assistant.wizard.draft import Draft

_WORST_FIRST = (Status.FAILED, Status.WARNING, Status.UNKNOWN, Status.OK, Status.SKIPPED)
"""What was not run says nothing about health, so it counts only when there is nothing else."""


def health(setup: Setup) -> Status | None:
    """The worst status of the findings that still count; None when there are none.

    What the person set aside is known and does not make a setup look ill.
    """
    found = {
        finding.status
        for finding in setup.current_findings
        if not is_aside(finding, setup.set_aside)
    }
    return next((status for status in _WORST_FIRST if status in found), None)


def checked_words(setup: Setup, now: datetime) -> Message:
    """When it was checked last."""
    record = setup.findings
    if record is None:
        return msg("not checked yet") if ever_applied(setup) else msg("not finished yet")
    if not setup.current_findings:
        return msg("changed since it was checked")
    return age_words((now - record.at).total_seconds())


def age_words(seconds: float) -> Message:
    """How long ago a check was, rounded as people say it. A clock that went back is just now."""
    minutes = int(seconds // 60)
    hours, days = minutes // 60, minutes // (24 * 60)
    if minutes < 2:
        return msg("checked just now")
    if hours < 1:
        return msg("checked {minutes} minutes ago", minutes=minutes)
    if hours < 2:
        return msg("checked an hour ago")
    if days < 1:
        return msg("checked {hours} hours ago", hours=hours)
    if days < 2:
        return msg("checked yesterday")
    if days < 14:
        return msg("checked {days} days ago", days=days)
    if days < 60:
        return msg("checked {weeks} weeks ago", weeks=days // 7)
    return msg("checked {months} months ago", months=days // 30)


def draft_words(draft: Draft, step: Message) -> Message:
    """Where the unfinished work stands; ``step`` is the name of its station."""
    if draft.server_name:
        return msg("{name}, at: {step}", name=draft.server_name, step=step)
    return msg("you were at: {step}", step=step)
