"""The line at home: its address, the way in, what to enter in the router."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assistant.findings.model import THIS_COMPUTER, Measurement
from assistant.findings.probes import Told, Visitor
from assistant.plan.recipes.web import nginx
from checks.host.fitness import HostCheck
from checks.network.home_line import WHO_PATH, HomeCheck, line_of, seen_address
from checks.network.home_rules import (
    Line,
    forwarding,
    judge_home_port,
    judge_line,
    judge_updates,
    loops_back,
)
from checks.network.port_rules import Sight
from checks.network.ports_after import PortsAfterCheck
from checks.network.ports_before import PortsBeforeCheck, candidates
from tests.support.checks_values import brief, measured, of_option, texts

SEEN, LOCAL, PORT = "241.0.8.2", "192.168.1.20", 20443
BEHIND = {"seen": SEEN, "local": LOCAL, "own": (LOCAL,)}


@pytest.mark.parametrize(
    ("line", "status", "cause"),
    [
        ({}, "unknown", "undecided"),
        ({"seen": SEEN, "own": (SEEN,)}, "ok", ""),
        ({**BEHIND, "wan": SEEN}, "ok", ""),
        ({**BEHIND, "wan": "100.72.3.4"}, "failed", "cgnat"),
        ({**BEHIND, "wan": "241.9.9.9"}, "failed", "cgnat"),
        ({**BEHIND, "wan": "192.168.0.7"}, "failed", "double-nat"),
        ({**BEHIND, "wan": "100.72.3.4", "six": True}, "warning", "cgnat"),
        ({**BEHIND, "hops": ("192.168.1.1", "100.64.0.1")}, "unknown", "undecided"),
        ({**BEHIND, "hops": ("192.168.1.1", "10.1.0.1")}, "ok", ""),
        (BEHIND, "ok", ""),
    ],
)
def test_a_line(line: dict[str, Any], status: str, cause: str) -> None:
    (found,) = judge_line("home", Line(**line), before=True)
    assert (found.status.value, found.cause) == (status, cause)
    assert bool(found.evidence) == bool(cause) and texts([found])


def test_another_address_than_entered_is_told_before_only() -> None:
    line = Line(**BEHIND, wan=SEEN, entered="241.0.8.9")
    assert [f.cause for f in judge_line("home", line, before=True)] == ["", "address-changed"]
    assert [f.cause for f in judge_line("home", line, before=False)] == [""]


def test_the_rule_for_the_router_is_exact() -> None:
    text = str(forwarding("home", PORT, Line(**BEHIND)))
    assert f"external port {PORT}, protocol TCP, internal address {LOCAL}" in text
    assert f"internal port {PORT}" in text
    direct = str(forwarding("home", PORT, Line(seen=SEEN, own=(SEEN,))))
    assert "router" not in direct and str(PORT) in direct


def test_ipv6_needs_a_hole_in_a_firewall_and_is_never_shared() -> None:
    six = "3fff:0:8::2"
    line = Line(**BEHIND, wan="100.64.0.9")
    sight = {"inside": Sight((TIMEOUT,) * 3)}
    (found,) = judge_home_port("home", PORT, six, sight, line=line, others={}, nonce=NONCE)
    assert found.cause == "not-forwarded" and found.remedy is not None
    assert six in str(found.remedy.text) and LOCAL not in str(found.remedy.text)


NONCE = "nonce 1"
OK = measured(connected=True, banner=f"{NONCE} 241.0.5.9")
OTHER = measured(connected=True, banner="HTTP/1.1 400")
TIMEOUT = measured(error="timeout", connected=False)
REFUSED = measured(error="refused", connected=False)


def at_home(
    seen: dict[str, list[Measurement]],
    line: Line | None = None,
    others: dict[int, list[str]] | None = None,
) -> list[tuple[str, str, str]]:
    sights = {vantage: Sight(tuple(tries)) for vantage, tries in seen.items()}
    came = Visitor(PORT, "241.0.5.9", "answered")
    good = sum(item.ok for tries in seen.values() for item in tries)
    found = judge_home_port(
        "home",
        PORT,
        SEEN,
        sights,
        line=line or Line(**BEHIND),
        others=others or {},
        visitors=[came] * good,
        nonce=NONCE,
    )
    assert texts(found)
    return [(f.vantage, f.status.value, f.cause) for f in found]


HERE = THIS_COMPUTER
DEAD = {HERE: [TIMEOUT] * 3, "inside": [TIMEOUT] * 3}


@pytest.mark.parametrize(
    ("seen", "line", "others", "expected"),
    [
        ({"inside": [OK] * 3}, {}, {}, [("inside", "ok", "")]),
        (DEAD, {}, {}, [(HERE, "failed", "not-forwarded"), ("inside", "failed", "not-forwarded")]),
        ({"inside": [REFUSED] * 3}, {}, {}, [("inside", "failed", "not-forwarded")]),
        ({"inside": [TIMEOUT] * 3}, {}, {28443: ["inside"]},
         [("inside", "failed", "isp-port-closed")]),
        ({"inside": [TIMEOUT] * 3}, {}, {28443: []}, [("inside", "failed", "not-forwarded")]),
        ({"inside": [TIMEOUT] * 3}, {"wan": "100.64.7.7"}, {28443: ["inside"]},
         [("inside", "failed", "cgnat")]),
        ({"inside": [TIMEOUT] * 3}, {"wan": "10.0.0.7"}, {}, [("inside", "failed", "double-nat")]),
        ({HERE: [TIMEOUT] * 3}, {}, {}, [(HERE, "unknown", "undecided")]),
        ({HERE: [TIMEOUT] * 3, "inside": [OK] * 3}, {}, {},
         [(HERE, "warning", "hairpin"), ("inside", "ok", "")]),
        ({HERE: [OK] * 3, "inside": [TIMEOUT] * 3}, {}, {},
         [(HERE, "ok", ""), ("inside", "unknown", "undecided")]),
        ({"inside": [OTHER] * 3}, {}, {}, [("inside", "failed", "port-intercepted")]),
    ],
)  # fmt: skip
def test_the_way_in(
    seen: dict[str, list[Measurement]],
    line: dict[str, Any],
    others: dict[int, list[str]],
    expected: list[tuple[str, str, str]],
) -> None:
    assert at_home(seen, Line(**(BEHIND | line)), others) == expected


def test_the_remedies_hold_the_rule_or_the_port_that_works() -> None:
    sight = {"inside": Sight((TIMEOUT,) * 3)}
    line = Line(**BEHIND)
    (found,) = judge_home_port("home", PORT, SEEN, sight, line=line, others={}, nonce=NONCE)
    assert found.remedy is not None and LOCAL in str(found.remedy.text)
    other = {21777: ["inside"]}
    (found,) = judge_home_port("home", PORT, SEEN, sight, line=line, others=other, nonce=NONCE)
    assert found.remedy is not None and "21777" in str(found.remedy.text)
    assert found.remedy.action == "use-port"


def told(*addresses: str) -> dict[str, Told]:
    return {"home": Told({"addresses": list(addresses)}, 0, 0)}


def test_before_a_listener_inside_tells_the_address_of_the_line() -> None:
    check = HomeCheck()
    seen = of_option(4, phase="before", subjects=("home",))
    assert [(item.host, item.port) for item in check.listeners(seen)] == [("inside", 8450)]
    probes = {probe.id: probe for probe in check.probes(seen, "home")}
    assert set(probes) == {"router", "stops", "visit"} and probes["visit"].kind == "tcp"
    came = (
        measured("visit", vantage="home", connected=True, banner=f"{NONCE} {SEEN}"),
        measured("router", vantage="home", kind="router", local=LOCAL, wan=SEEN),
        measured("stops", vantage="home", kind="hops", hops=["192.168.1.1", ""]),
    )
    seen = of_option(4, phase="before", measured={("home", "home"): came}, facts=told(LOCAL))
    assert seen_address(seen) == SEEN
    assert line_of(seen).wan == SEEN and line_of(seen).local == LOCAL
    assert brief(check.judge(seen)) == [("home line", "ok", "")]


@pytest.mark.parametrize(
    "banner", ["SSH-2.0-x", "", NONCE, f"x{NONCE} {SEEN}", f"{NONCE} 3fff::1", f"{NONCE} x"]
)
def test_what_is_not_the_listener_tells_no_address(banner: str) -> None:
    came = (measured("visit", vantage="home", connected=True, banner=banner),)
    assert seen_address(of_option(4, phase="before", measured={("home", "home"): came})) == ""


@pytest.mark.parametrize(
    ("link", "url", "address"),
    [
        ("direct", f"https://im.example.cn:8450{WHO_PATH}", "241.0.5.9"),
        ("wrapped", f"https://im.example.cn:8442{WHO_PATH}", "127.0.0.1"),
    ],
)
def test_afterwards_the_web_server_inside_does(link: str, url: str, address: str) -> None:
    check = HomeCheck()
    seen = of_option(4, settings={"home_link": link}, subjects=("home",))
    probes = {probe.id: probe for probe in check.probes(seen, "home")}
    assert probes["visit"].fields == {"url": url, "address": address}
    assert check.listeners(seen) == ()
    assert any(WHO_PATH in line for line in nginx._BEHIND_A_LINK)
    came = measured("visit", vantage="home", kind="http", status=200, body=f"{SEEN}\n")
    assert seen_address(of_option(4, measured={("home", "home"): (came,)})) == SEEN
    bad = measured("visit", vantage="home", kind="http", status=404, body=SEEN)
    assert seen_address(of_option(4, measured={("home", "home"): (bad,)})) == ""


def test_without_the_home_host_nothing_is_said_and_other_options_have_none() -> None:
    assert HomeCheck().judge(of_option(4, vantages=(HERE, "inside"))) == ()
    for option in (1, 2, 3):
        assert HomeCheck().subjects(of_option(option)) == ()


@pytest.mark.parametrize(
    ("state", "age", "status", "cause"),
    [
        ({"failures": 0, "error": ""}, 20, "ok", ""),
        ({"failures": 2, "error": "refused\x1b[31m"}, 20, "warning", "dyndns-failing"),
        ({"failures": 0, "error": ""}, 3600, "failed", "dyndns-silent"),
        (None, 20, "warning", "dyndns-silent"),
    ],
)
def test_what_the_updates_tell(
    state: dict[str, Any] | None, age: float, status: str, cause: str
) -> None:
    text = json.dumps(state) if state is not None else "cut off {"
    found = judge_updates("home", measured("updates", kind="file", text=text, age=age))
    assert (found.status.value, found.cause) == (status, cause)
    assert "\x1b" not in texts([found]) + "".join(found.evidence)
    assert judge_updates("home", measured("updates", "name", kind="file")).cause == "dyndns-silent"


def test_other_ports_are_listened_on_and_tried_from_elsewhere() -> None:
    seen = of_option(4, phase="before")
    check, host = PortsBeforeCheck(), seen.host("home")
    spare = candidates(seen, host)
    assert len(spare) == 5 and PORT not in spare and candidates(seen, seen.host("inside")) == ()
    ports = {item.port for item in check.listeners(seen) if item.host == "home"}
    assert ports == {PORT, *spare}
    ids = {probe.id for probe in check.probes(seen, "inside")}
    assert {f"home {port} {SEEN}" for port in (PORT, *spare)} <= ids
    assert f"home control {SEEN}" not in ids, "SSH of a home host is no control: it is not public"


def test_a_port_that_works_is_named_from_what_was_measured() -> None:
    seen = of_option(4, phase="before")
    works = candidates(seen, seen.host("home"))[2]
    tries = [measured(f"home {PORT} {SEEN}", "timeout", "inside", connected=False)] * 3
    good = measured(f"home {works} {SEEN}", vantage="inside", connected=True, banner=NONCE)
    check = PortsBeforeCheck()
    seen = of_option(4, phase="before", measured={(check.id, "inside"): (*tries, good)})
    mine = [f for f in check.judge(seen) if f.subject.startswith(f"home tcp/{PORT}")]
    assert {f.cause for f in mine} == {"isp-port-closed"}
    assert str(works) in texts(mine)
    assert not any(f"tcp/{works}" in f.subject for f in check.judge(seen))


def test_afterwards_a_silent_line_gets_the_rule_for_the_router() -> None:
    check = PortsAfterCheck()
    tries = tuple(measured(f"home {PORT} {SEEN}", "timeout", "inside") for _ in range(3))
    found = check.judge(of_option(4, measured={(check.id, "inside"): tries}))
    (mine,) = [f for f in found if f.cause]
    assert mine.cause == "port-closed" and f"external port {PORT}" in texts([mine])
    assert "security group" not in texts([mine])


def test_silence_at_home_alone_is_no_fault_when_others_get_through() -> None:
    check = PortsAfterCheck()
    probe = f"home {PORT} {SEEN}"
    seen = {
        (check.id, HERE): tuple(measured(probe, "timeout") for _ in range(3)),
        (check.id, "inside"): tuple(measured(probe, vantage="inside") for _ in range(3)),
    }
    found = check.judge(of_option(4, measured=seen))
    assert [(f.vantage, f.cause) for f in found if f.cause] == [(HERE, "hairpin")]
    assert loops_back("home", PORT, ()) == ()


def test_a_line_nobody_knows_the_address_of() -> None:
    hosts = tuple(
        host.model_copy(update={"public_ipv4": "", "public_ipv6": ""})
        if host.name == "home"
        else host
        for host in of_option(4).setup.hosts
    )
    for check, phase in ((PortsBeforeCheck(), "before"), (PortsAfterCheck(), "after")):
        found = check.judge(of_option(4, phase=phase, changes={"hosts": hosts}))
        assert ("home", "unknown", "undecided") in brief(found)


def test_a_small_machine_will_do_at_home_and_its_web_server_is_its_own() -> None:
    facts = {
        "codename": "trixie",
        "memory": {"total": 300},
        "disk": {"/": {"free": 1500}},
        "listening": [
            {"protocol": "tcp", "address": "0.0.0.0", "port": 80, "process": "apache2"},
            {"protocol": "tcp", "address": "0.0.0.0", "port": PORT, "process": "nginx"},
        ],
    }
    seen = of_option(
        4, phase="before", facts={"home": Told(facts, 0, 0)}, vantages=("home",), subjects=("home",)
    )
    found = {f.subject: f.cause for f in HostCheck().judge(seen)}
    assert found["home memory"] == found["home disk"] == ""
    assert found["home port 80"] == "port-will-close", "a web server at home is no obstacle"
    assert found[f"home port {PORT}"] == "port-taken", "sharing works for web ports only"
