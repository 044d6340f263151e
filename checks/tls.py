"""Does the service show a certificate that devices accept, from everywhere?"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from assistant.findings import Confidence, Finding, Measurement, Mender, Remedy, Status
from assistant.text import Message, msg
from assistant.vantage import Probe
from checks.causes import conclude, remedy
from checks.evidence import TRIES, Trial, blocked, describe, trial
from checks.frame import Check, Context
from checks.served import served

SOON = timedelta(days=21)
"""Certificates are renewed 30 days before their end: with less left, renewing has failed."""

_TIMEOUT = 8.0
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
    from cryptography import x509

    try:
        leaf = x509.load_der_x509_certificate(base64.b64decode(str(encoded), validate=True))
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
    except (ValueError, binascii.Error):
        return None


def covers(names: Sequence[str], name: str) -> bool:
    """Whether certificate names cover a name; a wildcard stands for exactly one label."""
    wanted = name.lower().rstrip(".")
    parent = wanted.partition(".")[2]
    lowered = {item.lower() for item in names}
    return wanted in lowered or (parent != "" and f"*.{parent}" in lowered)


class TlsCheck(Check):
    """Each served name at each host that serves it, from outside and on the host itself."""

    id = "tls"
    title = msg("Connections are encrypted with a valid certificate")
    phases = ("after",)
    requires = ("ports-after",)

    def subjects(self, context: Context) -> tuple[str, ...]:
        """The hosts that serve names."""
        return tuple(dict.fromkeys(item.host for item in served(context)))

    def vantages(self, context: Context) -> tuple[str, ...]:
        """Everywhere, the hosts themselves included."""
        return tuple(dict.fromkeys(v for s in context.subjects for v in (*context.others(s), s)))

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """The real name three times; before it, at the same address, a hello without a name.

        The control goes first: after a cut connection everything on this path may fail for
        minutes, whatever its name.
        """
        made: list[Probe] = []
        for item in served(context):
            if item.host not in context.subjects:
                continue
            if vantage == item.host:
                made.append(_hello(f"{item.name} {item.host} itself", "127.0.0.1", item.name))
                continue
            for address in item.addresses:
                suspect = f"{item.name} {address}"
                made.append(
                    Probe(
                        id=f"control {suspect}",
                        kind="tls",
                        fields={"host": address, "port": 443, "sni": "", "verify": False},
                        timeout=_TIMEOUT,
                        control_of=suspect,
                    )
                )
                made.append(_hello(suspect, address, item.name, repeat=TRIES, delay=1.0))
        return tuple(made)

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """One finding per name, address and vantage."""
        found: list[Finding] = []
        for item in served(context):
            if item.host not in context.subjects:
                continue
            local = context.last(self.id, item.host, f"{item.name} {item.host} itself")
            if local is not None:
                found.append(judge_itself(item.host, item.name, local))
            for address in item.addresses:
                seen = {
                    vantage: Hellos(
                        context.got(self.id, vantage, f"{item.name} {address}"),
                        context.got(self.id, vantage, f"control {item.name} {address}"),
                    )
                    for vantage in context.others(item.host)
                }
                found.extend(judge_hellos(item.host, item.name, address, seen, local))
        return tuple(found)


def _hello(probe: str, address: str, name: str, *, repeat: int = 1, delay: float = 0.0) -> Probe:
    return Probe(
        id=probe,
        kind="tls",
        fields={"host": address, "port": 443, "sni": name},
        timeout=_TIMEOUT,
        repeat=repeat,
        pause=0.2,
        delay=delay,
    )


@dataclass(frozen=True)
class Hellos:
    """What one place saw: hellos with the real name, and those of the control."""

    real: tuple[Measurement, ...]
    control: tuple[Measurement, ...] = ()


def judge_itself(host: str, name: str, item: Measurement) -> Finding:
    """TLS on the server itself: no network in between, so any fault is the server's."""
    subject = f"{host} {name} itself"
    if item.ok or item.error == "tls-verify":
        return judge_certificate(subject, host, name, item)
    return conclude(
        "tls",
        subject,
        host,
        Status.FAILED,
        "tls-misconfigured",
        msg("TLS for {name} fails on {host} itself, so it cannot work from outside.",
            name=name, host=host),
        evidence=(describe(item),),
        remedy=_apply(),
    )  # fmt: skip


def judge_hellos(
    host: str,
    name: str,
    address: str,
    seen: Mapping[str, Hellos],
    local: Measurement | None,
) -> Iterator[Finding]:
    """TLS from everywhere else, with what the server itself showed as the reference."""
    subject = f"{host} {name} {address}"
    tried = {
        vantage: hellos
        for vantage, hellos in seen.items()
        if hellos.real
        and not (":" in address and all(m.error == "unreachable" for m in hellos.real))
    }
    trials = [_hello_trial(hellos) for hellos in tried.values()]
    verdict = blocked(trials)
    fault_at_home = local is not None and not local.ok and local.error != "tls-verify"
    for vantage, hellos in tried.items():
        shown = next((m for m in hellos.real if _handshook(m)), None)
        if shown is not None:
            mine = local.data.get("sha256") if local is not None else None
            if mine and shown.data.get("sha256") and shown.data["sha256"] != mine:
                yield _intercepted(subject, vantage, name, shown)
            else:
                yield judge_certificate(subject, vantage, name, shown)
        elif fault_at_home:
            yield conclude(
                "tls",
                subject,
                vantage,
                Status.SKIPPED,
                "earlier-problem",
                msg("Not judged from {vantage}: TLS fails on {host} itself.",
                    vantage=vantage, host=host),
            )  # fmt: skip
        else:
            yield _no_hello(subject, vantage, name, hellos, verdict)


