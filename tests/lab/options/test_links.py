"""Links between real hosts: addresses survive, no name shows, certificates renew themselves, and
the records of the home line follow it. A stand-in certificate is all that the site needs here."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import pytest

from assistant.onhost import link_certificates as certificates
from assistant.onhost.resources import Resource, Secret, to_json
from assistant.operations import apply
from assistant.operations.connections import Connections
from assistant.operations.link_certificates import link
from assistant.plan.compile import compile_plan
from assistant.plan.host_paths import CERTIFICATE_FILES, LINK_FILES
from assistant.plan.recipes.dns import dyndns
from assistant.rehearsal.lab import LabHost
from assistant.rehearsal.practice_setup import practice_setup
from assistant.remote import NoCredentials
from assistant.setup.model import LinkWay, Role, Setup
from assistant.setup.updates import with_host_key, with_release
from tests.lab.conftest import Practice

ADDRESS = "/.well-known/matrix-assistant/address"

# What needs Synapse, its database, a certificate authority or a second look at the firewall.
_PARTS = ("postgres", "synapse", "pgrole", "pgdatabase", "certbot", "certificate:", "backup")
_SKIP = (*_PARTS, "first-admin", "firewall:", "unbound", "resolver", "admin-password")


class Linked:
    """Three hosts of option 4 with everything but Synapse and certbot."""

    def __init__(self, practice: Practice, folder: Path) -> None:
        self.practice = practice
        self.hosts = {role: practice.fresh() for role in (Role.HOME, Role.INSIDE, Role.OUTSIDE)}
        self.authority = folder / "public.pem"
        self.authority_key = folder / "public.key"
        certificates.make_authority(str(self.authority_key), str(self.authority))
        self.setup = self.setup_for("wrapped")
        for role in (Role.INSIDE, Role.OUTSIDE):
            self.certify(role, folder)
        for host in self.hosts.values():
            self.trust(host)

    def setup_for(self, links: LinkWay) -> Setup:
        by_role = {role.value: host for role, host in self.hosts.items()}
        facts = self.practice.lab.facts
        line = self.hosts[Role.HOME].ipv4
        setup = practice_setup(4, "trixie", facts, by_role, links=links, line_ipv4=line)
        for role, host in self.hosts.items():
            key = next(key for key in host.host_keys if key.startswith("ssh-ed25519"))
            setup = with_host_key(setup, role.value, key)
            setup = with_release(setup, role.value, "trixie")
        return setup

    def certify(self, role: Role, folder: Path) -> None:
        """What certbot would bring: a certificate of an authority that all hosts trust."""
        name = self.setup.outside_name if role is Role.OUTSIDE else self.setup.server_name
        key, request, made = (folder / f"{role}.{end}" for end in ("key", "csr", "pem"))
        words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", *words, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        extensions = folder / "extensions"
        extensions.write_text(f"subjectAltName=DNS:{name}\nkeyUsage=critical,digitalSignature\n")
        words = ["-CA", str(self.authority), "-CAkey", str(self.authority_key), "-days", "9"]
        openssl("x509", "-req", "-in", request, "-out", made, *words, "-extfile", extensions)
        place = self.root(role) / CERTIFICATE_FILES.lstrip("/")
        place.mkdir(parents=True)
        (place / "fullchain.pem").write_text(made.read_text())
        (place / "privkey.pem").write_text(key.read_text())

    def trust(self, host: LabHost) -> None:
        place = self.practice.lab.root_of(host.name) / "usr/local/share/ca-certificates/test.crt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(self.authority.read_text())
        self.practice.run(self.practice.lab.exec(host.name, ["update-ca-certificates"]))

    def root(self, role: Role) -> Path:
        return self.practice.lab.root_of(self.hosts[role].name)

    def on(self, role: Role, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        lab = self.practice.lab
        return self.practice.run(lab.exec(self.hosts[role].name, list(argv), check=check))

    def fetch(self, role: Role, path: str) -> str:
        """What the main site answers to a host that asks for it by its name."""
        fetch = (
            "import sys, urllib.request as r;"
            "print(r.urlopen(sys.argv[1], timeout=20).read().decode())"
        )
        url = f"https://{self.setup.access_name}{path}"
        return self.on(role, "python3", "-c", fetch, url).stdout.strip()

    def apply(self, links: LinkWay) -> tuple[str, ...]:
        """Certificates, then the plan but for what is left out; returns who got a certificate."""
        self.setup = self.setup_for(links)

        async def work() -> tuple[str, ...]:
            async with Connections(self.setup, NoCredentials()) as connections:
                linked = await link(connections, lambda _: None)
                for host in compile_plan(self.setup).hosts:
                    session = await connections.session(host.host)
                    request = {
                        "mode": "apply",
                        "run": apply.new_run(),
                        "host": host.host,
                        "resources": [to_json(one) for one in host.resources if wanted(one)],
                        "secrets": {"dyndns-token": self.practice.lab.facts.tsig.secret},
                    }
                    await self.follow(session, request)
                return linked

        return self.practice.run(work(), 500)

    @staticmethod
    async def follow(session: Any, request: dict[str, Any]) -> None:
        failed: list[Any] = []
        async for event in session.program(request):
            if event["event"] == "failed":
                failed.append(event)
            if event["event"] == "result":
                assert event["ok"], failed


def wanted(resource: Resource) -> bool:
    """Whether a resource is part of this test: links, home line, web server, dynamic DNS."""
    if isinstance(resource, Secret):
        return resource.name == "dyndns-token"
    if resource.id == "service:nginx.service":  # proves Synapse's health
        return False
    return not any(part in resource.id for part in _SKIP)


def openssl(*words: object) -> None:
    argv = ["openssl", *map(str, words)]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def linked(practice: Practice, tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Linked(practice, tmp_path_factory.mktemp("linked"))
    try:
        yield made
    finally:
        for host in made.hosts.values():
            practice.remove(host)
        practice.forget_names()


def asked(linked: Linked, host: LabHost, port: int) -> str:
    """What the main site answers to this computer, through a host's port."""
    name = linked.setup.access_name
    words = ["curl", "-sS", "--max-time", "20", "--cacert", str(linked.authority)]
    words += ["--connect-to", f"::{host.ipv4}:{port}", f"https://{name}{ADDRESS}"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def serial(linked: Linked, role: Role) -> str:
    return linked.on(
        role, "openssl", "x509", "-in", f"{LINK_FILES}/certificate.pem", "-noout", "-serial"
    ).stdout


def record(linked: Linked) -> list[str]:
    """What the lab's authoritative server says of the main name."""
    query = dns.message.make_query(linked.setup.access_name, "A")
    answer = dns.query.udp(query, linked.practice.lab.facts.tsig.server, timeout=5)
    return sorted(str(one) for rrset in answer.answer for one in rrset)


def dyndns_round(linked: Linked) -> None:
    """One round of the program, with none of the timer's beside it."""
    linked.on(Role.HOME, "systemctl", "stop", "matrix-assistant-dyndns.timer")
    linked.on(Role.HOME, "systemctl", "start", "matrix-assistant-dyndns.service", check=False)


def dyndns_state(linked: Linked) -> dict[str, Any]:
    path = linked.root(Role.HOME) / dyndns.STATE.lstrip("/")
    told: dict[str, Any] = json.loads(
        linked.on(Role.HOME, "cat", f"/{path.relative_to(linked.root(Role.HOME))}").stdout
    )
    return told


def test_wrapped_links_carry_everything_and_renew_themselves(linked: Linked) -> None:
    assert linked.apply("wrapped") == ("inside", "home", "outside")
    facts, home, outside = (
        linked.practice.lab.facts,
        linked.hosts[Role.HOME],
        linked.hosts[Role.OUTSIDE],
    )

    # A device over the home line, and the outside server by its own private record.
    assert asked(linked, home, linked.setup.access_port) == facts.operator_ipv4
    assert linked.fetch(Role.OUTSIDE, ADDRESS) == outside.ipv4

    # The home host keeps no certificate, and answers at no web port.
    assert linked.practice.run(
        linked.practice.lab.scan(home.name, ports=(80, 443, linked.setup.access_port, 8442))
    ) == (linked.setup.access_port,)

    # Nobody without a certificate gets anything out of the far end.
    inside = linked.hosts[Role.INSIDE]
    with pytest.raises(subprocess.CalledProcessError):
        asked(linked, inside, 8449)

    # Renewal through the link itself, on both near ends and on the far one.
    for role in (Role.HOME, Role.OUTSIDE):
        before = serial(linked, role)
        unit = (
            linked.root(role) / "etc/systemd/system/matrix-assistant-link-renewal.service"
        ).read_text()
        argv = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
        words = [word.strip('"') for word in argv.removeprefix("ExecStart=").split()]
        linked.on(role, *words, "--now")
        assert serial(linked, role) != before
    assert asked(linked, home, linked.setup.access_port) == facts.operator_ipv4
    for role in Role:
        linked.on(role, "systemctl", "start", "matrix-assistant-link-renewal.service")

    # Restarted from nothing (a reboot), nginx can still bind what shares a port.
    linked.on(Role.OUTSIDE, "systemctl", "restart", "nginx.service")
    assert linked.fetch(Role.OUTSIDE, ADDRESS) == outside.ipv4

    # A second round finds everything as it must be.
    assert linked.apply("wrapped") == ()


def test_dynamic_dns_follows_the_line(linked: Linked) -> None:
    linked.practice.run(linked.practice.lab.dns_set(linked.setup.access_name, "A", ["241.0.9.9"]))
    linked.on(Role.HOME, "rm", "-f", dyndns.STATE)
    dyndns_round(linked)
    assert record(linked) == [linked.hosts[Role.HOME].ipv4], dyndns_state(linked)["error"]
    state = dyndns_state(linked)
    assert state["ipv4"] == linked.hosts[Role.HOME].ipv4
    assert state["error"] == ""
    secret = linked.practice.lab.facts.tsig.secret
    assert secret not in json.dumps(state)
    assert secret not in linked.on(Role.HOME, "journalctl", "--no-pager").stdout


def test_a_token_that_is_refused_is_told_and_not_repeated(linked: Linked) -> None:
    token = linked.root(Role.HOME) / dyndns.TOKEN.lstrip("/")
    good = token.read_text()
    token.write_text("d3Jvbmcgc2VjcmV0IGluZGVlZA==")
    linked.practice.run(linked.practice.lab.dns_set(linked.setup.access_name, "A", ["241.0.9.9"]))
    linked.on(Role.HOME, "rm", "-f", dyndns.STATE)
    dyndns_round(linked)
    state = dyndns_state(linked)
    token.write_text(good)
    assert record(linked) == ["241.0.9.9"]
    assert state["failures"] == 1
    assert state["error"]
    assert "d3Jvbmcg" not in json.dumps(state)


def test_back_to_direct_links(linked: Linked) -> None:
    assert linked.apply("direct") == ()
    facts, home = linked.practice.lab.facts, linked.hosts[Role.HOME]
    assert asked(linked, home, linked.setup.access_port) == facts.operator_ipv4
    linked.on(Role.OUTSIDE, "systemctl", "restart", "nginx.service")
    linked.on(Role.INSIDE, "systemctl", "restart", "nginx.service")
    assert "Disallow" in linked.fetch(Role.OUTSIDE, "/robots.txt")
    # The home host learns its address over the direct link as well.
    linked.on(Role.HOME, "rm", "-f", dyndns.STATE)
    dyndns_round(linked)
    assert dyndns_state(linked)["ipv4"] == home.ipv4, dyndns_state(linked)["error"]
