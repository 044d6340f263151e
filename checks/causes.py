"""Every cause a finding may name: stable slugs, for comparing runs, scenarios and documentation."""

from __future__ import annotations

from collections.abc import Mapping

from assistant.findings.model import Confidence, Finding, Mender, Remedy, Status
from assistant.text import Message

CAUSES: Mapping[str, str] = {
    # The frame.
    "no-vantage": "The place this would be measured from is not connected.",
    "vantage-lost": "The place this was measured from stopped answering in the middle.",
    "earlier-problem": "An earlier check found a problem that makes this one pointless.",
    "check-broke": "The check itself failed; it says nothing about the network.",
    "undecided": "The observations do not allow a conclusion (no control, too few tries).",
    # The host.
    "facts-missing": "The host told nothing about itself.",
    "release-unsupported": "The operating system is none the assistant can set up.",
    "python-old": "Python on the host is older than the assistant needs.",
    "lock-old": "The versions to install were chosen long ago.",
    "memory-low": "Less memory than recommended.",
    "memory-too-low": "Too little memory for the service to run.",
    "disk-low": "Little free disk space.",
    "disk-too-low": "Too little free disk space to install.",
    "clock-off": "A clock is a little wrong, by the majority of the others.",
    "clock-wrong": "A clock is so wrong that certificates will not work, by the majority.",
    "clocks-disagree": "Two clocks differ, and there is no third one to tell which is right.",
    "not-root": "The account cannot act as the administrator of the host.",
    "apt-locked": "Another installation of packages is under way on the host.",
    "web-server-shared": "nginx already runs on the host; the assistant adds its sites to it.",
    "port-taken": "Another program listens on a port the service needs.",
    "foreign-synapse": "A Matrix server that the assistant did not set up is there already.",
    "firewall-closed": "A firewall of the user's own on the server keeps out what Matrix needs.",
    "port-will-close": "A program listens publicly on a port the firewall will close.",
    # What the host says of its services.
    "disk-full": "A disk of the host has no space left.",
    "inodes-full": "A disk of the host takes no more files.",
    "disk-read-only": "A disk of the host can only be read.",
    "memory-exhausted": "The host has run out of memory.",
    "unit-masked": "Somebody switched a service off for good.",
    "service-down": "A service does not run.",
    "service-restarting": "A service keeps ending and being started again.",
    "database-down": "The database cannot be reached on its own host.",
    "database-read-only": "The database can be read but not written.",
    "database-failing": "The database answers but fails.",
    "synapse-hangs": "The Matrix server runs but does not answer.",
    "login-fails": "The Matrix server cannot look an account up.",
    "config-missing": "A file that the assistant wrote is gone.",
    "config-rights": "Owner or rights of a file of the assistant were changed.",
    "config-changed-by-hand": "A file of the assistant was changed by hand.",
    "config-not-applied": "The setup has changed since it was last applied.",
    "federation-list-wrong": "The Matrix server may not speak with those it is meant to.",
    "federation-elsewhere": "A server looks for the other one at another address than planned.",
    "federation-address-refused": "A server may not use the address at which it finds the other.",
    "hosts-record-missing": "The hosts file lacks the name of the other server.",
    "hosts-record-wrong": "The hosts file has a wrong address for the other server.",
    "certificate-missing": "There is no certificate on the host.",
    "certificate-not-reloaded": "The web server shows an older certificate than the host has.",
    "firewall-missing": "The firewall of the assistant is not loaded.",
    "firewall-rule-missing": "The firewall of the host does not let a planned port in.",
    "firewall-blocks": "A rule on the host that is not the assistant's refuses a planned port.",
    # This computer.
    "vantage-proxied": "Something on this computer accepts every connection itself.",
    "dns-faked-here": "Something on this computer makes up addresses for names.",
    # Logging in to the host.
    "login-refused": "The host accepts neither key nor password.",
    "host-key-changed": "The host shows another key than the one that was confirmed.",
    "ssh-blocked": "The host lives, but SSH does not get through to it.",
    "ssh-not-running": "The host lives, but no SSH server answers.",
    "host-silent": "Nothing at all answers at the host's address.",
    "jump-lost": "The jump host on the way cannot be used.",
    "login-useless": "The login works, but the account cannot do the work.",
    # The way to the host.
    "host-unreachable": "The SSH port cannot be reached from this computer.",
    "ssh-refused": "The address answers but refuses connections to the SSH port.",
    "packets-lost": "Some attempts to connect failed while others went through.",
    "congestion": "The line loses so many packets that connections are slow.",
    "line-slow": "The round trip to the host is very long.",
    "address-unknown": "The name of the host has no address.",
    # DNS.
    "zone-missing": "No name servers are known for the domain.",
    "record-missing": "A record that must exist does not.",
    "record-wrong": "A record has other values than it must have.",
    "record-present": "A record that must not exist does.",
    "servers-differ": "The name servers of the domain disagree.",
    "record-stale": "A resolver still has an old answer.",
    "resolver-silent": "A resolver did not answer.",
    "resolver-differs": "A resolver gives another answer than the domain's own servers.",
    "servers-silent": "The domain's own name servers could not be asked from here.",
    "wildcard-leak": "A wildcard record answers for a name that must have no record.",
    "anti-fraud": "A filter against fraud answers with its own address.",
    "dns-forged": "Somebody on the way forges answers for the name.",
    "dns-intercepted": "All DNS questions are answered by something on the way.",
    "dyndns-stale": "The record of the home line says an address the line no longer has.",
    "ttl-long": "The record may be remembered for longer than an address at home lasts.",
    "server-record": "The outside server does not find the server inside where it must.",
    "device-record-missing": "This device does not know a name that is in no public DNS.",
    "device-record-wrong": "This device finds a wrong address for a name of the setup.",
    # The line at home.
    "address-changed": "The line at home has another address than was entered.",
    "cgnat": "The provider shares one public address among several lines.",
    "double-nat": "A second router stands between the line and the router at home.",
    "not-forwarded": "The router at home does not forward the port.",
    "isp-port-closed": "The port does not get through to the home line, another one does.",
    "hairpin": "Only a place on the same line cannot reach it: routers often do not loop back.",
    "dyndns-silent": "The home host has not looked after its address for some time.",
    "dyndns-failing": "The home host cannot update its record at the provider.",
    # Ports.
    "port-closed": "No connection to the port arrives at the host.",
    "port-refused": "Connections to the port are refused before they reach the host.",
    "answer-lost": "Connections arrive at the host but its answers get lost.",
    "address-blocked": "Answers to one place get lost while other places are served.",
    "port-intercepted": "Something else answers in the place of the host.",
    "service-not-listening": "The host can be reached, but nothing answers on the port.",
    "port-open": "A port answers publicly that must not.",
    # TLS.
    "tls-no-answer": "No TLS connection comes about.",
    "tls-broken": "What answers on the port does not speak TLS properly.",
    "tls-misconfigured": "TLS fails on the server itself.",
    "name-filtered": "Connections are cut when they carry this name.",
    "certificate-untrusted": "The certificate comes from nobody known.",
    "certificate-self-signed": "The certificate is signed by itself.",
    "certificate-incomplete": "The server does not send its whole certificate chain.",
    "certificate-expired": "The certificate has expired.",
    "certificate-expiring": "The certificate expires soon and was not renewed.",
    "certificate-not-yet-valid": "The certificate is not valid yet: a clock is wrong.",
    "certificate-names": "The certificate is for other names.",
    "tls-intercepted": "Another certificate arrives than the server sends.",
    "name-cut-sometimes": "Some connections that carry this name are cut, others pass.",
    "address-greylisted": "Every encrypted connection to the address is cut, whatever its name.",
    "packets-too-large": "Packets of full size get lost on the way.",
    # Links between the hosts.
    "link-down": "The wrapped link between two hosts does not come about.",
    "link-certificate": "The certificate of a wrapped link is not of the setup's own authority.",
    "link-expiring": "The certificate of a wrapped link ends soon and was not renewed.",
    "link-open": "The wrapped link lets strangers in.",
    # The private resolver.
    "private-silent": "The private resolver does not answer.",
    "private-wrong": "The private resolver gives a wrong answer for a name of the setup.",
    "private-open": "The private resolver answers strangers' questions about other names.",
    # Matrix.
    "synapse-down": "The Matrix server does not answer on the host itself.",
    "matrix-no-answer": "The Matrix server cannot be asked through its public address.",
    "matrix-proxy": "The web server does not pass requests on to the Matrix server.",
    "matrix-wrong-answer": "Something answers, but not a Matrix server.",
    "well-known-missing": "The file that leads apps to the server is missing.",
    "well-known-wrong": "The file that leads apps to the server says something else.",
    "well-known-cors": "Apps in a browser may not read the file that leads them to the server.",
    "signing-key": "The key of the server is missing, expired or for another name.",
    "registration-open": "Anybody can make an account.",
    "admin-public": "The administration interface can be reached by anybody.",
    "login-missing": "Logging in with a password is not offered.",
    "block-page": "A block page came in the place of the answer.",
}
"""Slug to one plain sentence."""

