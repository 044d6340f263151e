"""Certificates: what they say, and whether devices will accept them. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from assistant.findings.model import Confidence, Finding, Measurement, Mender, Remedy, Status
from assistant.text import Message, msg
from checks.causes import conclude, remedy
from checks.evidence import describe

SOON = timedelta(days=21)
"""Certificates are renewed 30 days before their end: with less left, renewing has failed."""

_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN, _NO_ISSUER, _NO_FIRST = 18, 19, 20, 21
_NOT_YET, _EXPIRED, _WRONG_NAME = 9, 10, 62


@dataclass(frozen=True)
class Certificate:
    """What a leaf certificate says; times in UTC."""

    names: tuple[str, ...]
    start: datetime
    end: datetime
    issuer: str
    self_signed: bool


def read_certificate(encoded: object) -> Certificate | None:
    """The certificate in base64 DER, None when it is none."""
    try:
        return _read(base64.b64decode(str(encoded), validate=True))
    except (ValueError, binascii.Error):
        return None


def read_pem(text: str) -> Certificate | None:
    """The first certificate in PEM text, None when there is none."""
    inner = text.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]
    return read_certificate("".join(inner.split())) if inner else None


def _read(encoded: bytes) -> Certificate | None:
    from cryptography import x509

    try:
        leaf = x509.load_der_x509_certificate(encoded)
        try:
            extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            names = tuple(extension.value.get_values_for_type(x509.DNSName))
        except x509.ExtensionNotFound:
            names = ()
        return Certificate(
            names=names,
            start=leaf.not_valid_before_utc,
            end=leaf.not_valid_after_utc,
            issuer=leaf.issuer.rfc4514_string(),
            self_signed=leaf.issuer == leaf.subject,
        )
    except ValueError:
        return None


def covers(names: Sequence[str], name: str) -> bool:
    """Whether certificate names cover a name; a wildcard stands for exactly one label."""
    wanted = name.lower().rstrip(".")
    parent = wanted.partition(".")[2]
    lowered = {item.lower() for item in names}
    return wanted in lowered or (parent != "" and f"*.{parent}" in lowered)


def judge_certificate(
    subject: str,
    vantage: str,
    name: str,
    item: Measurement,
    now: datetime | None = None,
    *,
    trusted_elsewhere: bool = False,
) -> Finding:
    """A certificate that came: trusted, for the right name, valid for long enough?

    ``trusted_elsewhere``: another place was shown the same one and trusts it.
    """
    leaf = read_certificate(item.data.get("der"))
    now = now or datetime.now(UTC)
    evidence = [describe(item)]
    values: dict[str, str | int] = {"name": name, "vantage": vantage}
    if leaf is not None:
        evidence.append(f"names={','.join(leaf.names)} issuer={leaf.issuer} end={leaf.end:%F}")
        values["days"] = (leaf.end - now).days
        values["issuer"] = leaf.issuer
    verdict = _verdict(item, leaf, name, now, values)
    status, cause, text, mend = verdict
    sure = Confidence.HIGH
    if trusted_elsewhere and not item.ok and cause in _OF_THE_PLACE:
        # Trusted elsewhere, so this place's clock or list of authorities is the suspect.
        status, cause, text, mend = _only_here(values)
        sure = Confidence.LOW
    elif cause == "certificate-incomplete":
        sure = Confidence.MEDIUM
    return conclude(
        "tls",
        subject,
        vantage,
        status,
        cause,
        text,
        evidence=tuple(evidence) if cause else (),
        remedy=mend,
        confidence=sure,
    )


_OF_THE_PLACE = (
    "certificate-expired", "certificate-not-yet-valid", "certificate-incomplete",
    "certificate-untrusted",
)  # fmt: skip


def _only_here(values: Mapping[str, str | int]) -> Verdict:
    text = msg("{vantage} does not trust a certificate of {name} that others trust.", **values)
    how = msg(
        "Look at the clock of {vantage}, and whether its system is up to date. If both are right,"
        " something on its way opens connections: try from another network.",
        **values,
    )
    return Status.UNKNOWN, "undecided", text, remedy(Mender.YOU, how)


Verdict = tuple[Status, str, Message, Remedy | None]


def _verdict(
    item: Measurement,
    leaf: Certificate | None,
    name: str,
    now: datetime,
    values: Mapping[str, str | int],
) -> Verdict:
    code = item.data.get("verify_code")
    failed = Status.FAILED
    # A place that accepted it has judged the dates by its own clock; ours may be wrong.
    if code == _EXPIRED:
        text = msg("The certificate of {name} has expired.", **values)
        return failed, "certificate-expired", text, apply_again()
    if code == _NOT_YET:
        text = msg("The certificate of {name} is not valid yet, says {vantage}.", **values)
        how = msg("The clock of {vantage} is wrong: set it right.", **values)
        return failed, "certificate-not-yet-valid", text, remedy(Mender.YOU, how)
    if code == _WRONG_NAME or (leaf is not None and not covers(leaf.names, name)):
        text = msg("The certificate that came is not for {name}.", **values)
        return failed, "certificate-names", text, apply_again()
    if code == _SELF_SIGNED or (code is not None and leaf is not None and leaf.self_signed):
        text = msg("The certificate of {name} is signed by itself; no device trusts it.", **values)
        return failed, "certificate-self-signed", text, apply_again()
    if code in (_NO_ISSUER, _NO_FIRST):
        text = msg(
            "{vantage} cannot trace the certificate of {name} to an authority it knows: part of the"
            " chain is missing, or the authority is not a public one.",
            **values,
        )
        return failed, "certificate-incomplete", text, apply_again()
    if not item.ok:
        text = msg("{vantage} does not trust the certificate of {name}.", **values)
        return failed, "certificate-untrusted", text, apply_again()
    if leaf is not None and timedelta() < leaf.end - now < SOON:
        text = msg("The certificate of {name} ends in {days} days; renewing has failed.", **values)
        return Status.WARNING, "certificate-expiring", text, apply_again()
    return Status.OK, "", msg("The certificate of {name} is valid.", **values), None


def apply_again() -> Remedy:
    """What puts a certificate and the web server in order."""
    return remedy(
        Mender.ASSISTANT,
        msg("Apply the setup again: it puts the certificate and the web server in order."),
        "apply",
    )
