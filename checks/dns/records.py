"""Do the records exist that must, and are those absent that must be?

The domain's own name servers are found through the resolvers (:class:`DnsZoneCheck`,
:class:`DnsServersCheck`) and asked without recursion; resolvers and the systems' own resolvers
are asked as well (:class:`DnsCheck`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from assistant.findings.model import THIS_COMPUTER, Finding, Status
from assistant.findings.probes import Probe
from assistant.plan.model import Record
from assistant.setup.model import Role
from assistant.text import msg
from checks.check import Check, Context
from checks.dns.private_rules import (
    addresses_of,
    judge_absence,
    judge_device,
    judge_home_record,
    judge_server,
    wanted_at_home,
)
from checks.dns.rules import judge_forging, judge_record, judge_system, while_forged
from checks.dns.wire import Answer, ask, read
from checks.dns.zone import base_name, names_of, own_servers, public_records, resolvers
from checks.network.home_line import home, own_addresses, seen_address

CONTROL_NAME = "www.example.com"
"""A name nobody has a reason to forge answers for."""


def _where(context: Context, where: str) -> tuple[Record, ...]:
    """The address records that must exist on devices or servers."""
    return tuple(
        record
        for record in context.plan.records
        if record.where == where and record.must == "exist" and record.type in ("A", "AAAA")
    )


class DnsCheck(Check):
    """The records: at the domain's own servers, at resolvers, through the systems' resolvers."""

    id = "dns"
    title = msg("The DNS records are right")
    uses = ("dns-zone", "dns-servers", "home")
    requires = ("dns-zone",)

    def subjects(self, context: Context) -> tuple[str, ...]:
        """The names of the records."""
        return names_of(context)

    def vantages(self, context: Context) -> tuple[str, ...]:
        """This computer asks servers; the hosts ask their own resolver."""
        return (THIS_COMPUTER, *context.host_names)

    def _records(self, context: Context) -> tuple[Record, ...]:
        return tuple(r for r in public_records(context) if base_name(r.name) in context.subjects)

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """All in one batch."""
        names = _resolved(context, vantage, self._records(context))
        made = [
            Probe(id=f"{name} system", kind="resolve", fields={"name": name}, timeout=10)
            for name in names
        ]
        if vantage != THIS_COMPUTER:
            return (*made, *self._absence(context))
        for record in self._records(context):
            question = f"{record.name} {record.type}"
            for server in own_servers(context, record.name):
                probe = f"{question}@own {server}"
                made.append(ask(probe, server, record.name, record.type, recursive=False))
            for server in resolvers(context):
                probe = f"{question}@{server}"
                made.append(ask(probe, server, record.name, record.type, recursive=True))
        nobody = _no_dns_there(context)
        if nobody:
            hidden = _hidden(self._records(context))
            for name in (*(n for n in context.subjects if n not in hidden), CONTROL_NAME):
                made.append(ask(f"{name} forging", nobody, name, "A", recursive=True, wait=3))
        return tuple(made)

    def _absence(self, context: Context) -> Iterator[Probe]:
        """From a host: whether the resolvers tell there what must be in no public DNS."""
        for record in self._records(context):
            if base_name(record.name) in _hidden(self._records(context)):
                for server in resolvers(context):
                    probe = f"{record.name} {record.type}@{server}"
                    yield ask(probe, server, record.name, record.type, recursive=True)

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """Per record, per system resolver, and about forging."""
        found: list[Finding] = []
        right: dict[str, bool] = {}
        for record in self._records(context):
            own = {
                server: self._answer(context, record, f"own {server}")
                for server in own_servers(context, record.name)
            }
            asked = {s: self._answer(context, record, s) for s in resolvers(context)}
            about = self._about(context, record, own, asked)
            # Two different answers to one question, or one from where nobody serves DNS.
            if forged(own) or self._seen_forged(context, base_name(record.name)):
                about = tuple(map(while_forged, about))
            right[record.name] = right.get(record.name, True) and about[0].status is Status.OK
            found.extend(about)
        found.extend(self._from_hosts(context))
        found.extend(self._private(context))
        found.extend(self._systems(context, right))
        found.extend(self._forging(context))
        return tuple(found)

    def _seen_forged(self, context: Context, name: str) -> bool:
        """Whether somebody answers in the name of an address that serves no DNS."""
        nobody = _no_dns_there(context)
        asked = ((n, context.last(self.id, THIS_COMPUTER, f"{n} forging"))
                 for n in (name, CONTROL_NAME))  # fmt: skip
        return bool(nobody) and any(read(item, n, "A").told for n, item in asked)

    def _about(
        self,
        context: Context,
        record: Record,
        own: dict[str, Answer],
        asked: dict[str, Answer],
    ) -> tuple[Finding, ...]:
        if record.must == "absent" or record.type == "SRV" or not _at_home(context, record.name):
            return judge_record(record, own, asked)
        return judge_home_record(
            _now(context, record),
            own,
            asked,
            updates=context.phase == "after",
            itself=context.setup.settings.provider is not None,
        )

    def _answer(
        self, context: Context, record: Record, server: str, vantage: str = THIS_COMPUTER
    ) -> Answer:
        probe = f"{record.name} {record.type}@{server}"
        item = context.last(self.id, vantage, probe)
        return read(item, record.name, record.type)

    def _from_hosts(self, context: Context) -> Iterator[Finding]:
        """What must be in no public DNS, asked from each host."""
        records = self._records(context)
        for name in _hidden(records):
            for vantage in context.host_names:
                if (self.id, vantage) not in context.measured:
                    continue
                answers: dict[tuple[str, str], Answer] = {
                    (record.type, server): self._answer(context, record, server, vantage)
                    for record in records
                    if base_name(record.name) == name
                    for server in resolvers(context)
                }
                why = next(record.why for record in records if base_name(record.name) == name)
                yield from judge_absence(name, vantage, answers, why)

    def _private(self, context: Context) -> Iterator[Finding]:
        """The records on the outside server and on this computer."""
        outside = next((h.name for h in context.setup.hosts if h.role is Role.OUTSIDE), "")
        for where, vantage, judge in (
            ("server", outside, judge_server),
            ("device", THIS_COMPUTER, judge_device),
        ):
            for name, wanted in _positive(_where(context, where)).items():
                item = context.last(self.id, vantage, f"{name} system")
                # Before the deployment the server has no such record yet.
                if item is not None and (where == "device" or context.phase == "after"):
                    yield judge(name, wanted, vantage, item)

    def _systems(self, context: Context, right: dict[str, bool]) -> Iterator[Finding]:
        now = tuple(_now(context, record) for record in self._records(context))
        for name, wanted in _positive(now).items():
            for vantage in self.vantages(context):
                item = context.last(self.id, vantage, f"{name} system")
                if item is None or name in _taught(context, vantage):
                    continue
                answer = (item.ok, str(item.data.get("answer", item.error)), addresses_of(item))
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


def forged(answers: dict[str, Answer]) -> bool:
    """Whether a server seems to have answered one question in two ways."""
    return any(answer.several for answer in answers.values())


def _hidden(records: tuple[Record, ...]) -> tuple[str, ...]:
    """Names that must have no public record of any kind."""
    shown = {base_name(record.name) for record in records if record.must == "exist"}
    return tuple(dict.fromkeys(n for r in records if (n := base_name(r.name)) not in shown))


def _taught(context: Context, vantage: str) -> frozenset[str]:
    """Names that a place knows by a record of its own, whatever the public DNS says."""
    if vantage == THIS_COMPUTER:
        return frozenset(record.name for record in _where(context, "device"))
    if context.host(vantage).role is not Role.OUTSIDE:
        return frozenset()
    return frozenset(record.name for record in _where(context, "server"))


def _resolved(context: Context, vantage: str, records: tuple[Record, ...]) -> tuple[str, ...]:
    """Names to ask the system resolver of a place for."""
    return tuple(dict.fromkeys((*_positive(records), *sorted(_taught(context, vantage)))))


def _at_home(context: Context, name: str) -> bool:
    """Whether a name's public record points to the line at home."""
    return home(context) is not None and name in context.setup.names


def _now(context: Context, record: Record) -> Record:
    """A record with the present address of the line at home, where it is known."""
    host = home(context)
    if host is None or record.must == "absent" or not _at_home(context, record.name):
        return record
    return wanted_at_home(record, seen_address(context), own_addresses(context, host.name))


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
