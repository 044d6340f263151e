"""What the screens keep on this computer, for real: drafts, setups, colours, exported files.

Everything heavy is imported when it is first needed.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.common.atomic import write_private
from assistant.common.errors import AssistantError
from assistant.text import msg
from screens.services.protocol import SavedSetup

if TYPE_CHECKING:
    from assistant.setup.model import Settings, Setup
    from assistant.setup.store import SetupHandle
    from assistant.wizard.draft import Draft

SETTINGS_VARIABLE = "MATRIX_ASSISTANT_SETTINGS"
"""The environment variable with a TOML file whose table [settings] new setups begin with."""


class KeptServices:
    """The part of the outside that is on this computer (see screens.services.protocol).

    ``folder`` is where everything is kept (None: the usual place), ``settings`` are those of new
    setups (None: from the file that MATRIX_ASSISTANT_SETTINGS names).
    """

    def __init__(self, folder: Path | None, settings: Settings | None) -> None:
        self._folder = folder
        self._settings = settings
        self._open: dict[str, _Open] = {}

    def anything_saved(self) -> bool:
        """Whether there is a draft or a setup; looks at names only."""
        folder = self._home()
        try:
            return (folder / "draft.json").exists() or any((folder / "setups").glob("*.toml"))
        except OSError:
            return True

    def load_draft(self) -> Draft | None:
        """The unfinished work of last time."""
        from assistant.wizard.draft import load_draft

        return load_draft(self._folder)

    def save_draft(self, draft: Draft) -> None:
        """Keep the unfinished work."""
        from assistant.wizard.draft import save_draft

        save_draft(draft, self._folder)

    def drop_draft(self) -> None:
        """Forget it."""
        from assistant.wizard.draft import drop_draft

        drop_draft(self._folder)

    def list_setups(self) -> tuple[SavedSetup, ...]:
        """Every saved setup."""
        from assistant.setup.store import list_setups

        found = list_setups(self._setups())
        return tuple(SavedSetup(one.name, one.setup, one.problem) for one in found)

    def load_setup(self, name: str) -> Setup:
        """One saved setup, as it is now."""
        from assistant.setup.store import read_setup

        if name in self._open:
            return self._open[name].handle.setup
        return read_setup(name, self._setups()).setup

    def save_setup(self, setup: Setup) -> None:
        """Save a setup, new or known. A new one begins with the settings of this computer."""
        from assistant.setup.store import create_setup, open_setup, setup_path

        if setup.name in self._open:
            self._open[setup.name].handle.save(setup)
        elif setup_path(setup.name, self._setups()).exists():
            with open_setup(setup.name, self._setups()) as handle:
                handle.save(setup)
        else:
            with create_setup(self._with_settings(setup), folder=self._setups()):
                pass

    def write_file(self, path: str, text: str) -> str:
        """Write an export. What is there already is never overwritten: the name gets a number."""
        try:
            wanted = Path(path.strip()).expanduser()
            if not path.strip() or wanted.is_dir():
                raise IsADirectoryError(None, "it is a folder")
            where = wanted
            number = 2
            while where.exists() and where.read_bytes() != text.encode("utf-8"):
                where = wanted.with_stem(f"{wanted.stem}-{number}")
                number += 1
            where.parent.mkdir(parents=True, exist_ok=True)
            write_private(where, text)
            return str(where.resolve())
        except (OSError, RuntimeError, ValueError) as error:
            raise AssistantError(
                "output-file",
                msg(
                    "It could not be written to {path} ({why}). Choose another place, such as"
                    " a file in your home folder.",
                    path=path,
                    why=getattr(error, "strerror", None) or type(error).__name__,
                ),
            ) from None

    def kept_theme(self) -> str:
        """The colours of last time; empty when none were chosen."""
        from assistant.wizard.theme import kept_theme

        return kept_theme(self._home())

    def keep_theme(self, name: str) -> None:
        """Start with these colours next time."""
        from assistant.wizard.theme import keep_theme

        keep_theme(self._home(), name)

    # -- how -------------------------------------------------------------------

    def _home(self) -> Path:
        if self._folder is not None:
            return self._folder
        import platformdirs

        return platformdirs.user_data_path("matrix-assistant")

    def _setups(self) -> Path | None:
        return None if self._folder is None else self._folder / "setups"

    def _with_settings(self, setup: Setup) -> Setup:
        from assistant.setup.model import Settings
        from assistant.wizard.draft_to_setup import DECIDED

        usual, given = Settings(), setup.settings
        entered = {
            name: getattr(given, name)
            for name in Settings.model_fields
            if getattr(given, name) != getattr(usual, name)
        }
        if not DECIDED.issuperset(entered):
            return setup  # Whoever made it has thought about settings, and not on a page.
        begun = self._settings or settings_from(os.environ.get(SETTINGS_VARIABLE, ""))
        return setup.model_copy(update={"settings": begun.model_copy(update=entered)})

    @asynccontextmanager
    async def _opened(self, name: str) -> AsyncIterator[SetupHandle]:
        """The setup, locked against other programs; this one may work on it twice at a time."""
        from assistant.setup.store import open_setup

        kept = self._open.get(name)
        if kept is None:
            stack = ExitStack()
            handle = stack.enter_context(open_setup(name, self._setups()))
            kept = self._open[name] = _Open(handle, stack)
        kept.users += 1
        try:
            yield kept.handle
        finally:
            kept.users -= 1
            if not kept.users:
                del self._open[name]
                kept.stack.close()


@dataclass
class _Open:
    """A setup that is open, and how many operations work on it."""

    handle: SetupHandle
    stack: ExitStack
    users: int = 0


def settings_from(path: str) -> Settings:
    """The settings in a TOML file; the usual ones without a path. :class:`AssistantError`."""
    import tomllib

    from pydantic import ValidationError

    from assistant.common.validation_messages import first_problem
    from assistant.setup.model import Settings

    if not path:
        return Settings()
    try:
        found = tomllib.loads(Path(path).read_text("utf-8")).get("settings", {})
        return Settings.model_validate(found)
    except ValidationError as error:
        message = first_problem(error, Settings, Path(path).name)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or msg("it is not TOML")
        message = msg("The settings file {path} cannot be read: {why}.", path=path, why=why)
    raise AssistantError("settings-file", message)
