"""Is each host fit for the service? Judged from what it tells about itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from assistant.findings.model import Confidence, Finding, Mender, Status
from assistant.plan.locks import renewed
from assistant.plan.model import HostPlan
from assistant.plan.recipes.host.firewall import ANSWERS_UDP, INNER
from assistant.setup.model import Role, Setup
from assistant.text import Message, msg
from checks.causes import conclude, remedy
from checks.check import Check, Context
from checks.host.clock import clocks, judge_clocks
from checks.host.machine_rules import FULL_MB
from checks.host_facts import HostFacts, read_facts

SUPPORTED = {
    "bookworm": "Debian 12",
    "trixie": "Debian 13",
    "jammy": "Ubuntu 22.04",
    "noble": "Ubuntu 24.04",
}
OLDEST_PYTHON = (3, 10)
MEMORY_FAIL, MEMORY_WARN = 450, 900
DISK_FAIL, DISK_WARN = 3 * 1024, 5 * 1024
HOME_MEMORY, HOME_DISK = 150, 1024
"""MiB a host needs that only forwards connections."""
LOCK_DAYS = 90
WEB_PORTS = (80, 443)
SYNAPSE_PORT = 8008
MATRIX_SERVERS = ("matrix-synapse", "synapse", "dendrite", "conduit")


class HostCheck(Check):
    """One finding per aspect and host: release, memory, disk, clock, rights, ports, leftovers."""

    id = "host"
    title = msg("The servers are fit for the job")
    needs_facts = True

    def vantages(self, context: Context) -> tuple[str, ...]:
        """Each host tells about itself."""
        return context.subjects

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """All aspects of every host that told about itself."""
        about = (finding for name in context.subjects for finding in self._about(context, name))
        return (*about, *judge_clocks(clocks(context.facts, context.subjects)))

    def _about(self, context: Context, name: str) -> Iterator[Finding]:
        told = context.facts.get(name)
        if told is None:
            if name in context.vantages:
                yield conclude(
                    self.id,
                    name,
                    name,
                    Status.UNKNOWN,
                    "facts-missing",
                    msg("{host} could not be asked about itself.", host=name),
                    confidence=Confidence.LOW,
                    evidence=(context.no_facts.get(name, ""),),
                )
            return
        facts = read_facts(told.facts)
        planned = context.plan.for_host(name).open_tcp
        host = context.host(name)
        forwards = host.role is Role.HOME
        yield judge_release(name, facts)
        yield from judge_python(name, facts)
        if forwards:
            yield from judge_small(name, facts)
        else:
            yield from judge_memory(name, facts)
            yield from judge_disk(name, facts, fresh=context.phase == "before")
        yield from judge_locks(
            name, (datetime.fromtimestamp(told.asked, UTC).date() - renewed()).days
        )
        yield from judge_rights(name, facts)
        if context.phase == "before":
            ours = applied_before(context.setup, name)
            kept = {22, host.login.port, *host.keep_tcp}
            needed = tuple(port for port in planned if port not in kept)
            yield from judge_listeners(name, facts, ours=ours, needed=needed)
            yield from judge_closing(name, facts, context.plan.for_host(name))
            yield from judge_firewalls(name, facts, needed)
            if not ours and not forwards:
                yield from judge_leftovers(name, facts)


def applied_before(setup: Setup, host: str) -> bool:
    """Whether this setup was applied to a host, so that what runs there may be its own."""
    return any(entry.what == "applied" and entry.host in ("", host) for entry in setup.history)


def _finding(
    host: str,
    aspect: str,
    status: Status,
    cause: str,
    summary: Message,
    *,
    evidence: str = "",
    who: Mender = Mender.YOU,
    how: Message | None = None,
    action: str = "",
) -> Finding:
    return conclude(
        "host",
        f"{host} {aspect}",
        host,
        status,
        cause,
        summary,
        confidence=Confidence.CERTAIN,  # Read on the host itself.
        evidence=(evidence,) if evidence else (),
        remedy=remedy(who, how, action) if how is not None else None,
    )


def judge_release(host: str, facts: HostFacts) -> Finding:
    """Debian 12+ and Ubuntu 22.04+ by code name."""
    if facts.codename in SUPPORTED:
        name = SUPPORTED[facts.codename]
        return _finding(
            host, "system", Status.OK, "", msg("{host} runs {system}.", host=host, system=name)
        )
    return _finding(
        host,
        "system",
        Status.FAILED,
        "release-unsupported",
        msg(
            "{host} runs {system}, which the assistant cannot set up.",
            host=host,
            system=facts.system or facts.codename or "?",
        ),
        how=msg(
            "Reinstall the server with Debian 12, Debian 13, Ubuntu 22.04 or Ubuntu 24.04 in your"
            " provider's console."
        ),
    )


def judge_python(host: str, facts: HostFacts) -> Iterator[Finding]:
    """Nothing when new enough: a supported release always is."""
    if facts.python and facts.python < OLDEST_PYTHON:
        version = ".".join(map(str, facts.python))
        yield _finding(
            host,
            "python",
            Status.FAILED,
            "python-old",
            msg("Python on {host} is {version}; 3.10 is needed.", host=host, version=version),
            how=msg("Use the Python of a supported system, not one you installed yourself."),
        )


def judge_memory(host: str, facts: HostFacts) -> Iterator[Finding]:
    """Memory in MiB: fails under 450, warns under 900."""
    memory = facts.memory
    if memory is None:
        return
    values = {"host": host, "memory": memory}
    if memory >= MEMORY_WARN:
        text = msg("{host} has {memory} MB of memory.", **values)
        yield _finding(host, "memory", Status.OK, "", text)
    elif memory >= MEMORY_FAIL:
        text = msg("{host} has only {memory} MB of memory; 1 GB is better.", **values)
        how = msg("It will do for a family. If it gets slow, rent the next larger size.")
        yield _finding(host, "memory", Status.WARNING, "memory-low", text, how=how)
    else:
        text = msg("{host} has {memory} MB of memory, too little for the service.", **values)
        how = msg("Change to a size with 1 GB or more in your provider's console.")
        yield _finding(host, "memory", Status.FAILED, "memory-too-low", text, how=how)


def judge_disk(host: str, facts: HostFacts, *, fresh: bool) -> Iterator[Finding]:
    """Free space in MiB: fails under 3 GiB, warns under 5 GiB.

    Once installed (``fresh`` is false) the program's own space is used already: only a warning,
    and only under 1 GiB.
    """
    if facts.disk_free is None:
        return
    free = facts.disk_free
    values = {"host": host, "free": f"{free / 1024:.1f}"}
    how = msg("Delete what you do not need on the server, or enlarge its disk.")
    fail, warn = (DISK_FAIL, DISK_WARN) if fresh else (0, 1024)
    if not fresh and free < FULL_MB:
        return  # The host itself says so, with what follows from it.
    if free < fail:
        text = msg("{host} has {free} GB free; the installation needs 3 GB.", **values)
        yield _finding(host, "disk", Status.FAILED, "disk-too-low", text, how=how)
    elif free < warn:
        text = msg("{host} has {free} GB free; photos will soon need more.", **values)
        yield _finding(host, "disk", Status.WARNING, "disk-low", text, how=how)
    else:
        yield _finding(
            host, "disk", Status.OK, "", msg("{host} has {free} GB of free disk space.", **values)
        )


def judge_small(host: str, facts: HostFacts) -> Iterator[Finding]:
    """Memory and disk in MiB of a host that only forwards connections."""
    wanted = (
        ("memory", facts.memory, HOME_MEMORY, "memory-too-low"),
        ("disk", facts.disk_free, HOME_DISK, "disk-too-low"),
    )
    for aspect, found, least, cause in wanted:
        if found is None:
            continue
        values = {"host": host, "found": found, "least": least}
        if found >= least:
            text = msg("{host} has memory and disk space enough to forward.", **values)
            yield _finding(host, aspect, Status.OK, "", text)
        else:
            text = (
                msg("{host} has {found} MB of memory; {least} MB are needed.", **values)
                if aspect == "memory"
                else msg("{host} has {found} MB of free disk space; {least} MB are needed.",
                         **values)
            )  # fmt: skip
            how = msg("Use another machine at home, or free some space.")
            yield _finding(host, aspect, Status.FAILED, cause, text, how=how)


def judge_locks(host: str, age: int) -> Iterator[Finding]:
    """Warns when the versions that this program installs were chosen over 90 days ago."""
    if age <= LOCK_DAYS:
        return
    text = msg(
        "What this program installs on {host} was chosen {days} days ago; corrections made since"
        " are missing.",
        host=host,
        days=age,
    )
    how = msg("Get the newest version of matrix-assistant, then apply again.")
    yield _finding(host, "versions", Status.WARNING, "lock-old", text, how=how)


def judge_rights(host: str, facts: HostFacts) -> Iterator[Finding]:
    """Administrator rights, and whether apt is free."""
    if facts.root is False:
        yield _finding(
            host,
            "rights",
            Status.FAILED,
            "not-root",
            msg("The account on {host} may not administer it.", host=host),
            how=msg("Log in as root, or as a user who may use sudo."),
        )
    if facts.apt_locked:
        yield _finding(
            host,
            "packages",
            Status.WARNING,
            "apt-locked",
            msg("{host} is installing something right now.", host=host),
            how=msg(
                "Wait some minutes: a fresh server often updates itself first. The assistant waits"
                " a minute by itself."
            ),
        )


def judge_listeners(
    host: str,
    facts: HostFacts,
    *,
    ours: bool,
    needed: tuple[int, ...] = WEB_PORTS,
) -> Iterator[Finding]:
    """Who sits on TCP ports we need."""
    public = sorted(
        {(i.port, i.process) for i in facts.listening if i.public and i.protocol == "tcp"}
    )
    for port, process in public:
        named = process or "?"
        values = {"host": host, "port": port, "process": named}
        if port in needed and not ours:
            if process.startswith("nginx") and port in WEB_PORTS:
                yield _finding(
                    host,
                    f"port {port}",
                    Status.WARNING,
                    "web-server-shared",
                    msg("nginx already serves port {port} on {host}.", **values),
                    who=Mender.NOBODY,
                    how=msg("The assistant adds its own sites and leaves yours as they are."),
                )
            else:
                yield _finding(
                    host,
                    f"port {port}",
                    Status.FAILED,
                    "port-taken",
                    msg("{process} on {host} uses port {port}, which Matrix needs.", **values),
                    how=msg(
                        "Stop and disable {process}, or use another server for Matrix.",
                        process=named,
                    ),
                )


def judge_closing(host: str, facts: HostFacts, plan: HostPlan) -> Iterator[Finding]:
    """Whom the firewall will shut out, TCP and UDP."""
    let_in = {"tcp": plan.open_tcp, "udp": (*plan.open_udp, *ANSWERS_UDP)}
    public = sorted(
        {
            (item.protocol, item.port, item.process)
            for item in facts.listening
            if item.public and item.serves and not _is_inner(item.interface)
        }
    )
    for protocol, port, process in public:
        if port in let_in.get(protocol, ()):
            continue
        kept = str(port) if protocol == "tcp" else f"{protocol}/{port}"
        yield _finding(
            host,
            f"port {kept}",
            Status.WARNING,
            "port-will-close",
            msg(
                "{process} on {host} can be reached at port {port}; the firewall will close it.",
                host=host,
                port=kept,
                process=process or "?",
            ),
            how=msg(
                "If others need it, add {port} to the ports to keep open (keep_ports) of"
                " this host.",
                port=kept,
            ),
            action="keep-port",
        )


def _is_inner(interface: str) -> bool:
    return any(fnmatchcase(interface, name) for name in INNER)


def judge_firewalls(host: str, facts: HostFacts, needed: tuple[int, ...]) -> Iterator[Finding]:
    """A firewall of the user's own that keeps out what Matrix needs: it stays, and has to let in.

    A packet must pass every firewall of a host, so ours cannot open what another one closes.
    """
    for firewall, rules in facts.firewalls.items():
        shut = tuple(port for port in needed if not _lets_in(rules, port))
        values = {
            "host": host,
            "firewall": firewall,
            "ports": ", ".join(map(str, shut)),
            "commands": _commands(firewall, shut),
        }
        if shut:
            yield _finding(
                host,
                f"firewall {firewall}",
                Status.FAILED,
                "firewall-closed",
                msg("{firewall} on {host} does not let in port {ports}.", **values),
                evidence=", ".join(rules),
                how=msg("Run on {host}, as root: {commands}", **values),
            )
        else:
            text = msg("{firewall} on {host} stays on and lets in what Matrix needs.", **values)
            yield _finding(host, f"firewall {firewall}", Status.OK, "", text)


def _lets_in(rules: tuple[str, ...], port: int) -> bool:
    for rule in rules:
        protocol, _, ports = rule.partition("/")
        first, _, last = ports.partition("-")
        if rule == "*" or (
            protocol == "tcp"
            and first.isdigit()
            and int(first) <= port <= int(last if last.isdigit() else first)
        ):
            return True
    return False


def _commands(firewall: str, ports: tuple[int, ...]) -> str:
    if firewall == "ufw":
        return " && ".join(f"ufw allow {port}/tcp" for port in ports)
    added = " ".join(f"--add-port={port}/tcp" for port in ports)
    return f"firewall-cmd --permanent {added} && firewall-cmd --reload"


def judge_leftovers(host: str, facts: HostFacts) -> Iterator[Finding]:
    """A Matrix server of somebody else's making must not be touched."""
    installed = [name for name in facts.services if name in MATRIX_SERVERS]
    on_port = [item for item in facts.listening if item.port == SYNAPSE_PORT]
    if not installed and not on_port:
        return
    if installed:
        text = msg(
            "A Matrix server is on {host} already, and not from this setup. It will not be"
            " touched.",
            host=host,
        )
    else:
        text = msg(
            "{process} on {host} uses port 8008, which the Matrix server needs for itself.",
            host=host,
            process=on_port[0].process or "?",
        )
    shown = [*installed, *(f"{i.process or '?'} {i.address}:{i.port}" for i in on_port)]
    yield _finding(
        host,
        "synapse",
        Status.FAILED,
        "foreign-synapse" if installed else "port-taken",
        text,
        evidence=", ".join(shown),
        how=msg("Use a fresh server, or move the old service away first (keep a backup)."),
    )
