"""Wrapped links and the private resolver."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from assistant.findings.model import THIS_COMPUTER, Measurement
from checks.dns.private_resolver import (
    STRANGE_NAME,
    ResolverCheck,
    judge_names,
    judge_strange,
    reply,
)
from checks.dns.wire import Answer
from checks.service.certificates import read_certificate, read_pem
from checks.service.links import LinksCheck, judge_link, judge_stranger
from tests.checks.test_tls import leaf
from tests.support.checks_values import brief, measured, of_option, texts
from tests.support.option_setups import INSIDE_NAME

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WRAPPED = {"home_link": "wrapped", "outside_link": "wrapped"}


def link(error: str = "", days: float = 60, *, connected: bool = True, **more: str) -> Measurement:
    der = leaf("inside.link.invalid", days=days)
    return measured("link", error, "outside", "tls", connected=connected, der=der, **more)


@pytest.mark.parametrize(
    ("tries", "own", "status", "cause"),
    [
        ([link()] * 3, 60, "ok", ""),
        ([link()] * 3, None, "ok", ""),
        ([link(days=10)] * 3, 60, "warning", "link-expiring"),
        ([link()] * 3, 10, "warning", "link-expiring"),
        ([link(), link("timeout"), link()], 60, "warning", "packets-lost"),
        ([link("tls-verify")] * 3, 60, "failed", "link-certificate"),
        ([link("closed")] * 3, -1, "failed", "link-certificate"),
        ([link("closed")] * 3, 60, "failed", "link-down"),
        ([link("other", connected=False)] * 3, None, "failed", "link-down"),
        ([link("refused", connected=False)] * 3, 60, "failed", "link-down"),
        ([link("reset")] * 3, 60, "unknown", "undecided"),
    ],
)
def test_a_link(tries: list[Measurement], own: float | None, status: str, cause: str) -> None:
    mine = None if own is None else read_certificate(leaf("outside.link.invalid", days=own))
    found = judge_link("outside", "inside", tuple(tries), mine, NOW)
    assert (found.status.value, found.cause) == (status, cause)
    assert (found.remedy is None) == (status == "ok") and texts([found])


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (link(reply="SFRUUA=="), ("failed", "link-open")),
        # Nothing came: neither open nor closed.
        (link(), ("unknown", "undecided")),
        (link("timeout"), ("unknown", "undecided")),
        (link("refused", connected=False), ("unknown", "undecided")),
        (link("closed"), ("ok", "")),
        (link("tls-handshake"), ("ok", "")),
    ],
)
def test_strangers_at_a_link(item: Measurement, expected: tuple[str, str]) -> None:
    found = judge_stranger("outside", "inside", item, (link(reply="SFRUUA=="),))
    assert (found.status.value, found.cause) == expected


def test_a_refusal_says_nothing_while_nobody_gets_through() -> None:
    found = judge_stranger("outside", "inside", link("closed"), (link("closed"),) * 3)
    assert (found.status.value, found.cause) == ("unknown", "undecided")


def test_only_wrapped_links_are_looked_at_and_no_name_is_said_there() -> None:
    check = LinksCheck()
    assert check.subjects(of_option(4)) == check.subjects(of_option(1)) == ()
    assert check.subjects(of_option(3, settings=WRAPPED)) == ("outside",)
    assert check.subjects(of_option(4, settings=WRAPPED)) == ("home", "outside")
    seen = of_option(4, settings=WRAPPED, subjects=("home", "outside"))
    probes = {probe.id: probe for probe in check.probes(seen, "home")}
    assert probes["link"].repeat == 3 and probes["link"].fields["sni"] == ""
    assert "certificate" not in probes["stranger"].fields
    assert not probes["own"].fields["path"].endswith("key.pem")


def test_the_check_puts_it_together() -> None:
    check = LinksCheck()
    der = leaf("outside.link.invalid", days=60, now=datetime.now(UTC))
    body = "\n".join(der[i : i + 64] for i in range(0, len(der), 64))
    pem = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    assert read_pem(pem) == read_certificate(der) and read_pem("") is None
    assert read_pem("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----") is None
    good = measured("link", vantage="outside", kind="tls", connected=True, der=der)
    items = (good, measured("own", vantage="outside", kind="file", text=pem, age=1),
             link("closed").model_copy(update={"probe": "stranger"}))  # fmt: skip
    seen = of_option(
        3, settings=WRAPPED, subjects=("outside",), measured={(check.id, "outside"): items}
    )
    assert brief(check.judge(seen)) == [
        ("outside link to inside", "ok", ""),
        ("inside strangers", "ok", ""),
    ]


RESOLVER = {"private_resolver": True}
RIGHT = frozenset({"241.0.5.9"})


def has(*values: str) -> Answer:
    return Answer(rcode="NOERROR", values=frozenset(values))


REFUSED, SILENT = Answer(rcode="REFUSED"), Answer(rcode="silent")


@pytest.mark.parametrize(
    ("answer", "status", "cause"),
    [
        (has(*RIGHT), "ok", ""),
        (has("241.0.9.9"), "failed", "private-wrong"),
        (has(), "failed", "private-wrong"),
        (REFUSED, "failed", "private-silent"),
        (SILENT, "failed", "private-silent"),
    ],
)
def test_own_names_at_the_resolver(answer: Answer, status: str, cause: str) -> None:
    (found,) = judge_names("inside", THIS_COMPUTER, "dot", {INSIDE_NAME: (RIGHT, answer)}, None)
    assert (found.status.value, found.cause) == (status, cause) and texts([found])


@pytest.mark.parametrize(
    ("dot", "doh", "plain", "expected"),
    [
        (REFUSED, REFUSED, SILENT, [("ok", "")]),
        (has("93.184.216.34"), REFUSED, SILENT, [("failed", "private-open")]),
        (REFUSED, REFUSED, has("93.184.216.34"), [("failed", "private-open")]),
        (SILENT, SILENT, SILENT, []),
    ],
)
def test_an_open_resolver_is_a_failure(
    dot: Answer, doh: Answer, plain: Answer, expected: list[tuple[str, str]]
) -> None:
    answers = {"dot": dot, "doh": doh, "plain": plain}
    found = tuple(judge_strange("inside", THIS_COMPUTER, answers))
    assert [(f.status.value, f.cause) for f in found] == expected


def wire(payload: bytes, *values: str, rcode: str = "NOERROR") -> bytes:
    answer = dns.message.make_response(dns.message.from_wire(payload))
    answer.set_rcode(dns.rcode.from_text(rcode))
    if values:
        answer.answer.append(dns.rrset.from_text(answer.question[0].name, 300, "IN", "A", *values))
    return answer.to_wire()


def test_from_the_questions_to_findings() -> None:
    check = ResolverCheck()
    assert check.subjects(of_option(3)) == ()
    seen = of_option(3, settings=RESOLVER, subjects=("inside",))
    assert check.subjects(seen) == ("inside",)
    items = []
    for probe in check.probes(seen, THIS_COMPUTER):
        strange = STRANGE_NAME in probe.id
        if probe.id.startswith("dot"):
            sent = base64.b64decode(probe.fields["send"])
            assert int.from_bytes(sent[:2], "big") == len(sent) - 2 and probe.fields["port"] == 853
            back = wire(sent[2:], rcode="REFUSED") if strange else wire(sent[2:], *RIGHT)
            framed = base64.b64encode(len(back).to_bytes(2, "big") + back).decode()
            items.append(measured(probe.id, kind="tls", reply=framed))
        elif probe.id.startswith("doh"):
            sent = base64.b64decode(probe.fields["send"])
            encoded = sent.partition(b"/dns-query?dns=")[2].partition(b"\x0f")[0]
            sent = base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))
            assert b"=" not in encoded and probe.fields["port"] == 8453
            assert probe.fields["alpn"] == "h2"
            back = wire(sent, rcode="REFUSED") if strange else wire(sent, *RIGHT)
            frame = len(back).to_bytes(3, "big") + bytes([0, 1, 0, 0, 0, 1]) + back
            items.append(measured(probe.id, kind="tls", reply=base64.b64encode(frame).decode()))
        else:
            items.append(measured(probe.id, "timeout", kind="udp"))
    seen = of_option(3, settings=RESOLVER, subjects=("inside",),
                     measured={(check.id, THIS_COMPUTER): tuple(items)})  # fmt: skip
    assert brief(check.judge(seen)) == [
        ("inside resolver dot", "ok", ""),
        ("inside resolver doh", "ok", ""),
        ("inside resolver others", "ok", ""),
    ]


def test_what_is_no_answer_is_none() -> None:
    assert reply(None, "dot", INSIDE_NAME).rcode == "silent"
    assert reply(measured("p", kind="tls", reply="AA=="), "dot", INSIDE_NAME).rcode == "broken"
    assert reply(measured("p", kind="tls", reply="A"), "doh", INSIDE_NAME).rcode == "broken"
