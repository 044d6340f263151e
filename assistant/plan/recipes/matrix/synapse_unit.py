"""The systemd unit of Synapse and of its workers."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.plan.host_paths import (
    BACKUPS,
    CONFIG,
    MANAGED,
    SYNAPSE_CONFIG,
    SYNAPSE_DATA,
    SYNAPSE_USER,
    SYNAPSE_VENV,
)
from assistant.plan.recipes.templates import fill

UNIT = "matrix-synapse.service"
HOMESERVER = f"{SYNAPSE_CONFIG}/homeserver.yaml"
PYTHON = f"{SYNAPSE_VENV}/current/bin/python"


def unit_text(
    *,
    title: str,
    run: str,
    unit: Sequence[str] = (),
    service: Sequence[str] = (),
    wanted_by: str = "multi-user.target",
) -> str:
    """The unit of one of Synapse's processes: all of them live in the same sandbox.

    ``run`` is the module with its arguments, ``unit`` and ``service`` further lines.
    """
    return fill(
        "matrix/synapse.service",
        MANAGED=MANAGED,
        TITLE=title,
        RUN=run,
        UNIT=tuple(unit),
        SERVICE=tuple(service),
        WANTED_BY=wanted_by,
        USER=SYNAPSE_USER,
        PYTHON=PYTHON,
        CONFIG_DIR=SYNAPSE_CONFIG,
        DATA=SYNAPSE_DATA,
        HIDDEN=f"-{BACKUPS} -{CONFIG}",
    )
