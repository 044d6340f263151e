"""The commands that work on a Setup; each returns its exit code and prints its own result."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.cli.credentials import TerminalCredentials, confirm_key, read_credentials
from assistant.cli.exit_codes import Exit
from assistant.cli.output import Output, result_json
from assistant.cli.records import record_json, record_words
from assistant.common.errors import AssistantError, InputError
from assistant.findings.model import Finding, Status
from assistant.operations import apply, check, proof, trust
from assistant.operations.connections import Connections
from assistant.plan.compile import compile_plan
from assistant.setup.history import was_applied
from assistant.setup.model import Setup
from assistant.text import Message, msg
from assistant.text.history_labels import history_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assistant.remote import RemoteError
    from assistant.setup.store import SetupHandle


@dataclass
class Job:
    """One command at work: the open Setup, where to tell, how to log in."""

    args: argparse.Namespace
    out: Output
    handle: SetupHandle
    credentials: TerminalCredentials

    @property
    def setup(self) -> Setup:
        """The Setup as last saved."""
        return self.handle.setup

    def save(self, setup: Setup) -> None:
        """Save a new Setup when it differs."""
        if setup != self.handle.setup:
            self.handle.save(setup)

    async def connections(self, *, optional: bool = False) -> Connections:
        """Connections to hosts whose keys are confirmed.

        ``optional``: a host that shows no key is left out (see :func:`trust.trust`).
        """
        confirm = confirm_key(self.out, interactive=self.args.interactive)
        closed: dict[str, RemoteError] = {}
        self.save(
            await trust.trust(self.setup, confirm, self.credentials, closed if optional else None)
        )
        return Connections(self.setup, self.credentials, closed)


@contextmanager
def job(args: argparse.Namespace, out: Output) -> Iterator[Job]:
    """Open the Setup that ``--setup`` or ``--answers`` names, locked while the command runs."""
    from assistant.cli.open_setup import open_named

    given: Mapping[str, Mapping[str, str]] = {}
    if args.credentials:
        given = read_credentials(Path(args.credentials))
    with open_named(args, out) as handle:
        names = {
            login.address: host.name
            for host in handle.setup.hosts
            for login in (host.jump, host.login)
            if login is not None
        }
        credentials = TerminalCredentials(
            given, names, interactive=args.interactive, language=out.language
        )
        yield Job(args, out, handle, credentials)


def recommend_command(args: argparse.Namespace, out: Output) -> Exit:
    """Rank the four options for a file of answers."""
    from assistant.advice.recommendation import recommend
    from assistant.cli.recommend import print_questions, print_recommendation, recommendation_json
    from assistant.setup.answers_file import read_answers_file

    if args.questions:
        print_questions(out)
        return Exit.OK
    if not args.answers:
        raise InputError(
            "no-answers",
            msg("Give --answers FILE; `recommend --questions` lists what can stand in it."),
        )
    answers = read_answers_file(Path(args.answers)).answers
    recommendation = recommend(answers)
    out.json(recommendation_json(recommendation))
    print_recommendation(recommendation, out)
    return Exit.OK


def _run(work: Callable[[], Awaitable[Exit]]) -> Exit:
    async def main() -> Exit:
        return await work()

    return asyncio.run(main())


def plan_command(args: argparse.Namespace, out: Output) -> Exit:
    """Show what an apply would change, with diffs; nothing is changed."""
    with job(args, out) as task:

        async def work() -> Exit:
            async with await task.connections() as connections:
                task.save(await trust.learn(connections))
                plan = compile_plan(task.setup)
                previews = await apply.preview(connections, resolve=_resolve(args, task.setup))
            for preview in previews:
                out.preview(preview, diffs=not args.no_diff)
            for record in plan.records:
                out.print(record_words(record))
            out.json(
                {
                    "digest": plan.digest,
                    "hosts": [
                        {
                            "host": p.host,
                            "resources": p.total,
                            "changes": [dict(s) for s in p.changes],
                            "conflicts": [s.get("id") for s in p.conflicts],
                        }
                        for p in previews
                    ],
                    "records": [record_json(record) for record in plan.records],
                }
            )
            return Exit.DECISION if any(p.conflicts for p in previews) else Exit.OK

        return _run(work)


def check_command(args: argparse.Namespace, out: Output) -> Exit:
    """Measure from this computer and the servers, and say what was found."""
    with job(args, out) as task:

        async def work() -> Exit:
            async with await task.connections(optional=True) as connections:
                findings = await _checked(task, connections, args.phase)
            return _verdict(findings)

        return _run(work)


async def _checked(task: Job, connections: Connections, phase: str) -> tuple[Finding, ...]:
    out = task.out
    if phase == "auto":
        phase = "after" if was_applied(task.setup) else "before"
    setup, findings = await check.check(
        connections,
        task.args.checker,
        phase="after" if phase == "after" else "before",
        report=out.finding,
    )
    task.save(setup)
    out.diagnosis(findings)
    out.json({"phase": phase, "findings": [item.to_json() for item in findings]})
    return findings


def _verdict(findings: tuple[Finding, ...]) -> Exit:
    return Exit.NOT_OK if any(f.status is Status.FAILED for f in findings) else Exit.OK


def apply_command(args: argparse.Namespace, out: Output) -> Exit:
    """Bring the servers to the plan; again at any time, then only what differs."""
    with job(args, out) as task:

        async def work() -> Exit:
            _acknowledged(task.setup)
            async with await task.connections() as connections:
                task.save(await trust.learn(connections))
                if not was_applied(task.setup) and not args.skip_checks:
                    await _ready(task, connections)
                setup, results = await apply.apply(
                    connections,
                    report=out.progress,
                    resolve=_resolve(args, task.setup),
                    secrets_from=task.credentials,
                )
                task.save(setup)
            for result in results:
                out.result(result)
            ok = all(result.ok for result in results)
            out.json({"ok": ok, "hosts": [result_json(result) for result in results]})
            if ok:
                return Exit.OK
            causes = {result.cause for result in results if not result.ok}
            return Exit.DECISION if causes <= {"conflict", "busy"} else Exit.HOST

        return _run(work)


def _acknowledged(setup: Setup) -> None:
    from assistant.advice.options import OPTIONS, acknowledged

    wanted = OPTIONS[setup.option].acknowledgement
    if not acknowledged(setup.option, setup.acknowledged):
        raise AssistantError(
            "acknowledgement",
            msg(
                "Option {option} has risks you have to accept in your own words first. Read them"
                " (`matrix-assistant recommend`), then put this sentence into the answers file as"
                ' acknowledged = "{sentence}".',
                option=setup.option,
                sentence=wanted,
            ),
        )


async def _ready(task: Job, connections: Connections) -> None:
    """Check first when there are no current findings; stop when one of them stands in the way."""
    findings = task.setup.current_findings
    if not findings or any(finding.blocking for finding in findings):
        task.out.say(msg("Checking the servers and the network first …"))
        setup, findings = await check.check(
            connections,
            task.args.checker,
            phase="before",
            report=lambda f: task.out.finding(f) if f.status is Status.FAILED else None,
        )
        # A diagnosis goes on without a server; nothing can be applied to one that is not there.
        for error in connections.closed.values():
            raise error
        task.save(setup)
    blockers = [finding for finding in findings if finding.blocking]
    if blockers:
        raise AssistantError(
            "findings",
            msg(
                "Something stands in the way ({count}), so nothing was changed. The first:"
                " {first} Mend it and try again, or use --skip-checks if you know better.",
                count=len(blockers),
                first=blockers[0].summary,
            ),
        )


def _resolve(args: argparse.Namespace, setup: Setup) -> dict[str, dict[str, str]]:
    """What to do with hand-edited files (``--overwrite``, ``--keep``), the same for all hosts."""
    decisions = dict.fromkeys(args.overwrite or (), "overwrite")
    decisions |= dict.fromkeys(args.keep or (), "keep")
    return {host.name: decisions for host in setup.hosts} if decisions else {}


def canary_command(args: argparse.Namespace, out: Output) -> Exit:
    """Prove that encrypted messages arrive, with two temporary users."""
    with job(args, out) as task:

        async def work() -> Exit:
            async with await task.connections() as connections:
                result = await proof.canary(connections, lambda event: out.say(event.message))
            detail = f"{result.delivered}/{result.sent}"
            task.save(proof.with_canary(task.setup, result.ok, detail))
            out.json(result.to_json())
            if result.ok:
                out.print(
                    msg(
                        "✓ {delivered} of {sent} encrypted messages arrived, half of them within"
                        " {p50} ms; the server stores only ciphertext.",
                        delivered=result.delivered,
                        sent=result.sent,
                        p50=round(result.p50_ms or 0),
                    )
                )
                return Exit.OK
            out.print(result.failure or msg("✗ The test conversation did not succeed."))
            return Exit.NOT_OK

        return _run(work)


def undo_command(args: argparse.Namespace, out: Output) -> Exit:
    """Take back what was applied; databases, media and keys stay on the servers."""
    with job(args, out) as task:
        names = [host.name for host in task.setup.hosts]
        if args.host and args.host not in names:
            raise InputError(
                "no-host",
                msg(
                    "There is no server {host} in this setup. It has: {names}.",
                    host=args.host,
                    names=", ".join(names),
                ),
            )

        async def work() -> Exit:
            async with await task.connections() as connections:
                setup, results = await apply.undo(
                    connections, report=out.progress, only=args.host or ""
                )
                task.save(setup)
            for result in results:
                out.result(result)
            ok = all(result.ok for result in results)
            out.json({"ok": ok, "hosts": [result_json(result) for result in results]})
            return Exit.OK if ok else Exit.HOST

        return _run(work)


def status_command(args: argparse.Namespace, out: Output) -> Exit:
    """What was done so far, and what the servers say of their runs."""
    with job(args, out) as task:
        setup = task.setup
        out.print(
            msg(
                "{name}: option {option}, {server}",
                name=setup.name,
                option=setup.option,
                server=setup.server_name,
            )
        )
        for entry in setup.history[-10:]:
            good = "✓" if entry.ok else "✗"
            what = out.words(history_words(entry.what))
            out.print(f"  {good} {entry.at:%Y-%m-%d %H:%M} {what} {entry.host} {entry.detail}")

        async def work() -> Exit:
            async with await task.connections() as connections:
                answers = await apply.status(connections)
            for host, answer in answers.items():
                runs = answer.get("runs") or []
                lock = answer.get("lock")
                out.print(_runs(host, runs, busy=bool(lock)))
            findings = setup.current_findings
            out.json(
                {
                    "name": setup.name,
                    "option": setup.option,
                    "server_name": setup.server_name,
                    "applied": was_applied(setup),
                    "hosts": {host: dict(answer) for host, answer in answers.items()},
                    "findings": [item.to_json() for item in findings],
                    "history": [entry.model_dump(mode="json") for entry in setup.history],
                }
            )
            return Exit.OK

        return _run(work)


def _runs(host: str, runs: Sequence[Any], *, busy: bool) -> Message:
    """How the runs on a host went; the newest comes first."""
    last = runs[0] if runs and isinstance(runs[0], Mapping) else {}
    if not last:
        return msg("  {host}: no run yet", host=host)
    if busy:
        return msg("  {host}: runs: {count}; a run is under way", host=host, count=len(runs))
    if last.get("ok"):
        state = msg("succeeded")
    elif last.get("stopped"):
        state = msg("stopped")
    else:
        state = msg("failed") if last.get("finished") else msg("cut off")
    return msg(
        "  {host}: runs: {count}; the last one: {state}", host=host, count=len(runs), state=state
    )
