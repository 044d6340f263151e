"""Probes of a line at home: its router, the first stops outwards, a state file. Linux."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import stat
import struct
import time
from pathlib import Path
from urllib.parse import urlsplit

from assistant.onhost.probes.exchange import Attempt

MAX_FILE = 16 * 1024
READABLE = (
    "/etc/matrix-assistant/link/",
    "/var/lib/matrix-assistant-dyndns/",
)
"""What the paths of files begin with that the ``file`` probe may read."""

_NAT_PMP = 5351
_UPNP = ("239.255.255.250", 1900)
_WAN_SERVICES = ("WANIPConnection:1", "WANIPConnection:2", "WANPPPConnection:1")
_RECVERR = 11
_GATEWAY_FLAG = 0x2
_EXCEEDED = (11, 3)
"""ICMP types that end a hop's search: time exceeded, destination unreachable."""


def default_gateway(routes: str) -> str:
    """The IPv4 gateway of the default route in the text of /proc/net/route; empty without one."""
    for line in routes.splitlines()[1:]:
        field = line.split()
        if len(field) > 7 and field[1] == field[7] == "0" * 8 and int(field[3], 16) & _GATEWAY_FLAG:
            return socket.inet_ntoa(struct.pack("<I", int(field[2], 16)))
    return ""


def router(attempt: Attempt) -> None:
    """What the router at home says of itself; asks it by NAT-PMP (RFC 6886), then by UPnP.

    ``data``: ``gateway`` (IPv4), ``local`` (this machine's address towards it), ``wan`` (the
    router's own outside address; empty when it does not tell), ``how`` (``nat-pmp``, ``upnp`` or
    empty). Fails as ``unreachable`` without an IPv4 gateway.
    """
    gateway = default_gateway(Path("/proc/net/route").read_text("ascii"))
    attempt.data.update(gateway=gateway, local="", wan="", how="")
    if not gateway:
        raise OSError(101, "no gateway")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((gateway, _NAT_PMP))
        attempt.data["local"] = sock.getsockname()[0]
    for how, ask in (("nat-pmp", _nat_pmp), ("upnp", _upnp)):
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            wan = ask(attempt, gateway)
            if wan and wan != "0.0.0.0":  # noqa: S104 - what a router without a line says
                attempt.data.update(wan=wan, how=how)
                return


def _nat_pmp(attempt: Attempt, gateway: str) -> str:
    sock = attempt.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sock.connect((gateway, _NAT_PMP))
    for wait in (0.25, 0.5, 0.75):
        sock.send(b"\0\0")
        sock.settimeout(min(wait, attempt.left()))
        try:
            answer = sock.recv(64)
        except TimeoutError:
            continue
        if len(answer) >= 12 and answer[:4] == b"\0\x80\0\0":
            return socket.inet_ntoa(answer[8:12])
        return ""
    return ""


def _upnp(attempt: Attempt, gateway: str) -> str:
    sock = attempt.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    search = (
        'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\n'
        "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n"
    )
    sock.sendto(search.encode(), _UPNP)
    end = time.monotonic() + min(1.5, attempt.left())
    while (left := end - time.monotonic()) > 0:
        sock.settimeout(left)
        answer, source = sock.recvfrom(4096)
        found = re.search(r"^location:\s*(\S+)", answer.decode("latin-1"), re.I | re.M)
        # Only the router itself is believed, and only about a page of its own.
        if found and source[0] == gateway == urlsplit(found[1]).hostname:
            return _upnp_address(attempt, found[1], gateway)
    return ""


def _upnp_address(attempt: Attempt, page: str, gateway: str) -> str:
    text = _exchange(attempt, gateway, page, "")
    for service in re.findall(r"<service>.*?</service>", text, re.S):
        kind = re.search(r"<serviceType>\s*urn:schemas-upnp-org:service:(\S+?)\s*<", service)
        control = re.search(r"<controlURL>\s*(\S+?)\s*<", service)
        if kind and control and kind[1] in _WAN_SERVICES:
            answer = _exchange(attempt, gateway, page, kind[1], urlsplit(control[1]).path)
            told = re.search(r"<NewExternalIPAddress>\s*([0-9.]+)\s*<", answer)
            if told:
                return socket.inet_ntoa(socket.inet_aton(told[1]))
    return ""


