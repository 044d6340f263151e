"""The DNS records a setup needs, ready to copy, with what the checks see of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from assistant.export.device_files import device_names, hosts_lines
from assistant.findings.model import THIS_COMPUTER, Finding, Status
from assistant.plan.model import Record
from assistant.text import Message, msg
from screens.widgets.styled_lines import TextLine


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
    """What is seen of each record: by the domain's name servers, where it is in the public DNS.

    Nobody looks for records of devices and of servers' hosts files here.
    """
    dns = [finding for finding in findings if finding.check == "dns"]
    about = {f.subject: f for f in dns if f.vantage == THIS_COMPUTER}
    # Wherever a name is found that must be nowhere, it is found.
    about |= {f.subject: f for f in dns if f.cause == "record-present"}
    return tuple(RecordState(record, _seen(_about(record, about))) for record in records)


def _about(record: Record, about: Mapping[str, Finding]) -> Finding | None:
    if record.where != "public":
        return None
    # Of a name that must be nowhere one finding tells for all types of records.
    whole = about.get(f"{_base(record.name)} public") if record.must == "absent" else None
    return about.get(f"{record.name} {record.type}") or whole


def _base(name: str) -> str:
    """The name without labels that begin with an underscore, which belong to a service."""
    return ".".join(label for label in name.split(".") if not label.startswith("_"))


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


def awaited(states: Iterable[RecordState]) -> tuple[RecordState, ...]:
    """The records that the person can do something about: public, and not kept by a program."""
    return tuple(s for s in states if s.record.where == "public" and not s.record.dynamic)


def all_seen(states: Iterable[RecordState]) -> bool:
    """Whether nothing is left to wait for."""
    return all(state.seen is Seen.SEEN for state in awaited(states))


def record_words(state: RecordState) -> Message:
    """What is seen of a record, in words."""
    record = state.record
    if record.must == "absent":
        if state.seen is Seen.SEEN:
            return msg("not there, as it should be: {type} of {name}", **_of(record))
        if state.seen in (Seen.MISSING, Seen.OTHER):
            return msg("delete this record: {type} of {name}", **_of(record))
        return msg("must not exist: {type} of {name}", **_of(record))
    if record.dynamic and state.seen is not Seen.SEEN:
        return msg(
            "{type} of {name}: your machine at home keeps it right, once it is set up",
            **_of(record),
        )
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
    """All records, those to copy alone on their lines; ``hint`` says what the keys do.

    First what belongs in the public DNS, then what must not be there, then what belongs on devices.
    """
    public = [s for s in states if s.record.where == "public"]
    if not public:
        return ()
    things: dict[str, bool] = {}
    for state in awaited(states):
        thing = _thing(state.record, public)
        things[thing] = things.get(thing, True) and state.seen is Seen.SEEN
    lines = [
        TextLine(
            msg(
                "DNS records: {seen} of {total} are right",
                seen=sum(things.values()),
                total=len(things),
            ),
            "strong",
        )
    ]
    if hint is not None:
        lines.append(TextLine(hint, "muted"))
    there = [s for s in public if s.record.must == "exist"]
    for state in there:
        lines.append(TextLine(record_words(state), _KINDS[state.seen], _GLYPHS[state.seen]))
        if state.record.values:
            lines.extend(TextLine(line, "", indent=2) for line in state.record.line.split("\n"))
    lines += _absent_lines([s for s in public if s.record.must == "absent"])
    wanted = next((s.record for s in awaited(there) if s.seen is not Seen.SEEN), None)
    if wanted is not None:
        lines.append(
            TextLine(
                msg(
                    "Where your company has a form instead: type {type}, name {name}, value"
                    " {value}, TTL {ttl}.",
                    type=wanted.type,
                    name=wanted.name,
                    value=", ".join(wanted.values),
                    ttl=wanted.ttl,
                ),
                "muted",
            )
        )
    return (*lines, *_device_lines(states))


def _thing(record: Record, public: Sequence[RecordState]) -> str:
    """What counts as one: a record, or a name that must be nowhere with all its types."""
    base = _base(record.name)
    return base if _is_nowhere(base, public) else f"{record.name} {record.type}"


def _is_nowhere(name: str, public: Iterable[RecordState]) -> bool:
    """Whether a name must have no record of any kind: then also none of a service."""
    absent = [s.record for s in public if s.record.must == "absent"]
    return any(record.type == "SRV" and _base(record.name) == name for record in absent)


def _absent_lines(states: Sequence[RecordState]) -> list[TextLine]:
    """A line for each record that must not exist; one for a name that must be nowhere."""
    lines: list[TextLine] = []
    by_name: dict[str, list[RecordState]] = {}
    for state in states:
        by_name.setdefault(_base(state.record.name), []).append(state)
    for name, some in by_name.items():
        if _is_nowhere(name, some):
            lines.append(_nowhere_line(name, some))
            continue
        for state in some:
            lines.append(TextLine(record_words(state), _KINDS[state.seen], _GLYPHS[state.seen]))
    return lines


def _nowhere_line(name: str, states: Sequence[RecordState]) -> TextLine:
    order = (Seen.OTHER, Seen.MISSING, Seen.PARTLY, Seen.UNKNOWN, Seen.SEEN)
    worst = next(seen for seen in order if any(state.seen is seen for state in states))
    if worst is Seen.SEEN:
        words = msg("{name} is in no public DNS, as it should be", name=name)
    elif worst is Seen.UNKNOWN:
        words = msg("{name} must be in no public DNS; not asked yet, or no answer", name=name)
    else:
        types = ", ".join(dict.fromkeys(state.record.type for state in states))
        words = msg(
            "{name} is in the public DNS: delete every record of it ({types})",
            name=name,
            types=types,
        )
    return TextLine(words, _KINDS[worst], _GLYPHS[worst])


def _device_lines(states: Sequence[RecordState]) -> list[TextLine]:
    """What devices must know, as lines of a hosts file."""
    names = device_names(state.record for state in states)
    if not names:
        return []
    return [
        TextLine(msg("On every device in China, or on its router"), "strong"),
        TextLine(msg("The last page has this ready for phones, computers and routers."), "muted"),
        *(TextLine(line, "", indent=2) for line in hosts_lines(names)),
    ]


def copy_text(states: Iterable[RecordState]) -> str:
    """The public records that must exist, a line each, as a name server's file has them."""
    return "".join(f"{s.record.line}\n" for s in awaited(states) if s.record.must == "exist")
