"""The frame of the checks: stages, batches, what is skipped, what breaks, what is run again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Measurement, Status
from assistant.findings.probes import Listening, Probe, Told, Visitor
from assistant.text import msg
from checks.all_checks import ALL_CHECKS
from checks.causes import conclude
from checks.check import Check, Context, Listener
from checks.runner import chosen, run_checks, stages
from checks.verdict import by_urgency, ready_to_apply, to_repeat, worst
from tests.support.checks_values import PLAN, setup


class Place:
    """A vantage that answers every probe alike and remembers what it was asked."""

    def __init__(self, name: str = THIS_COMPUTER, fail: BaseException | None = None) -> None:
        self.name = name
        self.host = "" if name == THIS_COMPUTER else name
        self.fail = fail
        self.batches: list[tuple[str, ...]] = []
        self.listened: list[tuple[int, ...]] = []
        self.open = False

    async def measure(self, probes: Sequence[Probe], deadline: float) -> tuple[Measurement, ...]:
        self.batches.append(tuple(probe.id for probe in probes))
        await asyncio.sleep(0)
        if self.fail is not None:
            raise self.fail
        return tuple(
            Measurement(vantage=self.name, probe=probe.id, kind=probe.kind, ok=True)
            for probe in probes
        )

    async def facts(self) -> Told | None:
        return Told({"codename": "trixie"}, 0, 0) if self.host else None

    @asynccontextmanager
    async def listen(
        self, ports: Sequence[int], nonce: str, seconds: float, expect: int = 0
    ) -> AsyncIterator[Listening]:
        self.listened.append(tuple(ports))
        self.open = True
        listening = Listening(tuple(ports), open=tuple(ports))
        yield listening
        self.open = False
        listening.visitors = (Visitor(ports[0], "203.0.113.1", "answered"),)


class Simple(Check):
    """A check made of its class attributes: one probe per vantage, ok when it was measured."""

    id = "simple"
    title = msg("Simple")
    places: tuple[str, ...] = (THIS_COMPUTER,)
    result = Status.OK

    def vantages(self, context: Context) -> tuple[str, ...]:
        return self.places

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        return (Probe(id="p", kind="tcp"),)

    def judge(self, context: Context) -> tuple[Finding, ...]:
        return tuple(
            conclude(
                self.id, "outside", place, self.result, "", msg("done"), confidence=Confidence.HIGH
            )
            for place in self.places
            if context.got(self.id, place, "p")
        )


def make(name: str, **attributes: Any) -> Check:
    return type(name, (Simple,), {"id": name, "title": msg("{n}", n=name), **attributes})()


def run(checks: Sequence[Check], places: Sequence[Place], **more: Any) -> tuple[Finding, ...]:
    more.setdefault("phase", "before")
    return asyncio.run(run_checks(setup(), PLAN, places, checks=checks, **more))


def brief(findings: Sequence[Finding]) -> list[tuple[str, str, str, str]]:
    return [(f.check, f.vantage, f.status.value, f.cause) for f in findings]


def test_checks_of_a_stage_share_one_round_trip_per_vantage() -> None:
    here, there = Place(), Place("outside")
    both = (THIS_COMPUTER, "outside")
    checks = (make("a", places=both), make("b", places=both), make("c", requires=("a",)))
    findings = run(checks, (here, there))
    assert here.batches == [("a/p", "b/p"), ("c/p",)] and there.batches == [("a/p", "b/p")]
    assert [f.check for f in findings] == ["a", "a", "b", "b", "c"]
    assert {f.status for f in findings} == {Status.OK}


def test_stages_are_few_and_a_circle_is_refused() -> None:
    checks = (make("c", uses=("b",)), make("b", requires=("a",)), make("a"), make("d"))
    assert [[c.id for c in stage] for stage in stages(checks)] == [["a", "d"], ["b"], ["c"]]
    with pytest.raises(ValueError, match="circle"):
        stages((make("a", uses=("b",)), make("b", uses=("a",))))
    # The last stage measures nothing: it counts what the others' connections repeated.
    assert len(stages(chosen(ALL_CHECKS, "before", None))) <= 4
    assert len(stages(chosen(ALL_CHECKS, "after", None))) <= 5


def test_what_cannot_run_is_skipped_with_the_reason() -> None:
    bad = make("a", result=Status.FAILED)
    findings = run((bad, make("b", requires=("a",)), make("c", places=("outside",))), (Place(),))
    assert brief(findings) == [
        ("a", THIS_COMPUTER, "failed", ""),
        ("b", THIS_COMPUTER, "skipped", "earlier-problem"),
        ("c", "outside", "skipped", "no-vantage"),
    ]


def test_one_good_vantage_is_enough_to_go_on() -> None:
    class Mixed(Simple):
        id = "a"
        places = (THIS_COMPUTER, "outside")

        def judge(self, context: Context) -> tuple[Finding, ...]:
            return (
                conclude(
                    "a",
                    "outside tcp/80",
                    THIS_COMPUTER,
                    Status.FAILED,
                    "",
                    msg("no"),
                    confidence=Confidence.HIGH,
                ),
                conclude(
                    "a",
                    "outside tcp/443",
                    "outside",
                    Status.WARNING,
                    "",
                    msg("so so"),
                    confidence=Confidence.HIGH,
                ),
            )

    findings = run((Mixed(), make("b", requires=("a",))), (Place(), Place("outside")))
    assert brief(findings)[-1] == ("b", THIS_COMPUTER, "ok", "")


def test_a_lost_vantage_is_unknown_and_the_others_go_on() -> None:
    there = Place("outside", fail=ConnectionError("secret detail"))
    both = make("a", places=(THIS_COMPUTER, "outside"))
    findings = run((both, make("b", places=("outside",), uses=("a",))), (Place(), there))
    assert brief(findings) == [
        ("a", "outside", "unknown", "vantage-lost"),
        ("a", THIS_COMPUTER, "ok", ""),
        ("b", "outside", "unknown", "vantage-lost"),
    ]
    assert "secret detail" not in str(findings)


@pytest.mark.parametrize("method", ["probes", "judge", "vantages", "subjects", "listeners"])
def test_a_check_that_breaks_is_unknown_never_failed(method: str) -> None:
    def explode(*_: object) -> None:
        raise ZeroDivisionError("internal")

    findings = run((make("a", **{method: explode}), make("b")), (Place(),))
    assert brief(findings) == [
        ("a", THIS_COMPUTER, "unknown", "check-broke"),
        ("b", THIS_COMPUTER, "ok", ""),
    ]


def test_only_runs_what_is_named_and_what_it_builds_on() -> None:
    checks = (make("a"), make("b", uses=("a",)), make("c", requires=("b",)), make("d"))

    def names(only: set[str], previous: Sequence[Finding] = ()) -> list[str]:
        return [check.id for check in chosen(checks, "before", only, previous)]

    earlier = run(checks, (Place(),))
    assert names({"c"}) == ["a", "b", "c"]
    assert names({"c"}, earlier) == ["c"]
    assert names({"b"}, earlier) == ["a", "b"]
    assert names({"unknown"}) == []
    here = Place()
    told: list[Finding] = []
    again = run(checks, (here,), only={"d"}, previous=earlier, report=told.append)
    assert [f.check for f in again] == ["a", "b", "c", "d"]
    assert [f.check for f in told] == ["d"] and here.batches == [("d/p",)]


def test_listeners_are_open_while_others_probe_and_their_visitors_are_told() -> None:
    there, here = Place("outside"), Place()
    seen: list[bool] = []

    class Listens(Simple):
        id = "l"

        def listeners(self, context: Context) -> tuple[Listener, ...]:
            return (Listener("outside", 443), Listener("outside", 80))

        def judge(self, context: Context) -> tuple[Finding, ...]:
            assert not there.open
            return (
                conclude("l", "outside", "outside", Status.OK, "",
                         msg("{v}", v=context.visitors["outside"][0].address),
                         confidence=Confidence.HIGH),
            )  # fmt: skip

    original = here.measure

    async def measure(probes: Sequence[Probe], deadline: float) -> tuple[Measurement, ...]:
        seen.append(there.open)
        return await original(probes, deadline)

    here.measure = measure  # type: ignore[method-assign]
    findings = run((Listens(),), (here, there))
    assert str(findings[0].summary) == "203.0.113.1"
    assert seen == [True] and there.listened == [(80, 443)]


def test_cancelling_closes_the_listeners() -> None:
    there, here = Place("outside"), Place()

    class Listens(Simple):
        id = "l"

        def listeners(self, context: Context) -> tuple[Listener, ...]:
            return (Listener("outside", 443),)

    async def hang(probes: Sequence[Probe], deadline: float) -> tuple[Measurement, ...]:
        await asyncio.sleep(60)
        return ()

    here.measure = hang  # type: ignore[method-assign]

    closed: list[bool] = []
    original = there.listen

    @asynccontextmanager
    async def listen(*args: Any, **more: Any) -> AsyncIterator[Listening]:
        try:
            async with original(*args, **more) as listening:
                yield listening
        finally:
            closed.append(True)

    there.listen = listen  # type: ignore[method-assign]

    async def go() -> None:
        coming = run_checks(setup(), PLAN, (here, there), phase="before", checks=(Listens(),))
        task = asyncio.create_task(coming)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())
    assert closed == [True]


def finding(status: Status, check: str = "c") -> Finding:
    return conclude(check, "s", "v", status, "", msg("x"), confidence=Confidence.HIGH)


def test_verdicts() -> None:
    ok, warning, failed, unknown, skipped = (finding(s, s.value) for s in Status)
    assert worst(()) is Status.SKIPPED
    assert worst((ok, warning)) is Status.WARNING
    assert worst((ok, unknown, failed)) is Status.FAILED
    assert by_urgency((ok, failed, warning)) == (failed, warning, ok)
    assert ready_to_apply(()) == (False, ())
    assert ready_to_apply((ok, warning, unknown, skipped)) == (True, ())
    assert ready_to_apply((ok, failed)) == (False, (failed,))
    assert to_repeat((ok, failed, unknown)) == {"failed", "unknown"}


def test_every_cause_is_documented() -> None:
    with pytest.raises(KeyError):
        conclude("c", "s", "v", Status.FAILED, "made-up", msg("x"), confidence=Confidence.HIGH)
