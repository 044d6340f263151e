"""The user's private keys: files, passphrases, the agent."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from assistant.remote.credentials import ASKS, Credentials, Wanted
from assistant.remote.errors import Place, RemoteError
from assistant.setup.model import Login
from assistant.text import msg

DEFAULT_NAMES = ("id_ed25519", "id_ecdsa", "id_rsa")
"""Files below ~/.ssh that are tried when a Login names no key."""

_MAX_KEY = 256 * 1024
_AGENT_KEYS = 4
"""How many keys of the agent are shown: OpenSSH hangs up after six wrong ones."""


@dataclass(frozen=True)
class Offer:
    """Keys to show to a server in one connection; ``names`` say for people which ones."""

    pairs: tuple[Any, ...] = field(default=(), repr=False)
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyFile:
    """A private key file as it was read. ``encrypted``: it needs a passphrase."""

    path: Path
    data: bytes = field(repr=False)
    encrypted: bool = False


def home() -> Path:
    """The user's home folder."""
    return Path("~").expanduser()


def default_files(folder: Path) -> list[KeyFile]:
    """The usual keys of a ``.ssh`` folder that can be read; what is no key is left out."""
    found = []
    for name in DEFAULT_NAMES:
        path = folder / name
        try:
            data = path.read_bytes() if path.is_file() else b""
            if data:
                found.append(KeyFile(path, data, _encrypted(data)))
        except (OSError, asyncssh.KeyImportError):
            continue
    return found


def read_key(text: str, place: Place) -> KeyFile:
    """The key file a Login names. Raises ``key-file`` with what is wrong with it."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        path = Path(text)
    values = {"path": path, "host": place.name}
    try:
        if path.stat().st_size > _MAX_KEY:
            raise asyncssh.KeyImportError("too large")
        data = path.read_bytes()
        return KeyFile(path, data, _encrypted(data))
    except FileNotFoundError:
        message = msg(
            "The key file {path} for {host} does not exist. Check the path; the usual place is the "
            ".ssh folder in your home folder.",
            **values,
        )
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        message = msg(
            "The key file {path} for {host} cannot be read ({reason}). Check that it is a file and "
            "that it belongs to you.",
            reason=reason,
            **values,
        )
    except asyncssh.KeyImportError:
        head = path.read_bytes()[:200] if path.stat().st_size <= _MAX_KEY else b""
        if head.startswith((b"ssh-", b"ecdsa-", b"sk-", b"---- BEGIN SSH2 PUBLIC")):
            message = msg(
                "{path} is the public half of a key. Name the private one for {host}: usually the "
                "same name without .pub.",
                **values,
            )
        elif head.startswith(b"PuTTY-User-Key-File"):
            message = msg(
                "{path} is a key in PuTTY's own format. Open it in PuTTYgen, choose Conversions, "
                "Export OpenSSH key, and name the new file for {host}.",
                **values,
            )
        else:
            message = msg(
                "{path} is not a private key that SSH understands. Name the key file for {host}.",
                **values,
            )
    raise RemoteError("key-file", message)


def _encrypted(data: bytes) -> bool:
    """Whether a key needs a passphrase; ``KeyImportError`` when it is no key."""
    try:
        asyncssh.import_private_key(data)
    except asyncssh.KeyImportError as exc:
        if "assphrase" in str(exc):
            return True
        raise
    except ValueError as exc:  # asyncssh's KeyEncryptionError and ASN.1 errors
        raise asyncssh.KeyImportError(str(exc)) from None
    return False


def public_data(key: KeyFile) -> bytes:
    """The public half that lies beside a key file, as SSH sends it; empty when there is none."""
    beside = key.path.with_name(key.path.name + ".pub")
    try:
        return asyncssh.read_public_key(beside).public_data
    except (OSError, asyncssh.KeyImportError):
        return b""


async def unlock(key: KeyFile, place: Place, credentials: Credentials) -> asyncssh.SSHKey | None:
    """The key itself, asking for its passphrase up to three times; None when none is given."""
    if not key.encrypted:
        return asyncssh.import_private_key(key.data)
    for attempt in range(1, ASKS + 1):
        wanted = Wanted("passphrase", place.address, place.user, str(key.path), attempt)
        answer = await credentials.ask(wanted)
        if answer is None:
            return None
        try:
            # the key derivation is slow on purpose: keep the screen alive meanwhile
            return await asyncio.to_thread(asyncssh.import_private_key, key.data, answer)
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            continue
    raise RemoteError(
        "passphrase-wrong",
        msg(
            "The passphrase does not open the key file {path}. It is not the password of the "
            "server: it was chosen when the key was made.",
            path=key.path,
        ),
    )


def no_passphrase(key: KeyFile) -> RemoteError:
    """The error for a key that stays locked because no passphrase was given."""
    return RemoteError(
        "passphrase-wrong",
        msg(
            "The key file {path} is protected by a passphrase and none was given, so it cannot be "
            "used.",
            path=key.path,
        ),
    )


class Agent:
    """The keys of the user's SSH agent, if there is one. Close it when the connection is made."""

    def __init__(self, path: str | None = None) -> None:
        self._path = os.environ.get("SSH_AUTH_SOCK", "") if path is None else path
        self._client: Any = None

    async def keys(self) -> Sequence[Any]:
        """What the agent holds; nothing when there is no agent or it does not answer."""
        if not self._path and sys.platform != "win32":
            return ()
        try:
            async with asyncio.timeout(3):
                self._client = await asyncssh.connect_agent(self._path)
                keys: Sequence[Any] = await self._client.get_keys()
                return keys
        except (OSError, ValueError, asyncssh.Error):
            return ()

    async def close(self) -> None:
        """Let the agent go."""
        if self._client is not None:
            self._client.close()
            self._client = None


async def named_offer(login: Login, place: Place, credentials: Credentials, agent: Agent) -> Offer:
    """The key a Login names: from the agent when that holds it, else from its file."""
    key = read_key(login.key_file, place)
    name = str(key.path)
    if key.encrypted and login.use_agent:
        wanted = public_data(key)
        for pair in await agent.keys() if wanted else ():
            if pair.public_data == wanted:
                return Offer((pair,), (name,))
    opened = await unlock(key, place, credentials)
    if opened is None:
        raise no_passphrase(key)
    return Offer((*_with_certificate(key, opened),), (name,))


async def usual_offers(
    login: Login, folder: Path, agent: Agent
) -> tuple[Offer, tuple[KeyFile, ...]]:
    """Keys that need nobody's help (agent, open files), and the locked files left over."""
    held = list(await agent.keys())[:_AGENT_KEYS] if login.use_agent else []
    pairs: list[Any] = list(held)
    names = [f"agent ({len(held)})"] if held else []
    known = {pair.public_data for pair in held}
    locked = []
    for key in default_files(folder):
        if key.encrypted:
            if public_data(key) not in known:
                locked.append(key)
            continue
        opened = asyncssh.import_private_key(key.data)
        if opened.public_data not in known:
            pairs.extend(_with_certificate(key, opened))
            names.append(str(key.path))
    return Offer(tuple(pairs), tuple(names)), tuple(locked)


def _with_certificate(key: KeyFile, opened: asyncssh.SSHKey) -> Sequence[Any]:
    certificate = key.path.with_name(key.path.name + "-cert.pub")
    if certificate.is_file():
        try:
            return asyncssh.load_keypairs([(opened, str(certificate)), opened])
        except (OSError, ValueError):
            pass
    return asyncssh.load_keypairs([opened])
