"""The outside of the screens, for real: saved setups, servers over SSH, checks, exports.

Everything heavy is imported when it is first needed, in a thread, so that the screen stays alive.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from assistant.errors import AssistantError
from assistant.text import Message, msg
from screens.services import Phase, Reached, ReachStep, SavedSetup, Talk

if TYPE_CHECKING:
    from assistant.canary import CanaryEvent, CanaryResult
    from assistant.devices import DeviceFile
    from assistant.dnsapi import Outcome
    from assistant.draft import Draft
    from assistant.findings import Finding
    from assistant.plan import Record
    from assistant.remote import Credentials, HostKey, Session, Wanted
    from assistant.run import Connections, HostPreview, HostResult, Progress
    from assistant.setup import Host, Settings, Setup
    from assistant.store import SetupHandle

SETTINGS_VARIABLE = "MATRIX_ASSISTANT_SETTINGS"
"""The environment variable with a TOML file whose table [settings] new setups begin with."""


class Registrar(Protocol):
    """Whoever can change the made-up DNS of a practice."""

    async def __call__(self, records: tuple[Record, ...]) -> None:
        """Make these records exist, or not, as each of them says."""


class RealServices:
    """The outside (see screens.services). ``folder`` is where everything is kept (None: the usual

    place). ``registrar`` is given for a practice only. ``settings`` are those of new setups (None:
    from the file that MATRIX_ASSISTANT_SETTINGS names).
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        settings: Settings | None = None,
        registrar: Registrar | None = None,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._registrar = registrar
        self._asker = _Asker()
        self._credentials: Credentials | None = None
        self._open: dict[str, _Open] = {}
        self._canaries: dict[str, CanaryResult] = {}

    # -- practice --------------------------------------------------------------

    @property
    def practice(self) -> bool:
        """Whether names, servers and money are made up."""
        return self._registrar is not None

    def practice_problem(self) -> Message | None:
        """Why this computer cannot practise; None when it can, or can be made to."""
        from assistant.rehearsal.requirements import missing_requirements

        hopeless = [one for one in missing_requirements() if one.package is None]
        if not hopeless:
            return None
        if hopeless[0].name == "root":
            return msg("To practise, start the program as root: sudo matrix-assistant.")
        return msg("{why}", why=hopeless[0].sentence)

    async def add_records(self, name: str) -> None:
        """Practice only: add the records that a plan asks for, as a registrar's web page would."""
        if self._registrar is None:
            raise AssistantError(
                "not-practice",
                msg("Only you can change your DNS records, at the company where you manage them."),
            )
        await _loaded("assistant.plan.compile")
        from assistant.plan.compile import compile_plan

        setup = await asyncio.to_thread(self.load_setup, name)
        await self._registrar(tuple(r for r in compile_plan(setup).records if r.where == "public"))

    async def set_records(self, name: str, talk: Talk) -> tuple[Outcome, ...]:
        """Make the public records as they must be, through the interface of the DNS company."""
        await _loaded("assistant.plan.compile", "assistant.dnsapi")
        from assistant.dnsapi import set_records
        from assistant.plan.compile import compile_plan

        setup = await asyncio.to_thread(self.load_setup, name)
        provider = setup.settings.provider
        if provider is None:
            raise AssistantError(
                "no-provider",
                msg("The company that looks after your DNS is not known. Add the records by hand."),
            )
        token = await talk.provided("records-token", provider.name)
        if token is None:
            return ()
        return await set_records(compile_plan(setup).records, provider, token)

    # -- what is kept ----------------------------------------------------------

    def anything_saved(self) -> bool:
        """Whether there is a draft or a setup; looks at names only."""
        folder = self._home()
        try:
            return (folder / "draft.json").exists() or any((folder / "setups").glob("*.toml"))
        except OSError:
            return True

    def load_draft(self) -> Draft | None:
        """The unfinished work of last time."""
        from assistant.draft import load_draft

        return load_draft(self._folder)

    def save_draft(self, draft: Draft) -> None:
        """Keep the unfinished work."""
        from assistant.draft import save_draft

        save_draft(draft, self._folder)

    def drop_draft(self) -> None:
        """Forget it."""
        from assistant.draft import drop_draft

        drop_draft(self._folder)

    def list_setups(self) -> tuple[SavedSetup, ...]:
        """Every saved setup."""
        from assistant.store import list_setups

        found = list_setups(self._setups())
        return tuple(SavedSetup(one.name, one.setup, one.problem) for one in found)

    def load_setup(self, name: str) -> Setup:
        """One saved setup, as it is now."""
        from assistant.store import read_setup

        if name in self._open:
            return self._open[name].handle.setup
        return read_setup(name, self._setups()).setup

    def save_setup(self, setup: Setup) -> None:
        """Save a setup, new or known. A new one begins with the settings of this computer."""
        from assistant.store import create_setup, open_setup, setup_path

        if setup.name in self._open:
            self._open[setup.name].handle.save(setup)
        elif setup_path(setup.name, self._setups()).exists():
            with open_setup(setup.name, self._setups()) as handle:
                handle.save(setup)
        else:
            with create_setup(self._with_settings(setup), folder=self._setups()):
                pass

    # -- servers ---------------------------------------------------------------

    async def reach(self, host: Host, talk: Talk, report: Callable[[ReachStep], None]) -> Reached:
        """Try a server, step by step (see screens.reaching)."""
        await _loaded("assistant.remote.connection", "assistant.onhost.main")
        from screens.reaching import reach

        return await reach(host, self._talking(talk), talk.confirm_key, report)

    async def check(
        self,
        name: str,
        talk: Talk,
        *,
        phase: Phase,
        only: Collection[str] | None,
        report: Callable[[Finding], None],
    ) -> tuple[Finding, ...]:
        """Measure and conclude; the findings are saved in the setup."""
        await _loaded("checks")
        from assistant import run
        from checks import run_checks

        async with self._operation(name, talk) as operation:
            setup, findings = await run.check(
                operation.connections, run_checks, phase=phase, only=only, report=report
            )
            await operation.save(setup)
        return findings

    async def preview(
        self, name: str, talk: Talk, resolve: Mapping[str, Mapping[str, str]]
    ) -> tuple[HostPreview, ...]:
        """What an apply would change."""
        from assistant import run

        async with self._operation(name, talk) as operation:
            return await run.preview(operation.connections, resolve=resolve)

    async def apply(
        self,
        name: str,
        talk: Talk,
        resolve: Mapping[str, Mapping[str, str]],
        report: Callable[[Progress], None],
    ) -> tuple[HostResult, ...]:
        """Apply; joins a run that is under way already. The outcome is in the setup's history."""
        from assistant import run

        async with self._operation(name, talk) as operation:
            _acknowledged(operation.connections.setup)
            setup, results = await run.apply(
                operation.connections, report=report, resolve=resolve, secrets_from=talk
            )
            await operation.save(setup)
        return results

    async def stop(self, name: str, host: str, run: str) -> None:
        """Ask a run to end after the resource it works on."""
        async with self._reading(name) as connections:
            from assistant.run import stop

            await stop(connections, host, run)

    async def undo(
        self, name: str, talk: Talk, report: Callable[[Progress], None], only: str = ""
    ) -> tuple[HostResult, ...]:
        """Take back what was applied, everywhere or on the host ``only``."""
        from assistant import run

        async with self._operation(name, talk) as operation:
            setup, results = await run.undo(operation.connections, report=report, only=only)
            await operation.save(setup)
        return results

    async def canary(
        self, name: str, talk: Talk, report: Callable[[CanaryEvent], None]
    ) -> CanaryResult:
        """The encrypted test conversation; its outcome is in the setup's history."""
        await _loaded("assistant.canary")
        from assistant import run

        async with self._operation(name, talk) as operation:
            result = await run.canary(operation.connections, report)
            detail = f"{result.delivered}/{result.sent}"
            await operation.save(run.with_canary(operation.setup, result.ok, detail))
        self._canaries[name] = result
        return result

    # -- people ----------------------------------------------------------------

    async def admin_password(self, name: str, talk: Talk, host: str = "") -> tuple[str, str]:
        """User id and password of the first administrator."""
        async with self._homeserver(name, talk, host) as (session, admin):
            answer = await session.ask(
                {"mode": "accounts", "action": "reveal", "name": "admin-password"}
            )
        return admin, str(answer.get("value", ""))

    async def invite(
        self, name: str, talk: Talk, localpart: str, host: str = ""
    ) -> tuple[str, str]:
        """Make a lasting account; its user id and first password."""
        async with self._homeserver(name, talk, host) as (session, _):
            answer = await session.ask(
                {"mode": "accounts", "action": "invite", "localpart": localpart}
            )
        return str(answer.get("user_id", "")), str(answer.get("password", ""))

    # -- summary ---------------------------------------------------------------

    def export(self, name: str, audience: Literal["operator", "people"], language: str) -> str:
        """The summary as Markdown."""
        from assistant.export import summary_markdown
        from assistant.plan.compile import compile_plan

        setup = self.load_setup(name)
        return summary_markdown(
            setup,
            plan=compile_plan(setup),
            findings=setup.current_findings,
            canary=self._canaries.get(name),
            audience=audience,
            language=language,
        )

    def device_files(self, name: str) -> tuple[DeviceFile, ...]:
        """What devices and routers are given in option 3."""
        from assistant.devices import device_files
        from assistant.plan.compile import compile_plan

        setup = self.load_setup(name)
        return device_files(setup, compile_plan(setup).records)

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
            where.write_text(text, "utf-8")
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
        from assistant.look import kept_theme

        return kept_theme(self._home())

    def keep_theme(self, name: str) -> None:
        """Start with these colours next time."""
        from assistant.look import keep_theme

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
        from assistant.drafting import DECIDED
        from assistant.setup import Settings

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

    def _talking(self, talk: Talk) -> Credentials:
        """The person, asked once for each thing while the program runs; in memory only."""
        from assistant.remote import Remembering

        self._asker.talk = talk
        if self._credentials is None:
            self._credentials = Remembering(self._asker)
        return self._credentials

    @asynccontextmanager
    async def _operation(self, name: str, talk: Talk) -> AsyncIterator[Operation]:
        """A setup, open and locked, with connections to its servers, whose keys are confirmed."""
        await _loaded("assistant.run", "assistant.store", "assistant.remote.connection")
        from assistant import run

        credentials = self._talking(talk)
        async with self._opened(name) as handle:
            setup = await run.trust(handle.setup, talk.confirm_key, credentials)
            operation = Operation(handle, run.Connections(setup, credentials))
            await operation.save(setup)
            async with operation.connections as connections:
                await operation.save(await run.learn(connections))
                yield operation

    @asynccontextmanager
    async def _opened(self, name: str) -> AsyncIterator[SetupHandle]:
        """The setup, locked against other programs; this one may work on it twice at a time."""
        from assistant.store import open_setup

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

    @asynccontextmanager
    async def _reading(self, name: str, talk: Talk | None = None) -> AsyncIterator[Connections]:
        """Connections that change nothing in the setup, beside whatever runs."""
        await _loaded("assistant.run", "assistant.remote.connection")
        from assistant import run

        setup = await asyncio.to_thread(self.load_setup, name)
        credentials = self._talking(talk or self._asker.talk or _Nobody())
        async with run.Connections(setup, credentials) as connections:
            yield connections

    @asynccontextmanager
    async def _homeserver(
        self, name: str, talk: Talk, host: str
    ) -> AsyncIterator[tuple[Session, str]]:
        """A session to the server that the accounts live on, and its administrator's user id."""
        from assistant.homeserver import homeserver_on, homeservers

        async with self._reading(name, talk) as connections:
            setup = connections.setup
            server = homeserver_on(setup, host) or homeservers(setup)[0]
            admin = f"@{setup.settings.admin}:{server.server_name}"
            yield await connections.session(server.host.name), admin


