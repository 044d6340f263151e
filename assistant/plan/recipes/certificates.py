"""Certificates by certbot, in a Python environment of its own, renewed by a timer of our own."""

from __future__ import annotations

import ipaddress

from assistant.onhost.resources import (
    Certificate,
    Directory,
    Resource,
    Secret,
    Timer,
    Virtualenv,
)
from assistant.plan.errors import PlanError
from assistant.plan.recipes import web
from assistant.plan.recipes.places import (
    ACME_ROOT,
    CERTBOT_VENV,
    CERTIFICATE,
    DNS_CREDENTIALS,
)
from assistant.setup import DnsUpdate, Host, Setup
from assistant.text import msg

REQUIREMENTS = ("certbot==5.8.0", "certbot-dns-rfc2136==5.8.0")
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
    mirror = setup.settings.mirror
    dns = setup.settings.challenge == "dns-01"
    credentials: tuple[Resource, ...] = (_credentials(setup),) if dns else ()
    return (
        Virtualenv(
            title="Certbot",
            path=CERTBOT_VENV,
            requirements=REQUIREMENTS,
            pip_conf=mirror.pip_conf if mirror is not None else "",
        ),
        *(
            Directory(title="Folder of certbot", path=path, mode="0700")
            for path in ("/var/lib/letsencrypt", "/var/log/letsencrypt")
        ),
        *credentials,
        Certificate(
            title="Certificate",
            name=CERTIFICATE,
            domains=web.names(setup),
            directory=setup.settings.acme_directory,
            email=setup.settings.acme_email,
            challenge=setup.settings.challenge,
            webroot="" if dns else ACME_ROOT,
            dns_plugin="rfc2136" if dns else "",
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


def _credentials(setup: Setup) -> Secret:
    update = setup.settings.dns_update
    if update is None:
        raise PlanError(
            "dns-update-missing",
            msg(
                "The certificate is to be proved by DNS, but it is not known where the DNS of "
                "{domain} takes updates. Fill in the DNS update settings, or choose the proof by "
                "web server (http-01).",
                domain=setup.server_name,
            ),
        )
    return Secret(
        title="Key for DNS updates",
        name=DNS_TOKEN,
        form="provided",
        path=DNS_CREDENTIALS,
        prefix=_ini_before(update),
        suffix="\n",
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
