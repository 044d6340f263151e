"""One fault, one finding at the top: what follows from another finding is folded under it. Pure.

A relation says which causes explain which others, and how near the two must be: at the same host,
on the same path, from the same place. What nothing explains stands on its own. The words and the
status of a finding that is folded stay as they are.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from assistant.findings.model import Finding, Status
from checks.host.follows import EXPLAINS

_BAD = (Status.FAILED, Status.WARNING, Status.UNKNOWN)
Key = tuple[str, str, str]


@dataclass(frozen=True)
class About:
    """What a finding is about, taken from its subject; ``address`` is empty when it names none."""

    first: str
    address: str


def about(finding: Finding) -> About:
    """The first word of a subject (a host; in DNS a name) and the address in it."""
    words = finding.subject.split(" ")
    return About(words[0], next((a for a in map(_address, words[1:]) if a), ""))


def _address(word: str) -> str:
    for text in (word, word.rpartition(":")[0]):
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            continue
    return ""


Near = Callable[[Finding, Finding], bool]


def same_place(cause: Finding, effect: Finding) -> bool:
    """Seen from the same place."""
    return cause.vantage == effect.vantage


def same_subject(cause: Finding, effect: Finding) -> bool:
    """About the same host, or in DNS the same name."""
    return about(cause).first == about(effect).first


def same_path(cause: Finding, effect: Finding) -> bool:
    """From the same place to the same host, at the same address where both name one."""
    one, other = about(cause).address, about(effect).address
    same = not one or not other or one == other
    return same and same_place(cause, effect) and same_subject(cause, effect)


_ON_HOST = frozenset({"service-not-listening", "synapse-down", "tls-misconfigured"})
"""Read on a host: these explain whatever of that host does not work from anywhere."""

_NO_WAY_IN = frozenset(
    {"port-closed", "port-refused", "answer-lost", "address-blocked", "port-intercepted",
     "not-forwarded", "isp-port-closed", "hairpin", "cgnat", "double-nat"}
)  # fmt: skip
_NO_TLS = frozenset(
    {"name-filtered", "address-greylisted", "tls-intercepted", "tls-broken", "tls-no-answer",
     "packets-too-large", "certificate-untrusted", "certificate-self-signed",
     "certificate-incomplete", "certificate-expired", "certificate-not-yet-valid",
     "certificate-names"}
)  # fmt: skip
_SERVICE = frozenset(
    {"tls-no-answer", "matrix-no-answer", "matrix-proxy", "link-down", "private-silent",
     "undecided", "earlier-problem"}
)  # fmt: skip
_DNS = frozenset(
    {"zone-missing", "record-missing", "record-wrong", "record-present", "record-stale",
     "servers-differ", "resolver-differs", "servers-silent", "resolver-silent", "undecided",
     "dns-forged", "anti-fraud", "device-record-wrong"}
)  # fmt: skip


@dataclass(frozen=True)
class Relation:
    """These causes explain those, where both are near each other; ``checks``: the effect's."""

    causes: frozenset[str]
    effects: frozenset[str]
    near: Near
    checks: frozenset[str] = frozenset()


RELATIONS: tuple[Relation, ...] = (
    Relation(
        frozenset({"vantage-proxied"}),
        _NO_WAY_IN | _NO_TLS | _SERVICE | _DNS | {"port-open", "link-open"},
        same_place,
    ),
    Relation(frozenset({"dns-faked-here", "dns-intercepted"}), _DNS, same_place,
             frozenset({"dns", "dns-zone", "dns-servers"})),
    Relation(frozenset({"host-unreachable", "ssh-refused", "address-unknown"}),
             frozenset({"earlier-problem", "no-vantage", "vantage-lost"}), same_subject),
    *(
        Relation(frozenset({cause}), frozenset(effects), same_subject)
        for cause, effects in EXPLAINS.items()
    ),
    Relation(_ON_HOST, _NO_WAY_IN | _SERVICE, same_subject),
    Relation(frozenset({"tls-misconfigured"}), _NO_TLS, same_subject),
    Relation(frozenset({"cgnat", "double-nat"}), _NO_WAY_IN - {"hairpin"}, same_subject),
    Relation(_NO_WAY_IN, _SERVICE, same_path),
    Relation(_NO_TLS, _SERVICE - {"tls-no-answer"}, same_path,
             frozenset({"matrix", "links", "resolver"})),
    Relation(frozenset({"congestion"}),
             frozenset({"packets-lost", "undecided", "matrix-no-answer", "line-slow",
                        "name-cut-sometimes"}), same_path),
    Relation(frozenset({"record-wrong", "record-missing", "dyndns-stale", "dns-forged",
                        "wildcard-leak", "anti-fraud"}),
             _DNS - {"record-missing", "record-wrong"}, same_subject,
             frozenset({"dns", "dns-zone"})),
)  # fmt: skip
"""From what lies deepest to what lies on top of it; the first that fits is the explanation."""

_ONCE = _NO_WAY_IN | _NO_TLS | _SERVICE | {"service-not-listening", "congestion", "packets-lost"}
"""Causes that are one fault of a host, from however many places and addresses they are seen."""

_EVERYWHERE = frozenset({"dyndns-stale", "vantage-proxied", "dns-faked-here", "clock-wrong"})
"""Causes that are one fault for all subjects they are seen at."""


def fold(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The same findings, with :attr:`Finding.because` at those that follow from others."""
    found = tuple(findings)
    known = {item.key: item for item in found}
    direct: dict[Key, Key] = {}
    for item in found:
        reason = _reason(item, found)
        if reason is not None:
            direct[item.key] = reason.key
        elif item.because in known:
            direct[item.key] = item.because
    return tuple(_with(item, _root(item.key, direct)) for item in found)


def _with(item: Finding, root: Key) -> Finding:
    because = None if root == item.key else root
    return item if item.because == because else item.model_copy(update={"because": because})


def _root(key: Key, direct: Mapping[Key, Key]) -> Key:
    seen = {key}
    while key in direct and direct[key] not in seen:
        key = direct[key]
        seen.add(key)
    return key


def _reason(item: Finding, found: Sequence[Finding]) -> Finding | None:
    """What a finding follows from; None when it stands on its own."""
    if item.status is Status.OK or not item.cause:
        return None
    for relation in RELATIONS:
        if item.cause not in relation.effects or item.cause in relation.causes:
            continue
        if relation.checks and item.check not in relation.checks:
            continue
        for other in found:
            fits = other.cause in relation.causes and other.status in _BAD
            if fits and other.key != item.key and relation.near(other, item):
                return other
    if item.because is not None:
        return None
    return next((other for other in found if other.key == item.key or _same(other, item)), None)


def _same(one: Finding, other: Finding) -> bool:
    """Whether two findings are one fault seen twice."""
    if (one.check, one.cause) != (other.check, other.cause) or one.status not in _BAD:
        return False
    if one.cause in _EVERYWHERE:
        return True
    filtered = one.cause in ("name-filtered", "name-cut-sometimes")
    if filtered and one.subject.split(" ")[1:2] != other.subject.split(" ")[1:2]:
        return False
    return (one.cause in _ONCE or filtered) and same_subject(one, other)
