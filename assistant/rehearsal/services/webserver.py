"""The mirror's web server: one folder over HTTP and HTTPS. Run as a file, standard library only."""

from __future__ import annotations

import argparse
import functools
import http.server
import socket
import ssl
import threading


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files with HTTP/1.1, so that one connection fetches many."""

    protocol_version = "HTTP/1.1"
    timeout = 60


class Server(http.server.ThreadingHTTPServer):
    """A server for one address of either family."""

    request_queue_size = 128

    def __init__(self, address: str, port: int, handler: type | functools.partial[Handler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), handler)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("addresses", nargs="+")
    options = parser.parse_args()
    handler = functools.partial(Handler, directory=options.folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    servers = []
    for address in options.addresses:
        servers.append(Server(address, 80, handler))
        secure = Server(address, 443, handler)
        # The handshake belongs to the connection's own thread, not to the one that accepts.
        secure.socket = context.wrap_socket(
            secure.socket, server_side=True, do_handshake_on_connect=False
        )
        servers.append(secure)
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
