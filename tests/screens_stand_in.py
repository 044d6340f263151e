"""The outside of the screens, made up: deterministic, in memory, as slow or broken as a test asks.

Every sentence is one of the program's own, so that pages read in Chinese too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from assistant.answers import Answers
from assistant.canary.model import CanaryEvent, CanaryResult, Direction, Line
from assistant.draft import Draft, Step, TypedHost, TypedLogin
from assistant.errors import AssistantError
from assistant.findings import (
    THIS_COMPUTER,
    Confidence,
    Finding,
    Mender,
    Remedy,
    Status,
)
from assistant.remote import HostKey, Wanted
from assistant.run import HostPreview, HostResult, Progress
from assistant.setup import (
    HistoryEntry,
    Host,
    Login,
    Role,
    Setup,
    with_findings,
    with_history,
)
from assistant.text import Message, msg
from screens.app import AssistantApp
from screens.services import Phase, Reached, ReachStep, SavedSetup, Talk

T = TypeVar("T")

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ADDRESS = "203.0.113.9"
NAME = "chat.example.org"
SETUP_NAME = "family"
OUTSIDE = "outside"

ODD = "[red]no[/b] \x1b[31mred\x1b[0m \x1b]0;title\x07\u202e中文 [@click=app.quit]x[/]"
"""Text as a hostile host may send it; what may be seen of it is ``ODD_SHOWN``."""
ODD_SHOWN = "[red]no[/b] red 中文 [@click=app.quit]x[/]"

KEY = HostKey(
    text="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFqR4YkO8xIMDs0Cq1v3qWkGQkS3m6fXoQnT3i1sWc9F",
    algorithm="ssh-ed25519",
    fingerprint="SHA256:uNiVztksCsDhcc0u9e8BgrJXVGLOT2GYjXzbYI8KJ5w",
)
WANTED = Wanted("sudo", ADDRESS, "operator")

ANSWERS = Answers.model_validate(
    {
        "people": "mostly_outside",
        "mainland_server": "no",
        "operator": "nobody_inside",
        "filing": "will_not",
        "consequence": "none",
        "device_records": "no",
        "traffic": "photos",
        "skill": "beginner",
        "outage": "day",
        "phones": ["ios_foreign", "android_no_google"],
        "federation": "own",
    }
)
"""Answers that lead to option 1."""


def error(cause: str = "timeout") -> AssistantError:
    """An error as services raise them."""
    return AssistantError(
        cause,
        msg(
            "The server {host} gave no answer. Check that it is switched on and try again.",
            host=OUTSIDE,
        ),
    )


def host(**more: Any) -> Host:
    """The one server of option 1, reached and known."""
    values: dict[str, Any] = {
        "name": OUTSIDE,
        "role": Role.OUTSIDE,
        "login": Login(address=ADDRESS, key_file="~/.ssh/id_ed25519", host_key=KEY.text),
        "public_ipv4": ADDRESS,
        "release": "trixie",
        **more,
    }
    return Host(**values)


def setup(**more: Any) -> Setup:
    """A Setup of option 1 without findings and history."""
    values: dict[str, Any] = {
        "name": SETUP_NAME,
        "created": NOW,
        "answers": ANSWERS,
        "option": 1,
        "server_name": NAME,
        "hosts": (host(),),
        **more,
    }
    return Setup(**values)


def typed_host(**more: Any) -> TypedHost:
    """The server as typed, reached already."""
    values: dict[str, Any] = {
        "login": TypedLogin(address=ADDRESS, user="root", key_file="~/.ssh/id_ed25519"),
        "public_ipv4": ADDRESS,
        "host_key": KEY.text,
        "release": "trixie",
        "reached": True,
        **more,
    }
    return TypedHost(**values)


def draft(step: Step = Step.QUESTIONS, **more: Any) -> Draft:
    """A draft with everything that is known when a step is entered."""
    values: dict[str, Any] = {"step": step}
    if step is not Step.QUESTIONS:
        values["answers"] = ANSWERS
    if step not in (Step.QUESTIONS, Step.ADVICE):
        values["option"] = 1
    if step in (Step.CHECKS, Step.REVIEW, Step.APPLY, Step.FINISH):
        values |= {
            "server_name": NAME,
            "server_name_confirmed": True,
            "acme_email": "anna@example.org",
            "hosts": {"outside": typed_host()},
            "setup": SETUP_NAME,
        }
    return Draft(**{**values, **more})


def _finding(
    check: str, subject: str, vantage: str, status: Status, cause: str = "", **more: Any
) -> Finding:
    return Finding(
        check=check, subject=subject, vantage=vantage, status=status, cause=cause, **more
    )


FINDINGS: tuple[Finding, ...] = (
    _finding(
        "reachability",
        OUTSIDE,
        THIS_COMPUTER,
        Status.OK,
        summary=msg("{host} answers after {ms} ms.", host=OUTSIDE, ms=182),
        evidence=("tcp 203.0.113.9:22: ok, 182 ms",),
    ),
    _finding(
        "host",
        f"{OUTSIDE} system",
        OUTSIDE,
        Status.OK,
        summary=msg("{host} runs {system}.", host=OUTSIDE, system="Debian 13"),
    ),
    _finding(
        "host",
        f"{OUTSIDE} memory",
        OUTSIDE,
        Status.WARNING,
        "little-memory",
        summary=msg(
            "{host} has only {memory} MB of memory; 1 GB is better.", host=OUTSIDE, memory=960
        ),
        remedy=Remedy(
            who=Mender.PROVIDER,
            text=msg("It will do for a family. If it gets slow, rent the next larger size."),
        ),
    ),
    _finding(
        "dns",
        f"{NAME} A",
        THIS_COMPUTER,
        Status.FAILED,
        "record-missing",
        summary=msg("{name} has no {type} record yet.", name=NAME, type="A"),
        evidence=("ns1.example.org: NXDOMAIN", "ns2.example.org: NXDOMAIN"),
        remedy=Remedy(
            who=Mender.REGISTRAR,
            text=msg(
                "At the company where you manage {name}, add this record:\n{line}",
                name="example.org",
                line=f"{NAME}. 300 IN A {ADDRESS}",
            ),
        ),
    ),
    _finding(
        "dns",
        f"{NAME} AAAA",
        THIS_COMPUTER,
        Status.OK,
        summary=msg("{name} has no {type} record, as it should be.", name=NAME, type="AAAA"),
    ),
    _finding(
        "dns",
        f"{NAME} A",
        OUTSIDE,
        Status.UNKNOWN,
        "silent",
        confidence=Confidence.LOW,
        summary=msg(
            "The resolver of {vantage} gave no answer for {name}.", vantage=OUTSIDE, name=NAME
        ),
        remedy=Remedy(
            who=Mender.NOBODY,
            text=msg("Nothing to do: other resolvers were asked as well."),
        ),
    ),
    _finding(
        "ports-before",
        f"{OUTSIDE} tcp/80 {ADDRESS}",
        THIS_COMPUTER,
        Status.OK,
        summary=msg(
            "Port {port} of {host} can be reached from {vantage}.",
            port=80,
            host=OUTSIDE,
            vantage=THIS_COMPUTER,
        ),
    ),
    _finding(
        "ports-before",
        f"{OUTSIDE} tcp/443 {ADDRESS}",
        THIS_COMPUTER,
        Status.FAILED,
        "provider-firewall",
        confidence=Confidence.HIGH,
        summary=msg(
            "Nothing that {vantage} sends to port {port} of {host} arrives.",
            port=443,
            host=OUTSIDE,
            vantage=THIS_COMPUTER,
        ),
        evidence=("3 of 3 connections timed out", ODD_SHOWN),
        remedy=Remedy(
            who=Mender.PROVIDER,
            text=msg(
                "In your cloud provider's console, allow incoming TCP port {port} in the firewall"
                " or security group of {host}. Also look for a firewall on the server itself.",
                port=443,
                host=OUTSIDE,
            ),
        ),
    ),
    _finding(
        "tls",
        f"{OUTSIDE} {NAME} {ADDRESS}",
        THIS_COMPUTER,
        Status.SKIPPED,
        "earlier",
        summary=msg(
            "Not tried for {subject}: first this must come out well: {earlier}.",
            subject=NAME,
            earlier="ports-before",
        ),
    ),
    _finding(
        "tls",
        f"{OUTSIDE} {NAME} itself",
        OUTSIDE,
        Status.OK,
        summary=msg("The certificate of {name} is valid.", name=NAME),
    ),
)
"""Every status, two vantages, several subjects."""

GOOD_FINDINGS = tuple(
    _finding(f.check, f.subject, f.vantage, Status.OK, summary=f.summary)
    for f in FINDINGS
    if f.status is Status.OK
)
"""Only what is well."""


def with_odd_text(finding: Finding) -> Finding:
    """The finding with a host's hostile text in everything a host has a say in."""
    return finding.model_copy(
        update={
            "subject": ODD,
            "summary": msg("The certificate of {name} is valid.", name=ODD),
            "evidence": (ODD, ODD),
        }
    )


