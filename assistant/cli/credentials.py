"""Passwords and passphrases: asked for on the terminal or read from a private file, never kept.

The credentials file is for unattended use. TOML, readable by its owner only::

    [outside]
    sudo = "…"
    password = "…"
    passphrase = "…"
    dns-token = "…"
"""

from __future__ import annotations

import asyncio
import getpass
import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from assistant.errors import InputError
from assistant.remote import HostKey, Wanted
from assistant.run import ConfirmKey
from assistant.setup import Host
from assistant.text import msg

_PROMPTS = {
    "passphrase": "Passphrase of the key for {user} on {host}",
    "password": "Password of {user} on {host}",
    "sudo": "Password of {user} on {host}, for sudo",
}


def read_credentials(path: Path) -> Mapping[str, Mapping[str, str]]:
    """The secrets in a credentials file, by host; :class:`InputError` says what is wrong."""
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InputError(
                "credentials-file",
                msg(
                    "The credentials file {path} can be read by other people. Run"
                    " `chmod 600 {path}` and try again.",
                    path=path,
                ),
            )
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            "credentials-file",
            msg(
                "The credentials file {path} cannot be read: {why}.",
                path=path,
                why=error.strerror or type(error).__name__,
            ),
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The message of the parser names a place, never the text there.
        place = str(error).rsplit("(", 1)[-1].rstrip(")")
        raise InputError(
            "credentials-file",
            msg("The credentials file {path} is not TOML ({place}).", path=path, place=place),
        ) from None
    for host, values in data.items():
        if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
            raise InputError(
                "credentials-file",
                msg(
                    "In the credentials file {path}, [{host}] must be a section of texts.",
                    path=path,
                    host=host,
                ),
            )
    return data


class TerminalCredentials:
    """Secrets from a credentials file where it has them, else asked for on the terminal."""

    def __init__(
        self,
        given: Mapping[str, Mapping[str, str]],
        names: Mapping[str, str],
        *,
        interactive: bool,
    ) -> None:
        """``given``: secrets by host name or address; ``names``: host name by address."""
        self._given = given
        self._names = names
        self._interactive = interactive

    def __repr__(self) -> str:
        return "TerminalCredentials(…)"

    async def ask(self, wanted: Wanted) -> str | None:
        """A secret for a login; None when there is none to give."""
        name = self._names.get(wanted.host, wanted.host)
        section = self._given.get(name) or self._given.get(wanted.host) or {}
        value = section.get(wanted.kind)
        if value is not None:
            # The same value would only be refused again.
            return value if wanted.attempt <= 1 else None
        if not self._interactive:
            return None
        prompt = _PROMPTS[wanted.kind].format(user=wanted.user, host=wanted.host)
        if wanted.attempt > 1:
            prompt = "That was not it. " + prompt
        return await _ask_hidden(prompt + ": ")

    async def provided(self, name: str, host: str) -> str | None:
        """A secret a plan asks for by name (``dns-token``)."""
        value = self._given.get(host, {}).get(name)
        if value is not None or not self._interactive:
            return value
        return await _ask_hidden(f"{name} for {host} (empty: keep what is there): ") or None


async def _ask_hidden(prompt: str) -> str | None:
    try:
        return await asyncio.to_thread(getpass.getpass, prompt, sys.stderr)
    except (EOFError, OSError):
        return None


def confirm_key(*, interactive: bool) -> ConfirmKey:
    """A function that shows a host key and has it confirmed on the terminal."""

    async def confirm(host: Host, is_jump: bool, key: HostKey) -> bool:
        login = host.jump if is_jump and host.jump is not None else host.login
        where = f"{login.address} port {login.port}"
        print(
            f"The server {host.name} ({where}) shows this key:\n"
            f"    {key.algorithm}  {key.fingerprint}\n"
            "Compare it with the fingerprint in your provider's console, or run there:\n"
            "    ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
            file=sys.stderr,
        )
        if not interactive:
            print(
                "Nobody is here to confirm it: put the key into the answers file as"
                ' host_key = "' + key.text + '" once you have compared it.',
                file=sys.stderr,
            )
            return False
        answer = await asyncio.to_thread(input, "Is it the same? Type yes: ")
        return answer.strip().lower() == "yes"

    return confirm
