"""Probes that need no protocol above TCP and UDP: tcp, udp, resolve, clock."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

MAX_READ = 64 * 1024
MAX_REPLIES = 32
_FAMILIES = {"": socket.AF_UNSPEC, "4": socket.AF_INET, "6": socket.AF_INET6}


class Attempt:
    """One try of a probe: its fields, the time it has, and where its observations go.

    ``data`` is filled as the exchange goes on, so that a failed one still tells how far it came.
    """

    def __init__(
        self,
        probe: Mapping[str, Any],
        timeout: float,
        stop: threading.Event,
        push: Callable[[dict[str, Any]], None],
    ) -> None:
        self.probe = probe
        self.end = time.monotonic() + timeout
        self.stop = stop
        self.push = push
        self.data: dict[str, Any] = {}
        self._sockets: list[socket.socket] = []

    def count(self) -> None:
        """Enter what the connection that was used last had to send twice (Linux only).

        ``data.sent``: packets with content, the first one of the connection included;
        ``data.again``: how many of them were repeats; ``data.rtt_ms``: the round trip.
        """
        for sock in reversed(self._sockets):
            counted = _tcp_info(sock)
            if counted is not None:
                self.data.update(counted)
                return

    def left(self) -> float:
        """Seconds left; :class:`TimeoutError` when there are none."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError("no time left")
        return left

    def keep(self, sock: socket.socket) -> socket.socket:
        """Have a socket closed when the attempt ends, however it ends."""
        self._sockets.append(sock)
        return sock

    def close(self) -> None:
        """Close every socket; wakes a thread that still reads from one."""
        while self._sockets:
            sock = self._sockets.pop()
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                sock.close()

    def text(self, name: str, default: str = "") -> str:
        """A text field of the probe."""
        return str(self.probe.get(name) or default)

    def number(self, name: str, default: float = 0) -> float:
        """A numeric field of the probe; ``ValueError`` when it is none."""
        value = self.probe.get(name)
        return float(default if value is None else value)

    def port(self) -> int:
        """The field ``port``, checked."""
        port = int(self.number("port"))
        if not 0 < port < 65536:
            raise ValueError(f"bad port {port}")
        return port

    def payload(self, name: str) -> bytes:
        """A field in base64, as bytes."""
        return base64.b64decode(self.text(name), validate=True)


def _tcp_info(sock: socket.socket) -> dict[str, Any] | None:
    """The kernel's count of a connection; None where it keeps none.

    The offsets are those of struct tcp_info in linux/tcp.h, which only ever grows at its end.
    """
    option = getattr(socket, "TCP_INFO", None)
    if option is None or sock.fileno() < 0 or sock.type != socket.SOCK_STREAM:
        return None
    try:
        raw = sock.getsockopt(socket.IPPROTO_TCP, option, 256)
        (rtt,) = struct.unpack_from("@I", raw, 68)
        (again,) = struct.unpack_from("@I", raw, 100)
        (sent,) = struct.unpack_from("@I", raw, 156)
    except (OSError, struct.error):
        return None
    # Content sent counts its repeats; the packet that opens a connection has none.
    return {"sent": max(sent + 1, again + 1), "again": again, "rtt_ms": round(rtt / 1000, 1)}


def clean(data: bytes) -> str:
    """Bytes from the network as one printable line, the rest escaped."""
    text = data.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def addresses(host: str, port: int, family: str = "") -> list[tuple[Any, ...]]:
    """What the system resolver says, as (family, socket address), each once, in its order."""
    found = socket.getaddrinfo(host, port, _FAMILIES[family], socket.SOCK_STREAM)
    return list(dict.fromkeys((item[0], item[4]) for item in found))


