"""A host that lets nobody in costs its own view alone, and why it does is a finding."""

from __future__ import annotations

import asyncio

import pytest

from assistant.findings.model import THIS_COMPUTER, Measurement
from assistant.findings.vantages import LostVantage
from assistant.remote.errors import CAUSES, RemoteError
from assistant.text import msg
from checks.network.login import LoginCheck, judge_login
from checks.runner import run_checks
from tests.checks.test_runner import Place
from tests.support.checks_values import PLAN, measured, of_option, setup, texts

HOST = setup().hosts[0]


def error(cause: str) -> RemoteError:
    return RemoteError(cause, msg("It did not work: {cause}.", cause=cause), ("a line",))


def tried(ssh: bool, web: bool, ssh_elsewhere: bool | None = None) -> list[Measurement]:
    def one(probe: str, good: bool, vantage: str = THIS_COMPUTER) -> Measurement:
        return measured(probe, "" if good else "timeout", vantage, connected=good)

    found = [one("outside ssh", ssh), one("outside 443", web)]
    if ssh_elsewhere is not None:
        found.append(one("outside ssh", ssh_elsewhere, "inside"))
    return found


NOTHING = tried(False, False)


@pytest.mark.parametrize(
    ("cause", "seen", "slug", "confidence"),
    [
        ("host-key-changed", tried(True, True), "host-key-changed", "certain"),
        ("auth", tried(True, True), "login-refused", "certain"),
        ("passphrase-wrong", NOTHING, "login-refused", "certain"),
        ("sudo-not-allowed", tried(True, True), "login-useless", "certain"),
        ("refused", tried(False, True), "ssh-not-running", "medium"),
        ("not-ssh", tried(True, True), "ssh-not-running", "medium"),
        ("timeout", tried(False, True), "ssh-blocked", "medium"),
        ("timeout", tried(False, True, ssh_elsewhere=True), "ssh-blocked", "high"),
        ("dropped", tried(False, False, ssh_elsewhere=True), "ssh-blocked", "high"),
        ("timeout", NOTHING, "host-silent", "medium"),
        ("unreachable", tried(False, False, ssh_elsewhere=False), "host-silent", "medium"),
        ("timeout", [], "login-useless", "low"),
        ("jump-timeout", NOTHING, "jump-lost", "certain"),
        ("jump-host-key-changed", NOTHING, "jump-lost", "certain"),
        ("protocol", tried(True, True), "login-useless", "low"),
    ],
)
def test_each_reason(cause: str, seen: list[Measurement], slug: str, confidence: str) -> None:
    found = judge_login(HOST, error(cause), seen)
    texts([found])
    assert (found.status.value, found.cause) == ("failed", slug)
    assert found.confidence.value == confidence and found.remedy is not None
    assert f"[{cause}]" in found.evidence


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_every_reason_has_words(cause: str) -> None:
    for name in (cause, f"jump-{cause}"):
        texts([judge_login(HOST, error(name), NOTHING)])


def test_everything_else_is_measured_all_the_same() -> None:
    here = Place()
    lost = LostVantage("outside", error("auth"))
    found = asyncio.run(run_checks(setup(), PLAN, [here, lost], phase="before"))
    (login,) = [item for item in found if item.check == "login"]
    assert login.cause == "login-refused" and next(f for f in found if f.cause) is login
    assert any("dns" in probe for batch in here.batches for probe in batch)
    assert not any(item.cause in ("vantage-lost", "host-unreachable") for item in found)


def test_a_host_that_lets_in_has_no_finding_and_no_probe() -> None:
    context = of_option(2, subjects=())
    assert LoginCheck().subjects(context) == ()
    shut = of_option(2, closed={"inside": error("timeout")}, subjects=("inside",))
    assert LoginCheck().subjects(shut) == ("inside",)
    probes = LoginCheck().probes(shut, "outside")
    assert [probe.id for probe in probes] == ["inside ssh", "inside 80", "inside 443"]


@pytest.mark.parametrize("option", [1, 2, 3, 4])
def test_no_check_breaks_when_no_server_lets_anybody_in(option: int) -> None:
    made = of_option(option)
    places = [Place(), *(LostVantage(host.name, error("timeout")) for host in made.setup.hosts)]
    found = asyncio.run(run_checks(made.setup, made.plan, places, phase="after"))
    assert [item for item in found if item.cause == "check-broke"] == []
    assert {item.subject for item in found if item.check == "login"} == {
        host.name for host in made.setup.hosts
    }
