"""Every check there is."""

from __future__ import annotations

from checks.check import Check
from checks.dns.private_resolver import ResolverCheck
from checks.dns.records import DnsCheck
from checks.dns.zone import DnsServersCheck, DnsZoneCheck
from checks.host.fitness import HostCheck
from checks.host.running import RunningCheck
from checks.network.home_line import HomeCheck
from checks.network.line import LineCheck
from checks.network.login import LoginCheck
from checks.network.ports_after import PortsAfterCheck
from checks.network.ports_before import PortsBeforeCheck
from checks.network.reachability import ReachabilityCheck
from checks.network.this_computer import ThisComputerCheck
from checks.service.links import LinksCheck
from checks.service.matrix import MatrixCheck
from checks.service.tls import TlsCheck

ALL_CHECKS: tuple[Check, ...] = (
    ThisComputerCheck(),
    LoginCheck(),
    ReachabilityCheck(),
    HostCheck(),
    RunningCheck(),
    HomeCheck(),
    DnsZoneCheck(),
    DnsServersCheck(),
    DnsCheck(),
    PortsBeforeCheck(),
    PortsAfterCheck(),
    LinksCheck(),
    TlsCheck(),
    MatrixCheck(),
    LineCheck(),
    ResolverCheck(),
)
"""Every check, in the order in which people read the findings."""
