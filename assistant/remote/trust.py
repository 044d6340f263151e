"""Host keys: read them, show them, trust exactly the one that was confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncssh

from assistant.remote.errors import Place, RemoteError
from assistant.remote.failure_causes import classify
from assistant.remote.login_observer import Watcher
from assistant.setup.model import Login
from assistant.text import Message, msg

PREFERRED = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Host key algorithms we ask a new server for, best first."""

_FILES = {
    "ssh-ed25519": "/etc/ssh/ssh_host_ed25519_key.pub",
    "ecdsa-sha2-nistp256": "/etc/ssh/ssh_host_ecdsa_key.pub",
    "ecdsa-sha2-nistp384": "/etc/ssh/ssh_host_ecdsa_key.pub",
    "ecdsa-sha2-nistp521": "/etc/ssh/ssh_host_ecdsa_key.pub",
    "ssh-rsa": "/etc/ssh/ssh_host_rsa_key.pub",
}


@dataclass(frozen=True)
class HostKey:
    """A server's public key.

    ``text`` is what a Login keeps (``ssh-ed25519 AAAA…``, no comment), ``algorithm`` its first
    word, ``fingerprint`` what people compare (``SHA256:…``).
    """

    text: str
    algorithm: str
    fingerprint: str

    @property
    def command(self) -> str:
        """What shows the fingerprint of the same key on the server itself."""
        return f"ssh-keygen -lf {_FILES.get(self.algorithm, _FILES['ssh-ed25519'])}"

    @property
    def hint(self) -> Message:
        """How to compare the fingerprint with what the server itself says."""
        return msg(
            "Open the server's console in your provider's web page and run: {command} - it must "
            "show the same fingerprint, {fingerprint}.",
            command=self.command,
            fingerprint=self.fingerprint,
        )


def host_key(text: str) -> HostKey:
    """The HostKey for a kept text; ``ValueError`` when it is no public key."""
    try:
        return describe(asyncssh.import_public_key(text))
    except asyncssh.KeyImportError:
        raise ValueError("not a host key") from None


def describe(key: asyncssh.SSHKey) -> HostKey:
    """The HostKey for a key of asyncssh."""
    words = key.export_public_key("openssh").decode("ascii").split()
    return HostKey(f"{words[0]} {words[1]}", words[0], key.get_fingerprint())


@dataclass(frozen=True)
class Trust:
    """The one key a connection may meet, in the form asyncssh wants it."""

    kept: HostKey
    key: asyncssh.SSHKey

    @property
    def options(self) -> dict[str, Any]:
        """``known_hosts`` with this key alone, and every algorithm of its family."""
        return {
            "known_hosts": ([self.key], [], []),
            "server_host_key_algs": [name.decode("ascii") for name in self.key.sig_algorithms],
        }


def trust(login: Login, place: Place) -> Trust:
    """The confirmed key of a login; ``host-key-unknown`` when there is none yet."""
    if not login.host_key:
        message = (
            msg("The host key of the jump host at {at} has not been confirmed yet.", at=place.at)
            if place.jump
            else msg(
                "The host key of {host} at {at} has not been confirmed yet. Compare its "
                "fingerprint first, so that your password and your setup reach the right server.",
                host=place.name,
                at=place.at,
            )
        )
        raise place.error("host-key-unknown", message)
    try:
        key = asyncssh.import_public_key(login.host_key)
    except asyncssh.KeyImportError:
        raise place.error(
            "host-key-unknown",
            msg(
                "The host key kept for {at} cannot be read. Confirm the server's key again.",
                at=place.at,
            ),
        ) from None
    return Trust(describe(key), key)


def changed(place: Place, kept: HostKey, shown: HostKey | None) -> RemoteError:
    """The refusal of a server that shows another key than the confirmed one."""
    values = {
        "host": place.name,
        "at": place.at,
        "kept": f"{kept.algorithm} {kept.fingerprint}",
        "shown": f"{shown.algorithm} {shown.fingerprint}" if shown else "?",
    }
    if place.jump:
        message = msg(
            "The jump host at {at} shows another host key than the confirmed one. Confirmed: "
            "{kept}. Shown now: {shown}. If you did not reinstall it, somebody may be in between: "
            "do not go on. If you did, compare the new fingerprint and confirm it.",
            **values,
        )
    else:
        message = msg(
            "{host} at {at} shows another host key than the confirmed one. Confirmed: {kept}. "
            "Shown now: {shown}. If you did not reinstall the server, somebody may be in between: "
            "do not go on. If you did, compare the new fingerprint at the provider's console and "
            "confirm it.",
            **values,
        )
    return place.error("host-key-changed", message)


async def shown_key(
    address: str,
    port: int,
    place: Place,
    seconds: float,
    tunnel: Any = None,
    algorithms: Sequence[str] = PREFERRED,
) -> HostKey:
    """The key a server shows, over an open jump connection or directly."""
    watcher = Watcher()
    options: dict[str, Any] = {"tunnel": tunnel} if tunnel is not None else {}
    try:
        async with asyncio.timeout(seconds):
            key = await asyncssh.get_server_host_key(
                address,
                port,
                config=None,
                server_host_key_algs=list(algorithms),
                options=asyncssh.SSHClientConnectionOptions(
                    config=None,
                    client_factory=lambda: watcher,
                    client_keys=None,
                    agent_path=None,
                    gss_host=None,
                ),
                **options,
            )
    except Exception as exc:  # asyncssh hands on whatever a hostile server made it raise
        raise classify(exc, place, watcher.progress) from exc
    if key is None:
        raise place.error(
            "protocol", msg("{host} at {at} showed no host key.", host=place.name, at=place.at)
        )
    return describe(key)
