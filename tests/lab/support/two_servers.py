"""What every option with two servers must show, and a look at the packets of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assistant.onhost.resources import Secret
from assistant.plan.compile import compile_plan
from assistant.rehearsal.journey import SANDBOX_LIMITS
from assistant.rehearsal.network.pcap import contains
from assistant.setup.model import Setup
from tests.lab.conftest import BAD_LINE, Practice, Standing
from tests.lab.support.conversation import Conversation, conversing
from tests.lab.support.kept_secrets import (
    astray,
    in_journal,
    in_logs,
    misplaced,
    places_of,
    secrets_of,
)


def assert_journey(standing: Standing) -> None:
    """The whole journey across a bad line passed, and its report says so in every figure."""
    value = standing.report.to_json()
    assert standing.report.ok, value["error"]
    assert [stage["name"] for stage in value["stages"] if not stage["ok"]] == []
    assert value["border"] == {"rtt_ms": 150, "jitter_ms": 0, "loss_percent": 2}
    canary = value["canary"]
    assert canary["sent"] == canary["delivered"] > 0
    assert canary["limit_ms"] == 3 * BAD_LINE.rtt_ms + 300
    assert 0 < canary["p50_ms"] <= canary["p95_ms"]
    assert canary["encrypted_on_server"] is True
    assert canary["removed"] is True
    ways = [(way["from"], way["to"]) for way in canary["directions"]]
    names = standing.setup.server_name, standing.setup.outside_name
    assert ways == [names, names[::-1]]
    assert all(way["delivered"] == way["sent"] > 0 for way in canary["directions"])
    assert value["reapply"]["changed"] == 0
    assert value["open_ports"] == value["planned_ports"]
    assert set(value["open_ports"]) == {host.name for host in standing.setup.hosts}
    for host in ("inside", "outside"):
        assert set(value["sandbox_by_host"][host]) == set(SANDBOX_LIMITS)


async def talk_a_little(setup: Setup) -> Sequence[str]:
    """Five texts each way, all read; returns the texts."""
    async with conversing(setup) as talk:
        await say_and_read(talk, 5)
        return talk.said["a"] + talk.said["b"]


async def say_and_read(talk: Conversation, count: int) -> None:
    """Both write that many texts, and everything arrives within a minute."""
    for _ in range(count):
        talk.say("a")
        talk.say("b")
    await talk.arrived(60)


def assert_no_text(capture: Path, texts: Sequence[str]) -> None:
    """No text was on the wire; that something was captured at all is seen by its size."""
    assert capture.stat().st_size > 10_000
    for text in texts:
        token = text.rpartition(" ")[2].encode()
        assert not contains(capture, token)


def assert_secrets_stay(practice: Practice, standing: Standing) -> None:
    """Each secret is on the host it belongs to, in its own file, and nowhere else."""
    plans = {plan.host: plan for plan in compile_plan(standing.setup).hosts}
    roots = {name: practice.lab.root_of(host.name) for name, host in standing.hosts.items()}
    values = {
        f"{name} {secret}": value
        for name, plan in plans.items()
        for secret, value in secrets_of(roots[name], plan).items()
    }
    assert len(values) > 8
    joined = b"\n".join(standing.arguments)
    assert b"certbot" in joined, "the sampling sees what runs on the hosts"
    assert places_of(values, joined) == []
    for name, plan in plans.items():
        root, host = roots[name], standing.hosts[name].name
        assert in_journal(practice, host, values) == []
        assert in_logs(root, values) == []
        # Seen from here every secret has its host before its name, so that none is at home twice.
        own = {(r.path, f"{name} {r.name}") for r in plan.resources if isinstance(r, Secret)}
        assert set(astray(root, plan, values)) <= own
        assert misplaced(practice, host, plan) == {}
