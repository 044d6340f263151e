"""nginx in front of Synapse: our own sites beside whatever else the host serves.

Nothing here is a default server, removes a site or sets a value for others. It comes in two
halves: a plain site that answers the certificate authority and redirects, then, when there is a
certificate, the real one.
"""

from __future__ import annotations

import html
import json
import re

from assistant.onhost.resources import Absent, Directory, File, Packages, Resource, Service
from assistant.plan.host_paths import (
    ACME_ROOT,
    CERTIFICATE,
    CERTIFICATE_FILES,
    MANAGED,
    PROXIED_PORT,
    SITE_ROOT,
    WEB_ROOT,
)
from assistant.plan.recipes.matrix import workers
from assistant.plan.recipes.templates import fill
from assistant.plan.releases import http2_directive, rejects_handshakes
from assistant.plan.routes import behind_link, matrix_of, outside_wrapped, serves_port_80
from assistant.setup.homeservers import Homeserver
from assistant.setup.model import Host, Role, Settings, Setup

UNIT = "nginx.service"
SANDBOX = f"/etc/systemd/system/{UNIT}.d/matrix-assistant.conf"
PLAIN_SITE = "/etc/nginx/conf.d/matrix-assistant-http.conf"
SECURE_SITE = "/etc/nginx/conf.d/matrix-assistant-https.conf"
_CHECK = ("/usr/sbin/nginx", "-t", "-q")

# nginx hashes plain names into buckets whose size is a setting of the whole server, which other
# sites may have set; names longer than this may not fit. Expressions are not hashed.
_HASHED_NAME = 40


def server_resources(host: Host) -> tuple[Resource, ...]:
    """nginx running in its sandbox, without any site of ours."""
    sandbox = File(
        title="Web server: sandbox",
        path=SANDBOX,
        content=fill("web/nginx-sandbox.conf", MANAGED=MANAGED),
    )
    return (
        Packages(title="Web server", group="nginx", names=("nginx",)),
        Directory(title="Folder for unit settings", path=SANDBOX.rpartition("/")[0]),
        sandbox,
        # A sandbox takes hold at a restart only; sites need no more than a reload.
        Service(title="Start the web server", unit=UNIT, after=(sandbox.id,), stage="sandbox"),
    )


def plain_resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """nginx with its sandbox, and the site on port 80 that the certificate authority asks.

    No such site where nobody comes to port 80 (:func:`assistant.plan.routes.serves_port_80`).
    """
    site: File | Absent
    if serves_port_80(setup, host):
        title = "Web server: take port 80"
        site = File(
            title="Web server: port 80",
            path=PLAIN_SITE,
            content=fill(
                "web/nginx-http.conf",
                MANAGED=MANAGED,
                LISTEN=_listen(host, 80),
                NAMES=_server_names(matrix_of(setup, host)),
                HOSTS="|".join(map(re.escape, matrix_of(setup, host).names)),
                ACME_ROOT=ACME_ROOT,
            ),
            check=_CHECK,
        )
    else:
        title = "Web server: leave port 80"
        site = Absent(title="Web server: no port 80", path=PLAIN_SITE)
    return (
        *server_resources(host),
        Directory(title="Folder for web pages", path=WEB_ROOT),
        Directory(title="Folder for certificate proofs", path=ACME_ROOT),
        site,
        Service(title=title, unit=UNIT, reload=True, after=(site.id,), stage="acme"),
    )


def secure_resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """The site on port 443: Matrix, the addresses clients look up, a small page for people."""
    server = matrix_of(setup, host)
    upstreams = workers.upstreams(setup, host)
    page = File(
        title="Page for visitors",
        path=f"{SITE_ROOT}/index.html",
        content=fill(
            "web/index.html",
            NAME=server.server_name,
            BASE=server.base_url,
            FILINGS=filing_lines(setup.settings) if server.main else (),
        ),
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
            "web/nginx-https.conf",
            MANAGED=MANAGED,
            LISTEN=_listen_securely(setup, host),
            REJECT=_reject(setup, host),
            BEHIND=_BEHIND_A_LINK if behind_link(setup, host) else (),
            HTTP2=("http2 on;",) if http2_directive(host) else (),
            NAMES=_server_names(server),
            CERTIFICATE=CERTIFICATE_FILES,
            SITE_ROOT=SITE_ROOT,
            WELL_KNOWN_CLIENT=json.dumps(well_known_client(server)),
            WELL_KNOWN_SERVER=json.dumps(well_known_server(server)),
            UPLOAD=f"{setup.settings.upload_megabytes}m",
            SYNAPSE=workers.proxied(setup, host),
        ),
        check=_CHECK,
    )
    return (
        Directory(title="Folder for the visitors' page", path=SITE_ROOT),
        page,
        robots,
        *upstreams,
        site,
        Service(
            title="Web server: take port 443",
            unit=UNIT,
            reload=True,
            after=(site.id, f"certificate:{CERTIFICATE}", *(one.id for one in upstreams)),
            health_url="https://127.0.0.1/_matrix/client/versions",
            health_host=server.access_name,
        ),
    )


