"""Units and what they said last, the database, and whether Synapse can serve."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from assistant.onhost.probes.own.place import Place, printable

WORDS = 6
"""Lines of the journal that come along for a unit that does not run."""

_PROPERTIES = (
    "Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "NRestarts", "Result",
    "ExecMainStatus", "ActiveEnterTimestampMonotonic",
)  # fmt: skip
_UP = ("active", "reloading", "refreshing")
_CLUSTERS = "postgresql@*.service"
_WAIT = 8.0
_SQL = """\
set statement_timeout = '5s';
set lock_timeout = '3s';
select 'ma-up', pg_is_in_recovery();
begin;
create temp table matrix_assistant_probe (n int) on commit drop;
insert into matrix_assistant_probe values (1);
rollback;
select 'ma-wrote', '';
select 'ma-waiting', destination, retry_interval from destinations where retry_interval > 0;
"""


def units(place: Place, probe: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``units`` (names) → for each: ``unit``, ``load``, ``active``, ``sub``, ``enabled``,
    ``restarts``, ``result``, ``code``, ``age`` (seconds since it became active, or None), and for
    those that are not up ``words``: the last lines of its journal. PostgreSQL's clusters, which
    Debian hides behind a unit that is always up, come along when it is among them.
    """
    names = [str(name) for name in probe["units"]]
    if "postgresql.service" in names:
        names += _clusters(place)
    if not names:
        return []
    argv = ("systemctl", "show", f"--property={','.join(_PROPERTIES)}", "--", *names)
    blocks = place.run(argv).output.strip().split("\n\n")
    found = []
    for name, block in zip(names, blocks):  # noqa: B905 - Python 3.10; fewer answers are told
        told = dict(line.partition("=")[::2] for line in block.splitlines())
        unit = {
            "unit": name,
            "load": told.get("LoadState", ""),
            "active": told.get("ActiveState", ""),
            "sub": told.get("SubState", ""),
            "enabled": told.get("UnitFileState", ""),
            "restarts": _whole(told.get("NRestarts")),
            "result": told.get("Result", ""),
            "code": _whole(told.get("ExecMainStatus")),
            "age": _age(told.get("ActiveEnterTimestampMonotonic")),
        }
        if unit["active"] not in _UP and unit["load"] == "loaded":
            unit["words"] = _words(place, name)
        found.append(unit)
    return found


def _clusters(place: Place) -> list[str]:
    argv = ("systemctl", "list-units", "--all", "--plain", "--no-legend", "--", _CLUSTERS)
    lines = place.run(argv).output.splitlines()
    return [line.split()[0] for line in lines if line.strip().startswith("postgresql@")]


def _words(place: Place, unit: str) -> list[str]:
    argv = ("journalctl", "--unit", unit, "--lines", str(WORDS), "--no-pager", "--output", "cat")
    done = place.run(argv)
    lines = done.output.splitlines() if done.code == 0 else []
    return [printable(line) for line in lines if line.strip() and not line.startswith("-- ")]


def _age(stamp: str | None) -> float | None:
    since = _whole(stamp)
    return max(0.0, time.monotonic() - since / 1e6) if since else None


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def database(place: Place, probe: Mapping[str, Any]) -> dict[str, Any]:
    """``database`` (``name``, ``user``) → what the service's own account can do there.

    ``up``, ``recovering`` (a copy that takes no writing), ``wrote`` (a table of its own, taken
    back), ``waiting`` (other servers that Synapse waits to try again: seconds by name), ``text``
    (the last line when something failed). No password: the system account is the key.
    """
    about = probe["database"]
    argv = (
        "psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-F", "\t",
        "-h", "/var/run/postgresql", "-d", str(about["name"]),
    )  # fmt: skip
    done = place.run(
        argv,
        stdin=_SQL,
        user=str(about["user"]),
        env={"PGCONNECT_TIMEOUT": "5"},
        timeout=_WAIT * 2,
    )
    rows = [line.split("\t") for line in done.output.splitlines()]
    marks = {row[0]: row[1:] for row in rows if row[0].startswith("ma-")}
    waiting = {
        printable(row[1]): int(row[2]) // 1000
        for row in rows
        if row[0] == "ma-waiting" and len(row) == 3 and row[2].isdigit()
    }
    other = [" ".join(row) for row in rows if not row[0].startswith("ma-") and any(row)]
    return {
        "up": "ma-up" in marks,
        "recovering": marks.get("ma-up") == ["t"],
        "wrote": "ma-wrote" in marks,
        "waiting": waiting,
        "text": printable(_error_line(other)) if done.code else "",
    }


def _error_line(lines: Sequence[str]) -> str:
    marked = [line for line in lines if "ERROR" in line or "FATAL" in line or "error" in line]
    return (marked or list(lines) or [""])[0]


def health(place: Place, probe: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``health`` (``url``, ``name`` for the Host header) → ``url``, ``status`` or ``error``."""
    return [_asked(str(item["url"]), str(item.get("name", ""))) for item in probe["health"]]


def _asked(url: str, name: str) -> dict[str, Any]:
    request = urllib.request.Request(url, headers={"Host": name} if name else {})  # noqa: S310
    return {"url": url, **_answer(request)}


def login(place: Place, probe: Mapping[str, Any]) -> dict[str, Any]:
    """``login`` (``url`` of Synapse) → ``status`` and ``errcode`` of logging in as nobody.

    Synapse has to look the account up, so 403 proves that it can work with its database.
    """
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": "matrix-assistant-nobody"},
        "password": "not a password",
    }
    url = f"{probe['login']['url']}/_matrix/client/v3/login"
    return _answer(
        urllib.request.Request(  # noqa: S310 - loopback, from the plan
            url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
    )


def _answer(request: urllib.request.Request) -> dict[str, Any]:
    if not request.full_url.startswith(("http://127.0.0.1:", "http://localhost:")):
        raise ValueError("asked on the host itself only")
    # A proxy of the host's environment must not be asked.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_WAIT) as answer:
            return {"status": answer.status, "errcode": _errcode(answer.read(4096))}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "errcode": _errcode(error.read(4096))}
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return {"status": 0, "error": f"{type(reason).__name__}: {printable(str(reason))}"}


def _errcode(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        return ""
    return printable(str(told.get("errcode", "")), 60) if isinstance(told, dict) else ""
