"""The addresses of the practice internet.

241.0.0.0/8 and 3fff::/20 are never routed publicly, and they are outside the ranges that Synapse
refuses to speak to, so the production configuration is tested unchanged. Each side has blocks of
its own, so that an address in a capture says which side it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["inside", "outside", "home"]
"""Where a machine stands: on this or the other side of the border, or behind the home router."""

OPERATOR_SUBNET = 1
SERVICES_SUBNET = 2
FIRST_HOST_SUBNET = 10
LAST_HOST_SUBNET = 250
INSIDE_BLOCK = 256
"""Added to a subnet's number: the subnet of the same number on the inside."""
HOME_BLOCK = 512
"""Added to a subnet's number: one of those the inside ISP lends to home lines."""

INSIDE_IPV4 = ("241.0.1.0/24", "241.1.0.0/16", "241.2.0.0/16")
INSIDE_IPV6 = ("3fff:0:1::/64", "3fff:1::/32", "3fff:2::/32")
NEUTRAL_IPV4 = ("241.0.2.0/24",)
NEUTRAL_IPV6 = ("3fff:0:2::/64",)
HOME_LINES = ("241.2.0.0/16", "3fff:2::/32")


@dataclass(frozen=True)
class Address:
    """One machine's two addresses, without prefix length."""

    ipv4: str
    ipv6: str


def address(subnet: int, number: int = 2) -> Address:
    """Address `number` in the /24 and /64 of a subnet (1 to 250, plus the block it is in).

    Number 1 is the router's.
    """
    block, low = divmod(subnet, 256)
    return Address(f"241.{block}.{low}.{number}", f"3fff:{block:x}:{low:x}::{number:x}")


def lan_prefix(subnet: int) -> str:
    """The IPv6 /64 the ISP hands to the home whose line has that subnet; ends in "::"."""
    block, low = divmod(subnet, 256)
    return f"3fff:{block:x}:{low:x}:1::"


def host_subnets(side: Side) -> range:
    """The subnets that machines of a side are given, in order."""
    block = {"outside": 0, "inside": INSIDE_BLOCK, "home": HOME_BLOCK}[side]
    return range(block + FIRST_HOST_SUBNET, block + LAST_HOST_SUBNET)


OPERATOR = address(OPERATOR_SUBNET)
AUTHORITATIVE = address(SERVICES_SUBNET, 2)
RESOLVER = address(SERVICES_SUBNET, 3)
ACME = address(SERVICES_SUBNET, 4)
MIRROR = address(SERVICES_SUBNET, 5)
INSIDE_RESOLVER = address(SERVICES_SUBNET, 6)
SERVICES = (AUTHORITATIVE, RESOLVER, ACME, MIRROR, INSIDE_RESOLVER)
