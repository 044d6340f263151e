"""Faults that a new server meets on its way: each is told clearly, and the next apply goes on.

They are met in turn by one server that has packages already but for one, and no certbot. Each test
takes its fault back; the last apply converges.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from assistant.operations.follow import HostResult
from assistant.rehearsal.addresses import ACME
from assistant.rehearsal.lab import LabHost
from assistant.setup.model import Setup
from tests.lab.conftest import Cli, Ended, Practice
from tests.lab.support import host_faults
from tests.lab.support.faulted import APPLY, Saved, applied_during, told, with_mirror, with_settings
from tests.lab.support.faulty_mirror import altered_mirror, mirror_of_another_day
from tests.lab.support.run_brake import Brake, braked_program
from tests.lab.support.stocked import LATER, applied, changes_nothing, stocked


@pytest.fixture(scope="module")
def growing(practice: Practice) -> Iterator[tuple[LabHost, Setup]]:
    """A server that has packages but for one, no certbot, and a small disk of its own."""
    host, setup = stocked(practice, disk="1500M")
    yield host, setup
    practice.remove(host)


@pytest.fixture(autouse=True)
def found_by_name(practice: Practice, growing: tuple[LabHost, Setup]) -> None:
    """The name of the service leads to this server."""
    host, setup = growing
    practice.point(setup, host)


def test_another_program_installs_packages_all_the_time(
    practice: Practice, growing: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    host, setup = growing
    busy = host_faults.packages_locked(practice.lab, host.name)
    ended = applied_during(practice, cli, saved, setup, busy)
    told(ended, "apt-lock", "Wait until it is done")


def test_a_mirror_that_is_dead(
    practice: Practice, growing: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    _, setup = growing
    dead = with_mirror(setup, uri=f"http://{practice.lab.facts.operator_ipv4}:9/debian")
    ended = applied_during(practice, cli, saved, dead)
    told(ended, "mirror", "choose another mirror", "sources are as they were")


def test_a_mirror_with_a_broken_package(
    practice: Practice, growing: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    _, setup = growing
    asked: list[str] = []

    def alter(path: str, content: bytes) -> bytes:
        if not path.endswith(".deb"):
            return content
        asked.append(path)
        return content[:-1] + bytes([content[-1] ^ 1])

    async def story() -> Ended:
        async with altered_mirror(practice.lab, alter) as url:
            broken = with_mirror(setup, uri=f"{url}/debian")
            argv = ("apply", "--setup", str(saved(broken)), *APPLY)
            return await asyncio.to_thread(cli, *argv)

    text = told(practice.run(story()), "mirror", "another mirror")
    assert LATER in text
    assert any(LATER in path for path in asked)


def test_a_clock_that_is_a_day_slow(
    practice: Practice, growing: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    host, setup = growing

    async def story() -> Ended:
        async with mirror_of_another_day(practice.lab, host.release, 1) as (url, key):
            later = with_mirror(setup, uri=f"{url}/debian", signing_key=key)
            argv = ("apply", "--setup", str(saved(later)), *APPLY)
            return await asyncio.to_thread(cli, *argv)

    told(practice.run(story()), "clock", "clock of this server is wrong", "Set the time")


def test_a_full_disk_before_packages(
    practice: Practice, growing: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    host, setup = growing
    full = host_faults.full_disk(practice.lab, host.name, leave=1)
    ended = applied_during(practice, cli, saved, setup, full)
    told(ended, "disk-full", "Free some")
    with_check = ("check", "--setup", str(saved(setup)), "--unattended", "--json")

    async def checked() -> Ended:
        async with host_faults.full_disk(practice.lab, host.name, leave=1):
            return await asyncio.to_thread(cli, *with_check)

    # The checks say so before anything is changed, where they are not skipped.
    ended = practice.run(checked())
    causes = {f["cause"] for f in json.loads(ended.out)["findings"] if f["status"] == "failed"}
    assert any("disk" in cause for cause in causes), causes
    assert ended.code == 1


@pytest.mark.parametrize(
    "resource", ["pgdatabase:matrix-synapse", "virtualenv:/opt/matrix-assistant/certbot"]
)
def test_a_disk_that_fills_up_meanwhile(
    practice: Practice, growing: tuple[LabHost, Setup], resource: str
) -> None:
    host, setup = growing
    lab = practice.lab
    brake = Brake(lab, host.name)

    async def story() -> HostResult:
        brake.set([resource], 0)
        task = asyncio.ensure_future(applied(setup))
        await brake.reached()
        async with host_faults.full_disk(lab, host.name):
            brake.release()
            return await task

    with braked_program():
        result = practice.run(story())
    assert not result.ok
    assert result.failed == resource
    assert result.cause == "disk-full", result
    assert "disk" in result.text
    assert "Traceback" not in result.text


def test_port_80_is_taken(
    practice: Practice, growing: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    host, setup = growing
    practice.run(practice.lab.exec(host.name, ["systemctl", "stop", "nginx"]))
    taken = host_faults.port_taken(practice.lab, host.name, 80)
    ended = applied_during(practice, cli, saved, setup, taken)
    told(ended, "port-taken", "port 80 is taken by python3", "Stop that program")


def test_an_authority_that_refuses(
    practice: Practice, growing: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    _, setup = growing
    for kind, address in (("A", ACME.ipv4), ("AAAA", ACME.ipv6)):
        practice.run(practice.lab.dns_set(setup.server_name, kind, [address]))
    ended = applied_during(practice, cli, saved, setup)
    told(ended, "acme", setup.server_name, "DNS record")


def test_an_authority_that_is_silent(
    practice: Practice, growing: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    _, setup = growing
    address = practice.lab.facts.operator_ipv4

    async def story() -> Ended:
        async with host_faults.silent_service(practice.lab) as port:
            silent = with_settings(setup, acme_directory=f"https://{address}:{port}/dir")
            argv = ("apply", "--setup", str(saved(silent)), *APPLY)
            return await asyncio.to_thread(cli, *argv)

    told(practice.run(story()), "acme", "Try again later")


def test_an_authority_that_is_slow_is_waited_for(
    practice: Practice, growing: tuple[LabHost, Setup], cli: Cli, saved: Saved
) -> None:
    host, setup = growing
    name = setup.settings.acme_directory.split("/")[2]
    slow = host_faults.slow_service(practice.lab, host.name, name, ACME, 443, delay=1.0)
    ended = applied_during(practice, cli, saved, setup, slow)
    assert ended.code == 0, ended
    practice.run(changes_nothing(setup))
