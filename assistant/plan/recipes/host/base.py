"""What every host gets first: where packages come from, and the few that all else needs."""

from __future__ import annotations

from assistant.onhost.resources import Directory, PackageMirror, Packages, Resource
from assistant.plan.host_paths import CONFIG, LIBRARY, SECRETS
from assistant.plan.releases import Release, known_release
from assistant.setup.model import Host, Mirror, Setup

MIRROR_KEY = "/etc/apt/keyrings/matrix-assistant.asc"

PACKAGES = (
    "ca-certificates",
    "nftables",
    "openssl",
    "python3-venv",
    "unattended-upgrades",
)
"""The same names in every supported release."""


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """The mirror if there is one, the packages, and the assistant's own folders."""
    mirror = mirror_of(setup, host)
    sources: tuple[Resource, ...] = ()
    if mirror is not None:
        sources = (
            PackageMirror(
                title="Package mirror",
                sources=mirror_sources(mirror, known_release(host)),
                signing_key=mirror.signing_key,
            ),
        )
    return (
        *sources,
        Packages(title="Basic packages", group="base", names=PACKAGES),
        Directory(title="Folder for settings", path=CONFIG),
        Directory(title="Folder for programs", path=LIBRARY),
        Directory(title="Folder for secrets", path=SECRETS, mode="0700"),
    )


def mirror_of(setup: Setup, host: Host) -> Mirror | None:
    """Where this host gets packages from: its own mirror, else the setup's, else none."""
    return host.mirror if host.mirror is not None else setup.settings.mirror


def pip_conf(setup: Setup, host: Host) -> str:
    """The pip configuration of the host's mirror; empty for pip's own defaults."""
    mirror = mirror_of(setup, host)
    return mirror.pip_conf if mirror is not None else ""


def mirror_sources(mirror: Mirror, release: Release) -> str:
    """The deb822 text for a mirror; security updates are a stanza of their own.

    A suite that ends in a slash is a flat archive, which has no components.
    """
    code = release.codename
    suites = mirror.suites.split() or [code, f"{code}-updates"]
    stanzas = [_stanza(mirror, release, mirror.uri, suites)]
    if mirror.security_uri:
        stanzas.append(_stanza(mirror, release, mirror.security_uri, [f"{code}-security"]))
    return "\n".join(stanzas)


def first_sources(setup: Setup, host: Host) -> str:
    """The same with the key in the text itself, for installing python3 before any plan can run.

    Empty without a mirror, or while the host's release is not known.
    """
    mirror = mirror_of(setup, host)
    if mirror is None or not host.release:
        return ""
    text = mirror_sources(mirror, known_release(host))
    # Continuation lines of deb822: a space first, and a dot for an empty line.
    key = "".join(f"\n {line or '.'}" for line in mirror.signing_key.strip().splitlines())
    return text.replace(f"Signed-By: {MIRROR_KEY}", f"Signed-By:{key}")


def _stanza(mirror: Mirror, release: Release, uri: str, suites: list[str]) -> str:
    areas = mirror.components.split()
    # "main" is the setting's default and too little on Ubuntu.
    areas += [area for area in release.components if area not in areas]
    flat = all(suite.endswith("/") for suite in suites)
    lines = ["Types: deb", f"URIs: {uri}", f"Suites: {' '.join(suites)}"]
    if not flat:
        lines.append(f"Components: {' '.join(areas)}")
    lines.append(f"Signed-By: {MIRROR_KEY if mirror.signing_key else release.keyring}")
    return "".join(f"{line}\n" for line in lines)
