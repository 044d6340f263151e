"""Names of users and groups to numbers, from the host's own /etc/passwd and /etc/group."""

from __future__ import annotations

from assistant.onhost.contract import HostError, Machine
from assistant.onhost.said import said


def _table(machine: Machine, path: str) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    try:
        with open(machine.path(path), encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                fields = line.rstrip("\n").split(":")
                if len(fields) > 3 and fields[2].isdigit():
                    rows.setdefault(fields[0], fields)
    except FileNotFoundError:
        pass
    return rows


def users(machine: Machine) -> dict[str, list[str]]:
    """Rows of /etc/passwd by name: name, password, uid, gid, comment, home, shell."""
    return machine.cached("passwd", lambda: _table(machine, "/etc/passwd"))


def groups(machine: Machine) -> dict[str, list[str]]:
    """Rows of /etc/group by name: name, password, gid, members."""
    return machine.cached("group", lambda: _table(machine, "/etc/group"))


def user_id(machine: Machine, name: str) -> int | None:
    """The number of a user, or None when there is no such user (read afresh, if it was made)."""
    row = users(machine).get(name) or _table(machine, "/etc/passwd").get(name)
    return int(row[2]) if row else None


def group_id(machine: Machine, name: str) -> int | None:
    """The number of a group, or None when there is no such group."""
    row = groups(machine).get(name) or _table(machine, "/etc/group").get(name)
    return int(row[2]) if row else None


def need_ids(machine: Machine, owner: str, group: str) -> tuple[int, int]:
    """Numbers of a user and a group; HostError names the one that is missing."""
    uid, gid = user_id(machine, owner), group_id(machine, group)
    if uid is None:
        raise HostError("command", said("There is no user {user} on this host.", user=owner))
    if gid is None:
        raise HostError("command", said("There is no group {group} on this host.", group=group))
    return uid, gid
