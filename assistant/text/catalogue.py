"""The texts of the program, found in its source: ``python -m assistant.text.catalogue``.

``--check`` (part of the lint) refuses what could not be translated: a template that is not a
literal, or braces that do not fit the values given. Without it, the templates are listed.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

PACKAGES = ("assistant", "checks", "screens")


@dataclass(frozen=True)
class Text:
    """One call of ``msg``: where it is, its template (None: not a literal) and its values.

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
            yield f"{where}: the template of msg() must be one literal string"
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
    """Every call of ``msg`` below a folder of Python source."""
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id != "msg" or not node.args:
                continue
            first = node.args[0]
            literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
            yield Text(
                path=path,
                line=node.lineno,
                template=str(first.value) if literal and isinstance(first, ast.Constant) else None,
                values=frozenset(k.arg for k in node.keywords if k.arg is not None),
                open_values=any(k.arg is None for k in node.keywords),
            )


def main(argv: list[str]) -> int:
    """List the templates, or with ``--check`` the problems; returns 1 when there are any."""
    root = Path(__file__).parents[2]
    found = [text for package in PACKAGES for text in texts(root / package)]
    if "--check" not in argv:
        for template in sorted({text.template for text in found if text.template}):
            print(repr(template))
        return 0
    problems = [problem for text in found for problem in text.problems]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
