"""Passwords and passphrases: asked for on the terminal or read from a private file, never kept.

The credentials file is for unattended use. TOML, readable by its owner only::

    [outside]
    sudo = "…"
    password = "…"
    passphrase = "…"
    dns-token = "…"
    dyndns-token = "…"
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

from assistant.cli.output import Output
from assistant.common.errors import InputError
from assistant.operations.trust import ConfirmKey
from assistant.remote import HostKey, Wanted
from assistant.setup.model import Host
from assistant.text import Message, msg, render
from assistant.text.sanitize import clean_text


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
        language: str = "en",
    ) -> None:
        """``given``: secrets by host name or address; ``names``: host name by address."""
        self._language = language
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
        prompt = _prompt(wanted)
        if wanted.attempt > 1:
            prompt = msg("That was not it. {prompt}", prompt=prompt)
        return await _ask_hidden(self._words(prompt))

    async def provided(self, name: str, host: str) -> str | None:
        """A secret a plan asks for by name (``dns-token``)."""
        value = self._given.get(host, {}).get(name)
        if value is not None or not self._interactive:
            return value
        prompt = msg("{name} for {host} (empty: keep what is there): ", name=name, host=host)
        return await _ask_hidden(self._words(prompt)) or None

    def _words(self, message: Message) -> str:
        return clean_text(render(message, self._language))


def _prompt(wanted: Wanted) -> Message:
    user, host = wanted.user, wanted.host
    if wanted.kind == "passphrase":
        return msg("Passphrase of the key for {user} on {host}: ", user=user, host=host)
    if wanted.kind == "sudo":
        return msg("Password of {user} on {host}, for sudo: ", user=user, host=host)
    return msg("Password of {user} on {host}: ", user=user, host=host)


_YES = ("yes", "是")


async def _ask_hidden(prompt: str) -> str | None:
    try:
        return await asyncio.to_thread(getpass.getpass, prompt, sys.stderr)
    except (EOFError, OSError):
        return None


def confirm_key(out: Output, *, interactive: bool) -> ConfirmKey:
    """A function that shows a host key and has it confirmed on the terminal."""

    async def confirm(host: Host, is_jump: bool, key: HostKey) -> bool:
        login = host.jump if is_jump and host.jump is not None else host.login
        out.say(
            msg(
                "The server {name} ({address} port {port}) shows this key:\n"
                "    {algorithm}  {fingerprint}\n"
                "Compare it with the fingerprint in your provider's console, or run there:\n"
                "    {command}",
                name=host.name,
                address=login.address,
                port=login.port,
                algorithm=key.algorithm,
                fingerprint=key.fingerprint,
                command=key.command,
            )
        )
        if not interactive:
            out.say(
                msg(
                    "Nobody is here to confirm it: put the key into the answers file as"
                    ' host_key = "{key}" once you have compared it.',
                    key=key.text,
                )
            )
            return False
        answer = await asyncio.to_thread(input, out.words(msg("Is it the same? Type yes: ")))
        return answer.strip().lower() in _YES

    return confirm
