"""Renew the locks of the hosts' Python environments: ``make lock``, for maintainers (needs uv).

uv resolves each environment for all Pythons at once; of the wheels it names, the one that pip takes
on each supported Python and processor goes into the lock, and nothing else. No wheel for one of
them is an error. The versions asked for are those in ``assistant/plan/locks``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

sys.path.insert(0, str(Path(__file__).parent.parent))

from assistant.plan.locks import LOCKS, MACHINES, PYTHONS, Environment, lock_path

GLIBC = 35
"""The oldest glibc 2 among the supported releases, Ubuntu 22.04's."""


def main() -> None:
    """Write every lock anew."""
    for environment in LOCKS.values():
        packages = resolve(environment)
        lines = [line for package in packages for line in locked(package, environment)]
        date = f"{datetime.now(UTC):%Y-%m-%d}"
        text = f"# Renewed on {date} by `make lock`.\n" + "\n".join(lines) + "\n"
        Path(str(lock_path(environment.name))).write_text(text, "utf-8")
        sys.stdout.write(f"{environment.name}: {len(packages)} packages\n")


def resolve(environment: Environment) -> list[dict[str, Any]]:
    """What uv resolves an environment to: the packages of a pylock.toml (PEP 751)."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "asked.in", Path(folder) / "pylock.toml"
        asked.write_text("\n".join(environment.requirements) + "\n", "utf-8")
        argv = ["uv", "pip", "compile", "--no-config", "--quiet", "--universal"]
        argv += ["--python-version", environment.pythons[0], "--only-binary", ":all:"]
        argv += ["--format", "pylock.toml", "-o", str(answer), str(asked)]
        subprocess.run(argv, check=True)
        packages: list[dict[str, Any]] = tomllib.loads(answer.read_text("utf-8"))["packages"]
    return packages


def locked(package: dict[str, Any], environment: Environment) -> Iterator[str]:
    """The lines of a lock for one package; none when no supported host takes it."""
    pythons = [python for python in environment.pythons if wanted(package, python)]
    if not pythons:
        return
    wheels = {
        each["url"].rpartition("/")[2]: each["hashes"]["sha256"] for each in package["wheels"]
    }
    tags = {name: parse_wheel_filename(name)[3] for name in wheels}
    hashes = set()
    for python in pythons:
        for machine in MACHINES:
            best = next(
                (name for tag in accepted(python, machine) for name in tags if tag in tags[name]),
                None,
            )
            if best is None:
                raise SystemExit(f"{package['name']}: no wheel for Python {python} on {machine}")
            hashes.add(wheels[best])
    marker = "" if pythons == list(environment.pythons) else f" ; {condition(pythons)}"
    yield f"{package['name']}=={package['version']}{marker} \\"
    yield " \\\n".join(f"    --hash=sha256:{each}" for each in sorted(hashes))


def wanted(package: dict[str, Any], python: str) -> bool:
    """Whether a host with this Python takes the package; the same on every processor."""
    if "marker" not in package:
        return True
    linux = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    linux |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    linux |= {"python_version": python, "python_full_version": f"{python}.0"}
    marker = Marker(package["marker"])
    told = {marker.evaluate({**linux, "platform_machine": machine}) for machine in MACHINES}
    if len(told) != 1:
        raise SystemExit(f"{package['name']} is for one processor only: {marker}")
    return told.pop()


def accepted(python: str, machine: str) -> Iterator[Tag]:
    """The tags of wheels that pip accepts on a supported host, the best first."""
    version = (3, int(python.split(".")[1]))
    platforms = []
    for minor in range(GLIBC, 4, -1):
        platforms.append(f"manylinux_2_{minor}_{machine}")
        old = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}.get(minor)
        platforms += [f"{old}_{machine}"] if old else []
    platforms.append(f"linux_{machine}")
    interpreter = f"cp3{version[1]}"
    yield from cpython_tags(version, [interpreter], platforms)
    yield from compatible_tags(version, interpreter, platforms)


def condition(pythons: list[str]) -> str:
    """The marker for some of the Pythons."""
    first, last = PYTHONS.index(pythons[0]), PYTHONS.index(pythons[-1])
    if pythons != list(PYTHONS[first : last + 1]):
        return " or ".join(f'python_version == "{python}"' for python in pythons)
    parts = [f'python_version >= "{pythons[0]}"'] if first else []
    parts += [f'python_version <= "{pythons[-1]}"'] if last + 1 < len(PYTHONS) else []
    return " and ".join(parts)


if __name__ == "__main__":
    main()
