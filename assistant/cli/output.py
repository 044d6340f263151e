"""What the command line prints: results on standard output, everything else on standard error.

Text from hosts and users is cleaned of control characters and never read as markup.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assistant.findings import Finding, Status
from assistant.run import HostPreview, HostResult, Progress
from assistant.text import Message, render
from assistant.text.clean import clean_text

GLYPHS = {
    Status.OK: "✓",
    Status.WARNING: "!",
    Status.FAILED: "✗",
    Status.UNKNOWN: "?",
    Status.SKIPPED: "–",
}


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

    def status(self, text: str) -> None:
        """A line that the next one replaces; only on a terminal."""
        if sys.stderr.isatty():
            print(f"\r\x1b[2K{clean_text(text)[:100]}", end="", file=sys.stderr, flush=True)
            self._status_shown = True

    def words(self, text: Message | str) -> str:
        """A message in the language of this output, cleaned line by line."""
        text = render(text, self.language) if isinstance(text, Message) else text
        return "\n".join(clean_text(line) for line in text.split("\n"))

    def _clear(self) -> None:
        if self._status_shown:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
            self._status_shown = False

    def finding(self, finding: Finding) -> None:
        """One finding, with its reason and remedy when it is not fine."""
        head = f"{GLYPHS[finding.status]} {finding.status.value:8}"
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
            self.status(f"  {host} {count} {event.get('title') or event.get('id', '')} …")
        elif kind == "output":
            self.status(f"  {host} · {event.get('text', '')}")
        elif kind == "changed":
            took = float(event.get("seconds") or 0)
            what = event.get("title") or event.get("id", "")
            self.say(f"✓ {host}: {what} ({took:.1f} s)")
        elif kind == "kept":
            self.say(f"– {host}: {event.get('id', '')} left as you edited it")
        elif kind == "reconnecting":
            self.say(
                f"… {host}: the connection was lost; the work goes on there."
                f" Trying again in {event.get('wait', '?')} s."
            )
        elif kind == "failed":
            self.say(f"✗ {host}: {event.get('id', '')}")

    def preview(self, preview: HostPreview, *, diffs: bool) -> None:
        """What an apply would change on a host."""
        changes = preview.changes
        if not changes:
            self.print(f"{preview.host}: nothing to change ({preview.total} things are as planned)")
            return
        self.print(f"{preview.host}: {len(changes)} of {preview.total} things would change")
        for state in changes:
            action = state.get("action", "")
            what = state.get("title") or state.get("id", "")
            summary = state.get("summary") or ""
            self.print(f"  {action:9} {what}" + (f" — {summary}" if summary else ""))
            if diffs and state.get("diff"):
                for line in str(state["diff"]).splitlines():
                    self.print(f"      {line}")

    def result(self, result: HostResult) -> None:
        """How a run ended on a host."""
        took = f"{result.seconds:.1f} s"
        if result.ok and not result.changed:
            self.print(f"✓ {result.host}: everything was already as planned ({took})")
        elif result.ok:
            self.print(f"✓ {result.host}: {result.changed} changes made ({took})")
        elif result.stopped:
            self.print(f"– {result.host}: stopped after {result.changed} changes ({took})")
        else:
            self.print(f"✗ {result.host}: {result.text or result.cause}")
            for line in result.tail[-15:]:
                self.say(f"    {line}")


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding as in ``--json``: the stable fields, and its words in English."""
    return {
        "check": finding.check,
        "subject": finding.subject,
        "vantage": finding.vantage,
        "status": finding.status.value,
        "cause": finding.cause,
        "confidence": finding.confidence.value,
        "summary": str(finding.summary),
        "remedy": str(finding.remedy.text) if finding.remedy else "",
        "who": finding.remedy.who.value if finding.remedy else "",
        "evidence": list(finding.evidence),
    }


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
