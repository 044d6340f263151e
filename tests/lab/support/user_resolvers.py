"""Resolvers that people run for their own devices: dnsmasq on their router, a stub on a device.

The programs come from the root of the lab's servers; they run where their owner's machine is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal

from assistant.rehearsal.processes.daemon import Daemon
from assistant.rehearsal.services.services_root import ServicesRoot

Program = Literal["dnsmasq", "unbound"]

_ARGUMENTS: dict[Program, tuple[str, ...]] = {
    "dnsmasq": ("/usr/sbin/dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file="),
    "unbound": ("/usr/sbin/unbound", "-d", "-p"),
}
_CONFIGURATION: dict[Program, str] = {"dnsmasq": "--conf-file={}", "unbound": "-c{}"}


@asynccontextmanager
async def user_resolver(
    services: ServicesRoot,
    where: str,
    program: Program,
    configuration: str,
    ready: Callable[[], Awaitable[bool]],
) -> AsyncIterator[None]:
    """Run one on the machine ``where`` until the block ends; RehearsalError if it never answers.

    Its root is that of the servers: the configuration can name files in /lab.
    """
    name = f"{program}-{where}"
    (services.folder / f"{name}.conf").write_text(configuration, "utf-8")
    argv = [*_ARGUMENTS[program], _CONFIGURATION[program].format(f"/lab/{name}.conf")]
    daemon = Daemon(f"{program} on {where}", services.log(name))
    await daemon.start(services.command(*argv, where=where))
    try:
        await daemon.ready(ready)
        yield
    finally:
        await daemon.stop()
