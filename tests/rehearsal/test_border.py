"""Two sides and a border: delay, loss, order, captures, names on both sides, outages."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import statistics
import struct
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.lab import Border, Lab
from assistant.rehearsal.make_ready import make_ready
from assistant.rehearsal.network import pcap
from assistant.rehearsal.network.border import Crossed
from assistant.rehearsal.processes.commands import run_async
from tests.support.rehearsal_tools import (
    PORT,
    asked,
    connected,
    datagrams,
    need_containment,
    numbered,
)
from tests.support.rehearsal_tools import serving as serve

pytestmark = pytest.mark.lab
MIRROR = "241.0.2.5"


@pytest.fixture(autouse=True)
def contained() -> None:
    need_containment()


@asynccontextmanager
async def started(border: Border | None) -> AsyncIterator[Lab]:
    async with await Lab.start(make_ready(("trixie",)), report=print, border=border) as lab:
        yield lab


async def round_trip(address: str) -> float:
    """Milliseconds, the best of five: what is above it is this machine being busy."""
    return 1000 * min([await connected(address) for _ in range(5)])


async def settled(lab: Lab) -> tuple[Crossed, Crossed]:
    """The border's counts once the last packets of closed connections are through."""
    while True:
        before = await lab.border.count()
        await asyncio.sleep(0.5)
        if await lab.border.count() == before:
            return before


def test_the_round_trip_is_what_was_asked_for_between_the_sides_only() -> None:
    async def main() -> None:
        async with started(Border(rtt_ms=150)) as lab:
            there = await lab.device("there", "outside")
            here = await lab.device("here")
            async with serve(there), serve(here):
                for address in (there.ipv4, there.ipv6):
                    assert await round_trip(address) == pytest.approx(150, rel=0.15)
                for address in (here.ipv4, here.ipv6):
                    assert await round_trip(address) < 20
                # From the other end as well, and the services are near to both.
                before = await settled(lab)
                assert await asked(there, here.ipv4) == there.ipv4
                assert await asked(there, here.ipv6) == there.ipv6
                after = await settled(lab)
                assert after[1].crossed > before[1].crossed
                await connected(MIRROR, 443)
                assert await asked(there, MIRROR, 22) == ""
                assert await settled(lab) == after
                await lab.border.change(Border(rtt_ms=60))
                assert await round_trip(there.ipv4) == pytest.approx(60, rel=0.15)
                await lab.border.change(Border())
                assert await round_trip(there.ipv4) < 20

    asyncio.run(main())


async def send_numbered(address: str, count: int, pause: float = 0.0005) -> list[float]:
    sent = []
    with datagrams() as sender:
        for number in range(count):
            sender.sendto(struct.pack("!I", number), (address, PORT))
            sent.append(time.monotonic())
            await asyncio.sleep(pause)
    return sent


def test_packets_get_lost_at_the_rate_that_was_asked_for() -> None:
    async def main() -> None:
        async with started(Border(loss_percent=20)) as lab:
            there = await lab.device("there", "outside")
            async with serve(there) as log:
                await send_numbered(there.ipv4, 2000)
                await asyncio.sleep(0.3)
                outbound, inbound = await lab.border.count()
                assert len(numbered(log)) / 2000 == pytest.approx(0.8, abs=0.04)
                assert outbound.dropped / 2000 == pytest.approx(0.2, abs=0.04)
                assert outbound.crossed == len(numbered(log))
                assert inbound.dropped == 0
                await lab.border.change(Border(loss_percent=100))
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(connected(there.ipv4), 2)
                await lab.border.change(Border())
                await connected(there.ipv4)

    asyncio.run(main())


def test_jitter_varies_the_delay_and_keeps_the_order() -> None:
    async def main() -> None:
        async with started(Border(rtt_ms=120, jitter_ms=80)) as lab:
            there = await lab.device("there", "outside")
            async with serve(there) as log:
                sent = await send_numbered(there.ipv4, 300, 0.005)
                await asyncio.sleep(0.3)
                got = numbered(log)
                assert [number for number, _ in got] == list(range(300))
                delays = [1000 * (when - sent[number]) for number, when in got]
                # 60 ms a way, give or take 40; waiting for those before only makes it later.
                assert 20 <= min(delays) <= 60
                assert 60 < statistics.mean(delays) < 110
                assert statistics.pstdev(delays) > 5

    asyncio.run(main())


