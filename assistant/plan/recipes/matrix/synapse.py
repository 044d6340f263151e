"""Synapse: the Matrix server, in a Python environment of its own, closed by default."""

from __future__ import annotations

import json

from assistant.onhost.resources import (
    Directory,
    File,
    Resource,
    Secret,
    Service,
    User,
)
from assistant.plan.host_paths import (
    MANAGED,
    SYNAPSE_CONFIG,
    SYNAPSE_DATA,
    SYNAPSE_URL,
    SYNAPSE_USER,
    SYNAPSE_VENV,
)
from assistant.plan.recipes.environments import environment
from assistant.plan.recipes.matrix import workers
from assistant.plan.recipes.matrix.synapse_settings import (
    FORM_SECRET,
    LOG,
    MACAROON_SECRET,
    MEDIA,
    REGISTRATION_SECRET,
    SIGNING_KEY,
    homeserver_config,
)
from assistant.plan.recipes.matrix.synapse_unit import HOMESERVER, UNIT, unit_text
from assistant.plan.recipes.templates import read
from assistant.setup.model import Host, Setup

HEALTH_SECONDS = 180


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """Account, folders, program, secrets, configuration, unit, and the running service."""
    program = environment("synapse", title="Synapse", path=SYNAPSE_VENV, setup=setup, host=host)
    secrets = (
        _secret("Secret for making accounts", "registration-shared-secret", REGISTRATION_SECRET),
        _secret("Secret for access tokens", "macaroon-secret-key", MACAROON_SECRET),
        _secret("Secret for web forms", "form-secret", FORM_SECRET),
        Secret(
            title="Signing key of the server",
            name="signing-key",
            form="synapse-signing-key",
            path=SIGNING_KEY,
            owner=SYNAPSE_USER,
            group=SYNAPSE_USER,
        ),
        *workers.secrets(setup, host),
    )
    log = _config_file("Synapse: logging", LOG, read("matrix/synapse-log.yaml"))
    homeserver = _config_file(
        "Synapse: settings",
        HOMESERVER,
        f"# {MANAGED}\n{json.dumps(homeserver_config(setup, host), indent=2)}\n",
        # Loads the settings as Synapse would, with all the files they name.
    )
    unit = File(
        title="Synapse: unit",
        path=f"/etc/systemd/system/{UNIT}",
        content=unit_text(
            title="Matrix server (Synapse)",
            run=f"synapse.app.homeserver --config-path {HOMESERVER}",
        ),
    )
    return (
        User(title="Account of Synapse", name=SYNAPSE_USER, home=SYNAPSE_DATA),
        Directory(
            title="Folder for Synapse's settings",
            path=SYNAPSE_CONFIG,
            group=SYNAPSE_USER,
            mode="0750",
        ),
        Directory(
            title="Folder for Synapse's data",
            path=SYNAPSE_DATA,
            owner=SYNAPSE_USER,
            group=SYNAPSE_USER,
            mode="0700",
        ),
        Directory(
            title="Folder for photos and files",
            path=MEDIA,
            owner=SYNAPSE_USER,
            group=SYNAPSE_USER,
            mode="0700",
        ),
        program,
        *secrets,
        log,
        homeserver,
        unit,
        *workers.redis_resources(setup, host),
        Service(
            title="Start Synapse",
            unit=UNIT,
            after=(program.id, *(secret.id for secret in secrets), log.id, homeserver.id, unit.id),
            health_url=f"{SYNAPSE_URL}/health",
            # The first start makes the tables; on a slow disk that takes its time.
            health_seconds=HEALTH_SECONDS,
        ),
    )


def _secret(title: str, name: str, path: str) -> Secret:
    return Secret(title=title, name=name, path=path, owner=SYNAPSE_USER, group=SYNAPSE_USER)


def _config_file(title: str, path: str, content: str, validate: tuple[str, ...] = ()) -> File:
    return File(
        title=title,
        path=path,
        content=content,
        group=SYNAPSE_USER,
        mode="0640",
        validate=validate,
    )
