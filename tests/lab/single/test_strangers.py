"""What somebody who is not of the family gets from a server: nothing that leads to administration,
and no other name."""

from __future__ import annotations

import socket
import ssl

from tests.lab.conftest import Practice

ENCODED = (
    "/_synapse/admin/v1/server_version",
    "/_synapse/admin/v2/users/..%2f..%2f..%2f..%2f_matrix%2fx",
    "/_synapse/admin/v2/users/%2e%2e/%2e%2e/%2e%2e/%2e%2e/_matrix/x",
    "/_synapse/admin/v2/users/..%2f..%2f..%2f..%2f_synapse%2fclient%2fx",
    "//_synapse//admin/v1/server_version",
    "/_matrix/../_synapse/admin/v1/server_version",
    "/_matrix/..%2f_synapse/admin/v1/server_version",
)


def ask(address: str, path: str, name: str, *, secure: bool) -> bytes:
    """The whole answer to a path, sent as it is written."""
    sock = socket.create_connection((address, 443 if secure else 80), timeout=10)
    if secure:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        sock = context.wrap_socket(sock, server_hostname=name)
    with sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := sock.recv(4096):
            answer += part
        return answer


def test_no_path_leads_to_administration_and_no_redirect_elsewhere(practice: Practice) -> None:
    host, setup = practice.clone()
    name = setup.access_name
    for path in ENCODED:
        answer = ask(host.ipv4, path, name, secure=True)
        assert answer.startswith(b"HTTP/1.1 404"), (path, answer)
        assert b"errcode" not in answer, "it was nginx that answered"
    versions = ask(host.ipv4, "/_matrix/client/versions?x=%2f..%2f", name, secure=True)
    assert versions.startswith(b"HTTP/1.1 200")
    user = "/_matrix/client/v3/profile/%40a%2fb..c%3A" + setup.server_name
    assert b"errcode" in ask(host.ipv4, user, name, secure=True), "encoded slashes go on as sent"

    mine = ask(host.ipv4, "/x", name, secure=False)
    assert f"Location: https://{name}/x".encode() in mine
    other = ask(host.ipv4, "/x", "evil.example", secure=False)
    assert other.startswith(b"HTTP/1.1 404") and b"evil.example" not in other
    practice.remove(host)
