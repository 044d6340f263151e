"""Translation catalogues on disk: the .po that translators edit, the .mo the program reads.

Needs Babel, which only developers have; the running program reads the .mo with the standard
library (see :mod:`assistant.text.language`). Headers hold no dates and no tool versions, so that
a file changes only when a text does.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from assistant.text.language import DOMAIN, LOCALE

_TITLE = "# The texts of matrix-assistant; see docs/glossary.zh.md for the words to use."
_HEADER = (
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Transfer-Encoding", "8bit"),
    ("MIME-Version", "1.0"),
)


class _Catalog(Catalog):
    """A catalogue whose header says only what reading it needs."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [("Language", str(self.locale_identifier)), *_HEADER]


def po_path(language: str, root: Path = LOCALE) -> Path:
    """The source of a language's catalogue; its .mo lies beside it."""
    return root / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(path: Path) -> Catalog:
    """A .po file; ValueError or OSError when it cannot be read."""
    with path.open("rb") as file:
        return read_po(file, abort_invalid=True)


def updated(
    present: Catalog | None, language: str, texts: Mapping[str, Iterable[str]]
) -> tuple[bytes, bytes]:
    """The .po and .mo of a catalogue that has exactly these templates (each with its files).

    Translations there already are kept; those of templates that are gone are dropped.
    """
    catalog = _Catalog(locale=language, header_comment=_TITLE, fuzzy=False)
    for template, paths in texts.items():
        old = None if present is None else present.get(template)
        catalog.add(
            template,
            string=old.string if old is not None else "",
            locations=[(path, 0) for path in sorted(set(paths))],
            flags=old.flags if old is not None else (),
            user_comments=old.user_comments if old is not None else (),
        )
    po, mo = io.BytesIO(), io.BytesIO()
    write_po(po, catalog, width=0, include_lineno=False)
    write_mo(mo, catalog)
    return po.getvalue(), mo.getvalue()


def problems(path: Path, wanted: Iterable[str]) -> Iterator[str]:
    """What keeps a catalogue from being complete for these templates, and current."""
    try:
        catalog = read(path)
    except (OSError, ValueError) as error:
        yield f"{path}: {error}"
        return
    wanted = set(wanted)
    have = {str(message.id): message for message in catalog if message.id}
    for template in sorted(wanted - set(have)):
        yield f"{path}: not there yet: {template!r}; run --update"
    for template in sorted(set(have) - wanted):
        yield f"{path}: no longer used: {template!r}; run --update"
    for old in catalog.obsolete:
        yield f"{path}: obsolete entry {old!r}; run --update"
    for template, message in have.items():
        said = str(message.string)
        if not said.strip():
            yield f"{path}: not translated: {template!r}"
        elif message.fuzzy:
            yield f"{path}: marked fuzzy: {template!r}"
        elif (words := placeholders(said)) != placeholders(template):
            yield f"{path}: {template!r} is translated with other braces: {words}"
    compiled = path.with_suffix(".mo")
    expected = {template: str(message.string) for template, message in have.items()}
    if _compiled(compiled) != {key: said for key, said in expected.items() if said}:
        yield f"{compiled}: is not what the .po says; run --update"


def _compiled(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            table: dict[Any, str] = vars(gettext.GNUTranslations(file))["_catalog"]
    except (OSError, ValueError):
        return {}
    return {key: said for key, said in table.items() if key}


def placeholders(template: str) -> list[str] | None:
    """The names and formats in braces, sorted, each once; None when the braces are broken."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        return None
    return sorted({f"{name}:{spec}" for _, name, spec, _ in parts if name is not None})
