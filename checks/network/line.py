"""How much the lines lose: from what TCP had to send again, whatever was being measured.

A line that loses every tenth packet still answers everything, late: TCP repeats what was lost. So
nothing fails, and only the count of the repeats tells.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Measurement, Mender, Status
from assistant.text import msg
from checks.causes import conclude, remedy
from checks.check import Check, Context
from checks.evidence import loss_share, retransmitted

ENOUGH = 40
"""Packets with content from which the share of repeats says something."""

CONGESTED = 0.07
"""Share of lost packets from which a line counts as congested: of lines that lose a tenth, few
measure less, of those that lose a thirtieth hardly any measures more."""


class LineCheck(Check):
    """Measures nothing of its own: it counts what the other checks' connections repeated."""

    id = "line"
    title = msg("The lines lose few packets")
    uses = ("reachability", "ports-before", "ports-after", "links", "tls", "matrix")

    def vantages(self, context: Context) -> tuple[str, ...]:
        """Nowhere: others have measured."""
        return ()

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """One finding per host and place from which enough was sent."""
        found: list[Finding] = []
        for vantage in (THIS_COMPUTER, *context.host_names):
            items = [item for (check, place), seen in context.measured.items()
                     if place == vantage and check in self.uses for item in seen]  # fmt: skip
            for name in context.subjects:
                host = context.host(name)
                ends = {host.public_ipv4, host.public_ipv6, host.login.address} - {""}
                mine = [item for item in items if item.data.get("address") in ends]
                if vantage != name:
                    found.extend(judge_loss(name, vantage, mine))
        return tuple(found)


def judge_loss(host: str, vantage: str, items: Sequence[Measurement]) -> tuple[Finding, ...]:
    """The line between a place and a host; nothing while too little was sent."""
    sent, again = retransmitted(items)
    if sent < ENOUGH:
        return ()
    share = loss_share(items)
    values = {"host": host, "vantage": vantage, "percent": round(share * 100)}
    evidence = (f"{vantage} to {host}: {again} of {sent} packets were repeats",)
    subject = f"{host} line"
    if share < CONGESTED:
        text = msg("The line from {vantage} to {host} loses few packets.", **values)
        return (conclude("line", subject, vantage, Status.OK, "", text,
                         confidence=Confidence.HIGH, evidence=evidence),)  # fmt: skip
    return (
        conclude(
            "line",
            subject,
            vantage,
            Status.WARNING,
            "congestion",
            msg("The line from {vantage} to {host} loses about {percent} % of its packets.",
                **values),
            why=msg("Messages still arrive, but photos and calls suffer."),
            confidence=Confidence.HIGH,
            evidence=evidence,
            remedy=remedy(
                Mender.ISP,
                msg("Evenings are worst: compare with another time of day. If it stays, a server"
                    " on another route (Hong Kong, or a premium route) is better."),
            ),
        ),
    )  # fmt: skip
