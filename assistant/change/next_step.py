"""What follows a change in the wizard: what is left for the person, and where to go on. Pure."""

from __future__ import annotations

from assistant.change.changes import Change
from assistant.change.todo import first_check, then_apply
from assistant.common.errors import AssistantError
from assistant.plan.compile import compile_plan
from assistant.plan.model import Record
from assistant.setup.history import was_applied
from assistant.setup.model import Setup
from assistant.text import Message, msg
from assistant.wizard.steps import Step

GO_ON = msg(
    "Go on here: the next pages show what will change on the servers, and do it when you say so."
)
"""Stands where the command line names its commands."""

_SEEN = ("public", "device")
"""Where the records are that the checks look for; those on servers are put there by the apply."""


def left_to_do(change: Change) -> tuple[Message, ...]:
    """What the person must do besides, where the wizard itself leads to the checks and the apply.

    The order stays: some of it comes before the apply, some after.
    """
    check, apply = first_check(change.setup), then_apply(change.setup)
    return tuple(GO_ON if one == apply else one for one in change.todo if one != check)


def next_step(old: Setup, new: Setup) -> Step:
    """Where the wizard goes on after a change was saved.

    A server whose key or system is not known (any more) is tried first. Where records change, or
    the port at home, or nothing runs yet, the checks see whether all is there; else the review
    shows what would change.
    """
    if not all(host.login.host_key and host.release for host in new.hosts):
        return Step.SERVERS
    if not was_applied(new):
        return Step.CHECKS
    records = _records(new)
    same = records is not None and records == _records(old) and old.access_port == new.access_port
    return Step.REVIEW if same else Step.CHECKS


def _records(setup: Setup) -> tuple[Record, ...] | None:
    try:
        return tuple(r for r in compile_plan(setup).records if r.where in _SEEN)
    except AssistantError:
        return None