READ = frozenset(
    {
        # Read on the host itself, or on this computer.
        "release-unsupported", "python-old", "memory-low", "memory-too-low", "disk-low",
        "disk-too-low", "not-root", "apt-locked", "web-server-shared", "port-taken",
        "foreign-synapse", "port-will-close", "synapse-down", "service-not-listening",
        "tls-misconfigured", "server-record",
        "device-record-missing", "device-record-wrong", "dyndns-silent", "dyndns-failing",
        "certificate-missing", "certificate-not-reloaded", "config-changed-by-hand",
        "config-missing", "config-not-applied", "config-rights", "database-down",
        "database-failing", "database-read-only", "disk-full", "disk-read-only",
        "federation-address-refused", "federation-elsewhere", "federation-list-wrong",
        "firewall-blocks", "firewall-closed", "firewall-missing",
        "firewall-rule-missing", "hosts-record-missing",
        "hosts-record-wrong", "inodes-full", "lock-old", "login-fails", "memory-exhausted",
        "service-down", "service-restarting", "synapse-hangs", "unit-masked", "clock-wrong",
        "clock-off", "clocks-disagree",
        # What the login itself told: the key that was shown, the answer to the password.
        "host-key-changed", "login-refused", "login-useless", "jump-lost",
        "link-expiring", "certificate-untrusted", "certificate-self-signed",
        "certificate-expired", "certificate-expiring", "certificate-names",
    }
)  # fmt: skip
"""The causes that can be certain: they are read on a host, not concluded from a network."""


def conclude(
    check: str,
    subject: str,
    vantage: str,
    status: Status,
    cause: str,
    summary: Message,
    *,
    why: Message | None = None,
    confidence: Confidence,
    evidence: tuple[str, ...] = (),
    remedy: Remedy | None = None,
    because: Finding | None = None,
) -> Finding:
    """A finding; ``KeyError`` for a cause that is not documented above.

    ``ValueError`` for one that calls itself certain of what no network can prove.
    """
    if cause:
        CAUSES[cause]
        if confidence is Confidence.CERTAIN and cause not in READ:
            raise ValueError(f"{cause} cannot be certain: it is concluded, not read on a host")
    return Finding(
        check=check,
        subject=subject,
        vantage=vantage,
        status=status,
        cause=cause,
        summary=summary,
        why=why,
        confidence=confidence,
        because=None if because is None else because.key,
        evidence=tuple(clean_line(line) for line in evidence),
        remedy=remedy,
    )


def remedy(who: Mender, text: Message, action: str = "") -> Remedy:
    """Who can mend it, and how."""
    return Remedy(who=who, text=text, action=action)


def clean_line(text: str, limit: int = 300) -> str:
    """Raw text as one short line without control or direction characters, for evidence."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
