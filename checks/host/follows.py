"""Which findings follow from what a host says of itself, so that one fault is one finding. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from assistant.findings.model import Confidence, Finding, Mender, Remedy, Status
from assistant.text import Message, msg
from checks.causes import conclude, remedy

CHECK = "running"

_SYNAPSE = ("synapse-down", "synapse-hangs", "login-fails")
_PUBLIC = (
    "matrix-no-answer", "matrix-proxy", "matrix-wrong-answer", "signing-key", "login-missing",
    "well-known-missing",
)  # fmt: skip
_WEB = (
    "service-not-listening", "port-closed", "port-refused", "tls-no-answer", "tls-broken",
    "name-filtered", *_PUBLIC,
)  # fmt: skip
_STORAGE = ("database-down", "database-read-only", "database-failing", "service-down", *_SYNAPSE)

EXPLAINS: Mapping[str, tuple[str, ...]] = {
    "disk-full": (*_STORAGE, "disk-low", "certificate-expiring", *_PUBLIC),
    "inodes-full": (*_STORAGE, "certificate-expiring", *_PUBLIC),
    "disk-read-only": ("disk-full", *_STORAGE, *_PUBLIC),
    "memory-exhausted": ("service-down", "service-restarting", *_SYNAPSE, *_PUBLIC),
    "database-down": ("service-down", "service-restarting", *_SYNAPSE, *_PUBLIC),
    "database-read-only": (*_SYNAPSE, *_PUBLIC),
    "database-failing": (*_SYNAPSE, *_PUBLIC),
    "unit-masked": ("database-down", "service-down", *_SYNAPSE, *_WEB),
    "service-down": (*_SYNAPSE, *_WEB, "link-down", "private-silent", "dyndns-silent"),
    "synapse-down": _PUBLIC,
    "synapse-hangs": ("login-fails", *_PUBLIC),
    "login-fails": _PUBLIC,
    "config-missing": ("service-down", "service-restarting", *_SYNAPSE, *_WEB, "link-down"),
    "config-rights": ("service-down", "service-restarting", *_SYNAPSE, *_WEB, "link-down"),
    "config-changed-by-hand": (
        "service-down", "service-restarting", *_SYNAPSE, *_WEB, "link-down", "well-known-wrong",
        "well-known-cors", "registration-open", "admin-public", "private-silent", "private-wrong",
    ),
    "federation-list-wrong": ("config-changed-by-hand",),
    "hosts-record-missing": ("config-missing", "server-record", "federation-elsewhere"),
    "hosts-record-wrong": ("config-changed-by-hand", "server-record", "federation-elsewhere"),
    "certificate-missing": ("service-down", *_WEB),
    "certificate-not-reloaded": (
        "certificate-expired", "certificate-expiring", "certificate-names",
    ),
    "firewall-missing": ("port-open",),
    "firewall-rule-missing": ("config-changed-by-hand", *_WEB, "link-down", "private-silent"),
    "firewall-blocks": (*_WEB, "link-down", "private-silent"),
}  # fmt: skip
"""Cause → causes that follow from it on the same host (or, seen from elsewhere, about it)."""


def finding(
    host: str,
    aspect: str,
    status: Status,
    cause: str,
    summary: Message,
    *,
    evidence: Iterable[str] = (),
    mend: Remedy | None = None,
    why: Message | None = None,
) -> Finding:
    """A finding that was read on the host itself, so its cause is certain."""
    return conclude(
        CHECK,
        f"{host} {aspect}",
        host,
        status,
        cause,
        summary,
        why=why,
        confidence=Confidence.CERTAIN,
        evidence=tuple(line for line in evidence if line),
        remedy=mend,
    )


def apply_again(how: Message | None = None) -> Remedy:
    """The remedy that the assistant carries out itself."""
    words = how or msg("Apply the setup again: it starts what does not run.")
    return remedy(Mender.ASSISTANT, words, "apply")


def roots(findings: Collection[Finding]) -> tuple[Finding, ...]:
    """The findings of one host without those that another one of them explains.

    What is left out stands in the evidence of what explains it.
    """
    bad = [item for item in findings if item.cause]
    because: dict[int, Finding] = {}
    for item in bad:
        for cause in bad:
            if cause is not item and explains(cause, item):
                because[id(item)] = cause
                break
    kept = []
    for item in findings:
        if id(item) in because:
            continue
        more = tuple(
            f"{other.subject}: {other.cause}"
            for other in bad
            if id(other) in because and _root(other, because) is item
        )
        kept.append(item.model_copy(update={"evidence": (*item.evidence, *more)}))
    return tuple(kept)


def explains(cause: Finding, item: Finding) -> bool:
    """Whether one finding of a host is why another one is there."""
    if cause.status is not Status.FAILED or item.cause not in EXPLAINS.get(cause.cause, ()):
        return False
    # Two causes that explain each other would both go.
    return cause.cause not in EXPLAINS.get(item.cause, ()) or item.status is not Status.FAILED


def _root(item: Finding, because: Mapping[int, Finding]) -> Finding:
    seen = {id(item)}
    while id(item) in because and id(because[id(item)]) not in seen:
        item = because[id(item)]
        seen.add(id(item))
    return item
