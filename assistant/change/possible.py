"""Which changes are possible for a Setup, in plain words: pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from assistant.change.limits import POSSIBLE
from assistant.findings.model import Finding
from assistant.setup.model import Role, Setup
from assistant.text import Message, msg

KindId = Literal[
    "option",
    "add-name",
    "remove-name",
    "access-name",
    "address",
    "port",
    "provider",
    "link",
    "workers",
    "remove-host",
]
"""The changes, as the command line calls them."""


@dataclass(frozen=True)
class PossibleChange:
    """A change that is possible: what it is called, and in one short sentence what it is for.

    ``about`` says of what, where there are several: the name of a host (``address``,
    ``remove-host``), or which link (``link``: ``outside`` or ``home``).
    """

    id: KindId
    title: Message
    why: Message
    about: str = ""


@dataclass(frozen=True)
class Proposal:
    """The change that mends a finding; ``value`` is what to change to, empty when not known."""

    kind: PossibleChange
    value: str = ""


def possible_changes(setup: Setup) -> tuple[PossibleChange, ...]:
    """The changes a Setup allows, in the order in which they are offered.

    From option 4 only option 3 can follow: that is taking the machine at home out, and offered as
    that alone. Whether a change can be made right now is said by the change itself.
    """
    return (*_names(setup), *_addresses(setup), *_inner(setup), *_options(setup))


def proposed(setup: Setup, finding: Finding) -> Proposal | None:
    """The change that a finding's remedy names, as far as it is possible for this Setup."""
    remedy = finding.remedy
    action = "" if remedy is None else remedy.action
    offered = {(kind.id, kind.about): kind for kind in possible_changes(setup)}
    for link in ("home", "outside"):
        kind = offered.get(("link", link))
        if action == f"wrap-{link}-link" and kind is not None:
            wrapped = getattr(setup.settings, f"{link}_link") == "wrapped"
            return None if wrapped else Proposal(kind, "wrapped")
    kind = offered.get(("port", ""))
    if remedy is not None and action == "use-port" and kind is not None:
        return Proposal(kind, str(remedy.text.values.get("works", "")))
    return None


def _names(setup: Setup) -> Iterator[PossibleChange]:
    yield PossibleChange(
        "add-name",
        msg("One more spare name"),
        msg("Ready for the day when a name is blocked"),
    )
    if setup.spare_names:
        yield PossibleChange(
            "remove-name",
            msg("Give a spare name up"),
            msg("When nobody connects to it any more"),
        )
    yield PossibleChange(
        "access-name",
        msg("Another name to connect to"),
        msg("When the present one is blocked; ids stay"),
    )


def _addresses(setup: Setup) -> Iterator[PossibleChange]:
    for host in setup.hosts:
        yield PossibleChange(
            "address",
            msg("Another address of {host}", host=host.name),
            msg("When it moved, or got another address"),
            host.name,
        )
    if setup.option == 4:
        yield PossibleChange(
            "port",
            msg("Another port at home"),
            msg("When the provider closes the present one"),
        )


def _inner(setup: Setup) -> Iterator[PossibleChange]:
    if setup.settings.provider is None:
        yield PossibleChange(
            "provider",
            msg("Name your DNS company"),
            msg("Then records can be set there for you"),
        )
    else:
        yield PossibleChange(
            "provider",
            msg("Another DNS company"),
            msg("When another one answers for your domain"),
        )
    if setup.option != 1:
        yield _link(setup, Role.OUTSIDE)
    if setup.option == 4:
        yield _link(setup, Role.HOME)
    yield PossibleChange(
        "workers",
        msg("Worker processes"),
        msg("For a slow server with spare processors"),
    )


def _link(setup: Setup, role: Role) -> PossibleChange:
    return PossibleChange(
        "link",
        msg("The link from {host}", host=setup.host(role).name),
        msg("Wrap it when names are cut on the way"),
        role.value,
    )


def _options(setup: Setup) -> Iterator[PossibleChange]:
    if setup.option == 4:
        home = setup.host(Role.HOME).name
        yield PossibleChange(
            "remove-host",
            msg("Without the machine at home"),
            msg("Option 4 becomes option 3; accounts stay"),
            home,
        )
    elif POSSIBLE[setup.option]:
        yield PossibleChange(
            "option",
            msg("Another option"),
            msg("More servers, another way; accounts stay"),
        )
