"""The page of the checks: the grid as values, then the page with a made-up outside."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from rich.cells import cell_len

from assistant.common.errors import AssistantError
from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Mender, Remedy, Status
from assistant.plan.compile import compile_plan
from assistant.setup.history import was_applied
from assistant.setup.updates import with_findings
from assistant.text import Message, msg, render
from assistant.wizard.steps import Step
from screens.checks.check_work import CHECK, WAIT, CheckWork, merged, wait_for_records
from screens.checks.checks import ChecksPage
from screens.checks.finding_view import finding_lines
from screens.checks.finding_words import age_words, subject_words
from screens.checks.grid import (
    Grid,
    Place,
    head_lines,
    make_grid,
    make_layout,
    most_urgent,
    moved,
    row_spans,
    settled,
)
from screens.checks.grid_view import FindingGrid
from screens.checks.helper_report import report_markdown
from screens.checks.records_view import Seen, all_seen, copy_text, record_lines, record_states
from screens.widgets.styled_lines import Lines
from tests.support.screens_stand_in import known_services, run_app, screen_lines, screen_text, until
from tests.support.screens_values import (
    FINDINGS,
    GOOD_FINDINGS,
    NAME,
    ODD,
    ODD_SHOWN,
    SETUP_NAME,
    applied_setup,
    draft,
    error,
    setup,
    with_odd_text,
)

OK, WARNING, FAILED = Status.OK, Status.WARNING, Status.FAILED
UNKNOWN, SKIPPED = Status.UNKNOWN, Status.SKIPPED
HERE = THIS_COMPUTER
TITLES = {"dns": msg("Names"), "host": msg("Servers"), "tls": msg("Certificates")}


def finding(
    check: str, subject: str, vantage: str, status: Status, cause: str = "", **more: Any
) -> Finding:
    summary = more.pop("summary", msg("{subject} seen", subject=subject))
    more.setdefault("confidence", Confidence.CERTAIN)
    return Finding(
        check=check, subject=subject, vantage=vantage, status=status, cause=cause, summary=summary,
        **more,
    )  # fmt: skip


def english(message: Message | str) -> str:
    return message if isinstance(message, str) else render(message)


def chinese(message: Message | str) -> str:
    """Every letter as a wide character, as in a translation."""
    return "".join("测" if c.isalpha() else c for c in english(message))


def rows(grid: Grid) -> list[tuple[str, list[str]]]:
    """Subject (or check) and what its cells show: status, pending (…), set aside (s)."""
    return [
        (
            row.subject or row.check,
            [
                "" if cell.empty else ("…" if cell.pending else "")
                + (cell.status.value if cell.status else "") + ("s" if cell.aside else "")
                for cell in row.cells
            ],
        )
        for row in grid.rows
    ]  # fmt: skip


# -- the grid as values ----------------------------------------------------------


@pytest.mark.parametrize(
    ("findings", "more", "wanted"),
    [
        ([], {}, []),
        (
            [finding("host", "a memory", "a", OK), finding("host", "a disk", "a", OK)],
            {},
            [("host", ["", "ok"])],
        ),
        (
            [finding("host", "a memory", "a", WARNING), finding("host", "a disk", "a", OK)],
            {},
            [("host", ["", "warning"]), ("a memory", ["", "warning"])],
        ),
        (
            [finding("host", "a memory", "a", OK), finding("host", "a disk", "a", OK)],
            {"unfolded": True},
            [("host", ["", "ok"]), ("a memory", ["", "ok"]), ("a disk", ["", "ok"])],
        ),
        # One subject: the row of the check says it all.
        ([finding("tls", "a n itself", "a", FAILED)], {}, [("tls", ["", "failed"])]),
        (
            [finding("tls", "x", HERE, SKIPPED), finding("tls", "x", "a", OK)],
            {},
            [("tls", ["skipped", "ok"])],
        ),
        # In the order of the titles, whatever the order of the findings; unknown checks last.
        (
            [finding("new", "z", HERE, OK), finding("tls", "x", HERE, OK),
             finding("dns", "y", HERE, OK)],
            {},
            [("dns", ["ok", ""]), ("tls", ["ok", ""]), ("new", ["ok", ""])],
        ),
        # What is measured now: with what was known before, or alone.
        (
            [finding("dns", "y", HERE, OK)],
            {"pending": {"dns", "host"}},
            [("dns", ["…ok", ""]), ("host", ["…", ""])],
        ),
        # Set aside: shown, marked, and not what the check is judged by.
        (
            [finding("host", "a memory", "a", WARNING), finding("host", "a disk", "a", OK)],
            {"set_aside": {"host|a memory|a"}},
            [("host", ["", "oks"]), ("a memory", ["", "warnings"])],
        ),
        (
            [finding("host", "a memory", "a", WARNING), finding("host", "a disk", "a", FAILED)],
            {"set_aside": {"host|a memory|a"}},
            [("host", ["", "failed"]), ("a memory", ["", "warnings"]), ("a disk", ["", "failed"])],
        ),
    ],
)  # fmt: skip
def test_findings_become_rows_and_cells(
    findings: list[Finding], more: dict[str, Any], wanted: list[tuple[str, list[str]]]
) -> None:
    grid = make_grid(findings, vantages=(HERE, "a"), titles=TITLES, **more)
    assert rows(grid) == wanted
    assert grid.vantages == (HERE, "a")


def test_a_place_only_findings_name_gets_the_last_column() -> None:
    found = [finding("dns", "x", "elsewhere", OK)]
    assert make_grid(found, vantages=(HERE,), titles=TITLES).vantages == (HERE, "elsewhere")


def several(count: int = 3) -> Grid:
    """A grid with some places and a subject of every status."""
    places = (HERE, *(f"host{n}" for n in range(1, count)))
    found = [
        finding("dns", "chat.example.org A", place, status)
        for place, status in zip(
            places, (OK, FAILED, UNKNOWN, WARNING, SKIPPED, OK, OK, OK, OK), strict=False
        )
    ]
    found += [finding("dns", "chat.example.org AAAA", HERE, OK)]
    return make_grid(found, vantages=places, titles=TITLES)


@pytest.mark.parametrize("say", [english, chinese])
@pytest.mark.parametrize("count", [1, 2, 3, 6, 9])
@pytest.mark.parametrize("width", [20, 40, 56, 76, 116, 200])
def test_no_line_is_wider_than_there_is_room(say: Any, count: int, width: int) -> None:
    grid = several(count)
    layout = make_layout(grid, width, say)
    lines = [*head_lines(grid, layout, width, say)]
    lines += [row_spans(row, layout, say, selected=0) for row in grid.rows]
    for line in lines:
        assert cell_len("".join(span.text for span in line)) <= max(width, 2 * count + 1)
    cells = [row_spans(row, layout, say) for row in grid.rows]
    starts = {tuple(cell_len(span.text) for span in line) for line in cells}
    assert len(starts) == 1, "columns stand below one another"


def test_a_grid_says_words_where_there_is_room_then_glyphs_then_folds() -> None:
    wide = make_layout(several(3), 116, english)
    glyphs = make_layout(several(3), 60, english)
    folded = make_layout(several(6), 56, english)
    assert (wide.words, wide.folded) == (True, False)
    assert (glyphs.words, glyphs.folded) == (False, False)
    assert (folded.words, folded.folded) == (False, True)
    heads = head_lines(several(6), folded, 56, english)
    shown = "\n".join("".join(span.text for span in line).rstrip() for line in heads)
    assert "1 this computer  2 host1" in shown
    assert shown.splitlines()[-1].endswith("1 2 3 4 5 6")
    line = "".join(s.text for s in row_spans(several(6).rows[1], folded, english))
    assert line.rstrip().endswith("✓ ✗ ? ! – ✓")


def test_a_cell_has_glyph_and_word() -> None:
    layout = make_layout(several(2), 76, english)
    assert "✗ failed" in "".join(s.text for s in row_spans(several(2).rows[0], layout, english))


def test_the_cursor_moves_over_what_is_not_empty_and_stays_at_the_edges() -> None:
    found = [
        finding("dns", "x", HERE, OK),
        finding("dns", "x", "b", OK),
        finding("host", "y", "b", OK),
    ]
    grid = make_grid(found, vantages=(HERE, "a", "b"), titles=TITLES)
    start = Place("dns", "", HERE)
    assert moved(grid, start, 0, 1) == Place("dns", "", "b")
    assert moved(grid, start, 0, -1) == start
    assert moved(grid, start, -1, 0) == start
    assert moved(grid, start, 1, 0) == Place("host", "", "b")
    assert moved(grid, start, 1000, 0) == Place("host", "", "b")
    assert moved(grid, None, 1, 0) == start
    assert moved(Grid(), None, 1, 0) is None


def test_the_worst_is_looked_at_first_and_a_lost_selection_falls_back() -> None:
    found = [
        finding("dns", "x", HERE, WARNING),
        finding("host", "a memory", "a", FAILED),
        finding("host", "a disk", "a", OK),
    ]
    grid = make_grid(found, vantages=(HERE, "a"), titles=TITLES)
    worst = Place("host", "a memory", "a")
    assert most_urgent(grid) == worst
    aside = make_grid(found, vantages=(HERE, "a"), titles=TITLES, set_aside={"host|a memory|a"})
    assert most_urgent(aside) == Place("dns", "", HERE)
    assert settled(grid, worst) == worst
    mended = make_grid([*found[:1], found[2]], vantages=(HERE, "a"), titles=TITLES)
    assert settled(mended, worst) == Place("host", "", "a")
    assert settled(mended, Place("gone", "", HERE)) == Place("dns", "", HERE)


@pytest.mark.parametrize(
    ("check", "subject", "words"),
    [
        ("host", "outside memory", "outside: memory"),
        ("host", "outside port 443", "outside: port 443"),
        ("host", "outside something", "outside something"),
        ("ports-before", "outside tcp/443 203.0.113.9", "outside: port 443 (203.0.113.9)"),
        ("ports-before", "outside tcp/443", "outside: port 443"),
        ("ports-after", "unplanned ports of outside 2001:db8::1", "outside: all other ports"),
        ("dns", "chat.example.org A", "chat.example.org: A record"),
        ("dns", "chat.example.org A at 9.9.9.9", "chat.example.org: A record, at 9.9.9.9"),
        ("dns", "chat.example.org system resolver", "chat.example.org, as programs look it up"),
        ("dns", "chat.example.org forging", "chat.example.org: forged answers"),
        ("tls", "outside chat.example.org itself", "chat.example.org, on the server itself"),
        ("tls", "outside chat.example.org 203.0.113.9", "chat.example.org at 203.0.113.9"),
        ("matrix", "outside registration", "outside: closed to strangers"),
        ("reachability", "outside", "outside"),
        ("dns", ODD, ODD),
    ],
)
def test_subjects_are_said_in_words(check: str, subject: str, words: str) -> None:
    assert render(subject_words(check, subject)) == words


def test_ages_are_rough() -> None:
    now = setup().created
    ages = [
        render(age_words(now.replace(day=1), now.replace(day=1, minute=minute)))
        for minute in (0, 5)
    ]
    assert ages == ["just now", "5 min ago"]
    assert render(age_words(now, now.replace(month=3, day=9))) == "8 days ago"


# -- findings, records, report ---------------------------------------------------


def test_an_opened_finding_says_what_why_how_sure_who_and_how() -> None:
    shown = finding(
        "dns", f"{NAME} A", HERE, FAILED, "record-missing",
        summary=msg("{name} has no {type} record yet.", name=NAME, type="A"),
        confidence=Confidence.MEDIUM,
        evidence=("ns1: NXDOMAIN", "ns2: NXDOMAIN"),
        remedy=Remedy(who=Mender.REGISTRAR, text=msg("Add this record.")),
    )  # fmt: skip
    folded = [render(line.text) if isinstance(line.text, Message) else line.text
              for line in finding_lines(shown)]  # fmt: skip
    assert folded == [
        f"failed (likely) · {NAME}: A record · from this computer",
        f"{NAME} has no A record yet.",
        "Apps find the server by this name; a wrong record leads them nowhere.",
        "Where your domain is managed: Add this record.",
        "v  shows what was measured",
    ]
    unfolded = [line.text for line in finding_lines(shown, evidence=True)]
    assert unfolded[-2:] == ["ns1: NXDOMAIN", "ns2: NXDOMAIN"]
    assert finding_lines(shown)[0].glyph == "✗"


RECORDS = compile_plan(setup()).records


@pytest.mark.parametrize(
    ("status", "cause", "seen"),
    [
        (OK, "", Seen.SEEN),
        (WARNING, "servers-differ", Seen.PARTLY),
        (FAILED, "record-missing", Seen.MISSING),
        (FAILED, "record-wrong", Seen.OTHER),
        (UNKNOWN, "servers-silent", Seen.UNKNOWN),
        (SKIPPED, "earlier-problem", Seen.UNKNOWN),
    ],
)
def test_records_are_seen_by_the_findings_about_them(
    status: Status, cause: str, seen: Seen
) -> None:
    states = record_states(RECORDS, [finding("dns", f"{NAME} A", HERE, status, cause)])
    assert {f"{s.record.type}": s.seen for s in states} == {"A": seen, "AAAA": Seen.UNKNOWN}
    assert not all_seen(states)


def test_records_to_copy_stand_alone_on_their_lines() -> None:
    states = record_states(RECORDS, FINDINGS)
    lines = record_lines(states)
    assert f"{NAME}. 300 IN A 203.0.113.9" in [line.text for line in lines]
    assert copy_text(states) == f"{NAME}. 300 IN A 203.0.113.9\n"
    words = [render(line.text) for line in lines if isinstance(line.text, Message)]
    assert "not yet seen" in words
    assert f"not there, as it should be: AAAA of {NAME}" in words
    other = record_states(RECORDS, [finding("dns", f"{NAME} AAAA", HERE, FAILED, "record-present")])
    shown = [render(line.text) for line in record_lines(other) if isinstance(line.text, Message)]
    assert f"delete this record: AAAA of {NAME}" in shown


def test_the_report_for_a_helper_has_everything_and_no_markup_from_outside() -> None:
    odd = with_odd_text(FINDINGS[3])
    text = report_markdown(
        "family", (*FINDINGS, odd), record_states(RECORDS, FINDINGS), language="en"
    )
    assert f"{NAME}. 300 IN A 203.0.113.9" in text
    assert "ns1.example.org: NXDOMAIN" in text
    assert "record-missing" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.index("Needs attention") < text.index("Everything else")


def test_checks_that_report_again_replace_their_findings() -> None:
    old = [finding("dns", "a", HERE, FAILED), finding("host", "b", "a", OK)]
    new = [finding("dns", "c", HERE, OK)]
    assert merged(old, new) == (old[1], new[0])
    work = CheckWork(CHECK, before=tuple(old), wanted=frozenset({"dns", "tls", "dns-servers"}))
    assert (work.findings, work.pending) == (tuple(old), {"dns", "tls"})
    work.report(new[0])
    assert (work.findings, work.pending) == ((old[1], new[0]), {"tls"})


def test_whether_a_setup_was_applied() -> None:
    assert not was_applied(setup())
    assert was_applied(applied_setup())


# -- waiting ---------------------------------------------------------------------


class Looking:
    """Stands in for the services while waiting: what each look finds, or raises."""

    def __init__(self, *looks: Any) -> None:
        self.looks = list(looks)
        self.only: list[Any] = []

    async def check(self, name: str, talk: Any, *, only: Any, **more: Any) -> Any:
        self.only.append(only)
        found = self.looks.pop(0)
        if isinstance(found, Exception):
            raise found
        for one in found:
            more["report"](one)
        return tuple(found)


def wait(looking: Looking, rounds: int = 5) -> tuple[CheckWork, Any]:
    work = CheckWork(WAIT, setup=SETUP_NAME)

    def done(findings: Sequence[Finding]) -> bool:
        return any(f.status is OK for f in findings)

    services: Any = looking
    talk: Any = None
    job = wait_for_records(services, talk, work, done, "before", pause=0, rounds=rounds)
    return work, asyncio.run(job)


NOT_YET = [finding("dns", f"{NAME} A", HERE, FAILED, "record-missing")]
SEEN = [finding("dns", f"{NAME} A", HERE, OK)]


def test_waiting_looks_again_until_the_records_are_seen() -> None:
    looking = Looking(NOT_YET, error(), NOT_YET, SEEN, NOT_YET)
    work, found = wait(looking)
    assert found == tuple(SEEN)
    assert looking.only == [frozenset({"dns"})] * 4
    assert (work.rounds, work.trouble) == (4, None)


def test_waiting_ends_by_itself() -> None:
    assert wait(Looking(NOT_YET, NOT_YET), rounds=2)[1] == tuple(NOT_YET)
    with pytest.raises(AssistantError):
        wait(Looking(NOT_YET, error()), rounds=2)


# -- the page --------------------------------------------------------------------


def page(pilot: Any) -> ChecksPage:
    found = pilot.app.screen
    assert isinstance(found, ChecksPage)
    return found


def grid_of(pilot: Any) -> FindingGrid:
    return page(pilot).query_one(FindingGrid)


def words(pilot: Any) -> str:
    """The screen as one line of words, whatever is wrapped."""
    return " ".join(screen_text(pilot.app).replace("│", " ").split())


def opened(pilot: Any) -> str:
    """What the selected cell opens to, in English."""
    lines = page(pilot).query_one("#finding", Lines).lines
    return "\n".join(english(line.text) for line in lines)


async def checked(pilot: Any) -> None:
    await until(pilot, lambda: "g goes on anyway" in words(pilot))


def start(services: Any, test: Any, size: tuple[int, int] = (80, 24), **more: Any) -> None:
    run_app(services, test, size, start=draft(Step.CHECKS, **more.pop("draft", {})), **more)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 20)])
def test_on_entry_it_measures_and_opens_the_worst(size: tuple[int, int]) -> None:
    services = known_services()

    async def test(pilot: Any) -> None:
        await checked(pilot)
        assert services.called("check") == [(SETUP_NAME, "before", None)]
        assert "✗ 2 failed" in words(pilot)
        assert grid_of(pilot).place == Place("dns", f"{NAME} A", HERE)
        assert f"{NAME} has no A record yet." in words(pilot)
        assert "Check again" in words(pilot)

    start(services, test, size)


def test_the_grid_fills_while_it_is_measured() -> None:
    services = known_services()
    services.hold("check", after=2)

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: "2 findings so far" in words(pilot))
        text = screen_text(pilot.app)
        assert "The servers can be reached" in text
        assert "… measuring" in text
        assert page(pilot).primary is None
        await pilot.press("enter")
        services.release("check")
        await checked(pilot)
        assert len(services.called("check")) == 1

    start(services, test)


def test_the_page_can_be_left_while_it_measures_and_picks_it_up() -> None:
    services = known_services()
    services.hold("check", after=3)

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: "3 findings so far" in words(pilot))
        pilot.app.go_to(draft(Step.CHECKS))
        await pilot.pause()
        await until(pilot, lambda: "3 findings so far" in words(pilot))
        services.release("check")
        await checked(pilot)
        assert len(services.called("check")) == 1

    start(services, test)


def test_findings_of_a_moment_ago_are_not_measured_again() -> None:
    services = known_services(setups={})
    from datetime import UTC, datetime

    services.setups[SETUP_NAME] = with_findings(setup(), GOOD_FINDINGS, datetime.now(UTC))

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: "Review what will change" in words(pilot))
        assert services.called("check") == []

    start(services, test)


def test_forwards_when_nothing_stands_in_the_way() -> None:
    services = known_services(events={"check": GOOD_FINDINGS})
    went: list[Any] = []

    async def test(pilot: Any) -> None:
        pilot.app.go_to = went.append
        await until(pilot, lambda: "Review what will change" in words(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: bool(went))
        assert went == [draft(Step.REVIEW)]

    start(services, test)


def test_back_keeps_the_draft() -> None:
    went: list[Any] = []

    async def test(pilot: Any) -> None:
        await checked(pilot)
        pilot.app.go_to = went.append
        await pilot.press("escape")
        await until(pilot, lambda: bool(went))
        assert went == [draft(Step.CHECKS).model_copy(update={"step": Step.SERVERS})]

    start(known_services(), test)


def test_going_on_anyway_says_the_risk_and_asks_again() -> None:
    went: list[Any] = []

    async def test(pilot: Any) -> None:
        await checked(pilot)
        pilot.app.go_to = went.append
        await pilot.press("g")
        await until(pilot, lambda: "at my own risk" in words(pilot))
        assert "setting up may stop half-way" in words(pilot)
        await pilot.press("enter")  # the safe button has the focus
        await pilot.pause()
        assert went == []
        await pilot.press("g")
        await until(pilot, lambda: "at my own risk" in words(pilot))
        await pilot.press("escape")
        await pilot.pause()
        assert went == []
        await pilot.press("g")
        await until(pilot, lambda: "at my own risk" in words(pilot))
        await pilot.click("#yes")
        await until(pilot, lambda: bool(went))
        assert went[0].step is Step.REVIEW

    start(known_services(), test)


def test_keys_check_one_all_and_what_failed() -> None:
    services = known_services()

    async def again(pilot: Any, key: str, count: int) -> Any:
        await pilot.press(key)
        await until(pilot, lambda: len(services.called("check")) == count)
        await checked(pilot)
        return services.called("check")[-1][2]

    async def test(pilot: Any) -> None:
        await checked(pilot)
        assert await again(pilot, "r", 2) == {"dns"}
        assert await again(pilot, "R", 3) is None
        assert await again(pilot, "f", 4) == {"host", "dns", "ports-before", "tls"}
        assert await again(pilot, "enter", 5) is None

    start(services, test)


def test_arrows_and_mouse_select_and_open() -> None:
    async def test(pilot: Any) -> None:
        await checked(pilot)
        await pilot.press("home")
        await pilot.pause()
        assert "outside answers after 182 ms." in words(pilot)
        await pilot.press("down", "down")
        await pilot.pause()
        assert "960 MB of memory" in words(pilot)
        assert grid_of(pilot).place == Place("host", "outside memory", "outside")
        head = grid_of(pilot).region
        row = next(
            number for number, line in enumerate(screen_lines(pilot.app)) if "port 443 (" in line
        )
        await pilot.click(offset=(head.x + 5, row))
        await pilot.pause()
        assert "Nothing that this computer sends to port 443" in opened(pilot)

    start(known_services(), test, (120, 40))


def test_evidence_and_rows_unfold() -> None:
    async def test(pilot: Any) -> None:
        await checked(pilot)
        assert "ns1.example.org: NXDOMAIN" not in words(pilot)
        await pilot.press("v")
        await pilot.pause()
        assert "ns1.example.org: NXDOMAIN" in words(pilot)
        assert "operating system" not in words(pilot)
        await pilot.press("space")
        await pilot.pause()
        assert "operating system" in words(pilot)

    start(known_services(), test, (120, 40))


def test_a_failure_is_told_and_can_be_tried_again() -> None:
    services = known_services(errors={"check": error()})

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: "gave no answer" in words(pilot))
        assert "The checks broke off" in words(pilot)
        services.errors.clear()
        await pilot.press("enter")
        await checked(pilot)

    start(services, test)


def test_findings_of_a_run_that_broke_off_allow_nothing() -> None:
    services = known_services(events={"check": GOOD_FINDINGS}, errors={"check": error()})

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: "The checks broke off" in words(pilot))
        assert "✓ 5 ok" in words(pilot)
        assert "Review what will change" not in words(pilot)

    start(services, test)


def test_a_defect_closes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "assistant.common.crash_report.write_report", lambda error: msg("It broke.")
    )
    services = known_services(errors={"check": RuntimeError("boom")})

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: "the program itself made a mistake" in words(pilot).lower())
        services.errors.clear()
        await pilot.press("enter")
        await checked(pilot)

    start(services, test)


def test_a_setup_that_cannot_be_read_is_told() -> None:
    services = known_services(setups={})

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: "There is no setup family." in words(pilot))
        services.setups[SETUP_NAME] = setup()
        await pilot.press("enter")
        await checked(pilot)

    start(services, test)


def test_checks_can_be_stopped() -> None:
    services = known_services(events={"check": GOOD_FINDINGS})
    services.hold("check", after=3)

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: "3 findings so far" in words(pilot))
        await pilot.press("x")
        await until(pilot, lambda: "stopped before they were done" in words(pilot))
        assert "✓ 3 ok" in words(pilot)
        assert "Review what will change" not in words(pilot)
        services.release("check")
        await pilot.press("enter")
        await until(pilot, lambda: "Review what will change" in words(pilot))

    start(services, test)


def test_waiting_for_records_can_be_left_stopped_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    services = known_services()

    async def test(pilot: Any) -> None:
        await checked(pilot)
        await pilot.press("w")
        await until(pilot, lambda: "next look in" in words(pilot))
        assert services.called("check")[-1] == (SETUP_NAME, "before", frozenset({"dns"}))
        assert f"{NAME}. 300 IN A 203.0.113.9" in words(pilot)
        pilot.app.go_to(draft(Step.CHECKS))
        await until(pilot, lambda: "next look in" in words(pilot))
        await pilot.press("x")
        await checked(pilot)
        right = finding("dns", f"{NAME} A", HERE, OK, summary=msg("The record is right."))
        others = tuple(f for f in FINDINGS if f.check != "dns" or f.subject.endswith("AAAA"))
        services.events["check"] = (*others, right)
        await pilot.press("w")
        await until(pilot, lambda: "The DNS records are seen." in words(pilot))
        await until(pilot, lambda: not page(pilot).waiting)

    start(services, test, (120, 40))


def test_in_a_practice_the_records_can_be_added() -> None:
    services = known_services(practice=True)

    async def test(pilot: Any) -> None:
        await checked(pilot)
        assert "adds them for you (practice)" in words(pilot)
        await pilot.press("p")
        await until(pilot, lambda: len(services.called("check")) == 2)
        assert services.called("add_records") == [(SETUP_NAME,)]
        assert services.called("check")[-1][2] == {"dns"}

    start(services, test, (120, 40))


def test_the_report_is_written_where_the_person_wants_it() -> None:
    services = known_services()

    async def test(pilot: Any) -> None:
        await checked(pilot)
        await pilot.press("e")
        await until(pilot, lambda: "Save a report" in words(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: bool(services.files))
        ((path, text),) = services.files.items()
        assert path == "/home/anna/matrix-family-checks.md"
        assert "NXDOMAIN" in text
        await until(pilot, lambda: "/home/anna/matrix-family-checks.md" in words(pilot))
        services.errors["write_file"] = error("disk")
        await pilot.press("e")
        await until(pilot, lambda: "Save a report" in words(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "could not be written" in words(pilot))

    start(services, test, (120, 40))


def test_copying_takes_the_records() -> None:
    async def test(pilot: Any) -> None:
        await checked(pilot)
        await pilot.press("c")
        await pilot.pause()
        assert pilot.app.clipboard == f"{NAME}. 300 IN A 203.0.113.9\n"
        await pilot.press("home", "c")
        await pilot.pause()
        assert "outside answers after 182 ms." in pilot.app.clipboard

    start(known_services(), test)


def test_resizing_and_another_language_keep_selection_and_focus() -> None:
    async def test(pilot: Any) -> None:
        await checked(pilot)
        await pilot.press("home", "down", "down", "v")
        place = grid_of(pilot).place
        english_text = screen_text(pilot.app)
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert grid_of(pilot).place == place
        await pilot.press("f2")
        await pilot.pause()
        assert grid_of(pilot).place == place
        assert pilot.app.focused is grid_of(pilot)
        for line in screen_lines(pilot.app):
            assert cell_len(line) <= 60
        await pilot.press("f2")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await until(pilot, lambda: screen_text(pilot.app) == english_text)

    start(known_services(), test)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_text_from_outside_is_shown_as_it_is(size: tuple[int, int]) -> None:
    odd = with_odd_text(FINDINGS[3])
    services = known_services(events={"check": (odd,)})

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: "1 must be mended" in words(pilot))
        await pilot.press("v")
        await pilot.pause()
        lines = page(pilot).query_one("#finding", Lines).render_line(0)
        assert lines is not None
        assert "[red]no[/b] red" in words(pilot)
        assert "\x1b]0" not in screen_text(pilot.app)
        assert ODD_SHOWN[:12] in words(pilot)

    start(services, test, size)
