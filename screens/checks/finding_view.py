"""A finding opened: what was seen, why it matters, how sure, who mends it and how. Pure."""

from __future__ import annotations

from collections.abc import Collection

from assistant.findings.comparison import PROBLEMS, is_aside
from assistant.findings.model import Finding, Mender, Status
from assistant.text import Message, msg
from screens.checks.finding_words import MENDERS, SURE, subject_words, vantage_words, why_words
from screens.checks.grid import Cell, Row
from screens.widgets.status import GLYPHS, status_class, status_words
from screens.widgets.styled_lines import TextLine

EVIDENCE_KEY = "v"
CHANGE_KEY = "m"


def finding_lines(
    finding: Finding,
    *,
    evidence: bool = False,
    set_aside: Collection[str] = (),
    mends: bool = False,
) -> tuple[TextLine, ...]:
    """One finding in full; ``evidence`` unfolds what was measured.

    ``mends``: a key of the page does what the remedy says.
    """
    aside = is_aside(finding, set_aside)
    problem = finding.status in PROBLEMS
    values = {
        "status": status_words(finding.status),
        "subject": subject_words(finding.check, finding.subject),
        "vantage": vantage_words(finding.vantage),
        "sure": SURE[finding.confidence],
    }
    if problem:
        head = msg("{status} ({sure}) · {subject} · from {vantage}", **values)
    else:
        del values["sure"]
        head = msg("{status} · {subject} · from {vantage}", **values)
    kind = "muted" if aside else status_class(finding.status)
    lines = [TextLine(head, kind, GLYPHS[finding.status]), TextLine(finding.summary, "strong")]
    if aside:
        lines.append(TextLine(msg("You set this aside. It is still measured and counted."), ""))
    if problem and (why := why_words(finding)) is not None:
        lines.append(TextLine(why))
    if finding.because is not None:
        check, subject, vantage = finding.because
        about = {"subject": subject_words(check, subject), "vantage": vantage_words(vantage)}
        lines.append(TextLine(msg("Follows from: {subject}, from {vantage}.", **about)))
    lines.extend(_mending(finding))
    if mends:
        lines.append(TextLine(msg("{key}  does this", key=CHANGE_KEY), "muted"))
    if finding.evidence:
        lines.extend(_evidence(finding, evidence))
    return tuple(lines)


def _mending(finding: Finding) -> tuple[TextLine, ...]:
    mend = finding.remedy
    if mend is None:
        return ()
    if mend.who is Mender.NOBODY:
        return (TextLine(mend.text),)
    return (TextLine(msg("{who}: {how}", who=MENDERS[mend.who], how=mend.text)),)


def _evidence(finding: Finding, shown: bool) -> tuple[TextLine, ...]:
    if not shown:
        return (TextLine(msg("{key}  shows what was measured", key=EVIDENCE_KEY), "muted"),)
    return (
        TextLine(msg("What was measured:"), "muted"),
        *(TextLine(line, "muted", indent=2) for line in finding.evidence),
    )


def cell_lines(
    row: Row,
    vantage: str,
    cell: Cell,
    *,
    evidence: bool = False,
    set_aside: Collection[str] = (),
    mends: bool = False,
) -> tuple[TextLine, ...]:
    """What a cell opens to: its finding in full, or a list of several."""
    if not cell.findings:
        text = msg("This is being measured now.") if cell.pending else msg("Nothing to see here.")
        return (TextLine(text, "muted"),)
    if len(cell.findings) == 1:
        return finding_lines(cell.findings[0], evidence=evidence, set_aside=set_aside, mends=mends)
    head: Message = msg("{check} · from {vantage}", check=row.label, vantage=vantage_words(vantage))
    lines = [TextLine(head, "strong")]
    for finding in cell.findings:
        aside = is_aside(finding, set_aside)
        words = msg("{summary} (set aside)", summary=finding.summary) if aside else finding.summary
        kind = "muted" if aside or finding.status is Status.SKIPPED else ""
        lines.append(TextLine(words, kind or status_class(finding.status), GLYPHS[finding.status]))
    return tuple(lines)
