"""What the command line prints: results on standard output, everything else on standard error.

Text from hosts and users is cleaned of control characters and never read as markup.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from assistant.findings.model import Finding, Status
from assistant.operations.apply import HostPreview
from assistant.operations.follow import HostResult, Progress
from assistant.text import Message, msg, render
from assistant.text.host_messages import host_message, title_message
from assistant.text.sanitize import clean_text
from assistant.text.width import padded

GLYPHS = {
    Status.OK: "✓",
    Status.WARNING: "!",
    Status.FAILED: "✗",
    Status.UNKNOWN: "?",
    Status.SKIPPED: "–",
}
STATUS_WORDS = {
    Status.OK: msg("ok"),
    Status.WARNING: msg("check"),
    Status.FAILED: msg("failed"),
    Status.UNKNOWN: msg("undecided"),
    Status.SKIPPED: msg("not run"),
}
ACTION_WORDS = {
    "create": msg("new"),
    "update": msg("change"),
    "run": msg("run"),
    "restart": msg("restart"),
    "remove": msg("remove"),
    "conflict": msg("conflict"),
    "unknown": msg("later"),
}
"""What an inspection says must happen to a thing (see onhost.protocol.ACTIONS)."""


@dataclass
class Output:
    """Where a command tells what it does. ``as_json``: one JSON object on standard output."""

    as_json: bool = False
    language: str = "en"
    started: float = field(default_factory=time.monotonic)
    _status_shown: bool = False

    def say(self, text: Message | str) -> None:
        """A line for people, on standard error."""
        self._clear()
        print(self.words(text), file=sys.stderr, flush=True)

    def print(self, text: Message | str) -> None:
        """The result for people, on standard output (nothing with ``--json``)."""
        self._clear()
        if not self.as_json:
            print(self.words(text), flush=True)

    def json(self, value: Mapping[str, Any]) -> None:
        """The result for programs: one JSON object on standard output, when asked for."""
        if self.as_json:
            self._clear()
            print(json.dumps(value, ensure_ascii=False, default=str), flush=True)

    def status(self, text: Message | str) -> None:
        """A line that the next one replaces; only on a terminal."""
        if sys.stderr.isatty():
            line = clean_text(self.words(text))[:100]
            print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)
            self._status_shown = True

    def words(self, text: Message | str) -> str:
        """A message in the language of this output, cleaned line by line."""
        text = render(text, self.language) if isinstance(text, Message) else text
        return "\n".join(clean_text(line) for line in text.split("\n"))

    def _clear(self) -> None:
        if self._status_shown:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
            self._status_shown = False

    def diagnosis(self, findings: Sequence[Finding]) -> None:
        """What is wrong once more, with what follows from it folded under it."""
        bad = (Status.FAILED, Status.WARNING, Status.UNKNOWN)
        known = {item.key for item in findings}
        roots = [f for f in findings if f.status in bad and f.because not in known]
        if not any(item.because in known for item in findings):
            return
        self.say(msg("What is behind it:"))
        for root in sorted(roots, key=lambda item: bad.index(item.status)):
            self.finding(root)
            follows = sum(item.because == root.key for item in findings)
            if follows:
                text = msg("(findings that follow from this: {count})", count=follows)
                self.say(f"             {self.words(text)}")

    def finding(self, finding: Finding) -> None:
        """One finding, with its reason and remedy when it is not fine."""
        word = padded(self.words(STATUS_WORDS[finding.status]), 9)
        head = f"{GLYPHS[finding.status]} {word}"
        self.say(f"{head} {self.words(finding.summary)}  [{finding.vantage}]")
        if finding.status in (Status.OK, Status.SKIPPED):
            return
        if finding.why is not None:
            self.say(f"             {self.words(finding.why)}")
        if finding.remedy is not None:
            for line in self.words(finding.remedy.text).split("\n"):
                self.say(f"           → {line}")

    def progress(self, progress: Progress) -> None:
        """One event of a run on a host."""
        event = progress.event
        kind = event.get("event")
        host = progress.host
        if kind == "started":
            count = f"{event.get('index', '?')}/{event.get('total', '?')}"
            self.status(f"  {host} {count} {self._thing(event)} …")
        elif kind == "output":
            self.status(f"  {host} · {event.get('text', '')}")
        elif kind == "changed":
            took = float(event.get("seconds") or 0)
            self.say(f"✓ {host}: {self._thing(event)} ({took:.1f} s)")
        elif kind == "kept":
            self.say(msg("– {host}: {id} left as you edited it", host=host, id=event.get("id", "")))
        elif kind == "busy":
            since = datetime.fromtimestamp(float(event.get("since") or 0), UTC)
            self.say(
                msg(
                    "… {host}: another run ({run}) is under way there since {since} UTC.",
                    host=host,
                    run=event.get("run", "?"),
                    since=f"{since:%Y-%m-%d %H:%M:%S}",
                )
            )
        elif kind == "reconnecting":
            self.say(
                msg(
                    "… {host}: the connection was lost; the work goes on there. Trying again in"
                    " {wait} s.",
                    host=host,
                    wait=event.get("wait", "?"),
                )
            )
        elif kind == "failed":
            self.say(f"✗ {host}: {event.get('id', '')}")

    def preview(self, preview: HostPreview, *, diffs: bool) -> None:
        """What an apply would change on a host."""
        changes = preview.changes
        if not changes:
            self.print(
                msg(
                    "{host}: nothing to change (things as planned: {total})",
                    host=preview.host,
                    total=preview.total,
                )
            )
            return
        self.print(
            msg(
                "{host}: {count} of {total} things would change",
                host=preview.host,
                count=len(changes),
                total=preview.total,
            )
        )
        for state in changes:
            kind = str(state.get("action", ""))
            action = padded(self.words(ACTION_WORDS.get(kind, kind)), 9)
            summary = self.words(host_message(state, "summary"))
            self.print(f"  {action} {self._thing(state)}" + (f" — {summary}" if summary else ""))
            if diffs and state.get("diff"):
                for line in str(state["diff"]).splitlines():
                    self.print(f"      {line}")

    def result(self, result: HostResult) -> None:
        """How a run ended on a host."""
        host, count, seconds = result.host, result.changed, result.seconds
        if result.ok and not count:
            self.print(
                msg(
                    "✓ {host}: everything was already as planned ({seconds:.1f} s)",
                    host=host,
                    seconds=seconds,
                )
            )
        elif result.ok:
            self.print(
                msg(
                    "✓ {host}: done, changes made: {count} ({seconds:.1f} s)",
                    host=host,
                    count=count,
                    seconds=seconds,
                )
            )
        elif result.stopped:
            self.print(
                msg(
                    "– {host}: stopped, changes made until then: {count} ({seconds:.1f} s)",
                    host=host,
                    count=count,
                    seconds=seconds,
                )
            )
        else:
            self.print(f"✗ {host}: {self.words(result.said) or result.cause}")
            for line in result.tail[-15:]:
                self.say(f"    {line}")

    def _thing(self, event: Mapping[str, Any]) -> str:
        """The title of the thing an event of the host is about, else its id."""
        title = str(event.get("title") or "")
        return self.words(title_message(title)) if title else str(event.get("id", ""))


def result_json(result: HostResult) -> dict[str, Any]:
    """The outcome of a run on a host as in ``--json``."""
    return {
        "host": result.host,
        "run": result.run,
        "ok": result.ok,
        "changed": result.changed,
        "changes": list(result.changes),
        "kept": list(result.kept),
        "stopped": result.stopped,
        "failed": result.failed,
        "cause": result.cause,
        "text": result.text,
        "tail": list(result.tail),
        "seconds": round(result.seconds, 3),
    }
