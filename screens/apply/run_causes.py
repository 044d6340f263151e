"""What to do about a run that ended early, by the cause the host or the connection named."""

from __future__ import annotations

from collections.abc import Mapping

from assistant.text import Message, msg

_TRY_AGAIN = msg("Try again: what is done stays done, and it goes on from there.")

_REMEDIES: Mapping[str, Message] = {
    "disk-full": msg(
        "Free some space on the server or rent a larger disk, then try again. What is done stays."
    ),
    "read-only": msg(
        "The server's disk takes nothing new, often because it is damaged. Restart the server in"
        " your provider's console; if that does not help, ask your provider."
    ),
    "apt-lock": msg(
        "The server is installing updates of its own. Wait some minutes, then try again."
    ),
    "mirror": msg(
        "The place the packages come from did not answer well. Try again in a few minutes; if it"
        " stays so, choose another package mirror."
    ),
    "port-taken": msg(
        "Another program on the server already answers there. Stop or remove it, then try again."
    ),
    "acme": msg(
        "The certificate was refused. Look at the checks: the name must lead to this server and"
        " port 80 must be open. Then try again; too many tries in an hour are refused as well."
    ),
    "not-confirmed": msg(
        "The firewall was taken back by itself, because the server could not be reached through"
        " it. Nobody is locked out. Look at the checks, then try again."
    ),
    "health": msg(
        "The program was started but does not answer. Its last lines below tell why; look at them"
        " or send the report to someone who helps you."
    ),
    "conflict": msg("Go back to the review and decide on each file that was edited by hand."),
    "missing-secret": msg("Try again; you will be asked for it."),
    "permission": msg("Log in as root, or as a user who may do everything with sudo."),
    "unsupported": msg("Choose a server with Debian 12 or 13, or Ubuntu 22.04 or 24.04."),
    "clock": msg("Set the clock of the server right, then try again."),
    "name-resolution": msg(
        "The server finds no names on the network. Ask your provider, or try again later."
    ),
    "busy": msg("Wait for the other run to end, then try again."),
    "interrupted": _TRY_AGAIN,
    "timeout": _TRY_AGAIN,
}


def remedy(cause: str) -> Message:
    """What a person can do about a cause; to try again is always safe."""
    return _REMEDIES.get(cause.removeprefix("jump-"), _TRY_AGAIN)
