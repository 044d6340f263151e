"""Faults of a deployed server's own making: the right cause comes first, whatever else it breaks.

One clone for all of them: fault on, diagnosis by the real command, fault off.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from assistant.rehearsal.lab import LabHost
from assistant.setup.model import Setup
from tests.lab.conftest import Cli, Ended, Practice, with_login
from tests.lab.support import host_faults
from tests.lab.support.faulted import Saved

HOW = ("--phase", "after", "--unattended", "--json")
HOMESERVER = "/etc/matrix-synapse/homeserver.yaml"


@pytest.fixture(scope="module")
def server(practice: Practice) -> Iterator[tuple[LabHost, Setup]]:
    """A deployed server."""
    host, setup = practice.clone(disk="3G")
    yield host, setup
    practice.remove(host)


class Faults:
    """What is done to the server, and undone."""

    def __init__(self, practice: Practice, host: LabHost) -> None:
        self.practice = practice
        self.name = host.name

    def run(self, *argv: str) -> None:
        self.practice.run(self.practice.lab.exec(self.name, list(argv)))

    @contextmanager
    def stopped(self, unit: str) -> Iterator[None]:
        self.run("systemctl", "stop", unit)
        try:
            yield
        finally:
            self.run("systemctl", "start", unit)

    @contextmanager
    def frozen(self, unit: str) -> Iterator[None]:
        self.run("systemctl", "kill", "--signal=STOP", unit)
        try:
            yield
        finally:
            self.run("systemctl", "kill", "--signal=CONT", unit)

    @contextmanager
    def masked(self, unit: str) -> Iterator[None]:
        self.run("systemctl", "mask", "--runtime", "--now", unit)
        try:
            yield
        finally:
            self.run("systemctl", "unmask", "--runtime", unit)
            self.run("systemctl", "start", unit)

    @contextmanager
    def full(self) -> Iterator[None]:
        self.practice.run(host_faults.fill_disk(self.practice.lab, self.name))
        try:
            yield
        finally:
            self.practice.run(host_faults.free_disk(self.practice.lab, self.name))

    @contextmanager
    def edited(self, path: str, old: str, new: str) -> Iterator[None]:
        self.run("cp", "-a", path, f"{path}.kept")
        self.run("sed", "-i", f"s/{old}/{new}/", path)
        try:
            yield
        finally:
            self.run("mv", f"{path}.kept", path)

    @contextmanager
    def rule(self, *rule: str) -> Iterator[None]:
        self.run("nft", "insert", "rule", "inet", "matrix_assistant", "input", *rule)
        try:
            yield
        finally:
            self.run("nft", "-f", "/etc/matrix-assistant/firewall.nft")

    @contextmanager
    def read_only_database(self) -> Iterator[None]:
        ask = ("runuser", "-u", "postgres", "--", "psql", "-q")
        name = "default_transaction_read_only"
        self.run(*ask, "-c", f"alter system set {name} = on", "-c", "select pg_reload_conf()")
        try:
            yield
        finally:
            self.run(*ask, "-c", f"set {name} = off", "-c", f"alter system reset {name}",
                     "-c", "select pg_reload_conf()")  # fmt: skip


def bad(ended: Ended) -> list[dict[str, Any]]:
    """The findings that are not well, in the order of the report."""
    told = json.loads(ended.out)
    return [f for f in told["findings"] if f["status"] not in ("ok", "skipped")]


FAULTS = {
    "database": (lambda f: f.stopped("postgresql.service"), ["database-down"]),
    "synapse": (lambda f: f.stopped("matrix-synapse.service"), ["service-down"]),
    "hanging": (lambda f: f.frozen("matrix-synapse.service"), ["synapse-hangs"]),
    "masked": (lambda f: f.masked("nginx.service"), ["unit-masked"]),
    "disk": (lambda f: f.full(), ["disk-full"]),
    "read-only": (lambda f: f.read_only_database(), ["database-read-only"]),
    "list": (
        lambda f: f.edited(HOMESERVER, '"federation_domain_whitelist": \\[', '&"typo.example",'),
        ["federation-list-wrong"],
    ),
    "by-hand": (
        lambda f: f.edited("/etc/matrix-synapse/log.yaml", "$", " "),
        ["config-changed-by-hand"],
    ),
    "filter": (lambda f: f.rule("tcp", "dport", "443", "drop"), ["firewall-blocks"]),
}


def test_a_healthy_server_is_well(server: tuple[LabHost, Setup], cli: Cli, saved: Saved) -> None:
    ended = cli("check", "--setup", str(saved(server[1])), *HOW)
    assert ended.code == 0 and bad(ended) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_on_the_server(
    fault: str, practice: Practice, server: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    host, setup = server
    make, causes = FAULTS[fault]
    done: AbstractContextManager[None] = make(Faults(practice, host))
    with done:
        ended = cli("check", "--setup", str(saved(setup)), *HOW)
    found = bad(ended)
    print(fault, [(f["check"], f["vantage"], f["status"], f["cause"]) for f in found])
    assert [f["cause"] for f in found][: len(causes)] == causes
    assert ended.code in (0, 1)


def test_ssh_that_is_blocked_costs_only_the_view_from_the_server(
    practice: Practice, server: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    host, setup = server
    with Faults(practice, host).rule("tcp", "dport", "22", "drop"):
        ended = cli("check", "--setup", str(saved(setup)), *HOW)
    assert ended.code == 1, ended.err
    assert [f["cause"] for f in bad(ended)] == ["ssh-blocked"]
    measured = json.loads(ended.out)["findings"]
    assert any(f["check"] == "matrix" and f["status"] == "ok" for f in measured)


def test_a_changed_key_is_a_finding_and_is_not_talked_to(
    practice: Practice, server: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    _, setup = server
    other = practice.fresh()
    wrong = next(key for key in other.host_keys if key.startswith("ssh-ed25519"))
    practice.remove(other)
    practice.point(setup, server[0])
    path = saved(with_login(setup, host_key=wrong))
    ended = cli("check", "--setup", str(path), *HOW)
    assert ended.code == 1, ended.err
    assert [f["cause"] for f in bad(ended)] == ["host-key-changed"]


def test_a_server_that_is_off(
    practice: Practice, server: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    host, setup = server
    with Faults(practice, host).rule("drop"):
        ended = cli("check", "--setup", str(saved(setup)), *HOW)
    assert ended.code == 1, ended.err
    print([(f["check"], f["status"], f["cause"]) for f in bad(ended)])
    assert bad(ended)[0]["cause"] == "host-silent"
