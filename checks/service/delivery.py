"""The way a server's messages take to the other one, found as Synapse finds it. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from typing import Any

from assistant.findings.model import Confidence, Finding, Measurement, Mender, Status
from assistant.text import msg
from checks.causes import conclude, remedy
from checks.check import Context
from checks.evidence import describe
from checks.host.asked import PROBE
from checks.host.running import RunningCheck

REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
        "192.0.0.0/24", "169.254.0.0/16", "192.88.99.0/24", "198.18.0.0/15", "192.0.2.0/24",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "::1/128", "fe80::/10", "fc00::/7",
        "2001:db8::/32", "ff00::/8", "fec0::/10",
    )
)  # fmt: skip
"""What Synapse sends nothing to unless ``ip_range_whitelist`` names it (its configuration manual,
``ip_range_blacklist``)."""


def told(context: Context, host: str, section: str) -> Any:
    """A section of what a host said of itself, None when it did not."""
    item = context.last(RunningCheck.id, host, PROBE)
    return item.data.get(section) if item is not None and item.ok else None


def may_look_up(context: Context, host: str, name: str, *, private: bool) -> bool:
    """Whether a host may look a name up: a private one only where its own hosts file has it, or
    the question would go to a stranger.
    """
    if not private:
        return True
    names = told(context, host, "names")
    return isinstance(names, dict) and bool(names.get(name))


def judge_delivery(
    subject: str,
    vantage: str,
    name: str,
    found: Measurement,
    direct: Measurement | None,
    allowed: Collection[str] | None,
) -> Finding | None:
    """None when the way is good, or when the planned address fails as well (others tell why).

    ``found`` asked by the name alone, ``direct`` at the planned address; ``allowed`` are the ranges
    that the server's settings add to public ones.
    """
    address = str(found.data.get("address", ""))
    values = {"vantage": vantage, "name": name, "address": address or "?"}
    if address and _refused(address, allowed or ()):
        return conclude(
            "matrix",
            f"{subject} delivery",
            vantage,
            Status.FAILED,
            "federation-address-refused",
            msg("The Matrix server on {vantage} finds {name} at {address}, an address it refuses"
                " to send to.", **values),
            confidence=Confidence.CERTAIN,  # Read on the host: where it looks and what it may.
            evidence=(describe(found), f"ip_range_whitelist: {list(allowed or ())}"),
            remedy=remedy(Mender.YOU, msg(
                "Let the name lead to the public address of the server, in the hosts file and in"
                " the DNS.")),
        )  # fmt: skip
    if found.ok or direct is None or not direct.ok:
        return None
    return conclude(
        "matrix",
        f"{subject} delivery",
        vantage,
        Status.FAILED,
        "federation-elsewhere",
        msg("Messages from {vantage} do not reach {name}: it is looked for at {address}, while the"
            " planned address answers.", **values),
        confidence=Confidence.HIGH,
        evidence=(describe(found), describe(direct)),
        remedy=remedy(Mender.ASSISTANT, msg(
            "Apply the setup again: it puts the names in order. Then look at the findings about"
            " records."), "apply"),
    )  # fmt: skip


def _refused(address: str, allowed: Sequence[str] | Collection[str]) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
        own = [ipaddress.ip_network(text, strict=False) for text in allowed]
    except ValueError:
        return False
    return any(found in net for net in REFUSED) and not any(found in net for net in own)