def _exchange(attempt: Attempt, gateway: str, page: str, service: str, path: str = "") -> str:
    parts = urlsplit(page)
    link = http.client.HTTPConnection(gateway, parts.port or 80, timeout=min(2.0, attempt.left()))
    try:
        if service:
            name = f"urn:schemas-upnp-org:service:{service}"
            body = (
                '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/'
                'envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
                f'<u:GetExternalIPAddress xmlns:u="{name}"/></s:Body></s:Envelope>'
            )
            headers = {
                "Content-Type": 'text/xml; charset="utf-8"',
                "SOAPAction": f'"{name}#GetExternalIPAddress"',
            }
            link.request("POST", "/" + path.lstrip("/"), body, headers)
        else:
            link.request("GET", parts.path or "/")
        return link.getresponse().read(64 * 1024).decode("utf-8", "replace")
    finally:
        link.close()


def hops(attempt: Attempt) -> None:
    """Who the first stops on the way to ``address`` (IPv4) are, by their "time exceeded".

    ``data.hops``: an address for each of at most ``most`` stops (4), empty for one that is silent;
    ends at the destination. Needs no privilege: Linux hands the errors to the sender.
    """
    most = max(1, min(16, int(attempt.number("most", 4))))
    found: list[str] = []
    attempt.data["hops"] = found
    for ttl in range(1, most + 1):
        stop, ended = _hop(attempt, attempt.text("address"), ttl)
        found.append(stop)
        if ended:
            return


def _hop(attempt: Attempt, address: str, ttl: int) -> tuple[str, bool]:
    """(who said so, whether it was the destination); twice at most."""
    for number in range(2):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            sock.setsockopt(socket.IPPROTO_IP, _RECVERR, 1)
            sock.connect((address, 33434 + 2 * ttl + number))
            sock.send(os.urandom(24))
            end = time.monotonic() + min(1.0, attempt.left())
            while time.monotonic() < end and not attempt.stop.is_set():
                time.sleep(0.02)
                with contextlib.suppress(BlockingIOError):
                    _, notes, _, _ = sock.recvmsg(256, 512, socket.MSG_ERRQUEUE)
                    return _offender(notes)
    return "", False


def _offender(notes: list[tuple[int, int, bytes]]) -> tuple[str, bool]:
    for _, kind, note in notes:
        # struct sock_extended_err (16 bytes), then the sockaddr_in of who complained.
        if kind == _RECVERR and len(note) >= 24 and note[5] in _EXCEEDED:
            return socket.inet_ntoa(note[20:24]), note[5] == _EXCEEDED[1]
    return "", False


def public_file(attempt: Attempt) -> None:
    """The text of a file of ours that is no secret: ``path`` begins with one of :data:`READABLE`.

    A file that only its owner may read is refused as ``permission`` unless its name ends in
    ``.json``, so that a probe can never carry a key away. ``data``: ``text`` (at most 16 KB),
    ``age`` (seconds since it was written). A missing file fails as ``name``.
    """
    path = os.path.normpath(attempt.text("path"))
    if not path.startswith(READABLE):
        raise PermissionError(f"{path} is not to be read by a probe")
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        raise socket.gaierror(f"there is no {path}") from None
    with open(fd, "rb") as file:
        told = os.fstat(fd)
        open_to_all = bool(told.st_mode & stat.S_IROTH)
        if not stat.S_ISREG(told.st_mode) or not (open_to_all or path.endswith(".json")):
            raise PermissionError(f"{path} is not to be read by a probe")
        attempt.data["text"] = file.read(MAX_FILE).decode("utf-8", "replace")
        attempt.data["age"] = max(0.0, time.time() - told.st_mtime)
