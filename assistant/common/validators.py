"""Single values as people type them: made clean, or refused with a reason they understand."""

from __future__ import annotations

import ipaddress
import re
from unicodedata import category

from assistant.common.errors import ProblemError
from assistant.text import msg

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_NO_LINE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_domain(text: str) -> str:
    """A domain name in lower case and ASCII (IDNA); :class:`ProblemError` says what is wrong."""
    name = text.strip().lower()
    if "/" in name:
        raise ProblemError(msg("Give the name alone, without https:// and without a slash."))
    if "@" in name:
        raise ProblemError(msg("Give the domain name alone: what stands behind the @."))
    if not name.isascii():
        import idna

        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise ProblemError(msg("This is not a domain name.")) from None
    name = name.rstrip(".")
    if is_address(name):
        raise ProblemError(
            msg(
                "This is an address made of numbers. A domain name such as chat.example.org is"
                " needed here."
            )
        )
    labels = name.split(".")
    if len(labels) < 2:
        raise ProblemError(msg("A domain name needs at least one dot, like chat.example.org."))
    if len(name) > 230:
        raise ProblemError(msg("This is too long for a domain name."))
    if not all(_LABEL.match(label) for label in labels) or labels[-1].isdigit():
        raise ProblemError(
            msg(
                "A domain name is made of letters, digits, dots and hyphens, like chat.example.org."
            )
        )
    return name


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def clean_address(text: str) -> str:
    """An IPv4 or IPv6 address, or a host name; :class:`ProblemError` when it is neither."""
    text = text.strip()
    if is_address(text.strip("[]")):
        return str(ipaddress.ip_address(text.strip("[]")))
    if "@" in text:
        raise ProblemError(
            msg("Give the address alone. What stands before the @ is the user, asked separately.")
        )
    if "." not in text and _LABEL.match(text.lower()) and not text.isdigit():
        return text.lower()
    if re.fullmatch(r"[^:/]+:\d+", text):
        raise ProblemError(
            msg(
                "Give the address alone. What stands behind the colon is the port, asked"
                " separately."
            )
        )
    try:
        return clean_domain(text)
    except ProblemError:
        raise ProblemError(
            msg("This is neither an IP address, like 203.0.113.7, nor the name of a server.")
        ) from None


def clean_port(text: str) -> int:
    """A TCP port as typed; :class:`ProblemError` when it is none."""
    text = text.strip()
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ProblemError(msg("A port is a number from 1 to 65535. The usual one is 22."))
    return int(text)


def clean_kept_port(value: object) -> int | str:
    """A port that stays open: its number for TCP, ``udp/N`` for UDP.

    As typed or saved: ``8080``, ``tcp/8080``, ``udp/51820``, ``51820/udp``.
    """
    wrong = ProblemError(
        msg("A port to keep open is a number from 1 to 65535, alone or like udp/51820.")
    )
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise wrong
    text = str(value).strip().lower()
    found = re.fullmatch(r"(?:(tcp|udp)/)?([0-9]{1,5})(?:/(tcp|udp))?", text)
    if not found or (found[1] and found[3]) or not 1 <= int(found[2]) <= 65535:
        raise wrong
    number = int(found[2])
    return f"udp/{number}" if "udp" in (found[1], found[3]) else number


def clean_kept_ports(text: str) -> tuple[int | str, ...]:
    """Several of them as typed, separated by spaces or commas; each once."""
    return tuple(
        dict.fromkeys(clean_kept_port(word) for word in re.split(r"[\s,，、]+", text) if word)
    )


def clean_ipv4(text: str) -> str:
    """An IPv4 address, or nothing; :class:`ProblemError` when it is something else."""
    text = text.strip()
    try:
        return str(ipaddress.IPv4Address(text)) if text else ""
    except ValueError:
        raise ProblemError(
            msg("An IPv4 address is four numbers from 0 to 255 with dots, like 203.0.113.7.")
        ) from None


def clean_ipv6(text: str) -> str:
    """An IPv6 address, or nothing; :class:`ProblemError` when it is something else."""
    text = text.strip().strip("[]")
    try:
        return str(ipaddress.IPv6Address(text)) if text else ""
    except ValueError:
        raise ProblemError(
            msg(
                "An IPv6 address is made of digits, the letters a to f, and colons, like"
                " 2001:db8::7."
            )
        ) from None


def clean_user(text: str) -> str:
    """The name of an account on a server; :class:`ProblemError` when it cannot be one."""
    text = text.strip()
    if not re.fullmatch(r"[a-z_][a-z0-9_.-]{0,31}\$?", text):
        raise ProblemError(
            msg(
                "This cannot be an account on a server. The usual ones are root, debian and ubuntu."
            )
        )
    return text


def clean_line(text: str) -> str:
    """Text of one line; :class:`ProblemError` when there is a control character in it.

    Also refused is what ends a line elsewhere (NEL, U+2028 and U+2029, by their categories in
    Unicode), what turns the direction of writing, and what cannot be stored as UTF-8.
    """
    if any(category(c) in _NO_LINE or c in _DIRECTION for c in text):
        raise ProblemError(msg("It contains a control character."))
    return text


def clean_localpart(text: str) -> str:
    """What stands before the colon in a user id; :class:`ProblemError` when it cannot."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._=/-]{0,100}", text):
        raise ProblemError(
            msg("A Matrix user is made of lower-case letters, digits, and . _ = - only.")
        )
    return text


def clean_email(text: str) -> str:
    """An e-mail address, or nothing; :class:`ProblemError` when it is something else."""
    text = text.strip()
    if text and not re.fullmatch(
        r"[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+", text
    ):
        raise ProblemError(msg("This is not an e-mail address, like anna@example.org."))
    return text


def clean_https(text: str) -> str:
    """An ``https://`` address; :class:`ProblemError` when it is something else."""
    if not re.fullmatch(r"https://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~:/@!()*+,=%-]*)?", text):
        raise ProblemError(msg("This is not an address that begins with https://."))
    return text
