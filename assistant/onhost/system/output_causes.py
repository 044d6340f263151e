"""From the output of a failed command to a cause of :data:`protocol.FAIL_CAUSES`."""

from __future__ import annotations

import re

from assistant.onhost.said import Said, said

# Order matters: a full disk or a dead resolver shows up as "failed to fetch" further down.
_PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "disk-full",
        r"no space left on device|disk quota exceeded|enough free (disk )?space|\bENOSPC\b",
    ),
    ("read-only", r"read-only file system|\bEROFS\b"),
    (
        "apt-lock",
        r"could not get lock|unable to (acquire|lock) .*(dpkg|apt|lists|directory)|"
        r"(frontend lock|status database) (was|is) locked|dpkg frontend lock",
    ),
    (
        "clock",
        r"not live until|is not valid yet|not yet valid|invalid for another .*(s|min|h|d)\b|"
        r"\bcreated in the future\b",
    ),
    (
        "name-resolution",
        r"temporary failure (resolving|in name resolution)|could not resolve|"
        r"name or service not known|nameresolutionerror|no address associated with hostname|"
        r"failed to resolve",
    ),
    ("altered", r"do not match the hashes from the requirements"),
    (
        "mirror",
        r"hash sum mismatch|unexpected size|failed to fetch|unable to fetch|"
        r"some index files failed|could not connect to|unable to connect to|no_pubkey|"
        r"is not signed|no longer has a release file|does not have a release file|"
        r"unable to locate package|has no installation candidate|no matching distribution found|"
        r"readtimeouterror|connecttimeouterror|max retries exceeded|"
        r"incompleteread|newconnectionerror",
    ),
    (
        "port-taken",
        r"address already in use|\bEADDRINUSE\b|bind\(\) to \S+ failed \(98|couldn't listen on",
    ),
    (
        "permission",
        r"permission denied|operation not permitted|are you root|must be (run as )?root",
    ),
    ("timeout", r"timed out"),
)
_COMPILED = tuple((cause, re.compile(pattern, re.IGNORECASE)) for cause, pattern in _PATTERNS)

_MEANING = {
    "disk-full": said("the disk is full"),
    "read-only": said("the file system is read-only"),
    "apt-lock": said("another program is installing packages"),
    "clock": said("the clock of this host is wrong"),
    "name-resolution": said("a host name could not be resolved"),
    "altered": said("a file is not the one that was released"),
    "mirror": said("the package mirror could not be used"),
    "port-taken": said("another program already uses the port"),
    "permission": said("permission was denied"),
    "timeout": said("something took too long to answer"),
}


def classify(output: str) -> str:
    """The cause a command's output points to, or an empty string."""
    for cause, pattern in _COMPILED:
        if pattern.search(output):
            return cause
    return ""


def meaning(cause: str) -> Said:
    """What a cause means, to end a sentence with; empty for one that says nothing more."""
    return _MEANING.get(cause, Said())


def tail_of(output: str, lines: int = 30) -> tuple[str, ...]:
    """The last lines of an output, without empty ones, each at most 500 characters."""
    kept = [line.rstrip()[:500] for line in output.splitlines() if line.strip()]
    return tuple(kept[-lines:])
