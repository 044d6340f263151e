"""Python environments, built beside the old one and switched in whole."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assistant.onhost.contract import Completed, Done, Found, Handler, HostError, Kept, Machine
from assistant.onhost.resources import Virtualenv
from assistant.onhost.said import Said, plain, said
from assistant.onhost.system import space, wheels
from assistant.onhost.system.output_causes import classify, tail_of

MARKER = ".complete"

# Megabytes that a requirement takes with what it depends on, measured; others are small.
_MEGABYTES = {"matrix-synapse": 270, "certbot-dns-multi": 120, "certbot": 60}
_OTHER_MEGABYTES = 20
_BARE_MEGABYTES = 30

_SENTENCES = {
    "altered": said(
        "The Python package index gave another file than the one that belongs to this version. "
        "Nothing of it was run. Try again, or choose another index."
    ),
    "disk-full": said(
        "The disk of this server is full. Free some space or enlarge the disk, then apply again."
    ),
    "read-only": said(
        "A file system of this server is read-only. A restart may mend that; if not, ask your "
        "provider about the disk."
    ),
    "clock": said(
        "The clock of this server is wrong, so the package index's certificate seems not to be "
        "valid yet. Set the time, then try again."
    ),
    "name-resolution": said(
        "This server cannot resolve the name of the Python package index. Check its resolver "
        "(/etc/resolv.conf), then apply again."
    ),
    "mirror": said(
        "The Python package index could not be reached, or broke off. Try again, or choose "
        "another index."
    ),
}


class VirtualenvHandler:
    """``path``/versions/DIGEST for each lock, and ``path``/current to one of them.

    An interrupted pip leaves a folder that pip itself finds nothing wrong with, so a folder counts
    only with its marker, which is written after every file was compared with the wheels' RECORD
    and is on the disk.
    """

    def inspect(self, resource: Virtualenv, machine: Machine) -> Found:
        """Look at the link and the marker only: no hashing, so that a re-run is quick."""
        version = version_name(resource)
        now = _current(resource.path, machine)
        complete = _marker(resource.path, version, machine) is not None
        if now == version and complete:
            return Found("none")
        wanted = ", ".join(resource.requirements)
        if not now:
            return Found("create", said("install {names}", names=wanted))
        old = _marker(resource.path, now, machine) or {}
        changes = describe(old.get("requirements", ()), resource.requirements)
        return Found(
            "update", plain(changes) if changes else said("install {names} again", names=wanted)
        )

    def apply(self, resource: Virtualenv, found: Found, machine: Machine) -> Done:
        """Build the folder if it is not complete, then switch to it and drop older ones."""
        version = version_name(resource)
        previous = _current(resource.path, machine)
        receipt = {"path": resource.path, "previous": previous, "version": version}
        machine.receipt(receipt)
        if _marker(resource.path, version, machine) is None:
            try:
                _build(resource, version, machine)
            except BaseException:
                # Half an installation is of no use, and on a full disk its room is needed.
                folder = machine.path(f"{resource.path}/versions/{version}")
                shutil.rmtree(folder, ignore_errors=True)
                raise
        if previous != version:
            _switch(resource.path, version, machine)
        _drop_others(resource.path, {version, previous}, machine)
        return Done(said("installed {names}", names=", ".join(resource.requirements)), receipt)

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Switch back to what was there before; a first installation is removed."""
        path, previous, version = receipt["path"], receipt["previous"], receipt["version"]
        if previous == version:
            return Kept(said("{path} stays as it is.", path=path))
        if previous and _marker(path, previous, machine) is not None:
            _switch(path, previous, machine)
            return said("{path} is back at its former version.", path=path)
        if previous:
            return Kept(said("{path} stays: its former version has been removed since.", path=path))
        if _current(path, machine) == version:
            Path(machine.path(f"{path}/current")).unlink(missing_ok=True)
        shutil.rmtree(machine.path(f"{path}/versions/{version}"), ignore_errors=True)
        for folder in (f"{path}/versions", path):
            if Path(machine.path(folder)).is_dir() and not os.listdir(machine.path(folder)):
                Path(machine.path(folder)).rmdir()
        return said("{path} is removed.", path=path)


