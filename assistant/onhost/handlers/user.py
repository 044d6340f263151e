"""System accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant.onhost.contract import Done, Found, Handler, Kept, Machine
from assistant.onhost.resources import User
from assistant.onhost.said import Said, listed, said
from assistant.onhost.system import owners


def _missing_groups(resource: User, machine: Machine) -> list[str]:
    rows = owners.groups(machine)
    member = {name for name, row in rows.items() if resource.name in row[3].split(",")}
    return [name for name in resource.groups if name not in member]


class UserHandler:
    """Makes system accounts and puts them into groups. Undo keeps accounts: they own data."""

    def inspect(self, resource: User, machine: Machine) -> Found:
        """Compare home, shell and groups."""
        row = owners.users(machine).get(resource.name)
        if row is None:
            return Found("create", said("new system account"))
        wrong = []
        if row[5] != resource.home:
            wrong.append(said("home becomes {path}", path=resource.home))
        if row[6] != resource.shell:
            wrong.append(said("shell becomes {path}", path=resource.shell))
        if missing := _missing_groups(resource, machine):
            wrong.append(said("joins {groups}", groups=", ".join(missing)))
        return Found("update", listed(wrong)) if wrong else Found("none")

    def apply(self, resource: User, found: Found, machine: Machine) -> Done:
        """Make or correct the account."""
        name = resource.name
        row = owners.users(machine).get(name)
        missing = _missing_groups(resource, machine)
        old = {"home": row[5], "shell": row[6]} if row else None
        machine.receipt({"name": name, "old": old, "joined": missing})
        about = ["--home-dir" if row is None else "--home", resource.home]
        about += ["--shell", resource.shell]
        if row is None:
            same = name in owners.groups(machine)
            own = ["--gid", name] if same else ["--user-group"]
            machine.run(("useradd", "--system", "--no-create-home", *own, *about, "--", name))
        elif (row[5], row[6]) != (resource.home, resource.shell):
            machine.run(("usermod", *about, "--", name))
        if missing:
            machine.run(("usermod", "--append", "--groups", ",".join(missing), "--", name))
        return Done(found.summary)

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Leave the groups it joined; the account itself stays for the data it owns."""
        name, old = str(receipt["name"]), receipt.get("old")
        row = owners.users(machine).get(name)
        if row is None:
            return said("the account {name} is not there any more", name=name)
        for group in receipt.get("joined") or ():
            machine.run(("gpasswd", "--delete", name, str(group)), check=False)
        if old is None:
            return Kept(said("the account {name} stays, because its data do", name=name))
        if (row[5], row[6]) != (old["home"], old["shell"]):
            argv = ("usermod", "--home", old["home"], "--shell", old["shell"], "--", name)
            machine.run(argv)
        return said("the account {name} is as it was", name=name)


HANDLERS: dict[str, Handler[Any]] = {"user": UserHandler()}
