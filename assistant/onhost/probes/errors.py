"""The one place where an error of the network becomes one of a few kinds."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl

ERROR_KINDS = (
    "refused", "reset", "timeout", "unreachable", "name", "tls-verify", "tls-handshake", "closed",
    "in-use", "permission", "other",
)  # fmt: skip
"""Every kind :func:`classify` can return."""

_BY_TYPE: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    # Order matters: the special before the general.
    (ssl.SSLCertVerificationError, "tls-verify"),
    ((ssl.SSLEOFError, ssl.SSLZeroReturnError), "closed"),
    ((http.client.RemoteDisconnected, http.client.IncompleteRead, EOFError), "closed"),
    ((socket.gaierror, UnicodeError), "name"),
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "refused"),
    ((ConnectionResetError, ConnectionAbortedError, BrokenPipeError), "reset"),
    (PermissionError, "permission"),
)

_NAMES = {
    "unreachable": (
        "ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "EHOSTDOWN", "EADDRNOTAVAIL", "EAFNOSUPPORT",
    ),
    "in-use": ("EADDRINUSE",),
    "timeout": ("ETIMEDOUT",),
    "refused": ("ECONNREFUSED",),
    "reset": ("ECONNRESET", "ECONNABORTED", "EPIPE", "ENETRESET"),
    "permission": ("EACCES", "EPERM"),
}  # fmt: skip

# Windows has numbers of its own for its sockets; Python hands some of them through untranslated.
_WINDOWS = {
    10013: "permission", 10047: "unreachable", 10048: "in-use", 10049: "unreachable",
    10050: "unreachable", 10051: "unreachable", 10052: "reset", 10053: "reset", 10054: "reset",
    10060: "timeout", 10061: "refused", 10064: "unreachable", 10065: "unreachable",
}  # fmt: skip

_BY_NUMBER = dict(_WINDOWS)
_BY_NUMBER.update(
    (getattr(errno, name), kind)
    for kind, names in _NAMES.items()
    for name in names
    if hasattr(errno, name)
)


def classify(error: BaseException) -> str:
    """The kind of an error, one of :data:`ERROR_KINDS`."""
    for types, kind in _BY_TYPE:
        if isinstance(error, types):
            return kind
    if isinstance(error, ssl.SSLSyscallError):
        # The system failed in the middle of a handshake; the number is the system's.
        return _BY_NUMBER.get(error.errno or 0, "tls-handshake")
    if isinstance(error, ssl.SSLError):
        return "tls-handshake"
    if isinstance(error, OSError):
        return _BY_NUMBER.get(error.errno or 0, "other")
    return "other"
