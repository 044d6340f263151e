"""Changes of mind: from one Setup to the next, with what the person must do besides. Pure.

Accounts stay where they are: a server name is never changed and no Matrix server is taken out of a
setup. Findings are dropped with every change; the acknowledgement when the option changes.
Everything that cannot be is an :class:`InputError` that says why and what to do instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError

from assistant.advice import options
from assistant.change.limits import POSSIBLE, may_become, plannable
from assistant.change.todo import (
    access_notes,
    address_notes,
    name_notes,
    option_notes,
    port_notes,
    then_apply,
)
from assistant.common.errors import InputError, ProblemError
from assistant.common.validation_messages import first_problem
from assistant.common.validators import clean_domain
from assistant.setup.history import with_history
from assistant.setup.homeservers import homeservers
from assistant.setup.model import DnsProvider, HistoryEntry, Host, LinkWay, Role, Setup
from assistant.text import Message, msg

__all__ = [
    "POSSIBLE",
    "Change",
    "add_spare_name",
    "change_access_name",
    "change_address",
    "change_option",
    "change_port",
    "change_provider",
    "recorded",
    "remove_host",
    "remove_spare_name",
    "set_link",
    "set_workers",
]

LinkName = Literal["home", "outside"]


@dataclass(frozen=True)
class Change:
    """A new Setup, and what the person must do that no apply does."""

    setup: Setup
    todo: tuple[Message, ...] = ()


def recorded(change: Change, detail: str, at: datetime) -> Setup:
    """The Setup of a change as it is saved: with the change in its history.

    ``detail`` is the change as the command line calls it, such as ``port 20443``.
    """
    return with_history(change.setup, HistoryEntry(at=at, what="changed", detail=detail))


def change_option(
    setup: Setup,
    to: int,
    *,
    hosts: Sequence[Host] = (),
    server_name: str = "",
    access_name: str = "",
    access_port: int | None = None,
    acknowledged: str = "",
) -> Change:
    """Another option: 1 → 2, 3 or 4, and 3 ↔ 4.

    From option 1 the present server stays as the one outside, with its name and its people, and
    ``server_name`` names the new one in China (``access_name``: what its people connect to, if
    another). ``hosts`` are the new servers, ``access_port`` the high port of the home line,
    ``acknowledged`` the sentence that options 3 and 4 ask for, which can also be typed later.
    """
    if to == setup.option:
        raise InputError("change-same", msg("This setup is option {option} already.", option=to))
    may_become(setup, to)
    if acknowledged and not options.acknowledged(to, acknowledged):
        raise InputError(
            "acknowledgement",
            msg(
                'The sentence to accept with is: "{sentence}".',
                sentence=options.OPTIONS[to].acknowledgement or "",
            ),
        )
    wanted: dict[str, Any] = {"option": to, "acknowledged": acknowledged.strip()}
    if setup.option == 1:
        if not server_name:
            raise InputError(
                "change-name",
                msg(
                    "The new server in China needs a name of its own: it ends the ids of the"
                    " people there, for ever. The present server keeps {name}.",
                    name=setup.server_name,
                ),
            )
        wanted |= {
            "outside_name": setup.server_name,
            "server_name": server_name,
            "access_name": access_name or server_name,
            "hosts": (*hosts, *setup.hosts),
        }
    elif to == 4:
        wanted["hosts"] = (*hosts, *setup.hosts)
    else:
        wanted["hosts"] = tuple(host for host in setup.hosts if host.role is not Role.HOME)
    wanted["access_port"] = _port_for(to, access_port)
    if to in (3, 4):
        # Ports 80 and 443 cannot be reached there, so that only the DNS can prove the domain.
        wanted["settings"] = setup.settings.model_copy(update={"challenge": "dns-01"})
    new = _made(setup, wanted)
    return Change(new, option_notes(setup, new))


def add_spare_name(setup: Setup, name: str) -> Change:
    """One more name for the main server, ready for the day when another is blocked."""
    name = _domain(name)
    taken = {one for server in homeservers(setup) for one in server.names}
    if name in taken:
        raise InputError("change-name", msg("{name} is a name of this setup already.", name=name))
    new = _made(setup, {"spare_names": (*setup.spare_names, name)})
    return Change(new, name_notes(new, name, added=True))


def remove_spare_name(setup: Setup, name: str) -> Change:
    """Give a spare name up. The others, and every account, stay."""
    name = _domain(name)
    if name not in setup.spare_names:
        raise InputError(
            "change-name",
            msg(
                "{name} is no spare name of this setup. It has: {names}.",
                name=name,
                names=", ".join(setup.spare_names) or "–",
            ),
        )
    new = _made(setup, {"spare_names": tuple(one for one in setup.spare_names if one != name)})
    return Change(new, name_notes(new, name, added=False))


def change_access_name(setup: Setup, name: str) -> Change:
    """Another name for people to connect to; the server name, and so every user id, stays.

    The old one goes on answering as a spare name until it is removed.
    """
    name = _domain(name)
    if name == setup.access_name:
        raise InputError("change-same", msg("People connect to {name} already.", name=name))
    spares = tuple(one for one in setup.spare_names if one != name)
    if setup.access_name != setup.server_name:
        spares = (*spares, setup.access_name)
    new = _made(setup, {"access_name": name, "spare_names": spares})
    return Change(new, access_notes(setup, new))


def change_address(
    setup: Setup,
    host: str,
    *,
    ipv4: str | None = None,
    ipv6: str | None = None,
    login_address: str | None = None,
) -> Change:
    """Another address of a server; None leaves one as it is, an empty text says there is none.

    With another login address the host key must be confirmed again.
    """
    old = _host(setup, host)
    fields: dict[str, Any] = {}
    if ipv4 is not None:
        fields["public_ipv4"] = ipv4
    if ipv6 is not None:
        fields["public_ipv6"] = ipv6
    if login_address is not None and login_address != old.login.address:
        login = {**old.login.model_dump(), "address": login_address, "host_key": ""}
        fields["login"] = login
    try:
        changed = Host.model_validate({**_fields(old), **fields})
    except ValidationError as error:
        raise InputError("change-address", first_problem(error, Host, host, "")) from None
    if changed == old:
        raise InputError("change-same", msg("{host} has these addresses already.", host=host))
    if not changed.public_ipv4 and not changed.public_ipv6 and changed.role is not Role.HOME:
        raise InputError(
            "change-address",
            msg("{host} would have no public address at all. Give one of them.", host=host),
        )
    hosts = tuple(changed if one.name == host else one for one in setup.hosts)
    new = _made(setup, {"hosts": hosts})
    return Change(new, address_notes(setup, new, old, changed))


def change_port(setup: Setup, port: int) -> Change:
    """Another high port of the home line (option 4)."""
    if setup.option != 4:
        raise InputError(
            "change-port",
            msg("Only a home line (option 4) has a port of its own; here it is always 443."),
        )
    if port == setup.access_port:
        raise InputError("change-same", msg("It is port {port} already.", port=port))
    new = _made(setup, {"access_port": _port_for(4, port)})
    return Change(new, port_notes(setup, new))


def change_provider(setup: Setup, provider: DnsProvider | None) -> Change:
    """Another company for the domain's DNS, or none: then records are copied by hand."""
    old = setup.settings.provider
    if provider == old:
        raise InputError("change-same", msg("Nothing would change."))
    new = _set(setup, provider=provider)
    todo: list[Message] = []
    if provider is not None:
        todo.append(
            msg(
                "Have a token of {provider} ready: the next apply asks for it. It is kept on the"
                " server that needs it and nowhere else.",
                provider=provider.name,
            )
        )
    elif setup.option == 4:
        todo.append(
            msg(
                "Nobody keeps the record of {name} at the home line's address any more: after"
                " each redial you have to do it yourself.",
                name=setup.access_name,
            )
        )
    if old is not None:
        todo.append(
            msg(
                "When all works again, revoke the old token at {provider}: servers may still hold"
                " it.",
                provider=old.name,
            )
        )
    return Change(new, (*todo, then_apply(new)))


