"""DNS: questions, answers, and what they mean."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from assistant.findings.model import THIS_COMPUTER, Measurement
from assistant.findings.probes import Probe
from assistant.plan.model import Record
from assistant.text import msg
from checks.dns.records import CONTROL_NAME, DnsCheck, forged
from checks.dns.rules import judge_forging, judge_record, judge_system, while_forged
from checks.dns.wire import Answer, ancestors, ask, read
from checks.dns.zone import DnsServersCheck, DnsZoneCheck, own_servers
from tests.support.checks_values import ADDRESS, NAME, brief, context, measured, texts

OLD = "203.0.113.7"
MUST = Record(name=NAME, type="A", values=(ADDRESS,), why=msg("Apps connect to it."))
NEVER = Record(name=NAME, type="AAAA", values=(), must="absent", why=msg("No IPv6."))


def reply(
    probe: Probe, *values: str, rcode: str = "NOERROR", ttl: int = 300, soa: int = 0
) -> dict[str, object]:
    """A server's reply to a probe, as the udp probe reports it."""
    query = dns.message.from_wire(base64.b64decode(probe.fields["payload"]))
    answer = dns.message.make_response(query)
    answer.set_rcode(dns.rcode.from_text(rcode))
    question = query.question[0]
    if values:
        kind = dns.rdatatype.to_text(question.rdtype)
        answer.answer.append(dns.rrset.from_text(question.name, ttl, "IN", kind, *values))
    if soa:
        text = f"ns.example.org. root.example.org. 1 2 3 4 {soa}"
        answer.authority.append(dns.rrset.from_text("example.org.", 3600, "IN", "SOA", text))
    payload = base64.b64encode(answer.to_wire()).decode()
    return {"payload": payload, "ms": 1.0, "source": "192.0.2.1", "port": 53}


def replied(probe: Probe, *replies: dict[str, object]) -> Measurement:
    return measured(probe.id, kind="udp", replies=list(replies))


def question(probe: str = "q", kind: str = "A") -> Probe:
    return ask(probe, "192.0.2.1", NAME, kind, recursive=False)


def test_a_question_asks_what_it_should() -> None:
    for recursive in (True, False):
        probe = ask("q", "192.0.2.1", NAME, "A", recursive=recursive)
        query = dns.message.from_wire(base64.b64decode(probe.fields["payload"]))
        assert str(query.question[0]) == f"{NAME}. IN A"
        assert bool(query.flags & dns.flags.RD) == recursive
        assert probe.fields["wait"] < probe.timeout
    assert question() == question()


def test_answers_are_read() -> None:
    probe = question()
    found = read(replied(probe, reply(probe, ADDRESS, OLD, ttl=60)), NAME, "A")
    assert found == Answer(rcode="NOERROR", values=frozenset({ADDRESS, OLD}), ttl=60)
    found = read(replied(probe, reply(probe, rcode="NXDOMAIN", soa=120)), NAME, "A")
    assert found == Answer(rcode="NXDOMAIN", ttl=120) and found.told
    found = read(replied(probe, reply(probe, rcode="REFUSED")), NAME, "A")
    assert not found.told
    six = question(kind="AAAA")
    found = read(replied(six, reply(six, "2001:DB8:0::9")), NAME, "AAAA")
    assert found.values == {"2001:db8::9"}


def test_two_different_answers_are_kept_apart() -> None:
    probe = question()
    found = read(replied(probe, reply(probe, OLD), reply(probe, ADDRESS)), NAME, "A")
    assert found.values == {OLD} and found.several == (frozenset({ADDRESS}),)


def test_what_is_no_answer_to_the_question_does_not_count() -> None:
    probe, other = question("q"), question("another id")
    garbage = {"payload": base64.b64encode(b"hello").decode()}
    for bad in (reply(other, ADDRESS), garbage, {"payload": "!"}, {}):
        assert read(replied(probe, bad), NAME, "A").rcode == "broken"
    assert read(measured("q", "timeout"), NAME, "A").rcode == "silent"
    assert read(None, NAME, "A").rcode == "silent"


def test_ancestors() -> None:
    assert ancestors(["chat.example.org"]) == ("chat.example.org", "example.org")
    assert ancestors(["example.org"]) == ("example.org",)


def has(*values: str, ttl: int = 300) -> Answer:
    return Answer(rcode="NOERROR", values=frozenset(values), ttl=ttl)


