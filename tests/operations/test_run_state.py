"""How far a run is: folded from its events, whatever is missing, odd or too much."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.onhost.resources import Directory, Packages
from assistant.operations.follow import HostResult
from assistant.operations.run_state import (
    CHAPTERS,
    LOG_LINES,
    HostRun,
    ended,
    fold,
    planned_steps,
    total_share,
)
from assistant.operations.run_time import about, counted, elapsed, in_step, left
from assistant.plan.compile import compile_plan
from assistant.plan.estimates import expected_megabytes, expected_seconds
from assistant.setup.history import standing
from tests.support.plan_setups import setup, several
from tests.support.screens_runs import APPLY_EVENTS, APPLY_FAILED, APPLY_FAILED_EVENTS
from tests.support.screens_values import NOW, ODD, ODD_SHOWN, OUTSIDE, RUN, applied_setup
from tests.support.screens_values import setup as stand_in_setup


@cache
def planned() -> HostRun:
    made = setup()
    return HostRun(OUTSIDE, steps=planned_steps(made, made.hosts[0]))


def whole_run(*, skip: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """The events of an apply of everything that is planned, some of them lost."""
    steps = planned().steps
    events: list[dict[str, Any]] = [{"event": "run", "run": RUN, "total": len(steps)}]
    for index, step in enumerate(steps, 1):
        events.append({"event": "started", "id": step.id, "title": step.title, "index": index})
        events.append({"event": "changed", "id": step.id, "seconds": 2.0})
    events.append({"event": "finished", "ok": True})
    return [
        {"seq": number, "at": 1000.0 + number, **event}
        for number, event in enumerate(events)
        if number not in skip
    ]


def test_the_plan_gives_every_step_a_chapter_and_a_time() -> None:
    made = setup()
    steps = planned_steps(made, made.hosts[0])
    assert [step.id for step in steps] == [r.id for r in compile_plan(made).hosts[0].resources]
    everything = list(steps)
    for option in (3, 4):
        linked = several(option, settings={"outside_link": "wrapped", "private_resolver": True,
                                           "workers": 1})  # fmt: skip
        for host in linked.hosts:
            everything += planned_steps(linked, host)
    assert {step.chapter for step in everything} >= set(CHAPTERS) - {"other", "dyndns"}
    assert "other" not in {step.chapter for step in everything}
    assert all(step.expected > 0 for step in steps)
    quick = planned_steps(made, made.hosts[0], [step.id for step in steps])
    assert sum(step.expected for step in quick) < 5 < 60 < sum(step.expected for step in steps)


def test_a_run_without_a_plan_still_folds() -> None:
    run = fold(HostRun(OUTSIDE), [p.event for p in APPLY_EVENTS], 5.0)
    assert (run.settled, run.count, run.ok, run.phase) == (9, 9, True, "ended")


def test_a_whole_run() -> None:
    run = fold(planned(), whole_run(), 10.0)
    assert run.settled == run.count == run.changed == len(planned().steps) > 50
    assert (run.ok, run.phase, run.share, run.current) == (True, "ended", 1.0, None)


def test_in_pieces_it_is_the_same_as_at_once() -> None:
    events = whole_run()
    piece_by_piece = planned()
    for event in events:
        piece_by_piece = fold(piece_by_piece, [event], 10.0)
    assert piece_by_piece == fold(planned(), events, 10.0)


def test_events_that_were_dropped_are_inferred_from_later_ones() -> None:
    events = whole_run()
    run = fold(planned(), events[60:62], 10.0)
    assert run.settled == 29 + 1
    assert run.steps[31].state == "waiting"
    assert fold(planned(), whole_run(skip=tuple(range(1, 100))), 10.0).settled == len(
        planned().steps
    )


def test_the_present_step_and_its_time() -> None:
    run = fold(planned(), whole_run()[:4], 100.0)
    assert run.current == 1
    assert in_step(run, 107.0) == pytest.approx(7.0)
    assert run.steps[1].state == "running"


def test_a_lost_connection_passes_and_time_goes_on() -> None:
    run = fold(planned(), whole_run()[:4], 100.0)
    run = fold(run, [{"event": "reconnecting", "attempt": 2, "wait": 2.0, "cause": "dropped"}], 101)
    assert (run.phase, run.attempt) == ("reconnecting", 2)
    assert elapsed(run, 131.0) >= 31.0
    run = fold(run, [{"event": "output", "text": "on\n", "at": 1033.0}], 131.0)
    assert (run.phase, run.line) == ("running", "on")


def test_a_run_that_is_joined_counts_the_time_before() -> None:
    events = [{**event, "at": 1000.0 + 10 * event["seq"]} for event in whole_run()[:6]]
    run = fold(planned(), events, 500.0)
    assert elapsed(run, 500.0) == pytest.approx(50.0)
    assert elapsed(run, 503.0) == pytest.approx(53.0)


def test_a_clock_that_jumps_does_not_make_time_absurd() -> None:
    events = [{"event": "output", "at": at} for at in (1000.0, 5.0, 1e18, math.nan, "soon", True)]
    run = fold(planned(), events, 10.0)
    assert 0 <= elapsed(run, 11.0) <= 3700


def test_time_stands_still_after_the_end() -> None:
    run = fold(planned(), whole_run(), 10.0)
    assert elapsed(run, 10_000.0) == elapsed(run, 10.0)
    assert left(run, 10_000.0).seconds == 0


def test_time_left_shrinks_is_never_negative_and_says_when_it_is_over() -> None:
    run = planned()
    before = left(run, 0.0).seconds
    assert before > 100
    run = fold(run, whole_run()[:20], 30.0)
    assert 0 < left(run, 30.0).seconds < before
    assert not left(run, 30.0).over
    late = left(fold(run, whole_run()[20:22], 31.0), 31.0 + 3600)
    assert late.seconds >= 0
    assert late.over


def test_a_slow_server_is_expected_to_stay_slow() -> None:
    events = [{**event, "seconds": 60.0} for event in whole_run()[:41]]
    slow = left(fold(planned(), events, 30.0), 30.0).seconds
    assert slow > 1.5 * left(fold(planned(), whole_run()[:41], 30.0), 30.0).seconds


def test_the_firewall_waits_to_be_confirmed() -> None:
    run = fold(planned(), [{"event": "confirm", "token": "t", "seconds": 60}], 1.0)
    assert run.phase == "confirming"
    assert fold(run, [{"event": "confirmed", "token": "t"}], 2.0).phase == "running"
    assert fold(run, [{"event": "unconfirmed", "token": "t"}], 2.0).unconfirmed


def test_a_failure_keeps_cause_step_and_last_lines() -> None:
    run = fold(HostRun(OUTSIDE), [p.event for p in APPLY_FAILED_EVENTS], 3.0)
    assert run.failure is not None
    assert (run.failure.cause, run.failure.title) == ("disk-full", "Synapse")
    assert run.failure.tail[-1] == ODD_SHOWN
    assert (run.ok, run.phase) == (False, "ended")
    states = [step.state for step in run.steps]
    assert states == ["same", "done", "done", "failed"]
    assert ended(run, APPLY_FAILED[0]).failure == run.failure


def test_the_outcome_settles_what_no_event_told() -> None:
    run = ended(planned(), APPLY_FAILED[0])
    assert run.failure is not None
    assert run.failure.title == "Synapse"
    good = ended(planned(), HostResult(OUTSIDE, RUN, True, 1.0))
    assert (good.settled, good.phase, good.run) == (len(planned().steps), "ended", RUN)
    stopped = ended(planned(), HostResult(OUTSIDE, RUN, False, 1.0, stopped=True, cause="unknown"))
    assert (stopped.failure, stopped.stopped) == (None, True)


def test_an_undo_names_its_own_steps() -> None:
    events: list[dict[str, Any]] = [
        {"event": "run", "run": RUN, "what": "undo", "total": 2},
        {"event": "started", "id": "file:/x", "title": "A file", "index": 1},
        {"event": "changed", "id": "file:/x", "seconds": 0.1},
        {"event": "started", "id": "packages:base", "title": "Basics", "index": 2},
    ]
    run = fold(planned(), events, 1.0)
    assert (run.what, run.count, run.settled) == ("undo", 2, 1)
    assert left(run, 1.0).seconds < 5
    run = fold(
        run, [{"event": "kept", "id": "packages:base"}, {"event": "finished", "ok": True}], 2
    )
    assert (run.settled, run.changed, run.share) == (2, 1, 1.0)


def test_the_log_is_bounded_cleaned_and_counted() -> None:
    run = planned()
    for number in range(50):
        text = "".join(f"{number} {line} {ODD}\n" for line in range(100))
        run = fold(run, [{"event": "output", "text": text}], 1.0)
    assert (len(run.log), run.logged) == (LOG_LINES, 5000)
    assert run.log[-1] == f"49 99 {ODD_SHOWN}"
    assert all("\x1b" not in line for line in run.log)
    long = fold(run, [{"event": "output", "text": "x" * 100_000}], 1.0)
    assert len(long.log[-1]) <= 500


def test_memory_stays_flat() -> None:
    run = planned()
    events = [{"event": "output", "id": "a", "text": f"line {n} …\n"} for n in range(1000)]
    run = fold(run, events, 1.0)
    tracemalloc.start()
    run = fold(run, events, 1.0)
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(30):
        run = fold(run, events, 1.0)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 300_000


_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())
_names = st.sampled_from(
    (
        *("run", "started", "output", "changed", "unchanged", "kept", "failed", "confirm"),
        *("confirmed", "unconfirmed", "finished", "result", "reconnecting", "busy", "else"),
    )
)
_fields = st.sampled_from(
    ("id", "title", "index", "seconds", "text", "tail", "cause", "at", "total", "run", "what", "ok")
)
_events = st.builds(
    lambda name, values: {**values, "event": name}, _names, st.dictionaries(_fields, _values)
)


@given(st.lists(_events, max_size=12))
def test_whatever_a_host_says_is_folded(events: list[dict[str, Any]]) -> None:
    run = fold(planned(), events, 5.0)
    expected = left(run, 6.0)
    assert expected.seconds >= 0
    assert elapsed(run, 6.0) >= 0
    assert 0 <= run.share <= 1
    assert 0 <= run.settled <= run.count


def test_lengths_of_time_in_words() -> None:
    assert [str(about(s)) for s in (0, 44, 60, 100, 180, 1200)] == [
        "less than a minute",
        "less than a minute",
        "about a minute",
        "about 2 minutes",
        "about 3 minutes",
        "about 20 minutes",
    ]
    assert [str(counted(s)) for s in (0.4, 61, 3700)] == ["0 s", "1 min 1 s", "1 h 1 min"]


def test_costs() -> None:
    small = Directory(title="x", path="/x")
    big = Packages(title="x", group="x", names=("postgresql", "nginx"))
    assert expected_seconds(small) < 1 < expected_seconds(big)
    assert expected_megabytes([small]) == 0
    assert expected_megabytes([small, big]) == 250


def test_what_the_setup_remembers() -> None:
    made = stand_in_setup()
    assert standing(made) == "new"
    done = applied_setup()
    assert standing(done) == "done"
    entry = done.history[0]
    for what, ok, expected in (("applied", False, "failed"), ("undone", True, "undone")):
        later = entry.model_copy(update={"what": what, "ok": ok, "at": NOW})
        assert standing(done.model_copy(update={"history": (entry, later)})) == expected
    gone = entry.model_copy(update={"what": "undone", "host": "home", "at": NOW})
    assert standing(done.model_copy(update={"history": (entry, gone)})) == "done"


def test_several_hosts_together() -> None:
    one = fold(planned(), whole_run(), 1.0)
    count = len(planned().steps)
    assert total_share([one, replace(planned(), host="inside")]) == (count, 2 * count)
