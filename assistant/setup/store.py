"""Keep Setups on this computer: one readable file each, never half written, never lost.

Beside ``NAME.toml`` stand ``NAME.history.json`` (findings and history), a ``.bak`` of each (the
last good state), and a ``.lock`` for the program that has the setup open. A file that turns out
damaged is kept as ``….damaged-TIME`` and the backup takes its place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from assistant.common.atomic import sweep, write_atomically
from assistant.common.errors import StoreError
from assistant.setup.file_format import (
    DamagedError,
    NewerError,
    Parsed,
    Record,
    dump_record,
    dump_setup,
    parse_record,
    parse_setup,
)
from assistant.setup.model import Setup
from assistant.text import Message, msg

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A setup as it was found. ``notices``: what the person should know about its files."""

    setup: Setup
    path: Path
    notices: tuple[Message, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One saved setup in a list; an unreadable one has a ``problem`` and no ``setup``."""

    name: str
    path: Path
    setup: Setup | None = None
    problem: Message | None = None


class SetupHandle:
    """A setup that this program has open, and nobody else. Made by :func:`open_setup`."""

    def __init__(self, loaded: Loaded) -> None:
        self._setup = loaded.setup
        self._open = True
        self.path = loaded.path
        self.notices = loaded.notices

    @property
    def setup(self) -> Setup:
        """The last state that was loaded or saved."""
        return self._setup

    def save(self, setup: Setup) -> None:
        """Save a new state. When that fails (:class:`StoreError`) the last saved state stands."""
        if not self._open:
            raise StoreError("closed", msg("This setup was closed already; open it again."))
        _save(self.path, setup)
        self._setup = setup

    def close(self) -> None:
        """No more saving; the lock is released by the context manager that made the handle."""
        self._open = False


def setups_folder() -> Path:
    """Where setups are kept unless a path is given."""
    return platformdirs.user_data_path("matrix-assistant") / "setups"


def setup_path(where: str | Path, folder: Path | None = None) -> Path:
    """The file of a setup: a name means one in ``folder`` (the usual one), else it is a path."""
    if isinstance(where, str) and _NAME.match(where):
        return (folder or setups_folder()) / f"{where}.toml"
    # a link is followed, or saving would replace the link instead of the file
    return Path(os.path.realpath(Path(where).expanduser()))


def list_setups(folder: Path | None = None) -> tuple[Listed, ...]:
    """All setups in the folder by name; one that cannot be read is listed with its problem."""
    folder = folder or setups_folder()
    try:
        paths = sorted(folder.glob("*.toml"))
    except OSError as error:
        raise _cannot("read", folder, error) from None
    found = []
    for path in paths:
        try:
            setup = read_setup(path).setup
        except StoreError as error:
            found.append(Listed(name=path.stem, path=path, problem=error.message))
        else:
            found.append(Listed(name=path.stem, path=path, setup=setup))
    return tuple(found)


def read_setup(where: str | Path, folder: Path | None = None) -> Loaded:
    """Read a setup without opening it for changes; touches no file, needs no lock.

    Raises :class:`StoreError` when there is none, it is from a newer program, or neither the file
    nor its backup can be used.
    """
    path = setup_path(where, folder)
    loaded, _ = _load(path)
    return loaded


@contextlib.contextmanager
def open_setup(where: str | Path, folder: Path | None = None) -> Iterator[SetupHandle]:
    """Open a saved setup for changes. Raises :class:`StoreError` also when it is open elsewhere."""
    path = setup_path(where, folder)
    if not path.parent.is_dir():
        raise _nothing(path)
    with _locked(path):
        loaded, repairs = _load(path)
        if repairs:
            loaded = _repair(loaded, repairs)
        for file in (path, _backup(path), record_path(path), _backup(record_path(path))):
            sweep(file)
        handle = SetupHandle(loaded)
        try:
            yield handle
        finally:
            handle.close()


@contextlib.contextmanager
def create_setup(
    setup: Setup, path: Path | None = None, folder: Path | None = None
) -> Iterator[SetupHandle]:
    """Save a new setup and open it. :class:`StoreError` when there is one of that name already."""
    path = setup_path(path if path is not None else setup.name, folder)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot("write", path.parent, error) from None
    with _locked(path):
        if path.exists() or _backup(path).exists():
            raise StoreError(
                "exists",
                msg(
                    "There is a setup in {path} already. Open it, or choose another name.",
                    path=path,
                ),
            )
        _save(path, setup)
        handle = SetupHandle(Loaded(setup=setup, path=path))
        try:
            yield handle
        finally:
            handle.close()


def record_path(path: Path) -> Path:
    """Where findings and history of the setup in ``path`` are kept."""
    stem = path.stem if path.suffix == ".toml" else path.name
    return path.with_name(f"{stem}.history.json")


def _backup(path: Path) -> Path:
    return path.with_name(path.name + ".bak")


def _load(path: Path) -> tuple[Loaded, tuple[Path, ...]]:
    """The best state the files give, and the files that must be replaced by it."""
    parsed, notices, repairs = _load_main(path)
    record, more, broken = _load_record(record_path(path))
    setup = parsed.setup.model_copy(update={"findings": record.findings, "history": record.history})
    loaded = Loaded(setup=setup, path=path, notices=(*notices, *more))
    return loaded, (*repairs, *broken)


def _load_main(path: Path) -> tuple[Parsed, tuple[Message, ...], tuple[Path, ...]]:
    try:
        parsed = _parse(path)
    except FileNotFoundError:
        reason = msg("{file} is gone.", file=path.name)
    except DamagedError as error:
        reason = error.message
    else:
        if not parsed.edited:
            return parsed, (), ()
        notice = msg(
            "{file} was changed outside this program since it was last saved. What it says now "
            "is used; have a look whether that is what you want.",
            file=path.name,
        )
        return parsed, (notice,), ()
    try:
        parsed = _parse(_backup(path))
    except FileNotFoundError:
        if not path.exists():
            raise _nothing(path) from None
        raise StoreError("damaged", _no_way_back(path, reason)) from None
    except DamagedError:
        raise StoreError("damaged", _no_way_back(path, reason)) from None
    notice = msg("The backup of the last saved state is used instead; nothing else was lost.")
    return parsed, (reason, notice), (path,)


def _load_record(path: Path) -> tuple[Record, tuple[Message, ...], tuple[Path, ...]]:
    """Findings and history; a damaged record costs at most those, never the setup."""
    found_any = False
    for candidate in (path, _backup(path)):
        try:
            record = parse_record(_read(candidate), candidate.name)
        except FileNotFoundError:
            continue
        except DamagedError:
            found_any = True
            continue
        if candidate == path:
            return record, (), ()
        notice = msg(
            "{file} is damaged. Its backup is used: the last lines of the history may be missing.",
            file=path.name,
        )
        return record, (notice,), (path,)
    if not found_any:
        return Record(), (), ()
    notice = msg(
        "{file} is damaged and so is its backup: the history is gone and the checks must run "
        "again. The setup itself is complete.",
        file=path.name,
    )
    return Record(), (notice,), (path,)


def _parse(path: Path) -> Parsed:
    try:
        return parse_setup(_read(path), path.name)
    except NewerError as error:
        raise StoreError(
            "newer",
            msg(
                "{path} was saved by a newer matrix-assistant (format {version}). Update the "
                "program on this computer. Nothing was changed.",
                path=path,
                version=error.version,
            ),
        ) from None


def _read(path: Path) -> str:
    """The text of a file. ``FileNotFoundError``, :class:`DamagedError`, or :class:`StoreError`."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise
    except UnicodeDecodeError:
        raise DamagedError(msg("{file} is damaged: it is not text.", file=path.name)) from None
    except (OSError, ValueError) as error:
        raise _cannot("read", path, error) from None


def _save(path: Path, setup: Setup) -> None:
    """Write record, setup and backups, each by itself never half written.

    The record goes first: one that is too new for its setup is harmless (its findings do not
    match), a setup without the history of what was done to it is not.
    """
    main, record = dump_setup(setup), dump_record(setup)
    target = record_path(path)
    _check_readable(setup, main, record)
    for file, text in ((target, record), (path, main)):
        try:
            write_atomically(file, text)
        except OSError as error:
            raise _cannot("write", path, error) from None
    for file, text in ((_backup(target), record), (_backup(path), main)):
        # the setup is safe by now; an older backup is better than a failed save
        with contextlib.suppress(OSError):
            write_atomically(file, text)


def _check_readable(setup: Setup, main: str, record: str) -> None:
    """Refuse to replace a good file by one that would not give the same setup back."""
    try:
        again = parse_setup(main, "setup").setup
        beside = parse_record(record, "record")
        known = {"findings": beside.findings, "history": beside.history}
        same = again.model_copy(update=known) == setup
    except (DamagedError, NewerError):
        same = False
    if not same:
        raise StoreError(
            "unsavable",
            msg(
                "This state cannot be saved, which is a fault of the program. The last saved "
                "state is still there. Please report it."
            ),
        )


def _repair(loaded: Loaded, broken: tuple[Path, ...]) -> Loaded:
    """Keep damaged files aside and write the state that is used in their place."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    notices = list(loaded.notices)
    try:
        for path in broken:
            if not path.exists():
                continue
            aside = path.with_name(f"{path.name}.damaged-{stamp}-{secrets.token_hex(2)}")
            path.rename(aside)
            notices.append(
                msg("The damaged file is kept as {file}.", file=aside.name),
            )
        _save(loaded.path, loaded.setup)
    except OSError as error:
        raise _cannot("write", loaded.path, error) from None
    return Loaded(setup=loaded.setup, path=loaded.path, notices=tuple(notices))


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only one program at a time; the lock goes with the program, also when it is killed."""
    lock = FileLock(path.with_name(path.name + ".lock"), timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise StoreError(
            "open-elsewhere",
            msg(
                "Another matrix-assistant has this setup open ({path}). Close it there first.",
                path=path,
            ),
        ) from None
    except (OSError, NotImplementedError) as error:
        raise _cannot("write", path, error) from None
    try:
        yield
    finally:
        lock.release()


def _no_way_back(path: Path, reason: Message) -> Message:
    return msg(
        "{reason} There is no usable backup either. Nothing was changed. If you have a copy of the "
        "file elsewhere, put it to {path}.",
        reason=reason,
        path=path,
    )


def _nothing(path: Path) -> StoreError:
    return StoreError(
        "none", msg("There is no setup in {path}. Check the name, or start a new one.", path=path)
    )


def _cannot(what: str, path: Path, error: Exception) -> StoreError:
    number = getattr(error, "errno", None)
    if what == "write" and number in _FULL:
        return StoreError(
            "disk-full",
            msg(
                "The disk is full: {path} could not be saved. The last saved state is still there. "
                "Make some room and try again.",
                path=path,
            ),
        )
    reason = getattr(error, "strerror", None) or "this is not possible here"
    if what == "write":
        return StoreError(
            "unwritable",
            msg(
                "{path} could not be saved ({reason}). The last saved state is still there.",
                path=path,
                reason=reason,
            ),
        )
    return StoreError(
        "unreadable", msg("{path} could not be read ({reason}).", path=path, reason=reason)
    )
