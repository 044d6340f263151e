"""Rules about hosts and the way to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from assistant.findings.probes import Told
from assistant.setup.model import HistoryEntry
from checks.host.fitness import HostCheck, judge_locks
from checks.host_facts import read_facts
from checks.network.reachability import ReachabilityCheck, judge_line
from tests.support.checks_values import brief, context, measured, setup

GOOD: dict[str, Any] = {
    "codename": "trixie",
    "pretty": "Debian GNU/Linux 13 (trixie)",
    "python": "3.13.5",
    "memory": {"total": 1963, "available": 1500, "swap": 0},
    "disk": {"/": {"free": 20_000}, "/var": {"free": 9_000}},
    "clock": 1000.5,
    "root": True,
    "apt_busy": False,
    "listening": [
        {"protocol": "tcp", "address": "0.0.0.0", "port": 22, "process": "sshd"},
        {"protocol": "tcp", "address": "127.0.0.1", "port": 5432, "process": "postgres"},
        {"protocol": "udp", "address": "0.0.0.0", "port": 68, "process": "dhclient"},
    ],
    "services": {"unattended-upgrades": "active"},
}


def about(
    changes: dict[str, Any], phase: str = "before", **more: Any
) -> list[tuple[str, str, str]]:
    told = Told({**GOOD, **changes}, asked=1000, answered=1001)
    found = HostCheck().judge(context(facts={"outside": told}, phase=phase, **more))
    return [item for item in brief(found) if item[1] != "ok"]


def sock(port: int, process: str, address: str = "::") -> dict[str, Any]:
    return {"protocol": "tcp", "address": address, "port": port, "process": process}


def udp(port: int, process: str) -> dict[str, Any]:
    return {**sock(port, process), "protocol": "udp"}


def test_a_good_host_has_nothing_to_complain_about() -> None:
    assert about({}) == []


@pytest.mark.parametrize(
    ("changes", "aspect", "status", "cause"),
    [
        ({"codename": "buster"}, "system", "failed", "release-unsupported"),
        ({"codename": ""}, "system", "failed", "release-unsupported"),
        ({"python": "3.9.2"}, "python", "failed", "python-old"),
        ({"memory": {"total": 899}}, "memory", "warning", "memory-low"),
        ({"memory": {"total": 449}}, "memory", "failed", "memory-too-low"),
        ({"disk": {"/": {"free": 9999}, "/var": {"free": 3071}}}, "disk", "failed", "disk-too-low"),
        ({"disk": {"/": {"free": 5119}}}, "disk", "warning", "disk-low"),
        ({"clock": 1000.5 + 32}, "clock", "warning", "clocks-disagree"),
        ({"clock": 1000.5 - 32}, "clock", "warning", "clocks-disagree"),
        ({"clock": 1000.5 - 302}, "clock", "failed", "clocks-disagree"),
        ({"root": False}, "rights", "failed", "not-root"),
        ({"apt_busy": True}, "packages", "warning", "apt-locked"),
        ({"listening": [sock(80, "nginx")]}, "port 80", "warning", "web-server-shared"),
        ({"listening": [sock(443, "apache2")]}, "port 443", "failed", "port-taken"),
        ({"listening": [sock(3000, "node")]}, "port 3000", "warning", "port-will-close"),
        ({"listening": [udp(51820, "")]}, "port udp/51820", "warning", "port-will-close"),
        ({"firewalls": {"ufw": ["tcp/22"]}}, "firewall ufw", "failed", "firewall-closed"),
        ({"listening": [sock(8008, "python3", "127.0.0.1")]}, "synapse", "failed", "port-taken"),
        ({"services": {"matrix-synapse": "active"}}, "synapse", "failed", "foreign-synapse"),
    ],
)
def test_each_aspect(changes: dict[str, Any], aspect: str, status: str, cause: str) -> None:
    assert about(changes) == [(f"outside {aspect}", status, cause)]


@pytest.mark.parametrize(
    "changes",
    [
        {"memory": {"total": 900}},
        {"memory": {"total": "much"}},
        {"memory": None},
        {"disk": {"/": {"free": 5120}}},
        {"disk": []},
        {"clock": 1000.5 + 29},
        {"clock": "noon"},
        {"python": "3.10.0"},
        {"listening": [sock(3000, "node", "127.0.0.1"), sock(3000, "node", "::1")]},
        {"listening": [udp(5353, "avahi-daemon"), udp(68, "dhclient")]},
        {"listening": [{**udp(41000, "unbound"), "serves": False}]},
        {"listening": [{**udp(53, "dnsmasq"), "interface": "virbr0"}]},
        {"firewalls": {"ufw": ["*"]}},
        {"firewalls": {"firewalld": ["tcp/80-443", "udp/5"]}},
        {"firewalls": "nonsense"},
        {"listening": "nonsense"},
        {"listening": [{"port": "x"}, 7]},
    ],
)
def test_what_is_good_enough_or_unknown_is_no_complaint(changes: dict[str, Any]) -> None:
    assert about(changes) == []


def test_a_slow_exchange_is_no_wrong_clock() -> None:
    told = Told({**GOOD, "clock": 1000}, asked=1000, answered=1090)
    found = HostCheck().judge(context(facts={"outside": told}))
    assert ("outside clock", "ok", "") in brief(found)


def test_our_own_service_is_nobody_elses() -> None:
    entry = HistoryEntry(at=datetime(2026, 1, 2, tzinfo=UTC), what="applied", host="outside")
    changes = {
        "services": {"matrix-synapse": "active"},
        "listening": [sock(443, "nginx"), sock(8008, "python3", "127.0.0.1")],
    }
    assert about(changes, setup=setup(history=(entry,))) == []
    assert about(changes, phase="after") == []


def test_no_facts_is_unknown() -> None:
    found = HostCheck().judge(context(no_facts={"outside": "timeout"}))
    assert brief(found) == [("outside", "unknown", "facts-missing")]
    assert found[0].evidence == ("timeout",)


def test_read_facts_takes_the_least_free_space() -> None:
    facts = read_facts(GOOD)
    assert (facts.disk_free, facts.memory, facts.python) == (9000, 1963, (3, 13, 5))
    assert facts.on_port(5432) == () and facts.on_port(22)[0].process == "sshd"


@pytest.mark.parametrize(
    ("tries", "status", "cause"),
    [
        ([("", 40), ("", 45), ("", 50)], "ok", ""),
        ([("", 600), ("", 450), ("", 400)], "warning", "line-slow"),
        ([("", 40), ("timeout", None), ("", 50)], "warning", "packets-lost"),
        ([("timeout", None)] * 3, "failed", "host-unreachable"),
        ([("refused", None)] * 3, "failed", "ssh-refused"),
        ([("name", None)] * 3, "failed", "address-unknown"),
        ([("refused", None), ("timeout", None), ("timeout", None)], "failed", "host-unreachable"),
        ([("timeout", 40)] * 3, "ok", ""),
    ],
)
def test_the_line(tries: list[tuple[str, float | None]], status: str, cause: str) -> None:
    found = [
        measured(error=error, connected=ms is not None, **({"connect_ms": ms} if ms else {}))
        for error, ms in tries
    ]
    finding = judge_line("outside", "203.0.113.9", found)
    assert (finding.status.value, finding.cause) == (status, cause)
    assert (finding.remedy is None) == (cause == "")


def test_reachability_tries_three_times_with_the_ssh_port() -> None:
    (probe,) = ReachabilityCheck().probes(context(), "this computer")
    assert probe.repeat == 3 and probe.fields["port"] == 22


@pytest.mark.parametrize(("age", "causes"), [(0, []), (90, []), (91, ["lock-old"])])
def test_versions_chosen_long_ago_are_a_finding(age: int, causes: list[str]) -> None:
    assert [one.cause for one in judge_locks("outside", age)] == causes
