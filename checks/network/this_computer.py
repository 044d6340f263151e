"""Can this computer be believed? Looked at before anything that it says of others."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Mender, Status
from assistant.findings.probes import Probe
from assistant.setup.homeservers import homeservers
from assistant.text import msg
from checks.causes import conclude, remedy
from checks.check import Check, Context
from checks.evidence import describe

NOBODY = "192.0.2.1"
"""An address of a range for documentation (RFC 5737): no machine in the world has it."""

FAKE = tuple(ipaddress.ip_network(text) for text in ("198.18.0.0/15", "fc00::/18"))
"""Ranges that Clash, sing-box and their like answer with in the place of real addresses.

Some are set to 240.0.0.0/4, but the practice internet lives there.
"""

PROXIED, FAKED = "vantage-proxied", "dns-faked-here"


class ThisComputerCheck(Check):
    """A VPN or proxy on this computer answers in the place of others; a positive is then none."""

    id = "this-computer"
    title = msg("This computer sees the internet as it is")

    def subjects(self, context: Context) -> tuple[str, ...]:
        """Itself."""
        return (THIS_COMPUTER,)

    def vantages(self, context: Context) -> tuple[str, ...]:
        """Itself."""
        return (THIS_COMPUTER,)

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """An address of nobody's, our own names that are public, and what is set here."""
        to_nobody = {"host": NOBODY, "port": 443, "read": 0}
        names = [s.access_name for s in homeservers(context.setup) if not s.private]
        return (
            Probe(id="here", kind="here"),
            Probe(id="nobody", kind="tcp", fields=to_nobody, timeout=2.5),
            *(Probe(id=f"name {n}", kind="resolve", fields={"name": n}) for n in names),
        )

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """Nothing but what is wrong, or one word that all is well."""
        found = tuple(self._doubts(context))
        if found or context.last(self.id, THIS_COMPUTER, "nobody") is None:
            return found
        text = msg("Nothing on this computer answers in the place of others.")
        return (
            conclude(
                self.id,
                THIS_COMPUTER,
                THIS_COMPUTER,
                Status.OK,
                "",
                text,
                confidence=Confidence.HIGH,
            ),
        )

    def _doubts(self, context: Context) -> Iterator[Finding]:
        how = msg("Switch the VPN or proxy off and check again; its own traffic hides the rest.")
        nobody = context.last(self.id, THIS_COMPUTER, "nobody")
        if nobody is not None and nobody.data.get("connected") is True:
            yield conclude(
                self.id,
                f"{THIS_COMPUTER} connections",
                THIS_COMPUTER,
                Status.WARNING,
                PROXIED,
                msg("A VPN or proxy on this computer accepts every connection, even to an address"
                    " that nobody has. What answers from here proves nothing."),
                confidence=Confidence.HIGH,
                evidence=(describe(nobody), *_set_here(context)),
                remedy=remedy(Mender.YOU, how),
            )  # fmt: skip
        faked = [item for item in _answers(context) if is_fake(item, _own(context))]
        if faked:
            yield conclude(
                self.id,
                f"{THIS_COMPUTER} names",
                THIS_COMPUTER,
                Status.WARNING,
                FAKED,
                msg("A VPN or proxy on this computer gives made-up addresses for names, such as"
                    " {address}. What names lead to cannot be told from here.", address=faked[0]),
                confidence=Confidence.HIGH,
                evidence=_set_here(context),
                remedy=remedy(Mender.YOU, how),
            )  # fmt: skip


def _set_here(context: Context) -> tuple[str, ...]:
    item = context.last(ThisComputerCheck.id, THIS_COMPUTER, "here")
    return () if item is None else (f"proxies: {item.data.get('proxies')}",)


def _answers(context: Context) -> list[str]:
    items = context.measured.get((ThisComputerCheck.id, THIS_COMPUTER), ())
    return [
        str(address)
        for item in items
        if item.kind == "resolve"
        for address in item.data.get("addresses", ())
    ]


def _own(context: Context) -> frozenset[str]:
    """Addresses of the setup: where one is in such a range, that is no sign of anything."""
    return frozenset(
        str(ipaddress.ip_address(address))
        for host in context.setup.hosts
        for address in (host.public_ipv4, host.public_ipv6)
        if address
    )


def is_fake(address: str, own: frozenset[str]) -> bool:
    """Whether an answer is an address that nothing on the internet can have."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return str(found) not in own and any(found in net for net in FAKE)


def doubted(context: Context) -> frozenset[str]:
    """Why this computer is not to be believed: :data:`PROXIED` voids every connection that came
    about from here, :data:`FAKED` every address that a name was answered with.
    """
    return frozenset(
        item.cause
        for item in context.findings
        if item.check == ThisComputerCheck.id and item.cause in (PROXIED, FAKED)
    )
