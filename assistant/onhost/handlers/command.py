"""Commands that run when they are needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from assistant.onhost.contract import Done, Found, Handler, HostError, Machine
from assistant.onhost.resources import Command
from assistant.onhost.said import Said, said
from assistant.onhost.system import disk, path_state


class CommandHandler:
    """Runs a command when its result is missing. Only files it is known to make are taken back."""

    def inspect(self, resource: Command, machine: Machine) -> Found:
        """Look for the result, ask ``unless``, or compare with the last success."""
        if resource.creates and not os.path.lexists(machine.path(resource.creates)):
            return Found("run", said("{path} is missing", path=resource.creates))
        if resource.unless and not self._satisfied(resource, machine):
            return Found("run", said("needed"))
        if resource.creates or resource.unless:
            return Found("none")
        if machine.recall(f"ran:{resource.name}") != machine.desired_digest(resource.after):
            return Found("run", said("what it depends on changes"))
        return Found("none")

    def _satisfied(self, resource: Command, machine: Machine) -> bool:
        try:
            done = machine.run(resource.unless, user=_user(resource), timeout=60, check=False)
        except HostError:
            # Its user or its program is not there yet: then its result is not either.
            return False
        return done.code == 0

    def apply(self, resource: Command, found: Found, machine: Machine) -> Done:
        """Run it; its output goes to the journal."""
        digest = machine.desired_digest(resource.after)
        user, timeout = _user(resource), resource.timeout
        if new := [path for path in resource.makes if not os.path.lexists(machine.path(path))]:
            machine.receipt({"made": new})
        machine.run(resource.argv, user=user, timeout=timeout, stream=True)
        if resource.creates and not os.path.lexists(machine.path(resource.creates)):
            text = said(
                "The command {name} succeeded without making {path}.",
                name=resource.name,
                path=resource.creates,
            )
            raise HostError("command", text)
        machine.remember(f"ran:{resource.name}", digest)
        return Done(said("done"))

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Remove the files that were not there before."""
        gone = []
        for path in receipt["made"]:
            path_state.refuse_foreign_links(machine, path)
            if path_state.kind_of(path_state.status_of(machine, path)) == "file":
                try:
                    os.unlink(machine.path(path))
                except OSError as error:
                    raise disk.host_error(error, path) from error
                gone.append(path)
        return (
            said("removed {path}", path=", ".join(gone)) if gone else said("nothing to take back")
        )


def _user(resource: Command) -> str:
    return "" if resource.user == "root" else resource.user


HANDLERS: dict[str, Handler[Any]] = {"command": CommandHandler()}
