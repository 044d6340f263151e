"""What a person must do besides an apply when a Setup changes: pure functions to messages."""

from __future__ import annotations

import ipaddress

from assistant.setup.homeservers import Homeserver, homeservers
from assistant.setup.model import Host, Role, Setup
from assistant.text import Message, msg


def then_apply(setup: Setup) -> Message:
    """The last line of every list."""
    return msg(
        "Then bring the servers there: matrix-assistant plan --setup {setup} shows what changes,"
        " matrix-assistant apply --setup {setup} does it.",
        setup=setup.name,
    )


def first_check(setup: Setup) -> Message:
    """The line before it, where there are new servers."""
    return msg(
        "New servers are checked before anything is changed: matrix-assistant check --setup"
        " {setup}.",
        setup=setup.name,
    )


def option_notes(old: Setup, new: Setup) -> tuple[Message, ...]:
    """After a change of option."""
    main = homeservers(new)[0]
    notes: list[Message] = []
    if old.option == 1:
        notes += [
            msg(
                "Everybody who has an account at {name} keeps it, with its id and its messages, on"
                " {host}. Whoever should use the server in China gets a new account there, in"
                " {main}.",
                name=new.outside_name,
                host=new.host(Role.OUTSIDE).name,
                main=new.server_name,
            ),
            msg(
                "Conversations do not move by themselves: invite the new accounts into them. Old"
                " encrypted messages stay readable on the old account's devices."
            ),
        ]
    if new.option == 2:
        notes.append(_public(new, main))
    elif new.option == 3:
        if old.option == 4:
            notes.append(
                msg(
                    "Delete the public records of {names}, of every kind: from now on nobody may"
                    " find them there.",
                    names=", ".join(main.names),
                )
            )
            notes.append(
                msg(
                    "Take the rule for port {port} out of the home router.",
                    port=old.access_port,
                )
            )
        notes.append(_devices(main, again=False))
    else:
        notes.append(router_rule(new))
        if old.option == 3:
            notes.append(
                msg(
                    "Take the old records of {names} off devices, routers and profiles: they lead"
                    " past the home line.",
                    names=", ".join(main.names),
                )
            )
        notes.append(_public(new, main))
    if old.option != 1:
        notes.append(_new_url(homeservers(old)[0].base_url, main.base_url))
    if new.option in (3, 4):
        if new.settings.provider is None and new.settings.dns_update is None:
            notes.append(
                msg(
                    "The certificate is proved by DNS in this option: say who answers for your"
                    " domain, with matrix-assistant change provider."
                )
            )
        if not new.acknowledged:
            notes.append(
                msg(
                    "Option {option} has risks of its own: read them and accept them again before"
                    " the apply.",
                    option=new.option,
                )
            )
    return (*notes, first_check(new), then_apply(new))


def name_notes(setup: Setup, name: str, *, added: bool) -> tuple[Message, ...]:
    """After a spare name came or went."""
    main = homeservers(setup)[0]
    if not added:
        where = (
            msg("Take {name} off devices, routers and profiles.", name=name)
            if main.private
            else msg("Delete the records of {name} when nobody connects to it any more.", name=name)
        )
        return (
            msg("Apps that are logged in at {name} stop working: ask around first.", name=name),
            where,
            then_apply(setup),
        )
    first = _devices(main, again=True) if main.private else _public(setup, main, only=name)
    return (
        first,
        then_apply(setup),
        msg(
            "Tell people the spare address today, while messages still arrive: {url}. The account"
            " is the same there.",
            url=main.base_url.replace(main.access_name, name, 1),
        ),
    )


def access_notes(old: Setup, new: Setup) -> tuple[Message, ...]:
    """After another access name."""
    before, main = homeservers(old)[0], homeservers(new)[0]
    records = _devices(main, again=True) if main.private else _public(new, main)
    stays = (
        msg("User ids stay: they end in {name} for ever.", name=new.server_name),
        records,
        then_apply(new),
        _new_url(before.base_url, main.base_url),
        msg(
            "{name} goes on answering, so that nobody is cut off; remove it as a spare name when"
            " nobody uses it any more.",
            name=old.access_name,
        ),
    )
    return stays if old.access_name != old.server_name else stays[:-1]


def address_notes(old: Setup, new: Setup, before: Host, after: Host) -> tuple[Message, ...]:
    """After another address of a server."""
    notes: list[Message] = []
    if before.login != after.login:
        notes.append(
            msg(
                "The key of {host} is asked for again at the new address: compare it as you did"
                " the first time.",
                host=after.name,
            )
        )
        if after.role is not Role.HOME:
            notes.append(
                msg(
                    "If it is another machine: first copy the newest backup and the folder of"
                    " photos and files there, else it starts empty under the same name."
                )
            )
    if (before.public_ipv4, before.public_ipv6) == (after.public_ipv4, after.public_ipv6):
        return (*notes, then_apply(new))
    for server in homeservers(new):
        if server.front.name == after.name:
            notes.append(_devices(server, again=True) if server.private else _public(new, server))
    if after.role is Role.INSIDE and new.option in (3, 4):
        notes.append(
            msg(
                "Apply to all servers: {outside} holds the address of {inside} in its own hosts"
                " file.",
                outside=new.host(Role.OUTSIDE).name,
                inside=after.name,
            )
        )
    return (*notes, then_apply(new))


def port_notes(old: Setup, new: Setup) -> tuple[Message, ...]:
    """After another port of the home line."""
    return (
        router_rule(new),
        msg("Take the rule for port {port} out of the router.", port=old.access_port),
        then_apply(new),
        _new_url(homeservers(old)[0].base_url, homeservers(new)[0].base_url),
    )


def router_rule(setup: Setup) -> Message:
    """The rule for the home router (option 4), to be entered as it stands."""
    home = setup.host(Role.HOME)
    return msg(
        "In the home router, forward TCP port {port} to port {port} of the machine {host}"
        " ({address} in the home network), and allow TCP port {port} to it for IPv6.",
        port=setup.access_port,
        host=home.name,
        address=_home_address(home),
    )


def _home_address(home: Host) -> Message | str:
    """The machine's address behind the router, as far as we log in to it there."""
    try:
        inside = ipaddress.ip_address(home.login.address).is_private
    except ValueError:
        inside = False
    return home.login.address if inside else msg("its address")


def _public(setup: Setup, server: Homeserver, only: str = "") -> Message:
    names = only or ", ".join(server.names)
    if setup.settings.provider is not None and setup.option == 4 and server.main:
        return msg(
            "The records of {names} follow the home line by themselves, through {provider}.",
            names=names,
            provider=setup.settings.provider.name,
        )
    values = ", ".join(
        address for address in (server.front.public_ipv4, server.front.public_ipv6) if address
    )
    return msg(
        "In the public DNS, let {names} lead to {values} (the plan lists every record).",
        names=names,
        values=values or server.front.name,
    )


def _devices(server: Homeserver, *, again: bool) -> Message:
    names = ", ".join(server.names)
    if again:
        return msg(
            "Every device and router in China needs the new records of {names}: save the summary"
            " again and hand the device files out. Nothing of it goes into the public DNS.",
            names=names,
        )
    return msg(
        "Every device or router in China needs the records of {names}: save the summary and hand"
        " the device files out. Nothing of it goes into the public DNS.",
        names=names,
    )


def _new_url(old: str, new: str) -> Message:
    return msg(
        "Apps keep the address they logged in with ({old}). Tell people the new one, {new}: log in"
        " there with the same name and password, with the recovery key at hand, before logging out"
        " of the old.",
        old=old,
        new=new,
    )
