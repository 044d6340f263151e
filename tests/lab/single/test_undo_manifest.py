"""After an undo /etc is as it was but for what docs/undo.md lists; data and keys are there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from assistant.rehearsal.lab import LabHost
from assistant.setup.model import Setup
from tests.lab.conftest import Practice
from tests.lab.support.host_faults import cut_power
from tests.lab.support.manifests import manifest, undocumented
from tests.lab.support.run_brake import Brake, braked_program
from tests.lab.support.stocked import applied, begin_talk, changes_nothing, stocked, undone

SITE = """\
server {
    listen 80 default_server;
    listen [::]:80 default_server;
    server_name shop.family.example;
    root /srv/shop;
}
"""
RULES = """\
#!/usr/sbin/nft -f
flush ruleset
table inet shop {
    chain input {
        type filter hook input priority 5; policy accept;
        tcp dport 8081 drop
    }
}
"""
LIST_RULES = ("nft", "list", "ruleset")
SYNAPSE, SPARE = "/opt/matrix-assistant/synapse", "/opt/spare"


@pytest.fixture(scope="module")
def lived_in(practice: Practice) -> Iterator[tuple[LabHost, Setup]]:
    """A host on which somebody has a web site, firewall rules and lines in /etc/hosts."""
    host, setup = stocked(practice)
    lab, root = practice.lab, practice.lab.root_of(host.name)
    mirror = setup.settings.mirror
    assert mirror is not None
    (root / "etc/apt/keyrings").mkdir(exist_ok=True)
    (root / "etc/apt/keyrings/own.asc").write_text(mirror.signing_key)
    (root / "etc/apt/sources.list").write_text(
        f"deb [signed-by=/etc/apt/keyrings/own.asc] {mirror.uri} {host.release} main\n"
    )
    (root / "srv/shop").mkdir(parents=True)
    (root / "srv/shop/index.html").write_text("<h1>The old shop</h1>\n")
    (root / "etc/nginx/sites-available/shop").write_text(SITE)
    (root / "etc/nginx/sites-enabled/default").unlink(missing_ok=True)
    (root / "etc/nginx/sites-enabled/shop").symlink_to("/etc/nginx/sites-available/shop")
    (root / "etc/nftables.conf").write_text(RULES)
    with (root / "etc/hosts").open("a") as file:
        file.write("192.0.2.9 printer\n")

    async def prepare() -> None:
        await lab.exec(host.name, ["apt-get", "update"], timeout=120)
        # What comes with packages stays: those of the plan are there before.
        install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y"]
        await lab.exec(host.name, [*install, "unattended-upgrades"], timeout=300)
        await lab.exec(host.name, ["systemctl", "enable", "--now", "nftables.service"])
        await lab.exec(host.name, ["systemctl", "enable", "nginx.service"])
        await lab.exec(host.name, ["systemctl", "restart", "nginx.service"])

    practice.run(prepare())
    practice.run(lab.exec(host.name, ["cp", "-al", SYNAPSE, SPARE]))
    yield host, setup
    practice.remove(host)


async def restock(practice: Practice, host: LabHost) -> None:
    """Spare the next apply the installation of Synapse, which an undo has removed."""
    again = f"test -d {SYNAPSE}/versions || (mkdir -p {SYNAPSE} && cp -al {SPARE}/. {SYNAPSE}/)"
    await practice.lab.exec(host.name, ["sh", "-c", again])


def rules_of(practice: Practice, host: LabHost) -> str:
    return practice.run(practice.lab.exec(host.name, LIST_RULES)).stdout


def shop(host: LabHost) -> str:
    url = f"http://{host.ipv4}/"
    return httpx.get(url, headers={"Host": "shop.family.example"}, timeout=10).text


def test_the_list_is_of_use() -> None:
    assert undocumented({"/etc/hosts": "a"}, {"/etc/hosts": "b"}) == {"/etc/hosts": ("a", "b")}
    assert undocumented({}, {"/etc/nginx/conf.d/x": "a"}) != {}
    assert undocumented({}, {"/etc/letsencrypt/live": "a"}) == {}


@pytest.fixture
def braked() -> Iterator[None]:
    with braked_program():
        yield


CUTS = (
    ("mirror:apt", 3),
    ("file:/etc/ssh/sshd_config.d/90-matrix-assistant.conf", 3),
    ("file:/etc/matrix-synapse/homeserver.yaml", 2),
    ("service:matrix-synapse.service", 1),
    ("firewall:matrix_assistant", 4),
    ("timer:matrix-assistant-certbot", 4),
)
"""A resource and a step of it: where an apply is cut before it is taken back."""


def test_an_apply_cut_at_any_point_can_be_taken_back(
    practice: Practice, lived_in: tuple[LabHost, Setup], braked: None
) -> None:
    host, setup = lived_in
    lab = practice.lab
    before, rules = manifest(lab.root_of(host.name)), rules_of(practice, host)
    brake = Brake(lab, host.name)
    for resource, step in CUTS:

        async def cut(resource: str = resource, step: int = step) -> None:
            await restock(practice, host)
            brake.set([resource], step)
            task = asyncio.ensure_future(applied(setup))
            assert await brake.reached() == resource
            task.cancel()
            await cut_power(lab, host.name)
            brake.release()
            result = await undone(setup)
            assert result.ok, (resource, result)

        practice.run(cut())
        after = manifest(lab.root_of(host.name))
        assert undocumented(before, after) == {}, resource
        assert rules_of(practice, host) == rules, resource
        assert "The old shop" in shop(host), resource


def test_all_of_it_can_be_taken_back(practice: Practice, lived_in: tuple[LabHost, Setup]) -> None:
    host, setup = lived_in
    lab, root = practice.lab, practice.lab.root_of(host.name)
    before, rules = manifest(root), rules_of(practice, host)

    async def there_and_back() -> None:
        result = await applied(setup)
        assert result.ok, result
        talk = await begin_talk(lab, host.name, setup, "visitor")
        await talk.say()
        key = (root / "etc/matrix-synapse/homeserver.signing.key").read_bytes()
        (root / "var/lib/matrix-synapse/media/photo").write_text("a photo")
        assert manifest(root) != before
        result = await undone(setup)
        assert result.ok, result
        assert undocumented(before, manifest(root)) == {}
        assert (await lab.exec(host.name, LIST_RULES)).stdout == rules
        # Nothing of ours is left running, and nothing of theirs stopped.
        units = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "*matrix*"]
        listed = (await lab.exec(host.name, units)).stdout
        assert [line for line in listed.splitlines() if " active " in line] == []
        assert "The old shop" in await asyncio.to_thread(shop, host)
        assert (root / "etc/matrix-synapse/homeserver.signing.key").read_bytes() == key
        assert (root / "var/lib/matrix-synapse/media/photo").read_text() == "a photo"
        await restock(practice, host)
        # Applied again, the same server is back with every message.
        result = await applied(setup)
        assert result.ok, result
        assert await talk.unreadable() == []
        assert (root / "etc/matrix-synapse/homeserver.signing.key").read_bytes() == key
        await changes_nothing(setup)

    practice.run(there_and_back(), 600)
