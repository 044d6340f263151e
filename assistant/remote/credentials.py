"""Asking the user for passwords and passphrases, and keeping them in memory only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal, Protocol

ASKS = 3
"""How often one thing is asked for before giving up: more could lock an account."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    ``kind``: ``passphrase`` of a key file (``detail`` is its path), ``password`` of an account,
    ``sudo`` password of an account. ``host`` is the address, ``attempt`` counts from 1: a higher
    number means that the answer before was wrong.
    """

    kind: Literal["passphrase", "password", "sudo"]
    host: str
    user: str
    detail: str = ""
    attempt: int = 1


class Credentials(Protocol):
    """Whoever can ask the user."""

    async def ask(self, wanted: Wanted) -> str | None:
        """The answer, or None when the user does not want to give one."""


class NoCredentials:
    """Nobody to ask: for work that runs unattended."""

    async def ask(self, wanted: Wanted) -> str | None:
        """Always None."""
        del wanted
        return None


class Secret:
    """A text that shows itself only through :meth:`reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is never written anywhere")


class Remembering:
    """Credentials that ask once and answer again from memory when a connection is made anew.

    A remembered answer is given to a first attempt only; once it was wrong, it is forgotten.
    Two connections that need the same thing at the same time lead to one question.
    """

    def __init__(self, inner: Credentials) -> None:
        self._inner = inner
        self._known: dict[tuple[str, str, str, str], Secret] = {}
        self._locks: dict[tuple[str, str, str, str], asyncio.Lock] = {}

    def __repr__(self) -> str:
        return f"Remembering({len(self._known)} answers)"

    async def ask(self, wanted: Wanted) -> str | None:
        """The remembered answer or a fresh one."""
        who = ("", "") if wanted.kind == "passphrase" else (wanted.host, wanted.user)
        key = (wanted.kind, *who, wanted.detail)
        async with self._locks.setdefault(key, asyncio.Lock()):
            if wanted.attempt > 1:
                self._known.pop(key, None)
            elif key in self._known:
                return self._known[key].reveal()
            answer = await self._inner.ask(wanted)
            if answer is not None:
                self._known[key] = Secret(answer)
            return answer
