"""Do the records exist that must, and are those absent that must be?

The domain's own name servers are found through the resolvers (:class:`DnsZoneCheck`,
:class:`DnsServersCheck`) and asked without recursion; resolvers and the systems' own resolvers
are asked as well (:class:`DnsCheck`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from assistant.findings import THIS_COMPUTER, Finding, Mender, Status
from assistant.plan.model import Record
from assistant.setup import Role
from assistant.text import msg
from assistant.vantage import Probe
from checks.causes import conclude, remedy
from checks.dns_rules import judge_forging, judge_record, judge_system
from checks.dns_wire import Answer, ancestors, ask, read
from checks.frame import Check, Context
from checks.reachability import is_address

CONTROL_NAME = "www.example.com"
"""A name nobody has a reason to forge answers for."""

_MAX_SERVERS = 6


def public_records(context: Context) -> tuple[Record, ...]:
    """The records of the plan that are about the public DNS."""
    return tuple(record for record in context.plan.records if record.where == "public")


def _resolvers(context: Context) -> tuple[str, ...]:
    return tuple(item for item in context.setup.settings.resolvers if is_address(item))


def _names(context: Context) -> tuple[str, ...]:
    return tuple(dict.fromkeys(record.name for record in public_records(context)))


class DnsZoneCheck(Check):
    """Which name servers the domains have, asked at the resolvers."""

    id = "dns-zone"
    title = msg("The domain has name servers")

    def subjects(self, context: Context) -> tuple[str, ...]:
        """The names of the records."""
        return _names(context)

    def vantages(self, context: Context) -> tuple[str, ...]:
        """This computer only."""
        return (THIS_COMPUTER,)

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """NS of every possible zone at every resolver."""
        return tuple(
            ask(f"{zone}@{server}", server, zone, "NS", recursive=True)
            for zone in ancestors(context.subjects)
            for server in _resolvers(context)
        )

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """One finding per name."""
        found: list[Finding] = []
        for name in context.subjects:
            servers = name_servers(context, name)
            asked = [_zone_answer(context, zone, r) for zone in ancestors([name])
                     for r in _resolvers(context)]  # fmt: skip
            values = {"name": name, "servers": ", ".join(servers)}
            if servers:
                text = msg("{name} is served by {servers}.", **values)
                found.append(conclude(self.id, name, THIS_COMPUTER, Status.OK, "", text))
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
                        evidence=tuple(_resolvers(context)),
                        remedy=remedy(
                            Mender.YOU,
                            msg("Check that this computer is online, or set other resolvers."),
                        ),
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
        for resolver in _resolvers(context):
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
        return _names(context)

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
            for resolver in _resolvers(context)
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
            for resolver in _resolvers(context):
                probe = f"{server} {kind}@{resolver}"
                item = context.last(DnsServersCheck.id, THIS_COMPUTER, probe)
                values |= read(item, server, kind).values
        found.extend(sorted(addresses["A"] or addresses["AAAA"])[:2])
    return tuple(dict.fromkeys(found))[:_MAX_SERVERS]


class DnsCheck(Check):
    """The records: at the domain's own servers, at resolvers, through the systems' resolvers."""

    id = "dns"
    title = msg("The DNS records are right")
    uses = ("dns-zone", "dns-servers")
    requires = ("dns-zone",)

    def subjects(self, context: Context) -> tuple[str, ...]:
        """The names of the records."""
        return _names(context)

    def vantages(self, context: Context) -> tuple[str, ...]:
        """This computer asks servers; the hosts ask their own resolver."""
        return (THIS_COMPUTER, *context.host_names)

    def _records(self, context: Context) -> tuple[Record, ...]:
        return tuple(r for r in public_records(context) if r.name in context.subjects)

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """All in one batch."""
        made = [
            Probe(id=f"{name} system", kind="resolve", fields={"name": name}, timeout=10)
            for name in _positive(self._records(context))
        ]
        if vantage != THIS_COMPUTER:
            return tuple(made)
        for record in self._records(context):
            question = f"{record.name} {record.type}"
            for server in own_servers(context, record.name):
                probe = f"{question}@own {server}"
                made.append(ask(probe, server, record.name, record.type, recursive=False))
            for server in _resolvers(context):
                probe = f"{question}@{server}"
                made.append(ask(probe, server, record.name, record.type, recursive=True))
        nobody = _no_dns_there(context)
        if nobody:
            for name in (*context.subjects, CONTROL_NAME):
                made.append(ask(f"{name} forging", nobody, name, "A", recursive=True, wait=3))
        return tuple(made)

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """Per record, per system resolver, and about forging."""
        found: list[Finding] = []
        right: dict[str, bool] = {}
        for record in self._records(context):
            own = {
                server: self._answer(context, record, f"own {server}")
                for server in own_servers(context, record.name)
            }
            resolvers = {s: self._answer(context, record, s) for s in _resolvers(context)}
            about = judge_record(record, own, resolvers)
            right[record.name] = right.get(record.name, True) and about[0].status is Status.OK
            found.extend(about)
        found.extend(self._systems(context, right))
        found.extend(self._forging(context))
        return tuple(found)

    def _answer(self, context: Context, record: Record, server: str) -> Answer:
        probe = f"{record.name} {record.type}@{server}"
        item = context.last(self.id, THIS_COMPUTER, probe)
        return read(item, record.name, record.type)

    def _systems(self, context: Context, right: dict[str, bool]) -> Iterator[Finding]:
        for name, wanted in _positive(self._records(context)).items():
            for vantage in self.vantages(context):
                item = context.last(self.id, vantage, f"{name} system")
                if item is None:
                    continue
                found = item.data.get("addresses")
                addresses = tuple(map(str, found)) if isinstance(found, list) else ()
                answer = (item.ok, str(item.data.get("answer", item.error)), addresses)
                itself = vantage in context.host_names and not wanted.isdisjoint(
                    {context.host(vantage).public_ipv4, context.host(vantage).public_ipv6}
                )
                yield from judge_system(
                    name, wanted, vantage, answer, own_right=right.get(name, False), itself=itself
                )

    def _forging(self, context: Context) -> Iterator[Finding]:
        nobody = _no_dns_there(context)
        control = read(
            context.last(self.id, THIS_COMPUTER, f"{CONTROL_NAME} forging"), CONTROL_NAME, "A"
        )
        for name in context.subjects:
            answer = read(context.last(self.id, THIS_COMPUTER, f"{name} forging"), name, "A")
            yield from judge_forging(
                name,
                THIS_COMPUTER,
                _lines(answer, nobody),
                _lines(control, nobody),
                decided=bool(nobody),
            )


def _lines(answer: Answer, server: str) -> tuple[str, ...]:
    if not answer.told:
        return ()
    shown = ", ".join(sorted(answer.values))
    return (f"{server}, where nobody serves DNS, said {answer.rcode} {shown}",)


def _no_dns_there(context: Context) -> str:
    """An address beyond the border where nobody serves DNS: our own outside server's."""
    host = next((h for h in context.setup.hosts if h.role is Role.OUTSIDE), None)
    return "" if host is None else host.public_ipv4


def _positive(records: tuple[Record, ...]) -> dict[str, frozenset[str]]:
    """Names that must have addresses, with the addresses."""
    found: dict[str, set[str]] = {}
    for record in records:
        if record.must == "exist" and record.type in ("A", "AAAA"):
            values = {str(ipaddress.ip_address(value)) for value in record.values}
            found.setdefault(record.name, set()).update(values)
    return {name: frozenset(values) for name, values in found.items()}
