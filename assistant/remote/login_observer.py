"""An observer of one connection: how far it came, which key was shown, which logins are offered."""

from __future__ import annotations

from collections.abc import Sequence

import asyncssh

from assistant.remote.credentials import Secret
from assistant.remote.failure_causes import Progress


class Watcher(asyncssh.SSHClient):
    """Stands by while asyncssh connects; answers with one password at most once.

    ``shown`` is the key of a server that showed another one than the trusted one.
    """

    def __init__(self, password: Secret | None = None, tried: Sequence[str] = ()) -> None:
        self.shown: asyncssh.SSHKey | None = None
        self.offered: set[str] = set()
        self.logged_in = False
        self._tried = tuple(tried)
        self._password = password
        self._connection: asyncssh.SSHClientConnection | None = None

    @property
    def progress(self) -> Progress:
        """How far the connection came."""
        connection = self._connection
        version = connection.get_extra_info("server_version") if connection else None
        return Progress(
            connected=connection is not None,
            spoke_ssh=version is not None,
            offered=frozenset(self.offered),
            tried=self._tried,
            logged_in=self.logged_in,
        )

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """Remember the connection."""
        self._connection = conn

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        """Only asked about keys that are not the trusted one: remember and refuse."""
        del host, addr, port
        self.shown = key
        return False

    def auth_completed(self) -> None:
        """The server let us in."""
        self.logged_in = True

    def public_key_auth_requested(self) -> None:
        """The server takes keys and all of ours have been shown to it."""
        self.offered.add("key")

    def password_auth_requested(self) -> str | None:
        """The server takes a password: give it once."""
        self.offered.add("password")
        return self._spend()

    def kbdint_auth_requested(self) -> str | None:
        """The server asks questions: answer when there is a password to answer with."""
        self.offered.add("keyboard-interactive")
        return "" if self._password is not None else None

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        """Answer one hidden question with the password; refuse anything else."""
        del name, instructions, lang
        if not prompts:
            return []
        if len(prompts) != 1 or prompts[0][1]:
            self.offered.add("one-time codes")
            return None
        password = self._spend()
        return None if password is None else [password]

    def _spend(self) -> str | None:
        password, self._password = self._password, None
        return None if password is None else password.reveal()
