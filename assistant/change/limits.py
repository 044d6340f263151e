"""What cannot be changed, and what to do instead: pure."""

from __future__ import annotations

from assistant.common.errors import InputError
from assistant.plan.compile import compile_plan
from assistant.plan.errors import PlanError
from assistant.setup.history import host_applied
from assistant.setup.homeservers import homeservers
from assistant.setup.model import Host, Role, Setup
from assistant.text import Message, msg

POSSIBLE: dict[int, tuple[int, ...]] = {1: (2, 3, 4), 2: (), 3: (4,), 4: (3,)}
"""Which options can follow which, with all accounts kept."""

_NAMES = ("no-wildcard", "name-too-long")
"""Why a plan is impossible for ever; what else it lacks can be given or learned later."""


def plannable(setup: Setup) -> None:
    """:class:`InputError` when no plan can ever be made for a Setup's names."""
    try:
        compile_plan(setup)
    except PlanError as error:
        if error.cause in _NAMES:
            raise InputError("change-name", error.message) from None


def fit_to_stand_outside(setup: Setup) -> None:
    """Refuse (:class:`InputError`) a server that people reach by another name than its own.

    Once it is the second server it answers to its server name only.
    """
    if setup.access_name != setup.server_name or setup.spare_names:
        others = [name for name in setup.names if name != setup.server_name]
        raise InputError(
            "change-access",
            msg(
                "As the second server, {host} answers to {name} only, and whoever connects to"
                " {others} would be cut off. First make {name} the name people connect to, remove"
                " the spare names, apply, and let everybody log in there.",
                host=setup.hosts[0].name,
                name=setup.server_name,
                others=", ".join(others),
            ),
        )


def removable(setup: Setup) -> str:
    """The host that can be taken back alone, the others going on: the machine at home, or none."""
    at_home = (host.name for host in setup.hosts if host.role is Role.HOME)
    return next((name for name in at_home if host_applied(setup, name)), "")


def undone_first(setup: Setup, host: Host) -> None:
    """Refuse (:class:`InputError`) to forget a host that still does its work."""
    if host_applied(setup, host.name):
        raise InputError(
            "undo-first",
            msg(
                "{host} still does its work, and nobody would look after it once it is out of the"
                " setup. Take it back first: press u on the diagnosis and type {host}, or use"
                " matrix-assistant undo --setup {setup} --host {host}. Then change again; nothing"
                " is lost on the other servers.",
                host=host.name,
                setup=setup.name,
            ),
        )


def may_become(setup: Setup, to: int) -> None:
    """Refuse (:class:`InputError`) an option that cannot follow, or not yet, and say what to do."""
    if to not in POSSIBLE[setup.option]:
        raise InputError("change-option", impossible(setup, to))
    if setup.option == 1:
        fit_to_stand_outside(setup)
    if setup.option == 4:
        undone_first(setup, setup.host(Role.HOME))


def impossible(setup: Setup, to: int) -> Message:
    """Why an option cannot follow, and what to do instead."""
    if to == 1:
        return msg(
            "Option 1 has one server only: the accounts and messages on {host} would be lost for"
            " their people. Start a new setup instead and invite them there.",
            host=homeservers(setup)[0].host.name,
        )
    if setup.option == 2:
        return msg(
            "The name {name} is on file and in the public DNS, where copies of it stay for years;"
            " options 3 and 4 stand on a name that is not. Start a new setup with another name.",
            name=setup.server_name,
        )
    return msg(
        "Option 2 needs a domain that was filed before it was used. Start a new setup with the"
        " filed domain, and invite people there."
    )
