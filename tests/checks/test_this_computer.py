"""A computer behind a VPN or proxy says so before anything it says of others is believed."""

from __future__ import annotations

import pytest

from assistant.findings.model import THIS_COMPUTER, Measurement
from checks.check import Context
from checks.network.this_computer import FAKED, PROXIED, ThisComputerCheck, doubted, is_fake
from tests.support.checks_values import brief, context, measured, of_option, texts

CHECK = ThisComputerCheck()
NAME = "name chat.example.org"


def seen(*items: Measurement) -> Context:
    return context(measured={(CHECK.id, THIS_COMPUTER): items})


def nobody(connected: bool) -> Measurement:
    return measured("nobody", "" if connected else "timeout", connected=connected)


def name(*addresses: str) -> Measurement:
    return measured(NAME, kind="resolve", addresses=list(addresses))


@pytest.mark.parametrize(
    ("items", "causes"),
    [
        ((nobody(False), name("203.0.113.9")), set()),
        ((nobody(True), name("203.0.113.9")), {PROXIED}),
        ((nobody(False), name("198.18.0.7")), {FAKED}),
        ((nobody(True), name("198.18.0.7", "fc00::9")), {PROXIED, FAKED}),
        ((measured("nobody", "refused", connected=False),), set()),
        ((nobody(False), measured(NAME, "name", kind="resolve")), set()),
    ],
)
def test_what_is_doubted(items: tuple[Measurement, ...], causes: set[str]) -> None:
    found = CHECK.judge(seen(*items))
    texts(found)
    assert {item.cause for item in found if item.cause} == causes
    assert doubted(context(findings=found)) == causes
    assert all(item.remedy is not None for item in found if item.cause)
    if not causes:
        assert brief(found) == [(THIS_COMPUTER, "ok", "")]


def test_nothing_measured_says_nothing() -> None:
    assert CHECK.judge(seen()) == ()


def test_an_address_of_the_setups_own_is_no_sign() -> None:
    assert is_fake("198.18.0.7", frozenset())
    assert not is_fake("198.18.0.7", frozenset({"198.18.0.7"}))
    assert not is_fake("fe80::1%eth0", frozenset()) and not is_fake("x", frozenset())


def test_a_private_name_is_not_asked_for() -> None:
    asked = [p.fields.get("name") for p in CHECK.probes(of_option(3), THIS_COMPUTER)]
    assert "im.example.cn" not in asked and "chat.example.org" in asked
