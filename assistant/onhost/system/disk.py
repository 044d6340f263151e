"""Files that survive a power cut: whole replacement, appended lines, and what went wrong."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Iterator, Mapping
from typing import Any

from assistant.onhost.contract import HostError
from assistant.onhost.said import plain, said

_SUFFIX = ".matrix-assistant-new"


def host_error(error: OSError, path: str) -> HostError:
    """The HostError for an OSError at a path of the host."""
    where = str(error.filename or path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        mount, free = room(where)
        text = said(
            "The disk is full: {free} MB are free on {mount}, needed for {path}. Free some space "
            "or enlarge the disk, then apply again.",
            free=free,
            mount=mount,
            path=path,
        )
        return HostError("disk-full", text)
    if error.errno == errno.EROFS:
        text = said(
            "{path} is on a file system that is mounted read-only. A restart of the server may "
            "mend that; if not, ask your provider about its disk. Then apply again.",
            path=path,
        )
        return HostError("read-only", text)
    if error.errno in (errno.EACCES, errno.EPERM):
        return HostError(
            "permission", said("The host does not permit a change of {path}.", path=path)
        )
    return HostError("command", plain(f"{path}: {error.strerror or error}."))


def room(path: str) -> tuple[str, int]:
    """The mount point a path is on and its free megabytes (for ordinary users: reserve apart)."""
    place = os.path.abspath(path)
    while not os.path.lexists(place) and place != "/":
        place = os.path.dirname(place)
    try:
        info = os.statvfs(place)
        free = info.f_bavail * info.f_frsize // 2**20
    except OSError:
        free = 0
    place = os.path.realpath(place)
    while place != "/" and not os.path.ismount(place):
        place = os.path.dirname(place)
    return place, free


def sync_folder(folder: str) -> None:
    """Make renames in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_parents(path: str) -> list[str]:
    """Make the missing parents of a path, mode 0755; returns those made, outermost first."""
    missing = []
    folder = os.path.dirname(path)
    while folder != "/" and not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for folder in reversed(missing):
        os.mkdir(folder, 0o755)
        # The umask of the login must not decide whether services can pass.
        os.chmod(folder, 0o755)  # noqa: S103 - as public as every folder between / and a service
        sync_folder(os.path.dirname(folder))
    return list(reversed(missing))


def write_whole(path: str, data: bytes, *, uid: int, gid: int, mode: int) -> None:
    """Replace a file: temporary file, owner, mode, fsync, rename, fsync of the folder.

    The temporary file has a fixed name, so one left by a power cut is replaced by the next try.
    A mount point (a hosts file in a container) cannot be renamed over and is rewritten in place.
    """
    folder, name = os.path.split(path)
    temporary = f".{name[:200]}{_SUFFIX}"
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=at)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        fd = os.open(temporary, flags, 0o600, dir_fd=at)
        try:
            try:
                write_all(fd, data)
                os.fchown(fd, uid, gid)
                os.fchmod(fd, mode)
                os.fsync(fd)
            finally:
                os.close(fd)
            try:
                os.replace(temporary, name, src_dir_fd=at, dst_dir_fd=at)
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                _rewrite(path, data)
                os.unlink(temporary, dir_fd=at)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=at)
            raise
        os.fsync(at)
    finally:
        os.close(at)


def _rewrite(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
    try:
        write_all(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    """Write all of the data, however the kernel splits it."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read_file(path: str) -> bytes | None:
    """The content of a regular file, or None when there is none. Links are not followed."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            return None
        raise
    with os.fdopen(fd, "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(fd).st_mode) else None


def private_folder(path: str) -> None:
    """Make a folder that only root reads, with its parents."""
    make_parents(path)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
        sync_folder(os.path.dirname(path))
    os.chmod(path, 0o700)


class Lines:
    """A file of JSON lines that only grows. A torn line, from a power cut, is skipped.

    ``reserve`` is a file given up when the disk is full, so that the end of a run can still be
    written down.
    """

    def __init__(self, path: str, reserve: str = "") -> None:
        self._path = path
        self._reserve = reserve
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        new = not os.path.lexists(path)
        self._fd = os.open(path, flags, 0o600)
        if new:
            sync_folder(os.path.dirname(path))
        size = os.fstat(self._fd).st_size
        self._torn = size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"

    def append(self, line: bytes, *, durable: bool) -> None:
        """Add one line that ends in a newline; with ``durable`` it is on the disk afterwards."""
        try:
            self._write(line, durable)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._give_up_reserve():
                raise
            self._write(line, durable)

    def _write(self, line: bytes, durable: bool) -> None:
        data = b"\n" + line if self._torn else line
        self._torn = True
        write_all(self._fd, data)
        self._torn = False
        if durable:
            os.fsync(self._fd)

    def _give_up_reserve(self) -> bool:
        try:
            os.unlink(self._reserve)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def read_lines(path: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a file of lines; torn and foreign lines are skipped."""
    try:
        with open(path, "rb") as file:
            for line in file:
                value = parse_line(line)
                if value is not None:
                    yield value
    except FileNotFoundError:
        return


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The JSON object on a whole line, or None."""
    if not line.endswith(b"\n"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return dict(value) if isinstance(value, Mapping) else None
