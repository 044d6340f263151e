"""A run as a transient systemd unit, so that a dropped session harms nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from typing import Any

from assistant.onhost.contract import HostError
from assistant.onhost.engine.inspect import planned_resources
from assistant.onhost.engine.lock import BusyError, holder
from assistant.onhost.engine.machine import HostMachine
from assistant.onhost.paths import Paths, checked_run
from assistant.onhost.protocol import UNIT_PREFIX
from assistant.onhost.said import said
from assistant.onhost.system.disk import host_error, private_folder, write_whole
from assistant.onhost.system.process import Call, execute, failure

_START = """\
import sys
sys.path.insert(0, {program!r})
from assistant.onhost.engine.run_unit import carry
raise SystemExit(carry({folder!r}))
"""

_PROPERTIES = (
    "Type=exec",
    # A shutdown asks the run, which ends after the current resource, and leaves apt alone.
    "KillMode=mixed",
    "TimeoutStopSec=90",
    # Compiling or unpacking may meet the memory limit; the run reports that better than systemd.
    "OOMPolicy=continue",
)


def unit_of(run: str) -> str:
    """The unit that carries a run."""
    return f"{UNIT_PREFIX}{run}.service"


def _systemctl(*arguments: str) -> str:
    return execute(Call(("systemctl", *arguments), timeout=30)).output


def launch(request: Mapping[str, Any], modules: Mapping[str, str], paths: Paths) -> None:
    """Start a run in a unit of its own; HostError when systemd cannot."""
    if not os.path.isdir("/run/systemd/system"):
        raise HostError("unsupported", said("This host does not run systemd, which a run needs."))
    run = checked_run(request.get("run"))
    folder = f"{paths.runtime}/{run}"
    _clean(paths)
    try:
        _bundle(request, modules, paths.runtime, folder)
    except OSError as error:
        raise host_error(error, folder) from error
    unit = unit_of(run)
    argv = ["systemd-run", "--quiet", f"--unit={unit}", f"--description=matrix-assistant {run}"]
    for line in _PROPERTIES:
        argv += ["--property", line]
    argv += ["--", sys.executable or "/usr/bin/python3", "-I", "-B", f"{folder}/start.py"]
    done = execute(Call(tuple(argv), timeout=60))
    if done.code != 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise failure(argv, done)


def _bundle(
    request: Mapping[str, Any], modules: Mapping[str, str], runtime: str, folder: str
) -> None:
    own = {"uid": os.geteuid(), "gid": os.getegid(), "mode": 0o600}
    private_folder(runtime)
    private_folder(folder)
    program = f"{folder}/program"
    packages = {parent for name in modules for parent in _parents(name)}
    for package in sorted(packages):
        private_folder(f"{program}/{package.replace('.', '/')}")
    for name, source in {**dict.fromkeys(packages, ""), **modules}.items():
        path = f"{program}/{name.replace('.', '/')}"
        path += "/__init__.py" if name in packages else ".py"
        write_whole(path, source.encode("utf-8"), **own)
    start = _START.format(program=program, folder=folder)
    write_whole(f"{folder}/start.py", start.encode("utf-8"), **own)
    open_part = {key: value for key, value in request.items() if key != "secrets"}
    write_whole(f"{folder}/request.json", json.dumps(open_part).encode("ascii"), **own)
    hidden = json.dumps(request.get("secrets") or {}).encode("ascii")
    write_whole(f"{folder}/secrets.json", hidden, **own)


def _parents(module: str) -> list[str]:
    """The packages that a module is in: ``a.b.c`` is in ``a`` and ``a.b``."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _clean(paths: Paths) -> None:
    """Remove what runs that died before their end left in memory."""
    held = holder(paths)
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(paths.runtime):
            if held is None or name != held.run:
                shutil.rmtree(f"{paths.runtime}/{name}", ignore_errors=True)


def carry(folder: str) -> int:
    """What the unit does: read and delete the request, work, leave nothing in memory."""
    with open(f"{folder}/request.json", "rb") as file:
        request = json.load(file)
    with open(f"{folder}/secrets.json", "rb") as file:
        secrets = json.load(file)
    os.unlink(f"{folder}/secrets.json")
    try:
        work(request, secrets, Paths(), in_unit=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def work(
    request: Mapping[str, Any],
    secrets: Mapping[str, str],
    paths: Paths,
    *,
    in_unit: bool = False,
) -> None:
    """Do a run in this process. Its journal tells how it went, whatever happens."""
    from assistant.onhost.engine import apply, undo

    run = checked_run(request.get("run"))
    part = apply.execute if request.get("mode") == "apply" else undo.execute
    try:
        with apply.RunLog(paths, run, secrets) as log:
            resources = planned_resources(request)
            machine = HostMachine(paths, resources, secrets=secrets, run=run, emit=log.emit)

            def stop(number: int, frame: object) -> None:
                machine.stop_requested = True

            if in_unit:
                signal.signal(signal.SIGTERM, stop)
            try:
                part(request, paths, machine, log)
            finally:
                machine.close()
    except BusyError:
        return


def alive(run: str, paths: Paths) -> bool:
    """Whether something still works on a run."""
    held = holder(paths)
    if held is not None and held.run == run:
        return True
    state = _systemctl("show", "--property=ActiveState", "--value", unit_of(run)).strip()
    return state in ("active", "activating", "reloading", "deactivating")


def why_dead(run: str) -> tuple[str, str] | None:
    """Result and exit status of a unit that ended without a word; None: systemd knows none."""
    properties = "--property=LoadState,Result,ExecMainStatus"
    told = dict(
        line.partition("=")[::2]
        for line in _systemctl("show", properties, unit_of(run)).splitlines()
    )
    if told.get("LoadState") != "loaded":
        return None
    return told.get("Result", ""), told.get("ExecMainStatus", "")


def tidy(run: str) -> None:
    """Let systemd forget a unit that failed."""
    _systemctl("reset-failed", unit_of(run))
