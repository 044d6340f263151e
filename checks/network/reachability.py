"""Can this computer reach every host, and how good is the line?"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from assistant.findings.model import (
    THIS_COMPUTER,
    Confidence,
    Finding,
    Measurement,
    Mender,
    Remedy,
    Status,
)
from assistant.findings.probes import Probe
from assistant.setup.model import Host, Login
from assistant.text import Message, msg
from checks.causes import conclude, remedy
from checks.check import Check, Context
from checks.evidence import TRIES, describe

SLOW = 400.0
"""Milliseconds of round trip from which typing and photos feel slow."""


def is_address(text: str) -> bool:
    """Whether a text is an IP address rather than a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


class ReachabilityCheck(Check):
    """The SSH port of every host (of its jump host, where there is one), three times."""

    id = "reachability"
    title = msg("The servers can be reached")

    def subjects(self, context: Context) -> tuple[str, ...]:
        """Hosts that were logged in to: of the others the failed login tells more."""
        return tuple(name for name in context.host_names if name not in context.closed)

    def vantages(self, context: Context) -> tuple[str, ...]:
        """This computer only."""
        return (THIS_COMPUTER,)

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """One TCP probe per host, with three attempts."""
        return tuple(
            Probe(
                id=name,
                kind="tcp",
                fields={"host": way.address, "port": way.port, "read": 255},
                timeout=6,
                repeat=TRIES,
                pause=0.2,
            )
            for name in context.subjects
            for way in [_way(context.host(name))]
        )

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """One finding per host."""
        return tuple(
            judge_line(name, _way(context.host(name)).address, found)
            for name in context.subjects
            if (found := context.got(self.id, THIS_COMPUTER, name))
        )


def _way(host: Host) -> Login:
    return host.jump or host.login


def judge_line(host: str, address: str, found: Sequence[Measurement]) -> Finding:
    """What three attempts at the SSH port tell about the line to a host."""
    reached = [item for item in found if item.data.get("connected")]
    evidence = tuple(describe(item) for item in found)
    values = {"host": host, "address": address}

    def say(
        status: Status,
        cause: str,
        text: Message,
        confidence: Confidence,
        remedy: Remedy | None = None,
    ) -> Finding:
        return conclude(
            "reachability",
            host,
            THIS_COMPUTER,
            status,
            cause,
            text,
            confidence=confidence,
            evidence=evidence,
            remedy=remedy,
        )

    if not reached:
        errors = {item.error for item in found}
        if errors == {"name"}:
            return say(
                Status.FAILED,
                "address-unknown",
                msg("{address} has no address, so {host} cannot be found.", **values),
                Confidence.HIGH,
                remedy=remedy(
                    Mender.YOU, msg("Use the IP address your provider shows for the server.")
                ),
            )
        if errors == {"refused"}:
            return say(
                Status.FAILED,
                "ssh-refused",
                msg("{address} answers but takes no SSH connection at this port.", **values),
                Confidence.HIGH,
                remedy=remedy(
                    Mender.YOU,
                    msg("Check the SSH port, and that the server has finished starting."),
                ),
            )
        return say(
            Status.FAILED,
            "host-unreachable",
            msg("{host} ({address}) does not answer at its SSH port.", **values),
            confidence=Confidence.MEDIUM,
            remedy=remedy(
                Mender.YOU,
                msg(
                    "Check that the server runs and that your provider's firewall lets SSH in."
                    " If it does, try from another network: the address may be blocked."
                ),
            ),
        )
    # A first packet that had to be repeated adds seconds which are no distance.
    typical = round(min(float(item.data.get("connect_ms", 0)) for item in reached))
    if len(reached) < len(found):
        lost = len(found) - len(reached)
        return say(
            Status.WARNING,
            "packets-lost",
            msg(
                "{lost} of {tries} connections to {host} failed ({ms} ms when they work).",
                lost=lost,
                tries=len(found),
                host=host,
                ms=typical,
            ),
            confidence=Confidence.MEDIUM,
            remedy=remedy(
                Mender.ISP,
                msg("The line loses packets. Evenings are worst; another route may be better."),
            ),
        )
    if typical >= SLOW:
        return say(
            Status.WARNING,
            "line-slow",
            msg("{host} answers after {ms} ms, which is slow.", host=host, ms=typical),
            Confidence.HIGH,
            remedy=remedy(
                Mender.PROVIDER,
                msg("A server nearer to the people, or a premium route, is faster."),
            ),
        )
    good = msg("{host} answers after {ms} ms.", host=host, ms=typical)
    return say(Status.OK, "", good, Confidence.HIGH)
