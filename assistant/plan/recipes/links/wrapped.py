"""Links between servers of a setup: their ends on the main server, and wrapping them in TLS.

**What comes in.** The main server's ports for links (:data:`LINK_PORT`, :data:`FORWARD_PORT`) lead
to its own web site. The first bytes say whose address counts. A line of the PROXY protocol in front
was put there by the home line and names the device; it is handed on. Bytes that begin with TLS come
from the peer itself (the outside server; a program on the home host), and nginx puts such a line in
front. So limits and logs of the site always see who really asks.

**Who may say so.** Through a wrapped link only servers of the setup, by their certificates. On a
direct one (option 4) the home line's address changes, so nothing tells its lines from a stranger's:
whoever finds the port can claim any address. That falsifies an address in a log and evades the
limit of log-ins by address; the limits by account stay, and nobody gets in by it.

**Wrapped** is TLS 1.3 with certificates of an authority of the setup's own, which is kept on the
main server: no name is on the wire, and the other side's certificate is encrypted too. The near
end listens on a loopback address. Certificates are made by the assistant
(:mod:`assistant.operations.link_certificates`) and renewed over the link itself by timers.
"""

from __future__ import annotations

import ipaddress
import re
from importlib import resources as files

from assistant.onhost.resources import File, Resource, Service, Timer
from assistant.plan.errors import PlanError
from assistant.plan.host_paths import (
    FORWARD_PORT,
    LIBRARY,
    LINK_ADDRESS,
    LINK_AUTHORITY_KEY,
    LINK_FILES,
    LINK_PORT,
    MANAGED,
    PROXIED_PORT,
)
from assistant.plan.recipes.links.stream import listen, no_stream_resources, stream_resources
from assistant.plan.recipes.templates import fill, host_program
from assistant.plan.routes import has_wrapped_link, home_wrapped, outside_wrapped
from assistant.setup.model import Host, Role, Setup
from assistant.text import msg

WRAP_PORT = 8442
"""On the loopback address of the home host: the near end of its wrapped link."""

STRIP_PORT = 8445
NOTHING_PORT = 8446
AUTHORITY_PORT = 8447
"""On loopback addresses of the main server: taking off a PROXY line, answering nobody, signing."""

OWN_PORTS = (WRAP_PORT, PROXIED_PORT, STRIP_PORT, NOTHING_PORT, AUTHORITY_PORT, LINK_PORT)
"""Taken by links themselves, so that none of them can be the port of a home line."""

AUTHORITY_NAME = "authority.link.invalid"
"""As in the authority's certificate (:mod:`assistant.onhost.link_certificates`)."""

_TOOLS = f"{LIBRARY}/link_certificates.py"
_AUTHORITY = f"{LIBRARY}/link_authority.py"
_RENEWAL = f"{LIBRARY}/link_renewal.py"
_SOCKET = "matrix-assistant-link.socket"
_RENEWAL_UNIT = "matrix-assistant-link-renewal"
_UNITS = "/etc/systemd/system"

# Its own folder, and systemd's socket for telling nginx.
_SANDBOX = (
    "CapabilityBoundingSet=",
    "IPAddressAllow=localhost",
    "IPAddressDeny=any",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "NoNewPrivileges=yes",
    "PrivateDevices=yes",
    "PrivateTmp=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHome=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectSystem=strict",
    f"ReadWritePaths={LINK_FILES}",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
)


def wrapped_clients(setup: Setup) -> tuple[Host, ...]:
    """The hosts that have the near end of a wrapped link, in the setup's order."""
    roles = {Role.HOME: home_wrapped(setup), Role.OUTSIDE: outside_wrapped(setup)}
    return tuple(host for host in setup.hosts if roles.get(host.role, False))


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """The ends of the links on a Matrix server; where it has none, what it may have had goes."""
    if host.role is Role.INSIDE:
        return _far_ends(setup, host)
    if host.role is Role.OUTSIDE and outside_wrapped(setup):
        # The site listens on all addresses at this port: sharing must be said on both sides.
        block = wrap(setup, f"{LINK_ADDRESS}:443 reuseport")
        return (*stream_resources((block,)), *renewal(host, f"{LINK_ADDRESS}:443"))
    return (*no_stream_resources(), no_renewal())


def wrap(setup: Setup, near: str) -> str:
    """Settings of nginx for the near end of a wrapped link, which listens at ``near``."""
    inside = setup.host(Role.INSIDE)
    return fill(
        "links/stream-wrap.conf",
        LISTEN=near,
        TARGET=address_of(inside, LINK_PORT),
        NAME=f"{inside.name}.link.invalid",
        FILES=LINK_FILES,
    )