def set_link(setup: Setup, link: LinkName, way: LinkWay) -> Change:
    """How the home machine, or the server outside, reaches the server in China."""
    if link == "home" and setup.option != 4:
        raise InputError("change-link", msg("Only option 4 has a machine at home."))
    if setup.option == 1:
        raise InputError("change-link", msg("In option 1 there is one server, and no link."))
    field = f"{link}_link"
    if getattr(setup.settings, field) == way:
        raise InputError("change-same", msg("This link is {way} already.", way=way))
    new = _set(setup, **{field: way})
    inside = setup.host(Role.INSIDE).name
    todo = (
        msg(
            "If the company of {host} has a firewall of its own, open the ports there that the"
            " plan names; they change with the link.",
            host=inside,
        ),
        msg(
            "Apply to all servers in one go: until both ends speak the same way, messages wait on"
            " the sending server and arrive afterwards."
        ),
        then_apply(new),
    )
    return Change(new, todo)


def set_workers(setup: Setup, count: int) -> Change:
    """How many worker processes the main Matrix server has; 0 is one process, the default."""
    if count == setup.settings.workers:
        raise InputError("change-same", msg("It has {count} workers already.", count=count))
    new = _set(setup, workers=count)
    host = homeservers(new)[0].host.name
    todo: list[Message] = []
    if count:
        todo.append(
            msg(
                "{host} needs about {memory} MB of free memory for them, and as many processors as"
                " busy workers; fewer would make it slower, not faster.",
                host=host,
                memory=150 * count + 50,
            )
        )
    todo.append(
        msg("The Matrix server on {host} restarts once: apps wait some seconds.", host=host)
    )
    return Change(new, (*todo, then_apply(new)))


