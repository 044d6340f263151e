"""The lab's Python package index (PEP 503): wheels for a release's Python, fetched by pip."""

from __future__ import annotations

import hashlib
import html
import importlib.util
import os
import platform
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from assistant.rehearsal.build.images import PYTHON_OF
from assistant.rehearsal.cache import ensure
from assistant.rehearsal.errors import RehearsalError, tail
from assistant.rehearsal.processes.commands import run

WHEELS_RECIPE = 3
DOWNLOAD_TIMEOUT = 900.0

FORMER = "matrix-synapse==1.162.0"
FORMER_LOCK = f"""\
{FORMER} \\
    --hash=sha256:4feb89586bb415bf36239985a2289920d5a351bf51b03ab910b605bf99a23746 \\
    --hash=sha256:ea122be63a088f0e3993cf35019c9b6ca4a9baf0bc26019c4549317c5342ee99
"""
"""The release before the one that is deployed, so that an upgrade can be rehearsed. What it needs
besides is what the later one needs."""

GLIBC_OF = {"trixie": 41, "bookworm": 36}
"""The minor version of each release's glibc 2: wheels for older ones run on it."""

# `pip download --python-version` picks wheels for that version, but judges the conditions on
# dependencies ("python_version >= '3.13'") by the Python that runs pip. So it is told another.
PIP_FOR_OTHER_PYTHON = """
import sys
from pip._vendor.packaging import markers
version = sys.argv.pop(1)
own = markers.default_environment
def other():
    return {**own(), "python_version": version, "python_full_version": version + ".0",
            "implementation_version": version + ".0", "sys_platform": "linux",
            "platform_system": "Linux", "os_name": "posix"}
markers.default_environment = other
from pip._internal.cli.main import main
sys.exit(main())
"""


def pip_python(cache: Path) -> str:
    """A Python that has pip: the running one, or one in a venv kept in the cache."""
    if importlib.util.find_spec("pip") is not None:
        return sys.executable

    def make(folder: Path) -> None:
        run([sys.executable, "-m", "venv", "--copies", str(folder)], timeout=120)

    version = "{}.{}".format(*sys.version_info)
    return str(ensure(cache / "tools" / f"pip-{version}", make) / "bin/python")


def download_wheels(release: str, locks: Sequence[str], folder: Path, python: str) -> None:
    """Fetch exactly the wheels of `locks` into `folder`/files.

    `python` is one with pip. Needs the network; 10 to 30 s. Raises RehearsalError.
    """
    version = PYTHON_OF[release]
    machine = platform.machine()
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC_OF[release], 4, -1)]
    platforms += [f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}"]
    abis = [f"cp{version.replace('.', '')}", "abi3", "none"]
    files = folder / "files"
    argv = [python, "-c", PIP_FOR_OTHER_PYTHON, version, "download", "--quiet", "--no-input"]
    argv += ["--disable-pip-version-check", "--only-binary", ":all:", "--dest", str(files)]
    argv += ["--require-hashes", "--no-deps", "--implementation", "cp", "--python-version", version]
    argv += [part for abi in abis for part in ("--abi", abi)]
    argv += [part for tag in platforms for part in ("--platform", tag)]
    # A person's own extra folder of wheels would put files into the index that no
    # registry has; their choice of registry is kept.
    kept = {"PIP_FIND_LINKS": "", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    wanted = folder / "lock.txt"
    for lock in (*locks, FORMER_LOCK) if locks else ():
        wanted.write_text(lock, encoding="utf-8")
        done = run([*argv, "-r", str(wanted)], timeout=DOWNLOAD_TIMEOUT, env=kept, check=False)
        if done.returncode != 0:
            raise RehearsalError(
                f"pip could not download the Python packages for {release}.",
                tail(done.stderr, 6),
            )
    files.mkdir(exist_ok=True)


def write_index(wheels: Sequence[Path], folder: Path) -> None:
    """Write a PEP 503 index of `wheels` into `folder`; the files are linked into it."""
    projects: dict[str, dict[str, Path]] = {}
    for wheel in wheels:
        name = re.sub(r"[-_.]+", "-", wheel.name.split("-")[0]).lower()
        projects.setdefault(name, {})[wheel.name] = wheel
    folder.mkdir(parents=True)
    for name, found in projects.items():
        project = folder / name
        project.mkdir()
        links = []
        for wheel in found.values():
            (project / wheel.name).symlink_to(wheel)
            checksum = hashlib.sha256(wheel.read_bytes()).hexdigest()
            links.append(
                f'<a href="{quote(wheel.name)}#sha256={checksum}">{html.escape(wheel.name)}</a>'
            )
        _page(project, links)
    _page(folder, [f'<a href="{name}/">{name}</a>' for name in sorted(projects)])


def _page(folder: Path, links: Sequence[str]) -> None:
    body = "<br>\n".join(links)
    text = f"<!DOCTYPE html>\n<html><body>\n{body}\n</body></html>\n"
    (folder / "index.html").write_text(text, encoding="utf-8")
