"""A host that already serves another site with nginx keeps serving it, before and after an undo."""

from __future__ import annotations

import hashlib
from pathlib import Path

import httpx

from assistant.operations import apply, proof
from assistant.operations.connections import Connections
from assistant.rehearsal.lab import LabHost
from assistant.remote import NoCredentials
from assistant.setup.model import Setup
from tests.lab.conftest import Practice

SITE = """\
server {
    listen 80 default_server;
    listen [::]:80 default_server;
    server_name shop.family.example;
    root /srv/shop;
}
server {
    listen 8081;
    server_name _;
    root /srv/shop;
}
"""
OWN_FIREWALL = "table inet shop { chain input { type filter hook input priority 0; } }\n"


def prepare_site(practice: Practice, setup: Setup, host: LabHost) -> None:
    """What somebody did on this host long before: a web shop."""
    lab, root = practice.lab, practice.lab.root_of(host.name)
    mirror = setup.settings.mirror
    assert mirror is not None
    (root / "etc/apt/keyrings").mkdir(exist_ok=True)
    (root / "etc/apt/keyrings/shop.asc").write_text(mirror.signing_key)
    (root / "etc/apt/sources.list").write_text(
        f"deb [signed-by=/etc/apt/keyrings/shop.asc] {mirror.uri} {host.release} main\n"
    )
    practice.run(lab.exec(host.name, ["apt-get", "update"], timeout=120))
    install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "nginx"]
    practice.run(lab.exec(host.name, install, timeout=300))
    (root / "srv/shop").mkdir(parents=True)
    (root / "srv/shop/index.html").write_text("<h1>The old shop</h1>\n")
    (root / "etc/nginx/sites-available/shop").write_text(SITE)
    (root / "etc/nginx/sites-enabled/default").unlink()
    (root / "etc/nginx/sites-enabled/shop").symlink_to("/etc/nginx/sites-available/shop")
    with (root / "etc/hosts").open("a") as file:
        file.write("192.0.2.9 printer\n")
    practice.run(lab.exec(host.name, ["systemctl", "restart", "nginx"]))


def shop(host: LabHost, port: int = 80) -> str:
    url = f"http://{host.ipv4}:{port}/"
    return httpx.get(url, headers={"Host": "shop.family.example"}, timeout=10).text


def manifest(root: Path) -> dict[str, str]:
    """Every file and link below /etc with its mode and content."""
    found = {}
    for path in sorted((root / "etc").rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = f"{path.stat().st_mode:o} {digest}"
    return found


def test_the_other_site_keeps_working(practice: Practice) -> None:
    host = practice.fresh()
    setup = practice.setup_for(host)
    only = setup.hosts[0].model_copy(update={"keep_ports": (8081,)})
    setup = setup.model_copy(update={"hosts": (only,)})
    prepare_site(practice, setup, host)
    assert "The old shop" in shop(host)
    before = manifest(practice.lab.root_of(host.name))

    async def bring() -> None:
        async with Connections(setup, NoCredentials()) as connections:
            _, results = await apply.apply(connections, report=lambda _: None)
            assert all(result.ok for result in results), results
            canary = await proof.canary(connections)
            assert canary.ok, canary
            _, again = await apply.apply(connections, report=lambda _: None)
            assert [result.changes for result in again] == [()]

    practice.run(bring())
    assert "The old shop" in shop(host)
    assert "The old shop" in shop(host, 8081)
    assert practice.run(practice.lab.scan(host.name)) == (22, 80, 443, 8081)

    async def take_back() -> None:
        async with Connections(setup, NoCredentials()) as connections:
            _, results = await apply.undo(connections, report=lambda _: None)
            assert all(result.ok for result in results), results

    practice.run(take_back())
    assert "The old shop" in shop(host)
    assert "The old shop" in shop(host, 8081)
    after = manifest(practice.lab.root_of(host.name))
    ours = ("etc/nginx", "etc/hosts", "etc/nftables.conf", "etc/ssh", "etc/apt/sources")
    changed = {
        name
        for name in before.keys() | after.keys()
        if name.startswith(ours) and before.get(name) != after.get(name)
    }
    assert changed == set()
    kept = practice.run(
        practice.lab.exec(
            host.name,
            ["runuser", "-u", "postgres", "--", "psql", "-Atc", "select datname from pg_database"],
        )
    )
    assert "matrix-synapse" in kept.stdout.split()
    keys = practice.lab.root_of(host.name) / "etc/matrix-synapse/homeserver.signing.key"
    assert keys.read_text().startswith("ed25519 ")
    practice.remove(host)
