"""PostgreSQL roles and databases, over the unix socket as the system user ``postgres``."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.onhost.contract import NOTHING, Done, Found, Handler, HostError, Kept, Machine
from assistant.onhost.resources import PostgresDatabase, PostgresRole
from assistant.onhost.said import Said, said
from assistant.onhost.system.output_causes import classify, tail_of

WAIT = 30
"""Seconds the server may take to answer."""

_PSQL = ("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-F", "\t", "-d", "postgres")

# Every line starts with a mark of ours, because warnings share the output with the answer.
_LOOK = """\
select 'ma-version', current_setting('server_version_num'), '', '', '', '';
select 'ma-role', rolname, rolcanlogin, '', '', '' from pg_roles;
select 'ma-database', datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding),
       datcollate, datctype from pg_database;
"""


@dataclass(frozen=True)
class Database:
    """A database as it is on the host."""

    owner: str
    encoding: str
    collate: str
    ctype: str


@dataclass(frozen=True)
class Cluster:
    """What the server holds. ``roles`` maps names to whether they may log in."""

    version: int
    roles: Mapping[str, bool]
    databases: Mapping[str, Database]


class RoleHandler:
    """A role with the right to log in; an existing role keeps its other rights.

    Undo keeps it, because it owns data.
    """

    def inspect(self, resource: PostgresRole, machine: Machine) -> Found:
        """Unknown while the server is missing or does not answer."""
        cluster = _cached(machine)
        if cluster is None:
            return Found(
                "unknown",
                said("the database role {name}, once PostgreSQL runs", name=resource.name),
            )
        if resource.name not in cluster.roles:
            return Found("create", said("make the database role {name}", name=resource.name))
        if not cluster.roles[resource.name]:
            return Found("update", said("let the database role {name} log in", name=resource.name))
        return Found("none")

    def apply(self, resource: PostgresRole, found: Found, machine: Machine) -> Done:
        """Wait for the server, then make the role or let it log in."""
        cluster = wait_for_server(machine)
        name = quote(resource.name)
        if resource.name not in cluster.roles:
            _execute(
                f"CREATE ROLE {name} LOGIN;", said("the role {name}", name=resource.name), machine
            )
        elif not cluster.roles[resource.name]:
            _execute(
                f"ALTER ROLE {name} LOGIN;", said("the role {name}", name=resource.name), machine
            )
        return Done(
            said("the database role {name} is there", name=resource.name), {"role": resource.name}
        )

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Keep it."""
        return Kept(
            said("The database role {name} stays, because it owns data.", name=receipt["role"])
        )


class DatabaseHandler:
    """A database with the encoding and collation it must have; one that exists is never touched.

    Undo keeps it with its data.
    """

    def inspect(self, resource: PostgresDatabase, machine: Machine) -> Found:
        """A database that cannot serve shows here with the reason, before anything is changed."""
        cluster = _cached(machine)
        if cluster is None:
            return Found(
                "unknown", said("the database {name}, once PostgreSQL runs", name=resource.name)
            )
        there = cluster.databases.get(resource.name)
        if there is None:
            return Found("create", said("make the database {name}", name=resource.name))
        wrong = misfit(resource, there)
        return Found("unknown", wrong) if wrong else Found("none")

    def apply(self, resource: PostgresDatabase, found: Found, machine: Machine) -> Done:
        """Make it, or fail when one of the name exists that cannot serve."""
        cluster = wait_for_server(machine)
        there = cluster.databases.get(resource.name)
        if there is None:
            _execute(
                create_sql(resource, cluster.version),
                said("the database {name}", name=resource.name),
                machine,
            )
        else:
            wrong = misfit(resource, there)
            if wrong:
                raise HostError("postgres", wrong)
        return Done(
            said("the database {name} is there", name=resource.name), {"database": resource.name}
        )

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Keep it."""
        return Kept(said("The database {name} stays with its data.", name=receipt["database"]))


def quote(identifier: str) -> str:
    """The name as an SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The text as an SQL string, whatever ``standard_conforming_strings`` says."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def create_sql(resource: PostgresDatabase, version: int) -> str:
    """The statement that makes a database; ``version`` is ``server_version_num``."""
    # From 15 on a cluster may have another provider (ICU) by default, to which C means nothing.
    provider = " LOCALE_PROVIDER libc" if version >= 150000 else ""
    locale = literal(resource.locale)
    return (
        f"CREATE DATABASE {quote(resource.name)} OWNER {quote(resource.owner)} "
        f"ENCODING {literal(resource.encoding)}{provider} "
        f"LC_COLLATE {locale} LC_CTYPE {locale} TEMPLATE template0;"
    )


