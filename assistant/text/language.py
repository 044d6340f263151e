"""Which language to speak, and the wording of a template in it (standard library only)."""

from __future__ import annotations

import gettext
import locale
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

DOMAIN = "matrix-assistant"
LOCALE = Path(__file__).parent / "locale"
"""The compiled catalogues lie below, as gettext expects them: LANGUAGE/LC_MESSAGES/DOMAIN.mo."""

LANGUAGES = ("en", "zh")
"""English needs no catalogue: its sentences are the keys of the others."""

VARIABLE = "MATRIX_ASSISTANT_LANGUAGE"
"""The environment variable that decides instead of the locale."""


def language_of_locale(environment: Mapping[str, str] | None = None) -> str:
    """The language to start in, one of :data:`LANGUAGES`.

    ``MATRIX_ASSISTANT_LANGUAGE`` decides; without it the first of LC_ALL, LC_MESSAGES and LANG
    that is set, then what the system says. English unless it is Chinese.
    """
    given = os.environ if environment is None else environment
    names = (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG")
    first = next((given[name] for name in names if given.get(name)), "")
    if not first:
        first = locale.getlocale()[0] or ""
    return "zh" if first.lower().startswith(("zh", "chinese")) else "en"


@lru_cache(maxsize=8)
def _catalogue(language: str) -> gettext.NullTranslations:
    try:
        return gettext.translation(DOMAIN, LOCALE, [language], fallback=True)
    except (OSError, ValueError):
        # A damaged catalogue must not keep anybody from reading English.
        return gettext.NullTranslations()


def translated(template: str, language: str) -> str:
    """A template in a language; itself when that language has no translation of it."""
    if language == "en" or not template:
        return template  # gettext answers the empty key with the header of the catalogue
    return _catalogue(language).gettext(template)
