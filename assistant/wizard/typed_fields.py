"""Fields of the wizard: what was typed, cleaned or refused with the name of the field."""

from __future__ import annotations

import re

from assistant.common.errors import InputError, ProblemError
from assistant.common.validators import (
    clean_domain,
    clean_line,
    clean_port,
)
from assistant.text import Message, msg

TAKEN_PORTS = frozenset({8008, 8080, 8443, 8444, 8448, 8449, 8450, 8453, 9090})
"""High ports that lines often close too (8080, 8443), or that servers of a setup use themselves."""


class FieldError(InputError):
    """Something typed cannot be used. ``field`` says what: the name of a field of the draft
    (``server_name``, ``outside_name``, ``access_port``, …), ``provider.server`` and so on for the
    DNS provider, or for a server ``outside.login.address``, ``inside.mirror`` and so on.
    """

    def __init__(self, field: str, message: Message) -> None:
        super().__init__("draft-field", message)
        self.field = field


def clean_home_port(text: str) -> int:
    """A port that a home line can be reached on; :class:`ProblemError` says why not."""
    port = clean_port(text)
    if port < 1024:
        raise ProblemError(
            msg("Lines at home are closed for low ports. Take one from 10000 to 65535.")
        )
    if port in TAKEN_PORTS:
        raise ProblemError(
            msg("This port is used for something else, or is often closed. Take another.")
        )
    return port


def clean_names(text: str) -> tuple[str, ...]:
    """Several domain names, separated by spaces or commas; :class:`ProblemError` for one."""
    return tuple(
        dict.fromkeys(clean_domain(part) for part in re.split(r"[\s,;，、；]+", text) if part)
    )


def clean_provider(text: str) -> str:
    """The name of a DNS provider as dns-lexicon has it; :class:`ProblemError` when it is none."""
    name = text.strip().lower()
    if not re.fullmatch(r"[a-z0-9]{2,32}", name):
        raise ProblemError(msg("A provider's name here is made of small letters and digits only."))
    return name


def clean_key_name(text: str) -> str:
    """The name of a TSIG key; :class:`ProblemError` when it cannot be one."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,200}", text.strip()):
        raise ProblemError(msg("The name of a key is made of letters, digits, dots and hyphens."))
    return text.strip()


def clean_algorithm(text: str) -> str:
    """The algorithm of a TSIG key; :class:`ProblemError` when it is none."""
    name = text.strip().upper()
    name = name if name.startswith("HMAC-") else f"HMAC-{name}"
    if not re.fullmatch(r"HMAC-(SHA(1|224|256|384|512)|MD5)", name) or name == "HMAC-SHA1":
        raise ProblemError(msg("This is none of the algorithms, such as HMAC-SHA256."))
    return name


def clean_account(text: str) -> str:
    """The public half of a login at a DNS provider; :class:`ProblemError` when it cannot be."""
    if not re.fullmatch(r"[A-Za-z0-9._@:+/=-]{0,200}", text.strip()):
        raise ProblemError(msg("It is made of letters, digits and signs, without spaces."))
    return text.strip()


def _clean_number(text: str) -> str:
    return clean_line(text).strip()
