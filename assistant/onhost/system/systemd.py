"""What several kinds of resources ask of systemd."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from assistant.onhost.contract import HostError, Machine
from assistant.onhost.said import Said, said
from assistant.onhost.system.output_causes import classify, tail_of
from assistant.onhost.system.sockets import listening, with_processes

_PROPERTIES = "Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,Type,MainPID"

_VERBS = {
    "start": said("start"),
    "stop": said("stop"),
    "restart": said("restart"),
    "reload": said("reload"),
}

_UP = ("active", "reloading", "refreshing")
_ENABLED = ("enabled", "static", "alias", "indirect", "generated", "transient")


class Unit:
    """What systemd tells about one unit."""

    def __init__(self, told: Mapping[str, str]) -> None:
        self._told = told

    @property
    def known(self) -> bool:
        """Whether there is such a unit."""
        return self._told.get("LoadState", "not-found") not in ("not-found", "")

    @property
    def masked(self) -> bool:
        """Whether somebody switched it off for good."""
        return self._told.get("LoadState") == "masked"

    @property
    def active(self) -> bool:
        """Whether it runs (a finished one-shot that remains counts)."""
        return self._told.get("ActiveState") in _UP

    @property
    def restarting(self) -> bool:
        """Whether it keeps dying and being started again."""
        return self._told.get("SubState", "").startswith("auto-restart")

    @property
    def enabled(self) -> bool:
        """Whether it starts at boot, or needs no enabling."""
        return self._told.get("UnitFileState", "") in _ENABLED

    @property
    def coming(self) -> bool:
        """Whether it is about to run."""
        return self._told.get("ActiveState") == "activating"

    @property
    def announces(self) -> bool:
        """Whether its being active means that it got as far as listening."""
        return self._told.get("Type", "") not in ("simple", "exec", "idle")

    @property
    def process(self) -> str:
        """The number of its main process."""
        return self._told.get("MainPID", "")

    @property
    def stale(self) -> bool:
        """Whether its files changed since systemd read them."""
        return self._told.get("NeedDaemonReload") == "yes"


def show(machine: Machine, units: Sequence[str]) -> dict[str, Unit]:
    """The units by the names asked for, in one call; none is known where systemd is not there."""
    if not units:
        return {}
    argv = ("systemctl", "show", f"--property={_PROPERTIES}", "--", *units)
    done = machine.run(argv, timeout=60, check=False)
    blocks = done.output.strip().split("\n\n") if done.code == 0 else []
    found = {}
    for name, block in zip(units, blocks):  # noqa: B905 - Python 3.10, and missing ones are unknown
        found[name] = Unit(dict(line.partition("=")[::2] for line in block.splitlines()))
    return {name: found.get(name, Unit({})) for name in units}


def planned(machine: Machine) -> dict[str, Unit]:
    """All units the plan mentions, asked for once while nothing changes."""
    names = [getattr(resource, "unit", "") for resource in machine.planned("service")]
    names += [f"{getattr(resource, 'name', '')}.timer" for resource in machine.planned("timer")]
    unique = tuple(dict.fromkeys(names))
    return machine.cached("systemd:units", lambda: show(machine, unique))


def fresh(machine: Machine, unit: str) -> Unit:
    """One unit, asked for now."""
    return show(machine, (unit,))[unit]


def reload_files(machine: Machine) -> None:
    """Let systemd read unit files again."""
    machine.run(("systemctl", "daemon-reload"), timeout=120)


def order(machine: Machine, verb: str, unit: str, timeout: float = 180) -> None:
    """Start, stop, restart or reload a unit; a failure comes with the unit's own last words."""
    done = machine.run(("systemctl", verb, "--", unit), timeout=timeout, check=False)
    if done.code != 0:
        raise failed(
            machine,
            unit,
            said("{unit} could not {verb}", unit=unit, verb=_VERBS.get(verb, verb)),
            done.output,
        )


def failed(machine: Machine, unit: str, what: Said, output: str = "") -> HostError:
    """The HostError for a unit that does not work, from its last words."""
    argv = ("journalctl", "--unit", unit, "--lines", "30", "--no-pager", "--output", "cat")
    log = machine.run(argv, timeout=30, check=False)
    words = log.output if log.code == 0 else ""
    cause = classify(words) or classify(output)
    if cause not in ("disk-full", "read-only", "port-taken", "clock", "permission"):
        cause = "health"
    if cause == "port-taken":
        taken = holder_of_port(words)
        return HostError(
            cause,
            said(
                "{what} because {taken}. Stop that program or let it use another port, then "
                "apply again.",
                what=what,
                taken=taken,
            ),
            tail_of(words),
        )
    lines = [line for line in words.splitlines() if line.strip() and not line.startswith("-- ")]
    text = said("{what}.", what=what)
    if lines:
        last = lines[-1].strip()[:200]
        text = said("{what}. Its last words: {words}", what=what, words=last)
    return HostError(cause, text, tail_of(words or output))


def holder_of_port(words: str) -> Said:
    """Who holds the port that a service's words say is taken, as the end of a sentence."""
    named = re.search(r"(?:bind\(\) to \S*:|listen on \S*:|port )(\d{1,5})\b", words)
    if named is None:
        return said("its port is taken by another program")
    port = int(named[1])
    at_port = [one for one in listening() if one.protocol == "tcp" and one.port == port]
    names = sorted({one.process for one in with_processes(at_port) if one.process})
    if not names:
        return said("port {port} is taken by another program", port=port)
    return said("port {port} is taken by {names}", port=port, names=", ".join(names))
