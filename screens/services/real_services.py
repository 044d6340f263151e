"""The outside of the screens, for real: servers over SSH, checks, people, summaries.

Everything heavy is imported when it is first needed, in a thread, so that the screen stays alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from assistant.common.errors import AssistantError
from assistant.text import Message, msg
from screens.services.local_storage import KeptServices
from screens.services.protocol import Phase, Reached, ReachStep, Talk

if TYPE_CHECKING:
    from assistant.canary import CanaryEvent, CanaryResult
    from assistant.dns_records.publish import Outcome
    from assistant.export.device_files import DeviceFile
    from assistant.findings.model import Finding
    from assistant.operations.apply import HostPreview
    from assistant.operations.connections import Connections
    from assistant.operations.follow import HostResult, Progress
    from assistant.plan import Record
    from assistant.remote import Credentials, HostKey, RemoteError, Session, Wanted
    from assistant.setup.model import Host, Settings, Setup
    from assistant.setup.store import SetupHandle


class Registrar(Protocol):
    """Whoever can change the made-up DNS of a practice."""

    async def __call__(self, records: tuple[Record, ...]) -> None:
        """Make these records exist, or not, as each of them says."""


class RealServices(KeptServices):
    """The outside (see screens.services.protocol). ``registrar`` is given for a practice only."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        settings: Settings | None = None,
        registrar: Registrar | None = None,
    ) -> None:
        super().__init__(folder, settings)
        self._registrar = registrar
        self._asker = _Asker()
        self._credentials: Credentials | None = None
        self._canaries: dict[str, CanaryResult] = {}

    # -- practice --------------------------------------------------------------

    @property
    def practice(self) -> bool:
        """Whether names, servers and money are made up."""
        return self._registrar is not None

    def practice_problem(self) -> Message | None:
        """Why this computer cannot practise; None when it can, or can be made to."""
        from assistant.rehearsal.build.requirements import missing_requirements

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
        await _loaded("assistant.plan.compile", "assistant.dns_records.publish")
        from assistant.dns_records.publish import set_records
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

    # -- servers ---------------------------------------------------------------

    async def reach(self, host: Host, talk: Talk, report: Callable[[ReachStep], None]) -> Reached:
        """Try a server, step by step (see screens.services.reach_server)."""
        await _loaded("assistant.remote.connection", "assistant.onhost.main")
        from screens.services.reach_server import reach

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
        from assistant.operations import check
        from checks import run_checks

        async with self._operation(name, talk, optional=True) as operation:
            setup, findings = await check.check(
                operation.connections, run_checks, phase=phase, only=only, report=report
            )
            await operation.save(setup)
        return findings

    async def preview(
        self, name: str, talk: Talk, resolve: Mapping[str, Mapping[str, str]]
    ) -> tuple[HostPreview, ...]:
        """What an apply would change."""
        from assistant.operations import apply

        async with self._operation(name, talk) as operation:
            return await apply.preview(operation.connections, resolve=resolve)

    async def apply(
        self,
        name: str,
        talk: Talk,
        resolve: Mapping[str, Mapping[str, str]],
        report: Callable[[Progress], None],
    ) -> tuple[HostResult, ...]:
        """Apply; joins a run that is under way already. The outcome is in the setup's history."""
        from assistant.operations import apply

        async with self._operation(name, talk) as operation:
            _acknowledged(operation.connections.setup)
            setup, results = await apply.apply(
                operation.connections, report=report, resolve=resolve, secrets_from=talk
            )
            await operation.save(setup)
        return results

    async def stop(self, name: str, host: str, run: str) -> None:
        """Ask a run to end after the resource it works on."""
        async with self._reading(name) as connections:
            from assistant.operations.apply import stop

            await stop(connections, host, run)

    async def undo(
        self, name: str, talk: Talk, report: Callable[[Progress], None], only: str = ""
    ) -> tuple[HostResult, ...]:
        """Take back what was applied, everywhere or on the host ``only``."""
        from assistant.operations import apply

        async with self._operation(name, talk) as operation:
            setup, results = await apply.undo(operation.connections, report=report, only=only)
            await operation.save(setup)
        return results

    async def canary(
        self, name: str, talk: Talk, report: Callable[[CanaryEvent], None]
    ) -> CanaryResult:
        """The encrypted test conversation; its outcome is in the setup's history."""
        await _loaded("assistant.canary", "assistant.operations.proof")
        from assistant.operations import proof

        async with self._operation(name, talk) as operation:
            result = await proof.canary(operation.connections, report)
            detail = f"{result.delivered}/{result.sent}"
            await operation.save(proof.with_canary(operation.setup, result.ok, detail))
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
        from assistant.export.device_files import device_files
        from assistant.plan.compile import compile_plan

        setup = self.load_setup(name)
        return device_files(setup, compile_plan(setup).records)

    # -- how -------------------------------------------------------------------

    def _talking(self, talk: Talk) -> Credentials:
        """The person, asked once for each thing while the program runs; in memory only."""
        from assistant.remote import Remembering

        self._asker.talk = talk
        if self._credentials is None:
            self._credentials = Remembering(self._asker)
        return self._credentials

    @asynccontextmanager
    async def _operation(
        self, name: str, talk: Talk, *, optional: bool = False
    ) -> AsyncIterator[Operation]:
        """A setup, open and locked, with connections to its servers, whose keys are confirmed.

        ``optional``: a server that lets nobody in is left out (see :func:`trust.trust`).
        """
        await _loaded(
            "assistant.operations.trust", "assistant.setup.store", "assistant.remote.connection"
        )
        from assistant.operations import trust
        from assistant.operations.connections import Connections

        credentials = self._talking(talk)
        async with self._opened(name) as handle:
            closed: dict[str, RemoteError] = {}
            setup = await trust.trust(
                handle.setup, talk.confirm_key, credentials, closed if optional else None
            )
            operation = Operation(handle, Connections(setup, credentials, closed))
            await operation.save(setup)
            async with operation.connections as connections:
                await operation.save(await trust.learn(connections, optional=optional))
                yield operation

    @asynccontextmanager
    async def _reading(self, name: str, talk: Talk | None = None) -> AsyncIterator[Connections]:
        """Connections that change nothing in the setup, beside whatever runs."""
        await _loaded("assistant.operations.connections", "assistant.remote.connection")
        from assistant.operations.connections import Connections

        setup = await asyncio.to_thread(self.load_setup, name)
        credentials = self._talking(talk or self._asker.talk or _Nobody())
        async with Connections(setup, credentials) as connections:
            yield connections

    @asynccontextmanager
    async def _homeserver(
        self, name: str, talk: Talk, host: str
    ) -> AsyncIterator[tuple[Session, str]]:
        """A session to the server that the accounts live on, and its administrator's user id."""
        from assistant.setup.homeservers import homeserver_on, homeservers

        async with self._reading(name, talk) as connections:
            setup = connections.setup
            server = homeserver_on(setup, host) or homeservers(setup)[0]
            admin = f"@{setup.settings.admin}:{server.server_name}"
            yield await connections.session(server.host.name), admin


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


def _acknowledged(setup: Setup) -> None:
    from assistant.advice.options import acknowledged

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
