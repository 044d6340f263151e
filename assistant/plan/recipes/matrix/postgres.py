"""PostgreSQL from the release, reached over its unix socket only by the account it belongs to."""

from __future__ import annotations

from assistant.onhost.resources import (
    Packages,
    PostgresDatabase,
    PostgresRole,
    Resource,
    Service,
)
from assistant.plan.host_paths import DATABASE, SYNAPSE_USER
from assistant.setup.model import Host, Setup


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """The server with its stock settings, the role, the database.

    The stock settings are kept: they listen on the host itself only, log in local accounts by
    name (peer), and suit a small server; another database on the host is not disturbed.
    """
    return (
        Packages(title="PostgreSQL", group="postgresql", names=("postgresql",)),
        Service(title="Start PostgreSQL", unit="postgresql.service"),
        PostgresRole(title="Database account of Synapse", name=SYNAPSE_USER),
        PostgresDatabase(title="Database of Synapse", name=DATABASE, owner=SYNAPSE_USER),
    )