def checked_setup(findings: Sequence[Finding] = FINDINGS, **more: Any) -> Setup:
    """A Setup that was checked an hour after it was made."""
    return with_findings(setup(**more), tuple(findings), NOW.replace(hour=13))


def applied_setup(findings: Sequence[Finding] = GOOD_FINDINGS, **more: Any) -> Setup:
    """A Setup that was checked, applied and proven."""
    made = checked_setup(findings, **more)
    for what, detail in (("applied", "53"), ("canary", "10")):
        entry = HistoryEntry(
            at=NOW.replace(hour=14), what=what, host=OUTSIDE, run=RUN, detail=detail
        )
        made = with_history(made, entry)
    return made


RUN = "20260301-140000-c0ffee"

_CONFIG_DIFF = """\
--- /etc/matrix-synapse/homeserver.yaml
+++ /etc/matrix-synapse/homeserver.yaml
@@ -1,4 +1,4 @@
 server_name: chat.example.org
-max_upload_size: 100M
+max_upload_size: 50M
 enable_registration: false
"""


def _state(action: str, id: str, title: str, summary: str = "", diff: str = "") -> dict[str, Any]:
    return {
        "event": "state",
        "id": id,
        "title": title,
        "action": action,
        "summary": summary,
        "diff": diff,
    }


