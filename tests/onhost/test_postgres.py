"""Roles and databases: asked for once, made from template0, never re-made."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from assistant.onhost.contract import Completed, Kept
from assistant.onhost.handlers import postgres
from assistant.onhost.handlers.postgres import (
    DatabaseHandler,
    RoleHandler,
    create_sql,
    default_cluster,
    literal,
    parse,
    quote,
)
from assistant.onhost.resources import PostgresDatabase, PostgresRole
from tests.support.onhost_stand_in import StandIn, fails

NAME = "matrix-synapse"
ROLE = PostgresRole(name=NAME)
DATABASE = PostgresDatabase(name=NAME, owner=NAME)
ROLES, DATABASES = RoleHandler(), DatabaseHandler()


class Server:
    """psql, systemctl and journalctl as far as these tests go."""

    def __init__(self) -> None:
        self.up = True
        self.starts = True
        self.roles = {"postgres": "t"}
        self.databases = {"postgres": ("postgres", "UTF8", "C.UTF-8", "C.UTF-8")}
        self.clusters = "15 main 5432 down postgres /var/lib/x /var/log/x\n"
        self.journal = "FATAL: could not do it\n"
        self.refuse = ""
        self.executed: list[str] = []

    def __call__(self, argv: tuple[str, ...], stdin: str) -> Completed | str:
        if argv[:2] == ("systemctl", "start"):
            # As on Debian: the cover starts nothing when its cluster has failed.
            self.up = self.up or (self.starts and argv[2] != "postgresql.service")
            return ""
        if argv[0] == "systemctl":
            return ""
        if argv[0] == "pg_lsclusters":
            return self.clusters
        if argv[0] == "journalctl":
            return self.journal
        assert argv[0] == "psql"
        if not self.up:
            return Completed(2, "psql: error: connection to server on socket failed")
        if stdin != postgres._LOOK:
            if self.refuse:
                return Completed(3, self.refuse)
            self.executed.append(stdin.strip())
            return ""
        rows = [("ma-version", "150003", "", "", "", "")]
        rows += [("ma-role", name, login, "", "", "") for name, login in self.roles.items()]
        rows += [("ma-database", name, *rest) for name, rest in self.databases.items()]
        return "WARNING: collation\tmismatch\n" + "".join("\t".join(r) + "\n" for r in rows)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    clock = itertools.count()
    monkeypatch.setattr(postgres.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(postgres.time, "monotonic", lambda: float(next(clock)))
    return Server()


@pytest.fixture
def machine(tmp_path: Path, server: Server) -> StandIn:
    stand_in = StandIn(tmp_path, server)
    stand_in.put("/usr/bin/psql")
    stand_in.put("/usr/bin/pg_lsclusters")
    return stand_in


def test_unknown_without_psql_and_without_a_server(
    tmp_path: Path, server: Server, machine: StandIn
) -> None:
    server.up = False
    assert ROLES.inspect(ROLE, machine).action == "unknown"
    bare = StandIn(tmp_path / "bare", server)
    assert DATABASES.inspect(DATABASE, bare).action == "unknown"
    assert bare.calls == []


def test_one_question_for_all(machine: StandIn) -> None:
    assert ROLES.inspect(ROLE, machine).action == "create"
    assert DATABASES.inspect(DATABASE, machine).action == "create"
    assert len(machine.calls) == 1
    assert not any(NAME in part for part in machine.calls[0])


def test_making_both(server: Server, machine: StandIn) -> None:
    done = ROLES.apply(ROLE, ROLES.inspect(ROLE, machine), machine)
    assert server.executed == ['CREATE ROLE "matrix-synapse" LOGIN;']
    assert done.receipt is not None
    assert isinstance(ROLES.undo(done.receipt, machine), Kept)
    DATABASES.apply(DATABASE, DATABASES.inspect(DATABASE, machine), machine)
    assert server.executed[1] == (
        'CREATE DATABASE "matrix-synapse" OWNER "matrix-synapse" ENCODING E\'UTF8\' '
        "LOCALE_PROVIDER libc LC_COLLATE E'C' LC_CTYPE E'C' TEMPLATE template0;"
    )
    server.roles[NAME] = "t"
    server.databases[NAME] = (NAME, "UTF8", "C", "C")
    machine.forget_cache()
    assert ROLES.inspect(ROLE, machine).action == "none"
    assert DATABASES.inspect(DATABASE, machine).action == "none"
    ROLES.apply(ROLE, ROLES.inspect(ROLE, machine), machine)
    assert len(server.executed) == 2


def test_a_role_that_may_not_log_in(server: Server, machine: StandIn) -> None:
    server.roles[NAME] = "f"
    assert ROLES.inspect(ROLE, machine).action == "update"
    ROLES.apply(ROLE, ROLES.inspect(ROLE, machine), machine)
    assert server.executed == ['ALTER ROLE "matrix-synapse" LOGIN;']


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ((NAME, "SQL_ASCII", "C", "C"), "encoding SQL_ASCII"),
        ((NAME, "UTF8", "en_US.UTF-8", "en_US.UTF-8"), "collation en_US.UTF-8"),
        ((NAME, "UTF8", "C", "en_US.UTF-8"), "C / en_US.UTF-8"),
        (("postgres", "UTF8", "C", "C"), "belongs to postgres"),
    ],
)
def test_a_database_that_cannot_serve_is_never_touched(
    server: Server, machine: StandIn, there: tuple[str, str, str, str], words: str
) -> None:
    server.databases[NAME] = there
    found = DATABASES.inspect(DATABASE, machine)
    assert found.action == "unknown"
    assert words in found.summary
    error = fails(lambda: DATABASES.apply(DATABASE, found, machine))
    assert error.cause == "postgres"
    assert words in error.text
    assert "not touched" in error.text
    assert server.executed == []


def test_a_stopped_cluster_is_started(server: Server, machine: StandIn) -> None:
    server.up = False
    ROLES.apply(ROLE, ROLES.inspect(ROLE, machine), machine)
    assert ("systemctl", "start", "postgresql@15-main.service") in machine.calls
    assert server.executed


@pytest.mark.parametrize(
    ("journal", "cause"),
    [("FATAL: broken", "postgres"), ("PANIC: No space left on device", "disk-full")],
)
def test_a_server_that_does_not_come_up(
    server: Server, machine: StandIn, journal: str, cause: str
) -> None:
    server.up = server.starts = False
    server.journal = journal
    error = fails(lambda: ROLES.apply(ROLE, ROLES.inspect(ROLE, machine), machine))
    assert (error.cause, error.tail) == (cause, (journal,))


def test_a_refused_statement(server: Server, machine: StandIn) -> None:
    server.refuse = "ERROR: permission denied to create role"
    error = fails(lambda: ROLES.apply(ROLE, ROLES.inspect(ROLE, machine), machine))
    assert error.cause == "postgres"
    assert "permission denied" in error.tail[0]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("15 main 5432 down postgres /a /b\n", ("15", "main")),
        ("15 main 5432 online postgres /a /b\n", None),
        ("13 old 5433 down p /a /b\n15 main 5432 down p /a /b\n", ("15", "main")),
        ("13 old 5433 down p /a /b\n14 older 5434 down p /a /b\n", None),
        ("", None),
    ],
)
def test_which_cluster_is_meant(listed: str, expected: tuple[str, str] | None) -> None:
    assert default_cluster(listed) == expected


def test_quoting() -> None:
    assert quote('a"b') == '"a""b"'
    assert literal("a'b\\") == "E'a''b\\\\'"
    assert "LOCALE_PROVIDER" not in create_sql(DATABASE, 140010)
    assert parse("nothing") is None
