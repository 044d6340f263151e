"""DNS over HTTPS as bytes: one HTTP/2 request, and the DNS message in the answer.

unbound speaks HTTP/2 only. One request without options needs so little of it (RFC 9113, RFC 7541)
that the plain TLS probe can carry it, from places that have nothing but Python's standard library.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

ALPN = "h2"
"""What the client must offer in the handshake."""

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_STREAM, _END_HEADERS, _PADDED = 0x1, 0x4, 0x8
_STREAM = 1

END = struct.pack(">BBI", _DATA, _END_STREAM, _STREAM)
"""What stands before the last part of an answer: a server greets first, and on a bad line what it
answers may come long after that."""

# Places of header names in HPACK's static table.
_METHOD_GET, _SCHEME_HTTPS = b"\x82", b"\x87"
_AUTHORITY, _PATH, _ACCEPT = 1, 4, 19


def request(server: str, path: str) -> bytes:
    """All a client sends to GET ``path`` (with its query) from ``server`` (name and port)."""
    headers = _METHOD_GET + _SCHEME_HTTPS
    headers += _header(_AUTHORITY, server) + _header(_PATH, path)
    headers += _header(_ACCEPT, "application/dns-message")
    settings = _frame(_SETTINGS, 0, 0, b"")
    return _PREFACE + settings + _frame(_HEADERS, _END_STREAM | _END_HEADERS, _STREAM, headers)


def answer(received: bytes) -> bytes:
    """The body in what a server sent back; empty when it sent none."""
    return b"".join(_bodies(received))


def _bodies(received: bytes) -> Iterator[bytes]:
    while len(received) >= 9:
        high, low, kind, flags, stream = struct.unpack(">BHBBI", received[:9])
        length = (high << 16) + low
        payload, received = received[9 : 9 + length], received[9 + length :]
        if len(payload) < length:
            return
        if kind == _DATA and stream == _STREAM and payload:
            padding = payload[0] if flags & _PADDED else 0
            start = 1 if flags & _PADDED else 0
            yield payload[start : len(payload) - padding]


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    length = len(payload)
    return struct.pack(">BHBBI", length >> 16, length & 0xFFFF, kind, flags, stream) + payload


def _header(name: int, value: str) -> bytes:
    """A header that no table keeps: a name of the static table and a value as it is."""
    raw = value.encode("ascii")
    return _number(name, 4) + _number(len(raw), 7) + raw


def _number(value: int, bits: int) -> bytes:
    """HPACK's integers: in so many bits if it fits, else the rest in groups of seven."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    out, value = bytearray([most]), value - most
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
