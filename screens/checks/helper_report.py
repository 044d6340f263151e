"""What was found, as Markdown for someone who helps. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from assistant.export.markdown import Page
from assistant.findings.comparison import PROBLEMS, is_aside
from assistant.findings.model import Finding
from assistant.text import Message, msg
from checks.verdict import by_urgency
from screens.checks.finding_words import MENDERS, SURE, subject_words, vantage_words, why_words
from screens.checks.records_view import RecordState, record_words
from screens.widgets.status import GLYPHS, status_words


def report_markdown(
    name: str,
    findings: Sequence[Finding],
    records: Sequence[RecordState],
    *,
    language: str,
    at: datetime | None = None,
    set_aside: Collection[str] = (),
) -> str:
    """The findings, the worst first, with all that was measured, and the records."""
    page = Page(language)
    page.heading(msg("What the checks of {name} found", name=name), 1)
    page.paragraph(
        msg(
            "Written by matrix-assistant for someone who helps. It names the domain and the"
            " servers; there are no passwords in it."
        )
    )
    if at is not None:
        page.paragraph(msg("Measured at {time} (UTC).", time=f"{at:%Y-%m-%d %H:%M}"))
    page.heading(msg("Needs attention"))
    problems = [finding for finding in by_urgency(findings) if finding.status in PROBLEMS]
    for finding in problems:
        _write(page, finding, aside=is_aside(finding, set_aside))
    if not problems:
        page.paragraph(msg("Nothing."))
    if records:
        page.heading(msg("DNS records"))
        for state in records:
            page.item(record_words(state))
            if state.record.must == "exist":
                page.block(*state.record.line.split("\n"))
    page.heading(msg("Everything else"))
    for finding in findings:
        if finding.status not in PROBLEMS:
            page.item(_line(finding))
    return page.text()


def _line(finding: Finding) -> Message:
    return msg(
        "{glyph} {status} · {subject} · from {vantage}: {summary}",
        glyph=GLYPHS[finding.status],
        status=status_words(finding.status),
        subject=subject_words(finding.check, finding.subject),
        vantage=vantage_words(finding.vantage),
        summary=finding.summary,
    )


def _write(page: Page, finding: Finding, *, aside: bool) -> None:
    page.heading(_line(finding), 3)
    if aside:
        page.item(msg("Set aside: the person knows of it."))
    why = why_words(finding)
    if why is not None:
        page.item(msg("Why it matters: {why}", why=why))
    page.item(msg("How sure this is: {sure}.", sure=SURE[finding.confidence]))
    if finding.remedy is not None:
        page.item(msg("{who}: {how}", who=MENDERS[finding.remedy.who], how=finding.remedy.text))
    page.item(
        msg(
            "Identifiers: {check}, {subject}, {cause}",
            check=finding.check,
            subject=finding.subject,
            cause=finding.cause or "-",
        )
    )
    if finding.evidence:
        page.block(*finding.evidence)
