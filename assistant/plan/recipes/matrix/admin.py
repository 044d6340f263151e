"""The first account, which administers the server."""

from __future__ import annotations

from assistant.onhost.resources import Command, Resource, Secret
from assistant.plan.errors import PlanError
from assistant.plan.host_paths import ADMIN_PASSWORD, DATABASE, SYNAPSE_URL, SYNAPSE_VENV
from assistant.plan.recipes.matrix.synapse_unit import HOMESERVER
from assistant.plan.routes import matrix_of
from assistant.setup.model import Host, Setup
from assistant.text import msg


def user_id(setup: Setup, host: Host) -> str:
    """The Matrix id of this host's administrator; :class:`PlanError` when it would be too long."""
    name = f"@{setup.settings.admin}:{matrix_of(setup, host).server_name}"
    if len(name) > 255:
        raise PlanError(
            "name-too-long",
            msg(
                "{name} would be {length} characters long, and Matrix allows 255. Choose a shorter "
                "name for the administrator.",
                name=name,
                length=len(name),
            ),
        )
    return name


def _exists(user: str) -> str:
    # Neither a localpart nor a domain can hold a quote or a backslash.
    return f"SELECT 1 / count(*) FROM users WHERE name = '{user}'"  # noqa: S608


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """A password made on the host, and the account unless it exists."""
    return (
        Secret(
            title="Password of the administrator",
            name="admin-password",
            path=ADMIN_PASSWORD,
        ),
        Command(
            title="Account of the administrator",
            name="first-admin",
            argv=(
                f"{SYNAPSE_VENV}/current/bin/register_new_matrix_user",
                "--config",
                HOMESERVER,
                "--user",
                setup.settings.admin,
                "--password-file",
                ADMIN_PASSWORD,
                "--admin",
                "--exists-ok",
                SYNAPSE_URL,
            ),
            # The database is asked, so an account that was made, renamed or locked by hand stays
            # as it is. No such account: a division by zero, which psql reports as a failure.
            # Not runuser, which opens a session and tells the journal so each time.
            unless=(
                "setpriv",
                "--reuid=postgres",
                "--regid=postgres",
                "--init-groups",
                "--",
                "psql",
                "-X",
                "-q",
                "-d",
                DATABASE,
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                _exists(user_id(setup, host)),
            ),
            timeout=60,
        ),
    )
