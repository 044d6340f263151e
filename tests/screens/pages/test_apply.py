"""Setting it up on screen: it goes on whatever happens here, and nothing is done twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest
from textual.widgets import Input

from assistant.operations.follow import HostResult, Progress
from assistant.plan.compile import compile_plan
from assistant.setup.model import HistoryEntry
from assistant.wizard.steps import Step
from screens.apply.apply import ApplyPage
from screens.apply.run_view import HostColumn, RunView, window
from screens.apply.run_work import RunWork, apply_work
from screens.base.background_work import KEEP, Work
from screens.widgets.log_tail import LogTail
from tests.support.screens_runs import (
    APPLY_EVENTS,
    APPLY_FAILED,
    APPLY_FAILED_EVENTS,
    PREVIEWS,
    PREVIEWS_NOTHING,
)
from tests.support.screens_stand_in import (
    StandInServices,
    known_services,
    run_app,
    screen_lines,
    screen_text,
    until,
)
from tests.support.screens_values import (
    NAME,
    NOW,
    ODD_SHOWN,
    OUTSIDE,
    RUN,
    SETUP_NAME,
    applied_setup,
    draft,
    error,
    setup,
)

DRAFT = draft(Step.APPLY)
TOTAL = len(compile_plan(setup()).hosts[0].resources)
"""Things in the plan of the made-up setup."""


def shows(pilot: Any, text: str) -> bool:
    """Whether the screen shows a text, wherever its lines are broken."""
    return " ".join(text.split()) in " ".join(screen_text(pilot.app).split())


async def shown(pilot: Any, text: str, seconds: float = 15.0) -> None:
    await until(pilot, lambda: shows(pilot, text), seconds)


def held(after: int, **more: Any) -> StandInServices:
    services = known_services(**more)
    services.hold("apply", after)
    return services


def failing() -> StandInServices:
    services = known_services()
    services.events["apply"] = APPLY_FAILED_EVENTS
    services.results["apply"] = APPLY_FAILED
    return services


def test_from_start_to_a_good_end_and_on() -> None:
    services = known_services()

    async def test(pilot: Any) -> None:
        await shown(pilot, "Everything is set up")
        await shown(pilot, f"All {TOTAL} things are set up.")
        await shown(pilot, "Prove that a message arrives")
        assert services.called("apply") == [(SETUP_NAME, {})]
        await pilot.press("enter")
        await until(pilot, lambda: services.draft is not None and services.draft.step == "finish")

    run_app(services, test, start=DRAFT)


def test_while_it_works_it_tells_what_and_how_far_and_enter_does_nothing() -> None:
    services = held(4)

    async def test(pilot: Any) -> None:
        await shown(pilot, "PostgreSQL")
        await shown(pilot, "so far")
        await shown(pilot, "Setting up PostgreSQL …")
        await shown(pilot, "Closing the laptop is safe")
        await shown(pilot, f"13 of {TOTAL} things are set up on outside.")
        assert pilot.app.screen.query_one("#primary").display is False
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ApplyPage)
        assert len(services.called("apply")) == 1
        services.release("apply")
        await shown(pilot, "Everything is set up")

    run_app(services, test, start=DRAFT)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("reconnecting", "The connection to outside was lost; the work goes on"),
        ("confirm", "A second connection now proves that the server can still be reached"),
    ],
)
def test_what_might_frighten_is_explained(event: str, words: str) -> None:
    services = known_services()
    number = next(n for n, p in enumerate(APPLY_EVENTS) if p.event["event"] == event)
    services.hold("apply", number + 1)

    async def test(pilot: Any) -> None:
        await shown(pilot, words)
        services.release("apply")
        await shown(pilot, "Everything is set up")

    run_app(services, test, start=DRAFT)


def test_leaving_and_coming_back_finds_it_where_it_is() -> None:
    services = held(6)

    async def test(pilot: Any) -> None:
        await shown(pilot, f"17 of {TOTAL}")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ApplyPage))
        assert services.draft is not None
        assert services.draft.step is Step.REVIEW
        pilot.app.go_to(services.draft.model_copy(update={"step": Step.APPLY}))
        await shown(pilot, f"17 of {TOTAL} things are set up on outside.")
        services.release("apply")
        await shown(pilot, "Everything is set up")
        assert len(services.called("apply")) == 1
        pilot.app.go_to(DRAFT)
        await shown(pilot, "Everything is set up")
        await asyncio.sleep(0.2)
        assert len(services.called("apply")) == 1

    run_app(services, test, start=DRAFT)


def test_what_was_done_last_time_is_not_done_again() -> None:
    services = known_services(setups={SETUP_NAME: applied_setup()})

    async def test(pilot: Any) -> None:
        await shown(pilot, "Everything is set up")
        await shown(pilot, "nothing was done again")
        assert services.called("apply") == []
        await pilot.press("r")
        await until(pilot, lambda: len(services.called("apply")) == 1)

    run_app(services, test, start=DRAFT)


def after_review(previews: Any) -> Work:
    work = Work("preview", SETUP_NAME)
    work.state, work.result = "done", previews
    return work


@pytest.mark.parametrize(("previews", "runs"), [(PREVIEWS, 1), (PREVIEWS_NOTHING, 0)])
def test_a_review_that_found_something_is_carried_out(previews: Any, runs: int) -> None:
    services = known_services(setups={SETUP_NAME: applied_setup()})

    async def test(pilot: Any) -> None:
        pilot.app.work = after_review(previews)
        pilot.app.go_to(DRAFT)
        await shown(pilot, "Everything is set up")
        assert len(services.called("apply")) == runs

    run_app(services, test)


def test_decisions_of_the_review_are_passed_on() -> None:
    services = known_services()
    decided = {OUTSIDE: {"file:/x": "keep"}}

    async def test(pilot: Any) -> None:
        await until(pilot, lambda: services.called("apply") == [(SETUP_NAME, decided)])

    run_app(services, test, start=draft(Step.APPLY, resolve=decided))


def test_last_time_it_failed_so_it_asks_first() -> None:
    entry = HistoryEntry(at=NOW, what="applied", host=OUTSIDE, ok=False, detail="disk-full")
    services = known_services(setups={SETUP_NAME: setup(history=(entry,))})

    async def test(pilot: Any) -> None:
        await shown(pilot, "Last time it ended early")
        await shown(pilot, "rent a larger disk")
        assert services.called("apply") == []
        await pilot.press("enter")
        await shown(pilot, "Everything is set up")

    run_app(services, test, start=DRAFT)


def test_a_failure_is_told_with_its_cause_and_what_to_do() -> None:
    services = failing()

    async def test(pilot: Any) -> None:
        await shown(pilot, "It did not come to its end")
        await shown(pilot, "Synapse on outside: The disk of the server is full.")
        await shown(pilot, "Free some space on the server")
        await shown(pilot, "No space left on device")
        await shown(pilot, ODD_SHOWN)
        services.events.clear()
        services.results.clear()
        await pilot.press("enter")
        await shown(pilot, "Everything is set up")
        assert len(services.called("apply")) == 2

    run_app(services, test, (80, 40), start=DRAFT)


def test_a_server_that_does_not_answer_and_then_does() -> None:
    services = known_services()
    services.events["apply"] = ()
    services.errors["apply"] = error()

    async def test(pilot: Any) -> None:
        await shown(pilot, "The server outside gave no answer.")
        await shown(pilot, "Nothing new was changed.")
        del services.errors["apply"], services.events["apply"]
        await pilot.press("r")
        await shown(pilot, "Everything is set up")

    run_app(services, test, start=DRAFT)


def test_a_setup_that_cannot_be_read_can_be_tried_again() -> None:
    services = known_services()
    services.errors["load_setup"] = error()

    async def test(pilot: Any) -> None:
        await shown(pilot, "This setup cannot be opened now")
        del services.errors["load_setup"]
        await pilot.press("r")
        await shown(pilot, "Everything is set up")

    run_app(services, test, start=DRAFT)


def test_a_defect_closes_nothing_and_can_be_tried_again(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    services = known_services()
    services.errors["apply"] = ZeroDivisionError("secret")

    async def test(pilot: Any) -> None:
        await shown(pilot, "The program itself broke")
        assert not shows(pilot, "secret")
        del services.errors["apply"]
        await pilot.press("enter")
        await shown(pilot, "Everything is set up")

    run_app(services, test, start=DRAFT)


def test_work_that_was_pushed_aside_can_be_looked_at_again() -> None:
    services = held(6)

    async def test(pilot: Any) -> None:
        await shown(pilot, f"17 of {TOTAL}")
        other = Work("check", SETUP_NAME)

        async def job() -> object:
            return None

        pilot.app.begin(other, job)
        await shown(pilot, "Not watched any more")
        services.release("apply")
        await pilot.press("enter")
        await shown(pilot, "Everything is set up")

    run_app(services, test, start=DRAFT)


def test_stop_asks_first_and_tells_the_servers() -> None:
    services = held(6)

    async def test(pilot: Any) -> None:
        await shown(pilot, f"17 of {TOTAL}")
        await pilot.press("s")
        await shown(pilot, "Stop after this step?")
        await pilot.press("enter")
        await pilot.pause()
        assert services.called("stop") == []
        await pilot.press("s")
        await shown(pilot, "Stop after this step?")
        await pilot.press("tab", "enter")
        await shown(pilot, "outside stops after the present step.")
        assert services.called("stop") == [(SETUP_NAME, OUTSIDE, RUN)]
        services.results["apply"] = (
            HostResult(OUTSIDE, RUN, False, 9.0, changed=1, stopped=True, cause="unknown"),
        )
        services.release("apply")
        await shown(pilot, "Stopped, as you asked")
        await shown(pilot, "Go on setting it up")

    services.events["apply"] = APPLY_EVENTS[:6]
    run_app(services, test, start=DRAFT)


def test_a_stop_that_fails_is_told() -> None:
    services = held(6)
    services.errors["stop"] = error()

    async def test(pilot: Any) -> None:
        await shown(pilot, f"17 of {TOTAL}")
        await pilot.press("s")
        await shown(pilot, "Stop after this step?")
        await pilot.press("tab", "enter")
        await shown(pilot, "The server outside gave no answer.")
        services.release("apply")
        await shown(pilot, "Everything is set up")

    run_app(services, test, start=DRAFT)


def test_undo_needs_the_name_typed() -> None:
    services = failing()
    services.events["undo"] = [
        Progress(OUTSIDE, {"event": "run", "run": RUN, "what": "undo", "total": 1}),
        Progress(OUTSIDE, {"event": "started", "id": "file:/x", "title": "A file", "index": 1}),
        Progress(OUTSIDE, {"event": "changed", "id": "file:/x", "seconds": 1.0}),
        Progress(OUTSIDE, {"event": "finished", "ok": True}),
    ]

    async def test(pilot: Any) -> None:
        await shown(pilot, "It did not come to its end")
        await pilot.press("u")
        await shown(pilot, "Take everything back?")
        await pilot.press(*"wrong", "enter")
        await shown(pilot, f"That is not {NAME}.")
        await pilot.press("escape")
        await pilot.pause()
        assert services.called("undo") == []
        await pilot.press("u")
        await shown(pilot, "Take everything back?")
        pilot.app.screen.query_one(Input).value = NAME
        await pilot.press("enter")
        await shown(pilot, "Everything was taken back")
        assert services.called("undo") == [(SETUP_NAME,)]
        await shown(pilot, "One thing was taken back.")
        await pilot.press("enter")
        await until(pilot, lambda: services.draft is not None and services.draft.step == "review")

    run_app(services, test, start=DRAFT)


def test_an_undo_that_fails_is_tried_again_as_an_undo() -> None:
    services = failing()
    services.results["undo"] = APPLY_FAILED

    async def test(pilot: Any) -> None:
        await shown(pilot, "It did not come to its end")
        await pilot.press("u")
        await shown(pilot, "Take everything back?")
        pilot.app.screen.query_one(Input).value = NAME
        await pilot.press("enter")
        await until(pilot, lambda: len(services.called("undo")) == 1)
        await shown(pilot, "It did not come to its end")
        await pilot.press("enter")
        await until(pilot, lambda: len(services.called("undo")) == 2)
        assert len(services.called("apply")) == 1

    run_app(services, test, start=DRAFT)


def test_a_report_is_saved_where_it_was_asked_for() -> None:
    services = failing()

    async def test(pilot: Any) -> None:
        await shown(pilot, "It did not come to its end")
        await pilot.press("w")
        await shown(pilot, "Save a report")
        await pilot.press("enter")
        await until(pilot, lambda: bool(services.files))
        (text,) = services.files.values()
        assert "disk-full" in text
        assert ODD_SHOWN in text
        assert "\x1b" not in text
        services.errors["write_file"] = error()
        await pilot.press("w")
        await shown(pilot, "Where shall it go?")
        await pilot.press("enter")
        await shown(pilot, "Check that it is switched on")

    run_app(services, test, (80, 40), start=DRAFT)


def test_the_log_shows_hosts_words_as_they_are() -> None:
    services = held(14)

    async def test(pilot: Any) -> None:
        await shown(pilot, "Synapse")
        await pilot.press("l")
        await shown(pilot, "▸ Account of Synapse")
        await shown(pilot, ODD_SHOWN)
        assert "\x1b" not in screen_text(pilot.app)
        await pilot.press("l")
        await until(pilot, lambda: not shows(pilot, "▸ Account of Synapse"))
        services.release("apply")
        await shown(pilot, "Everything is set up")

    run_app(services, test, start=DRAFT)


def test_another_language_and_another_size_half_way() -> None:
    services = held(6)

    async def test(pilot: Any) -> None:
        await shown(pilot, f"17 of {TOTAL}")
        await pilot.press("l")
        await pilot.press("f2")
        await until(pilot, lambda: pilot.app.language == "zh")
        await shown(pilot, "部署")
        for size in ((60, 20), (120, 40), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert all(len(line) <= size[0] for line in screen_lines(pilot.app))
            assert pilot.app.screen.query_one(HostColumn).size.width > 20
        assert pilot.app.screen.query_one(RunView).shows_log
        await pilot.press("f2")
        services.release("apply")
        await shown(pilot, "Everything is set up")

    run_app(services, test, start=DRAFT)


def test_a_failure_can_be_read_in_a_small_terminal() -> None:
    async def test(pilot: Any) -> None:
        await shown(pilot, "It did not come to its end")
        for _ in range(4):
            await pilot.press("pagedown")
        await shown(pilot, "No space left on device")

    run_app(failing(), test, (60, 20), start=DRAFT)


def test_work_that_nobody_watches_forgets_no_step() -> None:
    work = apply_work(setup())
    for progress in APPLY_EVENTS[:4]:
        work.report(progress)
    for number in range(3 * KEEP):
        work.report(Progress(OUTSIDE, {"event": "output", "text": f"line {number}\n"}))
    assert len(work.events) <= KEEP
    assert work.dropped > KEEP
    run = work.catch_up()[OUTSIDE]
    assert run.steps[0].state == "same"
    assert run.steps[13].state == "running"
    assert run.line == f"line {3 * KEEP - 1}"


def test_three_hosts_that_talk_a_lot_do_not_slow_the_keys() -> None:
    services = held(2)
    hosts = ("outside", "inside", "home")

    async def talk(work: Work, stop: asyncio.Event) -> int:
        number = 0
        while not stop.is_set():
            for _ in range(10):
                for host in hosts:
                    event: Mapping[str, Any] = {"event": "output", "text": f"line {number} …\n"}
                    work.report(Progress(host, event))
                number += 1
            await asyncio.sleep(0.01)
        return number

    async def test(pilot: Any) -> None:
        await shown(pilot, "outside")
        work = pilot.app.work
        assert isinstance(work, RunWork)
        stop = asyncio.Event()
        talking = asyncio.create_task(talk(work, stop))
        await shown(pilot, "home")
        places = [column.region for column in pilot.app.screen.query(HostColumn)]
        assert len({place.y for place in places}) == 1
        assert len({place.x for place in places}) == 3
        await pilot.press("l")
        waits = []
        for _ in range(40):
            await asyncio.sleep(0.025)
            # A turn through the app's queue is what a key waits for; what others do on this
            # computer meanwhile does not count.
            begun = time.process_time()
            done = asyncio.Event()
            pilot.app.call_later(done.set)
            await done.wait()
            waits.append(time.process_time() - begun)
        stop.set()
        assert await talking > 300
        assert sorted(waits)[int(len(waits) * 0.95)] < 0.05
        assert pilot.app.screen.query_one(LogTail).line_count <= 1001
        assert sum(len(run.log) for run in work.runs.values()) <= 1200
        services.release("apply")

    run_app(services, test, (120, 40), start=DRAFT)


def test_the_window_keeps_the_present_line_in_sight() -> None:
    for total in range(40):
        for height in range(1, 12):
            for focus in range(total):
                seen = window(total, focus, height)
                assert focus in seen
                assert len(seen) == min(total, height)
