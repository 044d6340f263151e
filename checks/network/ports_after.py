"""After the deployment: the planned ports answer, and no others do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from assistant.findings.model import Confidence, Finding, Measurement, Mender, Remedy, Status
from assistant.findings.probes import Probe
from assistant.setup.model import Host, Role
from assistant.text import msg
from checks.causes import conclude, remedy
from checks.check import Check, Context
from checks.evidence import TRIES, describe
from checks.host_facts import read_facts
from checks.network.home_line import line_of
from checks.network.home_rules import forwarding, loops_back, unknown_address
from checks.network.port_rules import Values, open_port
from checks.network.ports_before import TIMEOUT, addresses, ssh_ports
from checks.network.ways import visitors_of

NEVER_PUBLIC = (3306, 5432, 6379, 8008, 8448, 9000, 9090, 9093)
"""Ports that must not answer unless planned: databases, Synapse itself, its metrics."""


def closed_everywhere(open_ports: Sequence[int]) -> tuple[int, ...]:
    """The sample of ports that must not answer, given those that may."""
    return tuple(port for port in NEVER_PUBLIC if port not in open_ports)


class PortsAfterCheck(Check):
    """After: the planned ports answer, and ports that were not planned do not."""

    id = "ports-after"
    title = msg("Only the planned ports answer")
    phases = ("after",)
    requires = ("reachability",)
    uses = ("home",)
    needs_facts = True

    def vantages(self, context: Context) -> tuple[str, ...]:
        """Every place from which some host is not itself."""
        return tuple(dict.fromkeys(v for n in context.subjects for v in context.others(n)))

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """A connection to each port at each address."""
        made: list[Probe] = []
        for name in context.subjects:
            if vantage not in context.others(name):
                continue
            host = context.host(name)
            planned = context.plan.for_host(name).open_tcp
            made.extend(
                Probe(
                    id=f"{name} {port} {address}",
                    kind="tcp",
                    fields={"host": address, "port": port},
                    timeout=TIMEOUT,
                    repeat=TRIES if port in planned else 1,
                    pause=0.1,
                )
                for address in addresses(context, host)
                for port in (*_services(host, planned), *closed_everywhere(planned))
                if port not in planned or vantage in visitors_of(context, host, port)
            )
        return tuple(made)

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """One finding per planned port and place; one for all that must be closed."""
        found: list[Finding] = []
        for name in context.subjects:
            host = context.host(name)
            planned = context.plan.for_host(name).open_tcp
            if not addresses(context, host):
                found.append(unknown_address(self.id, name))
            for address in addresses(context, host):
                served: list[Finding] = []
                for vantage in context.others(name):

                    def tries(port: int) -> tuple[Measurement, ...]:
                        return context.got(self.id, vantage, f"{name} {port} {address}")  # noqa: B023

                    for port in _services(host, planned):
                        mend = _at_home(context, host, port, address)
                        served.extend(
                            judge_service(
                                name,
                                port,
                                address,
                                vantage,
                                tries(port),
                                mend=mend,
                                listens=_listens(context, name, port),
                            )
                        )
                    shut = {port: tries(port) for port in closed_everywhere(planned)}
                    heard = {p: _listens(context, name, p) for p in shut}
                    served.extend(judge_closed(name, address, vantage, shut, heard))
                home = host.role is Role.HOME
                found.extend(loops_back(host.name, context.setup.access_port, served)
                             if home else served)  # fmt: skip
        return tuple(found)


def _services(host: Host, planned: Sequence[int]) -> tuple[int, ...]:
    """The planned ports where the assistant's own services answer."""
    return tuple(p for p in planned if p not in (*ssh_ports(host), *host.keep_tcp))


def _listens(context: Context, name: str, port: int) -> bool | None:
    """Whether a host says that something listens publicly on a port; None if it told nothing."""
    told = context.facts.get(name)
    facts = read_facts(told.facts) if told is not None else None
    return bool(facts.on_port(port)) if facts is not None and facts.listening else None


def _at_home(context: Context, host: Host, port: int, address: str) -> Remedy | None:
    """What lets a port in at home, where no cloud provider has a firewall; None elsewhere."""
    if host.role is not Role.HOME:
        return None
    return remedy(Mender.YOU, forwarding(host.name, port, line_of(context), address))


