"""Command lines for a host, and what it means when one ends before our program started.

All commands are constants: nothing a user or a host wrote becomes part of one.
"""

from __future__ import annotations

import re
import shlex
from enum import StrEnum

from assistant.remote.bootstrap import BOOT
from assistant.remote.errors import Place, RemoteError
from assistant.text import Message, msg

PROMPT = "MA1-SUDO-PASSWORD"
"""What sudo prints when it asks for a password."""

INSTALL_PYTHON = (
    "echo MA1 ready; "
    'while read -r l; do test "$l" = MA1 && break; done; '
    "d=$(mktemp -d) || exit 3; "
    'cat > "$d/mirror.sources"; '
    "o=; "
    'if test -s "$d/mirror.sources"; then '
    'o="-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=$d"; fi; '
    "for i in 1 2 3; do "
    "apt-get -q -o DPkg::Lock::Timeout=120 $o update && break; sleep 5; done; "
    "DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 $o "
    "--no-install-recommends install python3; "
    "r=$?; "
    'rm -rf "$d"; '
    "exit $r"
)
"""Shell program that installs python3. Its input is the line ``MA1``, then the text of a .sources
file for apt, or nothing to use the sources of the host."""


class Become(StrEnum):
    """How a command becomes root's."""

    ROOT = "root"
    SUDO = "sudo"
    SUDO_PASSWORD = "sudo with password"  # noqa: S105 - a name, not a password


def python_command(become: Become) -> str:
    """The remote command that starts the streamed program."""
    # -X utf8: messages are UTF-8 whatever locale the host or sudo sets
    return _as_root(become, ["python3", "-I", "-X", "utf8", "-c", BOOT])


def install_command(become: Become) -> str:
    """The remote command that installs python3."""
    return _as_root(become, ["sh", "-c", INSTALL_PYTHON])


def _as_root(become: Become, command: list[str]) -> str:
    # LC_ALL: sudo's messages are read by judge(); through env, since csh and fish set variables
    # in their own ways
    words = ["env", "LC_ALL=C", "LANGUAGE=C"]
    if become is Become.SUDO:
        words += ["sudo", "-n", "--"]
    elif become is Become.SUDO_PASSWORD:
        words += ["sudo", "-S", "-p", PROMPT, "--"]
    return shlex.join([*words, *command])


_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (cause, re.compile(pattern, re.IGNORECASE))
    for cause, pattern in (
        ("no-space", r"no space left on device"),
        ("sudo-needs-tty", r"must have a tty|tty is required to run sudo"),
        (
            "sudo-not-allowed",
            r"not in the sudoers|may not run sudo|is not allowed to (execute|run)"
            r"|i'm afraid i can't do that|account validation failure|effective uid is not 0"
            r"|no new privileges",
        ),
        (
            "sudo-wrong",
            r"incorrect (password|authentication) attempt|no password was provided"
            r"|sorry, try again|authentication failed|authentication failure",
        ),
        (
            "sudo-password",
            r"password is required|interactive authentication is required|a terminal is required"
            r"|no tty present",
        ),
        (
            "no-sudo",
            r"sudo['’]?: (command )?(not found|no such file)|command not found: sudo"
            r"|unknown command:? sudo",
        ),
        (
            "no-python",
            r"python3['’\"]?:? (command )?not found|python3['’\"]?:? no such file"
            r"|command ['\"]?python3['\"]? not found|command not found: python3",
        ),
    )
)
_NO_SHELL = re.compile(r"account is (currently )?not available|shell access", re.IGNORECASE)


def judge(stderr: str, status: int | None, become: Become, greeting: str = "") -> str:
    """Why a command ended before it began: one of the causes of errors.CAUSES, or ``sudo-password``

    when sudo wants one. ``greeting`` is what the host printed on standard output. Pure; knows the
    words of sudo, sudo-rs and the usual shells, in English.
    """
    greeting = f"{stderr}\n{greeting}"
    for cause, pattern in _PATTERNS:
        if cause.startswith("sudo") and become is Become.ROOT:
            continue
        if pattern.search(stderr):
            if cause == "sudo-wrong" and become is Become.SUDO:
                return "sudo-password"
            if cause == "sudo-password" and become is Become.SUDO_PASSWORD:
                return "sudo-wrong"
            return cause
    if status == 127:
        return "no-python"
    return "no-shell" if _NO_SHELL.search(greeting) else "protocol"


def ended_early(cause: str, place: Place, *evidence: str) -> RemoteError:
    """The error for a cause that :func:`judge` found."""
    return place.error(cause, _message(cause, place), *evidence)


def _message(cause: str, place: Place) -> Message:
    values = {"host": place.name, "user": place.user}
    match cause:
        case "sudo-wrong":
            return msg(
                "sudo on {host} did not accept the password of {user}, or none was given. It is "
                "the password of that account on the server, not the passphrase of your key. "
                "After three tries the assistant stops, so that the account is not locked.",
                **values,
            )
        case "sudo-not-allowed":
            return msg(
                "The account {user} on {host} may not become root with sudo. Log in as root, or "
                "let the provider's console add the account: usermod -aG sudo {user}",
                **values,
            )
        case "sudo-needs-tty":
            return msg(
                "sudo on {host} wants a terminal (requiretty). Log in as root, or take that "
                "setting out with visudo at the provider's console.",
                **values,
            )
        case "no-sudo":
            return msg(
                "{user} on {host} is not root, and the server has no sudo. Log in as root, or "
                "install sudo there and allow {user} to use it.",
                **values,
            )
        case "no-python":
            return msg(
                "{host} has no python3, and it could not be installed. Run there as root: apt-get "
                "update, then apt-get install python3. If that fails, the reason shown is what to "
                "mend; from China, a package mirror in the settings often helps.",
                **values,
            )
        case "no-space":
            return msg(
                "The disk of {host} is full. Make some room there (apt-get clean, old logs), then "
                "go on.",
                **values,
            )
        case "no-shell":
            return msg(
                "{host} let {user} in but does not let this account run programs. Use an account "
                "with a shell.",
                **values,
            )
        case _:
            return msg(
                "{host} did not answer as the assistant's program does. The account may have a "
                "forced command or a login script that gets in the way; the details show what "
                "came instead.",
                **values,
            )
