"""From measurements to findings: is a setup fit to be applied, and does it work afterwards?

``run_checks(setup, plan, vantages, phase=…)`` measures from every vantage and returns findings.
A check (:mod:`checks.frame`) is pure; :mod:`checks.runner` alone measures. What findings add up to
is in :mod:`checks.verdict`, the causes they name in :mod:`checks.causes`.
"""

from checks.dns import DnsCheck
from checks.dns_zone import DnsServersCheck, DnsZoneCheck
from checks.frame import Check, Phase
from checks.home import HomeCheck
from checks.host import HostCheck
from checks.links import LinksCheck
from checks.matrix import MatrixCheck
from checks.ports import PortsBeforeCheck
from checks.ports_after import PortsAfterCheck
from checks.reachability import ReachabilityCheck
from checks.resolver import ResolverCheck
from checks.runner import run_checks
from checks.tls import TlsCheck
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
