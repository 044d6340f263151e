"""Certificates by certbot, in a Python environment of its own, renewed by a timer of our own.

Every public certificate is listed for everybody to read (certificate transparency), names and all.
In option 3 nobody is to learn the main names, so that certificate is for the wildcard of the domain
they lie in, ``*.family.example`` for ``im.family.example``, and for nothing else. A wildcard needs
the proof by DNS, which also needs no port 80. A name directly below a public suffix
(``family.example``, ``family.com.cn``) lies in no domain of its owner, so no wildcard of theirs
covers it and option 3 cannot take it.

Option 4 does the same where it can, so that the list does not lead to the home line; its names are
in the public DNS anyway, so one that no wildcard covers is written out.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

from assistant.onhost.resources import (
    Certificate,
    Directory,
    Resource,
    Secret,
    Timer,
)
from assistant.plan.dns_providers import PROVIDERS
from assistant.plan.errors import PlanError
from assistant.plan.host_paths import ACME_ROOT, CERTBOT_VENV, CERTIFICATE, DNS_CREDENTIALS
from assistant.plan.locks import LOCKS
from assistant.plan.public_suffix import wildcard_of
from assistant.plan.recipes.environments import environment
from assistant.plan.releases import has_python
from assistant.plan.routes import matrix_of
from assistant.setup.model import DnsProvider, DnsUpdate, Host, Setup
from assistant.text import msg

_MULTI = "certbot-multi"

DNS_TOKEN = "dns-token"  # noqa: S105 - the name of the secret, not its value
_CERTBOT = f"{CERTBOT_VENV}/current/bin/certbot"
_CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"

# What renewal needs: its own folders, the network, and systemd's socket for the reload.
_SANDBOX = (
    # Certbot's HTTP library has a trust store of its own; the host's is the one that is kept up.
    f"Environment=REQUESTS_CA_BUNDLE={_CA_BUNDLE}",
    "CapabilityBoundingSet=",
    "LockPersonality=yes",
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
    "ReadWritePaths=/etc/letsencrypt /var/lib/letsencrypt /var/log/letsencrypt",
    f"ReadWritePaths={ACME_ROOT}",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
)


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """Certbot, its DNS credentials if it needs any, the certificate, its renewal."""
    dns = proof(setup, host) == "dns-01"
    way = _dns_way(setup, host) if dns else None
    return (
        environment(
            "certbot" if way is None else way.lock,
            title="Certbot",
            path=CERTBOT_VENV,
            setup=setup,
            host=host,
        ),
        *(
            Directory(title="Folder of certbot", path=path, mode="0700")
            for path in ("/var/lib/letsencrypt", "/var/log/letsencrypt")
        ),
        *((way.secret,) if way is not None else ()),
        Certificate(
            title="Certificate",
            name=CERTIFICATE,
            domains=domains(setup, host),
            directory=setup.settings.acme_directory,
            email=setup.settings.acme_email,
            challenge=proof(setup, host),
            webroot="" if dns else ACME_ROOT,
            dns_plugin=way.plugin if way is not None else "",
            dns_credentials=DNS_CREDENTIALS if dns else "",
            certbot=_CERTBOT,
            ca_bundle=_CA_BUNDLE,
        ),
        Timer(
            title="Renewal of the certificate",
            name="matrix-assistant-certbot",
            description="Renew the certificate of the Matrix server",
            # Only our own: others in the same folder may need plugins that only their certbot has.
            command=(
                _CERTBOT,
                "renew",
                "--cert-name",
                CERTIFICATE,
                "--no-random-sleep-on-renew",
                "--quiet",
            ),
            calendar="*-*-* 00,12:00:00",
            delay=36000,
            sandbox=_SANDBOX,
        ),
    )


def proof(setup: Setup, host: Host) -> Literal["http-01", "dns-01"]:
    """How the certificate authority is shown whose name it is: as set, but by DNS in private."""
    if setup.option in (3, 4) and matrix_of(setup, host).main:
        return "dns-01"
    return setup.settings.challenge


def domains(setup: Setup, host: Host) -> tuple[str, ...]:
    """The names on the host's certificate; :class:`PlanError` when one would have to show."""
    server = matrix_of(setup, host)
    if not (server.main and setup.option in (3, 4)):
        return server.names
    names = []
    for name in server.names:
        wildcard = wildcard_of(name)
        if not wildcard and server.private:
            raise PlanError(
                "no-wildcard",
                msg(
                    "{name} cannot stay private: every certificate is listed publicly with its "
                    "names, and only a wildcard hides one. Use a name one level further down, such "
                    "as im.{name}.",
                    name=name,
                ),
            )
        names.append(wildcard or name)
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class _DnsWay:
    """How certbot changes records: the plugin, the lock it is in, the file with its login."""

    plugin: str
    lock: str
    secret: Secret


