"""A copy of what cannot be made again, every night, on the host itself.

Not in it: photos and files that people sent (/var/lib/matrix-synapse/media), which would fill the
disk; and it is no copy elsewhere, which the user must make.
"""

from __future__ import annotations

from assistant.onhost.resources import Directory, File, Resource, Timer
from assistant.plan.host_paths import BACKUPS, DATABASE, LIBRARY, SYNAPSE_CONFIG, SYNAPSE_USER
from assistant.plan.recipes.templates import host_program
from assistant.setup.model import Host, Setup

SCRIPT = f"{LIBRARY}/backup.py"
KEEP = 7
"""How many backups stay."""

# Becoming the database's account needs two of these, reading its settings the third.
_CAPABILITIES = "CAP_SETUID CAP_SETGID CAP_DAC_READ_SEARCH"
_SANDBOX = (
    # Where User= is set, even root gets through NoNewPrivileges only what is also ambient. The
    # ambient set ends when the program becomes the database's account.
    f"AmbientCapabilities={_CAPABILITIES}",
    f"CapabilityBoundingSet={_CAPABILITIES}",
    "IOSchedulingClass=idle",
    "LockPersonality=yes",
    "Nice=10",
    "NoNewPrivileges=yes",
    "PrivateDevices=yes",
    "PrivateNetwork=yes",
    "PrivateTmp=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHome=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectSystem=strict",
    f"ReadWritePaths={BACKUPS}",
    "RestrictAddressFamilies=AF_UNIX",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "UMask=0077",
)


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """The folder, the program, and the timer that runs it at night."""
    return (
        Directory(title="Folder for backups", path=BACKUPS, mode="0700"),
        File(title="Backup program", path=SCRIPT, content=host_program("nightly_backup.py")),
        Timer(
            title="Nightly backup",
            name="matrix-assistant-backup",
            description="Back up database, settings and keys of the Matrix server",
            command=(
                "/usr/bin/python3",
                "-I",
                SCRIPT,
                "--database",
                DATABASE,
                "--user",
                SYNAPSE_USER,
                "--copy",
                SYNAPSE_CONFIG,
                "--to",
                BACKUPS,
                "--keep",
                str(KEEP),
            ),
            calendar="*-*-* 03:10:00",
            delay=1800,
            sandbox=_SANDBOX,
        ),
    )
