"""The nightly backup program, run for real with stand-ins for pg_dump and pg_restore."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

DUMP = "#!/bin/sh\nprintf 'PGDMP of %s' \"$*\"\n"
READS = '#!/bin/sh\ngrep -q PGDMP "$2"\n'
FAILS = "#!/bin/sh\necho half; echo 'pg_dump: no space' >&2; exit 1\n"


class Place:
    """A folder with settings, backups and stand-ins for PostgreSQL's programs."""

    def __init__(self, root: Path) -> None:
        self.tools, self.config, self.backups = root / "bin", root / "matrix", root / "backups"
        for folder in (self.tools, self.config, self.backups):
            folder.mkdir()
        (self.config / "homeserver.signing.key").write_text("ed25519 a_x KEY\n")
        self.tool("pg_dump", DUMP)
        self.tool("pg_restore", READS)

    def tool(self, name: str, text: str) -> None:
        path = self.tools / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, keep: int = 7) -> subprocess.CompletedProcess[str]:
        script = resources.files("assistant.plan.host_programs").joinpath("nightly_backup.py")
        argv = [
            *(sys.executable, "-I", str(script), "--database", "db", "--user", "root"),
            *("--copy", str(self.config), "--to", str(self.backups), "--keep", str(keep)),
        ]
        env = {**os.environ, "PATH": f"{self.tools}:/usr/bin:/bin"}
        return subprocess.run(
            argv, env=env, capture_output=True, text=True, timeout=30, check=False
        )

    def names(self) -> list[str]:
        return sorted(path.name for path in self.backups.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    if sys.platform != "linux":
        pytest.skip("the program runs on servers")
    return Place(tmp_path)


def test_a_backup_holds_database_and_keys_for_its_owner_only(place: Place) -> None:
    done = place.run()
    assert done.returncode == 0, done.stderr
    (name,) = place.names()
    made = place.backups / name
    assert (made / "database.dump").read_text().startswith("PGDMP of --format=custom")
    assert (made / "matrix" / "homeserver.signing.key").read_text() == "ed25519 a_x KEY\n"
    assert made.stat().st_mode & 0o777 == 0o700
    assert (made / "database.dump").stat().st_mode & 0o777 == 0o600


def test_the_oldest_go_and_strangers_stay(place: Place) -> None:
    for day in range(1, 5):
        (place.backups / f"2026-01-0{day}T031000Z").mkdir()
    (place.backups / "my own notes").mkdir()
    assert place.run(keep=3).returncode == 0
    names = place.names()
    assert names[:2] == ["2026-01-03T031000Z", "2026-01-04T031000Z"]
    assert len(names) == 4
    assert names[-1] == "my own notes"


@pytest.mark.parametrize("broken", ["pg_dump", "pg_restore"])
def test_a_failure_is_loud_and_takes_no_earlier_backup(place: Place, broken: str) -> None:
    (place.backups / "2026-01-01T031000Z").mkdir()
    (place.backups / ".partial-2026-01-02T031000Z").mkdir()
    place.tool(broken, FAILS)
    done = place.run(keep=1)
    assert done.returncode == 1
    assert "failed" in done.stderr
    assert place.names() == ["2026-01-01T031000Z"]
