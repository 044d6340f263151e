"""Where the secrets of a deployment are found: arguments, journals, logs, other files."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from assistant.onhost.resources import Directory, File, Secret
from assistant.plan.model import HostPlan
from tests.lab.conftest import Practice

STATE = "var/lib/matrix-assistant"
LOGS = ("var/log", STATE, "run/matrix-assistant", "tmp", "var/tmp")
Values = Mapping[str, str]


@contextmanager
def sampled_arguments(pause: float = 0.01) -> Iterator[set[bytes]]:
    """Every command line of every process, here and on the hosts, while the block runs."""
    seen: set[bytes] = set()
    ended = threading.Event()

    def sample() -> None:
        while not ended.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes())
                except OSError:
                    continue
            time.sleep(pause)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def secrets_of(root: Path, plan: HostPlan) -> dict[str, str]:
    """The secrets that lie on a host, by their names."""
    return {
        resource.name: (root / resource.path.lstrip("/")).read_text().split()[-1]
        for resource in plan.resources
        if isinstance(resource, Secret)
    }


def places_of(values: Values, data: bytes) -> list[str]:
    """The names of the secrets that occur in some bytes."""
    return [name for name, value in values.items() if value.encode() in data]


def in_journal(practice: Practice, host: str, values: Values) -> list[str]:
    """Secrets in everything that systemd's journal of a host holds."""
    argv = ["journalctl", "--all", "-o", "export"]
    text = practice.run(practice.lab.exec(host, argv)).stdout
    assert "matrix-assistant-run-" in text
    return places_of(values, text.encode())


def in_logs(root: Path, values: Values) -> list[tuple[str, str]]:
    """Secrets in logs, receipts, journals of runs and temporary files: file and name."""
    kept_in = {root / f"{STATE}/secrets"}
    files = [
        path
        for folder in LOGS
        for path in (root / folder).rglob("*")
        if path.parent not in kept_in and path.is_file() and not path.is_symlink()
    ]
    assert len(files) > 20
    return list(_found(root, files, values))


def astray(root: Path, plan: HostPlan, values: Values) -> list[tuple[str, str]]:
    """Secrets in files of /etc that are not their own: file and name.

    Certbot keeps a reference to the file with the token, never the token.
    """
    own = {
        (resource.path, resource.name)
        for resource in plan.resources
        if isinstance(resource, Secret)
    }
    files = [path for path in (root / "etc").rglob("*") if path.is_file() and not path.is_symlink()]
    return [found for found in _found(root, files, values) if found not in own]


def _found(root: Path, files: Iterable[Path], values: Values) -> Iterator[tuple[str, str]]:
    for path in files:
        for name in places_of(values, path.read_bytes()):
            yield "/" + str(path.relative_to(root)), name


def misplaced(practice: Practice, host: str, plan: HostPlan) -> dict[str, list[str]]:
    """What is planned for a host and has another mode or owner there; secrets others could read."""
    planned = [r for r in plan.resources if isinstance(r, (File, Directory, Secret))]
    assert len(planned) > 10
    argv = ["stat", "--format=%n %a %U %G", *(resource.path for resource in planned)]
    lines = practice.run(practice.lab.exec(host, argv)).stdout.splitlines()
    found = {line.split()[0]: line.split()[1:] for line in lines}
    return {
        resource.path: found[resource.path]
        for resource in planned
        if found[resource.path] != [f"{int(resource.mode, 8):o}", resource.owner, resource.group]
        or (isinstance(resource, Secret) and int(resource.mode, 8) & 0o077)
    }
