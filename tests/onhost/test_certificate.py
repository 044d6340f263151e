"""Certificates: when one is asked for, how, and what a refusal means in words."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from assistant.onhost.contract import Completed, Kept
from assistant.onhost.handlers.certificate import (
    DAY,
    CertificateHandler,
    Issued,
    arguments,
    hook_path,
    hook_text,
    parse,
    why,
)
from assistant.onhost.resources import Certificate
from assistant.onhost.system import certbot_output
from tests.support.onhost_stand_in import StandIn, fails

HANDLER = CertificateHandler()
DIRECTORY = "https://acme.example/dir"
NAME = "im.family.example"
HTTP = Certificate(name=NAME, domains=(NAME,), directory=DIRECTORY, webroot="/var/www/w")
DNS = Certificate(
    name=NAME,
    domains=("*.family.example", NAME),
    directory=DIRECTORY,
    email="a@b.example",
    challenge="dns-01",
    dns_plugin="rfc2136",
    dns_credentials="/etc/matrix-assistant/dns.ini",
    dns_wait=7,
)
LIVE = f"/etc/letsencrypt/live/{NAME}/fullchain.pem"
REFUSED = f"""\
Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority \
reported these problems:
  Domain: {NAME}
  Type:   connection
  Detail: 192.0.2.1: Fetching http://{NAME}/.well-known/acme-challenge/x: Connection refused

