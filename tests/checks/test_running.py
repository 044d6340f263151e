"""What a host says of its services becomes one cause each, read and so certain."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.findings.model import Confidence, Measurement, Status
from assistant.findings.probes import Told
from checks.causes import CAUSES
from checks.check import Context
from checks.host.asked import PROBE, federation_wanted, hosts_records, own_state_probe
from checks.host.clock import Clock, clocks, judge_clocks
from checks.host.follows import EXPLAINS
from checks.host.running import RunningCheck
from checks.service.matrix import MatrixCheck, reason
from tests.support.checks_values import brief, of_option, texts

OUTSIDE = of_option(3)
NAMES = hosts_records(OUTSIDE, "outside")
WANTED = federation_wanted(OUTSIDE, "outside")["federation_domain_whitelist"]
PORTS = OUTSIDE.plan.for_host("outside").open_tcp


def unit(name: str, **more: Any) -> dict[str, Any]:
    told = {"unit": name, "load": "loaded", "active": "active", "sub": "running", "age": 9e4}
    return {**told, "restarts": 0, "result": "success", **more}


def disk(**more: Any) -> dict[str, Any]:
    told = {"path": "/var", "mount": "/", "free": 9000, "total": 20_000, "inodes": 400_000}
    return {**told, "writable": True, **more}


DEAD = {"active": "failed", "sub": "failed"}
LOOP = {"active": "activating", "sub": "auto-restart", "result": "exit-code"}
OOM = {**DEAD, "result": "oom-kill"}
SYNAPSE = unit("matrix-synapse.service", words=[])
POSTGRES = unit("postgresql@17-main.service")
NGINX = unit("nginx.service")
GOOD: dict[str, Any] = {
    "units": [SYNAPSE, unit("postgresql.service", sub="exited"), POSTGRES, NGINX],
    "database": {"up": True, "recovering": False, "wrote": True, "waiting": {}, "text": ""},
    "health": [{"url": "http://127.0.0.1:8008/health", "status": 200}],
    "login": {"status": 403, "errcode": "M_FORBIDDEN"},
    "files": [],
    "federation": {"servers": WANTED, "addresses": None, "readable": True, "age": 10**6},
    "names": {name: sorted(values) for name, values in NAMES.items()},
    "certificates": [{"path": "/x", "there": True, "age": 10**6, "same": True}],
    "firewall": {"loaded": True, "open": list(PORTS), "stopped": [], "listening": []},
    "disks": [disk()],
    "memory": {"total": 1900, "available": 900, "swap": 0, "killed": 0},
    "clock": {"now": 1.0, "synchronised": True, "up": 9e4},
    "problems": {},
}
NO_SPACE = 'ERROR:  could not extend file "base/1/2": No space left on device'
REFUSED = "psql: error: connection to server on socket: No such file or directory"
SILENT = [{"url": "http://127.0.0.1:8008/health", "status": 0, "error": "ConnectionRefusedError"}]
HANGS = [{"url": "http://127.0.0.1:8008/health", "status": 0, "error": "TimeoutError: timed out"}]
NO_DB = {"up": False, "wrote": False, "text": REFUSED}
FULL_DB = {"up": True, "wrote": False, "text": NO_SPACE}
READ_ONLY = {"up": True, "wrote": False, "text": "ERROR: … in a read-only transaction"}
FAILS = {"status": 500, "errcode": "M_UNKNOWN"}
HOMESERVER = {"path": "/etc/matrix-synapse/homeserver.yaml", "what": "by-hand", "age": 60}
TYPO = {"servers": ["typo.example"], "readable": True, "age": 60}


def seen(changes: dict[str, Any], **more: Any) -> Context:
    data = {**GOOD, **changes}
    item = Measurement(vantage="outside", probe=PROBE, kind="own-state", ok=True, data=data, **more)
    return of_option(3, subjects=("outside",), measured={("running", "outside"): (item,)})


def causes(changes: dict[str, Any]) -> list[tuple[str, str]]:
    found = RunningCheck().judge(seen(changes))
    texts(found)
    assert all(f.confidence is Confidence.CERTAIN or f.cause == "facts-missing" for f in found)
    assert all(f.remedy is not None for f in found if f.status is Status.FAILED)
    return [(f.status.value, f.cause) for f in found]


def units(*changed: dict[str, Any]) -> list[dict[str, Any]]:
    by_name = {item["unit"]: item for item in (*GOOD["units"], *changed)}
    return list(by_name.values())


def test_a_good_host_says_so_once() -> None:
    assert causes({}) == [("ok", "")]


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"units": units({**SYNAPSE, **DEAD}), "health": SILENT, "login": {"status": 0}},
         "service-down"),
        ({"units": units({**NGINX, **DEAD})}, "service-down"),
        ({"units": units({**NGINX, "load": "not-found", "active": "inactive"})}, "service-down"),
        ({"units": units({**NGINX, "load": "masked", "active": "inactive"})}, "unit-masked"),
        ({"units": units({**POSTGRES, "load": "masked", "active": "inactive"}),
          "database": NO_DB, "login": FAILS}, "unit-masked"),
        ({"units": units({**SYNAPSE, **OOM}), "health": SILENT, "login": {"status": 0}},
         "memory-exhausted"),
        ({"units": units({**POSTGRES, **DEAD}), "database": NO_DB, "login": FAILS},
         "database-down"),
        ({"units": units({**SYNAPSE, **LOOP}), "database": NO_DB, "health": SILENT,
          "login": {"status": 0}}, "database-down"),
        ({"units": units({**POSTGRES, **DEAD}, unit("postgresql.service", load="masked")),
          "database": NO_DB, "login": FAILS}, "unit-masked"),
        ({"units": units({**POSTGRES, **DEAD}, unit("postgresql.service", **DEAD)),
          "database": NO_DB, "login": FAILS}, "database-down"),
        ({"database": READ_ONLY, "login": FAILS}, "database-read-only"),
        ({"database": {"up": True, "recovering": True, "wrote": True}}, "database-read-only"),
        ({"database": {"up": True, "wrote": False, "text": "ERROR: odd"}, "login": FAILS},
         "database-failing"),
        ({"database": FULL_DB, "login": FAILS}, "disk-full"),
        ({"disks": [disk(free=0)], "database": FULL_DB, "login": FAILS}, "disk-full"),
        ({"disks": [disk(free=99)]}, "disk-full"),
        ({"disks": [disk(inodes=3)], "login": FAILS}, "inodes-full"),
        ({"disks": [disk(writable=False, free=0)], "database": FULL_DB}, "disk-read-only"),
        ({"health": HANGS, "login": {"status": 0, "error": "timed out"}}, "synapse-hangs"),
        ({"health": SILENT, "login": {"status": 0}}, "synapse-down"),
        ({"login": FAILS}, "login-fails"),
        ({"login": {"status": 0, "error": "timed out"}}, "login-fails"),
        ({"federation": TYPO, "files": [HOMESERVER]}, "federation-list-wrong"),
        ({"names": {}, "files": [{"path": "/etc/hosts", "what": "missing"}]},
         "hosts-record-missing"),
        ({"names": {name: ["192.0.2.66"] for name in NAMES},
          "files": [{"path": "/etc/hosts", "what": "by-hand"}]}, "hosts-record-wrong"),
        ({"certificates": [{"path": "/x", "there": True, "age": 3600, "same": False}]},
         "certificate-not-reloaded"),
        ({"certificates": [{"path": "/x", "there": False}]}, "certificate-missing"),
        ({"firewall": {"loaded": True, "open": [22, 80], "stopped": []}},
         "firewall-rule-missing"),
        ({"firewall": {"loaded": True, "open": list(PORTS), "stopped": [
            {"port": 443, "where": "ip filter INPUT", "how": "drop"}]}}, "firewall-blocks"),
        ({"files": [{"path": "/etc/nginx/conf.d/x.conf", "what": "missing"}],
          "units": units({**NGINX, **DEAD})}, "config-missing"),
    ],
)  # fmt: skip
def test_one_fault_is_one_failed_finding(changes: dict[str, Any], cause: str) -> None:
    assert causes(changes) == [("failed", cause)]


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"files": [{"path": "/etc/x", "what": "by-hand", "age": 5}]}, "config-changed-by-hand"),
        ({"files": [{"path": "/etc/x", "what": "not-applied", "age": 5}]}, "config-not-applied"),
        ({"files": [{"path": "/etc/x", "what": "rights", "age": 5}]}, "config-rights"),
        ({"units": units({**SYNAPSE, "restarts": 4, "age": 20.0})}, "service-restarting"),
        ({"memory": {"total": 900, "available": 20, "swap": 0}}, "memory-exhausted"),
        ({"firewall": {"loaded": False, "open": [], "stopped": []}}, "firewall-missing"),
        ({"federation": {**TYPO, "servers": [*WANTED, "more.example"]}}, "federation-list-wrong"),
    ],
)
def test_what_still_works_is_a_warning(changes: dict[str, Any], cause: str) -> None:
    assert causes(changes) == [("warning", cause)]


@pytest.mark.parametrize(
    "changes",
    [
        {"login": {"status": 429}},
        {"disks": [disk(inodes=None)]},
        {"disks": [disk(free=100)]},
        {"units": units({**SYNAPSE, "active": "activating", "sub": "start"})},
        {"units": units({**SYNAPSE, "restarts": 4})},
        {"certificates": [{"path": "/x", "there": True, "age": 20, "same": False}]},
        {"certificates": [{"path": "/x", "there": True, "age": 9999, "same": None}]},
        {"federation": {"servers": None, "readable": False, "age": 1}},
        {"memory": {}},
    ],
)
def test_what_says_nothing_is_no_complaint(changes: dict[str, Any]) -> None:
    assert causes(changes) == [("ok", "")]


def test_what_could_not_be_looked_at_is_unknown_and_hides_nothing() -> None:
    problems = {"firewall": "nft is not there"}
    assert causes({"problems": problems}) == [("unknown", "facts-missing")]
    found = causes({"problems": problems, "login": FAILS})
    assert found == [("failed", "login-fails")]


def test_what_follows_is_in_the_evidence_of_its_cause() -> None:
    (found,) = RunningCheck().judge(seen({"database": NO_DB, "login": FAILS}))
    assert "outside login: login-fails" in found.evidence


def test_every_cause_that_explains_or_is_explained_is_documented() -> None:
    assert {*EXPLAINS, *(c for follows in EXPLAINS.values() for c in follows)} <= CAUSES.keys()


def test_a_newer_file_is_said_not_to_count_yet() -> None:
    (found,) = RunningCheck().judge(seen({"federation": TYPO}))
    assert found.why is not None and "next start" in str(found.why)
    (found,) = RunningCheck().judge(seen({"federation": {**TYPO, "age": 10**6}}))
    assert found.why is None


def test_the_matrix_server_is_not_asked_what_its_host_explained() -> None:
    looked = seen({"database": NO_DB})
    findings = RunningCheck().judge(looked)
    context = of_option(3, subjects=("outside",), findings=findings)
    known = reason(context, "outside")
    assert known is not None and known.cause == "database-down"
    found = brief(MatrixCheck().judge(context))
    assert found == [("outside", "skipped", "earlier-problem")]
    fine = of_option(3, findings=RunningCheck().judge(seen({})))
    assert reason(fine, "outside") is None


@pytest.mark.parametrize("option", [1, 2, 3, 4])
def test_every_host_is_asked_about_what_its_plan_has(option: int) -> None:
    context = of_option(option)
    for host in context.plan.hosts:
        fields = own_state_probe(context, host.host).fields
        assert "nginx.service" in fields["units"] and fields["firewall"]["tcp"] == host.open_tcp
        assert {item["path"] for item in fields["files"]} >= {"/etc/matrix-assistant/firewall.nft"}
        assert ("database" in fields) == (host.host != "home")
        if host.host == "outside":
            assert bool(fields["names"]) == (option in (3, 4))
        assert "content" not in str(fields)


def apart(*ahead: float) -> list[tuple[str, str, str]]:
    places = ["this computer", "outside", "inside", "home"]
    given = [Clock(place, value, 0.5) for place, value in zip(places, ahead, strict=False)]
    found = list(judge_clocks(given))
    texts(found)
    return [(f.vantage, f.status.value, f.cause) for f in found if f.cause]


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        ((0, 1), []),
        ((0, 40), [("outside", "warning", "clocks-disagree")]),
        ((0, -900), [("outside", "failed", "clocks-disagree")]),
        ((0, 900, 1), [("outside", "failed", "clock-wrong")]),
        ((0, 40, 1), [("outside", "warning", "clock-off")]),
        ((0, 900, 901), [("this computer", "failed", "clock-wrong")]),
        ((0, 900, 901, 902), [("this computer", "failed", "clock-wrong")]),
        ((0, 1, 2, -600), [("home", "failed", "clock-wrong")]),
        ((0, 1, 2, 3), []),
    ],
)
def test_the_majority_of_clocks_decides(
    ahead: tuple[float, ...], expected: list[tuple[str, str, str]]
) -> None:
    assert apart(*ahead) == expected


def test_clocks_that_all_differ_accuse_nobody() -> None:
    found = apart(0, 900, -900)
    assert found and all(cause != "clock-wrong" for _, _, cause in found)


def test_a_slow_exchange_leaves_doubt() -> None:
    facts = {"outside": Told({"clock": 1000.0}, asked=1000, answered=1090)}
    (_, host) = clocks(facts, ("outside",))
    assert (host.ahead, host.doubt) == (-45, 45)
