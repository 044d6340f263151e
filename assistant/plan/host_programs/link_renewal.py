"""Renew this server's certificate for a wrapped link, over the link itself.

Written by matrix-assistant; it runs on every server that has the near end of a wrapped link
(Python 3.10, standard library, the ``openssl`` program), with ``link_certificates.py`` beside it.

When less than a third of the certificate's time is left it makes a new key, asks the setup's own
authority at the other end for a certificate, and puts both in place. The private key never leaves
this server.
"""

from __future__ import annotations

import argparse
import importlib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

SECONDS = 30.0
MOST = 16 * 1024


def main(argv: Sequence[str] | None = None) -> int:
    """0 when nothing needs to be done or all went well, 1 with a sentence when not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", required=True, help="certificates of this server's links")
    parser.add_argument("--host", required=True, help="what the setup calls this server")
    parser.add_argument("--dial", required=True, help="ADDRESS:PORT of the near end of the link")
    parser.add_argument("--now", action="store_true", help="however much time is left")
    args = parser.parse_args(argv)
    certificates = importlib.import_module("link_certificates")
    try:
        old = certificates.read(f"{args.folder}/certificate.pem")
        if not args.now and not old.worn(time.time()):
            return 0
        renew(certificates, args.folder, args.host, args.dial)
        reload_web_server()
    except (certificates.LinkError, OSError, ssl.SSLError) as error:
        sys.stderr.write(f"The certificate for the link could not be renewed: {error}\n")
        return 1
    sys.stdout.write("The certificate for the link is renewed.\n")
    return 0


def renew(certificates: Any, folder: str, host: str, dial: str) -> None:
    """Make a key, have it signed at the other end, put both in place."""
    pending = f"{folder}/pending.key"
    certificates.make_key(pending)
    request = certificates.make_request(pending, host)
    made = ask(folder, dial, certificates.AUTHORITY, request)
    authority = Path(folder, "authority.pem").read_text("ascii")
    certificates.place(folder, pending, made, authority)


def ask(folder: str, dial: str, name: str, request: str) -> str:
    """The certificate that the authority makes for a request; ``OSError`` when it makes none.

    It answers at the far end of the link, in TLS of its own within the link's TLS, where both
    sides show their certificates once more.
    """
    address, _, port = dial.rpartition(":")
    context = ssl.create_default_context(cafile=f"{folder}/authority.pem")
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(f"{folder}/certificate.pem", f"{folder}/key.pem")
    with (
        socket.create_connection((address, int(port)), timeout=SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=name) as line,
    ):
        line.sendall(request.encode("ascii"))
        answer = b""
        while piece := line.recv(4096):
            answer += piece
            if len(answer) > MOST:
                break
    if not answer:
        raise OSError("the authority at the other end refused; its system journal says why")
    return answer.decode("ascii", "replace")


def reload_web_server() -> None:
    """Let nginx read the new certificate."""
    words = ["/usr/bin/systemctl", "try-reload-or-restart", "nginx.service"]
    subprocess.run(words, check=False, timeout=120)


if __name__ == "__main__":
    sys.exit(main())
