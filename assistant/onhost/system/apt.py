"""What the package handlers share: how apt is called, and what its failures mean."""

from __future__ import annotations

import fcntl
import re
import time
from pathlib import Path

from assistant.onhost.contract import Completed, HostError, Machine
from assistant.onhost.said import Said, said
from assistant.onhost.system.output_causes import classify, tail_of

LISTS = "/var/lib/apt/lists"
UPDATED = "apt:updated"
"""State: when this program last fetched the package lists (seconds since 1970)."""

DAY = 24 * 3600

LOCK_WAIT = 60
"""Seconds to wait for another program that holds apt's locks."""

LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock")

ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
    "UCF_FORCE_CONFFOLD": "1",
}

OPTIONS = (
    "-o", "DPkg::Lock::Timeout=60",
    "-o", "Acquire::Retries=3",
    "-o", "Acquire::http::Timeout=30",
    "-o", "Acquire::https::Timeout=30",
    "-o", "Dpkg::Use-Pty=0",
    "-o", "Dpkg::Options::=--force-confdef",
    "-o", "Dpkg::Options::=--force-confold",
)  # fmt: skip

# Without Error-Mode apt-get update ends with 0 although a source could not be fetched.
_UPDATE = ("apt-get", *OPTIONS, "-o", "APT::Update::Error-Mode=any", "update")


def _sentences(what: Said) -> dict[str, Said]:
    return {
        "disk-full": said(
            "The disk of this server is full, so {what} stopped. Free some space or enlarge "
            "the disk, then apply again.",
            what=what,
        ),
        "read-only": said(
            "A file system of this server is read-only, so {what} stopped. A restart may mend "
            "that; if not, ask your provider about the disk.",
            what=what,
        ),
        "apt-lock": said(
            "Another program is installing packages and did not finish within a minute. Wait "
            "until it is done, then try again."
        ),
        "clock": said(
            "The clock of this server is wrong, so the packages' signatures seem not to be valid "
            "yet. Set the time, then try again."
        ),
        "name-resolution": said(
            "This server cannot resolve the name of its package mirror. Check its resolver "
            "(/etc/resolv.conf), or choose another mirror, then apply again."
        ),
        "port-taken": said(
            "A new service could not start, because its port is taken by another program. Stop "
            "that program, then apply again."
        ),
        "mirror": said(
            "The package mirror did not give what was asked for, so {what} stopped. Try again in "
            "some minutes, or choose another mirror in the settings.",
            what=what,
        ),
    }


_STALE = re.compile(
    r"Unable to locate package|has no installation candidate|404 +Not Found|Hash Sum mismatch"
)


def failure(output: str, what: Said, default: str = "command") -> HostError:
    """The error to raise for apt's or dpkg's output; ``what`` is such as "the installation"."""
    cause = classify(output)
    sentences = _sentences(what)
    if cause not in sentences:
        cause = default
    text = sentences.get(cause) or said("apt failed, so {what} stopped.", what=what)
    return HostError(cause, text, tail_of(output))


def lists_are_stale(output: str) -> bool:
    """Whether a failed installation may succeed after the lists have been fetched again."""
    return bool(_STALE.search(output))


def lists_are_old(machine: Machine) -> bool:
    """Whether the package lists are missing, or not known to be younger than a day."""
    folder = Path(machine.path(LISTS))
    if not any(folder.glob("*_Packages*")):
        return True
    updated = machine.recall(UPDATED)
    if not isinstance(updated, (int, float)):
        return True
    return not 0 <= time.time() - updated < DAY


def wait_until_free(machine: Machine) -> None:
    """Wait while another program installs packages; HostError ``apt-lock`` after a minute.

    What apt waits for by itself, dpkg alone and the lists of older versions of apt do not.
    """
    deadline = time.monotonic() + LOCK_WAIT
    told = False
    while any(_is_locked(machine.path(path)) for path in LOCKS):
        if time.monotonic() > deadline:
            raise HostError("apt-lock", _sentences(Said())["apt-lock"])
        if not told:
            machine.say(said("Waiting for another program to finish installing packages."))
        told = True
        time.sleep(1)


def _is_locked(path: str) -> bool:
    try:
        with open(path, "r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        # No such lock yet, or none that can be taken: apt itself says more about it.
        return False
    return False


def update(machine: Machine) -> Completed:
    """Fetch the package lists; the caller judges the exit code."""
    deadline = time.monotonic() + LOCK_WAIT
    while True:
        done = machine.run(_UPDATE, env=ENVIRONMENT, timeout=900, check=False, stream=True)
        # The lock of the lists has no timeout option in apt 2.4, and a fresh cloud server holds
        # it for its own first update.
        if done.code == 0 or classify(done.output) != "apt-lock" or time.monotonic() > deadline:
            break
        machine.say(said("Waiting for another program to finish with the package lists."))
        time.sleep(5)
    if done.code == 0:
        machine.remember(UPDATED, time.time())
    return done
