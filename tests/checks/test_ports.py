"""Rules about ports, before and after."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.findings.model import THIS_COMPUTER, Measurement, Status
from assistant.findings.probes import Told, Visitor
from checks.network.port_rules import Sight, judge_port
from checks.network.ports_after import PortsAfterCheck, judge_closed, judge_service
from checks.network.ports_before import PortsBeforeCheck
from tests.support.checks_values import ADDRESS, brief, context, measured

NONCE = "nonce 1"
OK = measured(connected=True, banner=NONCE)
OTHER = measured(connected=True, banner="HTTP/1.1 400 Bad Request")
MUTE = measured(error="timeout", connected=True)
CUT = measured(error="reset", connected=True)
TIMEOUT = measured(error="timeout", connected=False)
REFUSED = measured(error="refused", connected=False)
NO_ROUTE = measured(error="unreachable", connected=False)
PASSES = (measured(connected=True),)
FAILS = (measured(error="timeout", connected=False),)
CAME = Visitor(443, "198.51.100.1", "answered")
HALF = Visitor(443, "198.51.100.2", "half-open")


@pytest.mark.parametrize(
    ("tries", "control", "visitors", "status", "cause"),
    [
        ([OK] * 3, PASSES, [CAME] * 3, "ok", ""),
        ([OK, TIMEOUT, OK], PASSES, [CAME] * 2, "warning", "packets-lost"),
        ([OTHER] * 3, PASSES, [], "failed", "port-intercepted"),
        ([MUTE] * 3, PASSES, [], "failed", "port-intercepted"),
        ([MUTE] * 3, PASSES, [CAME] * 3, "failed", "answer-lost"),
        ([CUT] * 3, PASSES, [CAME] * 3, "failed", "answer-lost"),
        ([TIMEOUT] * 3, PASSES, [HALF], "failed", "answer-lost"),
        ([REFUSED] * 3, PASSES, [], "failed", "port-refused"),
        ([TIMEOUT] * 3, PASSES, [], "failed", "port-closed"),
        ([TIMEOUT] * 2, PASSES, [], "unknown", "undecided"),
        ([TIMEOUT] * 3, FAILS, [], "unknown", "undecided"),
        ([TIMEOUT] * 3, (), [], "unknown", "undecided"),
    ],
)
def test_one_place(
    tries: list[Measurement],
    control: tuple[Measurement, ...],
    visitors: list[Visitor],
    status: str,
    cause: str,
) -> None:
    seen = {THIS_COMPUTER: Sight(tuple(tries), control, known_as=(HALF.address,))}
    (found,) = judge_port("outside", 443, ADDRESS, seen, visitors=visitors, nonce=NONCE)
    assert (found.status.value, found.cause) == (status, cause)
    assert (found.remedy is None) == (found.status is Status.OK)


def two(here: list[Measurement], there: list[Measurement], *visitors: Visitor) -> list[Any]:
    known = (HALF.address,)
    seen = {
        THIS_COMPUTER: Sight(tuple(here), PASSES),
        "inside": Sight(tuple(there), PASSES, known_as=known),
    }
    return [
        (f.vantage, f.cause, f.confidence.value)
        for f in judge_port("outside", 443, ADDRESS, seen, visitors=visitors, nonce=NONCE)
    ]


def test_two_places_that_agree_make_it_surer() -> None:
    assert two([TIMEOUT] * 3, [TIMEOUT] * 3) == [
        (THIS_COMPUTER, "port-closed", "high"),
        ("inside", "port-closed", "high"),
    ]


def test_two_places_that_disagree_leave_it_undecided() -> None:
    assert two([OK] * 3, [TIMEOUT] * 3, CAME, CAME, CAME) == [
        (THIS_COMPUTER, "", "certain"),
        ("inside", "undecided", "low"),
    ]


def test_an_answer_that_gets_lost_for_one_place_only_is_a_blocked_address() -> None:
    assert two([OK] * 3, [TIMEOUT] * 3, CAME, CAME, CAME, HALF)[1] == (
        "inside",
        "address-blocked",
        "high",
    )


def test_another_port_is_a_control_too() -> None:
    seen = {THIS_COMPUTER: Sight((TIMEOUT,) * 3, (), others_pass=True)}
    (found,) = judge_port("outside", 443, ADDRESS, seen, nonce=NONCE)
    assert found.cause == "port-closed"


def test_a_place_without_ipv6_says_nothing_about_it() -> None:
    seen = {THIS_COMPUTER: Sight((NO_ROUTE,) * 3)}
    assert judge_port("outside", 443, "2001:db8::9", seen, nonce=NONCE) == ()
    assert len(judge_port("outside", 443, ADDRESS, seen, nonce=NONCE)) == 1


def test_where_something_listens_already_a_connection_is_enough() -> None:
    seen = {THIS_COMPUTER: Sight((MUTE, MUTE, MUTE), PASSES)}
    assert judge_port("outside", 443, ADDRESS, seen)[0].status is Status.OK


def test_listeners_only_where_nothing_listens() -> None:
    nginx = {"protocol": "tcp", "address": "0.0.0.0", "port": 80, "process": "nginx"}
    seen = context(facts={"outside": Told({"listening": [nginx]}, 0, 0)})
    check = PortsBeforeCheck()
    assert [(item.host, item.port) for item in check.listeners(seen)] == [("outside", 443)]
    probes = {probe.id: probe for probe in check.probes(seen, THIS_COMPUTER)}
    assert probes[f"outside 443 {ADDRESS}"].fields["read"] > len(NONCE)
    assert probes[f"outside 80 {ADDRESS}"].fields["read"] == 0
    assert probes[f"outside 443 {ADDRESS}"].repeat == 3
    assert probes[f"outside control {ADDRESS}"].control_of
    assert check.probes(seen, "outside") == ()


def test_a_host_that_cannot_listen_is_skipped() -> None:
    found = PortsBeforeCheck().judge(context(vantages=(THIS_COMPUTER,)))
    assert brief(found) == [("outside", "skipped", "no-vantage")]


def test_a_listener_that_could_not_open_says_nothing_about_the_network() -> None:
    unheard = {("outside", 443): measured(error="permission")}
    found = PortsBeforeCheck().judge(context(unheard=unheard))
    assert ("outside tcp/443", "unknown", "undecided") in brief(found)


@pytest.mark.parametrize(
    ("tries", "expected"),
    [
        ([OK] * 3, [("ok", "")]),
        ([OK, TIMEOUT, TIMEOUT], [("warning", "packets-lost")]),
        ([REFUSED] * 3, [("failed", "port-refused")]),
        ([TIMEOUT] * 3, [("failed", "port-closed")]),
        ([], []),
    ],
)
def test_a_service_port(tries: list[Measurement], expected: list[tuple[str, str]]) -> None:
    found = judge_service("outside", 443, ADDRESS, THIS_COMPUTER, tries)
    assert [(f.status.value, f.cause) for f in found] == expected


def test_only_the_host_itself_knows_that_nothing_listens() -> None:
    def cause(listens: bool | None) -> tuple[str, str]:
        (found,) = judge_service("outside", 443, ADDRESS, THIS_COMPUTER, [REFUSED] * 3,
                                 listens=listens)  # fmt: skip
        return found.cause, found.confidence.value

    assert cause(False) == ("service-not-listening", "certain")
    assert cause(True) == ("port-refused", "high")
    assert cause(None) == ("port-refused", "medium")


def test_what_answers_in_the_name_of_every_server_opens_no_port() -> None:
    shut = {5432: [OK], 6379: [OK], 8008: [OK]}
    found = tuple(judge_closed("outside", ADDRESS, THIS_COMPUTER, shut, {}))
    assert brief(found) == [(f"{THIS_COMPUTER} proxy", "warning", "vantage-proxied")]
    one = tuple(judge_closed("outside", ADDRESS, THIS_COMPUTER, {5432: [OK], 6379: [TIMEOUT]},
                             {5432: False}))  # fmt: skip
    assert [f.cause for f in one] == ["vantage-proxied"]


def test_a_stranger_who_knocks_is_not_this_place() -> None:
    seen = {THIS_COMPUTER: Sight((TIMEOUT,) * 3, PASSES)}
    (found,) = judge_port("outside", 443, ADDRESS, seen, visitors=(HALF,), nonce=NONCE)
    assert found.cause == "undecided"
    known = {THIS_COMPUTER: Sight((TIMEOUT,) * 3, PASSES, known_as=("198.51.100.77",))}
    (found,) = judge_port("outside", 443, ADDRESS, known, visitors=(HALF,), nonce=NONCE)
    assert found.cause == "port-closed"


def test_ports_that_must_be_closed() -> None:
    def closed(**tries: list[Measurement]) -> list[tuple[str, str, str]]:
        by_port = {int(port[1:]): found for port, found in tries.items()}
        return brief(tuple(judge_closed("outside", ADDRESS, THIS_COMPUTER, by_port, {})))

    assert closed(p8008=[TIMEOUT], p5432=[REFUSED]) == [
        (f"unplanned ports of outside {ADDRESS}", "ok", "")
    ]
    assert closed(p8008=[OK], p5432=[REFUSED]) == [
        (f"outside tcp/8008 {ADDRESS}", "failed", "port-open")
    ]
    assert closed(p8008=[]) == []


def test_after_leaves_ssh_alone_and_looks_at_unplanned_ports() -> None:
    ports = {probe.fields["port"] for probe in PortsAfterCheck().probes(context(), THIS_COMPUTER)}
    assert {80, 443, 8008, 5432} <= ports and 22 not in ports
