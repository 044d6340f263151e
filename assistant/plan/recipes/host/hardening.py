"""Hardening that cannot lock anybody out and breaks nothing that was there before.

Whether the user logs in with a password or a key is theirs to decide and unknown here, so no way
of logging in is closed.
"""

from __future__ import annotations

from assistant.onhost.resources import Command, Directory, File, Resource
from assistant.plan.host_paths import MANAGED
from assistant.plan.recipes.templates import fill
from assistant.setup.model import Host, Setup

# Drop-ins of sshd: the first value read wins, so a late name lets the user's own files win.
SSHD = "/etc/ssh/sshd_config.d/90-matrix-assistant.conf"
SYSCTL = "/etc/sysctl.d/90-matrix-assistant.conf"
UPGRADES = "/etc/apt/apt.conf.d/52matrix-assistant"
JOURNALD = "/etc/systemd/journald.conf.d/90-matrix-assistant.conf"


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """SSH, kernel settings, security updates, size of the system journal."""
    sshd = File(
        title="SSH server: safer defaults",
        path=SSHD,
        content=fill("host/sshd.conf", MANAGED=MANAGED),
        mode="0600",
        check=("/usr/sbin/sshd", "-t"),
    )
    sysctl = File(
        title="Kernel: network settings",
        path=SYSCTL,
        content=fill("host/sysctl.conf", MANAGED=MANAGED),
    )
    journald = File(
        title="System journal: size limit",
        path=JOURNALD,
        content=fill("host/journald.conf", MANAGED=MANAGED),
    )
    return (
        Directory(title="Folder for SSH server settings", path="/etc/ssh/sshd_config.d"),
        sshd,
        # Sessions stay. Where a socket starts sshd (Ubuntu 24.04) it may not run: then nothing
        # needs to be reloaded.
        Command(
            title="SSH server: read its settings",
            name="reload-sshd",
            argv=("systemctl", "try-reload-or-restart", "ssh.service"),
            after=(sshd.id,),
        ),
        sysctl,
        # systemd's program takes one file, so settings that somebody else made stay, and it
        # passes over what a container may not set.
        Command(
            title="Kernel: take the settings",
            name="load-sysctl",
            argv=("/usr/lib/systemd/systemd-sysctl", SYSCTL),
            after=(sysctl.id,),
        ),
        File(
            title="Automatic security updates",
            path=UPGRADES,
            content=fill("host/apt-upgrades.conf", MANAGED=MANAGED),
        ),
        Directory(title="Folder for journal settings", path="/etc/systemd/journald.conf.d"),
        journald,
        Command(
            title="System journal: take the limit",
            name="restart-journald",
            argv=("systemctl", "try-restart", "systemd-journald.service"),
            after=(journald.id,),
        ),
    )
