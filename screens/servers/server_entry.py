"""A server as it is typed: what a keystroke changes, and the Host it stands for."""

from __future__ import annotations

import ipaddress
from typing import Any, Literal

from assistant.common.validators import (
    clean_address,
    clean_ipv4,
    clean_ipv6,
    clean_line,
    clean_port,
    clean_user,
    is_address,
)
from assistant.setup.model import RELEASES, ROLES, Host, Login, Role
from assistant.wizard.draft import Draft, TypedHost, TypedLogin

_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
"""Networks nobody outside can reach (RFC 1918, 3927, 4193, 4291, 6598)."""


Action = Literal["confirm", "open", "try", "take", "go", "wait"]
NAME = "name"
"""The part that asks for the server name; servers' parts are called by their role."""
OTHER = "other"
"""The part that asks for the name of the second server."""
NAMES = {NAME: "server_name_confirmed", OTHER: "outside_name_confirmed"}
"""Parts that ask for a name, and what says in the draft that it is confirmed."""
_TOPICS: dict[int, tuple[str, ...]] = {
    1: (),
    2: ("filing",),
    3: ("devices", "dns", "links"),
    4: ("port", "dns", "links"),
}
"""What each option asks for behind names and servers (see assistant.wizard.draft.TOPICS)."""


def roles_of(draft: Draft) -> tuple[Role, ...]:
    """The servers the chosen option needs."""
    return ROLES[draft.option or 1]


def parts_of(draft: Draft) -> tuple[str, ...]:
    """The parts of the page for the chosen option, in their order."""
    roles = roles_of(draft)
    names = (NAME, OTHER) if len(roles) > 1 else (NAME,)
    return (*names, *(role.value for role in roles), *_TOPICS[draft.option or 1])


def is_done(draft: Draft, part: str) -> bool:
    """Whether a part is finished: its name confirmed, its server reached, its choice made."""
    if part in NAMES:
        return bool(getattr(draft, NAMES[part]))
    if part in draft.settled:
        return True
    return draft.hosts.get(part, TypedHost()).reached


def unreached(draft: Draft) -> tuple[Role, ...]:
    """The servers that were not yet tried with success."""
    return tuple(role for role in roles_of(draft) if not draft.hosts.get(role, TypedHost()).reached)


def what_next(draft: Draft, part: str, *, busy: bool) -> tuple[Action, str]:
    """What Enter does on this page now, and for which part. Pure.

    The open part comes first; then the parts in their order, and at last the checks.
    """
    if busy:
        return "wait", part
    if not is_done(draft, part):
        if part in NAMES:
            return "confirm", part
        return ("try", part) if part in roles_of(draft) else ("take", part)
    left = next((one for one in parts_of(draft) if not is_done(draft, one)), None)
    return ("open", left) if left is not None else ("go", "")


def public_of(address: str) -> tuple[str, str]:
    """What an address says of the public IPv4 and IPv6 address; empty where it says nothing."""
    text = address.strip().strip("[]")
    if not is_address(text):
        return "", ""
    ip = ipaddress.ip_address(text)
    if any(ip in network for network in _PRIVATE if network.version == ip.version):
        return "", ""
    return (str(ip), "") if ip.version == 4 else ("", str(ip))


OF_HOST = ("public_ipv4", "public_ipv6", "mirror", "keep_ports")
"""Lines about the server itself; the others say how to log in."""


def changed(host: TypedHost, part: str, text: str) -> TypedHost:
    """The server after one line was typed into; ``part`` is a line's name, ``jump_…`` the way.

    Another address, port or user may be another machine: its key, its system and that it was
    reached no longer count. Public addresses that came from the address follow it.
    """
    if part in OF_HOST:
        return host.model_copy(update={part: text})
    jump, name = part.startswith("jump_"), part.removeprefix("jump_")
    before = (host.jump or TypedLogin()) if jump else host.login
    login = before.model_copy(update={name: text})
    if login == before:
        return host
    update: dict[str, Any] = {"jump" if jump else "login": login, "reached": False}
    if jump and login == TypedLogin():
        update["jump"] = None
    if name != "key_file":
        update |= {"host_key": "", "release": ""}
        if jump:
            update["jump_key"] = ""
    if part == "address":
        old, new = public_of(before.address), public_of(text)
        for field, was, will in zip(("public_ipv4", "public_ipv6"), old, new, strict=True):
            if getattr(host, field) in ("", was):
                update[field] = will
    return host.model_copy(update=update)


