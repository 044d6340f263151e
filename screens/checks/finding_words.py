"""Words around findings: what a check is about, why it matters, who mends, how sure. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Mender
from assistant.text import Message, msg

WHY: Mapping[str, Message] = MappingProxyType(
    {
        "reachability": msg("Without a way to the server nothing can be set up or mended."),
        "host": msg("The service needs a server that is fit for it, or it will fail later."),
        "this-computer": msg("What this computer sees wrongly, it would blame on your servers."),
        "login": msg("Without a login nothing on the server can be set up or mended."),
        "running": msg("If this is not right, messages fail however open the ports are."),
        "dns-zone": msg("Without name servers nobody can find the name at all."),
        "dns-servers": msg("Without name servers nobody can find the name at all."),
        "dns": msg("Apps find the server by this name; a wrong record leads them nowhere."),
        "ports-before": msg("What cannot get in now will not get in when the service runs."),
        "ports-after": msg("A planned port lets people in; any other open port lets others in."),
        "tls": msg("Apps refuse to talk to a server whose certificate is not right."),
        "matrix": msg("This is what the apps of your people talk to."),
    }
)
"""Why a check matters, where a finding does not say it itself."""

MENDERS: Mapping[Mender, Message] = MappingProxyType(
    {
        Mender.YOU: msg("You can mend it"),
        Mender.ASSISTANT: msg("matrix-assistant mends it"),
        Mender.PROVIDER: msg("Where your server is rented"),
        Mender.REGISTRAR: msg("Where your domain is managed"),
        Mender.ISP: msg("Your internet provider"),
        Mender.NOBODY: msg("Nobody needs to do anything"),
    }
)

SURE: Mapping[Confidence, Message] = MappingProxyType(
    {
        Confidence.CERTAIN: msg("certain"),
        Confidence.HIGH: msg("quite sure"),
        Confidence.MEDIUM: msg("likely"),
        Confidence.LOW: msg("a guess"),
    }
)

_HOST_ASPECTS: Mapping[str, Message] = MappingProxyType(
    {
        "system": msg("operating system"),
        "python": msg("Python"),
        "memory": msg("memory"),
        "disk": msg("disk space"),
        "clock": msg("clock"),
        "rights": msg("administrator rights"),
        "packages": msg("installing packages"),
        "synapse": msg("another Matrix server"),
    }
)
_MATRIX_ASPECTS: Mapping[str, Message] = MappingProxyType(
    {
        "synapse": msg("the Matrix server itself"),
        "versions": msg("answers apps"),
        "well-known-client": msg("apps find the way"),
        "well-known-server": msg("other servers find the way"),
        "federation": msg("other servers may talk to it"),
        "delivery": msg("messages from the other server"),
        "signing-key": msg("its signing key"),
        "registration": msg("closed to strangers"),
        "administration": msg("administration is closed"),
        "login": msg("logging in"),
    }
)
_PORT = re.compile(r"(?P<host>\S+) (?:tcp/|port )(?P<port>\d+)(?: (?P<address>\S+))?")
_RECORD = re.compile(r"(?P<name>\S+) (?P<type>[A-Z]+)(?: at (?P<server>\S+))?")
_TLS = re.compile(r"(?P<host>\S+) (?P<name>\S+) (?P<address>\S+)")


def vantage_words(vantage: str) -> Message:
    """A place to measure from, as people call it; hosts go by the names they were given."""
    return msg("this computer") if vantage == THIS_COMPUTER else msg("{name}", name=vantage)


def subject_words(check: str, subject: str) -> Message:
    """What a finding is about, from the identifiers it carries; unknown ones are shown as are."""
    host, _, aspect = subject.partition(" ")
    if check == "host" and aspect in _HOST_ASPECTS:
        return msg("{host}: {aspect}", host=host, aspect=_HOST_ASPECTS[aspect])
    if check == "matrix" and aspect in _MATRIX_ASPECTS:
        return msg("{host}: {aspect}", host=host, aspect=_MATRIX_ASPECTS[aspect])
    if check.startswith("ports") and subject.startswith("unplanned ports of "):
        rest = subject.removeprefix("unplanned ports of ")
        return msg("{host}: all other ports", host=rest.partition(" ")[0])
    if check in ("host", "ports-before", "ports-after") and (found := _PORT.fullmatch(subject)):
        if not found["address"]:
            return msg("{host}: port {port}", host=found["host"], port=found["port"])
        return msg(
            "{host}: port {port} ({address})",
            host=found["host"],
            port=found["port"],
            address=found["address"],
        )
    if check == "dns":
        return _dns_words(subject)
    if check == "tls" and (found := _TLS.fullmatch(subject)):
        if found["address"] == "itself":
            return msg("{name}, on the server itself", name=found["name"])
        return msg("{name} at {address}", name=found["name"], address=found["address"])
    return msg("{subject}", subject=subject)


def _dns_words(subject: str) -> Message:
    name, _, rest = subject.partition(" ")
    if rest == "system resolver":
        return msg("{name}, as programs look it up", name=name)
    if rest == "forging":
        return msg("{name}: forged answers", name=name)
    found = _RECORD.fullmatch(subject)
    if found is None:
        return msg("{subject}", subject=subject)
    if found["server"]:
        return msg(
            "{name}: {type} record, at {server}",
            name=name,
            type=found["type"],
            server=found["server"],
        )
    return msg("{name}: {type} record", name=name, type=found["type"])


def why_words(finding: Finding) -> Message | None:
    """Why a finding matters."""
    return finding.why or WHY.get(finding.check)


def age_words(at: datetime, now: datetime) -> Message:
    """How long ago something was, roughly. Both times with a time zone."""
    minutes = int((now - at).total_seconds() // 60)
    if minutes < 1:
        return msg("just now")
    if minutes < 60:
        return msg("{minutes} min ago", minutes=minutes)
    if minutes < 48 * 60:
        return msg("{hours} h ago", hours=minutes // 60)
    days = minutes // (24 * 60)
    if days < 60:
        return msg("{days} days ago", days=days)
    return msg("{months} months ago", months=days // 30)