SILENT = Answer(rcode="silent")
NONE = Answer(rcode="NXDOMAIN", ttl=100)
RECORD, AT = f"{NAME} A", f"{NAME} A at 1.1.1.1"


@pytest.mark.parametrize(
    ("own", "resolver", "expected"),
    [
        ([has(ADDRESS)], has(ADDRESS), [(RECORD, "ok", "")]),
        ([NONE], NONE, [(RECORD, "failed", "record-missing")]),
        ([has()], has(ADDRESS), [(RECORD, "failed", "record-missing")]),
        ([has(OLD)], has(OLD), [(RECORD, "failed", "record-wrong")]),
        ([has(OLD, ADDRESS)], has(OLD), [(RECORD, "failed", "record-wrong")]),
        ([has(ADDRESS), has(OLD)], has(OLD), [(RECORD, "warning", "servers-differ")]),
        ([has(ADDRESS), SILENT], has(ADDRESS), [(RECORD, "ok", "")]),
        ([has(ADDRESS)], has(OLD), [(RECORD, "ok", ""), (AT, "warning", "record-stale")]),
        ([has(ADDRESS)], NONE, [(RECORD, "ok", ""), (AT, "warning", "record-stale")]),
        (
            [has(ADDRESS)],
            has(OLD, ttl=0),
            [(RECORD, "ok", ""), (AT, "warning", "resolver-differs")],
        ),
        ([has(ADDRESS)], SILENT, [(RECORD, "ok", ""), (AT, "unknown", "resolver-silent")]),
        ([SILENT], has(ADDRESS), [(RECORD, "ok", "")]),
        ([], NONE, [(RECORD, "failed", "record-missing")]),
        ([SILENT], SILENT, [(RECORD, "unknown", "servers-silent")]),
        (
            [has(ADDRESS)],
            Answer(rcode="NOERROR", values=frozenset({OLD}), several=(frozenset({ADDRESS}),)),
            [(RECORD, "ok", ""), (AT, "warning", "dns-forged")],
        ),
    ],
)
def test_a_record_that_must_exist(
    own: list[Answer], resolver: Answer, expected: list[tuple[str, str, str]]
) -> None:
    servers = {f"192.0.2.{number}": answer for number, answer in enumerate(own)}
    assert brief(judge_record(MUST, servers, {"1.1.1.1": resolver})) == expected


def test_the_remedy_holds_the_line_to_copy_or_the_seconds_to_wait() -> None:
    missing = judge_record(MUST, {"192.0.2.1": NONE}, {})[0]
    assert missing.remedy is not None
    assert f"{NAME}. 300 IN A {ADDRESS}" in str(missing.remedy.text)
    stale = judge_record(MUST, {"192.0.2.1": has(ADDRESS)}, {"1.1.1.1": has(OLD, ttl=77)})[1]
    assert stale.remedy is not None and "77 seconds" in str(stale.remedy.text)
    unsure = judge_record(MUST, {}, {"1.1.1.1": NONE})[0]
    assert (missing.confidence.value, unsure.confidence.value) == ("high", "medium")


@pytest.mark.parametrize(
    ("own", "status", "cause"),
    [
        (has(), "ok", ""),
        (NONE, "ok", ""),
        (has("2001:db8::1"), "failed", "record-present"),
        (SILENT, "unknown", "servers-silent"),
    ],
)
def test_a_record_that_must_be_absent(own: Answer, status: str, cause: str) -> None:
    (found,) = judge_record(NEVER, {"192.0.2.1": own}, {})
    assert (found.status.value, found.cause) == (status, cause)


@pytest.mark.parametrize(
    ("answer", "itself", "expected"),
    [
        ((True, "", (ADDRESS,)), False, [("ok", "")]),
        ((True, "", (OLD,)), False, [("warning", "resolver-differs")]),
        ((True, "", (ADDRESS, OLD)), False, [("warning", "resolver-differs")]),
        ((True, "", ("127.0.1.1",)), False, [("warning", "resolver-differs")]),
        ((True, "", ("127.0.1.1",)), True, [("ok", "")]),
        ((False, "no-such-name", ()), False, [("warning", "resolver-differs")]),
        ((False, "try-again", ()), False, [("unknown", "resolver-silent")]),
        ((False, "timeout", ()), False, [("unknown", "resolver-silent")]),
    ],
)
def test_a_system_resolver(
    answer: tuple[bool, str, tuple[str, ...]], itself: bool, expected: list[tuple[str, str]]
) -> None:
    wanted = frozenset({ADDRESS})
    found = judge_system(NAME, wanted, "outside", answer, own_right=True, itself=itself)
    assert [(f.status.value, f.cause) for f in found] == expected
    assert judge_system(NAME, wanted, "outside", answer, own_right=False) == ()


