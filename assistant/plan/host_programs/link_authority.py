"""The setup's own authority: signs renewals asked for over a wrapped link, and renews its own.

Written by matrix-assistant; it runs on the server in China (Python 3.10, standard library, the
``openssl`` program), with ``link_certificates.py`` beside it.

``serve`` answers one connection on standard input: the line of the PROXY protocol that nginx puts
in front, then TLS in which the other end shows its present certificate, then a request for a new
one. Only a request that names the same host gets an answer, and only while that host belongs to
the setup. ``renew`` gives this server a new certificate before a third of its time is left.
"""

from __future__ import annotations

import argparse
import importlib
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

END = b"-----END CERTIFICATE REQUEST-----\n"
MOST = 16 * 1024
SECONDS = 30.0


class RefusedError(Exception):
    """A request that is not answered; the text says why."""


def main(argv: Sequence[str] | None = None) -> int:
    """0 when all is well, 1 with a sentence on standard error when not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("serve", "renew"))
    parser.add_argument("--folder", required=True, help="certificates of this server's links")
    parser.add_argument("--allow", action="append", default=[], help="a host that may renew")
    parser.add_argument("--host", default="", help="what the setup calls this server")
    parser.add_argument("--authority-key", default="", help="for renew: where the key is")
    args = parser.parse_args(argv)
    certificates = importlib.import_module("link_certificates")
    try:
        if args.action == "serve":
            credentials = os.environ["CREDENTIALS_DIRECTORY"]
            with socket.socket(fileno=os.dup(0)) as connection:
                serve(certificates, connection, args.folder, credentials, args.allow)
        elif renew(certificates, args.folder, args.host, args.authority_key, time.time()):
            reload_web_server()
    except (certificates.LinkError, RefusedError, OSError, ssl.SSLError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def serve(
    certificates: Any,
    connection: socket.socket,
    folder: str,
    credentials: str,
    allowed: Sequence[str],
) -> None:
    """Answer one connection; raises when it gets no certificate."""
    connection.settimeout(SECONDS)
    skip_proxy_line(connection)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(f"{folder}/certificate.pem", f"{credentials}/server.key")
    context.load_verify_locations(f"{folder}/own-authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with context.wrap_socket(connection, server_side=True) as line:
        host = peer(line)
        if host not in allowed:
            raise RefusedError(f"{host} is not a server of this setup with a wrapped link.")
        request = read_request(line)
        # Checks that the request names the same host and is signed with the key in it.
        made = certificates.issue(
            request,
            host,
            authority=f"{folder}/own-authority.pem",
            key=f"{credentials}/authority.key",
        )
        line.sendall(made.encode("ascii"))
    sys.stdout.write(f"{host} got a new certificate.\n")


def renew(certificates: Any, folder: str, host: str, authority_key: str, now: float) -> bool:
    """Give this server a new certificate when little time is left; whether it got one."""
    if not certificates.read(f"{folder}/certificate.pem").worn(now):
        return False
    pending = f"{folder}/pending.key"
    certificates.make_key(pending)
    authority = f"{folder}/own-authority.pem"
    made = certificates.issue(
        certificates.make_request(pending, host),
        host,
        authority=authority,
        key=authority_key,
        server=True,
    )
    certificates.place(folder, pending, made, Path(authority).read_text("ascii"))
    return True


def reload_web_server() -> None:
    """Let nginx read the new certificate."""
    words = ["/usr/bin/systemctl", "try-reload-or-restart", "nginx.service"]
    subprocess.run(words, check=False, timeout=120)


def skip_proxy_line(connection: socket.socket) -> None:
    """Read the line ``PROXY …``, byte by byte: what follows it belongs to TLS."""
    line = b""
    while not line.endswith(b"\r\n"):
        byte = connection.recv(1)
        line += byte
        if not byte or len(line) > 107 or not b"PROXY ".startswith(line[:6]):
            raise RefusedError("A connection that does not come through the link.")


def peer(line: ssl.SSLSocket) -> str:
    """The host that the other end's verified certificate names."""
    told: Any = line.getpeercert() or {}
    names = [
        value for part in told.get("subject", ()) for key, value in part if key == "commonName"
    ]
    return str(names[0]) if len(names) == 1 else ""


def read_request(line: ssl.SSLSocket) -> str:
    """The request, up to its last line."""
    text = b""
    while not text.endswith(END):
        piece = line.recv(4096)
        text += piece
        if not piece or len(text) > MOST:
            raise RefusedError("A request that does not end.")
    return text.decode("ascii", "replace")


if __name__ == "__main__":
    sys.exit(main())
