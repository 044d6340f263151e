"""What the server has stored, read from the database itself rather than through Synapse.

An encrypted message is proved by the bytes on the server's disk, not by what a client shows.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

from assistant.onhost.classify import tail_of
from assistant.onhost.handler import HostError

Ask = Callable[[str], str]
"""From SQL to psql's unaligned output, fields separated by tabs."""

_PSQL = (
    "runuser", "-u", "postgres", "--",
    "psql", "-X", "-A", "-t", "-q", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", "matrix-synapse",
)  # fmt: skip


def ask_database(sql: str) -> str:
    """Ask Synapse's database; the SQL goes by standard input, so that no argv shows it."""
    text = f"set statement_timeout = '60s';\nset default_transaction_read_only = on;\n{sql}"
    try:
        done = subprocess.run(
            _PSQL, input=text, capture_output=True, text=True, timeout=90, cwd="/", check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        raise HostError("postgres", "The database of this server could not be asked.") from None
    if done.returncode != 0:
        text = "The database of this server did not answer the question."
        raise HostError("postgres", text, tail_of(done.stderr))
    return done.stdout


def event(ask: Ask, event_id: str, room_id: str = "") -> dict[str, Any] | None:
    """The stored JSON of an event, or None; with ``room_id`` only if it is in that room."""
    where = f"event_id = {sql_text(event_id)}"
    if room_id:
        where += f" and room_id = {sql_text(room_id)}"
    output = ask(f"select json from event_json where {where};\n").strip()  # noqa: S608 - hex only
    if not output:
        return None
    value = json.loads(output)
    return value if isinstance(value, dict) else None


def occurrences(ask: Ask, needle: str) -> tuple[int, int]:
    """How many stored events contain a text (in any JSON spelling), and how many there are."""
    escaped = json.dumps(needle)[1:-1]
    lightly = json.dumps(needle, ensure_ascii=False)[1:-1]
    spellings = sorted({needle, escaped, lightly})
    places = " or ".join(f"position({sql_text(text)} in json) > 0" for text in spellings)
    output = ask(f"select count(*) filter (where {places}), count(*) from event_json;\n")  # noqa: S608 - hex
    found, total = output.strip().split("\t")
    return int(found), int(total)


def users(ask: Ask) -> list[dict[str, Any]]:
    """All local users: ``user_id``, ``localpart``, ``admin``, ``deactivated``."""
    output = ask(
        "select name, coalesce(admin, 0), coalesce(deactivated, 0) from users "
        "where appservice_id is null order by name;\n"
    )
    found = []
    for line in output.splitlines():
        user_id, admin, deactivated = line.split("\t")
        found.append(
            {
                "user_id": user_id,
                "localpart": user_id[1:].split(":", 1)[0],
                "admin": admin == "1",
                "deactivated": deactivated == "1",
            }
        )
    return found


def sql_text(text: str) -> str:
    """Any text as an SQL expression that consists of hexadecimal digits only."""
    return f"convert_from(decode('{text.encode().hex()}', 'hex'), 'UTF8')"