def misfit(resource: PostgresDatabase, there: Database) -> Said:
    """Why an existing database cannot serve, as a sentence; empty when it can."""
    name = resource.name
    if there.owner != resource.owner:
        return said(
            "A database called {name} exists already and belongs to {there}, not to {wanted}. It "
            "was not touched: rename it, or give it that owner.",
            name=name,
            there=there.owner,
            wanted=resource.owner,
        )
    if there.encoding != resource.encoding:
        return said(
            "The database {name} exists already with the encoding {there}, but {wanted} is "
            "needed. It was not touched: rename it, then try again.",
            name=name,
            there=there.encoding,
            wanted=resource.encoding,
        )
    if (there.collate, there.ctype) != (resource.locale, resource.locale):
        return said(
            "The database {name} exists already with the collation {there}, but {wanted} is "
            "needed, or its indexes break at a system upgrade. It was not touched: rename it, "
            "then try again.",
            name=name,
            there=f"{there.collate} / {there.ctype}",
            wanted=resource.locale,
        )
    return NOTHING


def parse(output: str) -> Cluster | None:
    """What psql answered to the look; None when the answer is not there."""
    version = 0
    roles: dict[str, bool] = {}
    databases: dict[str, Database] = {}
    for line in output.splitlines():
        fields = line.split("\t")
        if len(fields) != 6:
            continue
        mark, name, *rest = fields
        if mark == "ma-version" and name.isdecimal():
            version = int(name)
        elif mark == "ma-role":
            roles[name] = rest[0] == "t"
        elif mark == "ma-database":
            databases[name] = Database(*rest)
    return Cluster(version, roles, databases) if version else None


def wait_for_server(machine: Machine) -> Cluster:
    """Start the server if it is stopped, and wait until it answers.

    Raises :class:`HostError` with the cause ``postgres`` (or ``disk-full``) when it does not
    within :data:`WAIT` seconds.
    """
    cluster = _look(machine)
    if cluster is not None:
        return cluster
    if not _has_psql(machine):
        raise HostError("postgres", said("PostgreSQL is not installed on this server."))
    machine.say(said("PostgreSQL does not answer; starting it."))
    machine.run(("systemctl", "start", "postgresql.service"), timeout=90, check=False)
    unit = _down_unit(machine)
    if unit:
        # Debian's postgresql.service is only a cover: it counts as running with its cluster dead.
        machine.run(("systemctl", "reset-failed", unit), timeout=30, check=False)
        machine.run(("systemctl", "start", unit), timeout=90, check=False)
    deadline = time.monotonic() + WAIT
    while cluster is None and time.monotonic() < deadline:
        time.sleep(1)
        cluster = _look(machine)
    if cluster is None:
        raise _dead(machine)
    return cluster


def default_cluster(output: str) -> tuple[str, str] | None:
    """Version and name of the cluster that psql talks to, from ``pg_lsclusters -h``.

    That is the one on port 5432, or the only one there is; None when it is online or missing.
    """
    rows = [line.split() for line in output.splitlines()]
    rows = [row for row in rows if len(row) >= 4 and row[2].isdecimal()]
    if len(rows) > 1:
        rows = [row for row in rows if row[2] == "5432"]
    if len(rows) != 1 or rows[0][3].startswith("online"):
        return None
    return rows[0][0], rows[0][1]


def _down_unit(machine: Machine) -> str:
    if not Path(machine.path("/usr/bin/pg_lsclusters")).exists():
        return ""
    listed = machine.run(("pg_lsclusters", "-h"), timeout=30, check=False)
    down = default_cluster(listed.output)
    if down is None or not all(re.fullmatch(r"[A-Za-z0-9_.]+", part) for part in down):
        return ""
    return f"postgresql@{down[0]}-{down[1]}.service"


def _dead(machine: Machine) -> HostError:
    argv = ("journalctl", "-u", "postgresql*", "-n", "20", "--no-pager", "-o", "cat")
    journal = machine.run(argv, timeout=30, check=False).output
    tail = tail_of(journal, 20)
    if classify(journal) == "disk-full":
        return HostError(
            "disk-full", said("PostgreSQL cannot start, because the disk is full."), tail
        )
    return HostError(
        "postgres",
        said(
            "PostgreSQL did not answer within {seconds} seconds after it was started. Its last "
            "words say why: mend that, then apply again.",
            seconds=WAIT,
        ),
        tail,
    )


def _has_psql(machine: Machine) -> bool:
    return Path(machine.path("/usr/bin/psql")).exists()


def _cached(machine: Machine) -> Cluster | None:
    return machine.cached("postgres:cluster", lambda: _look(machine))


def _look(machine: Machine) -> Cluster | None:
    if not _has_psql(machine):
        return None
    try:
        done = machine.run(_PSQL, stdin=_LOOK, user="postgres", timeout=30, check=False)
    except HostError:
        return None  # no such user yet, or no answer in time
    return parse(done.output) if done.code == 0 else None


def _execute(sql: str, what: Said, machine: Machine) -> None:
    done = machine.run(_PSQL, stdin=sql + "\n", user="postgres", timeout=120, check=False)
    if done.code != 0:
        full = classify(done.output) == "disk-full"
        cause = "disk-full" if full else "postgres"
        why = said("the disk is full") if full else said("see its answer")
        raise HostError(
            cause,
            said("PostgreSQL could not make {what}: {why}.", what=what, why=why),
            tail_of(done.output),
        )


HANDLERS: dict[str, Handler[Any]] = {"pgrole": RoleHandler(), "pgdatabase": DatabaseHandler()}
