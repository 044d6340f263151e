"""The package mirror of the lab: Debian packages and Python wheels, served to hosts."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from assistant.rehearsal.addresses import MIRROR
from assistant.rehearsal.build.prepare import Prepared
from assistant.rehearsal.build.wheel_index import write_index
from assistant.rehearsal.network.wires import inside
from assistant.rehearsal.processes.daemon import Daemon
from assistant.rehearsal.services import webserver
from assistant.rehearsal.services.certificate_authority import ServiceAuthority
from assistant.rehearsal.services.dns_servers import MIRROR_NAME
from assistant.rehearsal.services.services_root import NAMESPACE


class PackageMirror:
    """The web server with what was prepared."""

    def __init__(self, prepared: Prepared, folder: Path, log: Path) -> None:
        self._prepared = prepared
        self._folder = folder
        self._web = Daemon("The package mirror", log)

    async def start(self, authority: ServiceAuthority) -> None:
        """Lay out the folder and serve it. Raises RehearsalError."""
        for release in self._prepared.releases:
            for kind in ("dists", "pool"):
                link = self._folder / "debian" / kind / release.release
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(release.debs / kind / release.release)
        found = [path for each in self._prepared.releases for path in each.wheels.iterdir()]
        await asyncio.to_thread(write_index, found, self._folder / "simple")
        certificate, key = await authority.issue([MIRROR_NAME], [MIRROR.ipv4, MIRROR.ipv6])
        server = [sys.executable, "-I", str(webserver.__file__), "--folder", str(self._folder)]
        server += ["--certificate", str(certificate), "--key", str(key)]
        await self._web.start(inside(NAMESPACE, [*server, MIRROR.ipv4, MIRROR.ipv6]))

        async def answers() -> bool:
            _, writer = await asyncio.open_connection(MIRROR.ipv4, 443)
            writer.close()
            return True

        await self._web.ready(answers)

    async def stop(self) -> None:
        """Stop serving."""
        await self._web.stop()
