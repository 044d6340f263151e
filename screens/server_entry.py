"""A server as it is typed: what a keystroke changes, and the Host it stands for."""

from __future__ import annotations

import ipaddress
from typing import Any, Literal

from assistant.draft import Draft, TypedHost, TypedLogin
from assistant.setup import RELEASES, ROLES, Host, Login, Role
from assistant.typed import (
    clean_address,
    clean_ipv4,
    clean_ipv6,
    clean_line,
    clean_port,
    clean_user,
    is_address,
)

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


Action = Literal["confirm", "open", "try", "go", "wait"]


def roles_of(draft: Draft) -> tuple[Role, ...]:
    """The servers the chosen option needs."""
    return ROLES[draft.option or 1]


def unreached(draft: Draft) -> tuple[Role, ...]:
    """The servers that were not yet tried with success."""
    return tuple(role for role in roles_of(draft) if not draft.hosts.get(role, TypedHost()).reached)


def what_next(draft: Draft, part: str, *, busy: bool) -> tuple[Action, str]:
    """What Enter does on this page now, and for which part. Pure.

    The name comes first, then each server in turn, then the checks.
    """
    if busy:
        return "wait", part
    left = unreached(draft)
    if part == "name":
        if not draft.server_name_confirmed:
            return "confirm", "name"
        return ("open", left[0]) if left else ("go", "")
    if part in left:
        return "try", part
    if left:
        return "open", left[0]
    return ("go", "") if draft.server_name_confirmed else ("open", "name")


def public_of(address: str) -> tuple[str, str]:
    """What an address says of the public IPv4 and IPv6 address; empty where it says nothing."""
    text = address.strip().strip("[]")
    if not is_address(text):
        return "", ""
    ip = ipaddress.ip_address(text)
    if any(ip in network for network in _PRIVATE if network.version == ip.version):
        return "", ""
    return (str(ip), "") if ip.version == 4 else ("", str(ip))


def changed(host: TypedHost, part: str, text: str) -> TypedHost:
    """The server after one line was typed into; ``part`` is a line's name, ``jump_…`` the way.

    Another address, port or user may be another machine: its key, its system and that it was
    reached no longer count. Public addresses that came from the address follow it.
    """
    if part in ("public_ipv4", "public_ipv6"):
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
