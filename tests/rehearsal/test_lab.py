"""The practice internet itself: hosts, names, packages, power. Runs inside the containment."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.lab import Lab, LabHost
from assistant.rehearsal.make_ready import LAB_MISSING, make_ready
from assistant.rehearsal.processes import leftovers
from assistant.rehearsal.processes.commands import run_async
from assistant.rehearsal.processes.contain import is_contained, work_folder

pytestmark = pytest.mark.lab
RELEASES = ("trixie", "bookworm")


@pytest.fixture(autouse=True)
def contained() -> None:
    if is_contained():
        return
    reason = os.environ.get(LAB_MISSING) or "not inside the practice internet (use `make test`)"
    if os.environ.get("MATRIX_ASSISTANT_LAB_REQUIRED") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


async def start() -> Lab:
    return await Lab.start(make_ready(RELEASES), report=print)


async def ssh(lab: Lab, host: LabHost, user: str, *command: str, text: str = "") -> tuple[int, str]:
    known = lab.known_hosts()
    argv = ["ssh", "-F", "none", "-i", str(lab.facts.operator_key), "-o", "BatchMode=yes"]
    argv += ["-o", f"UserKnownHostsFile={known}", "-p", str(host.ssh_port)]
    done = await run_async([*argv, f"{user}@{host.ipv4}", *command], timeout=30, text=text)
    return done.returncode, done.stdout


async def use_mirror(lab: Lab, host: LabHost) -> None:
    root = lab.root_of(host.name)
    (root / "etc/apt/keyrings").mkdir(exist_ok=True)
    (root / "etc/apt/keyrings/lab.asc").write_text(lab.facts.signing_key)
    line = f"deb [signed-by=/etc/apt/keyrings/lab.asc] {lab.facts.debs_url} {host.release} main\n"
    (root / "etc/apt/sources.list").write_text(line)


async def resolved(lab: Lab, host: str, name: str) -> list[str]:
    done = await lab.exec(host, ["getent", "ahostsv4", name], check=False)
    return sorted({line.split()[0] for line in done.stdout.splitlines()})


def test_both_releases_resolve_names_and_get_packages() -> None:
    async def main() -> None:
        async with await start() as lab:
            hosts = await asyncio.gather(
                *(lab.boot(f"host-{release}", release=release) for release in RELEASES)
            )
            for host in hosts:
                name = f"{host.name}.{lab.facts.zone}"
                assert await resolved(lab, host.name, name) == []
                await lab.dns_set(name, "A", [host.ipv4])
                assert await resolved(lab, host.name, name) == [host.ipv4]
                await lab.dns_set(name, "A", ["241.0.99.2"])
                assert await resolved(lab, host.name, name) == ["241.0.99.2"]
                await lab.dns_delete(name, "A")
                await use_mirror(lab, host)
                updated = await lab.exec(host.name, ["apt-get", "update"])
                assert "Err:" not in updated.stdout
                assert "W:" not in updated.stderr
                release = await lab.exec(host.name, ["cat", "/etc/debian_version"])
                assert release.stdout.startswith("13" if host.release == "trixie" else "12")
                fetch = f"import urllib.request as u; u.urlopen({lab.facts.wheels_url!r})"
                await lab.exec(host.name, ["python3", "-c", fetch])
                state = await lab.exec(host.name, ["systemctl", "is-system-running", "--wait"])
                assert state.stdout.strip() == "running"

    asyncio.run(main())


def test_people_log_in_as_on_a_rented_server() -> None:
    async def main() -> None:
        async with await start() as lab:
            host = await lab.boot("outside", sshd_port=2222, python=False)
            operator, nopass = host.users
            assert (await ssh(lab, host, "root", "id", "-u"))[1].strip() == "0"
            asked = f"{operator.password}\n"
            assert (await ssh(lab, host, operator.name, "sudo", "-S", "id", "-u", text=asked))[
                1
            ].strip() == "0"
            with pytest.raises(RehearsalError, match="failed with code 1"):
                await ssh(lab, host, operator.name, "sudo", "-n", "id")
            assert (await ssh(lab, host, nopass.name, "sudo", "-n", "id", "-u"))[1].strip() == "0"
            assert (await lab.exec("outside", ["python3", "-V"], check=False)).returncode == 127
            await use_mirror(lab, host)
            await lab.exec("outside", ["apt-get", "update"])
            await lab.exec("outside", ["apt-get", "install", "-y", "python3"], timeout=120)
            await lab.exec("outside", ["python3", "-V"])

    asyncio.run(main())


def test_a_scan_finds_exactly_the_open_ports() -> None:
    async def main() -> None:
        async with await start() as lab:
            await asyncio.gather(lab.boot("one"), lab.boot("two"))
            assert await lab.scan("one") == (22,)
            assert await lab.scan("one", from_="two", ports=range(1, 200), ipv6=True) == (22,)
            listen = "import socket,time; s=socket.create_server(('', 61234)); time.sleep(60)"
            argv = ["systemd-run", "--quiet", "--", "python3", "-c", listen]
            await lab.exec("one", argv)
            for _ in range(50):
                found = await lab.scan("one", ports=range(61230, 61240))
                if found:
                    break
            assert found == (61234,)

    asyncio.run(main())


def test_power() -> None:
    async def main() -> None:
        async with await start() as lab:
            host = await lab.boot("outside")
            root = lab.root_of("outside")
            await lab.exec("outside", ["sh", "-c", "echo kept >/root/note"])
            await lab.power_cut("outside")
            with pytest.raises(RehearsalError, match="is off"):
                await lab.exec("outside", ["true"])
            assert (root / "root/note").read_text() == "kept\n"
            await lab.power_on("outside")
            assert (await ssh(lab, host, "root", "cat", "note"))[1] == "kept\n"
            await lab.power_off("outside")
            image = await lab.snapshot("outside")
            clone, second = await asyncio.gather(
                lab.boot("clone", lower=image), lab.boot("second", lower=image)
            )
            await lab.power_on("outside")
            assert not set(clone.host_keys) & set(host.host_keys)
            for each in (host, clone, second):
                assert (await ssh(lab, each, "root", "cat", "note"))[1] == "kept\n"
                assert (await ssh(lab, each, "root", "hostname"))[1].strip() == each.name
            await lab.exec("clone", ["rm", "/root/note"])
            assert (root / "root/note").exists()
            await lab.remove("clone")
            with pytest.raises(RehearsalError, match="no host named clone"):
                lab.host("clone")

    asyncio.run(main())


def test_a_small_disk_fills_up_and_loses_what_was_not_synced() -> None:
    async def main() -> None:
        async with await start() as lab:
            await lab.boot("small", disk="200M")
            filled = await lab.exec(
                "small", ["dd", "if=/dev/zero", "of=/var/big", "bs=1M", "count=400"], check=False
            )
            assert "No space left on device" in filled.stderr
            await lab.exec("small", ["rm", "/var/big"])
            await lab.exec("small", ["sh", "-c", "echo a >/root/synced; sync; echo b >/root/lost"])
            await lab.power_cut("small", lose_unwritten=True)
            await lab.power_on("small")
            left = await lab.exec("small", ["sh", "-c", "cd /root; cat synced; cat lost; true"])
            assert left.stdout.strip() == "a"

    asyncio.run(main())


def test_the_outside_cannot_be_reached_and_nothing_stays() -> None:
    async def main() -> None:
        async with await start() as lab:
            await lab.boot("outside")
            routes = await lab.exec("outside", ["ip", "route", "get", "8.8.8.8"])
            assert "via 241.0." in routes.stdout
            with pytest.raises(OSError) as refused:
                await asyncio.open_connection("8.8.8.8", 53)
            assert refused.value.errno == errno.ENETUNREACH
            text = lab.describe()
            assert "nsenter -t" in text
            assert str(lab.facts.operator_key) in text
            workdir = lab.workdir
            run = work_folder().name
            groups = [group / "outside" for group in leftovers.run_cgroups(run)]
            assert all(group.is_dir() for group in groups)
        assert not any(group.exists() for group in groups)
        assert not workdir.exists()
        assert not list(Path("/run/netns").iterdir())
        points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        assert not [point for point in points if point.startswith(str(workdir))]
        with pytest.raises(RehearsalError, match="No image of sid"):
            async with await start() as again:
                await again.boot("x", release="sid")

    asyncio.run(main())
