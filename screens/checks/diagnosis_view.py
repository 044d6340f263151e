"""What the diagnosis tells: which service, what changed, how a test conversation went. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from assistant.canary.model import CanaryResult
from assistant.findings.comparison import Change, ChangeKind, Comparison, is_aside
from assistant.findings.model import Status
from assistant.setup.model import Setup
from assistant.text import Message, listed, msg
from screens.base.background_work import Work
from screens.checks.finding_words import age_words, subject_words
from screens.widgets.status import GLYPHS, status_class
from screens.widgets.styled_lines import TextLine


def news_lines(found: Comparison, room: int, set_aside: Iterable[str] = ()) -> tuple[TextLine, ...]:
    """What changed since last time: counted, and as many of the changes as there is room for."""
    aside = frozenset(set_aside)
    numbers = {kind: len(found.of(kind)) for kind in ChangeKind}
    counts = {
        ChangeKind.NEW: msg("{count} new", count=numbers[ChangeKind.NEW]),
        ChangeKind.WORSE: msg("{count} worse", count=numbers[ChangeKind.WORSE]),
        ChangeKind.OTHER: msg("{count} for another reason", count=numbers[ChangeKind.OTHER]),
        ChangeKind.BETTER: msg("{count} better", count=numbers[ChangeKind.BETTER]),
        ChangeKind.GONE: msg("{count} gone", count=numbers[ChangeKind.GONE]),
    }
    parts = [counts[kind] for kind in ChangeKind if numbers[kind]]
    if found.unseen:
        parts.append(msg("{count} could not be looked at", count=len(found.unseen)))
    if not parts:
        return (TextLine(msg("Nothing changed since last time."), "muted"),)
    if not room and found.changes:
        words = msg("Since last time: {changes} (n shows them)", changes=listed(parts))
        return (TextLine(words, "strong"),)
    lines = [TextLine(msg("Since last time: {changes}", changes=listed(parts)), "strong")]
    lines += [_change_line(change, aside) for change in found.changes[:room]]
    more = len(found.changes) - room
    if more > 0:
        lines.append(TextLine(msg("and {count} more: press n", count=more), "muted", indent=2))
    return tuple(lines)


def _change_line(change: Change, set_aside: frozenset[str]) -> TextLine:
    finding = change.finding
    if change.kind is ChangeKind.GONE:
        about = subject_words(finding.check, finding.subject)
        return TextLine(msg("gone: {subject}", subject=about), "ok", GLYPHS[Status.OK], indent=2)
    values = {"what": finding.summary}
    words = {
        ChangeKind.NEW: msg("new: {what}", **values),
        ChangeKind.WORSE: msg("worse: {what}", **values),
        ChangeKind.OTHER: msg("for another reason: {what}", **values),
        ChangeKind.BETTER: msg("better: {what}", **values),
    }[change.kind]
    kind = "muted" if is_aside(finding, set_aside) else status_class(finding.status)
    return TextLine(words, kind, GLYPHS[finding.status], indent=2)


def proof_lines(
    work: Work, result: CanaryResult | None, doing: Message | None
) -> tuple[TextLine, ...]:
    """How the test conversation goes, or went."""
    if work.state == "running":
        return (TextLine(doing or msg("Test conversation under way …"), "muted"),)
    if result is not None and result.ok:
        words = msg(
            "ok: {delivered} of {sent} messages arrived, and the server cannot read them.",
            delivered=result.delivered,
            sent=result.sent,
        )
        return (TextLine(words, "ok", GLYPHS[Status.OK]),)
    if result is not None and result.failure is not None:
        why: Message = result.failure
    elif work.error is not None:
        why = work.error.message
    elif work.state == "cancelled":
        why = msg("It was stopped before it ended.")
    else:
        why = msg("Not everything could be proven.")
    words = msg("failed: {why} Press t to try again.", why=why)
    return (TextLine(words, "failed", GLYPHS[Status.FAILED]),)


def title_words(setup: Setup, now: datetime) -> Message:
    """Which service it is, and when it was set up or taken back."""
    done = next((e for e in reversed(setup.history) if e.what in ("applied", "undone")), None)
    values: dict[str, Any] = {"name": setup.server_name, "option": setup.option}
    if done is None:
        return msg("{name} · option {option} · not set up yet", **values)
    values["age"] = age_words(done.at, now)
    if done.what == "undone":
        return msg("{name} · option {option} · taken back {age}", **values)
    if not done.ok:
        return msg("{name} · option {option} · setting it up failed {age}", **values)
    return msg("{name} · option {option} · set up {age}", **values)
