"""The probe ``own-state``: everything a server of ours can tell about itself, in one go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from assistant.onhost.contract import HostError
from assistant.onhost.probes.exchange import Attempt
from assistant.onhost.probes.own import machine, services, settings
from assistant.onhost.probes.own.place import Place, printable

Section = Callable[[Place, Mapping[str, Any]], Any]

SECTIONS: dict[str, Section] = {
    "units": services.units,
    "database": services.database,
    "health": services.health,
    "login": services.login,
    "files": settings.files,
    "federation": settings.federation,
    "names": settings.names,
    "certificates": settings.certificates,
    "firewall": machine.firewall,
    "disks": machine.disks,
    "memory": machine.memory,
    "clock": machine.clock,
}
"""What is looked at, each from the field of the same name (see the section's own words)."""


def own_state(attempt: Attempt, place: Place | None = None) -> None:
    """Look at every section that the probe has a field for, side by side; only reads.

    ``data``: a value per section, and ``problems`` with the reason as text for each section that
    could not be looked at. Such a one hides no other. Fails as ``permission`` unless root asks.
    """
    place = place or _real_place()
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}

    def look(name: str) -> None:
        try:
            found[name] = SECTIONS[name](place, attempt.probe)
        except HostError as error:
            problems[name] = printable(error.text)
        except Exception as error:
            problems[name] = f"{type(error).__name__}: {printable(str(error))}"

    wanted = [name for name in SECTIONS if name in attempt.probe]
    threads = [threading.Thread(target=look, args=(name,), daemon=True) for name in wanted]
    for thread in threads:
        thread.start()
    for name, thread in zip(wanted, threads):  # noqa: B905 - Python 3.10
        thread.join(max(0.0, attempt.left() - 0.2))
        if thread.is_alive():
            problems[name] = "took too long"
    # A section that ends late must not change what is being sent.
    attempt.data.update(dict(found))
    attempt.data["problems"] = dict(problems)


def _real_place() -> Place:
    import os

    if os.geteuid() != 0:
        raise PermissionError("this needs root")
    return Place()