def well_known_client(server: Homeserver) -> dict[str, object]:
    """What clients look up at the server name to find the server."""
    return {"m.homeserver": {"base_url": server.base_url}}


def well_known_server(server: Homeserver) -> dict[str, object]:
    """What other servers look up at the server name; the port spares them a DNS look-up.

    Always 443, whatever port clients use: in option 4 other servers come to the main server itself,
    not over the home line.
    """
    return {"m.server": f"{server.access_name}:443"}


def filing_lines(settings: Settings) -> tuple[str, ...]:
    """The filing numbers at the foot of the page, as HTML: none when the user has none.

    The rules for filed sites ask for the ICP number linked to the ministry's register, and the
    number of the public security filing linked to its own entry there.
    """
    links = []
    if settings.filing.strip():
        links.append((settings.filing.strip(), "https://beian.miit.gov.cn/"))
    if settings.security_filing.strip():
        number = settings.security_filing.strip()
        digits = "".join(char for char in number if char in "0123456789")
        entry = f"#/query/webSearch?code={digits}" if digits else ""
        links.append((number, f"https://beian.mps.gov.cn/{entry}"))
    if not links:
        return ()
    return (
        '<footer lang="zh-CN">',
        *(
            f'<a href="{url}" rel="noreferrer" target="_blank">{html.escape(text)}</a>'
            for text, url in links
        ),
        "</footer>",
    )


# Who hands on a connection writes the client's address before it; only what comes from this very
# host is believed.
_BEHIND_A_LINK = (
    "set_real_ip_from 127.0.0.1;",
    "real_ip_header proxy_protocol;",
    # The home line's dynamic DNS asks, through the link, from where it is seen to come.
    "location = /.well-known/matrix-assistant/address {",
    "    default_type text/plain;",
    '    return 200 "$remote_addr\\n";',
    "}",
)


def _listen_securely(setup: Setup, host: Host) -> tuple[str, ...]:
    http2 = not http2_directive(host)
    # The link's near end listens on the same port of another address: without this the kernel
    # would refuse one of the two.
    reuse = host.role is Role.OUTSIDE and outside_wrapped(setup)
    lines = _listen(host, 443, tls=True, http2=http2, reuseport=reuse)
    if behind_link(setup, host):
        words = f"ssl{' http2' if http2 else ''} proxy_protocol"
        lines = (*lines, f"listen 127.0.0.1:{PROXIED_PORT} {words};")
    return lines


def _reject(setup: Setup, host: Host) -> tuple[str, ...]:
    """A server before ours that hides the names from those who try addresses (options 3, 4)."""
    hidden = setup.option in (3, 4) and host.role is Role.INSIDE
    if not (hidden and rejects_handshakes(host)):
        return ()
    text = fill("web/nginx-reject.conf", LISTEN=_listen_securely(setup, host))
    return tuple(text.splitlines())


def _listen(
    host: Host, port: int, *, tls: bool = False, http2: bool = False, reuseport: bool = False
) -> tuple[str, ...]:
    words = f"{' ssl' if tls else ''}{' http2' if http2 else ''}"
    first = f"listen {port}{words}{' reuseport' if reuseport else ''};"
    if not host.public_ipv6:
        # A kernel without IPv6 refuses the second line, and nginx with it.
        return (first,)
    return (first, f"listen [::]:{port}{words};")


def _server_names(server: Homeserver) -> str:
    return " ".join(
        name if len(name) <= _HASHED_NAME else f'"~^{re.escape(name)}$"' for name in server.names
    )
