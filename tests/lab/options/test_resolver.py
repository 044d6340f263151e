"""The private resolver on a real host: knows the main names, refuses the rest, takes new keys."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rcode
import pytest

from assistant.onhost.resources import Service
from assistant.operations import apply
from assistant.operations.connections import Connections
from assistant.operations.follow import HostResult
from assistant.plan.host_paths import CERTIFICATE, CERTIFICATE_FILES
from assistant.plan.model import HostPlan, Plan
from assistant.plan.recipes.dns import private_resolver
from assistant.plan.recipes.host import base
from assistant.rehearsal.lab import LabHost
from assistant.rehearsal.practice_setup import practice_setup
from assistant.remote import NoCredentials
from assistant.setup.model import Role, Setup
from tests.lab.conftest import RELEASES, Practice
from tests.support.plan_setups import ADDRESSES, several

MAIN = "im.family.example"
STOCK = "unbound.service"


def new_certificate(root: Path) -> None:
    """What certbot would leave there: a wildcard that only root may read."""
    folder = root / CERTIFICATE_FILES[1:]
    folder.mkdir(parents=True, exist_ok=True)
    key, chain = folder / "privkey.pem", folder / "fullchain.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    argv += ["-nodes", "-days", "9", "-subj", "/CN=x", "-keyout", str(key), "-out", str(chain)]
    argv += ["-addext", "subjectAltName=DNS:*.family.example"]
    subprocess.run(argv, check=True, capture_output=True)
    key.chmod(0o600)


def known(practice: Practice, host: LabHost) -> Setup:
    """A Setup to reach the host by, its key and release known."""
    setup = practice_setup(1, host.release, practice.lab.facts, {"outside": host})
    (key,) = (key for key in host.host_keys if key.startswith("ssh-ed25519"))
    login = setup.hosts[0].login.model_copy(update={"host_key": key})
    only = setup.hosts[0].model_copy(update={"login": login, "release": host.release})
    return setup.model_copy(update={"hosts": (only,)})


def planned(setup: Setup, release: str) -> Plan:
    """Only the mirror, the folders and the resolver, for the one host of ``setup``."""
    made = several(
        3, settings={"private_resolver": True}, hosts={Role.INSIDE: {"release": release}}
    )
    # The certificate itself is put there by the test.
    wanted = [
        dataclasses.replace(item, after=tuple(a for a in item.after if "certificate:" not in a))
        if isinstance(item, Service)
        else item
        for item in private_resolver.resources(made, made.host(Role.INSIDE))
    ]
    first = base.resources(setup, setup.hosts[0])
    only = HostPlan(host=setup.hosts[0].name, resources=(*first, *wanted), open_tcp=())
    return Plan(option=3, server_name=MAIN, access_name=MAIN, hosts=(only,), records=())


async def ask(host: LabHost, name: str, kind: str) -> tuple[str, list[str]]:
    query = dns.message.make_query(name, kind)
    answer = await dns.asyncquery.tls(query, host.ipv4, port=853, timeout=10, verify=False)
    values = [item.to_text() for found in answer.answer for item in found]
    return dns.rcode.to_text(answer.rcode()), values


@pytest.mark.parametrize("release", RELEASES)
def test_it_answers_for_the_main_names_only(
    practice: Practice, release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = practice.fresh(release=release)
    setup = known(practice, host)
    root = practice.lab.root_of(host.name)
    new_certificate(root)
    plan = planned(setup, release)
    monkeypatch.setattr(apply, "compile_plan", lambda _: plan)

    async def applied() -> HostResult:
        async with Connections(setup, NoCredentials()) as connections:
            _, (result,) = await apply.apply(connections, report=lambda _: None)
            return result

    first = practice.run(applied())
    assert first.ok, f"{first.text} {first.tail}"
    v4, v6 = ADDRESSES[Role.INSIDE]
    assert practice.run(ask(host, MAIN, "A")) == ("NOERROR", [v4])
    assert practice.run(ask(host, MAIN, "AAAA")) == ("NOERROR", [v6])
    assert practice.run(ask(host, MAIN, "HTTPS")) == ("NOERROR", [])
    assert practice.run(ask(host, f"_matrix._tcp.{MAIN}", "SRV")) == ("NXDOMAIN", [])
    for name in ("example.com", "out.family.example", "family.example", "a"):
        assert practice.run(ask(host, name, "A")) == ("REFUSED", [])

    listening = practice.run(practice.lab.exec(host.name, ["ss", "-Hlntu", "sport = :53"]))
    assert listening.stdout.strip() == ""
    for verb, told in (("is-enabled", {"disabled"}), ("is-active", {"inactive", "failed"})):
        state = practice.run(practice.lab.exec(host.name, ["systemctl", verb, STOCK], check=False))
        assert state.stdout.strip() in told
    again = practice.run(applied())
    assert (again.ok, again.changed) == (True, 0), again

    new_certificate(root)
    hook = "/etc/letsencrypt/renewal-hooks/deploy/matrix-assistant-resolver"
    renew = ["env", f"RENEWED_LINEAGE=/etc/letsencrypt/live/{CERTIFICATE}", hook]
    practice.run(practice.lab.exec(host.name, renew))
    copied = root / private_resolver.KEYS[1:] / "privkey.pem"
    assert copied.read_bytes() == (root / CERTIFICATE_FILES[1:] / "privkey.pem").read_bytes()
    assert copied.stat().st_mode & 0o777 == 0o640
    assert practice.run(ask(host, MAIN, "A")) == ("NOERROR", [v4])
    score = ["systemd-analyze", "security", "--no-pager", private_resolver.UNIT]
    told = practice.run(practice.lab.exec(host.name, score)).stdout
    assert float(told.rsplit("level for", 1)[1].split(":")[1].split()[0]) <= 2.0
    practice.remove(host)
