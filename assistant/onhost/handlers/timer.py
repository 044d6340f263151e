"""Commands that run by the calendar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant.onhost.contract import Done, Found, Handler, Kept, Machine
from assistant.onhost.resources import Timer
from assistant.onhost.said import Said, said, together
from assistant.onhost.system import disk, path_state, systemd

_FOLDER = "/etc/systemd/system"


def quoted(text: str) -> str:
    """An argument as systemd's ExecStart takes it literally."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("%", "%%").replace("$", "$$") + '"'


def unit_files(timer: Timer) -> dict[str, bytes]:
    """The service and the timer unit, by path."""
    command = " ".join(quoted(part) for part in timer.command)
    description = timer.description.replace("%", "%%")
    service = [
        "[Unit]",
        f"Description={description}",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        f"User={timer.user}",
        f"ExecStart={command}",
        *timer.sandbox,
        "",
    ]
    when = [
        "[Unit]",
        f"Description={description}",
        "",
        "[Timer]",
        f"OnCalendar={timer.calendar}",
        f"RandomizedDelaySec={timer.delay}",
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
        "",
    ]
    return {
        f"{_FOLDER}/{timer.name}.service": "\n".join(service).encode("utf-8"),
        f"{_FOLDER}/{timer.name}.timer": "\n".join(when).encode("utf-8"),
    }


class TimerHandler:
    """Writes both units, enables and starts the timer."""

    def inspect(self, resource: Timer, machine: Machine) -> Found:
        """Compare both files and the timer's state."""
        shown, missing, edited = [], False, False
        for path, new in unit_files(resource).items():
            old = disk.read_file(machine.path(path))
            if old == new:
                continue
            missing = missing or old is None
            known = path_state.written(machine, path)
            edited = edited or (
                old is not None and bool(known) and path_state.digest(old) not in known
            )
            shown.append(path_state.diff(path, old or b"", new))
        text = "\n".join(shown)
        if edited:
            return Found("conflict", said("edited by hand since the last apply"), text)
        if missing:
            return Found("create", said("new timer"))
        if shown:
            return Found("update", said("new content"), text)
        unit = systemd.planned(machine).get(f"{resource.name}.timer")
        if unit is None or not unit.active or not unit.enabled:
            return Found("run", said("start the timer"))
        return Found("none")

    def apply(self, resource: Timer, found: Found, machine: Machine) -> Done:
        """Write, let systemd read, enable, and start afresh."""
        files = unit_files(resource)
        receipts = [path_state.receipt_for(machine, path, new) for path, new in files.items()]
        machine.receipt({"timer": f"{resource.name}.timer", "files": receipts})
        for path, new in files.items():
            path_state.write(machine, path, new)
        unit = f"{resource.name}.timer"
        systemd.reload_files(machine)
        machine.run(("systemctl", "enable", "--", unit), timeout=120)
        systemd.order(machine, "restart", unit)
        return Done(found.summary)

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Bring both files back; a timer that is new is stopped and disabled first."""
        unit = str(receipt["timer"])
        files = list(receipt["files"])
        new = all(item["old"]["type"] == "missing" for item in files)
        if new and systemd.fresh(machine, unit).known:
            machine.run(("systemctl", "disable", "--now", "--", unit), timeout=120)
        told = [path_state.undo_placed(item, machine) for item in reversed(files)]
        systemd.reload_files(machine)
        if not new and systemd.fresh(machine, unit).known:
            systemd.order(machine, "try-restart", unit)
        kept = [text for text in told if isinstance(text, Kept)]
        return Kept(together(kept)) if kept else said("{unit} is as it was", unit=unit)


HANDLERS: dict[str, Handler[Any]] = {"timer": TimerHandler()}
