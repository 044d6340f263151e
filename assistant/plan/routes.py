"""How traffic reaches the main Matrix server in each option: the questions several recipes ask.

Pure functions of a Setup. "Main" is the server people in China use; in option 1 the only one.
"""

from __future__ import annotations

import ipaddress

from assistant.plan.host_paths import DOH_PORT, DOT_PORT, FORWARD_PORT, LINK_ADDRESS, LINK_PORT
from assistant.setup.homeservers import Homeserver, homeserver_on
from assistant.setup.model import Host, Role, Setup


def matrix_of(setup: Setup, host: Host) -> Homeserver:
    """The Matrix server on a host; ``KeyError`` when its role has none (the home host)."""
    server = homeserver_on(setup, host.name)
    if server is None:
        raise KeyError(host.name)
    return server


def outside_wrapped(setup: Setup) -> bool:
    """Whether the outside server reaches the main one through TLS of the setup's own authority."""
    return setup.option != 1 and setup.settings.outside_link == "wrapped"


def home_wrapped(setup: Setup) -> bool:
    """Whether the home line reaches the main server through TLS of the setup's own authority."""
    return setup.option == 4 and setup.settings.home_link == "wrapped"


def has_wrapped_link(setup: Setup) -> bool:
    """Whether any link is wrapped, so that the main server has that end of it."""
    return outside_wrapped(setup) or home_wrapped(setup)


def behind_link(setup: Setup, host: Host) -> bool:
    """Whether something on this host hands connections on to its site, with the PROXY protocol."""
    return host.role is Role.INSIDE and (has_wrapped_link(setup) or setup.option == 4)


def private_names(setup: Setup) -> bool:
    """Whether the outside server knows the main names from its own hosts file.

    In option 3 no public record has them, in option 4 the public ones lead to the home line; with
    a wrapped link they lead to its near end.
    """
    return setup.option in (3, 4) or outside_wrapped(setup)


def federation_addresses(setup: Setup) -> tuple[str, ...]:
    """Where the outside server's hosts file lets the main names lead; empty when it must not."""
    if not private_names(setup):
        return ()
    if outside_wrapped(setup):
        return (LINK_ADDRESS,)
    inside = setup.host(Role.INSIDE)
    v6 = ipaddress.IPv6Address(inside.public_ipv6).compressed if inside.public_ipv6 else ""
    return tuple(address for address in (inside.public_ipv4, v6) if address)


def has_resolver(setup: Setup, host: Host) -> bool:
    """Whether this host runs the private resolver (option 3, when it was asked for)."""
    return setup.option == 3 and host.role is Role.INSIDE and setup.settings.private_resolver


def serves_port_80(setup: Setup, host: Host) -> bool:
    """Whether the web server answers port 80: certificate proofs and redirects.

    Not on the main server of options 3 and 4, which nobody finds by a public name, and not on a
    home line, where it would be closed anyway.
    """
    if host.role is Role.HOME:
        return False
    return not (host.role is Role.INSIDE and setup.option in (3, 4))


def service_ports(setup: Setup, host: Host) -> tuple[int, ...]:
    """TCP ports that this host's part in the option needs open to everybody, in order."""
    ports: set[int] = set()
    if host.role is Role.HOME:
        return (setup.access_port,)
    if serves_port_80(setup, host):
        ports.add(80)
    closed = host.role is Role.INSIDE and setup.option == 4 and outside_wrapped(setup)
    if not closed:
        ports.add(443)
    if host.role is Role.INSIDE:
        if has_wrapped_link(setup):
            ports.add(LINK_PORT)
        if setup.option == 4 and not home_wrapped(setup):
            ports.add(FORWARD_PORT)
    if has_resolver(setup, host):
        ports.update((DOT_PORT, DOH_PORT))
    return tuple(sorted(ports))
