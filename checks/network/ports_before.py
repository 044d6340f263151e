"""Before the deployment: do connections to the planned ports arrive?

A temporary listener on the host answers with a nonce, so that "arrived and was answered",
"arrived but the answer got lost" and "never arrived" can be told apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from assistant.findings.model import Confidence, Finding, Status
from assistant.findings.probes import Probe
from assistant.setup.home_ports import candidate_ports
from assistant.setup.model import Host, Role
from assistant.text import msg
from checks.causes import conclude
from checks.check import Check, Context, Listener
from checks.evidence import TRIES, describe
from checks.host_facts import read_facts
from checks.network.home_line import line_of
from checks.network.home_rules import judge_home_port, unknown_address
from checks.network.port_rules import Sight, judge_port
from checks.network.ways import home_addresses, visitors_of

TIMEOUT = 3.0
"""Seconds a try at a port may take."""

MAX_CANDIDATES = 5
"""How many other ports are tried on a home line."""


def addresses(context: Context, host: Host) -> tuple[str, ...]:
    """Where people will look for a host: its public addresses, else where we log in.

    The login of a home host may be in the network at home, which says nothing about the way in.
    """
    if host.role is Role.HOME:
        return home_addresses(context, host)
    public = tuple(item for item in (host.public_ipv4, host.public_ipv6) if item)
    return public or (host.login.address,)


def candidates(context: Context, host: Host) -> tuple[int, ...]:
    """Further ports to try on a home line, should its own not get through."""
    if host.role is not Role.HOME:
        return ()
    planned = context.plan.for_host(host.name).open_tcp
    found = candidate_ports(context.setup.name)
    return tuple(port for port in found if port not in planned)[:MAX_CANDIDATES]


def ssh_ports(host: Host) -> tuple[int, ...]:
    """Where SSH may answer: never tried, and never closed."""
    return (22, host.login.port)


def _control(host: Host, name: str, address: str, suspect: str) -> Iterator[Probe]:
    """The SSH port at the same address: open for sure unless it is behind a jump host or router."""
    if host.jump is None and host.role is not Role.HOME:
        yield Probe(
            id=f"{name} control {address}",
            kind="tcp",
            fields={"host": address, "port": host.login.port},
            timeout=TIMEOUT,
            control_of=suspect,
        )


class PortsBeforeCheck(Check):
    """Before: every planned port, through a temporary listener, from everywhere else."""

    id = "ports-before"
    title = msg("The ports Matrix needs can be reached")
    phases = ("before",)
    requires = ("reachability",)
    uses = ("host", "home")
    needs_facts = True

    def _ports(self, context: Context, name: str) -> tuple[tuple[int, bool], ...]:
        """The planned ports of a host, and whether something listens there already."""
        host = context.host(name)
        told = context.facts.get(name)
        facts = read_facts(told.facts) if told else None
        planned = context.plan.for_host(name).open_tcp
        return tuple(
            (port, bool(facts and facts.on_port(port)))
            for port in (*planned, *candidates(context, host))
            if port not in ssh_ports(host)
        )

    def _heard(self, context: Context, name: str) -> bool:
        return name in context.vantages and name not in context.lost

    def vantages(self, context: Context) -> tuple[str, ...]:
        """This computer and all other hosts; the host itself only listens."""
        return tuple(dict.fromkeys(v for n in context.subjects for v in context.others(n)))

    def listeners(self, context: Context) -> tuple[Listener, ...]:
        """A listener on each planned port that is free."""
        return tuple(
            Listener(name, port)
            for name in context.subjects
            if self._heard(context, name)
            for port, taken in self._ports(context, name)
            if not taken
        )

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """Each port three times at each address, with the SSH port as the control."""
        made: list[Probe] = []
        for name in context.subjects:
            host = context.host(name)
            ports = [(port, taken) for port, taken in self._ports(context, name)
                     if vantage in visitors_of(context, host, port)]  # fmt: skip
            if not ports:
                continue
            for address in addresses(context, host):
                made.extend(_control(host, name, address, f"{name} {ports[0][0]} {address}"))
                made.extend(
                    Probe(
                        id=f"{name} {port} {address}",
                        kind="tcp",
                        fields={"host": address, "port": port, "read": 0 if taken else 200},
                        timeout=TIMEOUT,
                        repeat=TRIES,
                        pause=0.1,
                    )
                    for port, taken in ports
                )
        return tuple(made)

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """One finding per port, address and place."""
        found: list[Finding] = []
        for name in context.subjects:
            host = context.host(name)
            if not self._heard(context, name):
                summary = msg("Not tried: there is no connection to {host}.", host=name)
                skipped = (self.id, name, name, Status.SKIPPED, "no-vantage", summary)
                found.append(conclude(*skipped, confidence=Confidence.LOW))
                continue
            spare = candidates(context, host)
            if not addresses(context, host):
                found.append(unknown_address(self.id, name))
            for address in addresses(context, host):
                for port, taken in self._ports(context, name):
                    if port not in spare:
                        found.extend(self._port(context, name, address, port, taken))
        return tuple(found)

    def _port(
        self, context: Context, name: str, address: str, port: int, taken: bool
    ) -> Iterator[Finding]:
        unheard = context.unheard.get((name, port))
        if unheard is not None and unheard.error != "in-use":
            yield conclude(
                self.id,
                f"{name} tcp/{port}",
                name,
                Status.UNKNOWN,
                "undecided",
                msg("The port {port} of {host} could not be tried.", port=port, host=name),
                evidence=(describe(unheard),),
                confidence=Confidence.LOW,
            )
            return
        host = context.host(name)
        visitors = tuple(v for v in context.visitors.get(name, ()) if v.port == port)
        nonce = "" if taken or unheard is not None else context.nonce
        seen = self._seen(context, host, address, port)
        if host.role is not Role.HOME or port in host.keep_tcp:
            yield from judge_port(name, port, address, seen, visitors=visitors, nonce=nonce)
            return
        others = {
            other: [vantage for vantage, sight in self._seen(context, host, address, other).items()
                    if any(item.ok for item in sight.tries)]
            for other in candidates(context, host)
        }  # fmt: skip
        line = line_of(context)
        yield from judge_home_port(
            name, port, address, seen, line=line, others=others, visitors=visitors, nonce=nonce
        )

    def _seen(self, context: Context, host: Host, address: str, port: int) -> dict[str, Sight]:
        return {
            vantage: Sight(
                tuple(context.got(self.id, vantage, f"{host.name} {port} {address}")),
                tuple(context.got(self.id, vantage, f"{host.name} control {address}")),
                _path_works(context, self.id, vantage, host.name, address, port),
                _known_as(context, self.id, vantage),
            )
            for vantage in visitors_of(context, host, port)
        }


def _path_works(
    context: Context, check: str, vantage: str, name: str, address: str, port: int
) -> bool:
    """Whether another port at the same address answered the same place meanwhile."""
    return any(
        item.ok
        for item in context.measured.get((check, vantage), ())
        if item.probe.startswith(f"{name} ")
        and item.probe.endswith(f" {address}")
        and item.probe != f"{name} {port} {address}"
    )


def _known_as(context: Context, check: str, vantage: str) -> tuple[str, ...]:
    """The addresses a place is seen under: its own as a host, and those listeners told it."""
    own: tuple[str, ...] = ()
    if vantage in context.host_names:
        host = context.host(vantage)
        own = tuple(item for item in (host.public_ipv4, host.public_ipv6) if item)
    told = (
        str(item.data.get("banner", "")).partition(context.nonce)[2].strip()
        for item in context.measured.get((check, vantage), ())
    )
    return tuple(dict.fromkeys((*own, *(address for address in told if address))))