Hint: The Certificate Authority failed to download the temporary challenge files.
"""


def make(path: Path, names: str, days: int) -> None:
    """A real certificate, made by openssl."""
    path.parent.mkdir(parents=True, exist_ok=True)
    argv = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x", "-out", str(path),
        "-days", str(days), "-addext", f"subjectAltName={names}",
    ]  # fmt: skip
    subprocess.run(argv, check=True, capture_output=True)


class Tools:
    """certbot and systemctl as far as these tests go; openssl is the real one."""

    def __init__(self) -> None:
        self.answers = [Completed(0, "Successfully received certificate.")]
        self.asked = 0
        self.openssl = True

    def __call__(self, argv: tuple[str, ...], stdin: str) -> Completed | None:
        if argv[0] == "openssl":
            return None if self.openssl else Completed(127, "openssl: not found")
        if argv[1:2] == ("certonly",):
            self.asked += 1
            return self.answers.pop(0)
        return Completed(0, "")


@pytest.fixture
def tools() -> Tools:
    return Tools()


@pytest.fixture
def machine(tmp_path: Path, tools: Tools) -> StandIn:
    stand_in = StandIn(tmp_path, tools)
    stand_in.put(HTTP.certbot)
    return stand_in


def settle(machine: StandIn, names: str = f"DNS:{NAME}", days: int = 90) -> None:
    make(machine.file(LIVE), names, days)
    for part in ("cert", "chain", "privkey"):
        machine.put(LIVE.replace("fullchain", part), "-----BEGIN SOMETHING-----")
    machine.put(hook_path(NAME), hook_text(HTTP))
    told = f"version = 5.8.0\n[renewalparams]\nauthenticator = webroot\nserver = {DIRECTORY}\n"
    machine.put(f"/etc/letsencrypt/renewal/{NAME}.conf", told)


def test_first_certificate(tools: Tools, machine: StandIn) -> None:
    found = HANDLER.inspect(HTTP, machine)
    assert (found.action, found.summary) == ("create", f"get a certificate for {NAME}")
    done = HANDLER.apply(HTTP, found, machine)
    assert tools.asked == 1
    assert machine.environments[0] == {"REQUESTS_CA_BUNDLE": HTTP.ca_bundle}
    assert ("systemctl", "try-reload-or-restart", "nginx.service") in machine.calls
    hook = machine.file(hook_path(NAME))
    assert hook.stat().st_mode & 0o777 == 0o755
    assert done.receipt is not None
    assert isinstance(HANDLER.undo(done.receipt, machine), Kept)
    assert not hook.exists()


def test_a_good_certificate_needs_nothing_even_without_certbot(
    tools: Tools, machine: StandIn
) -> None:
    settle(machine)
    machine.file(HTTP.certbot).unlink()
    assert HANDLER.inspect(HTTP, machine).action == "none"
    assert len(machine.calls) == 1


@pytest.mark.parametrize("names", [f"DNS:{NAME},DNS:other.example", "DNS:other.example"])
def test_other_names_need_another_certificate(machine: StandIn, names: str) -> None:
    settle(machine, names)
    found = HANDLER.inspect(HTTP, machine)
    assert (found.action, found.summary) == ("update", f"the certificate must be for {NAME}")


@pytest.mark.parametrize(
    ("life", "left", "due"),
    [
        (90, 31, False),
        (90, 29, True),
        (90, -1, True),
        (45, 16, False),
        (45, 14, True),
        (6, 3, False),
    ],
)
def test_when_it_is_renewed(life: int, left: int, due: bool) -> None:
    now = 1_800_000_000.0
    issued = Issued(frozenset({NAME}), now - (life - left) * DAY, now + left * DAY)
    assert ("ends soon" in why(HTTP, issued, "", now)) is due


def test_another_authority_or_way_of_proof(machine: StandIn) -> None:
    settle(machine)
    path = f"/etc/letsencrypt/renewal/{NAME}.conf"
    machine.put(path, "server = https://staging.example/dir\n")
    assert "must come from acme.example" in HANDLER.inspect(HTTP, machine).summary
    machine.put(path, f"server = {DIRECTORY}\nauthenticator = dns-rfc2136\n")
    assert "proved by http-01" in HANDLER.inspect(HTTP, machine).summary
    machine.put(path, f"server = {DIRECTORY}\nwebroot_path = /var/www/old,\n")
    assert "by way of /var/www/w" in HANDLER.inspect(HTTP, machine).summary
    machine.put(path, f"server = {DIRECTORY}\nwebroot_path = /var/www/w,\n")
    assert HANDLER.inspect(HTTP, machine).action == "none"


def test_other_credentials_for_the_dns_need_another_certificate() -> None:
    issued = Issued(frozenset(DNS.domains), 0.0, 90.0 * DAY)
    told = "authenticator = dns-rfc2136\ndns_rfc2136_credentials = "
    assert why(DNS, issued, told + "/etc/matrix-assistant/dns.ini\n", 0.0) == ""
    assert "dns.ini" in why(DNS, issued, told + "/root/old.ini\n", 0.0)


def test_unknown_without_tools(tools: Tools, machine: StandIn) -> None:
    machine.file(HTTP.certbot).unlink()
    assert HANDLER.inspect(HTTP, machine).action == "unknown"
    settle(machine)
    tools.openssl = False
    assert HANDLER.inspect(HTTP, machine).action == "unknown"


def test_a_hook_alone_asks_for_no_certificate(tools: Tools, machine: StandIn) -> None:
    settle(machine)
    machine.file(hook_path(NAME)).unlink()
    found = HANDLER.inspect(HTTP, machine)
    assert found.action == "update"
    HANDLER.apply(HTTP, found, machine)
    assert tools.asked == 0
    assert HANDLER.inspect(HTTP, machine).action == "none"


def test_the_hook_speaks_for_its_own_certificate_only(tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.write_text(hook_text(HTTP))
    log = tmp_path / "log"
    tool = tmp_path / "systemctl"
    tool.write_text(f'#!/bin/sh\necho "$@" >> {log}\n')
    tool.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    for lineage in ("/etc/letsencrypt/live/other.example", f"/etc/letsencrypt/live/{NAME}"):
        environment = {"PATH": path, "RENEWED_LINEAGE": lineage}
        subprocess.run(["sh", str(hook)], check=True, env=environment)
    assert log.read_text() == "try-reload-or-restart -- nginx.service\n"


def test_arguments() -> None:
    http, dns = arguments(HTTP), arguments(DNS)
    assert http[-5:] == ("--webroot", "--webroot-path", "/var/www/w", "-d", NAME)
    assert "--register-unsafely-without-email" in http
    assert dns[dns.index("--authenticator") :] == (
        "--authenticator", "dns-rfc2136",
        "--dns-rfc2136-credentials", "/etc/matrix-assistant/dns.ini",
        "--dns-rfc2136-propagation-seconds", "7",
        "-d", "*.family.example", "-d", NAME,
    )  # fmt: skip
    assert dns[dns.index("--email") + 1] == "a@b.example"


def test_parse() -> None:
    output = (
        "X509v3 Subject Alternative Name: \n    DNS:a.example, DNS:*.B.example\n"
        "notBefore=Jan  1 00:00:00 2026 GMT\nnotAfter=Apr  1 00:00:00 2026 GMT\n"
    )
    issued = parse(output)
    assert issued is not None
    assert issued.names == {"a.example", "*.b.example"}
    assert issued.ends - issued.begins == 90 * DAY
    assert parse("unable to load certificate") is None


def test_a_refusal_is_told_once_in_words(tools: Tools, machine: StandIn) -> None:
    tools.answers = [Completed(1, REFUSED)]
    error = fails(lambda: HANDLER.apply(HTTP, HANDLER.inspect(HTTP, machine), machine))
    assert error.cause == "acme"
    assert error.text.startswith(f"{NAME}: 192.0.2.1: Fetching")
    assert "port 80" in error.text
    assert tools.asked == 1


@pytest.mark.parametrize(
    "words",
    [
        "urn:ietf:params:acme:error:accountDoesNotExist :: x",
        "An unexpected error occurred:\nAccount https://acme.example/my-account/77 not found.",
        'Unable to validate JWS :: Account "https://acme.example/acme/acct/1" not found',
    ],
)
@pytest.mark.parametrize(("accounts", "asked"), [(True, 2), (False, 1)])
def test_a_forgotten_account_is_made_anew_once(
    tools: Tools, machine: StandIn, accounts: bool, asked: int, words: str
) -> None:
    lost = Completed(1, words)
    tools.answers = [lost, lost]
    if accounts:
        machine.put("/etc/letsencrypt/accounts/acme.example/dir/1234/private_key.json", "{}")
    found = HANDLER.inspect(HTTP, machine)
    fails(lambda: HANDLER.apply(HTTP, found, machine))
    assert tools.asked == asked
    assert not machine.file("/etc/letsencrypt/accounts/acme.example/dir").exists()
    kept = list(machine.root.glob("etc/letsencrypt/accounts/acme.example/dir.unknown-*/1234/*"))
    assert len(kept) == int(accounts)


@pytest.mark.parametrize(
    "lost",
    [
        f"live/{NAME}/privkey.pem",
        f"live/{NAME}/chain.pem",
        f"renewal/{NAME}.conf",
    ],
)
@pytest.mark.parametrize("empty", [True, False])
def test_half_a_certificate_is_set_aside_and_asked_for_again(
    tools: Tools, machine: StandIn, lost: str, empty: bool
) -> None:
    settle(machine)
    machine.put(f"/etc/letsencrypt/archive/{NAME}/privkey1.pem", "key")
    good = machine.put("/etc/letsencrypt/accounts/acme.example/dir/1234/meta.json", "{}")
    bad = machine.put("/etc/letsencrypt/accounts/acme.example/dir/5678/meta.json")
    assert HANDLER.inspect(HTTP, machine).action == "none"
    path = machine.file(f"/etc/letsencrypt/{lost}")
    path.unlink()
    if empty:
        path.touch()
    found = HANDLER.inspect(HTTP, machine)
    assert found.action == "update"
    HANDLER.apply(HTTP, found, machine)
    assert tools.asked == 1
    for place in (f"live/{NAME}", f"archive/{NAME}", f"renewal/{NAME}.conf"):
        assert not machine.file(f"/etc/letsencrypt/{place}").exists()
    aside = {path.name for path in machine.root.glob("etc/letsencrypt/torn-*/*")}
    assert f"archive-{NAME}" in aside
    assert "accounts-acme.example-dir-5678" in aside
    assert good.exists()
    assert not bad.exists()


@pytest.mark.parametrize(
    ("output", "cause", "words"),
    [
        (
            "An unexpected error occurred:\nError creating new order :: too many certificates (5) "
            "already issued for this exact set of identifiers in the last 168h0m0s, retry after "
            "2026-11-24 21:00:00 UTC: see https://x",
            "acme",
            "Try again after 2026-11-24 21:00:00 UTC.",
        ),
        ("There were too many requests of a given type :: x", "acme", "rate limit"),
        (
            "  Domain: a.example\n  Type:   dns\n  Detail: no valid A records found for a.example",
            "acme",
            "no valid A records found for a.example. The DNS record is missing",
        ),
        ("  Domain: a.example\n  Type: unauthorized\n  Detail: 404", "acme", "Something else"),
        ("NameResolutionError: Temporary failure in name resolution", "name-resolution", "resolve"),
        ("SSLError(CERTIFICATE_VERIFY_FAILED: certificate is not yet valid)", "clock", "clock"),
        ("SSLError(CERTIFICATE_VERIFY_FAILED: self-signed)", "acme", "not trusted"),
        ("Max retries exceeded with url: /dir", "acme", "cannot be reached"),
        ("[Errno 28] No space left on device", "disk-full", "full"),
        ("Another instance of Certbot is already running.", "acme", "Another certbot"),
        ("The requested dns-x plugin does not appear to be installed", "acme", "plugin"),
        ("An unexpected error occurred:\nServer said no", "acme", "answered: Server said no."),
        ("", "acme", "could not get"),
    ],
)
def test_words(output: str, cause: str, words: str) -> None:
    told = certbot_output.reason(output)
    assert told[0] == cause
    assert words in told[1]