STATES: tuple[dict[str, Any], ...] = (
    _state("none", "packages:base", "Basic packages"),
    _state("create", "packages:postgresql", "PostgreSQL", "postgresql is not installed"),
    _state("create", "user:matrix-synapse", "Account of Synapse"),
    _state("create", "directory:/etc/matrix-synapse", "Folder for Synapse's settings"),
    _state("create", "virtualenv:/opt/matrix-assistant/synapse", "Synapse"),
    _state("create", "secret:/etc/matrix-synapse/form_secret", "Secret for web forms"),
    _state(
        "update",
        "file:/etc/matrix-synapse/homeserver.yaml",
        "Synapse: settings",
        "the file differs",
        _CONFIG_DIFF,
    ),
    _state("unknown", "service:matrix-synapse.service", "Start Synapse"),
    _state("create", "firewall:matrix_assistant", "Firewall"),
    _state("create", "certificate:matrix-assistant", "Certificate"),
    _state("run", "command:first-admin", "Account of the administrator"),
    _state("restart", "service:nginx.service", "Web server: take port 443"),
)
CONFLICT = _state(
    "conflict",
    "file:/etc/nginx/conf.d/matrix-assistant-https.conf",
    "Web server: port 443",
    "edited by hand since the last apply",
    f"--- as written\n+++ on the server\n@@ -1 +1 @@\n-listen 443;\n+listen 443; # {ODD}\n",
)
PREVIEWS = (HostPreview(OUTSIDE, 53, STATES),)
PREVIEWS_CONFLICT = (HostPreview(OUTSIDE, 53, (*STATES, CONFLICT)),)
PREVIEWS_NOTHING = (HostPreview(OUTSIDE, 53, (STATES[0],)),)

