"""The rehearsal's own values: who practises what, what its report calls good, what is typed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.advice.options import acknowledged
from assistant.advice.recommendation import recommend
from assistant.canary import CanaryResult, Direction
from assistant.cli import build_parser, rehearse
from assistant.common.errors import AssistantError
from assistant.findings.model import Confidence, Finding, Status
from assistant.plan.compile import compile_plan
from assistant.rehearsal.network.border import Border
from assistant.rehearsal.practice_setup import (
    _settings,
    _setup,
    packages_and_locks,
    practice_answers,
)
from assistant.rehearsal.report import Rehearsed, limit_ms, worst_scores
from assistant.rehearsal.timings import compared
from assistant.setup.model import ROLES, DnsUpdate, Host, Login, Setup
from assistant.text import msg

OPTIONS = (1, 2, 3, 4)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_practice_family_is_advised_its_option(option: int) -> None:
    assert recommend(practice_answers(option)).first == option


def _practised(option: int) -> Setup:
    hosts = tuple(
        Host(
            name=role.value,
            role=role,
            login=Login(address=f"241.0.9.{number}"),
            public_ipv4=f"241.0.9.{number}",
            release="trixie",
        )
        for number, role in enumerate(ROLES[option], 2)
    )
    update = DnsUpdate(server="241.0.2.2", key_name="key")
    return _setup(option, "family.example", hosts, _settings(option, update, update, "wrapped"))


@pytest.mark.parametrize("option", OPTIONS)
def test_what_is_practised_may_be_applied(option: int) -> None:
    setup = _practised(option)
    assert acknowledged(option, setup.acknowledged)
    assert {host.host for host in compile_plan(setup).hosts} == set(map(str, ROLES[option]))
    debs, locks = packages_and_locks(option, "trixie")
    assert "nginx" in debs
    assert any("matrix-synapse==" in lock for lock in locks)


def _result(*ms: float, sent: int | None = None) -> CanaryResult:
    way = Direction(
        sender="A",
        sender_server="a.test",
        receiver_server="b.test",
        sent=len(ms) if sent is None else sent,
        ms=ms,
    )
    return CanaryResult(directions=(way,), encrypted_on_server=True, removed=True)


def _report(canary: CanaryResult, border: Border) -> Rehearsed:
    finding = Finding(
        check="tls",
        subject="x",
        vantage="y",
        status=Status.OK,
        summary=msg("Good"),
        confidence=Confidence.HIGH,
    )
    return Rehearsed(
        option=2,
        release="trixie",
        border=border,
        stages=[{"name": "apply", "ok": True, "seconds": 1.0}],
        canary={**canary.to_json(), "limit_ms": limit_ms(border)},
        reapply={"changed": 0},
        findings=(finding,),
        open_ports={"inside": [22]},
        planned_ports={"inside": [22]},
    )


@pytest.mark.parametrize(
    ("ms", "rtt", "slow"),
    [
        ((10.0, 750.0), 150, False),
        ((10.0, 750.1), 150, True),
        ((10.0, 9000.0), 0, False),  # nothing to compare with
    ],
)
def test_a_slow_computer_is_told_and_does_not_make_a_rehearsal_fail(
    ms: tuple[float, ...], rtt: float, slow: bool
) -> None:
    report = _report(_result(*ms), Border(rtt_ms=rtt))
    assert (report.slow, report.ok) == (slow, True)
    value = report.to_json()
    assert (value["slow"], value["ok"]) == (slow, True)


def test_a_lost_message_is_not_good() -> None:
    assert not _report(_result(1.0, sent=2), Border()).ok


def test_the_report_names_both_directions_and_the_border() -> None:
    value = _report(_result(10.0, 20.0), Border(rtt_ms=150, loss_percent=2)).to_json()
    assert value["border"] == {"rtt_ms": 150, "jitter_ms": 0, "loss_percent": 2}
    assert value["canary"]["limit_ms"] == 750
    assert value["canary"]["directions"] == [
        {
            "from": "a.test",
            "to": "b.test",
            "sent": 2,
            "delivered": 2,
            "p50_ms": 10.0,
            "p95_ms": 20.0,
            "encrypted_on_server": True,
        }
    ]


def test_figures() -> None:
    assert compared([3.0, 1.0, 2.0], [2.0, 1.0, 1.0]) == {
        "seconds": 2.0,
        "bare_ssh_seconds": 1.0,
        "ratio": 2.0,
    }
    scores = {"inside": {"nginx.service": 2.0}, "outside": {"nginx.service": 3.0, "x": 1.0}}
    assert worst_scores(scores) == {"nginx.service": 3.0, "x": 1.0}


def _typed(*argv: str) -> Any:
    return build_parser().parse_args(["rehearse", *argv])


def test_what_is_typed_stands_over_the_scenario(tmp_path: Path) -> None:
    file = tmp_path / "evening.toml"
    file.write_text("[border]\nrtt_ms = 300\nloss_percent = 5\n[home]\nmtu = 1400\n")
    scenario = rehearse._scenario(_typed("--scenario", str(file), "--loss", "0"))
    assert scenario.border_value() == Border(rtt_ms=300, loss_percent=0)
    assert scenario.line().mtu == 1400
    plain = rehearse._scenario(_typed("--option", "4", "--rtt", "150"))
    assert plain.border_value() == replace(Border(), rtt_ms=150)


def test_a_scenario_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("[border]\nrtt_ms = 'long'\n")
    with pytest.raises(AssistantError):
        rehearse._scenario(_typed("--scenario", str(file)))


@pytest.mark.parametrize("argv", [("--rtt", "-1"), ("--loss", "91"), ("--jitter", "x")])
def test_lines_there_cannot_be(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        _typed(*argv)
    assert ended.value.code == 2
    assert argv[0] in capsys.readouterr().err
