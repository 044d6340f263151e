"""The texts of the program, found in its source: ``python -m assistant.text.catalogue``.

``--check`` (part of the lint) refuses what could not be translated (a template that is not a
literal, braces that do not fit the values given) and a translation that is not complete and
current. ``--update`` brings the catalogues up to date with the source and compiles them; what is
translated stays. Without either, the templates are listed.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from assistant.text.language import LANGUAGES, LOCALE

PACKAGES = ("assistant", "checks", "screens")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Text:
    """One call of ``msg`` or ``said``: where, its template (None: not a literal) and its values.

    ``open_values`` is set where the values come from a mapping and cannot be told here.
    """

    path: Path
    line: int
    template: str | None
    values: frozenset[str]
    open_values: bool

    @property
    def problems(self) -> Iterator[str]:
        """What keeps this text from being translated."""
        where = f"{self.path}:{self.line}"
        if self.template is None:
            yield f"{where}: the template of msg() or said() must be one literal string"
            return
        try:
            parts = list(Formatter().parse(self.template))
        except ValueError as error:
            yield f"{where}: {error}"
            return
        wanted = {name for _, name, _, _ in parts if name is not None}
        for name in sorted(wanted):
            if not name.isidentifier():
                yield f"{where}: {{{name}}} is not a plain name"
            elif name not in self.values and not self.open_values:
                yield f"{where}: no value for {{{name}}}"
        for name in sorted(self.values - wanted):
            yield f"{where}: the value {name} is not in the template"


def texts(root: Path) -> Iterator[Text]:
    """Every text below a folder of source: ``msg``, ``said`` (on hosts), titles of resources."""
    for path in sorted(root.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"), str(path))))
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        titled = {
            node.name
            for node in nodes
            if isinstance(node, ast.FunctionDef)
            and [argument.arg for argument in node.args.args[:1]] == ["title"]
        }
        for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name in ("msg", "said") and call.args:
                yield _text(path, call)
            elif "recipes" in path.parts:
                yield from _titles(path, call, first=name in titled)


def _text(path: Path, call: ast.Call) -> Text:
    first = call.args[0]
    literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return Text(
        path=path,
        line=call.lineno,
        template=str(first.value) if literal and isinstance(first, ast.Constant) else None,
        values=frozenset(k.arg for k in call.keywords if k.arg is not None),
        open_values=any(k.arg is None for k in call.keywords),
    )


def _titles(path: Path, call: ast.Call, *, first: bool) -> Iterator[Text]:
    """The title of a resource is its own template, and travels to the host and back as such."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "title"]
    for value in given + call.args[:1] * first:
        if isinstance(value, ast.Constant):
            yield Text(path, call.lineno, str(value.value), frozenset(), open_values=False)


def all_texts() -> list[Text]:
    """Every text of the program."""
    return [text for package in PACKAGES for text in texts(ROOT / package)]


def templates(found: Iterable[Text], root: Path = ROOT) -> dict[str, list[str]]:
    """Each template once, in the order of the source, with the files that use it."""
    result: dict[str, list[str]] = {}
    for text in found:
        if text.template:
            path = text.path.relative_to(root).as_posix()
            result.setdefault(text.template, []).append(path)
    return result


def _translations() -> list[str]:
    return [language for language in LANGUAGES if language != "en"]


def update(found: Iterable[Text], locale: Path = LOCALE) -> None:
    """Write .po and .mo of every language, each with exactly the templates of the source."""
    from assistant.text import catalogue_files

    wanted = templates(found)
    for language in _translations():
        path = catalogue_files.po_path(language, locale)
        source, compiled = catalogue_files.updated(
            catalogue_files.read(path) if path.exists() else None, language, wanted
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source)
        path.with_suffix(".mo").write_bytes(compiled)


def check(found: Iterable[Text], locale: Path = LOCALE) -> Iterator[str]:
    """Everything that is wrong with the texts and their translations."""
    from assistant.text import catalogue_files

    found = list(found)
    for text in found:
        yield from text.problems
    wanted = templates(found)
    for language in _translations():
        path = catalogue_files.po_path(language, locale)
        wrong = list(catalogue_files.problems(path, wanted))
        yield from wrong
        if (
            not wrong
            and catalogue_files.updated(catalogue_files.read(path), language, wanted)[0]
            != path.read_bytes()
        ):
            yield f"{path}: not in the order of the source; run --update"


def main(argv: list[str]) -> int:
    """List the templates, ``--update`` the catalogues or ``--check``; 1 when there are problems."""
    found = all_texts()
    if "--update" in argv:
        update(found)
    elif "--check" in argv:
        problems = list(check(found))
        for problem in problems:
            print(problem, file=sys.stderr)
        return 1 if problems else 0
    else:
        for template in sorted(templates(found)):
            print(repr(template))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