@pytest.mark.parametrize(
    ("real", "control", "decided", "cause"),
    [
        ((), (), True, None),
        (("x",), (), True, "dns-forged"),
        (("x",), ("y",), True, "dns-intercepted"),
        (("x",), (), False, None),
    ],
)
def test_answers_from_where_nobody_serves_dns(
    real: tuple[str, ...], control: tuple[str, ...], decided: bool, cause: str | None
) -> None:
    found = judge_forging(NAME, THIS_COMPUTER, real, control, decided)
    assert [finding.cause for finding in found] == ([] if cause is None else [cause])


def test_from_resolvers_to_the_domains_own_servers_and_a_finding() -> None:
    """All three checks in a row, with replies made from the very probes they send."""
    zone, servers, records = DnsZoneCheck(), DnsServersCheck(), DnsCheck()
    seen = context(subjects=(NAME,))
    measured_so_far: dict[tuple[str, str], tuple[Measurement, ...]] = {}

    def answer(check_id: str, probes: tuple[Probe, ...], known: Mapping[str, str]) -> None:
        measured_so_far[(check_id, THIS_COMPUTER)] = tuple(
            replied(p, reply(p, known[p.id.rpartition("@")[0]]))
            if p.kind == "udp" and p.id.rpartition("@")[0] in known
            else measured(p.id, "timeout", kind=p.kind)
            for p in probes
        )

    answer(zone.id, zone.probes(seen, THIS_COMPUTER), {"example.org": "ns1.example.net."})
    seen = context(subjects=(NAME,), measured=measured_so_far)
    assert brief(zone.judge(seen)) == [(NAME, "ok", "")]
    answer(servers.id, servers.probes(seen, THIS_COMPUTER), {"ns1.example.net A": "192.0.2.53"})
    seen = context(subjects=(NAME,), measured=measured_so_far)
    assert own_servers(seen, NAME) == ("192.0.2.53",)
    probes = records.probes(seen, THIS_COMPUTER)
    asked = {p.fields["address"] for p in probes if p.kind == "udp"}
    assert {"192.0.2.53", "1.1.1.1", ADDRESS} <= asked
    assert {p.id for p in probes if p.fields.get("address") == ADDRESS} == {
        f"{NAME} forging",
        f"{CONTROL_NAME} forging",
    }
    assert [p.kind for p in records.probes(seen, "outside")] == ["resolve"]
    answer(records.id, probes, {f"{NAME} A": ADDRESS})
    found = brief(records.judge(context(subjects=(NAME,), measured=measured_so_far)))
    assert found[0] == (RECORD, "ok", "")
    assert (f"{NAME} AAAA", "unknown", "servers-silent") in found


@pytest.mark.parametrize(
    ("told", "status", "cause"),
    [(True, "failed", "zone-missing"), (False, "unknown", "resolver-silent")],
)
def test_a_domain_without_servers(told: bool, status: str, cause: str) -> None:
    zone = DnsZoneCheck()
    seen = context(subjects=(NAME,))
    probes = zone.probes(seen, THIS_COMPUTER)
    found = tuple(
        replied(p, reply(p, rcode="NXDOMAIN")) if told else measured(p.id, "timeout")
        for p in probes
    )
    seen = context(subjects=(NAME,), measured={(zone.id, THIS_COMPUTER): found})
    assert brief(zone.judge(seen)) == [(NAME, status, cause)]


def test_no_record_is_wrong_while_answers_are_forged() -> None:
    wrong = judge_record(MUST, {"192.0.2.1": has(OLD)}, {})[0]
    spoiled = while_forged(wrong)
    assert wrong.cause == "record-wrong"
    assert (spoiled.status.value, spoiled.cause) == ("unknown", "undecided") and texts([spoiled])
    right = judge_record(MUST, {"192.0.2.1": has(ADDRESS)}, {})[0]
    assert while_forged(right) == right
    two = Answer(rcode="NOERROR", values=frozenset({OLD}), several=(frozenset({ADDRESS}),))
    assert forged({"192.0.2.1": two}) and not forged({"192.0.2.1": has(OLD)})
