"""Which modules of the on-host program a request needs: the fewer, the fewer round trips.

Across a border a new connection takes in about 14 KB with its first round trip, and twice as much
with each further one, so that a third less to send saves one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

PACKAGE = "assistant.onhost"
_MAIN = f"{PACKAGE}.main"
_REGISTRY = f"{PACKAGE}.engine.registry"
_HANDLERS = f"{PACKAGE}.handlers"
_ENTRIES: Mapping[str, str] = {
    "measure": f"{PACKAGE}.probes.batch",
    "accounts": f"{PACKAGE}.accounts.actions",
    "link": f"{PACKAGE}.links",
    "facts": f"{PACKAGE}.system.facts",
}
"""Modes that are answered by a module of their own; all others are the engine's."""
_IMPORT = re.compile(
    r"^[ \t]*(?:from (assistant\.onhost[\w.]*) import (\([^)]*\)|[^\n]*)"
    r"|import (assistant\.onhost[\w.]*))",
    re.MULTILINE,
)


@cache
def sources() -> Mapping[str, str]:
    """All sources of assistant.onhost: module name -> text, packages by their own name."""
    found: dict[str, str] = {}
    _collect(files(PACKAGE), PACKAGE, found)
    return dict(sorted(found.items()))


def sources_for(mode: str) -> Mapping[str, str]:
    """The sources that a request of a mode can come to import."""
    return _sources_for(mode if mode in _ENTRIES else "")


@cache
def _sources_for(mode: str) -> Mapping[str, str]:
    everything = sources()
    others = {module for name, module in _ENTRIES.items() if name != mode}
    if mode:
        # Its own module, and what main needs at its top and to tell of an error.
        start = {_ENTRIES[mode], f"{PACKAGE}.system.host_errors"}
        start |= _imports(_top(everything[_MAIN]), everything)
    else:
        start = _imports(everything[_MAIN], everything) - others
    wanted = {PACKAGE, _MAIN}
    waiting = list(start)
    while waiting:
        module = waiting.pop()
        if module not in wanted:
            wanted.add(module)
            waiting += _imports(everything[module], everything)
            waiting += _parents(module, everything)
            if module == _REGISTRY:
                # It imports the handlers of resources by their names, when it meets them.
                waiting += [name for name in everything if name.startswith(_HANDLERS)]
    return {name: everything[name] for name in sorted(wanted)}


def _top(text: str) -> str:
    """The lines of a module that are not indented: what is imported whenever it is."""
    return "\n".join(line for line in text.split("\n") if not line.startswith((" ", "\t")))


def _imports(text: str, known: Mapping[str, str]) -> set[str]:
    """The modules among ``known`` that a text imports, at its top or later."""
    found: set[str] = set()
    for match in _IMPORT.finditer(text):
        package, names, plain = match.groups()
        found.add(plain or package)
        for name in re.findall(r"\w+", names or ""):
            found.add(f"{package}.{name}")
    return found & known.keys()


def _parents(module: str, known: Mapping[str, str]) -> Iterable[str]:
    parts = module.split(".")
    return (name for i in range(1, len(parts)) if (name := ".".join(parts[:i])) in known)


def _collect(folder: Traversable, package: str, found: dict[str, str]) -> None:
    for item in folder.iterdir():
        if item.is_dir():
            if item.joinpath("__init__.py").is_file():
                _collect(item, f"{package}.{item.name}", found)
        elif item.name.endswith(".py"):
            stem = item.name.removesuffix(".py")
            name = package if stem == "__init__" else f"{package}.{stem}"
            found[name] = item.read_text("utf-8")
