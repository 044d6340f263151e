"""Turn what pydantic found wrong into a sentence: where it is, what is allowed, what to do.

The text of a file is only used to find the line; values are quoted only where they are a choice
from a list, so that a secret in the wrong place is never repeated.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ValidationError

from assistant.common.errors import ProblemError
from assistant.text import Message, msg

_SECRET = re.compile(r"pass(word|phrase|wd)?|secret|token|private", re.IGNORECASE)
_UNIONS = (typing.Union, types.UnionType)


def first_problem(
    error: ValidationError, model: type[BaseModel], file: str, text: str = ""
) -> Message:
    """The first thing that is wrong, as a sentence beginning with the file and the place.

    ``text`` is the TOML or JSON that was read; with it the line is named as well.
    """
    details = error.errors(include_url=False, include_context=True)
    # an unknown name is often the cause of a missing one: a misspelt field
    problem = next((item for item in details if item["type"] == "extra_forbidden"), details[0])
    path = _path(problem["loc"], model)
    line = _line(text, path)
    place = _place(path)
    if line:
        place = f"line {line}, {place}" if place else f"line {line}"
    return _sentence(problem, path, model, f"{file}, {place}" if place else file)


def _sentence(
    problem: Any, path: tuple[str | int, ...], model: type[BaseModel], where: str
) -> Message:
    kind = problem["type"]
    if kind == "extra_forbidden":
        return _unknown_name(path, model, where)
    if kind == "missing":
        return msg("{where}: this is missing. Add it.", where=where)
    allowed = _choices(_annotation(model, path))
    if allowed:
        return _wrong_choice(problem["input"], allowed, where)
    if kind == "value_error":
        return msg("{where}: {reason} Correct it.", where=where, reason=_reason(problem))
    limits = problem.get("ctx", {})
    if "ge" in limits:
        return msg("{where}: must be at least {limit}.", where=where, limit=limits["ge"])
    if "le" in limits:
        return msg("{where}: must be at most {limit}.", where=where, limit=limits["le"])
    if kind == "string_pattern_mismatch":
        return _wrong_text(path, where)
    for start, wanted in _WANTED:
        if kind.startswith(start):
            return dataclasses.replace(wanted, values={"where": where})
    return msg("{where}: this cannot be used here. Look it up in the manual.", where=where)


def _reason(problem: Any) -> Message:
    """Why a validator refused a value."""
    error = problem.get("ctx", {}).get("error")
    if isinstance(error, ProblemError):
        return error.message
    return msg("This cannot be used here ({reason}).", reason=error)


_WANTED = (
    ("string", msg("{where}: must be text in quotation marks.", where="")),
    ("int", msg("{where}: must be a whole number, without quotation marks.", where="")),
    ("bool", msg("{where}: must be true or false, without quotation marks.", where="")),
    ("tuple", msg("{where}: must be a list in square brackets.", where="")),
    ("model", msg("{where}: must be a section with names and values in it.", where="")),
    ("dict", msg("{where}: must be a section with names and values in it.", where="")),
    ("date", msg("{where}: must be a date and time such as 2026-11-22T21:00:00Z.", where="")),
    ("time", msg("{where}: must be a date and time such as 2026-11-22T21:00:00Z.", where="")),
)
"""What the beginnings of pydantic's error types mean."""


def _wrong_text(path: tuple[str | int, ...], where: str) -> Message:
    if path and path[-1] == "name":
        return msg(
            "{where}: only small letters, digits and hyphens are allowed, beginning with a letter.",
            where=where,
        )
    return msg("{where}: this text has not the form that is needed here.", where=where)


def _wrong_choice(given: object, allowed: tuple[str, ...], where: str) -> Message:
    listed = ", ".join(allowed)
    if isinstance(given, (list, tuple)):
        return msg("{where}: give only one of: {allowed}.", where=where, allowed=listed)
    text = _quotable(given)
    close = difflib.get_close_matches(text.lower(), allowed, n=1, cutoff=0.6)
    if close:
        return msg(
            "{where}: {given} is not one of the answers. Did you mean {close}? Allowed: {allowed}.",
            where=where,
            given=text,
            close=close[0],
            allowed=listed,
        )
    return msg(
        "{where}: {given} is not one of the answers. Allowed: {allowed}.",
        where=where,
        given=text,
        allowed=listed,
    )


