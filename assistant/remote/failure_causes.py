"""One classifier from what asyncssh and the system raise to causes with a sentence for people."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import asyncssh

from assistant.remote.errors import Place, RemoteError
from assistant.text import Message, msg
from assistant.text.sanitize import clean_line

_UNREACHABLE = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EACCES}
    | {getattr(errno, "EHOSTDOWN", -1), getattr(errno, "EPERM", -1)}
    | {10051, 10065, 10049}  # Windows: network or host unreachable, address not available
)
_REFUSED = frozenset({errno.ECONNREFUSED, 10061})
_TIMED_OUT = frozenset({errno.ETIMEDOUT, 10060})
_DROPPED = frozenset({errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, 10053, 10054})


@dataclass(frozen=True)
class Progress:
    """How far a connection came before it failed.

    ``connected``: TCP was there. ``spoke_ssh``: a version line of SSH came. ``offered``: the ways
    to log in that the server offered. ``tried``: what was given to it. ``logged_in``: it let us in.
    """

    connected: bool = False
    spoke_ssh: bool = False
    offered: Collection[str] = ()
    tried: Collection[str] = ()
    logged_in: bool = False


def classify(exc: BaseException, place: Place, progress: Progress | None = None) -> RemoteError:
    """The :class:`RemoteError` for an exception raised while talking to a place."""
    progress = progress or Progress()
    if isinstance(exc, RemoteError):
        return exc
    cause = _cause(exc, progress)
    message = _sentences(place, progress)[_sentence(cause, place, progress)]
    if place.jump and message.template.startswith("{host}"):
        message = Message(message.template, {**message.values, "host": msg("The jump host")})
    return place.error(cause, message, f"{type(exc).__name__}: {clean_line(str(exc))}")


def _cause(exc: BaseException, progress: Progress) -> str:
    if isinstance(exc, TimeoutError) and getattr(exc, "errno", None) is None:
        return "timeout"
    if isinstance(exc, socket.gaierror):
        return "name-resolution"
    if isinstance(exc, asyncssh.ChannelOpenError):
        return _channel_cause(exc, progress)
    if isinstance(exc, asyncssh.HostKeyNotVerifiable):
        return "host-key-changed"
    if isinstance(exc, asyncssh.PermissionDenied):
        return "auth"
    if isinstance(exc, asyncssh.DisconnectError):
        return _disconnect_cause(exc, progress)
    if isinstance(exc, OSError):
        return _system_cause(exc, progress)
    return "protocol"


def _disconnect_cause(exc: asyncssh.DisconnectError, progress: Progress) -> str:
    if progress.logged_in:
        return "protocol" if isinstance(exc, asyncssh.ProtocolError) else "dropped"
    if exc.code == asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE:
        return "auth"
    if "Too many authentication failures" in exc.reason:
        return "auth"
    if not progress.spoke_ssh:
        return "not-ssh"
    return "dropped" if isinstance(exc, asyncssh.ConnectionLost) else "protocol"


def _system_cause(exc: OSError, progress: Progress) -> str:
    # Python joins the errors of several addresses into one OSError without a number
    text = str(exc).lower()
    if exc.errno in _REFUSED or (exc.errno is None and "refused" in text):
        return "refused"
    if exc.errno in _TIMED_OUT or (exc.errno is None and "timed out" in text):
        return "timeout"
    if exc.errno in _UNREACHABLE or (exc.errno is None and "unreachable" in text):
        return "unreachable"
    if exc.errno in _DROPPED or isinstance(exc, ConnectionError):
        if progress.connected and not progress.spoke_ssh:
            return "not-ssh"
        return "dropped"
    return "unreachable"


def _channel_cause(exc: asyncssh.ChannelOpenError, progress: Progress) -> str:
    """A channel that did not open: a session on the server, or a forward through a jump host."""
    text = exc.reason.lower()
    if "connection closed" in text or "connection lost" in text:
        return "dropped"
    if progress.logged_in:
        return "no-shell"
    if exc.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
        return "forwarding"
    if "refused" in text:
        return "refused"
    if "name" in text or "resolv" in text:
        return "name-resolution"
    if "timed out" in text or "timeout" in text:
        return "timeout"
    # OpenSSH may say no more than "open failed"
    return "unreachable"


def _sentence(cause: str, place: Place, progress: Progress) -> str:
    """Which of :func:`_sentences` says it."""
    if cause == "auth" and not progress.tried and not place.jump:
        return "auth-nothing"
    if cause == "auth" and "password" not in progress.offered:
        return "auth-key"
    if place.via and cause in ("refused", "unreachable", "timeout", "name-resolution"):
        return "behind"
    if cause == "timeout" and progress.connected and not place.jump:
        return "stalled"
    if place.jump and cause in ("no-shell", "forwarding"):
        return "protocol"  # nothing is run on a jump host, and it is behind no other
    return cause


def _sentences(place: Place, progress: Progress) -> Mapping[str, Message]:
    """What is said for each cause; ``host`` is the server, or the jump host where that is meant."""
    values = {
        "host": msg("the jump host") if place.jump else place.name,
        "at": place.at,
        "user": place.user,
        "address": place.address,
        "via": place.via or "-",
        "tried": ", ".join(progress.tried) or "-",
        "offered": ", ".join(sorted(progress.offered)) or "-",
    }
    return {
        "auth-key": msg(
            "{host} ({at}) did not let {user} in. Tried: {tried}. It accepts: {offered}. Check "
            "that the user name is right and that the public half of your key is in that "
            "account's .ssh/authorized_keys; your provider's console can add it.",
            **values,
        ),
        "auth-nothing": msg(
            "{host} ({at}) did not let {user} in, because there was nothing to log in with: no key "
            "was found and no password was given. It accepts: {offered}. Name the key file that "
            "your provider gave you, or make one with ssh-keygen and add it to the server.",
            **values,
        ),
        "auth": msg(
            "{host} ({at}) did not let {user} in. Tried: {tried}. It accepts: {offered}. Check the "
            "user name and the password; many servers accept only keys.",
            **values,
        ),
        "behind": msg(
            "The jump host {via} could not reach {host} at {at}. Check that the address and the "
            "port are right as seen from the jump host, and that the server is running.",
            **values,
        ),
        "name-resolution": msg(
            "The name {address} has no address, so {host} cannot be reached. Check its "
            "spelling, or use the server's IP address instead.",
            **values,
        ),
        "unreachable": msg(
            "There is no way from this computer to {host} at {at}. Check that you are online "
            "and that the address is right; for an IPv6 address your own line needs IPv6.",
            **values,
        ),
        "refused": msg(
            "{host} refused the connection at {at}. The server is there, but no SSH service "
            "answers on that port. Check the port in your provider's console, and that SSH is "
            "running.",
            **values,
        ),
        "stalled": msg(
            "{host} accepted the connection at {at} but then did not go on in time. The line "
            "may be very slow, or something between drops SSH. Try again; if it stays so, try "
            "another SSH port or a jump host.",
            **values,
        ),
        "timeout": msg(
            "{host} did not answer at {at} in time. Check that the server is running, that the "
            "address is right, and that your provider's firewall lets the SSH port in.",
            **values,
        ),
        "not-ssh": msg(
            "What answers at {at} for {host} is not an SSH server, or it hangs up at once. "
            "Check the port; a server that hangs up may have blocked your address for a while.",
            **values,
        ),
        "forwarding": msg(
            "The jump host {via} does not pass connections on to {host} at {at}. Its SSH "
            "server needs AllowTcpForwarding yes.",
            **values,
        ),
        "no-shell": msg(
            "{host} let {user} in but does not let this account run programs. Use an account "
            "with a shell.",
            **values,
        ),
        "dropped": msg(
            "The connection to {host} at {at} broke. Nothing on the server was harmed. Check "
            "your line and try again.",
            **values,
        ),
        "host-key-changed": msg(
            "{host} at {at} did not show the host key that was confirmed for it. Do not go on "
            "before you know why.",
            **values,
        ),
        "protocol": msg(
            "{host} at {at} speaks SSH in a way that this program does not understand. It may "
            "be very old, or something between changes the traffic.",
            **values,
        ),
    }