def renewal(host: Host, near: str) -> tuple[Resource, ...]:
    """The timer that renews the certificate of a near end; ``near`` is ADDRESS:PORT."""
    return (
        _tools(),
        File(title="Links: renewal", path=_RENEWAL, content=host_program("link_renewal.py")),
        Timer(
            title="Renewal of the link's certificate",
            name=_RENEWAL_UNIT,
            description="Renew the certificate for the link to the server in China",
            command=(
                "/usr/bin/python3", "-I", _RENEWAL,
                "--folder", LINK_FILES, "--host", host.name, "--dial", near,
            ),
            calendar="*-*-* 04:20:00",
            delay=7200,
            sandbox=_SANDBOX,
        ),
    )  # fmt: skip


def no_renewal() -> Service:
    """No renewal any more, on a host that may have had a wrapped link. Its certificate expires."""
    return Service(
        title="Links: no renewal", unit=f"{_RENEWAL_UNIT}.timer", enabled=False, running=False
    )


def address_of(host: Host, port: int) -> str:
    """A port of a host as ADDRESS:PORT; :class:`PlanError` when no address of it is known."""
    address = host.public_ipv4 or host.public_ipv6
    if not address:
        raise PlanError(
            "address-unknown",
            msg(
                "The address of {host} is not known, and the other servers need it to reach "
                "{host}. Fill in its public address.",
                host=host.name,
            ),
        )
    shown = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    return f"{shown}:{port}"


def _far_ends(setup: Setup, host: Host) -> tuple[Resource, ...]:
    blocks = []
    names = "|".join(re.escape(name) for name in setup.names)
    common = {
        "SITE": f"127.0.0.1:{PROXIED_PORT}",
        "STRIP_PORT": str(STRIP_PORT),
        "NOTHING_PORT": str(NOTHING_PORT),
    }
    wrapped = has_wrapped_link(setup)
    if wrapped:
        blocks.append(
            fill(
                "links/stream-wrapped-end.conf",
                LISTEN=listen(host, LINK_PORT, "ssl"),
                NAMES=names,
                FILES=LINK_FILES,
                AUTHORITY=re.escape(AUTHORITY_NAME),
                AUTHORITY_PORT=AUTHORITY_PORT,
                **common,
            )
        )
    if setup.option == 4 and not home_wrapped(setup):
        lines = listen(host, FORWARD_PORT)
        blocks.append(fill("links/stream-direct-end.conf", LISTEN=lines, NAMES=names, **common))
    signing = _authority(setup, host) if wrapped else _no_authority()
    if not blocks:
        return (*no_stream_resources(), *signing)
    blocks.append(fill("links/stream-ends.conf", **common))
    return (*stream_resources(blocks), *signing)


def _no_authority() -> tuple[Resource, ...]:
    off = Service(title="Links: take no renewals", unit=_SOCKET, enabled=False, running=False)
    return (off, no_renewal())


def _authority(setup: Setup, host: Host) -> tuple[Resource, ...]:
    allow = " ".join(f"--allow {client.name}" for client in wrapped_clients(setup))
    program = File(
        title="Links: authority", path=_AUTHORITY, content=host_program("link_authority.py")
    )
    socket = File(
        title="Links: where renewals are asked for",
        path=f"{_UNITS}/{_SOCKET}",
        content=fill("links/link.socket", MANAGED=MANAGED, PORT=AUTHORITY_PORT),
    )
    service = File(
        title="Links: who answers them",
        path=f"{_UNITS}/matrix-assistant-link@.service",
        content=fill(
            "links/link.service",
            MANAGED=MANAGED,
            PROGRAM=_AUTHORITY,
            FILES=LINK_FILES,
            ALLOW=allow,
            AUTHORITY_KEY=LINK_AUTHORITY_KEY,
        ),
    )
    return (
        _tools(),
        program,
        service,
        socket,
        Service(title="Links: take renewals", unit=_SOCKET, after=(socket.id, service.id)),
        Timer(
            title="Renewal of this end's certificate",
            name=_RENEWAL_UNIT,
            description="Renew the certificate of this end of the links",
            command=(
                "/usr/bin/python3", "-I", _AUTHORITY, "renew", "--folder", LINK_FILES,
                "--host", host.name, "--authority-key", LINK_AUTHORITY_KEY,
            ),
            calendar="*-*-* 04:20:00",
            delay=7200,
            sandbox=_SANDBOX,
        ),
    )  # fmt: skip


def _tools() -> File:
    # Read as text: the program on the host and the programs left there share it.
    text = files.files("assistant.onhost").joinpath("link_certificates.py").read_text("utf-8")
    return File(title="Links: certificates", path=_TOOLS, content=text)