_APPLIED = (
    ("packages:base", "Basic packages"),
    ("packages:postgresql", "PostgreSQL"),
    ("user:matrix-synapse", "Account of Synapse"),
    ("virtualenv:/opt/matrix-assistant/synapse", "Synapse"),
    ("file:/etc/matrix-synapse/homeserver.yaml", "Synapse: settings"),
    ("service:matrix-synapse.service", "Start Synapse"),
    ("firewall:matrix_assistant", "Firewall"),
    ("certificate:matrix-assistant", "Certificate"),
    ("command:first-admin", "Account of the administrator"),
)


def progress(host: str, events: Sequence[Mapping[str, Any]]) -> tuple[Progress, ...]:
    """Events of a run as the app gets them, numbered and dated."""
    return tuple(
        Progress(host, {"seq": seq, "at": 1772373600.0 + seq, **event})
        for seq, event in enumerate(events, 1)
    )


def apply_events(
    *, fail_at: int | None = None, finished: bool = True, host: str = OUTSIDE
) -> tuple[Progress, ...]:
    """A whole apply of nine resources: output, a lost connection, a firewall to confirm.

    ``fail_at`` is the number of the resource (from 1) that fails.
    """
    events: list[dict[str, Any]] = [
        {"event": "run", "run": RUN, "what": "apply", "total": len(_APPLIED)}
    ]
    failed = 0
    for index, (id, title) in enumerate(_APPLIED, 1):
        if index == 1:
            events.append({"event": "unchanged", "id": id, "seconds": 0.0, "summary": ""})
            continue
        events.append({"event": "started", "id": id, "title": title, "index": index})
        events.append({"event": "output", "id": id, "text": f"Setting up {title} …\n"})
        if index == fail_at:
            failed = 1
            events.append(
                {
                    "event": "failed",
                    "id": id,
                    "cause": "disk-full",
                    "text": "The disk of the server is full.",
                    "tail": ["E: write error - No space left on device", ODD],
                }
            )
            break
        if id.startswith("virtualenv"):
            events.append({"event": "output", "id": id, "text": ODD + "\n"})
            events.append(
                {"event": "reconnecting", "attempt": 1, "wait": 1.0, "cause": "connection-lost"}
            )
        if id.startswith("firewall"):
            events.append({"event": "confirm", "token": "t0", "seconds": 60})
            events.append({"event": "confirmed", "token": "t0"})
        events.append({"event": "changed", "id": id, "seconds": 1.5, "summary": "done"})
    changed = sum(event["event"] == "changed" for event in events)
    if finished:
        end = {"ok": not failed, "changed": changed, "failed": failed, "stopped": False}
        events.append({"event": "finished", **end})
        events.append({"event": "result", "run": RUN, **end})
    return progress(host, events)


APPLY_EVENTS = apply_events()
APPLY_RESULTS = (
    HostResult(
        OUTSIDE, RUN, True, 184.0, changed=8, changes=tuple(id for id, _ in _APPLIED[1:])
    ),
)  # fmt: skip
APPLY_FAILED_EVENTS = apply_events(fail_at=4)
APPLY_FAILED = (
    HostResult(
        OUTSIDE,
        RUN,
        False,
        61.0,
        changed=2,
        failed="virtualenv:/opt/matrix-assistant/synapse",
        cause="disk-full",
        text="The disk of the server is full.",
        tail=("E: write error - No space left on device", ODD),
        changes=("packages:postgresql", "user:matrix-synapse"),
    ),
)

