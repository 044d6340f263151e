"""Which name servers the domains have, and at which addresses these can be asked."""

from __future__ import annotations

from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Mender, Status
from assistant.findings.probes import Probe
from assistant.plan.model import Record
from assistant.text import msg
from checks.causes import conclude, remedy
from checks.check import Check, Context
from checks.dns.wire import Answer, ancestors, ask, read
from checks.network.reachability import is_address

_MAX_SERVERS = 6


def public_records(context: Context) -> tuple[Record, ...]:
    """The records of the plan that are about the public DNS."""
    return tuple(record for record in context.plan.records if record.where == "public")


def resolvers(context: Context) -> tuple[str, ...]:
    """The addresses of public resolvers to ask, as set."""
    return tuple(item for item in context.setup.settings.resolvers if is_address(item))


def names_of(context: Context) -> tuple[str, ...]:
    """The names that public records are about, each once."""
    return tuple(dict.fromkeys(base_name(record.name) for record in public_records(context)))


def base_name(name: str) -> str:
    """A name without the labels of a service in front (``_matrix._tcp``)."""
    labels = name.split(".")
    while labels[0].startswith("_"):
        labels = labels[1:]
    return ".".join(labels)


class DnsZoneCheck(Check):
    """Which name servers the domains have, asked at the resolvers."""

    id = "dns-zone"
    title = msg("The domain has name servers")

    def subjects(self, context: Context) -> tuple[str, ...]:
        """The names of the records."""
        return names_of(context)

    def vantages(self, context: Context) -> tuple[str, ...]:
        """This computer only."""
        return (THIS_COMPUTER,)

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """NS of every possible zone at every resolver."""
        return tuple(
            ask(f"{zone}@{server}", server, zone, "NS", recursive=True)
            for zone in ancestors(context.subjects)
            for server in resolvers(context)
        )

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """One finding per name."""
        found: list[Finding] = []
        for name in context.subjects:
            servers = name_servers(context, name)
            asked = [_zone_answer(context, zone, r) for zone in ancestors([name])
                     for r in resolvers(context)]  # fmt: skip
            values = {"name": name, "servers": ", ".join(servers)}
            if servers:
                text = msg("{name} is served by {servers}.", **values)
                found.append(
                    conclude(
                        self.id,
                        name,
                        THIS_COMPUTER,
                        Status.OK,
                        "",
                        text,
                        confidence=Confidence.HIGH,
                    )
                )
            elif any(answer.told for answer in asked):
                found.append(
                    conclude(
                        self.id,
                        name,
                        THIS_COMPUTER,
                        Status.FAILED,
                        "zone-missing",
                        msg(
                            "The domain of {name} does not exist, or has no name servers.", **values
                        ),
                        remedy=remedy(
                            Mender.REGISTRAR,
                            msg(
                                "Check the spelling, that the domain is paid for, and that your"
                                " registrar has switched its name servers on."
                            ),
                        ),
                        confidence=Confidence.HIGH,
                    )
                )
            else:
                found.append(
                    conclude(
                        self.id,
                        name,
                        THIS_COMPUTER,
                        Status.UNKNOWN,
                        "resolver-silent",
                        msg("No resolver answers this computer."),
                        evidence=tuple(resolvers(context)),
                        remedy=remedy(
                            Mender.YOU,
                            msg("Check that this computer is online, or set other resolvers."),
                        ),
                        confidence=Confidence.MEDIUM,
                    )
                )
        return tuple(found)


def _zone_answer(context: Context, zone: str, resolver: str) -> Answer:
    item = context.last(DnsZoneCheck.id, THIS_COMPUTER, f"{zone}@{resolver}")
    return read(item, zone, "NS")


def name_servers(context: Context, name: str) -> tuple[str, ...]:
    """Names of the servers of the zone a name lies in; empty when they are not known."""
    for zone in ancestors([name]):
        found: set[str] = set()
        for resolver in resolvers(context):
            found |= _zone_answer(context, zone, resolver).values
        if found:
            return tuple(sorted(found))[:_MAX_SERVERS]
    return ()


class DnsServersCheck(Check):
    """The addresses of those name servers. Only measures; :class:`DnsCheck` judges."""

    id = "dns-servers"
    title = msg("The name servers have addresses")
    uses = ("dns-zone",)
    requires = ("dns-zone",)

    def subjects(self, context: Context) -> tuple[str, ...]:
        """The names of the records."""
        return names_of(context)

    def vantages(self, context: Context) -> tuple[str, ...]:
        """This computer only."""
        return (THIS_COMPUTER,)

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """A and AAAA of each name server at every resolver."""
        servers = {s for name in context.subjects for s in name_servers(context, name)}
        return tuple(
            ask(f"{server} {kind}@{resolver}", resolver, server, kind, recursive=True)
            for server in sorted(servers)
            for kind in ("A", "AAAA")
            for resolver in resolvers(context)
        )

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """Nothing of its own."""
        return ()


def own_servers(context: Context, name: str) -> tuple[str, ...]:
    """Addresses of the name servers of a name's zone; IPv6 only where there is no IPv4."""
    found: list[str] = []
    for server in name_servers(context, name):
        addresses: dict[str, set[str]] = {"A": set(), "AAAA": set()}
        for kind, values in addresses.items():
            for resolver in resolvers(context):
                probe = f"{server} {kind}@{resolver}"
                item = context.last(DnsServersCheck.id, THIS_COMPUTER, probe)
                values |= read(item, server, kind).values
        found.extend(sorted(addresses["A"] or addresses["AAAA"])[:2])
    return tuple(dict.fromkeys(found))[:_MAX_SERVERS]
