"""Back up a PostgreSQL database and a folder of settings into a new folder; keep the last few.

Written by matrix-assistant; it stands alone (Python 3.10, standard library). Each backup is a
folder named by its time (UTC) with ``database.dump`` (restore: ``pg_restore``) and the copied
settings. A backup becomes visible only when it is complete and on the disk. Media is not in it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PARTIAL = ".partial-"


def main(argv: Sequence[str] | None = None) -> int:
    """Make one backup; 0 when it is complete, 1 when not (earlier ones then stay)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True)
    parser.add_argument("--user", required=True, help="account that owns the database")
    parser.add_argument("--copy", required=True, type=Path, help="folder of settings and keys")
    parser.add_argument("--to", required=True, type=Path, help="folder that holds the backups")
    parser.add_argument("--keep", required=True, type=int, help="how many backups stay")
    args = parser.parse_args(argv)
    os.umask(0o077)
    for leftover in args.to.glob(PARTIAL + "*"):
        shutil.rmtree(leftover)
    name = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
    partial = args.to / (PARTIAL + name)
    try:
        partial.mkdir()
        dump(args.database, args.user, partial / "database.dump")
        shutil.copytree(args.copy, partial / args.copy.name, symlinks=True)
        flush(partial)
        partial.rename(args.to / name)
        flush_folder(args.to)
    except (OSError, subprocess.SubprocessError, shutil.Error) as error:
        shutil.rmtree(partial, ignore_errors=True)
        sys.stderr.write(f"The backup failed, earlier ones are kept: {error}\n")
        return 1
    rotate(args.to, args.keep)
    sys.stdout.write(f"Backup {name} is complete.\n")
    return 0


def dump(database: str, user: str, path: Path) -> None:
    """Write the database in pg_dump's own format, then read its table of contents back."""
    command = ["pg_dump", "--format=custom", "--no-password", f"--dbname={database}"]
    with path.open("xb") as out:
        if os.geteuid() == 0:
            # The account that owns the database can read it; root opens the file it writes to.
            subprocess.run(
                command, stdout=out, check=True, cwd="/", user=user, group=user, extra_groups=[]
            )
        else:
            subprocess.run(command, stdout=out, check=True, cwd="/")
    subprocess.run(
        ["pg_restore", "--list", str(path)], stdout=subprocess.DEVNULL, check=True, cwd="/"
    )


def flush(folder: Path) -> None:
    """Bring a folder and all in it onto the disk."""
    for root, _, files in os.walk(folder):
        for file in files:
            path = Path(root, file)
            if not path.is_symlink():
                flush_folder(path)
        flush_folder(Path(root))


def flush_folder(path: Path) -> None:
    """Bring one file or folder entry onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def rotate(folder: Path, keep: int) -> None:
    """Remove all but the newest backups; their names sort by time."""
    done = sorted(path for path in folder.iterdir() if path.name[:1].isdigit())
    for path in done[: max(len(done) - keep, 0)]:
        shutil.rmtree(path)


if __name__ == "__main__":
    sys.exit(main())
