"""From measurements to findings: is a setup fit to be applied, and does it work afterwards?

``run_checks(setup, plan, vantages, phase=…)`` measures from every vantage and returns findings.
A check (:mod:`checks.check`) is pure; :mod:`checks.runner` alone measures. What findings add up to
is in :mod:`checks.verdict`, the causes they name in :mod:`checks.causes`.
"""

from checks.check import Check, Phase
from checks.dns.private_resolver import ResolverCheck
from checks.dns.records import DnsCheck
from checks.dns.zone import DnsServersCheck, DnsZoneCheck
from checks.network.home_line import HomeCheck
from checks.network.host import HostCheck
from checks.network.ports_after import PortsAfterCheck
from checks.network.ports_before import PortsBeforeCheck
from checks.network.reachability import ReachabilityCheck
from checks.runner import run_checks
from checks.service.links import LinksCheck
from checks.service.matrix import MatrixCheck
from checks.service.tls import TlsCheck
from checks.verdict import by_urgency, ready_to_apply, to_repeat, worst

ALL_CHECKS: tuple[Check, ...] = (
    ReachabilityCheck(),
    HostCheck(),
    HomeCheck(),
    DnsZoneCheck(),
    DnsServersCheck(),
    DnsCheck(),
    PortsBeforeCheck(),
    PortsAfterCheck(),
    LinksCheck(),
    TlsCheck(),
    MatrixCheck(),
    ResolverCheck(),
)
"""Every check, in the order in which people read the findings."""

__all__ = [
    "ALL_CHECKS",
    "Check",
    "Phase",
    "by_urgency",
    "ready_to_apply",
    "run_checks",
    "to_repeat",
    "worst",
]