def test_a_capture_holds_what_crosses_meanwhile(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(Border(rtt_ms=10)) as lab:
            there = await lab.device("there", "outside")
            here = await lab.device("here")
            async with serve(there), serve(here):
                await asked(here, there.ipv4)
                await asyncio.sleep(0.5)  # the end of that connection crosses, too
                seen = tmp_path / "seen.pcap"
                async with lab.border.capture(seen):
                    reader, writer = await asyncio.open_connection(there.ipv4, PORT)
                    for part in (b"a secret that comes ", b"in two segments"):
                        writer.write(part)
                        await asyncio.sleep(0.1)
                    await reader.readuntil(b"segments")
                    writer.close()
                    # Does not cross.
                    await asked(here, here.ipv4)
                    await connected(MIRROR, 443)
                await asked(here, there.ipv6)
                assert pcap.addressed_to(seen, PORT) == 1
                assert pcap.addressed_to(seen, 443) == 0
                assert pcap.contains(seen, b"comes in two segments")
                assert not pcap.contains(seen, b"another secret")
                assert not any(packet[0] >> 4 == 6 for packet in pcap.read(seen))
                # The resolvers here may ask the name servers over there meanwhile.
                ends = {
                    (flow.source, flow.destination)
                    for flow in pcap.streams(seen)
                    if there.ipv4 in (flow.source, flow.destination)
                }
                assert ends == {("241.0.1.2", there.ipv4), (there.ipv4, "241.0.1.2")}

    asyncio.run(main())


def test_a_far_line_is_still_a_fast_one() -> None:
    async def main() -> None:
        async with started(Border(rtt_ms=100)) as lab:
            there = await lab.device("there", "outside")
            async with serve(there, PORT, "flood"):
                start = time.monotonic()
                reader, writer = await asyncio.open_connection(there.ipv4, PORT)
                left = 16 * 2**20
                while left:
                    left -= len(await reader.read(min(left, 2**18)))
                writer.close()
                megabits = 16 * 2**20 * 8 / (time.monotonic() - start) / 1e6
                print(f"{megabits:.0f} Mbit/s at 100 ms")
                # Slow start included, and the machine may be busy.
                assert megabits > 30

    asyncio.run(main())


def test_each_side_has_its_resolver_and_it_is_known_who_asked(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(Border()) as lab:
            there = await lab.device("there", "outside")
            here = await lab.device("here")
            host = await lab.boot("inside", side="inside")
            assert host.ipv4.startswith("241.1.")
            name = f"Im.{lab.facts.zone}"
            await lab.dns_set(name, "A", ["241.0.99.2"])
            assert (await here.run(["getent", "ahostsv4", name])).stdout.startswith("241.0.99.2")
            assert (await there.run(["getent", "ahostsv4", name])).stdout.startswith("241.0.99.2")
            await lab.exec("inside", ["getent", "ahostsv4", name])
            await run_async(["getent", "ahostsv4", name], timeout=20)
            resolv = (await lab.exec("inside", ["cat", "/etc/resolv.conf"])).stdout
            assert lab.facts.inside_resolver_ipv4 in resolv
            assert lab.facts.inside_resolver_ipv4 in Path("/etc/resolv.conf").read_text()
            who = {query.client for query in lab.queries() if query.name == name.lower()}
            assert who >= {here.ipv4, there.ipv4, host.ipv4, lab.facts.operator_ipv4}
            assert who & {lab.facts.inside_resolver_ipv4, lab.facts.inside_resolver_ipv6}

            # A record in the hosts file: the name resolves, and nobody is asked.
            private = f"private.{lab.facts.zone}"
            here.set_hosts([f"241.1.77.2 {private}"])
            found = (await here.run(["getent", "ahostsv4", private])).stdout
            assert found.startswith("241.1.77.2")
            assert not [query for query in lab.queries() if query.name == private]
            missed = await there.run(["getent", "ahostsv4", private], check=False)
            assert missed.returncode == 2
            asked_by = {query.client for query in lab.queries() if query.name == private}
            assert there.ipv4 in asked_by
            assert here.ipv4 not in asked_by
            # Another resolver, where nobody answers; and by TCP.
            here.set_hosts(())
            here.set_resolver(there.ipv4)
            assert (await here.run(["getent", "ahostsv4", name], check=False)).returncode == 2
            ask = "import dns.message as m, dns.query as q; "
            ask += f"q.tcp(m.make_query('tcp.{name}', 'SRV'), {lab.facts.resolver_ipv6!r}, 5)"
            await here.run([sys.executable, "-c", ask])
            assert (here.ipv6, f"tcp.{name}".lower(), "SRV") in lab.queries()
        assert lab.facts.resolver_ipv4 in Path("/etc/resolv.conf").read_text()

    asyncio.run(main())


def test_links_break_and_the_border_never_leaks() -> None:
    async def main() -> None:
        async with started(Border()) as lab:
            host = await lab.boot("outside")
            there = await lab.device("there", "outside")
            await connected(host.ipv4, 22)
            await lab.link_down("outside")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(connected(host.ipv4, 22), 1.5)
            async with serve(there):
                await connected(there.ipv4)
                await lab.link_up("outside")
                await connected(host.ipv4, 22)
                await connected(host.ipv6, 22)
                # A border that ends takes the way with it: nothing may go round it.
                os.kill(lab.border.pid, signal.SIGKILL)
                await asyncio.sleep(0.3)
                for address in (there.ipv4, there.ipv6):
                    with pytest.raises(OSError) as refused:
                        await connected(address)
                    assert refused.value.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH)
                with pytest.raises(RehearsalError, match="The border is not running"):
                    await lab.border.change(Border())

    asyncio.run(main())


def test_a_lab_without_a_border_is_as_it_was() -> None:
    async def main() -> None:
        async with started(None) as lab:
            there = await lab.device("there", "outside")
            here = await lab.device("here")
            async with serve(there):
                assert await asked(here, there.ipv4) == here.ipv4
            assert lab.facts.inside_resolver_ipv4 == lab.facts.resolver_ipv4
            for forbidden in (lambda: lab.border, lab.queries):
                with pytest.raises(RehearsalError, match="without a border"):
                    forbidden()
            with pytest.raises(RehearsalError, match="no home line"):
                await lab.device("phone", "home")
            with pytest.raises(RehearsalError, match="There is a host named here"):
                await lab.boot("here")
            await lab.remove("here")
            again = await lab.device("here")
            assert again.ipv4 == here.ipv4

    asyncio.run(main())