_TALK = (
    ("A", "The kettle sings at noon 7f3a", 61.0),
    ("B", "Seven boats on the lake 7f3a", 74.0),
    ("A", "Rain is due on Thursday 7f3a", 58.0),
    ("B", "Bring the blue umbrella 7f3a", 66.0),
)
CANARY_EVENTS: tuple[CanaryEvent, ...] = (
    CanaryEvent(
        step="clean", message=msg("Removing test users that an earlier run left behind")
    ),
    CanaryEvent(step="create", message=msg("Making two test users")),
    CanaryEvent(step="login", message=msg("Logging in as both")),
    CanaryEvent(step="room", message=msg("Meeting in a new encrypted room")),
    CanaryEvent(step="keys", message=msg("Exchanging keys")),
    *(
        CanaryEvent(
            step="message",
            message=msg(
                "{sender} → {receiver}: {text}",
                sender=sender,
                receiver="B" if sender == "A" else "A",
                text=text,
            ),
            sender=sender,
            ms=ms,
        )
        for sender, text, ms in _TALK
    ),
    CanaryEvent(step="proof", message=msg("Reading what the servers stored")),
    CanaryEvent(
        step="proof",
        message=msg("Every stored message is encrypted; no text is in the clear"),
    ),
    CanaryEvent(step="remove", message=msg("Removing the test users")),
    CanaryEvent(step="remove", message=msg("The test users are gone")),
)  # fmt: skip


def _direction(sender: Literal["A", "B"]) -> Direction:
    ms = tuple(ms for name, _, ms in _TALK if name == sender)
    return Direction(sender=sender, sender_server=NAME, receiver_server=NAME, sent=2, ms=ms)


CANARY_RESULT = CanaryResult(
    directions=(_direction("A"), _direction("B")),
    encrypted_on_server=True,
    removed=True,
    transcript=tuple(
        Line(sender="A" if sender == "A" else "B", text=text, ms=ms) for sender, text, ms in _TALK
    ),
    seconds=3.4,
)
CANARY_FAILED = CanaryResult(
    cause="unreachable",
    failure=msg(
        "{url} cannot be reached from here: the connection failed or broke.", url=f"https://{NAME}"
    ),
    removed=True,
    seconds=30.0,
)
CANARY_FAILED_EVENTS = (
    *CANARY_EVENTS[:3],
    CanaryEvent(step="login", message=CANARY_FAILED.failure or msg("?"), ok=False),
)

REACH_STEPS: tuple[ReachStep, ...] = (
    ReachStep("reached", "running"),
    ReachStep("reached", "ok"),
    ReachStep("key", "running"),
    ReachStep("key", "ok"),
    ReachStep("login", "running"),
    ReachStep("login", "ok"),
    ReachStep("sudo", "running"),
    ReachStep("sudo", "ok"),
    ReachStep("release", "running"),
    ReachStep("release", "ok"),
)
REACH_FAILED = (*REACH_STEPS[:5], ReachStep("login", "failed"))

SUMMARY = f"""# {NAME}

- Server: {ADDRESS}
- Administrator: @admin:{NAME}
"""


