"""The home line of option 4: connections go on to the main server as they are.

The home host never holds the certificate and reads nothing: TLS passes through. It answers at one
high port and at no web port, since providers of home lines close those and look for them.
"""

from __future__ import annotations

from assistant.onhost.resources import Absent, Packages, Resource
from assistant.plan.errors import PlanError
from assistant.plan.host_paths import FORWARD_PORT
from assistant.plan.recipes.links import wrapped
from assistant.plan.recipes.links.stream import listen, stream_resources
from assistant.plan.recipes.templates import fill
from assistant.plan.recipes.web import nginx
from assistant.plan.routes import home_wrapped
from assistant.setup.model import Host, Role, Setup
from assistant.text import msg

DEFAULT_SITE = "/etc/nginx/sites-enabled/default"
NEAR = f"127.0.0.1:{wrapped.WRAP_PORT}"
"""The near end of the wrapped link, for devices' connections and the host's own programs."""


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """nginx without a site, the forwarder, and for a wrapped link its near end."""
    port = setup.access_port
    if port in wrapped.OWN_PORTS or port in (22, host.login.port):
        raise PlanError(
            "port-taken",
            msg("Port {port} is needed for something else. Choose another one.", port=port),
        )
    packages = Packages(title="Web server", group="nginx", names=("nginx",))
    # The package comes with a site on port 80. Whoever keeps that port open has one of their own.
    site: tuple[Absent, ...] = ()
    if not {80, 443} & set(host.keep_tcp):
        site = (Absent(title="Web server: no site", path=DEFAULT_SITE),)
    server = tuple(one for one in nginx.server_resources(host) if one.id != packages.id)
    stream = stream_resources(_blocks(setup, host), after=[absent.id for absent in site])
    renewal = wrapped.renewal(host, NEAR) if home_wrapped(setup) else (wrapped.no_renewal(),)
    return (packages, *site, *server, *stream, *renewal)


def route(setup: Setup) -> str:
    """How connections, and programs on the home host, reach the main server: ADDRESS:PORT.

    What a program opens there counts as coming from the home line itself (see :mod:`.links`).
    """
    if home_wrapped(setup):
        return NEAR
    return wrapped.address_of(setup.host(Role.INSIDE), FORWARD_PORT)


def _blocks(setup: Setup, host: Host) -> tuple[str, ...]:
    lines = listen(host, setup.access_port)
    forward = fill("links/stream-forward.conf", LISTEN=lines, TARGET=route(setup))
    if not home_wrapped(setup):
        return (forward,)
    # Two steps: nginx would put the line with the device's address before the TLS of the link,
    # where everybody on the way could read it.
    return (forward, wrapped.wrap(setup, NEAR))
