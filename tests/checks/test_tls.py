"""Rules about certificates and connections that carry a name."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from assistant.findings.model import THIS_COMPUTER, Confidence, Measurement, Status
from assistant.text import msg
from checks.causes import conclude
from checks.network.ways import served, ways
from checks.service.certificates import covers, judge_certificate, read_certificate
from checks.service.tls import TlsCheck, innocents_first
from checks.service.tls_rules import Hellos, judge_hellos, judge_itself
from tests.support.checks_values import ADDRESS, NAME, context, measured, of_option

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def leaf(*names: str, days: float = 60, issuer: str = "Authority", now: datetime = NOW) -> str:
    """A certificate in base64; self-signed when the issuer is its own name."""
    key = ec.generate_private_key(ec.SECP256R1())

    def called(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    cert = (
        x509.CertificateBuilder()
        .subject_name(called(names[0]))
        .issuer_name(called(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(cert.public_bytes(serialization.Encoding.DER)).decode()


def shown(der: str, error: str = "", code: int | None = None) -> Measurement:
    data = {"der": der, "sha256": hashlib.sha256(base64.b64decode(der)).hexdigest()}
    if code is not None:
        data |= {"verify_code": code}  # type: ignore[dict-item]
    return measured(error=error, kind="tls", connected=True, **data)


@pytest.mark.parametrize(
    ("names", "days", "issuer", "code", "status", "cause"),
    [
        ((NAME,), 60, "Authority", None, "ok", ""),
        (("*.example.org",), 60, "Authority", None, "ok", ""),
        ((NAME,), 22, "Authority", None, "ok", ""),
        ((NAME,), 20, "Authority", None, "warning", "certificate-expiring"),
        ((NAME,), -1, "Authority", 10, "failed", "certificate-expired"),
        ((NAME,), 60, "Authority", 9, "failed", "certificate-not-yet-valid"),
        (("b.example.org",), 60, "Authority", 62, "failed", "certificate-names"),
        ((NAME,), 60, NAME, 18, "failed", "certificate-self-signed"),
        ((NAME,), 60, "Authority", 20, "failed", "certificate-incomplete"),
        ((NAME,), 60, "Authority", 21, "failed", "certificate-incomplete"),
        ((NAME,), 60, "Authority", 19, "failed", "certificate-untrusted"),
        ((NAME,), 60, "Authority", 23, "failed", "certificate-untrusted"),
    ],
)
def test_a_certificate(
    names: tuple[str, ...], days: float, issuer: str, code: int | None, status: str, cause: str
) -> None:
    item = shown(leaf(*names, days=days, issuer=issuer), "tls-verify" if code else "", code)
    found = judge_certificate("s", THIS_COMPUTER, NAME, item, NOW)
    assert (found.status.value, found.cause) == (status, cause)
    assert (found.remedy is None) == (status == "ok")


def test_a_certificate_that_cannot_be_read_is_no_reason_to_break() -> None:
    assert read_certificate("AAAA") is None and read_certificate(None) is None
    item = measured(error="tls-verify", kind="tls", der="!", verify_code=20)
    assert judge_certificate("s", THIS_COMPUTER, NAME, item, NOW).status is Status.FAILED


@pytest.mark.parametrize(
    ("names", "name", "expected"),
    [
        (["chat.example.org"], "chat.example.org", True),
        (["CHAT.example.org"], "chat.Example.org.", True),
        (["*.example.org"], "chat.example.org", True),
        (["*.example.org"], "example.org", False),
        (["*.example.org"], "a.chat.example.org", False),
        ([], "chat.example.org", False),
    ],
)
def test_names_of_a_certificate(names: list[str], name: str, expected: bool) -> None:
    assert covers(names, name) is expected


RIGHT = shown(leaf(NAME, now=datetime.now(UTC)))
FORGED = shown(leaf(NAME, now=datetime.now(UTC)), "tls-verify", 20)
RENEWED = shown(leaf(NAME, now=datetime.now(UTC)))
REFUSED = measured(error="refused", kind="tls", connected=False)
RESET = measured(error="reset", kind="tls", connected=True)
SILENT = measured(error="timeout", kind="tls", connected=False)
GARBAGE = measured(error="tls-handshake", kind="tls", connected=True)
HELLO = measured(kind="tls", connected=True)


@pytest.mark.parametrize(
    ("real", "control", "local", "status", "cause"),
    [
        ([RIGHT] * 3, [HELLO], RIGHT, "ok", ""),
        ([RESET, RIGHT, RIGHT], [HELLO], RIGHT, "warning", "name-cut-sometimes"),
        ([SILENT, RIGHT, RIGHT], [HELLO], RIGHT, "ok", ""),
        ([FORGED] * 3, [HELLO], RIGHT, "failed", "tls-intercepted"),
        ([RENEWED] * 3, [HELLO], RIGHT, "unknown", "undecided"),
        ([RESET] * 3, [REFUSED], RIGHT, "unknown", "undecided"),
        ([REFUSED] * 3, [HELLO], RIGHT, "unknown", "tls-no-answer"),
        ([RESET] * 3, [HELLO], RIGHT, "failed", "name-filtered"),
        ([RESET] * 3, [HELLO], None, "failed", "name-filtered"),
        ([RESET] * 3, [RESET], RIGHT, "unknown", "undecided"),
        ([RESET] * 2, [HELLO], RIGHT, "unknown", "undecided"),
        ([SILENT] * 3, [SILENT], RIGHT, "unknown", "tls-no-answer"),
        ([GARBAGE] * 3, [GARBAGE], RIGHT, "failed", "tls-broken"),
        ([RESET] * 3, [HELLO], GARBAGE, "skipped", "earlier-problem"),
    ],
)
def test_from_one_place(
    real: list[Measurement],
    control: list[Measurement],
    local: Measurement | None,
    status: str,
    cause: str,
) -> None:
    tcp = (measured(connected=any(item.data.get("connected") for item in real)),)
    seen = {THIS_COMPUTER: Hellos(tuple(real), tuple(control), again=(HELLO,) * 2, tcp=tcp)}
    (found,) = judge_hellos("outside", NAME, ADDRESS, seen, local)
    assert (found.status.value, found.cause) == (status, cause)


def test_a_filter_must_be_seen_from_both_places() -> None:
    cut = Hellos((RESET,) * 3, (HELLO,), again=(HELLO,) * 2)
    fine = Hellos((RIGHT,) * 3, (HELLO,))

    def causes(**seen: Hellos) -> list[str]:
        return [f.cause for f in judge_hellos("outside", NAME, ADDRESS, seen, RIGHT)]

    assert causes(here=cut, there=cut) == ["name-filtered", "name-filtered"]
    assert causes(here=cut, there=fine) == ["undecided", ""]


def test_tls_on_the_server_itself() -> None:
    assert judge_itself("outside", NAME, RIGHT).status is Status.OK
    assert judge_itself("outside", NAME, GARBAGE).cause == "tls-misconfigured"
    assert judge_itself("outside", NAME, SILENT).cause == "tls-misconfigured"


def test_a_lane_has_the_controls_before_and_after_the_name() -> None:
    probes = TlsCheck().probes(context(), THIS_COMPUTER)
    label = f"{NAME} {ADDRESS}"
    assert [probe.id for probe in probes] == [
        f"tcp {ADDRESS}", f"none {ADDRESS}", f"control {ADDRESS}", f"large {label}", label,
        f"brief {label}", f"witness {label}", f"again {label}",
    ]  # fmt: skip
    assert {probe.lane for probe in probes} == {ADDRESS}
    by_id = {probe.id: probe for probe in probes}
    assert by_id[label].repeat == 3 and by_id[label].fields["sni"] == NAME
    assert by_id[f"none {ADDRESS}"].fields["sni"] == ""
    assert by_id[f"control {ADDRESS}"].fields["sni"] not in ("", NAME)
    assert by_id[f"again {label}"].gate and by_id[f"witness {label}"].fields["port"] == 22
    (itself,) = TlsCheck().probes(context(), "outside")
    assert itself.fields["host"] == "127.0.0.1"


def test_spare_names_are_tried_before_the_name_in_use() -> None:
    seen = of_option(1, changes={"spare_names": ("spare.example.net",)})
    mine = [way for way in ways(seen) if way.address == ways(seen)[0].address]
    order = [way.name for way in innocents_first(seen, mine)]
    assert order[0] == "spare.example.net" and order[-1] == seen.setup.access_name


def test_where_no_connection_comes_about_no_name_is_tried() -> None:
    subject = f"outside tcp/443 {ADDRESS}"
    closed = conclude("ports-after", subject, THIS_COMPUTER, Status.FAILED, "port-closed",
                      msg("x"), confidence=Confidence.MEDIUM)  # fmt: skip
    seen = context(phase="after", findings=(closed,))
    assert TlsCheck().probes(seen, THIS_COMPUTER) == ()
    (found,) = TlsCheck().judge(seen)
    assert (found.status, found.because) == (Status.SKIPPED, closed.key)


def test_a_place_whose_clock_or_authorities_are_wrong_does_not_condemn_a_certificate() -> None:
    old = shown(leaf(NAME, now=datetime.now(UTC)), "tls-verify", 10)
    mine = measured(kind="tls", **RIGHT.data)
    seen = {"inside": Hellos((mine,) * 3), THIS_COMPUTER: Hellos((old,) * 3)}
    found = {f.vantage: f for f in judge_hellos("outside", NAME, ADDRESS, seen, None)}
    assert found["inside"].status is Status.OK
    assert (found[THIS_COMPUTER].status, found[THIS_COMPUTER].cause) == (
        Status.UNKNOWN,
        "undecided",
    )


def test_a_certificate_that_its_place_accepts_is_not_expired_by_our_clock() -> None:
    item = shown(leaf(NAME, days=60))
    later = NOW + timedelta(days=100)
    assert judge_certificate("s", "inside", NAME, item, later).status is Status.OK


def test_served_names_follow_the_records() -> None:
    (item,) = served(context())
    assert (item.host, item.name, item.addresses) == ("outside", NAME, (ADDRESS,))
