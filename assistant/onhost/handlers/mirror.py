"""Where apt gets packages from, while the assistant's own mirror setting applies."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.onhost.contract import Done, Found, Handler, HostError, Machine
from assistant.onhost.resources import PackageMirror
from assistant.onhost.said import Said, said, together
from assistant.onhost.system import apt

SOURCES = "/etc/apt/sources.list.d/matrix-assistant.sources"
KEY = "/etc/apt/keyrings/matrix-assistant.asc"

_LIST = "/etc/apt/sources.list"
_FOLDER = "/etc/apt/sources.list.d"
# apt silently passes over names that end like this one; others cost a notice at every call.
_SUFFIX = ".disabled"

_UPDATED = "mirror:updated"  # digest of the setting whose lists were fetched
_WRITTEN = "mirror:written"  # digests of source texts that are ours
_PENDING = "mirror:pending"  # receipt of a change that was not seen to work yet


class MirrorHandler:
    """Sources and key in files of our own; other sources renamed, and named back by undo.

    A setting that apt cannot use does not stay: the old sources come back before the failure is
    reported.
    """

    def inspect(self, resource: PackageMirror, machine: Machine) -> Found:
        """Compare the files, and whether their lists were ever fetched."""
        sources = _read(machine, SOURCES)
        key = _read(machine, KEY)
        others = active_sources(machine) if resource.replace else ()
        if sources is not None and sources != resource.sources.encode():
            ours = machine.recall(_WRITTEN) or []
            if _digest(sources) not in ours:
                return Found(
                    "conflict",
                    said("{path} was edited by hand", path=SOURCES),
                    _diff(sources, resource),
                )
        same = (
            sources == resource.sources.encode() and (key or b"") == resource.signing_key.encode()
        )
        fetched = machine.recall(_UPDATED) == _setting(resource)
        if same and not others and fetched:
            return Found("none")
        parts = []
        if not same:
            parts.append(said("packages come from the chosen mirror"))
        if others:
            parts.append(said("{count} other source file(s) moved aside", count=len(others)))
        if same and not others:
            parts.append(said("the package lists have to be fetched"))
        action = "create" if sources is None else "update"
        return Found(action, together(parts), _diff(sources or b"", resource))

    def apply(self, resource: PackageMirror, found: Found, machine: Machine) -> Done:
        """Write, move the others aside, fetch the lists; back to the old sources if that fails."""
        pending = machine.recall(_PENDING)
        if pending:
            # A run was cut before its sources had proved themselves: start from what was before.
            _restore(pending, machine)
        others = active_sources(machine) if resource.replace else ()
        receipt = {
            "sources": _keep(machine, SOURCES),
            "key": _keep(machine, KEY),
            "moved": [[path, _aside(machine, path)] for path in others],
        }
        machine.receipt(receipt)
        machine.remember(_PENDING, receipt)
        old = _read(machine, SOURCES)
        ours = [_digest(resource.sources.encode()), *([_digest(old)] if old is not None else [])]
        machine.remember(_WRITTEN, ours)
        if resource.signing_key:
            machine.write(KEY, resource.signing_key.encode())
        else:
            Path(machine.path(KEY)).unlink(missing_ok=True)
        machine.write(SOURCES, resource.sources.encode())
        for path, aside in receipt["moved"]:
            Path(machine.path(path)).rename(machine.path(aside))
        done = apt.update(machine)
        if done.code != 0:
            _restore(receipt, machine)
            machine.remember(_PENDING, None)
            error = apt.failure(done.output, said("the change of mirror"), default="mirror")
            text = said("{what} The package sources are as they were before.", what=error.text)
            raise HostError(error.cause, text, error.tail)
        machine.remember(_UPDATED, _setting(resource))
        machine.remember(_PENDING, None)
        return Done(said("apt uses the chosen mirror"), receipt)

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Bring the former sources back; apt's lists follow when it can reach them."""
        _restore(receipt, machine)
        machine.remember(_PENDING, None)
        machine.remember(_UPDATED, None)
        done = apt.update(machine)
        if done.code == 0:
            return said("The former package sources are back.")
        return said("The former package sources are back; their lists could not be fetched now.")


def active_sources(machine: Machine) -> tuple[str, ...]:
    """Files, other than ours, from which apt takes sources now."""
    folder = Path(machine.path(_FOLDER))
    listed = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    names = [
        _LIST,
        *(f"{_FOLDER}/{name}" for name in listed if name.endswith((".list", ".sources"))),
    ]
    found = []
    for name in names:
        text = (_read(machine, name) or b"").decode("utf-8", "replace")
        if name != SOURCES and is_active(name, text):
            found.append(name)
    return tuple(found)


def is_active(name: str, text: str) -> bool:
    """Whether a source file of this name and content adds a source."""
    if not name.endswith(".sources"):
        return any(re.match(r"\s*deb(-src)?\s", line) for line in text.splitlines())
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n[ \t]*\n", "\n".join(lines)):
        has_types = re.search(r"(?im)^types:", stanza)
        is_off = re.search(r"(?im)^enabled:\s*(no|false|0|off|without|disable)\s*$", stanza)
        if has_types and not is_off:
            return True
    return False


def _aside(machine: Machine, path: str) -> str:
    """A name beside a source file that apt passes over and that is free."""
    for number in range(1, 1000):
        mark = ".matrix-assistant" + (f"-{number}" if number > 1 else "")
        name = path + mark + _SUFFIX
        if not Path(machine.path(name)).exists():
            return name
    raise OSError(f"no free name beside {path}")


def _restore(receipt: Mapping[str, Any], machine: Machine) -> None:
    for path, aside in receipt["moved"]:
        here, there = Path(machine.path(path)), Path(machine.path(aside))
        # A file that somebody made meanwhile in the old place stays; theirs is the newer will.
        if there.exists() and not here.exists():
            there.rename(here)
    for path, name in ((SOURCES, receipt["sources"]), (KEY, receipt["key"])):
        if name:
            machine.write(path, machine.blob(name))
        else:
            Path(machine.path(path)).unlink(missing_ok=True)


def _keep(machine: Machine, path: str) -> str:
    data = _read(machine, path)
    return "" if data is None else machine.keep_blob(data)


def _read(machine: Machine, path: str) -> bytes | None:
    try:
        return Path(machine.path(path)).read_bytes()
    except FileNotFoundError:
        return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _setting(resource: PackageMirror) -> str:
    return _digest((resource.sources + "\0" + resource.signing_key).encode())


def _diff(old: bytes, resource: PackageMirror) -> str:
    lines = difflib.unified_diff(
        old.decode("utf-8", "replace").splitlines(),
        resource.sources.splitlines(),
        SOURCES,
        SOURCES,
        lineterm="",
    )
    return "\n".join(lines)


HANDLERS: dict[str, Handler[Any]] = {"mirror": MirrorHandler()}
