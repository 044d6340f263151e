"""What can go wrong between this computer and a server, as kinds with a sentence for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from assistant.common.errors import AssistantError
from assistant.text import Message, msg
from assistant.text.host_messages import host_message
from assistant.text.sanitize import clean_line, clean_lines

CAUSES: Mapping[str, str] = {
    "name-resolution": "the name of the server has no address",
    "unreachable": "no way to the address from here",
    "refused": "nothing listens on that port, or a firewall says no",
    "timeout": "no answer in time",
    "not-ssh": "something answers on that port, but it is no SSH server",
    "host-key-unknown": "the server's host key was not confirmed yet",
    "host-key-changed": "another host key than the confirmed one",
    "key-file": "the private key file is missing, unreadable or no key",
    "passphrase-wrong": "the passphrase of the key file was not given or is wrong",
    "auth": "the server accepted neither key nor password",
    "forwarding": "the jump host does not pass connections on",
    "sudo-wrong": "the sudo password was not given or is wrong",
    "sudo-not-allowed": "the account may not become root",
    "sudo-needs-tty": "sudo on the server wants a terminal",
    "no-sudo": "the account is not root and the server has no sudo",
    "no-python": "the server has no python3 and it could not be installed",
    "no-shell": "the account may not run programs on the server",
    "no-space": "the disk of the server is full",
    "dropped": "the connection broke",
    "protocol": "the server sent something that is no answer to us",
}
"""Stable causes of a :class:`RemoteError` and their meaning. ``jump-`` before one of them says that
it is about the jump host. A :class:`HostFailure` has causes of its own (protocol.FAIL_CAUSES)."""

TRANSIENT = frozenset({"name-resolution", "unreachable", "refused", "timeout", "dropped"})
"""Causes that may be gone at the next try (also with ``jump-``)."""


class RemoteError(AssistantError):
    """Work on a server failed. ``cause`` is one of :data:`CAUSES`, ``message`` is for people,
    ``evidence`` for an expert: raw lines, cleaned of control characters, never a secret.
    """

    def __init__(self, cause: str, message: Message, evidence: Iterable[str] = ()) -> None:
        super().__init__(cause, message)
        self.evidence = tuple(clean_lines(line) for line in evidence if line.strip())

    def __str__(self) -> str:
        return f"{self.message} [{self.cause}]"

    @property
    def transient(self) -> bool:
        """Whether trying again later can help."""
        return self.cause.removeprefix("jump-") in TRANSIENT


class HostFailure(RemoteError):  # noqa: N818 - the contract's name
    """The program on the host could not do its work and said why (its ``error`` event)."""

    def __init__(self, cause: str, said: Message, tail: Iterable[str] = (), host: str = "") -> None:
        self.said = said
        self.text = str(said)
        self.host = host
        self.tail = tuple(clean_lines(line) for line in tail)
        message = msg("{host}: {text}", host=host, text=said)
        super().__init__(cause, message, self.tail)


def host_failure(event: Mapping[str, Any], host: str) -> HostFailure:
    """The exception for an ``error`` event; fields that are missing or odd are made harmless."""
    tail = event.get("tail", ())
    if isinstance(tail, str):
        tail = tail.splitlines()
    if not isinstance(tail, (list, tuple)):
        tail = ()
    cause = event.get("cause")
    return HostFailure(
        clean_line(cause, 40) if isinstance(cause, str) and cause else "unknown",
        host_message(event) if event.get("text") else msg("it failed without saying why"),
        [str(line)[:1000] for line in tail[-50:]],
        host,
    )


@dataclass(frozen=True)
class Place:
    """Where a connection goes, for messages.

    ``name`` is what the user calls the host, ``key`` the key that is used (a path, or empty),
    ``jump`` whether this is the jump host, ``via`` the jump host on the way (or empty).
    """

    name: str
    address: str
    port: int
    user: str
    key: str = ""
    jump: bool = False
    via: str = ""

    @property
    def at(self) -> str:
        """``address:port``, with brackets where needed."""
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"{shown}:{self.port}"

    def error(self, cause: str, message: Message, *evidence: str) -> RemoteError:
        """A :class:`RemoteError` about this place."""
        return RemoteError(f"jump-{cause}" if self.jump else cause, message, evidence)
