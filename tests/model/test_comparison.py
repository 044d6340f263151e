"""What changed between two sets of findings, and what was set aside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from assistant.findings.comparison import ChangeKind, aside_key, compare, count, is_aside, toggled
from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Status
from assistant.setup.file_format import dump_record, dump_setup, parse_record, parse_setup
from assistant.setup.model import Setup
from assistant.setup.updates import with_findings
from assistant.text import msg
from tests.support.checks_values import setup

OK, WARNING, FAILED = Status.OK, Status.WARNING, Status.FAILED
UNKNOWN, SKIPPED = Status.UNKNOWN, Status.SKIPPED


def finding(
    status: Status = FAILED,
    cause: str = "",
    subject: str = "outside memory",
    check: str = "host",
    vantage: str = "outside",
    **values: Any,
) -> Finding:
    return Finding(
        check=check,
        subject=subject,
        vantage=vantage,
        status=status,
        cause=cause or ("" if status is OK else "some-cause"),
        summary=msg("{host} answers after {ms} ms.", host="outside", ms=values.get("ms", 20)),
        confidence=Confidence.HIGH,
    )


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (OK, FAILED, ChangeKind.NEW),
        (OK, WARNING, ChangeKind.NEW),
        (SKIPPED, FAILED, ChangeKind.NEW),
        (WARNING, FAILED, ChangeKind.WORSE),
        (UNKNOWN, FAILED, ChangeKind.WORSE),
        (FAILED, WARNING, ChangeKind.BETTER),
        (FAILED, OK, ChangeKind.GONE),
        (UNKNOWN, OK, ChangeKind.GONE),
        (OK, OK, None),
        (FAILED, FAILED, None),
        (SKIPPED, OK, None),
        (OK, SKIPPED, None),
    ],
)
def test_a_status_that_moved(before: Status, now: Status, kind: ChangeKind | None) -> None:
    changes = compare([finding(before)], [finding(now)]).changes
    assert [change.kind for change in changes] == ([kind] if kind else [])


def test_other_figures_are_no_change() -> None:
    assert compare([finding(WARNING, ms=401)], [finding(WARNING, ms=455)]).changes == ()


def test_another_cause_is_told_even_when_it_is_as_bad() -> None:
    found = compare([finding(FAILED, "record-missing")], [finding(FAILED, "record-wrong")])
    assert [change.kind for change in found.changes] == [ChangeKind.OTHER]


def test_a_problem_without_a_successor_is_gone_when_its_check_ran() -> None:
    stale = finding(WARNING, "record-stale", "chat.example.org A at 8.8.8.8", "dns", THIS_COMPUTER)
    right = finding(OK, "", "chat.example.org A", "dns", THIS_COMPUTER)
    found = compare([stale, right], [right])
    assert [(change.kind, change.finding) for change in found.changes] == [(ChangeKind.GONE, stale)]
    assert compare([stale], [finding(OK)]).changes == ()


@pytest.mark.parametrize(
    "instead",
    [
        finding(SKIPPED, "earlier-problem", "outside", vantage=THIS_COMPUTER),
        finding(SKIPPED, "no-vantage", "outside"),
        finding(UNKNOWN, "vantage-lost", "outside"),
        finding(UNKNOWN, "check-broke", "host", vantage=THIS_COMPUTER),
        finding(SKIPPED, "earlier-problem"),
    ],
)
def test_what_was_not_tried_is_neither_gone_nor_new(instead: Finding) -> None:
    found = compare([finding(FAILED), finding(OK, subject="outside disk")], [instead])
    assert found.changes == ()
    assert finding(FAILED) in found.unseen


def test_another_subject_held_back_does_not_excuse_this_one() -> None:
    other = finding(SKIPPED, "earlier-problem", "inside", vantage=THIS_COMPUTER)
    found = compare([finding(FAILED)], [other])
    assert [change.kind for change in found.changes] == [ChangeKind.GONE]
    assert found.unseen == ()


def test_the_worst_news_comes_first() -> None:
    before = [finding(FAILED, subject="a"), finding(WARNING, subject="b"), finding(OK, subject="c")]
    now = [finding(OK, subject="a"), finding(FAILED, subject="b"), finding(WARNING, subject="c")]
    kinds = [change.kind for change in compare(before, now).changes]
    assert kinds == [ChangeKind.NEW, ChangeKind.WORSE, ChangeKind.GONE]


def test_a_finding_set_aside_is_marked_counted_and_can_come_back() -> None:
    known = finding(WARNING)
    names = toggled((), known)
    assert names == ("host|outside memory|outside",) == (aside_key(known),)
    assert is_aside(known, names)
    assert not is_aside(finding(OK), names)
    assert not is_aside(finding(WARNING, vantage=THIS_COMPUTER), names)
    assert toggled(names, known) == ()
    counted = count([known, finding(FAILED, subject="x"), finding(OK, subject="y")], names)
    assert (counted.aside, counted.warning, counted.failed, counted.ok) == (1, 0, 1, 1)


def test_one_set_aside_is_told_when_it_gets_worse() -> None:
    assert compare([finding(WARNING)], [finding(FAILED)]).changes[0].kind is ChangeKind.WORSE


def test_what_is_set_aside_is_saved_and_makes_no_finding_stale() -> None:
    checked = with_findings(setup(), (finding(WARNING),), datetime(2026, 1, 2, tzinfo=UTC))
    aside = checked.model_copy(update={"set_aside": ("dns|中文.example A|this computer", "a|b|c")})
    assert aside.inputs == checked.inputs
    assert aside.current_findings == checked.current_findings
    read = parse_setup(dump_setup(aside), "family.toml").setup
    record = parse_record(dump_record(aside), "family.json")
    whole = read.model_copy(update={"findings": record.findings, "history": record.history})
    assert whole == aside
    assert Setup.model_validate_json(aside.model_dump_json()) == aside


def test_a_file_from_before_there_was_setting_aside_is_read() -> None:
    text = dump_setup(setup())
    old = text.replace("set_aside = []\n", "")
    assert old != text
    assert parse_setup(old, "family.toml").setup == setup()
