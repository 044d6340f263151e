"""Before the deployment: do connections to the planned ports arrive?

A temporary listener on the host answers with a nonce, so that "arrived and was answered",
"arrived but the answer got lost" and "never arrived" can be told apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from assistant.findings import Finding, Status
from assistant.setup import Host
from assistant.text import msg
from assistant.vantage import Probe
from checks.causes import conclude
from checks.evidence import TRIES, describe
from checks.facts import read_facts
from checks.frame import Check, Context, Listener
from checks.port_rules import Sight, judge_port

TIMEOUT = 3.0
"""Seconds a try at a port may take."""


def addresses(host: Host) -> tuple[str, ...]:
    """Where people will look for a host: its public addresses, else where we log in."""
    public = tuple(item for item in (host.public_ipv4, host.public_ipv6) if item)
    return public or (host.login.address,)


def ssh_ports(host: Host) -> tuple[int, ...]:
    """Where SSH may answer: never tried, and never closed."""
    return (22, host.login.port)


def _control(host: Host, name: str, address: str, suspect: str) -> Iterator[Probe]:
    """The SSH port at the same address: open for sure unless it is behind a jump host."""
    if host.jump is None:
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
    uses = ("host",)
    needs_facts = True

    def _ports(self, context: Context, name: str) -> tuple[tuple[int, bool], ...]:
        """The planned ports of a host, and whether something listens there already."""
        host = context.host(name)
        told = context.facts.get(name)
        facts = read_facts(told.facts) if told else None
        return tuple(
            (port, bool(facts and facts.on_port(port)))
            for port in context.plan.for_host(name).open_tcp
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
            ports = self._ports(context, name)
            if vantage not in context.others(name) or not ports:
                continue
            for address in addresses(host):
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
                found.append(conclude(*skipped))
                continue
            for address in addresses(host):
                for port, taken in self._ports(context, name):
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
            )
            return
        seen = {
            vantage: Sight(
                tuple(context.got(self.id, vantage, f"{name} {port} {address}")),
                tuple(context.got(self.id, vantage, f"{name} control {address}")),
                _path_works(context, self.id, vantage, name, address, port),
            )
            for vantage in context.others(name)
        }
        yield from judge_port(
            name,
            port,
            address,
            seen,
            visitors=tuple(v for v in context.visitors.get(name, ()) if v.port == port),
            nonce="" if taken or unheard is not None else context.nonce,
        )


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
