"""The home line: forwarding, closed ports, redial, packet sizes, what a capture shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.lab import Border, Lab
from assistant.rehearsal.make_ready import make_ready
from assistant.rehearsal.network import pcap
from assistant.rehearsal.network.home_rules import Line
from assistant.rehearsal.processes.commands import run_async
from tests.support.rehearsal_tools import PORT, asked, connected, need_containment
from tests.support.rehearsal_tools import serving as serve

pytestmark = pytest.mark.lab
BLOCKED = 1.0
"""Seconds after which a silent port counts as blocked; an open one takes milliseconds."""


@pytest.fixture(autouse=True)
def contained() -> None:
    need_containment()


@asynccontextmanager
async def started() -> AsyncIterator[Lab]:
    border = Border(rtt_ms=20)
    async with await Lab.start(make_ready(("trixie",)), report=print, border=border) as lab:
        yield lab


def test_a_home_is_reached_through_forwarded_ports_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with started() as lab:
            home = await lab.home_line()
            host = await lab.boot("home", side="home")
            laptop = await lab.device("laptop", "home")
            phone = await lab.device("phone", "home")
            there = await lab.device("there", "outside")
            near = await lab.device("near")
            assert (host.ipv4, laptop.ipv4, phone.ipv4) == (
                "192.168.1.2",
                "192.168.1.50",
                "192.168.1.51",
            )
            # The operator sits at home.
            known = ["-o", f"UserKnownHostsFile={lab.known_hosts()}", "-o", "BatchMode=yes"]
            ssh = ["ssh", "-F", "none", "-i", str(lab.facts.operator_key), *known]
            done = await run_async([*ssh, f"root@{host.ipv4}", "hostname"], timeout=20)
            assert done.stdout == "home\n"
            async with (
                serve(there),
                serve(laptop),
                serve(laptop, 80),
                serve(laptop, 443),
            ):
                # Out: by the one public address, and by the machine's own IPv6 address.
                assert await asked(laptop, there.ipv4) == home.wan_ipv4
                assert await asked(laptop, there.ipv6) == laptop.ipv6
                # In: nothing, until it is forwarded.
                wanted = (home.wan_ipv4, laptop.ipv6)
                for address in wanted:
                    assert await asked(there, address, PORT, BLOCKED) == ""
                for port in (PORT, 80, 443):
                    await home.forward(port, laptop.ipv4)
                for address, own in zip(wanted, (there.ipv4, there.ipv6), strict=True):
                    assert await asked(there, address) == own
                assert await asked(near, home.wan_ipv4) == near.ipv4
                # The ISP closes two, for everybody outside the home; the capture shows the try.
                tried = tmp_path / "tried.pcap"
                async with home.capture(tried):
                    for port in (80, 443):
                        for client in (there, near):
                            for address in wanted:
                                assert await asked(client, address, port, BLOCKED) == ""
                    assert await asked(there, home.wan_ipv4) == there.ipv4
                assert pcap.addressed_to(tried, 80) >= 4
                assert pcap.addressed_to(tried, 443) >= 4
                assert pcap.addressed_to(tried, PORT) == 1
                assert pcap.contains(tried, there.ipv4.encode())
                # At home the public address works as well, and so does the neighbour's own.
                assert await asked(phone, home.wan_ipv4) == "192.168.1.1"
                assert await asked(phone, laptop.ipv4) == phone.ipv4
                assert await asked(phone, laptop.ipv6) == phone.ipv6
                await home.unforward(PORT)
                for address in wanted:
                    assert await asked(there, address, PORT, BLOCKED) == ""
                with pytest.raises(RehearsalError, match="no machine with the address"):
                    await home.forward(PORT, "192.168.1.77")

    asyncio.run(main())


def test_a_redial_changes_the_addresses_and_ends_connections() -> None:
    async def main() -> None:
        async with started() as lab:
            home = await lab.home_line()
            host = await lab.boot("home", side="home")
            laptop = await lab.device("laptop", "home")
            there = await lab.device("there", "outside")
            async with serve(laptop):
                await home.forward(PORT, laptop.ipv4)
                before = (home.wan_ipv4, home.wan_ipv6, laptop.ipv6, host.ipv6)
                kept = await asyncio.create_subprocess_exec(
                    *there.command(["python3", "-u", "-c", KEEP, home.wan_ipv4, str(PORT)]),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                )
                assert kept.stdin and kept.stdout
                kept.stdin.write(b"\n")
                assert await asyncio.wait_for(kept.stdout.readline(), 5) == b"alive\n"
                await home.redial(dark=0.2)
                after = (home.wan_ipv4, home.wan_ipv6, laptop.ipv6, lab.host("home").ipv6)
                assert not set(before) & set(after)
                kept.stdin.write(b"\n")
                assert await asyncio.wait_for(kept.stdout.readline(), 10) == b"dead\n"
                await kept.wait()
                assert lab.host("home").ipv4 == host.ipv4
                for old in (before[0], before[2]):
                    assert await asked(there, old, PORT, BLOCKED) == ""
                assert await asked(there, home.wan_ipv4) == there.ipv4
                assert await asked(there, laptop.ipv6) == there.ipv6
                async with serve(there):
                    assert await asked(laptop, there.ipv4) == home.wan_ipv4
                    assert await asked(laptop, there.ipv6) == laptop.ipv6
                addresses = (await lab.exec("home", ["ip", "-6", "addr"])).stdout
                assert after[3] in addresses
                assert before[3] not in addresses
                # The line, and one machine's wire.
                await lab.link_down("home-router")
                assert await asked(there, home.wan_ipv4, PORT, BLOCKED) == ""
                await connected(host.ipv4, 22)
                await lab.link_up("home-router")
                assert await asked(there, home.wan_ipv4) == there.ipv4
                await lab.link_down("laptop")
                assert await asked(there, home.wan_ipv4, PORT, BLOCKED) == ""
                await lab.link_up("laptop")
                assert await asked(there, home.wan_ipv4) == there.ipv4

    asyncio.run(main())


# Says something on an old connection and waits for the echo.
KEEP = """
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
c.recv(100)
for line in sys.stdin:
    try:
        c.sendall(b"x")
        print("alive" if c.recv(1) else "dead")
    except OSError:
        print("dead")
        break