def judge_service(
    host: str,
    port: int,
    address: str,
    vantage: str,
    tries: Sequence[Measurement],
    *,
    mend: Remedy | None = None,
    listens: bool | None = None,
) -> Iterator[Finding]:
    """A planned port after the deployment; ``mend`` is what lets it in, if not a firewall rule.

    ``listens``: whether the host says that something listens there. Who refused a connection
    cannot be seen from afar: the host, its firewall, a router or somebody on the way.
    """
    if not tries or (":" in address and all(item.error == "unreachable" for item in tries)):
        return
    values: Values = {"host": host, "port": port, "vantage": vantage}
    subject = f"{host} tcp/{port} {address}"
    evidence = tuple(describe(item) for item in tries)
    good = sum(item.ok for item in tries)
    if good == len(tries):
        text = msg("Port {port} of {host} answers {vantage}.", **values)
        yield conclude(
            "ports-after", subject, vantage, Status.OK, "", text, confidence=Confidence.HIGH
        )
    elif good:
        yield conclude(
            "ports-after",
            subject,
            vantage,
            Status.WARNING,
            "packets-lost",
            msg("Port {port} of {host} answers {vantage} only sometimes.", **values),
            confidence=Confidence.MEDIUM,
            evidence=evidence,
            remedy=remedy(Mender.ISP, msg("The line loses packets. Try again at another time.")),
        )
    elif listens is False:
        yield conclude(
            "ports-after",
            subject,
            vantage,
            Status.FAILED,
            "service-not-listening",
            msg("Nothing listens at port {port} of {host}.", **values),
            confidence=Confidence.CERTAIN,
            evidence=(f"{host} itself: nothing listens at {port}", *evidence),
            remedy=remedy(
                Mender.ASSISTANT, msg("Apply the setup again: it starts what is missing."), "apply"
            ),
        )
    elif all(item.error == "refused" for item in tries):
        yield conclude(
            "ports-after",
            subject,
            vantage,
            Status.FAILED,
            "port-refused",
            msg("Connections from {vantage} to port {port} of {host} are refused.", **values),
            confidence=Confidence.HIGH if listens else Confidence.MEDIUM,
            evidence=evidence,
            remedy=mend or open_port(values),
        )
    else:
        yield conclude(
            "ports-after",
            subject,
            vantage,
            Status.FAILED,
            "port-closed",
            msg("Port {port} of {host} does not answer {vantage}.", **values),
            confidence=Confidence.MEDIUM,
            evidence=evidence,
            remedy=mend or open_port(values),
        )


def judge_closed(
    host: str,
    address: str,
    vantage: str,
    tries: Mapping[int, Sequence[Measurement]],
    listens: Mapping[int, bool | None],
) -> Iterator[Finding]:
    """Ports that must not answer: one finding each for those that do, else one for all.

    Where the host says that nothing ``listens`` at an answering port, or every port answers,
    something near the place answers in its stead, and all that this place saw is worth nothing.
    """
    measured = {port: found for port, found in tries.items() if found}
    if not measured:
        return
    answering = [port for port, found in measured.items() if any(item.ok for item in found)]
    foreign = [port for port in answering if listens.get(port) is False]
    if foreign or (len(answering) > 2 and len(answering) == len(measured)):
        yield conclude(
            "ports-after",
            f"{vantage} proxy",
            vantage,
            Status.WARNING,
            "vantage-proxied",
            msg("Something near {vantage} answers in the name of {host}: a VPN or a proxy.",
                host=host, vantage=vantage),
            why=msg("What was measured from there says nothing about your servers."),
            confidence=Confidence.HIGH if foreign else Confidence.MEDIUM,
            evidence=tuple(describe(item) for port in answering for item in measured[port]),
            remedy=remedy(
                Mender.YOU, msg("Switch the VPN or proxy off at {vantage} and check again.",
                                vantage=vantage)
            ),
        )  # fmt: skip
        return
    for port in answering:
        yield conclude(
            "ports-after",
            f"{host} tcp/{port} {address}",
            vantage,
            Status.FAILED,
            "port-open",
            msg("Port {port} of {host} answers {vantage}, and must not.", port=port, host=host,
                vantage=vantage),
            evidence=tuple(describe(item) for item in measured[port]),
            remedy=remedy(
                Mender.ASSISTANT, msg("Apply the setup again: it restores the firewall."), "apply"
            ), confidence=Confidence.HIGH if listens.get(port) else Confidence.MEDIUM,
        )  # fmt: skip
    if not answering:
        text = msg("No other port of {host} answers {vantage}.", host=host, vantage=vantage)
        # Not a subject of the host: that these are closed does not mean that it can be reached.
        subject = f"unplanned ports of {host} {address}"
        yield conclude(
            "ports-after", subject, vantage, Status.OK, "", text, confidence=Confidence.HIGH
        )
