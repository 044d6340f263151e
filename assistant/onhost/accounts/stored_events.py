"""What the server has stored, read from the database itself rather than through Synapse.

An encrypted message is proved by the bytes on the server's disk, not by what a client shows.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from assistant.onhost.contract import HostError
from assistant.onhost.said import said
from assistant.onhost.system.output_causes import tail_of

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
        raise HostError(
            "postgres", said("The database of this server could not be asked.")
        ) from None
    if done.returncode != 0:
        text = said("The database of this server did not answer the question.")
        raise HostError("postgres", text, tail_of(done.stderr))
    return done.stdout


def events(ask: Ask, event_ids: Sequence[str], room_id: str = "") -> dict[str, dict[str, Any]]:
    """The stored JSON of events by their ids; what is not there is left out.

    With ``room_id`` only events in that room count.
    """
    if not event_ids:
        return {}
    wanted = ", ".join(sql_text(event_id) for event_id in event_ids)
    where = f"event_id in ({wanted})"
    if room_id:
        where += f" and room_id = {sql_text(room_id)}"
    output = ask(f"select event_id, json from event_json where {where};\n")  # noqa: S608 - hex only
    found: dict[str, dict[str, Any]] = {}
    for line in output.split("\n"):
        event_id, _, text = line.partition("\t")
        value = json.loads(text) if text else None
        if isinstance(value, dict):
            found[event_id] = value
    return found


def occurrences(ask: Ask, needles: Sequence[str]) -> tuple[dict[str, int], int]:
    """How many stored events contain each text (in any JSON spelling), and how many there are."""
    counts = "".join(f"count(*) filter (where {_contains(needle)}), " for needle in needles)
    output = ask(f"select {counts}count(*) from event_json;\n")  # noqa: S608 - hex only
    *found, total = map(int, output.strip().split("\t"))
    return dict(zip(needles, found, strict=True)), total


def _contains(needle: str) -> str:
    escaped = json.dumps(needle)[1:-1]
    lightly = json.dumps(needle, ensure_ascii=False)[1:-1]
    spellings = sorted({needle, escaped, lightly})
    return " or ".join(f"position({sql_text(text)} in json) > 0" for text in spellings)


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