@dataclass
class StandInServices:
    """A made-up outside. Everything below may be changed by a test, before or while it runs.

    By the name of a method: ``results`` replaces what it returns (a callable gets its
    arguments), ``errors`` what it raises, after its events; ``events`` what it reports first,
    ``delays`` how many seconds it waits before that. ``pause`` is the time between two events.
    """

    draft: Draft | None = None
    practice: bool = False
    setups: dict[str, Setup] = field(default_factory=dict)
    damaged: tuple[SavedSetup, ...] = ()
    results: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, BaseException] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    events: dict[str, Sequence[Any]] = field(default_factory=dict)
    pause: float = 0.0
    asks: tuple[Wanted, ...] = ()
    """What trying a server (or a check, a preview, an apply) asks for first; answers are kept."""
    asked: list[str | None] = field(default_factory=list)
    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    _held: dict[str, tuple[int, asyncio.Event]] = field(default_factory=dict)

    def hold(self, method: str, after: int = 0) -> None:
        """Let a method wait after its first events until :meth:`release`."""
        self._held[method] = (after, asyncio.Event())

    def release(self, method: str) -> None:
        """Let a held method go on."""
        self._held.pop(method)[1].set()

    def called(self, method: str) -> list[tuple[Any, ...]]:
        """The arguments of every call of a method."""
        return [args for name, args in self.calls if name == method]

    # -- what is kept --------------------------------------------------------

    def load_draft(self) -> Draft | None:
        return self._now("load_draft", (), self.draft)

    def save_draft(self, draft: Draft) -> None:
        self._now("save_draft", (draft,), None)
        self.draft = draft

    def drop_draft(self) -> None:
        self._now("drop_draft", (), None)
        self.draft = None

    def list_setups(self) -> tuple[SavedSetup, ...]:
        known = (SavedSetup(name, made) for name, made in sorted(self.setups.items()))
        return self._now("list_setups", (), (*known, *self.damaged))

    def load_setup(self, name: str) -> Setup:
        if name not in self.setups and "load_setup" not in self.results:
            raise AssistantError("setup-missing", msg("There is no setup {name}.", name=name))
        return self._now("load_setup", (name,), self.setups.get(name) or setup())

    def save_setup(self, setup: Setup) -> None:
        self._now("save_setup", (setup,), None)
        self.setups[setup.name] = setup

    # -- the outside ---------------------------------------------------------

    async def reach(self, host: Host, talk: Talk, report: Callable[[ReachStep], None]) -> Reached:
        async def trusted(step: Any) -> None:
            if step == ReachStep("key", "running"):
                for is_jump, login in ((True, host.jump), (False, host.login)):
                    if login is None or login.host_key:
                        continue
                    if not await talk.confirm_key(host, is_jump, KEY):
                        report(ReachStep("key", "failed"))
                        raise error("host-key-not-confirmed")
            elif step == ReachStep("login", "running"):
                await self._ask(talk)

        login = host.login.model_copy(update={"host_key": host.login.host_key or KEY.text})
        jump = host.jump and host.jump.model_copy(
            update={"host_key": host.jump.host_key or KEY.text}
        )
        found = host.model_copy(update={"login": login, "jump": jump, "release": "trixie"})
        return await self._later("reach", (host,), Reached(found), REACH_STEPS, report, trusted)

    async def check(
        self,
        name: str,
        talk: Talk,
        *,
        phase: Phase,
        only: Collection[str] | None,
        report: Callable[[Finding], None],
    ) -> tuple[Finding, ...]:
        await self._ask(talk)
        told = self.events.get("check", FINDINGS)
        fresh = tuple(f for f in told if only is None or f.check in only)
        before = self.setups[name].current_findings if name in self.setups else ()
        keys = {f.key for f in fresh}
        whole = (*(f for f in before if f.key not in keys), *fresh)
        args = (name, phase, only)
        done = await self._later("check", args, whole, fresh, report, told=fresh)
        if name in self.setups:
            self.setups[name] = with_findings(self.setups[name], done, NOW.replace(hour=13))
        return done

    async def preview(
        self, name: str, talk: Talk, resolve: Mapping[str, Mapping[str, str]]
    ) -> tuple[HostPreview, ...]:
        await self._ask(talk)
        return await self._later("preview", (name, resolve), PREVIEWS)

    async def apply(
        self,
        name: str,
        talk: Talk,
        resolve: Mapping[str, Mapping[str, str]],
        report: Callable[[Progress], None],
    ) -> tuple[HostResult, ...]:
        await self._ask(talk)
        args = (name, resolve)
        done = await self._later("apply", args, APPLY_RESULTS, APPLY_EVENTS, report)
        self._note(name, "applied", done)
        return done

    async def stop(self, name: str, host: str, run: str) -> None:
        await self._later("stop", (name, host, run), None)

    async def undo(
        self, name: str, talk: Talk, report: Callable[[Progress], None]
    ) -> tuple[HostResult, ...]:
        await self._ask(talk)
        done = await self._later("undo", (name,), APPLY_RESULTS, APPLY_EVENTS, report)
        self._note(name, "undone", done)
        return done

    async def canary(
        self, name: str, talk: Talk, report: Callable[[CanaryEvent], None]
    ) -> CanaryResult:
        await self._ask(talk)
        return await self._later("canary", (name,), CANARY_RESULT, CANARY_EVENTS, report)

    async def admin_password(self, name: str, talk: Talk) -> tuple[str, str]:
        return await self._later("admin_password", (name,), (f"@admin:{NAME}", "made-up-words-4"))

    async def invite(self, name: str, talk: Talk, localpart: str) -> tuple[str, str]:
        made = (f"@{localpart}:{NAME}", "other-made-up-words-7")
        return await self._later("invite", (name, localpart), made)

    def export(self, name: str, audience: Literal["operator", "people"], language: str) -> str:
        return self._now("export", (name, audience, language), SUMMARY)

    def write_file(self, path: str, text: str) -> str:
        full = path.replace("~", "/home/anna", 1)
        made = self._now("write_file", (path, text), full)
        self.files[made] = text
        return made

    def practice_problem(self) -> Message | None:
        return self._now("practice_problem", (), None)

    async def add_records(self, name: str) -> None:
        await self._later("add_records", (name,), None)

    def anything_saved(self) -> bool:
        return self.draft is not None or bool(self.setups or self.damaged)

    # -- how -----------------------------------------------------------------

    async def _ask(self, talk: Talk) -> None:
        for wanted in self.asks:
            self.asked.append(await talk.ask(wanted))

    def _note(self, name: str, what: str, done: Sequence[HostResult]) -> None:
        for one in done if name in self.setups else ():
            entry = HistoryEntry(
                at=NOW.replace(hour=14), what=what, host=one.host, run=one.run, ok=one.ok
            )
            self.setups[name] = with_history(self.setups[name], entry)

    def _now(self, method: str, args: tuple[Any, ...], default: T) -> T:
        self.calls.append((method, args))
        if method in self.errors:
            raise self.errors[method]
        return self._result(method, args, default)

    def _result(self, method: str, args: tuple[Any, ...], default: T) -> T:
        result: Any = self.results.get(method, default)
        made: T = result(*args) if callable(result) else result
        return made

    async def _later(
        self,
        method: str,
        args: tuple[Any, ...],
        default: T,
        events: Sequence[Any] = (),
        report: Callable[[Any], None] | None = None,
        between: Callable[[Any], Awaitable[None]] | None = None,
        *,
        told: Sequence[Any] | None = None,
    ) -> T:
        self.calls.append((method, args))
        await asyncio.sleep(self.delays.get(method, 0))
        for number, event in enumerate(
            told if told is not None else self.events.get(method, events)
        ):
            await self._wait(method, number)
            if report is not None:
                report(event)
            if between is not None:
                await between(event)
            await asyncio.sleep(self.pause)
        await self._wait(method, None)
        if method in self.errors:
            raise self.errors[method]
        return self._result(method, args, default)

    async def _wait(self, method: str, number: int | None) -> None:
        after, until = self._held.get(method, (0, None))
        if until is not None and (number is None or number >= after):
            await until.wait()