def _dns_way(setup: Setup, host: Host) -> _DnsWay:
    provider = setup.settings.provider
    update = setup.settings.dns_update
    if update is None and provider is not None and provider.name == "rfc2136":
        update = provider.update
    if update is not None:
        return _DnsWay("rfc2136", "certbot", _secret(_ini_before(update), "\n"))
    if provider is None or provider.name == "rfc2136":
        raise PlanError(
            "dns-update-missing",
            msg(
                "The certificate of {domain} is to be proved by DNS, but it is not known where its "
                "records can be changed. Fill in the DNS provider, or the DNS update settings.",
                domain=matrix_of(setup, host).server_name,
            ),
        )
    if not has_python(host, LOCKS[_MULTI].pythons):
        raise PlanError(
            "python-too-old",
            msg(
                "The program that proves the certificate at {provider} needs Python 3.11, and "
                "{host} has an older one. Use a server with Debian 12 or 13 or Ubuntu 24.04.",
                provider=provider.name,
                host=host.name,
            ),
        )
    return _DnsWay("multi", _MULTI, _multi_secret(provider))


def _multi_secret(provider: DnsProvider) -> Secret:
    known = PROVIDERS.get(provider.name)
    if known is None or not known.lego:
        names = ", ".join(sorted(name for name, item in PROVIDERS.items() if item.lego))
        raise PlanError(
            "dns-provider-unknown",
            msg(
                "Certificates cannot be proved at the DNS provider {name} by this version. Known "
                "are: {names}; and rfc2136, for a DNS server of your own.",
                name=provider.name,
                names=names,
            ),
        )
    if known.lego_account and not provider.account:
        raise PlanError(
            "dns-account-missing",
            msg(
                "The DNS provider {name} needs an access key id beside the secret. Fill it in.",
                name=provider.name,
            ),
        )
    lines = [f"dns_multi_provider = {known.lego}"]
    if known.lego_account:
        # An account holds no quotation mark; without them a comma would make a list of it.
        lines.append(f'{known.lego_account} = "{provider.account}"')
    lines += [f"{name} = {value}" for name, value in known.lego_more.items()]
    return _secret("\n".join((*lines, f'{known.lego_token} = "')), '"\n')


def _secret(prefix: str, suffix: str) -> Secret:
    return Secret(
        title="Key for DNS updates",
        name=DNS_TOKEN,
        form="provided",
        path=DNS_CREDENTIALS,
        prefix=prefix,
        suffix=suffix,
    )


def _ini_before(update: DnsUpdate) -> str:
    try:
        server = str(ipaddress.ip_address(update.server))
    except ValueError:
        raise PlanError(
            "dns-server-name",
            msg(
                "{server} is a name. The server that takes DNS updates must be given by its IP "
                "address, because certbot accepts nothing else.",
                server=update.server,
            ),
        ) from None
    return (
        f"dns_rfc2136_server = {server}\n"
        f"dns_rfc2136_port = {update.port}\n"
        f"dns_rfc2136_name = {update.key_name}\n"
        f"dns_rfc2136_algorithm = {update.algorithm}\n"
        "dns_rfc2136_secret = "
    )
