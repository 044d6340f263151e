"""Disks, memory and the packet filter, as the host itself saw them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from assistant.findings.model import Finding, Mender, Status
from assistant.text import msg
from checks.causes import remedy
from checks.host.follows import apply_again, finding

FULL_MB = 100
"""MB under which PostgreSQL and Synapse are about to stop, if they have not yet."""

FEW_INODES = 1000
LITTLE_MEMORY = 40
"""MB, swap counted in, under which the kernel is about to end something."""


def judge_disks(host: str, disks: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """One finding per file system that takes no more data, whatever the reason."""
    seen: set[str] = set()
    for disk in disks:
        mount = str(disk.get("mount", "/"))
        if mount in seen:
            continue
        seen.add(mount)
        free, inodes = disk.get("free"), disk.get("inodes")
        values = {"host": host, "mount": mount, "free": free, "inodes": inodes}
        shown = (f"{mount}: {free} of {disk.get('total')} MB, inodes {inodes}",)
        if disk.get("writable") is False:
            yield finding(
                host, f"disk {mount}", Status.FAILED, "disk-read-only",
                msg("The disk of {host} at {mount} can only be read.", **values),
                evidence=shown,
                mend=remedy(Mender.PROVIDER, msg(
                    "That happens when a disk fails. Look at the server's disk in your provider's"
                    " console, restart the server, and have a backup at hand.")),
            )  # fmt: skip
        elif isinstance(free, int) and free < FULL_MB:
            yield finding(
                host, f"disk {mount}", Status.FAILED, "disk-full",
                msg("The disk of {host} is full: {free} MB are left at {mount}.", **values),
                evidence=shown,
                mend=remedy(Mender.YOU, msg(
                    "Delete what you do not need on the server, or enlarge its disk. Old journals"
                    " go with: journalctl --vacuum-size=50M")),
            )  # fmt: skip
        elif isinstance(inodes, int) and inodes < FEW_INODES:
            yield finding(
                host, f"disk {mount}", Status.FAILED, "inodes-full",
                msg("The disk of {host} takes no more files: room for {inodes} is left at"
                    " {mount}.", **values),
                evidence=shown,
                mend=remedy(Mender.YOU, msg(
                    "Something made a great many small files. Find the folder on {host} with:"
                    " du --inodes -x / | sort -n | tail", **values)),
            )  # fmt: skip


def judge_memory(host: str, told: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether memory is about to run out."""
    available, swap = told.get("available"), told.get("swap")
    if not isinstance(available, int) or not told.get("total"):
        return
    left = available + (swap if isinstance(swap, int) else 0)
    if left < LITTLE_MEMORY:
        yield finding(
            host,
            "memory",
            Status.WARNING,
            "memory-exhausted",
            msg("{host} has only {left} MB of memory left.", host=host, left=left),
            evidence=(f"killed by the kernel since boot: {told.get('killed')}",),
            mend=remedy(
                Mender.YOU, msg("Change to a size with more memory in your provider's console.")
            ),
        )


def judge_firewall(
    host: str, told: Mapping[str, Any], planned: Collection[int]
) -> Iterator[Finding]:
    """The host's own packet filter is read, never guessed."""
    values = {"host": host}
    again = apply_again(msg("Apply the setup again: it puts the firewall in order."))
    stopped = [item for item in told.get("stopped", ()) if item.get("port") in planned]
    for port in sorted({int(item["port"]) for item in stopped}):
        rules = [item for item in stopped if item["port"] == port]
        shown = [f"{item['where']}: tcp dport {port} {item['how']}" for item in rules]
        yield finding(
            host,
            f"firewall {port}",
            Status.FAILED,
            "firewall-blocks",
            msg("The firewall on {host} refuses port {port} by a rule that is not the"
                " assistant's: {where}.", port=port, where=rules[0]["where"], **values),
            evidence=shown,
            mend=remedy(Mender.YOU, msg(
                "Remove that rule on {host}; `nft -a list ruleset` shows where it stands.",
                **values)),
        )  # fmt: skip
    if not told.get("loaded"):
        yield finding(
            host, "firewall", Status.WARNING, "firewall-missing",
            msg("The assistant's firewall on {host} is not loaded: every port is open.", **values),
            mend=again,
        )  # fmt: skip
        return
    shut = sorted(set(planned) - set(told.get("open", ())) - {int(i["port"]) for i in stopped})
    for port in shut:
        yield finding(
            host, f"firewall {port}", Status.FAILED, "firewall-rule-missing",
            msg("The firewall on {host} does not let port {port} in.", port=port, **values),
            mend=again,
        )  # fmt: skip
