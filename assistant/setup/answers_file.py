"""Read an answers file: what a person would have typed, for a run without questions.

TOML or JSON (by the ending ``.json``). ``[answers]`` holds answers by question id, the optional
``[setup]`` what is known of the setup. Whatever is wrong with the file becomes one sentence that
names the file, the place, what is allowed there, and what to do.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from assistant.answers import Answers
from assistant.common.errors import InputError
from assistant.common.frozen import Frozen
from assistant.common.validation_messages import first_problem
from assistant.setup.model import Domain, Host, Line, Port, Settings
from assistant.text import Message, msg

LARGEST = 1_000_000
"""Answers files are some hundred bytes; anything longer than this many bytes is none."""


class PartialSetup(Frozen):
    """What an answers file says about the setup; ``None`` where it says nothing.

    ``option`` overrides the recommendation, ``acknowledged`` is the typed text that options 3
    and 4 ask for. ``outside_name`` is the server name of the second server (options 2 to 4),
    ``access_port`` that of the home line (option 4).
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] | None = None
    option: Literal[1, 2, 3, 4] | None = None
    acknowledged: Line | None = None
    server_name: Domain | None = None
    access_name: Domain | None = None
    access_port: Port | None = None
    spare_names: tuple[Domain, ...] | None = None
    outside_name: Domain | None = None
    hosts: tuple[Host, ...] | None = None
    settings: Settings | None = None


class AnswersFile(Frozen):
    """The whole content of an answers file."""

    answers: Answers = Answers()
    setup: PartialSetup = PartialSetup()


def read_answers_file(path: Path) -> AnswersFile:
    """Read an answers file; :class:`InputError` in plain words for anything that is wrong."""
    return parse_answers(_read(path), path.name, as_json=path.suffix.lower() == ".json")


def _read(path: Path) -> str:
    """The text of the file, whatever line ends and byte order mark an editor gave it."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise _error(
            "missing", msg("There is no file {path}. Check its name and folder.", path=path)
        ) from None
    except IsADirectoryError:
        raise _error(
            "folder", msg("{path} is a folder. Give the answers file inside it.", path=path)
        ) from None
    except PermissionError:
        raise _error(
            "permission",
            msg("{path} cannot be read: you are not allowed to, or it is a folder.", path=path),
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the name is not usable"
        raise _error(
            "unreadable", msg("{path} cannot be read: {reason}.", path=path, reason=reason)
        ) from None
    if len(raw) > LARGEST:
        raise _error(
            "too-long",
            msg("{path} is far too long for an answers file. Is it another file?", path=path),
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _error(
            "encoding",
            msg(
                "{file}, line {line}: this is not UTF-8 text. Save the file as UTF-8 in your "
                "editor and try again.",
                file=path.name,
                line=line,
            ),
        ) from None


def parse_answers(text: str, name: str, *, as_json: bool = False) -> AnswersFile:
    """Make sense of the text of an answers file called ``name`` (for messages)."""
    data = _json(text, name) if as_json else _toml(text, name)
    if not isinstance(data, dict):
        raise _error(
            "no-table",
            msg('{file} must hold an object with "answers" and perhaps "setup" in it.', file=name),
        )
    data = _friendly(data)
    try:
        return AnswersFile.model_validate(data)
    except ValidationError as error:
        problem = first_problem(error, AnswersFile, name, text)
        raise _error("invalid", problem) from None


def _toml(text: str, name: str) -> object:
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        # "Unterminated string (at line 3, column 9)": the place is the useful half; the rest may
        # quote what stands there
        _, _, place = str(error).rpartition("(at ")
        where = place.rstrip(")") if place.startswith("line ") else "near its end"
        raise _error(
            "syntax",
            msg(
                '{file} is not valid TOML ({where}). Lines look like people = "both", below a '
                "line [answers]; words need quotation marks, and each name may stand there once.",
                file=name,
                where=where,
            ),
        ) from None


def _json(text: str, name: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise _error(
            "syntax",
            msg(
                "{file} is not valid JSON (line {line}, column {column}). Look for a missing "
                "comma, quotation mark or bracket just before that place.",
                file=name,
                line=error.lineno,
                column=error.colno,
            ),
        ) from None
    except _TwiceError as error:
        raise _error(
            "twice",
            msg('{file} has "{field}" twice. Keep one of them.', file=name, field=error.field),
        ) from None
    except (RecursionError, ValueError):
        raise _error(
            "syntax", msg("{file} is not JSON that makes sense as answers.", file=name)
        ) from None


class _TwiceError(Exception):
    """A JSON object has the same key twice; the later would silently win."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise _TwiceError(key)
        seen[key] = value
    return seen


def _friendly(data: dict[str, Any]) -> dict[str, Any]:
    """``true`` and ``false`` among the answers mean yes and no."""
    answers = data.get("answers")
    if not isinstance(answers, dict):
        return data
    words = {True: "yes", False: "no"}
    kind = {
        key: words[value] if isinstance(value, bool) else value for key, value in answers.items()
    }
    return {**data, "answers": kind}


def _error(cause: str, message: Message) -> InputError:
    return InputError(f"answers-file-{cause}", message)
