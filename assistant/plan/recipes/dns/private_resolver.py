"""A private resolver on the main server (option 3): the main names for those who were told of it.

It speaks DNS over TLS (port 853) and over HTTPS (port 8453, ``/dns-query``) with the certificate of
the web server, and knows the main names only (beside what every resolver says of localhost).
Anything else it refuses, from anybody: it never asks another server, so it can be misused neither
as an open resolver nor to find out what people look up. One address gets 50 answers a second.

A client needs an address to connect to and a name to check the certificate by. The access name is
that name (:func:`name_of`): the wildcard covers it, and who is given the address with it, as
profiles for iPhone and Mac (``ServerAddresses``) and routers are, asks no DNS for it. Android's
"private DNS" takes a name alone, looks it up in public, and then sends everything there, which this
resolver refuses: it is not for Android.

A unit and a configuration of our own, so that an unbound the host already had stays as it is. The
one that comes with the package would answer this host itself; it is switched off unless something
uses it.
"""

from __future__ import annotations

from assistant.onhost.resources import Command, Directory, File, Packages, Resource, Service
from assistant.plan.host_paths import CERTIFICATE, CERTIFICATE_FILES, DOH_PORT, DOT_PORT, MANAGED
from assistant.plan.recipes.templates import fill
from assistant.plan.records import records
from assistant.plan.routes import has_resolver
from assistant.setup.model import Host, Role, Setup

UNIT = "matrix-assistant-resolver.service"
CONFIG = "/etc/unbound/matrix-assistant.conf"
# Below /etc/unbound, the only place where AppArmor lets unbound read.
KEYS = "/etc/unbound/matrix-assistant"
_KEY_FILES = ("fullchain", "privkey")
HOOKS = "/etc/letsencrypt/renewal-hooks/deploy"
ENDPOINT = "/dns-query"

# Nothing asks it: no resolver setting names it, and nobody gave it an address to listen on.
_STOCK_IN_USE = (
    "grep -qsE '^nameserver (127\\.0\\.0\\.1|::1)$' /etc/resolv.conf"
    " || grep -rqsE '^[[:space:]]*interface:' /etc/unbound/unbound.conf /etc/unbound/unbound.conf.d"
    " || ! systemctl -q is-enabled unbound.service"
)


def name_of(setup: Setup) -> str:
    """The name clients check the resolver's certificate by; empty when there is no resolver."""
    wanted = setup.option == 3 and setup.settings.private_resolver
    return setup.access_name if wanted else ""


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """unbound with our configuration in a unit of our own; where it is not wanted, none running."""
    if host.role is not Role.INSIDE:
        return ()
    if not has_resolver(setup, host):
        return (Service(title="No private resolver", unit=UNIT, enabled=False, running=False),)
    keys = Command(
        title="Private resolver: certificate",
        name="resolver-certificate",
        argv=_copy_keys(),
        creates=f"{KEYS}/privkey.pem",
        makes=tuple(f"{KEYS}/{name}.pem" for name in _KEY_FILES),
    )
    config = File(
        title="Private resolver: settings",
        path=CONFIG,
        content=fill(
            "dns/resolver.conf",
            MANAGED=MANAGED,
            INTERFACES=_interfaces(host),
            DOT=DOT_PORT,
            DOH=DOH_PORT,
            KEYS=KEYS,
            ENDPOINT=ENDPOINT,
            NAMES=_names(setup),
        ),
        validate=("/usr/sbin/unbound-checkconf", "{path}"),
    )
    unit = File(
        title="Private resolver: unit",
        path=f"/etc/systemd/system/{UNIT}",
        content=fill(
            "dns/resolver.service",
            MANAGED=MANAGED,
            COPY=" ".join(_copy_keys()),
            CONFIG=CONFIG,
        ),
    )
    return (
        Packages(title="Private resolver", group="unbound", names=("unbound",)),
        Command(
            title="Private resolver: the package's own service",
            name="stock-resolver",
            argv=("systemctl", "disable", "--now", "unbound.service"),
            unless=("/bin/sh", "-c", _STOCK_IN_USE),
        ),
        Directory(title="Private resolver: folder", path=KEYS, group="unbound", mode="0750"),
        keys,
        config,
        unit,
        Directory(title="Folder for renewals", path=HOOKS),
        File(
            title="Private resolver: renewal",
            path=f"{HOOKS}/matrix-assistant-resolver",
            content=fill("dns/resolver-hook.sh", CERTIFICATE=CERTIFICATE, UNIT=UNIT),
            mode="0755",
        ),
        Service(
            title="Start the private resolver",
            unit=UNIT,
            after=(config.id, unit.id, f"certificate:{CERTIFICATE}"),
        ),
    )


def _copy_keys() -> tuple[str, ...]:
    return (
        *("/usr/bin/install", "-o", "root", "-g", "unbound", "-m", "0640", "-t", KEYS),
        *(f"{CERTIFICATE_FILES}/{name}.pem" for name in _KEY_FILES),
    )


def _interfaces(host: Host) -> tuple[str, ...]:
    addresses = ("0.0.0.0", "::0") if host.public_ipv6 else ("0.0.0.0",)  # noqa: S104
    return tuple(
        f"interface: {address}@{port}" for address in addresses for port in (DOT_PORT, DOH_PORT)
    )


def _names(setup: Setup) -> tuple[str, ...]:
    # A static zone says that there is nothing but these: no other kind of record, nothing below.
    return (
        *(f'local-zone: "{name}." static' for name in setup.names),
        *(
            f'local-data: "{record.name}. {record.ttl} IN {record.type} {value}"'
            for record in records(setup)
            if record.where == "device" and record.must == "exist"
            for value in record.values
        ),
    )
