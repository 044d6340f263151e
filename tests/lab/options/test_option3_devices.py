"""Option 3: devices with exactly what is handed out find the server, and devices without do not."""

from __future__ import annotations

import asyncio
import json
import plistlib
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from assistant.canary.client import Person
from assistant.canary.model import Account
from assistant.export.device_files import device_files
from assistant.operations import proof
from assistant.operations.accounts import HostAccounts
from assistant.operations.connections import Connections
from assistant.plan.compile import compile_plan
from assistant.rehearsal.network.devices import Device
from assistant.rehearsal.network.home_line import HOME_ROUTER
from assistant.rehearsal.network.home_rules import LAN_ROUTER
from assistant.remote import NoCredentials
from assistant.setup.homeservers import homeservers
from assistant.setup.model import Setup
from tests.lab.conftest import Practice
from tests.lab.support.device_client import ANSWER, PATIENCE
from tests.lab.support.undone import assert_taken_back
from tests.lab.support.user_resolvers import Program, user_resolver

ROUTER_BASE = """\
no-resolv
no-hosts
bind-interfaces
listen-address={router}
server={resolver}
"""
"""A router as it comes: it asks the provider's resolver. What is handed out stands below."""

STUB = """\
server:
    interface: 127.0.0.1
    do-not-query-localhost: no
    module-config: "iterator"
    tls-cert-bundle: /lab/trust.pem
    username: ""
    chroot: ""
    directory: /lab
    pidfile: ""
    use-syslog: no
    logfile: ""
    do-daemonize: no
{zones}
forward-zone:
    name: "."
    forward-addr: {resolver}
"""


@pytest.mark.parametrize("way", ["hosts", "dnsmasq", "profile"])
def test_a_device_reads_its_messages(practice: Practice, way: str) -> None:
    setup = practice.standing(3).setup
    practice.lay_line()
    practice.run(_story(practice, setup, way), 200)


async def _story(practice: Practice, setup: Setup, way: str) -> None:
    lab, name = practice.lab, setup.access_name
    files = {one.kind: one.text for one in device_files(setup, compile_plan(setup).records)}
    async with AsyncExitStack() as stack:
        device = await lab.device(f"phone-{way}", "home" if way == "dnsmasq" else "inside")
        stack.push_async_callback(lab.remove, device.name)
        assert await _looked_up(device, name) == ""
        if way == "hosts":
            device.set_hosts(files["hosts"].splitlines())
        elif way == "dnsmasq":
            await stack.enter_async_context(_router(practice, files["dnsmasq"]))
            device.set_resolver(LAN_ROUTER)
        else:
            await stack.enter_async_context(_stub(practice, device, files["mobileconfig"]))
            device.set_resolver("127.0.0.1")
        asked = len(lab.queries())
        assert await _looked_up(device, name) == homeservers(setup)[0].front.public_ipv4
        assert await _looked_up(device, setup.outside_name) != "", "other names work as before"
        text, read = await _talked(setup, device)
        assert read == [text]
        told = {query.name for query in lab.queries()[asked:]}
        assert setup.outside_name in told
        assert not any(name in one for one in told)


async def _looked_up(device: Device, name: str) -> str:
    """The IPv4 address that programs on a device get for a name; empty when they get none."""
    done = await device.run(["getent", "ahostsv4", name], check=False)
    return done.stdout.partition(" ")[0]


@asynccontextmanager
async def _running(
    practice: Practice, device: Device | None, program: Program, configuration: str
) -> AsyncIterator[None]:
    where = HOME_ROUTER if device is None else device.name
    services = practice.lab.services

    async def ready() -> bool:
        await asyncio.sleep(0.5)
        return True

    async with user_resolver(services, where, program, configuration, ready):
        yield


@asynccontextmanager
async def _router(practice: Practice, handed_out: str) -> AsyncIterator[None]:
    """dnsmasq on the home router, with the lines that were handed out."""
    base = ROUTER_BASE.format(router=LAN_ROUTER, resolver=practice.lab.facts.inside_resolver_ipv4)
    async with _running(practice, None, "dnsmasq", base + handed_out):
        yield


@asynccontextmanager
async def _stub(practice: Practice, device: Device, profile: str) -> AsyncIterator[None]:
    """What iOS does with the profile: its names, and no others, are asked for over TLS."""
    (payload,) = plistlib.loads(profile.encode())["PayloadContent"]
    settings = payload["DNSSettings"]
    host = settings["ServerURL"].partition("://")[2].partition(":")[0]
    upstream = "".join(
        f"    forward-addr: {address}@853#{host}\n" for address in settings["ServerAddresses"]
    )
    zones = "".join(
        f'forward-zone:\n    name: "{name}"\n    forward-tls-upstream: yes\n{upstream}'
        for name in settings["SupplementalMatchDomains"]
    )
    lab = practice.lab
    Path(lab.services.folder / "trust.pem").write_bytes(lab.facts.trust_bundle.read_bytes())
    text = STUB.format(zones=zones, resolver=lab.facts.inside_resolver_ipv4)
    async with _running(practice, device, "unbound", text):
        yield


async def _talked(setup: Setup, device: Device) -> tuple[str, list[str]]:
    """Somebody outside writes to somebody on the device; what was written, and what was read."""
    main, other = homeservers(setup)
    made: list[Account] = []
    async with Connections(setup, NoCredentials()) as connections:
        for server in (main, other):
            accounts = HostAccounts(await connections.session(server.host.name))
            made += await accounts.create([f"device-{secrets.token_hex(4)}"])
    account, friend = made
    text = f"For the device. {secrets.token_hex(8)}"
    person = Person(proof.side(other), friend, PATIENCE)
    try:
        await person.log_in()
        room = await person.make_room("device", account.user_id, federate=True)
        told = {
            "server_name": main.server_name,
            "base_url": main.base_url,
            "user_id": account.user_id,
            "password": account.password,
            "room": room,
            "other": friend.user_id,
        }
        argv = [sys.executable, "-m", "tests.lab.support.device_client"]
        client = asyncio.create_task(device.run(argv, input=json.dumps(told), timeout=150))
        await person.share_keys(room, account.user_id)
        await person.send(room, text)
        done = await client
        async with asyncio.timeout(PATIENCE):
            while ANSWER not in person.heard:
                await asyncio.sleep(0.1)
        return text, json.loads(done.stdout)
    finally:
        await person.leave("")


def test_everything_can_be_taken_back(practice: Practice) -> None:
    assert_taken_back(practice, practice.standing(3))