def remove_host(setup: Setup, host: str) -> Change:
    """Take a server out of the setup, where an option without it follows: the home machine."""
    gone = _host(setup, host)
    if gone.role is not Role.HOME:
        where = next(s.server_name for s in homeservers(setup) if s.host.name == host)
        raise InputError(
            "change-host",
            msg(
                "{host} holds the accounts and messages of {name}; without it they are gone for"
                " their people. It can move to another machine (change its address), but not be"
                " left out.",
                host=host,
                name=where,
            ),
        )
    return change_option(setup, 3)


# -- what they share -----------------------------------------------------------


def _made(setup: Setup, changes: dict[str, Any]) -> Setup:
    """The Setup with changes, checked as a whole, without findings."""
    values = {**_fields(setup), **changes, "findings": None}
    try:
        new = Setup.model_validate(values)
    except ValidationError as error:
        raise InputError("change-invalid", first_problem(error, Setup, setup.name, "")) from None
    plannable(new)
    return new


def _fields(model: Setup | Host) -> dict[str, Any]:
    return {name: getattr(model, name) for name in type(model).model_fields}


def _set(setup: Setup, **changes: Any) -> Setup:
    settings = type(setup.settings)
    try:
        values = {name: getattr(setup.settings, name) for name in settings.model_fields}
        new = settings.model_validate(values | changes)
    except ValidationError as error:
        raise InputError("change-invalid", first_problem(error, settings, setup.name, "")) from None
    return _made(setup, {"settings": new})


def _host(setup: Setup, name: str) -> Host:
    for host in setup.hosts:
        if host.name == name:
            return host
    raise InputError(
        "change-host",
        msg(
            "There is no server {host} in this setup. It has: {names}.",
            host=name,
            names=", ".join(host.name for host in setup.hosts),
        ),
    )


def _domain(text: str) -> str:
    try:
        return clean_domain(text)
    except ProblemError as error:
        raise InputError("change-name", error.message) from None


def _port_for(option: int, port: int | None) -> int:
    if option != 4:
        if port not in (None, 443):
            raise InputError(
                "change-port",
                msg("Only a home line (option 4) needs another port than 443."),
            )
        return 443
    if port is None:
        raise InputError(
            "change-port",
            msg("Say which high port of the home line to use, for example 20443."),
        )
    if not 1024 <= port <= 65535:
        raise InputError(
            "change-port",
            msg(
                "Internet providers in China close the low ports of home lines. Choose one from"
                " 1024 to 65535, for example 20443."
            ),
        )
    return port
