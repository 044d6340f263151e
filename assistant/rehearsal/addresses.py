"""The addresses of the practice internet.

241.0.0.0/16 and 3fff::/32 are never routed publicly, and they are outside the ranges that Synapse
refuses to speak to, so the production configuration is tested unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

OPERATOR_SUBNET = 1
SERVICES_SUBNET = 2
FIRST_HOST_SUBNET = 10
LAST_HOST_SUBNET = 250


@dataclass(frozen=True)
class Address:
    """One machine's two addresses, without prefix length."""

    ipv4: str
    ipv6: str


def address(subnet: int, number: int = 2) -> Address:
    """Address `number` in the /24 and /64 of a subnet (1 to 250); number 1 is the router."""
    return Address(f"241.0.{subnet}.{number}", f"3fff:0:{subnet:x}::{number:x}")


OPERATOR = address(OPERATOR_SUBNET)
AUTHORITATIVE = address(SERVICES_SUBNET, 2)
RESOLVER = address(SERVICES_SUBNET, 3)
ACME = address(SERVICES_SUBNET, 4)
MIRROR = address(SERVICES_SUBNET, 5)
SERVICES = (AUTHORITATIVE, RESOLVER, ACME, MIRROR)