def _unknown_name(path: tuple[str | int, ...], model: type[BaseModel], where: str) -> Message:
    name = str(path[-1])
    if _SECRET.search(name):
        return msg(
            "{where}: passwords and other secrets do not belong in this file. Delete the line, "
            "and change the password if others could read the file; you will be asked for it.",
            where=where,
        )
    fields = _fields(_annotation(model, path[:-1]))
    listed = ", ".join(fields)
    close = difflib.get_close_matches(name.lower(), fields, n=1, cutoff=0.6)
    if close:
        return msg(
            "{where}: there is nothing of this name here. Did you mean {close}? "
            "Known names: {known}.",
            where=where,
            close=close[0],
            known=listed,
        )
    return msg(
        "{where}: there is nothing of this name here. Known names: {known}.",
        where=where,
        known=listed,
    )


def _quotable(value: object) -> str:
    """A wrong value, short and without control characters."""
    text = "".join(char if char.isprintable() else "?" for char in str(value))
    return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"


def _plain_types(annotation: Any) -> list[Any]:
    """The types an annotation stands for, without ``None``, unions and metadata."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _plain_types(typing.get_args(annotation)[0])
    if origin in _UNIONS:
        return [
            kind
            for part in typing.get_args(annotation)
            if part is not type(None)
            for kind in _plain_types(part)
        ]
    return [annotation]


def _step(annotation: Any, part: str | int) -> Any:
    """The annotation of one field or item inside another; ``None`` when there is none."""
    for kind in _plain_types(annotation):
        if isinstance(part, int) and typing.get_origin(kind) is tuple:
            return typing.get_args(kind)[0]
        if isinstance(kind, type) and issubclass(kind, BaseModel) and part in kind.model_fields:
            return kind.model_fields[str(part)].annotation
    return None


def _annotation(model: type[BaseModel], path: tuple[str | int, ...]) -> Any:
    found: Any = model
    for part in path:
        found = _step(found, part)
    return found


def _path(loc: tuple[str | int, ...], model: type[BaseModel]) -> tuple[str | int, ...]:
    """Pydantic's location without the parts that name a branch of a union or a validator."""
    path: list[str | int] = []
    for place, part in enumerate(loc):
        last = place == len(loc) - 1
        if last or _step(_annotation(model, tuple(path)), part) is not None:
            path.append(part)
    if path and isinstance(path[-1], str) and not path[-1].isprintable():
        path[-1] = "?"
    return tuple(path)


def _choices(annotation: Any) -> tuple[str, ...]:
    """What may be given for a field with a fixed list of values; empty for other fields."""
    found: list[str] = []
    for kind in _plain_types(annotation):
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            found.extend(item.value for item in kind)
        elif typing.get_origin(kind) is typing.Literal:
            found.extend(str(item) for item in typing.get_args(kind) if item != "")
    return tuple(found)


def _fields(annotation: Any) -> list[str]:
    return [
        name
        for kind in _plain_types(annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel)
        for name in kind.model_fields
    ]


def _place(path: tuple[str | int, ...]) -> str:
    """Where in the file: ``setup.hosts, number 2, login.port``."""
    words: list[str] = []
    for part in path:
        if isinstance(part, int):
            words.append(f", number {part + 1}, ")
        else:
            words.append(part if not words or words[-1].endswith(", ") else f".{part}")
    return "".join(words).strip(", ")


def _line(text: str, path: tuple[str | int, ...]) -> int:
    """The line of the last name of a path; 0 when it cannot be told for certain."""
    names = [part for part in path if isinstance(part, str)]
    if not names:
        return 0
    key = re.escape(names[-1])
    pattern = re.compile(rf"""^\s*[{{,]?\s*["']?{key}["']?\s*[=:]|^\s*\[+([^\]]*\.)?{key}\]""")
    hits = [number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)]
    return hits[0] if len(hits) == 1 else 0
