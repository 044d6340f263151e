"""nginx in front of Synapse: our own sites beside whatever else the host serves.

Nothing here is a default server, removes a site or sets a value for others. It comes in two
halves: a plain site that answers the certificate authority and redirects, then, when there is a
certificate, the real one.
"""

from __future__ import annotations

import json
import re

from assistant.onhost.resources import Directory, File, Packages, Resource, Service
from assistant.plan.recipes.places import (
    ACME_ROOT,
    CERTIFICATE,
    MANAGED,
    SITE_ROOT,
    SYNAPSE_URL,
    WEB_ROOT,
)
from assistant.plan.recipes.templates import fill
from assistant.plan.releases import http2_directive
from assistant.setup import Host, Setup

UNIT = "nginx.service"
SANDBOX = f"/etc/systemd/system/{UNIT}.d/matrix-assistant.conf"
PLAIN_SITE = "/etc/nginx/conf.d/matrix-assistant-http.conf"
SECURE_SITE = "/etc/nginx/conf.d/matrix-assistant-https.conf"
_CHECK = ("/usr/sbin/nginx", "-t", "-q")

# nginx hashes plain names into buckets whose size is a setting of the whole server, which other
# sites may have set; names longer than this may not fit. Expressions are not hashed.
_HASHED_NAME = 40


def names(setup: Setup) -> tuple[str, ...]:
    """The names the web server answers to: the server's, then the access name if another."""
    return tuple(dict.fromkeys((setup.server_name, setup.access_name)))


def plain_resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """nginx with its sandbox, and the site on port 80 that the certificate authority asks."""
    package = Packages(title="Web server", group="nginx", names=("nginx",))
    sandbox = File(
        title="Web server: sandbox",
        path=SANDBOX,
        content=fill("nginx-sandbox.conf", MANAGED=MANAGED),
    )
    site = File(
        title="Web server: port 80",
        path=PLAIN_SITE,
        content=fill(
            "nginx-http.conf",
            MANAGED=MANAGED,
            LISTEN=_listen(host, 80),
            NAMES=_server_names(setup),
            ACME_ROOT=ACME_ROOT,
        ),
        check=_CHECK,
    )
    return (
        package,
        Directory(title="Folder for unit settings", path=SANDBOX.rpartition("/")[0]),
        sandbox,
        # A sandbox takes hold at a restart only; sites need no more than a reload.
        Service(title="Start the web server", unit=UNIT, after=(sandbox.id,), stage="sandbox"),
        Directory(title="Folder for web pages", path=WEB_ROOT),
        Directory(title="Folder for certificate proofs", path=ACME_ROOT),
        site,
        Service(
            title="Web server: take port 80",
            unit=UNIT,
            reload=True,
            after=(site.id,),
            stage="acme",
        ),
    )


def secure_resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """The site on port 443: Matrix, the addresses clients look up, a small page for people."""
    page = File(
        title="Page for visitors",
        path=f"{SITE_ROOT}/index.html",
        content=fill("index.html", NAME=setup.server_name, ACCESS=setup.access_name),
    )
    robots = File(
        title="Request to search engines",
        path=f"{SITE_ROOT}/robots.txt",
        content="User-agent: *\nDisallow: /\n",
    )
    site = File(
        title="Web server: port 443",
        path=SECURE_SITE,
        content=fill(
            "nginx-https.conf",
            MANAGED=MANAGED,
            LISTEN=_listen(host, 443, tls=True, http2=not http2_directive(host)),
            HTTP2=("http2 on;",) if http2_directive(host) else (),
            NAMES=_server_names(setup),
            CERTIFICATE=f"/etc/letsencrypt/live/{CERTIFICATE}",
            SITE_ROOT=SITE_ROOT,
            WELL_KNOWN_CLIENT=json.dumps(well_known_client(setup)),
            WELL_KNOWN_SERVER=json.dumps(well_known_server(setup)),
            UPLOAD=f"{setup.settings.upload_megabytes}m",
            SYNAPSE=SYNAPSE_URL,
        ),
        check=_CHECK,
    )
    return (
        Directory(title="Folder for the visitors' page", path=SITE_ROOT),
        page,
        robots,
        site,
        Service(
            title="Web server: take port 443",
            unit=UNIT,
            reload=True,
            after=(site.id, f"certificate:{CERTIFICATE}"),
            health_url="https://127.0.0.1/_matrix/client/versions",
            health_host=setup.access_name,
        ),
    )


def well_known_client(setup: Setup) -> dict[str, object]:
    """What clients look up at the server name to find the server."""
    return {"m.homeserver": {"base_url": f"https://{setup.access_name}"}}


def well_known_server(setup: Setup) -> dict[str, object]:
    """What other servers look up at the server name; the port spares them a DNS look-up."""
    return {"m.server": f"{setup.access_name}:443"}


def _listen(host: Host, port: int, *, tls: bool = False, http2: bool = False) -> tuple[str, ...]:
    words = f"{port}{' ssl' if tls else ''}{' http2' if http2 else ''};"
    if not host.public_ipv6:
        # A kernel without IPv6 refuses the second line, and nginx with it.
        return (f"listen {words}",)
    return (f"listen {words}", f"listen [::]:{words}")


def _server_names(setup: Setup) -> str:
    return " ".join(
        name if len(name) <= _HASHED_NAME else f'"~^{re.escape(name)}$"' for name in names(setup)
    )
