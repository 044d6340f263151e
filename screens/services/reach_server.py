"""Trying a server step by step: reach it, trust its key, log in, become root, ask its release."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

from assistant import remote
from assistant.common.errors import AssistantError
from assistant.setup.model import RELEASES
from assistant.text import Message, msg
from screens.services.protocol import Reached, ReachStep

if TYPE_CHECKING:
    from assistant.setup.model import Host, Login

StepName = Literal["reached", "key", "login", "sudo", "release"]
ORDER: tuple[StepName, ...] = ("reached", "key", "login", "sudo", "release")

_STEP_OF: dict[str, StepName] = {
    "name-resolution": "reached",
    "unreachable": "reached",
    "refused": "reached",
    "timeout": "reached",
    "not-ssh": "reached",
    "forwarding": "reached",
    "dropped": "reached",
    "protocol": "reached",
    "host-key-unknown": "key",
    "host-key-changed": "key",
    "host-key-not-confirmed": "key",
    "key-file": "login",
    "passphrase-wrong": "login",
    "auth": "login",
    "no-shell": "login",
    "sudo-wrong": "sudo",
    "sudo-not-allowed": "sudo",
    "sudo-needs-tty": "sudo",
    "no-sudo": "sudo",
    "permission": "sudo",
}
"""Which step a cause is about (see remote.CAUSES); what is not named is about the last one."""

Confirm = Callable[["Host", bool, "remote.HostKey"], Awaitable[bool]]


def step_of(cause: str, passed: StepName | None) -> StepName:
    """The step that a cause makes fail; never one that was ``passed`` already (None: none was).

    A line that drops while the release is asked for does not unlearn that the server was reached.
    """
    wanted = ORDER.index(_STEP_OF.get(cause.removeprefix("jump-"), "release"))
    first = 0 if passed is None else min(ORDER.index(passed) + 1, len(ORDER) - 1)
    return ORDER[max(wanted, first)]


class _Told:
    """Reports steps, and knows how far it got."""

    def __init__(self, report: Callable[[ReachStep], None]) -> None:
        self._report = report
        self.passed: StepName | None = None

    def running(self, step: StepName, detail: Message | None = None) -> None:
        self._report(ReachStep(step, "running", detail))

    def ok(self, step: StepName, detail: Message | None = None) -> None:
        self.passed = step
        self._report(ReachStep(step, "ok", detail))

    def failed(self, error: AssistantError) -> None:
        # What comes before the failing step went well, though nobody said so one by one.
        failing = step_of(error.cause, self.passed)
        done = 0 if self.passed is None else ORDER.index(self.passed) + 1
        for step in ORDER[done : ORDER.index(failing)]:
            self.ok(step)
        self._report(ReachStep(failing, "failed"))


async def reach(
    host: Host,
    credentials: remote.Credentials,
    confirm: Confirm,
    report: Callable[[ReachStep], None],
) -> Reached:
    """Try a server; the host comes back with its keys and its release.

    Each step is reported; the error of the one that fails is raised and says what to do.
    """
    told = _Told(report)
    try:
        return await _reach(host, credentials, confirm, told)
    except AssistantError as error:
        told.failed(error)
        raise


async def _reach(
    host: Host, credentials: remote.Credentials, confirm: Confirm, told: _Told
) -> Reached:
    told.running("reached")
    if host.jump is not None:
        jump = await _trusted(host, host.jump, None, credentials, confirm, is_jump=True)
        host = host.model_copy(update={"jump": jump})
    key = None
    if not host.login.host_key:
        key = await remote.fetch_host_key(
            host.login, host.jump, name=host.name, credentials=credentials
        )
        told.ok("reached", _where(host.login))
        told.running("key", msg("{fingerprint}", fingerprint=key.fingerprint))
        await _confirmed(host, key, confirm, is_jump=False)
        login = host.login.model_copy(update={"host_key": key.text})
        host = host.model_copy(update={"login": login})
        told.ok("key", msg("{fingerprint}", fingerprint=key.fingerprint))
        told.running("login")
    async with remote.connect(host.name, host.login, host.jump, credentials=credentials) as session:
        if key is None:
            told.ok("reached", _where(host.login))
            told.ok("key")
        told.ok("login", msg("{user}", user=host.login.user))
        told.running("sudo")
        facts = await session.ask({"mode": "facts"})
    if facts.get("root") is False:
        raise AssistantError(
            "no-sudo",
            msg(
                "{user} is not the administrator of {host} and may not become it. Log in as root,"
                " or let your provider add {user} to the group sudo.",
                user=host.login.user,
                host=host.name,
            ),
        )
    told.ok("sudo")
    told.running("release")
    codename = str(facts.get("codename", ""))
    shown = str(facts.get("pretty") or codename or "?")
    if codename not in RELEASES:
        raise AssistantError(
            "release-unsupported",
            msg(
                "{host} runs {release}, which this program does not know. It works on Debian 12"
                " and 13 and on Ubuntu 22.04 and 24.04. Most providers can reinstall the server"
                " with one of them; that deletes everything on it.",
                host=host.name,
                release=shown,
            ),
        )
    told.ok("release", msg("{release}", release=shown))
    return Reached(host.model_copy(update={"release": codename}))


async def _trusted(
    host: Host,
    login: Login,
    jump: Login | None,
    credentials: remote.Credentials,
    confirm: Confirm,
    *,
    is_jump: bool,
) -> Login:
    """The login with a confirmed key; one that has a key stays as it is."""
    if login.host_key:
        return login
    key = await remote.fetch_host_key(login, jump, name=host.name, credentials=credentials)
    await _confirmed(host, key, confirm, is_jump=is_jump)
    return login.model_copy(update={"host_key": key.text})


async def _confirmed(host: Host, key: remote.HostKey, confirm: Confirm, *, is_jump: bool) -> None:
    if not await confirm(host, is_jump, key):
        raise AssistantError(
            "host-key-not-confirmed",
            msg(
                "The key of {host} was not confirmed, so nothing was sent to it. Compare the"
                " fingerprint with the one your provider shows, and try again.",
                host=host.name,
            ),
        )


def _where(login: Login) -> Message:
    return msg("{address}, port {port}", address=login.address, port=login.port)