"""

FETCH = """
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
left = 2**20
while left > 0:
    left -= len(c.recv(2**16))
print("whole")
"""


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        (Line(), True),
        (Line(pmtu_replies=False), False),
        (Line(pmtu_replies=False, mss_clamp=True), True),
    ],
    ids=["told", "black hole", "clamped"],
)
def test_large_packets_meet_the_narrow_line(line: Line, whole: bool) -> None:
    async def main() -> None:
        async with started() as lab:
            await lab.home_line(line=line)
            laptop = await lab.device("laptop", "home")
            there = await lab.device("there", "outside")
            async with serve(there, PORT, "flood"):
                for address in (there.ipv4, there.ipv6):
                    fetch = ["python3", "-c", FETCH, address, str(PORT)]
                    done = await laptop.run(fetch, check=False)
                    assert (done.stdout == "whole\n") is whole
                    assert whole or "TimeoutError" in done.stderr

    asyncio.run(main())


def test_one_home_a_lab() -> None:
    async def main() -> None:
        async with await Lab.start(make_ready(("trixie",)), report=print) as lab:
            home = await lab.home_line(ports_closed=(), mtu=1400)
            laptop = await lab.device("laptop", "home")
            async with serve(laptop, 80):
                await home.forward(80, laptop.ipv4)
                await connected(home.wan_ipv4, 80)
            with pytest.raises(RehearsalError, match="home line already"):
                await lab.home_line()
            link = ["nsenter", "--net=/run/netns/home-router", "ip", "link", "show", "eth0"]
            assert " mtu 1400 " in (await run_async(link, timeout=10)).stdout

    asyncio.run(main())
