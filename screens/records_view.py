"""The DNS records a setup needs, ready to copy, with what the checks see of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from assistant.findings import THIS_COMPUTER, Finding, Status
from assistant.plan.model import Record
from assistant.text import Message, msg
from screens.lines import TextLine


class Seen(StrEnum):
    """What the name servers say of a record. ``partly``: not all of them agree yet."""

    SEEN = "seen"
    PARTLY = "partly"
    MISSING = "missing"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RecordState:
    """A record of the plan and what is seen of it."""

    record: Record
    seen: Seen


_GLYPHS: Mapping[Seen, str] = MappingProxyType(
    {
        Seen.SEEN: "✓",
        Seen.PARTLY: "!",
        Seen.MISSING: "✗",
        Seen.OTHER: "✗",
        Seen.UNKNOWN: "?",
    }
)
_KINDS: Mapping[Seen, str] = MappingProxyType(
    {
        Seen.SEEN: "ok",
        Seen.PARTLY: "warning",
        Seen.MISSING: "failed",
        Seen.OTHER: "failed",
        Seen.UNKNOWN: "unknown",
    }
)


def record_states(
    records: Iterable[Record], findings: Sequence[Finding]
) -> tuple[RecordState, ...]:
    """What the domain's name servers say of each record of the public DNS."""
    about = {
        finding.subject: finding
        for finding in findings
        if finding.check == "dns" and finding.vantage == THIS_COMPUTER
    }
    return tuple(
        RecordState(record, _seen(about.get(f"{record.name} {record.type}")))
        for record in records
        if record.where == "public"
    )


def _seen(finding: Finding | None) -> Seen:
    if finding is None:
        return Seen.UNKNOWN
    if finding.status is Status.OK:
        return Seen.SEEN
    if finding.status is Status.WARNING:
        return Seen.PARTLY
    if finding.status is Status.FAILED:
        return Seen.MISSING if finding.cause == "record-missing" else Seen.OTHER
    return Seen.UNKNOWN


def all_seen(states: Iterable[RecordState]) -> bool:
    """Whether nothing is left to wait for."""
    return all(state.seen is Seen.SEEN for state in states)


def record_words(state: RecordState) -> Message:
    """What is seen of a record, in words."""
    record = state.record
    if record.must == "absent":
        if state.seen is Seen.SEEN:
            return msg("not there, as it should be: {type} of {name}", **_of(record))
        if state.seen in (Seen.MISSING, Seen.OTHER):
            return msg("delete this record: {type} of {name}", **_of(record))
        return msg("must not exist: {type} of {name}", **_of(record))
    if state.seen is Seen.SEEN:
        return msg("seen")
    if state.seen is Seen.PARTLY:
        return msg("seen by some name servers, not yet by all")
    if state.seen is Seen.MISSING:
        return msg("not yet seen")
    if state.seen is Seen.OTHER:
        return msg("another value is seen: replace it by this")
    return msg("not asked yet, or no answer")


def _of(record: Record) -> dict[str, str]:
    return {"type": record.type, "name": record.name}


def record_lines(
    states: Sequence[RecordState], hint: Message | None = None
) -> tuple[TextLine, ...]:
    """All records, those to copy alone on their lines; ``hint`` says what the keys do."""
    if not states:
        return ()
    seen = sum(state.seen is Seen.SEEN for state in states)
    lines = [
        TextLine(
            msg("DNS records: {seen} of {total} are right", seen=seen, total=len(states)), "strong"
        )
    ]
    if hint is not None:
        lines.append(TextLine(hint, "muted"))
    for state in states:
        lines.append(TextLine(record_words(state), _KINDS[state.seen], _GLYPHS[state.seen]))
        if state.record.must == "exist":
            lines.extend(TextLine(line, "", indent=2) for line in state.record.line.split("\n"))
    wanted = next(
        (s.record for s in states if s.record.must == "exist" and s.seen is not Seen.SEEN), None
    )
    if wanted is not None:
        lines.append(
            TextLine(
                msg(
                    "Where your company has a form instead: type {type}, name {name}, value"
                    " {value}, TTL 300.",
                    type=wanted.type,
                    name=wanted.name,
                    value=", ".join(wanted.values),
                ),
                "muted",
            )
        )
    return tuple(lines)


def copy_text(states: Iterable[RecordState]) -> str:
    """The records that must exist, a line each, as a name server's file has them."""
    return "".join(f"{s.record.line}\n" for s in states if s.record.must == "exist")