def version_name(resource: Virtualenv) -> str:
    """Twelve hex digits for the lock and the host's Python, whose upgrade breaks a venv."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hashlib.sha256(f"{python}\n{resource.lock}".encode()).hexdigest()[:12]


def describe(old: Sequence[str], new: Sequence[str]) -> str:
    """What changes between two sets of pinned requirements, such as ``a 1 → 2, b 3 new``."""
    before = dict(line.split("==", 1) for line in old)
    after = dict(line.split("==", 1) for line in new)
    parts = []
    for name, version in after.items():
        if name not in before:
            parts.append(f"{name} {version} new")
        elif before[name] != version:
            parts.append(f"{name} {before[name]} → {version}")
    parts += [f"{name} removed" for name in before if name not in after]
    return ", ".join(parts)


def damage(site_packages: Path) -> list[str]:
    """Files that are missing or differ from the RECORD of the wheel they came with.

    Paths are relative to ``site_packages``. Compiled files carry no hash and are passed over, as
    pip writes them after the RECORD's author.
    """
    wrong = []
    for record in sorted(site_packages.glob("*.dist-info/RECORD")):
        with record.open(newline="", encoding="utf-8") as lines:
            for row in csv.reader(lines):
                if len(row) == 3 and row[1] and not _intact(site_packages / row[0], row[1], row[2]):
                    wrong.append(row[0])
    return wrong


def missing_requirements(site_packages: Path, requirements: Sequence[str]) -> list[str]:
    """Requirements without a finished installation (its RECORD is the last file pip writes)."""
    there = set()
    for record in site_packages.glob("*.dist-info/RECORD"):
        name, _, version = record.parent.name[: -len(".dist-info")].rpartition("-")
        there.add((_plain(name), version))
    missing = []
    for line in requirements:
        name, version = line.split("==", 1)
        if (_plain(name.split("[")[0]), version) not in there:
            missing.append(line)
    return missing


def pip_failure(output: str, what: str) -> HostError:
    """The error to raise for the output of a failed pip or venv."""
    tail = tail_of(output)
    absent = re.search(r"No matching distribution found for (\S+)", output)
    cause = classify(output)
    # pip says the same of an index that it could not reach.
    if absent and not re.search(r"Retrying \(|ConnectionError|Max retries", output):
        text = said(
            "The Python package index has nothing ready-made for {name} on this server.",
            name=absent[1],
        )
        return HostError("mirror", text, tail)
    if cause == "timeout":
        cause = "mirror"
    if cause in _SENTENCES:
        return HostError(
            cause,
            said("{what} could not be installed. {why}", what=what, why=_SENTENCES[cause]),
            tail,
        )
    return HostError("command", said("pip could not install {what}.", what=what), tail)


def _build(resource: Virtualenv, version: str, machine: Machine) -> None:
    folder = f"{resource.path}/versions/{version}"
    what = ", ".join(resource.requirements)
    size = (_BARE_MEGABYTES + _planned(resource.requirements)) * space.MEGABYTE
    shutil.rmtree(machine.path(folder), ignore_errors=True)  # what a cut run left
    space.require(machine, [(resource.path, size)], said("The installation of {names}", names=what))
    with _readable_files():
        Path(machine.path(f"{resource.path}/versions")).mkdir(parents=True, exist_ok=True)
        brought = f"{folder}.wheels"
        try:
            _must(wheels.fetch(resource.lock, resource.pip_conf, brought, machine), what)
            # Nothing in an environment uses its own pip, and putting one there takes five seconds.
            venv = (sys.executable or "python3", "-m", "venv", "--without-pip")
            made = machine.run((*venv, machine.path(folder)), timeout=300, check=False, stream=True)
            _must(made, what)
            _must(wheels.install(machine.path(f"{folder}/bin/python"), brought, machine), what)
        finally:
            shutil.rmtree(machine.path(brought), ignore_errors=True)
        _compile(f"{folder}/lib", what, machine)
    found = sorted(Path(machine.path(folder)).glob("lib/python*/site-packages"))
    site_packages = found[0] if found else Path(machine.path(folder))
    wrong = missing_requirements(site_packages, resource.requirements) or damage(site_packages)
    if wrong:
        raise HostError(
            "validation",
            said(
                "The installation of {what} is incomplete: {count} file(s) or package(s) are "
                "missing or damaged. Try again; if it happens again, check this server's disk.",
                what=what,
                count=len(wrong),
            ),
            tuple(wrong[:15]),
        )
    # The marker vouches for thousands of files that pip did not fsync.
    os.sync()
    python_version = f"{sys.version_info.major}.{sys.version_info.minor}"
    told = {"requirements": list(resource.requirements), "python": python_version}
    machine.write(f"{folder}/{MARKER}", json.dumps(told).encode())


def _compile(folder: str, what: str, machine: Machine) -> None:
    """A module that cannot be compiled is one that nobody can import on this Python: no error."""
    done = wheels.compile_all(folder, machine)
    if done.code != 0 and classify(done.output) in _SENTENCES:
        raise pip_failure(done.output, what)


def _must(done: Completed, what: str) -> None:
    if done.code != 0:
        raise pip_failure(done.output, what)


@contextmanager
def _readable_files() -> Iterator[None]:
    """The environment is run by users other than root, whatever mask this program runs with."""
    old = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(old)


def _planned(requirements: Sequence[str]) -> int:
    names = [re.split(r"[\[=]", line)[0].lower() for line in requirements]
    return sum(_MEGABYTES.get(name, _OTHER_MEGABYTES) for name in names)


def _current(path: str, machine: Machine) -> str:
    """Name of the version that ``current`` points to, or empty."""
    try:
        return Path(os.readlink(machine.path(f"{path}/current"))).name
    except OSError:
        return ""


def _marker(path: str, version: str, machine: Machine) -> dict[str, Any] | None:
    try:
        text = Path(machine.path(f"{path}/versions/{version}/{MARKER}")).read_text("utf-8")
        told = json.loads(text)
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def _switch(path: str, version: str, machine: Machine) -> None:
    link = Path(machine.path(f"{path}/current"))
    fresh = Path(machine.path(f"{path}/.current.new"))
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(f"versions/{version}")
    fresh.replace(link)
    folder = os.open(link.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _drop_others(path: str, keep: set[str], machine: Machine) -> None:
    for folder in Path(machine.path(f"{path}/versions")).iterdir():
        if folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)


def _intact(path: Path, told: str, size: str) -> bool:
    algorithm, _, digest = told.partition("=")
    try:
        if size and path.stat().st_size != int(size):
            return False
        found = hashlib.new(algorithm, path.read_bytes(), usedforsecurity=False).digest()
    except (OSError, ValueError):
        return False
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode() == digest


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


HANDLERS: dict[str, Handler[Any]] = {"virtualenv": VirtualenvHandler()}
