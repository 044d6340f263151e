"""The whole of option 1 on both releases, as `matrix-assistant rehearse` reports it."""

from __future__ import annotations

import asyncio
import time

import pytest

from assistant.findings.model import Status
from assistant.operations import apply, proof
from assistant.operations.connections import Connections
from assistant.rehearsal.journey import SANDBOX_LIMITS
from assistant.remote import NoCredentials
from assistant.setup.model import Setup
from tests.lab.conftest import RELEASES, Practice


@pytest.mark.parametrize("release", RELEASES)
def test_option_1_from_answers_to_an_encrypted_message(practice: Practice, release: str) -> None:
    report = practice.deployed(release).report
    assert report.ok, report.error
    value = report.to_json()
    assert [stage["name"] for stage in value["stages"] if not stage["ok"]] == []
    assert value["canary"]["sent"] == value["canary"]["delivered"] == 10
    assert value["canary"]["encrypted_on_server"] is True
    assert value["canary"]["removed"] is True
    assert 0 < value["canary"]["p50_ms"] <= value["canary"]["p95_ms"]
    assert value["reapply"]["changed"] == 0
    assert value["open_ports"] == {"outside": [22, 80, 443]}
    for unit, limit in SANDBOX_LIMITS.items():
        assert 0 < value["sandbox"][unit] <= limit
    seen = {(f["check"], f["status"]) for f in value["findings"]}
    assert ("matrix", "ok") in seen
    assert ("tls", "ok") in seen
    assert not any(status == Status.FAILED for _, status in seen)


def test_a_report_is_not_ok_when_any_part_of_it_is_not(practice: Practice) -> None:
    good = practice.deployed("trixie").report
    assert good.ok
    kept = good.open_ports
    try:
        good.open_ports = {"outside": [22, 80, 443, 8008]}
        assert not good.ok
    finally:
        good.open_ports = kept
    good.stages.append({"name": "broken", "ok": False, "seconds": 0.0})
    assert not good.ok
    good.stages.pop()
    assert good.ok


def test_a_second_apply_is_one_connection_and_one_program(practice: Practice) -> None:
    host, setup = practice.clone()
    verbose = "LogLevel VERBOSE\n"
    (practice.lab.root_of(host.name) / "etc/ssh/sshd_config.d/00-verbose.conf").write_text(verbose)
    # Not a reload, which returns before the new listener is there.
    practice.run(practice.lab.exec(host.name, ["systemctl", "restart", "ssh"]))

    async def twice() -> list[tuple[str, ...]]:
        changes = []
        for _ in range(2):
            async with Connections(setup, NoCredentials()) as connections:
                _, results = await apply.apply(connections, report=lambda _: None)
                assert all(result.ok for result in results), results
                changes.append(tuple(c for result in results for c in result.changes))
        return changes

    # The first apply finds the file this test added to nothing of the plan: it must be quiet too.
    assert practice.run(twice()) == [(), ()]
    time.sleep(0.5)
    # A session's later lines belong to its own scope, not to the unit of the server.
    journal = ["journalctl", "-o", "cat", "-t", "sshd", "-t", "sshd-session"]
    log = practice.run(practice.lab.exec(host.name, journal)).stdout
    assert log.count("Accepted publickey") == 2
    assert log.count("Starting session: command") == 2
    practice.remove(host)


def test_a_clone_comes_back_after_a_power_cut(practice: Practice) -> None:
    host, setup = practice.clone()
    practice.run(practice.lab.power_cut(host.name))
    practice.run(practice.lab.power_on(host.name))
    assert practice.run(_converses(setup)).ok
    practice.remove(host)


async def _converses(setup: Setup):  # type: ignore[no-untyped-def]
    for _ in range(30):
        async with Connections(setup, NoCredentials()) as connections:
            result = await proof.canary(connections)
        if result.ok or result.cause not in ("unreachable", "bad-gateway", "health"):
            return result
        await asyncio.sleep(1)
    return result