def _handshook(item: Measurement) -> bool:
    return item.ok or item.error == "tls-verify"


def _hello_trial(hellos: Hellos) -> Trial:
    """A certificate that is not trusted has still come through: it does not count as cut."""
    real = [m.model_copy(update={"ok": True}) if _handshook(m) else m for m in hellos.real]
    return trial(real, hellos.control)


def _intercepted(subject: str, vantage: str, name: str, item: Measurement) -> Finding:
    return conclude(
        "tls",
        subject,
        vantage,
        Status.FAILED,
        "tls-intercepted",
        msg(
            "{vantage} gets another certificate for {name} than the server sends: somebody on the"
            " way sits in the middle.",
            vantage=vantage,
            name=name,
        ),
        confidence=Confidence.HIGH,
        evidence=(describe(item),),
        remedy=remedy(
            Mender.YOU,
            msg(
                "Do not enter a password there. Check the address records; if they are right,"
                " use another network, and look for security software that opens connections."
            ),
        ),
    )


def _no_hello(
    subject: str, vantage: str, name: str, hellos: Hellos, verdict: bool | None
) -> Finding:
    """No handshake came about from a place."""
    evidence = tuple(describe(item) for item in (*hellos.real, *hellos.control))
    values = {"name": name, "vantage": vantage}
    errors = {item.error for item in hellos.real}
    if errors == {"tls-handshake"}:
        return conclude(
            "tls",
            subject,
            vantage,
            Status.FAILED,
            "tls-broken",
            msg("What answers {vantage} for {name} does not speak TLS properly.", **values),
            confidence=Confidence.MEDIUM,
            evidence=evidence,
            remedy=_apply(),
        )
    if verdict is True:
        return conclude(
            "tls",
            subject,
            vantage,
            Status.FAILED,
            "name-filtered",
            msg(
                "Connections from {vantage} that carry the name {name} are cut, while the same"
                " without a name pass.",
                **values,
            ),
            confidence=Confidence.HIGH,
            evidence=evidence,
            remedy=remedy(Mender.NOBODY, msg("Use another name for the apps to connect to.")),
        )
    if _hello_trial(hellos) is Trial.NO_CONTROL and all(
        not item.data.get("connected") for item in hellos.real
    ):
        return conclude(
            "tls",
            subject,
            vantage,
            Status.FAILED,
            "tls-no-answer",
            msg("{vantage} gets no connection to {name} at all.", **values),
            confidence=Confidence.MEDIUM,
            evidence=evidence,
            remedy=remedy(
                Mender.YOU, msg("See the findings about the ports: they come before this one.")
            ),
        )
    return conclude(
        "tls",
        subject,
        vantage,
        Status.UNKNOWN,
        "undecided",
        msg("No encrypted connection from {vantage} to {name}; the cause is not clear.", **values),
        confidence=Confidence.LOW,
        evidence=evidence,
        remedy=remedy(
            Mender.YOU, msg("Wait five minutes and check again, if possible from another network.")
        ),
    )


def judge_certificate(
    subject: str,
    vantage: str,
    name: str,
    item: Measurement,
    now: datetime | None = None,
) -> Finding:
    """A certificate that came: trusted, for the right name, valid for long enough?"""
    leaf = read_certificate(item.data.get("der"))
    now = now or datetime.now(UTC)
    evidence = [describe(item)]
    values: dict[str, str | int] = {"name": name, "vantage": vantage}
    if leaf is not None:
        evidence.append(f"names={','.join(leaf.names)} issuer={leaf.issuer} end={leaf.end:%F}")
        values["days"] = (leaf.end - now).days
        values["issuer"] = leaf.issuer
    status, cause, text, mend = _verdict(item, leaf, name, now, values)
    return conclude(
        "tls",
        subject,
        vantage,
        status,
        cause,
        text,
        evidence=tuple(evidence) if cause else (),
        remedy=mend,
    )


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
    if code == _EXPIRED or (leaf is not None and leaf.end <= now):
        text = msg("The certificate of {name} has expired.", **values)
        return failed, "certificate-expired", text, _apply()
    if code == _NOT_YET:
        text = msg("The certificate of {name} is not valid yet, says {vantage}.", **values)
        how = msg("The clock of {vantage} is wrong: set it right.", **values)
        return failed, "certificate-not-yet-valid", text, remedy(Mender.YOU, how)
    if code == _WRONG_NAME or (leaf is not None and not covers(leaf.names, name)):
        text = msg("The certificate that came is not for {name}.", **values)
        return failed, "certificate-names", text, _apply()
    if code == _SELF_SIGNED or (code is not None and leaf is not None and leaf.self_signed):
        text = msg("The certificate of {name} is signed by itself; no device trusts it.", **values)
        return failed, "certificate-self-signed", text, _apply()
    if code in (_NO_ISSUER, _NO_FIRST):
        text = msg(
            "{vantage} cannot trace the certificate of {name} to an authority it knows: part of the"
            " chain is missing, or the authority is not a public one.",
            **values,
        )
        return failed, "certificate-incomplete", text, _apply()
    if not item.ok:
        text = msg("{vantage} does not trust the certificate of {name}.", **values)
        return failed, "certificate-untrusted", text, _apply()
    if leaf is not None and leaf.end - now < SOON:
        text = msg("The certificate of {name} ends in {days} days; renewing has failed.", **values)
        return Status.WARNING, "certificate-expiring", text, _apply()
    return Status.OK, "", msg("The certificate of {name} is valid.", **values), None


def _apply() -> Remedy:
    return remedy(
        Mender.ASSISTANT,
        msg("Apply the setup again: it puts the certificate and the web server in order."),
        "apply",
    )
