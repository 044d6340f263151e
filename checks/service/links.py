"""The wrapped links: do they answer their own hosts, with the setup's own certificates, and only
them?
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from assistant.findings.model import Confidence, Finding, Measurement, Mender, Remedy, Status
from assistant.findings.probes import Probe
from assistant.plan.host_paths import LINK_FILES, LINK_PORT
from assistant.setup.model import Host, Role
from assistant.text import msg
from checks.causes import conclude, remedy
from checks.check import Check, Context
from checks.evidence import describe
from checks.network.ways import wrapped
from checks.service.certificates import Certificate, read_certificate, read_pem

SOON = timedelta(days=15)
"""Certificates of links live 90 days and are renewed with a third of that left."""

_TIMEOUT = 8.0

_KNOCK = b"PROXY TCP4 127.0.0.1 127.0.0.1 9 9\r\nGET / HTTP/1.0\r\n\r\n"
"""What the web server behind a link answers whoever gets through to it: it wanted TLS."""


class LinksCheck(Check):
    """Each wrapped link from the host at its near end: with its certificate, and without one."""

    id = "links"
    title = msg("The wrapped links between the servers work")
    phases = ("after",)
    requires = ("reachability",)

    def subjects(self, context: Context) -> tuple[str, ...]:
        """The hosts with the near end of a wrapped link."""
        return tuple(host.name for host in context.setup.hosts if wrapped(context, host))

    def vantages(self, context: Context) -> tuple[str, ...]:
        """Those hosts themselves."""
        return context.subjects

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """Three hellos with our certificate, one without, none with a name; our certificate."""
        inside = context.setup.host(Role.INSIDE)
        way = {"host": _address(inside), "port": LINK_PORT, "sni": "", "read": 64,
               "send": base64.b64encode(_KNOCK).decode("ascii")}  # fmt: skip
        ours = {
            "authority": f"{LINK_FILES}/authority.pem",
            "certificate": f"{LINK_FILES}/certificate.pem",
            "key": f"{LINK_FILES}/key.pem",
        }
        path = f"{LINK_FILES}/current/certificate.pem"
        return (
            Probe(id="link", kind="tls", fields={**way, **ours}, timeout=_TIMEOUT, repeat=3),
            Probe(id="stranger", kind="tls", fields={**way, "verify": False}, timeout=_TIMEOUT),
            Probe(id="own", kind="file", fields={"path": path}),
        )

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """Per link: whether it comes about, how long its certificates last, who gets in."""
        inside = context.setup.host(Role.INSIDE).name
        found: list[Finding] = []
        for host in context.subjects:
            tries = context.got(self.id, host, "link")
            own = context.last(self.id, host, "own")
            text = str(own.data.get("text", "")) if own is not None and own.ok else ""
            if tries:
                found.append(judge_link(host, inside, tries, read_pem(text)))
            stranger = context.last(self.id, host, "stranger")
            if stranger is not None:
                found.append(judge_stranger(host, inside, stranger, tries))
        return tuple(found)


def _address(host: Host) -> str:
    return host.public_ipv4 or host.public_ipv6


def judge_link(
    host: str,
    inside: str,
    tries: tuple[Measurement, ...],
    own: Certificate | None,
    now: datetime | None = None,
) -> Finding:
    """The link with our certificate: does it come about, and until when will it?"""
    now = now or datetime.now(UTC)
    values: dict[str, str | int] = {"host": host, "inside": inside}
    evidence = tuple(describe(item) for item in tries)
    subject = f"{host} link to {inside}"
    good = [item for item in tries if item.ok]
    if good:
        ends = [c.end for c in (own, read_certificate(good[0].data.get("der"))) if c is not None]
        left = (min(ends) - now) if ends else None
        if left is not None and left < SOON:
            values["days"] = max(0, left.days)
            text = msg("A certificate of the link from {host} to {inside} ends in {days} days;"
                       " renewing has failed.", **values)  # fmt: skip
            return conclude("links", subject, host, Status.WARNING, "link-expiring", text,
                            evidence=evidence, remedy=_apply(),
                            confidence=Confidence.CERTAIN)  # fmt: skip
        if len(good) < len(tries):
            text = msg("The wrapped link from {host} to {inside} works only sometimes.", **values)
            again = remedy(Mender.ISP, msg("The line loses packets. Try again at another time."))
            return conclude("links", subject, host, Status.WARNING, "packets-lost", text,
                            confidence=Confidence.MEDIUM, evidence=evidence,
                            remedy=again)  # fmt: skip
        text = msg("The wrapped link from {host} to {inside} works.", **values)
        return conclude("links", subject, host, Status.OK, "", text, confidence=Confidence.HIGH)
    errors = {item.error for item in tries}
    if errors & {"tls-verify"} or (own is not None and own.end <= now):
        text = msg("{host} and {inside} do not trust each other's certificates.", **values)
        cause, sure = "link-certificate", Confidence.HIGH
    elif not any(item.data.get("connected") for item in tries):
        text = msg("{host} gets no connection to the link's port of {inside}.", **values)
        how = msg("See the findings about the port {port} of {inside}.", port=LINK_PORT,
                  inside=inside)  # fmt: skip
        return conclude("links", subject, host, Status.FAILED, "link-down", text,
                        confidence=Confidence.MEDIUM, evidence=evidence,
                        remedy=remedy(Mender.YOU, how))  # fmt: skip
    elif errors <= {"reset", "timeout"}:
        text = msg("The wrapped link from {host} to {inside} is cut, though it carries no name.",
                   **values)  # fmt: skip
        how = msg("The address may be blocked: wait an hour and check again, else ask for another.")
        return conclude("links", subject, host, Status.UNKNOWN, "undecided", text,
                        confidence=Confidence.LOW, evidence=evidence,
                        remedy=remedy(Mender.PROVIDER, how))  # fmt: skip
    else:
        # A certificate that the other end refuses shows as an end right after the handshake; so
        # does a file that is missing here.
        text = msg("The wrapped link from {host} to {inside} does not come about.", **values)
        cause, sure = "link-down", Confidence.MEDIUM
    return conclude("links", subject, host, Status.FAILED, cause, text, confidence=sure,
                    evidence=evidence, remedy=_apply())  # fmt: skip


def judge_stranger(
    host: str, inside: str, item: Measurement, ours: tuple[Measurement, ...]
) -> Finding:
    """The link without a certificate: nobody may get in.

    Open only where something answered from behind it. Closed only where the same question came
    through with a certificate (``ours``) and was turned away without.
    """
    subject = f"{inside} strangers"
    evidence = (describe(item),)
    if item.ok and item.data.get("reply"):
        text = msg("The link of {inside} lets in whoever comes, without a certificate.",
                   inside=inside)  # fmt: skip
        return conclude("links", subject, host, Status.FAILED, "link-open", text,
                        confidence=Confidence.HIGH, evidence=evidence,
                        remedy=_apply())  # fmt: skip
    turned_away = item.data.get("connected") and item.error in ("closed", "reset", "tls-handshake")
    if turned_away and any(tried.ok for tried in ours):
        text = msg("The link of {inside} lets no strangers in.", inside=inside)
        return conclude("links", subject, host, Status.OK, "", text, confidence=Confidence.HIGH)
    text = msg("Whether the link of {inside} lets strangers in could not be told.", inside=inside)
    how = msg("Check again once the link itself works: only then can the two be compared.")
    return conclude("links", subject, host, Status.UNKNOWN, "undecided", text,
                    confidence=Confidence.LOW, evidence=evidence,
                    remedy=remedy(Mender.YOU, how))  # fmt: skip


def _apply() -> Remedy:
    return remedy(
        Mender.ASSISTANT,
        msg("Apply the setup again: it renews the certificates and puts the link in order."),
        "apply",
    )