def known_services(**more: Any) -> StandInServices:
    """Services that know the setup of the drafts of later steps."""
    return StandInServices(**{"setups": {SETUP_NAME: setup()}, **more})


def run_app(
    services: StandInServices,
    test: Callable[[Any], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
    *,
    language: str = "en",
    start: Draft | None = None,
) -> None:
    """Run the app without a terminal and a test with its pilot, on the page of ``start``."""

    async def go() -> None:
        app = AssistantApp(services, language)
        async with app.run_test(size=size, notifications=True) as pilot:
            if start is not None:
                app.go_to(start)
            await pilot.pause()
            await test(pilot)

    asyncio.run(go())


async def until(pilot: Any, true: Callable[[], bool], seconds: float = 5.0) -> None:
    """Let the app work until something is true; fails with the screen's text when it never is."""
    for _ in range(int(seconds / 0.02)):
        await pilot.pause()
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("this did not come true on:\n" + screen_text(pilot.app))


def screen_lines(app: Any) -> list[str]:
    """What the screen shows, a string a line, without colours and spaces at the end."""
    from rich.cells import set_cell_size

    width, height = app.size
    lines = []
    for strip in app.screen._compositor.render_strips()[:height]:
        lines.append(set_cell_size(strip.text, width).rstrip())
    return lines


def screen_text(app: Any) -> str:
    """What the screen shows as one text."""
    return "\n".join(screen_lines(app)) + "\n"
