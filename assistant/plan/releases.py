"""What differs between the supported releases of Debian and Ubuntu, as one table.

Source: each release's package lists. Everything that is the same everywhere stays in the recipes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from assistant.plan.errors import PlanError
from assistant.setup.model import Host
from assistant.text import msg


@dataclass(frozen=True, kw_only=True)
class Release:
    """One release: its codename and what the recipes need to know about it.

    ``python`` is the version of python3, ``postgres`` the major version of PostgreSQL, ``nginx``
    the version of nginx as (major, minor), ``components`` the archive areas that hold the planned
    packages, ``keyring`` the archive's own signing keys on the host.
    """

    codename: str
    name: str
    python: str
    postgres: int
    nginx: tuple[int, int]
    components: tuple[str, ...]
    keyring: str

    @property
    def http2_directive(self) -> bool:
        """Whether nginx knows ``http2 on`` (since 1.25.1); before, it is a word of ``listen``."""
        return self.nginx >= (1, 26)

    @property
    def rejects_handshakes(self) -> bool:
        """Whether nginx knows ``ssl_reject_handshake`` (since 1.19.4)."""
        return self.nginx >= (1, 20)


_DEBIAN = "/usr/share/keyrings/debian-archive-keyring.gpg"
_UBUNTU = "/usr/share/keyrings/ubuntu-archive-keyring.gpg"

RELEASES: dict[str, Release] = {
    release.codename: release
    for release in (
        Release(
            codename="bookworm",
            name="Debian 12",
            python="3.11",
            postgres=15,
            nginx=(1, 22),
            components=("main",),
            keyring=_DEBIAN,
        ),
        Release(
            codename="trixie",
            name="Debian 13",
            python="3.13",
            postgres=17,
            nginx=(1, 26),
            components=("main",),
            keyring=_DEBIAN,
        ),
        Release(
            codename="jammy",
            name="Ubuntu 22.04",
            python="3.10",
            postgres=14,
            nginx=(1, 18),
            # python3-venv is in universe there.
            components=("main", "universe"),
            keyring=_UBUNTU,
        ),
        Release(
            codename="noble",
            name="Ubuntu 24.04",
            python="3.12",
            postgres=16,
            nginx=(1, 24),
            components=("main", "universe"),
            keyring=_UBUNTU,
        ),
    )
}
"""The releases the assistant deploys to, by codename."""


def known_release(host: Host) -> Release:
    """The release of a host; :class:`PlanError` when nobody has looked at the host yet."""
    release = RELEASES.get(host.release)
    if release is None:
        raise PlanError(
            "release-unknown",
            msg(
                "Nobody has looked yet which release of Debian or Ubuntu runs on {host}. "
                "The package mirror needs to know it. Check the host first, then plan again.",
                host=host.name,
            ),
        )
    return release


def http2_directive(host: Host) -> bool:
    """As :attr:`Release.http2_directive`; False, which every nginx understands, when unknown."""
    release = RELEASES.get(host.release)
    return release is not None and release.http2_directive


def rejects_handshakes(host: Host) -> bool:
    """As :attr:`Release.rejects_handshakes`; False when the release is unknown."""
    release = RELEASES.get(host.release)
    return release is not None and release.rejects_handshakes


def has_python(host: Host, versions: Collection[str]) -> bool:
    """Whether the host's python3 is one of ``versions``; True when the release is unknown."""
    release = RELEASES.get(host.release)
    return release is None or release.python in versions
