"""Records on devices and servers, names in no public DNS, records of a line at home."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.findings.model import THIS_COMPUTER, Measurement
from assistant.findings.probes import Probe, Told
from assistant.plan.model import Record
from assistant.text import msg
from checks.dns.private_rules import (
    judge_absence,
    judge_device,
    judge_home_record,
    judge_server,
    wanted_at_home,
)
from checks.dns.records import DnsCheck
from checks.dns.wire import Answer
from checks.dns.zone import DnsZoneCheck, names_of
from tests.checks.test_dns import replied, reply
from tests.support.checks_values import brief, measured, of_option, texts
from tests.support.option_setups import INSIDE_NAME, OUTSIDE_NAME

INSIDE, LINE, OLD = "241.0.5.9", "241.0.8.2", "241.0.8.1"
WHY = msg("It must be in no public DNS.")
NONE = Answer(rcode="NXDOMAIN")
SILENT = Answer(rcode="silent")


def has(*values: str, ttl: int = 60) -> Answer:
    return Answer(rcode="NOERROR", values=frozenset(values), ttl=ttl)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([NONE, has()], ("ok", "", "high")),
        ([NONE, SILENT], ("ok", "", "high")),
        ([has(INSIDE), NONE], ("failed", "record-present", "medium")),
        ([has(INSIDE), has(INSIDE)], ("failed", "record-present", "high")),
        ([Answer(rcode="NOERROR", several=(frozenset({OLD}),)), NONE],
         ("failed", "record-present", "medium")),
        ([SILENT, SILENT], ("unknown", "resolver-silent", "medium")),
    ],
)  # fmt: skip
def test_absence_as_a_host_sees_it(answers: list[Answer], expected: tuple[str, str, str]) -> None:
    asked = {("A", f"192.0.2.{number}"): answer for number, answer in enumerate(answers)}
    (found,) = judge_absence(INSIDE_NAME, "inside", asked, WHY)
    assert (found.status.value, found.cause, found.confidence.value) == expected
    words = texts([found])
    assert (str(WHY) in words) == (found.cause == "record-present") and "{" not in words
    assert tuple(judge_absence(INSIDE_NAME, "inside", {}, WHY)) == ()


WANTED = frozenset({INSIDE})


def resolved(*addresses: str, answer: str = "no-such-name") -> Measurement:
    if addresses:
        return measured(kind="resolve", addresses=list(addresses))
    return measured(error="name", kind="resolve", answer=answer)


@pytest.mark.parametrize(
    ("item", "status", "cause"),
    [
        (resolved(INSIDE), "ok", ""),
        (resolved(OLD), "failed", "server-record"),
        (resolved(INSIDE, OLD), "failed", "server-record"),
        (resolved(), "failed", "server-record"),
    ],
)
def test_the_record_on_the_outside_server(item: Measurement, status: str, cause: str) -> None:
    found = judge_server(INSIDE_NAME, WANTED, "outside", item)
    assert (found.status.value, found.cause) == (status, cause)
    assert (found.remedy is not None and found.remedy.action == "apply") == bool(cause)


@pytest.mark.parametrize(
    ("item", "status", "cause"),
    [
        (resolved(INSIDE), "ok", ""),
        (resolved(OLD), "warning", "device-record-wrong"),
        (resolved(), "skipped", "device-record-missing"),
        (resolved(answer="try-again"), "skipped", "device-record-missing"),
    ],
)
def test_the_record_on_this_computer_never_fails(
    item: Measurement, status: str, cause: str
) -> None:
    found = judge_device(INSIDE_NAME, WANTED, THIS_COMPUTER, item)
    assert (found.status.value, found.cause) == (status, cause)
    assert not cause or f"{INSIDE} {INSIDE_NAME}" in texts([found])


HOME = Record(
    name=INSIDE_NAME, type="A", values=(LINE,), why=msg("Apps connect to it."), ttl=60, dynamic=True
)


@pytest.mark.parametrize(
    ("own", "updates", "itself", "expected"),
    [
        (has(LINE), True, True, [("ok", "")]),
        (has(LINE, ttl=300), True, True, [("ok", "")]),
        (has(LINE, ttl=3600), True, True, [("ok", ""), ("warning", "ttl-long")]),
        (has(OLD), True, True, [("failed", "dyndns-stale")]),
        (NONE, True, True, [("failed", "dyndns-stale")]),
        (has(OLD), True, False, [("failed", "dyndns-stale")]),
        (has(OLD), False, True, [("warning", "record-wrong")]),
        (NONE, False, True, [("warning", "record-missing")]),
        (NONE, False, False, [("failed", "record-missing")]),
        (SILENT, True, True, [("unknown", "servers-silent")]),
    ],
)
def test_a_record_of_the_line(
    own: Answer, updates: bool, itself: bool, expected: list[tuple[str, str]]
) -> None:
    found = judge_home_record(HOME, {"192.0.2.1": own}, {}, updates=updates, itself=itself)
    assert [(f.status.value, f.cause) for f in found] == expected
    if found[0].cause == "dyndns-stale":
        assert found[0].remedy is not None and LINE in texts(found)
        assert (found[0].remedy.action == "apply") == itself


def test_a_line_nobody_knows_the_address_of_leaves_the_record_undecided() -> None:
    unknown = HOME.__class__(name=INSIDE_NAME, type="A", values=(), why=msg("x"))
    (found,) = judge_home_record(unknown, {"a": has(OLD)}, {}, updates=True, itself=True)
    assert (found.status.value, found.cause) == ("unknown", "undecided") and OLD in texts([found])


def test_what_the_line_has_now_counts() -> None:
    assert wanted_at_home(HOME, OLD, ()).values == (OLD,)
    assert wanted_at_home(HOME, "", ()) == HOME
    six = Record(name=INSIDE_NAME, type="AAAA", values=("3fff:0:8::2",), why=msg("x"))
    assert wanted_at_home(six, OLD, ("fe80::1", "fd00::1", "192.168.1.2")) == six
    assert wanted_at_home(six, OLD, ("3fff:0:8::2", "3fff:0:8::3")) == six
    assert wanted_at_home(six, OLD, ("fe80::1", "3fff:0:9::2")).values == ("3fff:0:9::2",)


def answered(probes: tuple[Probe, ...], known: dict[str, str], own: bool) -> Any:
    """Replies to every question: from ``known`` by name and type, else that there is none."""
    for probe in probes:
        if probe.kind == "udp":
            name = probe.id.rpartition("@")[0]
            if name in known and (own or "own" not in probe.id):
                yield replied(probe, reply(probe, known[name], ttl=60))
            elif name.endswith("forging"):
                yield measured(probe.id, "timeout", kind="udp")
            else:
                yield replied(probe, reply(probe, rcode="NXDOMAIN", soa=60))


def test_in_option_3_every_kind_of_record_is_looked_for_from_everywhere() -> None:
    check, seen = DnsCheck(), of_option(3, subjects=(INSIDE_NAME, OUTSIDE_NAME))
    assert names_of(seen) == (INSIDE_NAME, OUTSIDE_NAME)
    for vantage in (THIS_COMPUTER, "inside", "outside"):
        asked = {p.id.rpartition("@")[0] for p in check.probes(seen, vantage) if p.kind == "udp"}
        assert {f"{INSIDE_NAME} {kind}" for kind in ("A", "AAAA", "CNAME", "HTTPS")} <= asked
        assert {f"{label}.{INSIDE_NAME} SRV" for label in ("_matrix._tcp", "_matrix-fed._tcp")} <= (
            asked
        )
    here = {p.id for p in check.probes(seen, THIS_COMPUTER)}
    assert f"{OUTSIDE_NAME} forging" in here and f"{INSIDE_NAME} forging" not in here
    assert DnsZoneCheck().subjects(seen) == (INSIDE_NAME, OUTSIDE_NAME)


@pytest.mark.parametrize(
    "leak", ["", f"{INSIDE_NAME} HTTPS", f"_matrix-fed._tcp.{INSIDE_NAME} SRV"]
)
def test_in_option_3_one_public_record_is_a_failure_at_every_place_that_sees_it(leak: str) -> None:
    values = {"HTTPS": "1 . alpn=h2", "SRV": "10 0 443 im.example.cn."}
    known = {
        f"{OUTSIDE_NAME} A": "241.0.3.7",
        f"{OUTSIDE_NAME} AAAA": "3fff:0:3::7",
        **({leak: values[leak.split()[1]]} if leak else {}),
    }
    check, seen = DnsCheck(), of_option(3, subjects=(INSIDE_NAME, OUTSIDE_NAME))
    found_at = {
        (check.id, vantage): tuple(
            answered(
                [p for p in check.probes(seen, vantage) if not p.id.endswith(" forging")],
                known,
                own=True,
            )
        )
        for vantage in seen.vantages
    }
    found = check.judge(of_option(3, subjects=seen.subjects, measured=found_at))
    bad = {(f.vantage, f.cause) for f in found if f.status.value == "failed"}
    everywhere = {(v, "record-present") for v in (THIS_COMPUTER, "inside", "outside")}
    assert bad == (everywhere if leak else set())
    assert texts(found)
    hidden = [f for f in found if f.subject == f"{INSIDE_NAME} public"]
    assert [f.vantage for f in hidden] == ["inside", "outside"]


def test_a_host_that_was_not_asked_says_nothing() -> None:
    check, seen = DnsCheck(), of_option(3, subjects=(INSIDE_NAME,))
    assert not any(f.subject.endswith(" public") for f in check.judge(seen))


def test_private_records_are_looked_up_where_they_are() -> None:
    check = DnsCheck()
    names = (INSIDE_NAME, OUTSIDE_NAME)
    asked = {
        vantage: {p.fields["name"] for p in check.probes(of_option(3, subjects=names), vantage)
                  if p.kind == "resolve"}
        for vantage in (THIS_COMPUTER, "inside", "outside")
    }  # fmt: skip
    both = {INSIDE_NAME, OUTSIDE_NAME}
    assert asked == {THIS_COMPUTER: both, "inside": {OUTSIDE_NAME}, "outside": both}
    item = measured(f"{INSIDE_NAME} system", "name", "outside", "resolve", answer="no-such-name")
    seen = {(check.id, "outside"): (item,)}
    after = check.judge(of_option(3, subjects=names, measured=seen))
    assert (f"{INSIDE_NAME} on outside", "failed", "server-record") in brief(after)
    before = check.judge(of_option(3, subjects=names, measured=seen, phase="before"))
    assert not any(f.subject.endswith("on outside") for f in before)


def test_in_option_4_the_outside_server_follows_its_own_record_and_others_the_line() -> None:
    check, names = DnsCheck(), (INSIDE_NAME, OUTSIDE_NAME)
    base = of_option(4, subjects=names)
    known = {
        f"{INSIDE_NAME} A": "241.0.8.77",
        f"{INSIDE_NAME} AAAA": "3fff:0:8::2",
        f"{OUTSIDE_NAME} A": "241.0.3.7",
        f"{OUTSIDE_NAME} AAAA": "3fff:0:3::7",
    }

    def system(vantage: str, *addresses: str) -> Measurement:
        name = f"{INSIDE_NAME} system"
        return measured(name, vantage=vantage, kind="resolve", addresses=list(addresses))

    visit = measured("visit", vantage="home", kind="http", status=200, body="241.0.8.77")
    here = tuple(answered(check.probes(base, THIS_COMPUTER), known, own=True))
    seen = {
        (check.id, THIS_COMPUTER): (*here, system(THIS_COMPUTER, "241.0.8.77")),
        (check.id, "outside"): (system("outside", INSIDE),),
        (check.id, "inside"): (system("inside", LINE),),
        ("home", "home"): (visit,),
    }
    facts = {"home": Told({"addresses": ["192.168.1.20", "3fff:0:8::2"]}, 0, 0)}
    found = check.judge(of_option(4, subjects=names, measured=seen, facts=facts))
    about = {(f.subject, f.vantage): (f.status.value, f.cause) for f in found}
    assert about[(f"{INSIDE_NAME} A", THIS_COMPUTER)] == ("ok", "")
    assert about[(f"{INSIDE_NAME} on outside", "outside")] == ("ok", "")
    assert about[(f"{INSIDE_NAME} system resolver", THIS_COMPUTER)] == ("ok", "")
    stale = about[(f"{INSIDE_NAME} system resolver", "inside")]
    assert stale == ("warning", "resolver-differs")
    assert (f"{INSIDE_NAME} system resolver", "outside") not in about
