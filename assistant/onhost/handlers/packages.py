"""Debian packages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from assistant.onhost.contract import Completed, Done, Found, Handler, HostError, Kept, Machine
from assistant.onhost.resources import Packages
from assistant.onhost.said import Said, said
from assistant.onhost.system import apt, space
from assistant.onhost.system.output_causes import tail_of

_QUERY = ("dpkg-query", "-W", "-f", "${Package}\\t${db:Status-Status}\\n")
_LINE = re.compile(r"([a-z0-9][a-z0-9+.-]*)\t([a-z-]+)")


class PackagesHandler:
    """Packages are installed and configured, without their recommendations unless asked for.

    Services of fresh packages may start with Debian's own defaults before they are configured.
    Holding them back needs a policy-rc.d file, and one left behind by a power cut would silently
    stop every service at its next upgrade, for as long as nobody finds it. What starts is modest:
    PostgreSQL listens on loopback only, nginx shows its greeting until its configuration
    comes, and its package does not start it where port 80 is taken.

    Undo leaves the packages: removing PostgreSQL would endanger its data, and others may rely on
    the rest by then. Its receipt names what came, for those who want to remove it by hand.
    """

    def inspect(self, resource: Packages, machine: Machine) -> Found:
        """Look all packages up at once; one that is unpacked but not configured counts."""
        statuses = machine.cached("dpkg:statuses", lambda: _statuses(machine))
        missing = _not_installed(resource.names, statuses)
        if not missing:
            return Found("none")
        broken = [name for name in missing if statuses.get(name, "").startswith(("half", "unp"))]
        names = ", ".join(missing)
        summary = said("install {names}", names=names)
        if broken:
            summary = said(
                "install {names} (repairing an installation that was cut: {cut})",
                names=names,
                cut=", ".join(broken),
            )
        action = "create" if len(missing) == len(resource.names) else "update"
        return Found(action, summary, data={"missing": missing})

    def apply(self, resource: Packages, found: Found, machine: Machine) -> Done:
        """Repair what a power cut left, ask for space, install; fetch the lists when it helps."""
        apt.wait_until_free(machine)
        _repair(machine)
        before = _statuses(machine)
        missing = _not_installed(resource.names, before)
        if not missing:
            return Done(said("already installed"))
        fresh = False
        if apt.lists_are_old(machine):
            _fetch_lists(machine)
            fresh = True
        recommends = "--install-recommends" if resource.recommends else "--no-install-recommends"
        install = ("apt-get", *apt.OPTIONS, "install", "-y", recommends, *missing)
        planned = _simulate(install, machine)
        if planned.code != 0 and apt.lists_are_stale(planned.output) and not fresh:
            _fetch_lists(machine)
            fresh = True
            planned = _simulate(install, machine)
        if planned.code != 0:
            raise _no_package(missing, planned.output)
        names = planned_names(planned.output)
        machine.receipt({"installed": _not_installed(names, before)})
        _ask_for_space(names, machine)
        done = machine.run(install, env=apt.ENVIRONMENT, timeout=3600, check=False, stream=True)
        if done.code != 0 and apt.lists_are_stale(done.output) and not fresh:
            _fetch_lists(machine)
            done = machine.run(install, env=apt.ENVIRONMENT, timeout=3600, check=False, stream=True)
        if done.code != 0:
            raise apt.failure(
                done.output, said("the installation of {names}", names=", ".join(missing))
            )
        after = _statuses(machine)
        left = _not_installed(resource.names, after)
        if left:
            raise HostError(
                "command",
                said(
                    "apt reported success, but these packages are not installed: {names}",
                    names=", ".join(left),
                ),
                tail_of(done.output),
            )
        came = sorted(n for n, s in after.items() if s == "installed" != before.get(n))
        return Done(said("installed {names}", names=", ".join(missing)), {"installed": came})

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Leave everything installed, and say so."""
        count = len(receipt.get("installed", ()))
        return Kept(
            said(
                "{count} installed package(s) stay, because others may rely on them by now.",
                count=count,
            )
        )


def _statuses(machine: Machine) -> dict[str, str]:
    """Package name to dpkg's status; ``installed`` wins where several architectures differ."""
    return parse_statuses(machine.run(_QUERY, timeout=60).output)


def parse_statuses(output: str) -> dict[str, str]:
    """Read lines of package, tab, status; other lines (warnings) are passed over."""
    statuses: dict[str, str] = {}
    for line in output.splitlines():
        match = _LINE.fullmatch(line)
        if match and statuses.get(match[1]) != "installed":
            statuses[match[1]] = match[2]
    return statuses


def planned_names(output: str) -> tuple[str, ...]:
    """The packages that ``apt-get -s install`` would unpack."""
    return tuple(dict.fromkeys(re.findall(r"(?m)^Inst (\S+)", output)))


def planned_space(output: str) -> tuple[int, int]:
    """Bytes to download and bytes when unpacked, summed over the records of ``apt-cache show``."""
    download = sum(int(size) for size in re.findall(r"(?m)^Size: (\d+)$", output))
    unpacked = sum(int(size) for size in re.findall(r"(?m)^Installed-Size: (\d+)$", output))
    return download, unpacked * 1024


def _not_installed(names: Iterable[str], statuses: Mapping[str, str]) -> list[str]:
    return [name for name in names if statuses.get(name) != "installed"]


def _repair(machine: Machine) -> None:
    """Finish what an interrupted dpkg left; its own steps, in the order Debian advises."""
    audit = machine.run(("dpkg", "--audit"), timeout=120, check=False)
    if not audit.output.strip():
        return
    machine.say(said("An earlier installation was interrupted; it is finished first."))
    steps = (
        ("dpkg", "--configure", "-a", "--force-confdef", "--force-confold"),
        ("apt-get", *apt.OPTIONS, "-f", "install", "-y"),
    )
    done = audit
    for argv in steps:
        # The first may fail for want of a dependency that the second brings.
        done = machine.run(argv, env=apt.ENVIRONMENT, timeout=1800, check=False, stream=True)
    if done.code != 0:
        raise apt.failure(done.output, said("the repair of an interrupted installation"))


def _fetch_lists(machine: Machine) -> None:
    done = apt.update(machine)
    if done.code != 0:
        # A source of the user's own that is dead must not stop us while the others have it all.
        machine.say(
            said("Not all package lists could be fetched; going on with those that are there.")
        )


def _simulate(install: tuple[str, ...], machine: Machine) -> Completed:
    argv = ("apt-get", "-s", *install[1:])
    return machine.run(argv, env=apt.ENVIRONMENT, timeout=120, check=False)


def _no_package(missing: list[str], output: str) -> HostError:
    unknown = re.findall(r"Unable to locate package (\S+)|Package '(\S+)' has no inst", output)
    names = [one or other for one, other in unknown]
    if not names:
        return apt.failure(output, said("the installation of {names}", names=", ".join(missing)))
    return HostError(
        "mirror",
        said(
            "The package mirror of this server does not have {names}. It may be out of date or "
            "meant for another release.",
            names=", ".join(names),
        ),
        tail_of(output),
    )


def _ask_for_space(names: Iterable[str], machine: Machine) -> None:
    argv = ("apt-cache", "show", "--no-all-versions", *names)
    shown = machine.run(argv, timeout=120, check=False)
    download, unpacked = planned_space(shown.output)
    needs = (("/var/cache/apt/archives", download), ("/usr", unpacked))
    space.require(machine, needs, said("The installation of packages"))


HANDLERS: dict[str, Handler[Any]] = {"packages": PackagesHandler()}