_NAME_FIELDS = {NAME: "server_name", OTHER: "outside_name"}
_FIELDS: dict[str, str] = {
    "email": "acme_email",
    "spares": "spare_names",
    "port": "access_port",
    "filing": "filing",
    "security_filing": "security_filing",
}


def noted(draft: Draft, row: str, text: str) -> Draft:
    """The draft after something was typed or chosen; ``row`` is the id of the line.

    A name that changes is to be confirmed again.
    """
    update: dict[str, Any]
    where, _, name = row.partition("-")
    if row in _NAME_FIELDS:
        if text == getattr(draft, _NAME_FIELDS[row]):
            return draft
        update = {_NAME_FIELDS[row]: text, NAMES[row]: False}
    elif row in _FIELDS:
        update = {_FIELDS[row]: text}
    elif where == "links":
        update = {name: text}
    elif where == "devices":
        update = {name: text == "yes"}
    elif where == "dns":
        update = {"provider": draft.provider.model_copy(update={name: text})}
    else:
        host = changed(draft.hosts.get(where, TypedHost()), name, text)
        if host == draft.hosts.get(where, TypedHost()):
            return draft
        update = {"hosts": {**draft.hosts, where: host}}
    return draft.model_copy(update=update)


def without_empty_jump(host: TypedHost) -> TypedHost:
    """The server without a way through another machine, unless that machine has an address."""
    if host.jump is None or host.jump.address.strip():
        return host
    return host.model_copy(update={"jump": None, "jump_key": ""})


def host_of(role: Role, typed: TypedHost) -> Host:
    """The Host that stands there; :class:`ProblemError` when something cannot be used."""
    typed = without_empty_jump(typed)
    return Host(
        name=role.value,
        role=role,
        login=_login(typed.login, typed.host_key),
        jump=None if typed.jump is None else _login(typed.jump, typed.jump_key),
        public_ipv4=clean_ipv4(typed.public_ipv4),
        public_ipv6=clean_ipv6(typed.public_ipv6),
    )


def _login(login: TypedLogin, key: str) -> Login:
    return Login(
        address=clean_address(login.address),
        port=clean_port(login.port),
        user=clean_user(login.user),
        key_file=clean_line(login.key_file).strip(),
        host_key=key,
    )


def with_reached(typed: TypedHost, role: Role, host: Host) -> TypedHost | None:
    """The server with what was learned by trying it; None when it is no longer that server.

    A release that is not supported is kept out: such a server does not count as reached.
    """
    if not is_same(typed, role, host):
        return None
    release = host.release if host.release in RELEASES else ""
    return typed.model_copy(
        update={
            "host_key": host.login.host_key,
            "jump_key": "" if host.jump is None else host.jump.host_key,
            "release": release,
            "reached": bool(release),
        }
    )


def with_key(typed: TypedHost, role: Role, host: Host, key: str, *, is_jump: bool) -> TypedHost:
    """The server with a key that was confirmed for ``host``, if it is still that server."""
    if not is_same(typed, role, host):
        return typed
    return typed.model_copy(update={"jump_key" if is_jump else "host_key": key})


def is_same(typed: TypedHost, role: Role, host: Host) -> bool:
    """Whether what stands there leads to a host in the same way."""
    try:
        return _way(host_of(role, typed)) == _way(host)
    except ValueError:
        return False


def _way(host: Host) -> tuple[object, ...]:
    """How a server is reached, without what is learned on the way."""
    logins = (host.login, host.jump)
    return (
        host.role,
        *(login and (login.address, login.port, login.user, login.key_file) for login in logins),
    )
