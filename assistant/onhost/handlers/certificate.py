"""Certificates by ACME, through certbot."""

from __future__ import annotations

import json
import os
import re
import shlex
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from assistant.onhost.contract import (
    NOTHING,
    Completed,
    Done,
    Found,
    Handler,
    HostError,
    Kept,
    Machine,
)
from assistant.onhost.resources import Certificate
from assistant.onhost.said import Said, said
from assistant.onhost.system import certbot_output
from assistant.onhost.system.output_causes import tail_of

ETC = "/etc/letsencrypt"
DAY = 24 * 3600
_PARTS = ("cert", "chain", "fullchain", "privkey")


@dataclass(frozen=True)
class Issued:
    """A certificate on the disk: its names and validity (seconds since 1970)."""

    names: frozenset[str]
    begins: float
    ends: float


@dataclass(frozen=True)
class _Look:
    """What an inspection saw: why a certificate must be asked for, and the deploy hook."""

    exists: bool
    reason: Said
    readable: bool
    hook_differs: bool


class CertificateHandler:
    """A certificate below /etc/letsencrypt/live/NAME, and the hook that tells its user of renewal.

    Undo removes the hook and keeps the certificate: asking again costs from a weekly quota.
    """

    def inspect(self, resource: Certificate, machine: Machine) -> Found:
        """Names, remaining time, authority and way of proof; ``unknown`` without the tools."""
        look = _look(resource, machine)
        names = ", ".join(resource.domains)
        if not look.readable:
            return Found(
                "unknown", said("a certificate for {names}, once openssl is there", names=names)
            )
        if look.reason and not Path(machine.path(resource.certbot)).exists():
            return Found(
                "unknown", said("a certificate for {names}, once certbot is there", names=names)
            )
        if look.reason:
            return Found("update" if look.exists else "create", look.reason)
        if look.hook_differs:
            return Found(
                "update",
                said("{unit} is told when {names} is renewed", unit=resource.reload, names=names),
            )
        return Found("none")

    def apply(self, resource: Certificate, found: Found, machine: Machine) -> Done:
        """Write the hook; ask for a certificate if there is a reason to."""
        look = _look(resource, machine)
        receipt = {"hook": hook_path(resource.name), "name": resource.name}
        machine.receipt(receipt)
        if look.hook_differs:
            Path(machine.path(f"{ETC}/renewal-hooks/deploy")).mkdir(parents=True, exist_ok=True)
            hook = hook_text(resource).encode()
            machine.write(hook_path(resource.name), hook, mode="0755")
        if not look.reason:
            return Done(said("the certificate {name} is in place", name=resource.name), receipt)
        _ask(resource, machine)
        if resource.reload:
            # Not every certbot runs the folder's hooks for a first certificate.
            argv = ("systemctl", "try-reload-or-restart", resource.reload)
            machine.run(argv, timeout=60, check=False)
        return Done(
            said("got a certificate for {names}", names=", ".join(resource.domains)), receipt
        )

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Remove the hook, keep the certificate."""
        Path(machine.path(receipt["hook"])).unlink(missing_ok=True)
        return Kept(
            said("The certificate {name} stays; its deploy hook is removed.", name=receipt["name"])
        )


def hook_path(name: str) -> str:
    """Where the hook of a certificate lives."""
    return f"{ETC}/renewal-hooks/deploy/matrix-assistant-{name}"


def hook_text(resource: Certificate) -> str:
    """The hook: certbot runs every file of that folder for every certificate it renews."""
    return (
        "#!/bin/sh\n"
        "# Written by matrix-assistant.\n"
        f'case "$RENEWED_LINEAGE" in */{shlex.quote(resource.name)}) ;; *) exit 0 ;; esac\n'
        + (
            f"exec systemctl try-reload-or-restart -- {shlex.quote(resource.reload)}\n"
            if resource.reload
            else ""
        )
    )


def arguments(resource: Certificate) -> tuple[str, ...]:
    """The call of certbot. It forces: the inspection has decided that it is needed."""
    if resource.challenge == "http-01":
        proof: tuple[str, ...] = ("--webroot", "--webroot-path", resource.webroot)
    else:
        plugin = f"dns-{resource.dns_plugin}"
        proof = (
            "--authenticator", plugin,
            f"--{plugin}-credentials", resource.dns_credentials,
            f"--{plugin}-propagation-seconds", str(resource.dns_wait),
        )  # fmt: skip
    contact = (
        ("--email", resource.email) if resource.email else ("--register-unsafely-without-email",)
    )
    domains = [part for name in resource.domains for part in ("-d", name)]
    return (
        resource.certbot, "certonly",
        "--non-interactive", "--agree-tos", "--no-eff-email", *contact,
        "--server", resource.directory, "--cert-name", resource.name,
        "--key-type", "ecdsa", "--force-renewal", "--renew-with-new-domains", *proof, *domains,
    )  # fmt: skip


def parse(output: str) -> Issued | None:
    """Read ``openssl x509 -noout -ext subjectAltName -dates``; None when it is no certificate."""
    begins = re.search(r"(?m)^notBefore=(.+)$", output)
    ends = re.search(r"(?m)^notAfter=(.+)$", output)
    if begins is None or ends is None:
        return None
    names = frozenset(name.lower() for name in re.findall(r"DNS:([^\s,]+)", output))
    try:
        first, last = ssl.cert_time_to_seconds(begins[1]), ssl.cert_time_to_seconds(ends[1])
    except ValueError:
        return None
    return Issued(names, first, last)


def why(resource: Certificate, issued: Issued | None, renewal: str, now: float) -> Said:
    """The reason to ask for a certificate, or empty. ``renewal`` is certbot's own note of it."""
    names = ", ".join(resource.domains)
    if issued is None:
        return said("get a certificate for {names}", names=names)
    if issued.names != frozenset(resource.domains):
        return said("the certificate must be for {names}", names=names)
    # Thirty days as certbot's own default; a third for authorities with short-lived certificates.
    if issued.ends - now < min(30 * DAY, (issued.ends - issued.begins) / 3):
        return said("the certificate for {names} ends soon", names=names)
    noted = dict(re.findall(r"(?m)^(\w+) = (.*)$", renewal))
    if noted.get("server", resource.directory) != resource.directory:
        return said(
            "the certificate must come from {place}", place=urlsplit(resource.directory).hostname
        )
    plugin = "webroot" if resource.challenge == "http-01" else f"dns-{resource.dns_plugin}"
    if noted.get("authenticator", plugin) != plugin:
        return said("the certificate must be proved by {way}", way=resource.challenge)
    if resource.challenge == "http-01":
        key, place = "webroot_path", resource.webroot
    else:
        key, place = f"{plugin}_credentials".replace("-", "_"), resource.dns_credentials
    if place not in noted.get(key, place).split(","):
        return said("the certificate must be renewed by way of {place}", place=place)
    return NOTHING


