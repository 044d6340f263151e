"""The listen probe: a listener that answers with a nonce and notes who came."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path
from typing import Any

from assistant.onhost.probes.errors import classify
from assistant.onhost.probes.exchange import Attempt, readable
from assistant.onhost.protocol import PROCESS_NAME
from assistant.onhost.system.sockets import listening, with_processes

MAX_PEERS = 50
_LINGER = 2.0
_POLL = 0.25
_OWN_PATIENCE = 5.0
_SYN_RECEIVED = "03"


def _bind(port: int) -> list[socket.socket]:
    """Listening sockets for both families, or IPv4 alone where the system has no IPv6."""
    if socket.has_dualstack_ipv6():
        try:
            return [_server(("::", port), socket.AF_INET6, dual=True)]
        except OSError as error:
            # Anything else: IPv6 is compiled in but switched off.
            if classify(error) in ("in-use", "permission"):
                raise
    return [_server(("0.0.0.0", port), socket.AF_INET)]  # noqa: S104 - it must be reachable


def _bound(attempt: Attempt, port: int) -> list[socket.socket]:
    """The same, once a listener of our own from just before has gone."""
    patience = time.monotonic() + _OWN_PATIENCE
    while True:
        try:
            return _bind(port)
        except OSError as error:
            if classify(error) != "in-use":
                raise
            attempt.data["owner"] = owner(port)
            if attempt.data["owner"] != PROCESS_NAME or time.monotonic() > patience:
                raise
            time.sleep(_POLL)


def _server(where: tuple[str, int], family: int, *, dual: bool = False) -> socket.socket:
    return socket.create_server(where, family=family, backlog=64, dualstack_ipv6=dual)


def _half_open(port: int) -> list[str]:
    """Remote addresses (in hex) that began a connection to a port and did not end it; Linux."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = [line.split() for line in Path(table).read_text("ascii").splitlines()[1:]]
        except OSError:
            continue
        for row in rows:
            if row[3] == _SYN_RECEIVED and int(row[1].rpartition(":")[2], 16) == port:
                found.append(row[2].rpartition(":")[0])
    return found


def _address(hexadecimal: str) -> str:
    """An address as /proc/net/tcp writes it (32-bit words, least byte first) in usual form."""
    raw = bytes.fromhex(hexadecimal)
    raw = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw)
    return plain(socket.inet_ntop(socket.AF_INET6, raw))


def plain(address: str) -> str:
    """An address without the IPv6 dress an IPv4 peer wears on a dual-stack socket."""
    return address[7:] if address.startswith("::ffff:") and "." in address else address


def owner(port: int) -> str:
    """The name of the program that listens on a TCP port; empty when that cannot be told."""
    with contextlib.suppress(OSError):
        there = [s for s in listening() if s.protocol == "tcp" and s.port == port]
        return next((s.process for s in with_processes(there) if s.process), "")
    return ""


def listen(attempt: Attempt) -> None:
    """Listen on ``port`` (0: any) for ``seconds``, or until ``expect`` visitors were answered.

    Once bound, pushes ``{"event": "listening", "probe", "port"}``. Each visitor gets the line
    ``nonce`` (with ``tell``: followed by a space and the visitor's address as seen here), then the
    end of the stream, and is pushed as ``{"event": "peer", "probe",
    "address", "state"}``: ``answered``, or ``half-open`` for one whose first packet arrived but
    who never completed the connection, because our answer did not get there (seen on Linux
    only). ``data``: ``port``, ``peers`` (the same objects). Fails as ``in-use`` with
    ``data.owner`` when somebody else listens there.
    """
    port = int(attempt.number("port"))
    if not 0 <= port < 65536:
        raise ValueError(f"bad port {port}")
    servers = [attempt.keep(server) for server in _bound(attempt, port)]
    attempt.data.pop("owner", None)
    port = servers[0].getsockname()[1]
    nonce = attempt.text("nonce")
    tell = bool(attempt.probe.get("tell"))
    expect = int(attempt.number("expect"))
    probe = attempt.text("id")
    peers: list[dict[str, Any]] = []
    attempt.data.update(port=port, peers=peers)
    half_open: set[str] = set()
    leaving: list[tuple[float, socket.socket]] = []

    def note(address: str, state: str) -> None:
        if len(peers) < MAX_PEERS:
            peer = {"address": address, "state": state}
            peers.append(peer)
            attempt.push({"event": "peer", "probe": probe, **peer})

    attempt.push({"event": "listening", "probe": probe, "port": port})
    while not attempt.stop.is_set() and time.monotonic() < attempt.end:
        answered = sum(peer["state"] == "answered" for peer in peers)
        if expect and answered >= expect and not leaving:
            return
        waiting = [*servers, *(sock for _, sock in leaving)]
        ready = readable(waiting, min(_POLL, max(0.0, attempt.end - time.monotonic())))
        for server in servers:
            if server in ready:
                with contextlib.suppress(OSError):
                    visitor, where = server.accept()
                    address = plain(where[0])
                    line = f"{nonce} {address}" if tell else nonce
                    _answer(attempt, visitor, line.encode() + b"\n", leaving)
                    note(address, "answered")
        leaving = _see_off(leaving, ready)
        for remote in _half_open(port):
            if remote not in half_open and len(half_open) < MAX_PEERS:
                half_open.add(remote)
                note(_address(remote), "half-open")


def _answer(
    attempt: Attempt, visitor: socket.socket, line: bytes, leaving: list[tuple[float, Any]]
) -> None:
    attempt.keep(visitor)
    visitor.setblocking(False)
    with contextlib.suppress(OSError):
        visitor.sendall(line)
        visitor.shutdown(socket.SHUT_WR)
    leaving.append((time.monotonic() + _LINGER, visitor))


def _see_off(
    leaving: list[tuple[float, socket.socket]], ready: list[socket.socket]
) -> list[tuple[float, socket.socket]]:
    """Close visitors who have hung up or stayed too long.

    Closing with unread data would send a reset, which can overtake the nonce: so read first.
    """
    stay = []
    for until, sock in leaving:
        gone = time.monotonic() >= until
        if sock in ready:
            try:
                gone = gone or not sock.recv(4096)
            except OSError:
                gone = True
        if gone:
            sock.close()
        else:
            stay.append((until, sock))
    return stay
