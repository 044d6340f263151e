"""Package mirrors that give something else than they should."""

from __future__ import annotations

import asyncio
import http.server
import re
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import unquote

from assistant.rehearsal.build.debian_mirror import clearsign, make_signing_key
from assistant.rehearsal.lab import Lab


@asynccontextmanager
async def altered_mirror(lab: Lab, alter: Callable[[str, bytes], bytes]) -> AsyncIterator[str]:
    """A copy of the lab's mirror that gives `alter(path, content)`; yields its address (HTTP)."""
    folder = lab.workdir / "mirror"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = (folder / unquote(self.path).lstrip("/")).resolve()
            path = path / "index.html" if path.is_dir() else path
            try:
                content = alter(self.path, path.read_bytes())
            except OSError:
                self.send_error(404)
                return
            self.send_response(200)
            # pip reads no index without being told that it is one.
            kind = "text/html" if path.suffix == ".html" else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer((lab.facts.operator_ipv4, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{lab.facts.operator_ipv4}:{server.server_address[1]}"
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


@asynccontextmanager
async def mirror_of_another_day(
    lab: Lab, release: str, days: float
) -> AsyncIterator[tuple[str, str]]:
    """A copy of the lab's mirror made in `days` days: to it, a host's clock is that much slow.

    A host cannot be given another time than this machine's; what it compares its clock with can.
    Yields the mirror's address and its public key (armored).
    """
    folder = Path(tempfile.mkdtemp(dir=lab.workdir))
    await asyncio.to_thread(make_signing_key, folder)
    text = (lab.workdir / "mirror/debian/dists" / release / "Release").read_text()
    date = format_datetime(datetime.now(UTC) + timedelta(days=days), usegmt=True)
    (folder / "Release").write_text(re.sub(r"(?m)^Date: .*$", f"Date: {date}", text))
    key, signed = folder / "private.asc", folder / "InRelease"
    await asyncio.to_thread(clearsign, key, folder / "Release", signed)

    def alter(path: str, content: bytes) -> bytes:
        return signed.read_bytes() if path.endswith("/InRelease") else content

    async with altered_mirror(lab, alter) as url:
        yield url, (folder / "public.asc").read_text()
