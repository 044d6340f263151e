"""The lab's Debian mirror: the packages a plan needs on top of an image, with a signed index."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from assistant.rehearsal.build.requirements import architecture
from assistant.rehearsal.cache import remove_tree
from assistant.rehearsal.processes.commands import run

MIRROR_RECIPE = 1
KEY_OWNER = "Practice internet package mirror"
DOWNLOAD_TIMEOUT = 900.0


class ImageApt:
    """This machine's apt, looking at an image's package state and sources instead of its own."""

    def __init__(self, image_root: Path, state: Path) -> None:
        self._root = image_root
        self._state = state

    def update(self) -> None:
        """Fetch the package lists of the image's sources. Needs the network."""
        (self._state / "lists/partial").mkdir(parents=True, exist_ok=True)
        status = self._state / "status"
        shutil.copy(self._root / "var/lib/dpkg/status", status)
        run(self._argv(status, self._state / "none", "update"), timeout=DOWNLOAD_TIMEOUT)

    def download(self, packages: Sequence[str], folder: Path, *, without_python: bool) -> None:
        """Put into `folder` every .deb that installing `packages` on the image would fetch.

        `without_python` computes it for an image whose Python was taken away. Needs the network.
        """
        work = self._state / f"work-{folder.parent.name}"
        remove_tree(work)
        (work / "archives/partial").mkdir(parents=True)
        status = work / "status"
        text = (self._root / "var/lib/dpkg/status").read_text(encoding="utf-8")
        status.write_text(_without_python(text) if without_python else text, encoding="utf-8")
        run(
            self._argv(status, work, "install", "-y", "--download-only", *packages),
            timeout=DOWNLOAD_TIMEOUT,
        )
        folder.mkdir(parents=True, exist_ok=True)
        for package in (work / "archives").glob("*.deb"):
            # apt writes an epoch's colon as %3a, which would need escaping twice in a URL.
            package.rename(folder / package.name.replace("%3a", "."))
        remove_tree(work)

    def _argv(self, status: Path, work: Path, *arguments: str) -> list[str]:
        options = {
            "Dir::Etc::SourceList": self._root / "etc/apt/sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::Main": "/dev/null",
            "Dir::Etc::Parts": "/dev/null",
            "Dir::Etc::Preferences": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "Dir::Etc::TrustedParts": self._root / "etc/apt/trusted.gpg.d",
            "Dir::State": self._state,
            "Dir::State::Lists": self._state / "lists",
            "Dir::State::Status": status,
            "Dir::Cache": work,
            "Dir::Cache::Archives": work / "archives",
            "APT::Architecture": architecture(),
            "APT::Architectures": architecture(),
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Debug::NoLocking": "true",
        }
        pairs = [f"{key}={value}" for key, value in options.items()]
        return ["apt-get", "-q", *(part for pair in pairs for part in ("-o", pair)), *arguments]


def _without_python(status: str) -> str:
    stanzas = re.split(r"\n\n+", status.strip())
    python = re.compile(r"^Package: (lib)?python3[\w.+-]*$", re.MULTILINE)
    return "\n\n".join(s for s in stanzas if not python.search(s)) + "\n"


def build_index(release: str, folder: Path, signing_key: Path) -> None:
    """Write `folder`/dists/RELEASE for the packages in `folder`/pool/RELEASE, and sign it."""
    arch = architecture()
    binary = folder / "dists" / release / "main" / f"binary-{arch}"
    binary.mkdir(parents=True)
    packages = run(
        ["apt-ftparchive", "packages", f"pool/{release}"], timeout=300, cwd=folder
    ).stdout
    (binary / "Packages").write_text(packages, encoding="utf-8")
    described = {
        "Origin": "Practice internet",
        "Label": "Practice internet",
        "Suite": release,
        "Codename": release,
        "Architectures": arch,
        "Components": "main",
    }
    options = [
        part
        for key, value in described.items()
        for part in ("-o", f"APT::FTPArchive::Release::{key}={value}")
    ]
    dist = folder / "dists" / release
    text = run(["apt-ftparchive", *options, "release", str(dist)], timeout=120).stdout
    (dist / "Release").write_text(text, encoding="utf-8")
    clearsign(signing_key, dist / "Release", dist / "InRelease")


def clearsign(signing_key: Path, source: Path, target: Path) -> None:
    """Write `target`: the text of `source`, signed with a key that `make_signing_key` made."""
    with _Keyring(signing_key) as gpg:
        gpg.run(["--clearsign", "--output", str(target), str(source)])


def make_signing_key(folder: Path) -> None:
    """Make the mirror's ed25519 key: `folder`/private.asc (0600) and `folder`/public.asc."""
    with _Keyring(None) as gpg:
        gpg.run(["--passphrase", "", "--quick-generate-key", KEY_OWNER, "ed25519", "sign", "never"])
        private = folder / "private.asc"
        private.touch(mode=0o600)
        private.write_text(gpg.run(["--armor", "--export-secret-keys"]))
        (folder / "public.asc").write_text(gpg.run(["--armor", "--export"]))


class _Keyring:
    """A gpg home that lasts as long as the `with` block, with its agent ended afterwards."""

    def __init__(self, private: Path | None) -> None:
        self._private = private

    def __enter__(self) -> _Keyring:
        # Not in the cache: the agent's socket lies in it and a socket's path must be short.
        self._home = tempfile.mkdtemp(prefix="matrix-assistant-gpg-")
        if self._private is not None:
            self.run(["--import", str(self._private)])
        return self

    def run(self, arguments: Sequence[str]) -> str:
        argv = ["gpg", "--homedir", self._home, "--batch", "--yes", "--quiet", "--no-tty"]
        return run([*argv, "--pinentry-mode", "loopback", *arguments], timeout=60).stdout

    def __exit__(self, *_: object) -> None:
        run(["gpgconf", "--homedir", self._home, "--kill", "all"], timeout=30, check=False)
        remove_tree(Path(self._home))
