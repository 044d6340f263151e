"""What this machine lacks for the practice internet, and getting what Debian can provide."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.rehearsal.cache import Report
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.processes.commands import run

# The DNS servers and the certificate authority of the lab are not in this list: they run from a
# layer of their own over a lab image, so that none of them is ever installed on this machine.
PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "apt-ftparchive": "apt-utils",
    "ip": "iproute2",
    "nft": "nftables",
    "gpg": "gnupg",
    "openssl": "openssl",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
    "mkfs.ext4": "e2fsprogs",
}
"""A program the lab runs, and the Debian package it comes in."""

FILES = {"/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring"}


@dataclass(frozen=True)
class Requirement:
    """One thing this machine lacks."""

    name: str
    sentence: str
    """What is missing and why it matters, for people."""
    package: str | None = None
    """The Debian package that brings it; None when nobody but the user can."""


def architecture() -> str:
    """Debian's name of this machine's architecture. Raises RehearsalError for an unknown one."""
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    machine = platform.machine()
    if machine not in names:
        raise RehearsalError(f"The practice internet does not run on {machine} machines yet.")
    return names[machine]


def missing_requirements() -> tuple[Requirement, ...]:
    """Everything this machine lacks, the most basic first; empty when the lab can be built."""
    if not sys.platform.startswith("linux"):
        return (Requirement("linux", "The practice internet needs Linux: it starts Linux hosts."),)
    missing: list[Requirement] = []
    if os.geteuid() != 0:
        missing.append(
            Requirement("root", "The practice internet must be started by root (for example sudo).")
        )
    if platform.machine() not in ("x86_64", "aarch64"):
        missing.append(
            Requirement("architecture", f"A {platform.machine()} machine cannot run it yet.")
        )
    if not shutil.which("apt-get"):
        missing.append(
            Requirement("apt", "It fetches Debian packages with apt-get, which is not here.")
        )
    filesystems = _words(Path("/proc/filesystems"))
    # overlay may be a module that is loaded at the first mount, so ask for the module as well.
    if "overlay" not in filesystems and not _module_exists("overlay"):
        missing.append(
            Requirement("overlay", "This kernel has no overlay file systems; hosts need them.")
        )
    for name in ("net", "pid", "mnt"):
        if not Path(f"/proc/self/ns/{name}").exists():
            missing.append(
                Requirement(f"namespace-{name}", f"This kernel has no {name} namespaces.")
            )
    for program, package in PROGRAMS.items():
        if not _which(program):
            missing.append(Requirement(program, f"The program {program} is missing.", package))
    for path, package in FILES.items():
        if not Path(path).exists():
            missing.append(Requirement(path, f"The file {path} is missing.", package))
    if importlib.util.find_spec("pip") is None and importlib.util.find_spec("ensurepip") is None:
        missing.append(
            Requirement("pip", "Python's pip is missing; it fetches Synapse.", "python3-venv")
        )
    return tuple(missing)


def install_requirements(report: Report) -> None:
    """Install the missing Debian packages with apt-get, saying so first.

    Raises RehearsalError when something is missing that no package brings, or apt-get fails.
    """
    missing = missing_requirements()
    hopeless = [r for r in missing if r.package is None]
    if hopeless:
        raise RehearsalError(" ".join(r.sentence for r in hopeless))
    packages = sorted({r.package for r in missing if r.package is not None})
    if not packages:
        return
    report(f"Installing on this machine with apt-get: {', '.join(packages)}.")
    apt(["update"])
    # None of these packages starts a daemon, so nothing has to be kept from starting.
    apt(["install", "-y", "--no-install-recommends", *packages])
    left = missing_requirements()
    if left:
        raise RehearsalError(" ".join(r.sentence for r in left))


def apt(arguments: Sequence[str]) -> None:
    """apt-get on this machine, without questions, waiting for another apt to end."""
    run(
        ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments],
        timeout=900,
        env={"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"},
    )


def _which(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin")


def _words(path: Path) -> set[str]:
    try:
        return set(path.read_text().split())
    except OSError:
        return set()


def _module_exists(name: str) -> bool:
    modules = Path("/lib/modules") / platform.release()
    for index in ("modules.dep", "modules.builtin"):
        try:
            if f"/{name}.ko" in (modules / index).read_text():
                return True
        except OSError:
            continue
    return False