def _look(resource: Certificate, machine: Machine) -> _Look:
    chain = f"{ETC}/live/{resource.name}/fullchain.pem"
    exists = Path(machine.path(chain)).exists()
    issued = None
    if exists:
        argv = (
            "openssl", "x509", "-in", machine.path(chain), "-noout",
            "-ext", "subjectAltName", "-dates",
        )  # fmt: skip
        done = machine.run(argv, timeout=30, check=False)
        if done.code == 127:
            return _Look(exists, NOTHING, False, True)
        issued = parse(done.output)
        if torn(resource.name, machine):
            issued = None
    renewal = _text(machine, f"{ETC}/renewal/{resource.name}.conf")
    hook_differs = _text(machine, hook_path(resource.name)) != hook_text(resource)
    return _Look(exists, why(resource, issued, renewal, time.time()), True, hook_differs)


def torn(name: str, machine: Machine) -> bool:
    """Whether a power cut left half of what certbot keeps about a certificate, which stops it."""
    places = [Path(machine.path(place)) for place in _places(name)]
    if not any(os.path.lexists(place) for place in places):
        return False
    live, _, renewal = places
    keys = all(_begins(live / f"{part}.pem", b"-----BEGIN") for part in _PARTS)
    return not keys or not _begins(renewal, b"")


def _places(name: str) -> tuple[str, str, str]:
    return f"{ETC}/live/{name}", f"{ETC}/archive/{name}", f"{ETC}/renewal/{name}.conf"


def _begins(path: Path, wanted: bytes) -> bool:
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return bool(data.strip()) and data.startswith(wanted)


def _set_torn_aside(resource: Certificate, machine: Machine) -> None:
    """Move away what a power cut left in halves: a certificate's own places, an account's folder.

    They go to a folder of their own, since certbot reads whatever lies in its own ones.
    """
    etc = Path(machine.path(ETC))
    accounts = (etc / "accounts").rglob("*.json")
    broken = [path.parent for path in accounts if not _is_json(path)]
    if torn(resource.name, machine):
        broken += [Path(machine.path(place)) for place in _places(resource.name)]
    aside = etc / f"torn-{int(time.time())}"
    for path in dict.fromkeys(broken):
        if os.path.lexists(path):
            aside.mkdir(mode=0o700, exist_ok=True)
            path.rename(aside / "-".join(path.relative_to(etc).parts))


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return True


def _ask(resource: Certificate, machine: Machine) -> None:
    """Ask once; once more only when the authority forgot our account, as rate limits are weekly."""
    _set_torn_aside(resource, machine)
    done = _certbot(resource, machine)
    if (
        done.code != 0
        and certbot_output.account_is_unknown(done.output)
        and _set_aside(resource, machine)
    ):
        machine.say(
            said("The certificate authority does not know this server's account; a new one.")
        )
        done = _certbot(resource, machine)
    if done.code != 0:
        cause, text = certbot_output.reason(done.output)
        raise HostError(cause, text, tail_of(done.output))
    # certbot does not sync what it writes, and asking again costs from a weekly quota.
    os.sync()


def _certbot(resource: Certificate, machine: Machine) -> Completed:
    # certbot from a wheel brings its own list of authorities; the system's may hold further ones.
    environment = {"REQUESTS_CA_BUNDLE": resource.ca_bundle}
    timeout = 300 + resource.dns_wait
    return machine.run(
        arguments(resource), env=environment, timeout=timeout, check=False, stream=True
    )


def _set_aside(resource: Certificate, machine: Machine) -> bool:
    """Rename the folder of accounts at this authority, so that certbot registers anew."""
    address = urlsplit(resource.directory)
    folder = Path(machine.path(f"{ETC}/accounts/{address.netloc}{address.path}".rstrip("/")))
    if ".." in folder.parts or not folder.is_dir():
        return False
    folder.rename(folder.with_name(f"{folder.name}.unknown-{int(time.time())}"))
    return True


def _text(machine: Machine, path: str) -> str:
    try:
        return Path(machine.path(path)).read_text("utf-8", "replace")
    except OSError:
        return ""


HANDLERS: dict[str, Handler[Any]] = {"certificate": CertificateHandler()}