@dataclass
class _Open:
    """A setup that is open, and how many operations work on it."""

    handle: SetupHandle
    stack: ExitStack
    users: int = 0


@dataclass
class Operation:
    """Work on one setup: the open setup and its connections."""

    handle: SetupHandle
    connections: Connections

    @property
    def setup(self) -> Setup:
        """The setup as it was last saved."""
        return self.handle.setup

    async def save(self, setup: Setup) -> None:
        """Save what work on servers learns; connections use it from now on.

        What the person changed meanwhile (a finding that was set aside) stays.
        """
        self.connections.setup = setup
        now = self.handle.setup
        news = [entry for entry in setup.history if entry not in now.history]
        learned = now.model_copy(
            update={
                "hosts": setup.hosts,
                "findings": setup.findings,
                "history": (*now.history, *news)[-200:],
            }
        )
        if learned != now:
            await asyncio.to_thread(self.handle.save, learned)


class _Nobody:
    """Nobody to ask."""

    async def confirm_key(self, host: Host, is_jump: bool, key: HostKey) -> bool:
        return False

    async def ask(self, wanted: Wanted) -> str | None:
        return None

    async def provided(self, name: str, host: str) -> str | None:
        return None


class _Asker:
    """Asks whoever is there now: what was answered is remembered longer than a page lives."""

    def __init__(self) -> None:
        self.talk: Talk | None = None

    async def ask(self, wanted: Wanted) -> str | None:
        return None if self.talk is None else await self.talk.ask(wanted)


def settings_from(path: str) -> Settings:
    """The settings in a TOML file; the usual ones without a path. :class:`AssistantError`."""
    import tomllib

    from pydantic import ValidationError

    from assistant.explain import first_problem
    from assistant.setup import Settings

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


def _acknowledged(setup: Setup) -> None:
    from assistant.options import acknowledged

    if not acknowledged(setup.option, setup.acknowledged):
        raise AssistantError(
            "acknowledgement",
            msg(
                "This option has risks that you have to accept in your own words first. Go back to"
                " the advice, read them, and type the sentence there."
            ),
        )


async def _loaded(*modules: str) -> None:
    """Import modules in a thread, so that the screen does not stand still meanwhile."""
    await asyncio.to_thread(lambda: [import_module(module) for module in modules])
