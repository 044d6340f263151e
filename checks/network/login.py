"""Why a host lets nobody in, and whether it lives all the same. It costs its own view alone."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.common.errors import AssistantError
from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Measurement, Mender, Status
from assistant.findings.probes import Probe
from assistant.setup.model import Host
from assistant.text import Message, msg
from checks.causes import conclude, remedy
from checks.check import Check, Context
from checks.evidence import TRIES, describe

MOST_PORTS = 3
"""Ports beside SSH's that are tried, to see whether the host lives."""

_SAID_NO = ("auth", "passphrase-wrong", "key-file")
_USELESS = (
    "sudo-wrong", "sudo-not-allowed", "sudo-needs-tty", "no-sudo", "no-python", "no-shell",
    "no-space",
)  # fmt: skip
_SILENT = ("timeout", "unreachable", "dropped", "name-resolution")


class LoginCheck(Check):
    """One finding per host that cannot be logged in to; the others have none."""

    id = "login"
    title = msg("The servers can be logged in to")

    def subjects(self, context: Context) -> tuple[str, ...]:
        """The hosts that let nobody in."""
        return tuple(name for name in context.host_names if name in context.closed)

    def vantages(self, context: Context) -> tuple[str, ...]:
        """Every place there is left."""
        return context.vantages

    def probes(self, context: Context, vantage: str) -> tuple[Probe, ...]:
        """SSH's port and some that the service has open: does anything there answer?"""
        made = []
        for name in context.subjects:
            host = context.host(name)
            if host.jump is None:
                made.append(_probe(f"{name} ssh", host.login.address, host.login.port))
            address = host.public_ipv4 or host.public_ipv6
            ports = [p for p in context.plan.for_host(name).open_tcp if p != host.login.port]
            if address:
                made += [_probe(f"{name} {port}", address, port) for port in ports[-MOST_PORTS:]]
        return tuple(made)

    def judge(self, context: Context) -> tuple[Finding, ...]:
        """What logging in said, and what else answers at the host."""
        found = []
        for name in context.subjects:
            tried = [
                item
                for (check, _), items in context.measured.items()
                if check == self.id
                for item in items
                if item.probe.startswith(f"{name} ")
            ]
            found.append(judge_login(context.host(name), context.closed[name], tried))
        return tuple(found)


def _probe(name: str, address: str, port: int) -> Probe:
    fields = {"host": address, "port": port, "read": 0}
    return Probe(id=name, kind="tcp", fields=fields, timeout=5, repeat=TRIES, pause=0.3)


def judge_login(host: Host, error: AssistantError, tried: Sequence[Measurement]) -> Finding:
    """A changed key, a wrong password, SSH alone, and a host that is off are different things."""
    cause, evidence = error.cause, [str(line) for line in getattr(error, "evidence", ())]
    mender, confidence, summary = Mender.YOU, Confidence.CERTAIN, error.message
    alive = [item for item in tried if item.data.get("connected") is True]
    elsewhere = [i for i in alive if i.probe.endswith(" ssh") and i.vantage != THIS_COMPUTER]
    how: Message
    if cause.startswith("jump-"):
        slug, how = "jump-lost", msg("Look at the jump host, or log in to the server directly.")
    elif cause == "host-key-changed":
        slug = "host-key-changed"
        how = msg(
            "If you installed the server anew, compare its new fingerprint in your provider's"
            " console and confirm it. If not, somebody may be reading along: send nothing there."
        )
    elif cause in _SAID_NO:
        slug, how = "login-refused", msg("Give the key or the password that the server knows.")
    elif cause in _USELESS:
        slug, how = "login-useless", msg("Log in as root, or as a user who may use sudo.")
    elif cause in ("refused", "not-ssh"):
        slug, confidence, mender = "ssh-not-running", Confidence.MEDIUM, Mender.PROVIDER
        how = msg("Look in your provider's console whether SSH runs and at which port.")
    elif cause in _SILENT and alive:
        slug = "ssh-blocked"
        confidence = Confidence.HIGH if elsewhere else Confidence.MEDIUM
        summary = _blocked_words(host, elsewhere, alive)
        how = msg(
            "Use another SSH port, a jump host, or the console of your provider; the server itself"
            " need not be touched."
        )
    elif cause in _SILENT and tried:
        slug, confidence, mender = "host-silent", Confidence.MEDIUM, Mender.PROVIDER
        summary = msg("Nothing answers at {host}: it is off, or cut off.", host=host.name)
        how = msg("Look in your provider's console whether the server runs, and restart it there.")
    else:
        slug, confidence = "login-useless", Confidence.LOW
        how = msg("Log in by hand with ssh and see what it says.")
    return conclude(
        "login",
        host.name,
        THIS_COMPUTER,
        Status.FAILED,
        slug,
        summary,
        why=msg(
            "Until then nothing can be changed on {host}; all else is measured from elsewhere.",
            host=host.name,
        ),
        confidence=confidence,
        evidence=(f"[{cause}]", *evidence, *(describe(item) for item in tried)),
        remedy=remedy(mender, how),
    )


def _blocked_words(
    host: Host, elsewhere: Sequence[Measurement], alive: Sequence[Measurement]
) -> Message:
    if elsewhere:
        return msg(
            "{host} runs and its SSH answers {place}, but not this computer.",
            host=host.name,
            place=elsewhere[0].vantage,
        )
    return msg(
        "{host} runs, it answers at another port, but SSH does not get through to it.",
        host=host.name,
    )
