"""The house is in order: no circles, nothing loose, and nothing imported that is not needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("assistant", "checks", "screens")
ENTRY = "assistant.cli"
"""The only room that knows ``checks`` and ``screens``, which know ``assistant``."""


@cache
def modules() -> Mapping[str, Path]:
    found = {}
    for top in PRODUCT:
        for path in (ROOT / top).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports() -> Mapping[str, frozenset[str]]:
    """What each module imports of ours: at its top, later, and for its types alone."""
    known = modules()
    result = {}
    for name, path in known.items():
        wanted: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    wanted.add(full if full in known else node.module)
            elif isinstance(node, ast.Import):
                wanted.update(alias.name for alias in node.names)
        result[name] = frozenset((wanted & known.keys()) - {name})
    return result


def circle(arrows: Mapping[str, Iterable[str]]) -> list[str]:
    """The rooms of one circle, empty when there is none."""
    try:
        tuple(TopologicalSorter(arrows).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert not circle({"a": {"b", "c"}, "b": {"c"}})


def test_no_circle_of_modules() -> None:
    assert len(modules()) > 300
    assert circle(imports()) == []


def containers() -> list[str]:
    packages = {name for name, path in modules().items() if path.name == "__init__.py"}
    return sorted(packages)


@pytest.mark.parametrize("container", containers())
def test_no_circle_between_what_a_folder_holds(container: str) -> None:
    inside: dict[str, set[str]] = {}
    for name, wanted in imports().items():
        if name.startswith(f"{container}."):
            room = name.removeprefix(f"{container}.").partition(".")[0]
            others = {
                other.removeprefix(f"{container}.").partition(".")[0]
                for other in wanted
                if other.startswith(f"{container}.")
            }
            inside.setdefault(room, set()).update(others - {room})
    assert circle(inside) == []


def test_only_the_entry_joins_the_three_packages() -> None:
    arrows: dict[str, set[str]] = {}
    for name, wanted in imports().items():
        if not name.startswith(ENTRY):
            top = name.partition(".")[0]
            arrows.setdefault(top, set()).update(w.partition(".")[0] for w in wanted)
            arrows[top].discard(top)
    assert circle(arrows) == []


def test_nothing_is_loose() -> None:
    assert {path.name for path in (ROOT / "assistant").glob("*.py")} == {
        "__init__.py",
        "__main__.py",
    }
    assert len([path for path in (ROOT / "screens").iterdir() if path.is_file()]) <= 8
    count = Counter(path.parent for path in modules().values())
    assert {folder: n for folder, n in count.items() if n > 16} == {}


HYGIENE = [
    ("assistant.__main__", "textual pydantic httpx asyncssh nio dns tldextract lexicon checks"),
    ("assistant.onhost.main", "textual pydantic httpx asyncssh nio dns rich"),
    (
        "screens.app, screens.start_page",
        "aiohttp asyncssh checks cryptography dns h11 httpx lexicon nio pydantic tldextract"
        " tomlkit",
    ),
    ("checks.runner", "textual asyncssh nio lexicon screens"),
    ("assistant.plan.compile", "textual asyncssh nio httpx lexicon checks screens"),
    ("assistant.operations.apply", "textual nio lexicon checks screens"),
    ("assistant.advice.recommendation", "textual asyncssh nio httpx dns checks screens"),
]
"""Entry, and what starting it may not load: each costs time, or would tie rooms together."""


@pytest.mark.parametrize(("entry", "heavy"), HYGIENE)
def test_an_entry_loads_only_what_it_needs(entry: str, heavy: str) -> None:
    script = (
        f"import sys, {entry}; "
        f"print(*sorted(set({heavy.split()!r}) & {{m.partition('.')[0] for m in sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_no_docstring_is_cut_in_the_middle_of_a_sentence() -> None:
    cut = []
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first, blank, _ = (ast.get_docstring(node) or "").partition("\n\n")
                if blank and not first.rstrip().endswith((".", "?", "!", ":", "`", ")")):
                    cut.append(f"{name}.{getattr(node, 'name', '')}: {first}")
    assert cut == []
