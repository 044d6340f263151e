"""What devices and routers need to find names that are in no public DNS (option 3): pure.

Lines for hosts files, for dnsmasq and OpenWrt, and a profile for iPhones and Macs that sends
questions about our names, and no others, to the setup's own resolver.

Sources: hosts(5); the manual of dnsmasq (``address``, ``local``, ``server``); OpenWrt's DHCP and
DNS configuration; Apple's Device Management reference (``com.apple.dnsSettings.managed``).
"""

from __future__ import annotations

import ipaddress
import plistlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from assistant.plan.host_paths import DOH_PORT
from assistant.plan.model import Record
from assistant.setup.homeservers import homeservers
from assistant.setup.model import Setup
from assistant.text import Message, msg

Protocol = Literal["HTTPS", "TLS"]

_OURS = uuid.uuid5(uuid.NAMESPACE_URL, "https://matrix-assistant.invalid/profiles")
"""Apple replaces a profile of the same identifier; ids made from names are the same every time."""


@dataclass(frozen=True, kw_only=True)
class DeviceName:
    """A name that devices must be taught, with its IPv4 and IPv6 addresses."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DeviceFile:
    """A file to hand out. ``name`` is what to call it, ``title`` says for which devices."""

    kind: Literal["hosts", "dnsmasq", "openwrt", "mobileconfig"]
    name: str
    title: Message
    text: str


def device_names(records: Iterable[Record]) -> tuple[DeviceName, ...]:
    """The names whose address records belong on devices, in the order of the plan."""
    found: dict[str, list[str]] = {}
    for record in records:
        if record.where == "device" and record.must == "exist" and record.type in ("A", "AAAA"):
            found.setdefault(record.name, []).extend(
                str(ipaddress.ip_address(value)) for value in record.values
            )
    return tuple(
        DeviceName(name=name, addresses=tuple(dict.fromkeys(addresses)))
        for name, addresses in found.items()
        if addresses
    )


def hosts_lines(names: Sequence[DeviceName]) -> tuple[str, ...]:
    """Lines for a hosts file: Windows, macOS, Linux, and Android with root."""
    return tuple(f"{address} {one.name}" for one in names for address in one.addresses)


def public_below(setup: Setup, names: Sequence[DeviceName]) -> tuple[str, ...]:
    """Public names of the setup that stand below a private one, such as out.example.cn."""
    public = (name for one in homeservers(setup) if not one.private for name in one.names)
    return tuple(
        name
        for name in dict.fromkeys(public)
        if any(name.endswith("." + private.name) for private in names)
    )


def dnsmasq_lines(names: Sequence[DeviceName], public: Sequence[str] = ()) -> tuple[str, ...]:
    """Lines for dnsmasq's configuration.

    ``address`` answers A and AAAA, ``local`` keeps every other question (HTTPS, SRV, an AAAA there
    is no address for) from going to the provider. Both hold for all names below as well, so that
    ``public`` names there are sent on as usual.
    """
    return (
        *(f"address=/{one.name}/{address}" for one in names for address in one.addresses),
        *(f"local=/{one.name}/" for one in names),
        *(f"server=/{name}/#" for name in public),
    )


def openwrt_lines(names: Sequence[DeviceName], public: Sequence[str] = ()) -> tuple[str, ...]:
    """Commands for a shell on an OpenWrt router, which says the same as :func:`dnsmasq_lines`."""
    return (
        *(
            f"uci add_list dhcp.@dnsmasq[0].address='/{one.name}/{address}'"
            for one in names
            for address in one.addresses
        ),
        # OpenWrt's own option "local" holds one name only; a server without an address is the same.
        *(f"uci add_list dhcp.@dnsmasq[0].server='/{one.name}/'" for one in names),
        *(f"uci add_list dhcp.@dnsmasq[0].server='/{name}/#'" for name in public),
        "uci commit dhcp",
        "service dnsmasq restart",
    )


def resolver_url(setup: Setup) -> str:
    """Where the private resolver answers DNS over HTTPS."""
    return f"https://{setup.access_name}:{DOH_PORT}/dns-query"


def profile(
    setup: Setup, names: Sequence[DeviceName], *, protocol: Protocol = "HTTPS"
) -> dict[str, Any]:
    """The configuration profile for iPhone, iPad and Mac, as plistlib writes it.

    Only questions for our names go to the private resolver (``SupplementalMatchDomains``), and
    its own address is in the profile, so that nobody else is ever asked for it.
    """
    server = names[0].addresses if names else ()
    how: dict[str, Any] = (
        {"ServerURL": resolver_url(setup)}
        if protocol == "HTTPS"
        else {"ServerName": setup.access_name}
    )
    identifier = f"matrix-assistant.{setup.name}.dns"
    return {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": _uuid(setup, "profile"),
        "PayloadDisplayName": f"Matrix: {setup.server_name}",
        "PayloadDescription": f"Tells this device where {setup.access_name} is. Nothing else.",
        "PayloadRemovalDisallowed": False,
        "PayloadContent": [
            {
                "PayloadType": "com.apple.dnsSettings.managed",
                "PayloadVersion": 1,
                "PayloadIdentifier": f"{identifier}.settings",
                "PayloadUUID": _uuid(setup, "settings"),
                "PayloadDisplayName": f"DNS: {setup.access_name}",
                "DNSSettings": {
                    "DNSProtocol": protocol,
                    **how,
                    "ServerAddresses": list(server),
                    "SupplementalMatchDomains": [one.name for one in names],
                },
                "ProhibitDisablement": False,
            }
        ],
    }


def mobileconfig(setup: Setup, names: Sequence[DeviceName], *, protocol: Protocol = "HTTPS") -> str:
    """The profile as the text of a .mobileconfig file; the same for the same setup."""
    return plistlib.dumps(profile(setup, names, protocol=protocol), sort_keys=True).decode()


def device_files(setup: Setup, records: Iterable[Record]) -> tuple[DeviceFile, ...]:
    """Everything that can be saved beside the summary; empty when no device needs a record."""
    names = device_names(records)
    if not names:
        return ()
    public = public_below(setup, names)
    files = [
        DeviceFile(
            kind="hosts",
            name="matrix-hosts.txt",
            title=msg("Windows, macOS, Linux: lines for the hosts file"),
            text=_text(hosts_lines(names)),
        ),
        DeviceFile(
            kind="dnsmasq",
            name="matrix-dnsmasq.conf",
            title=msg("A router or server with dnsmasq"),
            text=_text(dnsmasq_lines(names, public)),
        ),
        DeviceFile(
            kind="openwrt",
            name="matrix-openwrt.sh",
            title=msg("A router with OpenWrt: commands"),
            text=_text(openwrt_lines(names, public)),
        ),
    ]
    if setup.settings.private_resolver:
        files.append(
            DeviceFile(
                kind="mobileconfig",
                name="matrix.mobileconfig",
                title=msg("iPhone, iPad and Mac: a profile"),
                text=mobileconfig(setup, names),
            )
        )
    return tuple(files)


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _uuid(setup: Setup, part: str) -> str:
    # The server name is for ever; the setup's own name tells two setups for it apart.
    return str(uuid.uuid5(_OURS, f"{setup.name}/{setup.server_name}/{part}")).upper()
