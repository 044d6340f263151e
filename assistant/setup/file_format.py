"""A Setup as text: TOML that people can read and edit, and a JSON record beside it.

The TOML file holds what people decide (answers, names, hosts, settings). Its last line is a
checksum: without it the file was cut off; when it does not match, somebody edited the file, which
is allowed and reported. Findings and history go to the record, which nobody edits: there the
checksum must match. Findings carry the digest of their inputs, so that a record that does not
belong to the TOML file authorises nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tomlkit
from pydantic import TypeAdapter, ValidationError

from assistant.common.validation_messages import first_problem
from assistant.setup.model import SETUP_VERSION, FindingsRecord, HistoryEntry, Setup
from assistant.text import Message, msg

_HEAD = """\
# A setup of matrix-assistant. You may edit this file while the program is closed.
# There are no passwords in it: they are asked for when they are needed.
"""
_END = re.compile(r"^# end of the setup, checksum ([0-9a-f]{16})[ \t]*$", re.MULTILINE)

Migration = Callable[[dict[str, Any]], dict[str, Any]]
MIGRATIONS: Mapping[int, Migration] = {}
"""Steps from the format of a version (the key) to the next one; version 1 is the first."""


class DamagedError(Exception):
    """The text is not a complete, valid setup; ``message`` says where it goes wrong."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


class NewerError(Exception):
    """The text was written by a newer program; ``version`` is its format."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A setup read from TOML (without findings and history). ``edited``: not as it was saved;
    ``version``: the format it was saved in, before any migration.
    """

    setup: Setup
    edited: bool
    version: int


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the program remembers beside a setup."""

    findings: FindingsRecord | None = None
    history: tuple[HistoryEntry, ...] = ()


def dump_setup(setup: Setup) -> str:
    """The TOML text of a setup, without findings and history."""
    data = setup.model_dump(mode="json", exclude={"findings", "history"}, exclude_none=True)
    # TOML wants plain values before sections, at every level
    body = _HEAD + "\n" + tomlkit.dumps(_plain_first(data)).rstrip("\n") + "\n\n"
    return f"{body}# end of the setup, checksum {_checksum(body)}\n"


def dump_record(setup: Setup) -> str:
    """The JSON text of findings and history."""
    data = setup.model_dump(mode="json", include={"findings", "history"})
    return json.dumps({"checksum": _checksum(_canonical(data)), **data}, indent=2) + "\n"


def parse_setup(
    text: str,
    file: str,
    *,
    version: int = SETUP_VERSION,
    migrations: Mapping[int, Migration] = MIGRATIONS,
) -> Parsed:
    """Read the TOML text of a setup from a file of this name (for messages).

    Older formats are migrated up to ``version``. Raises :class:`DamagedError` and
    :class:`NewerError`; never looks at what stands behind the last line.
    """
    text = text.replace("\r\n", "\n")
    end = _END.search(text)
    data = _load(text, file, complete=end is not None)
    if end is None:
        raise DamagedError(
            msg("{file} is cut off: its last line (the checksum) is missing.", file=file)
        )
    found = data.get("version")
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise DamagedError(msg("{file}: the version of the format is missing.", file=file))
    edited = _checksum(text[: end.start()]) != end.group(1)
    if found > version:
        if edited:  # more likely a damaged digit; a newer program's backup says "newer" as well
            raise DamagedError(
                msg("{file}: the format is unknown and the checksum wrong.", file=file)
            )
        raise NewerError(found)
    for step in range(found, version):
        if step not in migrations:
            raise DamagedError(
                msg("{file}: there never was a format {version}.", file=file, version=found)
            )
        data = migrations[step](data) | {"version": step + 1}
    try:
        setup = Setup.model_validate(data)
    except ValidationError as error:
        raise DamagedError(first_problem(error, Setup, file, text)) from None
    return Parsed(setup=setup, edited=edited, version=found)


def _load(text: str, file: str, *, complete: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        if not complete:
            raise DamagedError(msg("{file} is cut off or damaged.", file=file)) from None
        _, _, place = str(error).rpartition("(at ")
        where = place.rstrip(")") if place.startswith("line ") else "near its end"
        raise DamagedError(
            msg("{file} is not valid TOML ({where}).", file=file, where=where)
        ) from None


def parse_record(text: str, file: str) -> Record:
    """Read the JSON text of findings and history; :class:`DamagedError` unless it is intact."""
    damaged = DamagedError(msg("{file} is damaged.", file=file))
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise damaged from None
    if not isinstance(data, dict):
        raise damaged
    checksum = data.pop("checksum", "")
    if checksum != _checksum(_canonical(data)):
        raise damaged
    try:
        return Record(
            findings=_FINDINGS.validate_python(data.get("findings")),
            history=_HISTORY.validate_python(data.get("history")),
        )
    except ValidationError:
        raise damaged from None


_FINDINGS: TypeAdapter[FindingsRecord | None] = TypeAdapter(FindingsRecord | None)
_HISTORY: TypeAdapter[tuple[HistoryEntry, ...]] = TypeAdapter(tuple[HistoryEntry, ...])


def _canonical(data: dict[str, Any]) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _plain_first(value: Any) -> Any:
    """The same value with sections behind plain values in every table."""
    if isinstance(value, list):
        return [_plain_first(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _plain_first(item)
        for key, item in sorted(value.items(), key=lambda pair: _is_section(pair[1]))
    }


def _is_section(value: Any) -> int:
    if isinstance(value, dict):
        return 1
    return 2 if isinstance(value, list) and any(isinstance(item, dict) for item in value) else 0