def connect(attempt: Attempt, host: str, port: int) -> socket.socket:
    """A TCP connection to the first address that takes one within the time.

    Writes ``address``, ``connected`` and ``connect_ms``. Raises the last error.
    """
    choices = addresses(host, port, attempt.text("family"))
    attempt.data["connected"] = False
    problem: OSError = OSError(f"no address for {host}")
    for number, (family, where) in enumerate(choices):
        attempt.data["address"] = where[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        attempt.keep(sock)
        start = time.perf_counter()
        try:
            sock.settimeout(attempt.left() / (len(choices) - number))
            sock.connect(where)
        except OSError as error:
            problem = error
            attempt.count()
            sock.close()
            continue
        attempt.data["connected"] = True
        attempt.data["connect_ms"] = round((time.perf_counter() - start) * 1000, 1)
        sock.settimeout(attempt.left())
        return sock
    raise problem


def tcp(attempt: Attempt) -> None:
    """Connect to ``host``:``port``; send ``send`` (base64); read up to ``read`` bytes.

    Reading ends at ``read`` bytes, at a line end, or when the other side closes. Something to read
    was asked for and nothing came: fails as ``closed``, ``reset`` or ``timeout``, with
    ``connected`` true. ``data.banner``: what came, printable; ``data.bytes``: how much.
    """
    sock = connect(attempt, attempt.text("host"), attempt.port())
    if attempt.text("send"):
        sock.sendall(attempt.payload("send"))
    wanted = min(MAX_READ, int(attempt.number("read")))
    if wanted <= 0:
        return
    got = b""
    try:
        while len(got) < wanted and b"\n" not in got:
            sock.settimeout(attempt.left())
            part = sock.recv(wanted - len(got))
            if not part:
                break
            got += part
    except OSError:
        if not got:
            raise
    attempt.data["banner"] = clean(got.rstrip(b"\r\n"))
    attempt.data["bytes"] = len(got)
    if not got:
        raise EOFError("closed without a byte")


def udp(attempt: Attempt) -> None:
    """Send ``payload`` (base64) to ``address``:``port`` and keep every reply.

    Waits ``wait`` seconds in all, but no more than ``linger`` seconds after the first reply
    (``linger`` absent: the whole time). With ``resend`` the datagram is sent again every so many
    seconds until something comes. ``data.replies``: ``payload`` (base64), ``ms`` since the first
    sending, ``source``, ``port``. No reply at all fails as ``timeout``.
    """
    payload = attempt.payload("payload")
    where = socket.getaddrinfo(
        attempt.text("address"), attempt.port(), 0, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST
    )[0]
    sock = attempt.keep(socket.socket(where[0], socket.SOCK_DGRAM))
    wait = attempt.number("wait", 3)
    linger = attempt.number("linger", wait)
    resend = attempt.number("resend")
    replies: list[dict[str, Any]] = []
    attempt.data["replies"] = replies
    start = time.monotonic()
    end = min(attempt.end, start + wait)
    sock.sendto(payload, where[4])
    again = start + resend if resend > 0 else end
    while len(replies) < MAX_REPLIES and not attempt.stop.is_set():
        now = time.monotonic()
        if now >= end:
            break
        if not replies and now >= again:
            sock.sendto(payload, where[4])
            again = now + resend
        sock.settimeout(max(0.001, min(end, end if replies else again) - now))
        try:
            data, source = sock.recvfrom(MAX_READ)
        except TimeoutError:
            continue
        except ConnectionResetError:
            # Windows reports an ICMP "port unreachable" this way; others may still answer.
            continue
        now = time.monotonic()
        if not replies:
            end = min(end, now + linger)
        replies.append(
            {
                "payload": base64.b64encode(data).decode("ascii"),
                "ms": round((now - start) * 1000, 1),
                "source": source[0],
                "port": source[1],
            }
        )
    if not replies:
        raise TimeoutError("no reply")


def resolve(attempt: Attempt) -> None:
    """Ask the system's resolver for ``name`` (``family``: ``4``, ``6`` or both).

    ``data.addresses``: sorted, each once. A failure has ``data.answer``: ``no-such-name``,
    ``try-again`` or ``failure``.
    """
    try:
        found = addresses(attempt.text("name"), 0, attempt.text("family"))
    except socket.gaierror as error:
        no_name = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
        answer = "no-such-name" if error.errno in no_name else "failure"
        attempt.data["answer"] = "try-again" if error.errno == socket.EAI_AGAIN else answer
        raise
    attempt.data["addresses"] = sorted({where[0] for _, where in found})


def clock(attempt: Attempt) -> None:
    """``data.time``: seconds since 1970 by this machine's clock."""
    attempt.data["time"] = time.time()


def readable(socks: list[socket.socket], seconds: float) -> list[socket.socket]:
    """Which of some sockets have something to read or to accept, waiting up to some seconds."""
    return select.select(socks, [], [], max(0.0, seconds))[0]
