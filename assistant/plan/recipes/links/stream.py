"""nginx as a forwarder of whole connections: one file of ours, included by nginx's own settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assistant.onhost.resources import Absent, File, ManagedBlock, Packages, Resource, Service
from assistant.plan.host_paths import MANAGED, STREAM_CONFIG
from assistant.plan.recipes.templates import fill
from assistant.plan.recipes.web import nginx
from assistant.setup.model import Host

SETTINGS = "/etc/nginx/nginx.conf"
INCLUDED = STREAM_CONFIG.replace(".conf", "*.conf")
"""A pattern: nginx takes it when there is no such file any more, and refuses a plain name."""

MARKER = "stream"
_CHECK = ("/usr/sbin/nginx", "-t", "-q")


def stream_resources(blocks: Sequence[str], after: Sequence[str] = ()) -> tuple[Resource, ...]:
    """The module, the file with these blocks of settings, and nginx reading it.

    nginx knows forwarders only outside the block for web sites, where no folder of files is read:
    so its own settings get one line of ours at their end. ``after`` are ids of further resources
    whose change makes nginx read its settings again.
    """
    lines = [line for block in blocks for line in block.splitlines()]
    servers = File(
        title="Web server: links",
        path=STREAM_CONFIG,
        content=fill("links/nginx-stream.conf", MANAGED=MANAGED, SERVERS=lines),
        check=_CHECK,
    )
    include = ManagedBlock(
        title="Web server: read the links",
        path=SETTINGS,
        marker=MARKER,
        lines=(f"include {INCLUDED};",),
        check=_CHECK,
    )
    module = Packages(
        title="Web server: module for links",
        group="nginx-stream",
        names=("libnginx-mod-stream",),
    )
    return (
        module,
        servers,
        include,
        Service(
            title="Web server: take the links",
            unit=nginx.UNIT,
            reload=True,
            after=(module.id, servers.id, include.id, *after),
            stage="links",
        ),
    )


def no_stream_resources() -> tuple[Resource, ...]:
    """No links any more, on a host that may have had some: without their file nginx has none."""
    servers = Absent(title="Web server: no links", path=STREAM_CONFIG)
    reload = Service(
        title="Web server: leave the links",
        unit=nginx.UNIT,
        reload=True,
        after=(servers.id,),
        stage="links",
    )
    return (servers, reload)


def listen(host: Host, port: int, words: str = "") -> tuple[str, ...]:
    """Lines that listen on a port of all addresses the host has."""
    return tuple(_listen(host, f"{port}{words and f' {words}'} so_keepalive=on;"))


def _listen(host: Host, words: str) -> Iterator[str]:
    yield f"listen {words}"
    # A kernel without IPv6 refuses the second line, and nginx with it.
    if host.public_ipv6:
        yield f"listen [::]:{words}"
