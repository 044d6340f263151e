"""A host below a folder: the whole program runs there in this process, with a stand-in systemd."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant.onhost.contract import Completed
from assistant.onhost.engine import machine
from assistant.onhost.main import main
from assistant.onhost.resources import Resource, to_json
from assistant.onhost.system.process import Call

_QUIET = ("show", "reset-failed")


class Systemctl:
    """A stand-in for systemctl: units are files below /etc/systemd/system, or in ``units``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "etc/systemd/system"
        self.units: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.broken: set[str] = set()

    def known(self, name: str) -> bool:
        return (self.folder / name).exists() or name in self.units

    def _show(self, name: str) -> str:
        unit = self.units.get(name, {})
        told = {
            "Id": name,
            "LoadState": "loaded" if self.known(name) else "not-found",
            "ActiveState": "active" if unit.get("active") else "inactive",
            "UnitFileState": "enabled" if unit.get("enabled") else "disabled",
            "Type": "notify",
        }
        return "\n".join("=".join(pair) for pair in told.items()) + "\n"

    def __call__(self, call: Call) -> Completed:
        verb, *rest = call.argv[1:]
        named = [word for word in rest if not word.startswith("-")]
        self.asked.append(" ".join([verb, *named]))
        if verb == "show":
            return Completed(0, "\n".join(self._show(name) for name in named))
        for name in named:
            if not self.known(name):
                return Completed(5, f"Unit {name} not found.")
            unit = self.units.setdefault(name, {"active": False, "enabled": False})
            if verb in ("start", "restart", "reload") and name in self.broken:
                unit["active"] = False
                return Completed(1, f"Job for {name} failed.")
            if verb in ("start", "restart"):
                unit["active"] = True
            if verb == "stop" or (verb == "disable" and "--now" in rest):
                unit["active"] = False
            if verb in ("enable", "disable"):
                unit["enabled"] = verb == "enable"
        return Completed(0, "")


class Root:
    """``ask`` sends a request and returns its events; ``tools`` answer commands by their name."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.runs = 0
        self.systemctl = Systemctl(folder)
        self.log = ""
        self.tools: dict[str, Callable[[Call], Completed]] = {
            "systemctl": self.systemctl,
            "journalctl": lambda _: Completed(0, self.log),
        }
        execute = machine.execute

        def answered(call: Call, on_output: Any = None) -> Completed:
            tool = self.tools.get(call.argv[0])
            return tool(call) if tool is not None else execute(call, on_output)

        monkeypatch.setattr(machine, "execute", answered)
        (folder / "etc/systemd/system").mkdir(parents=True)
        uid, gid = os.getuid(), os.getgid()
        (folder / "etc/passwd").write_text(f"root:x:{uid}:{gid}:root:/root:/bin/sh\n")
        (folder / "etc/group").write_text(f"root:x:{gid}:\n")
        # Waiting for the disk proves nothing here; the order of writes is what the tests look at.
        monkeypatch.setattr(os, "fsync", lambda _: None)

    def path(self, absolute: str) -> Path:
        return self.folder / absolute.lstrip("/")

    def ask(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        main(request, {}, root=str(self.folder), emit=events.append, gone=lambda: False)
        json.dumps(events)
        assert events[-1]["event"] in ("result", "error")
        return events

    def _planned(self, mode: str, resources: Sequence[Resource], **more: Any) -> dict[str, Any]:
        return {"mode": mode, "resources": [to_json(r) for r in resources], **more}

    def inspect(self, *resources: Resource, **more: Any) -> dict[str, dict[str, Any]]:
        events = self.ask(self._planned("inspect", resources, **more))
        return {event["id"]: event for event in events if event["event"] == "state"}

    def apply(self, *resources: Resource, **more: Any) -> list[dict[str, Any]]:
        self.runs += 1
        request = self._planned("apply", resources, **more)
        return self.ask({"run": f"run-{self.runs}", **request})

    def undo(self, **more: Any) -> list[dict[str, Any]]:
        self.runs += 1
        return self.ask({"mode": "undo", "run": f"run-{self.runs}", **more})

    def systemctl_log(self) -> list[str]:
        """What was asked of systemd since the last call, but for questions."""
        asked = [line for line in self.systemctl.asked if line.split()[0] not in _QUIET]
        self.systemctl.asked.clear()
        return asked


def names(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of events, in order."""
    return [str(event["event"]) for event in events]


def the(events: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """The one event of a name."""
    (event,) = [event for event in events if event["event"] == name]
    return event


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file, link and folder below a folder: mode and content."""
    found = {}
    for place in sorted(folder.rglob("*")):
        info = place.lstat()
        data = b"-> " + bytes(place.readlink()) if place.is_symlink() else b""
        if place.is_file() and not place.is_symlink():
            data = place.read_bytes()
        found[str(place.relative_to(folder))] = (info.st_mode, data)
    return found
