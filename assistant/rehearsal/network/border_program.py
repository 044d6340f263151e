"""The border: packets in from two TUN devices, through the filters, and out again.

Its own process in the router's namespace. One device per direction; what is written back follows
the router's ordinary routes. Orders come as lines of JSON on a Unix socket; the path is the only
argument. Standard library only, so that it starts fast.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import struct
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from assistant.rehearsal.network.filters import Filter, Packet, build
from assistant.rehearsal.network.packets import is_link_local
from assistant.rehearsal.network.pcap import Writer

TUNSETIFF = 0x400454CA
TUN_WITHOUT_HEAD = 0x0001 | 0x1000
BATCH = 64
"""Packets taken from one device before the other has its turn."""
EARLY = 0.0005
"""Seconds a packet may leave too early: the timers count in milliseconds and round up."""


def open_device(name: str) -> int:
    """A TUN device of that name; it goes when the program ends."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), TUN_WITHOUT_HEAD))
    return device


class Way:
    """One direction: packets leave in the order in which they came."""

    def __init__(self, device: int, outbound: bool) -> None:
        self.device = device
        self.outbound = outbound
        self.crossed = 0
        self.dropped = 0
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._loop = asyncio.get_running_loop()

    def send(self, data: bytes, delay: float, now: float) -> None:
        """Let a packet out after `delay` seconds, and after those before it."""
        self.crossed += 1
        if not self._waiting:
            if delay <= 0:
                self.write(data)
                return
            self._loop.call_at(now + delay - EARLY, self._release)
        due = now + delay
        if self._waiting:
            due = max(due, self._waiting[-1][0])
        self._waiting.append((due, data))

    def _release(self) -> None:
        limit = self._loop.time() + EARLY
        while self._waiting and self._waiting[0][0] <= limit:
            self.write(self._waiting.popleft()[1])
        if self._waiting:
            self._loop.call_at(self._waiting[0][0] - EARLY, self._release)

    def write(self, data: bytes) -> None:
        """Hand a packet back to the router; what it does not take is lost, as on any line."""
        with suppress(OSError):
            os.write(self.device, data)


class Crossing:
    """The filters in force, the captures that run, and the two directions."""

    def __init__(self, outbound: int, inbound: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._ways = (Way(outbound, True), Way(inbound, False))
        self._filters: list[Filter] = []
        self._captures: dict[str, Writer] = {}
        for way in self._ways:
            self._loop.add_reader(way.device, self._take, way, BATCH)

    def _take(self, way: Way, most: int) -> bool:
        now = self._loop.time()
        for _ in range(most):
            try:
                data = os.read(way.device, 65536)
            except BlockingIOError:
                return False
            if not is_link_local(data):
                self._cross(Packet(data, way.outbound), way, now)
        return True

    def _cross(self, packet: Packet, way: Way, now: float) -> None:
        for writer in self._captures.values():
            writer.write(packet.data)
        delay = 0.0
        for each in self._filters:
            outcome = each.look(packet, now)
            for extra in outcome.inject:
                self._loop.call_later(extra.after, self._inject, way, extra.data)
            if outcome.drop:
                way.dropped += 1
                return
            delay += outcome.delay
        way.send(packet.data, delay, now)

    def _inject(self, way: Way, data: bytes) -> None:
        for writer in self._captures.values():
            writer.write(data)
        way.write(data)

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry one order out; returns the answer."""
        match order["do"]:
            case "filters":
                self._filters = build(order["filters"])
            case "capture":
                self._captures[order["path"]] = Writer(Path(order["path"]))
            case "release":
                # What arrived before the order belongs in the file.
                for way in self._ways:
                    while self._take(way, BATCH):
                        pass
                self._captures.pop(order["path"]).close()
            case "count":
                there, back = self._ways
                return {
                    "outbound": {"crossed": there.crossed, "dropped": there.dropped},
                    "inbound": {"crossed": back.crossed, "dropped": back.dropped},
                }
            case other:
                return {"error": f"no such order: {other}"}
        return {}


async def serve(path: str, outbound: str, inbound: str) -> None:
    """Run until killed."""
    crossing = Crossing(open_device(outbound), open_device(inbound))

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while line := await reader.readline():
                try:
                    answer = crossing.obey(json.loads(line))
                except (KeyError, TypeError, ValueError, OSError) as error:
                    answer = {"error": f"{type(error).__name__}: {error}"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(listen, path)
    await server.serve_forever()


def main(argv: Sequence[str]) -> int:
    """Arguments: the socket, the names of the outbound and the inbound device."""
    asyncio.run(serve(*argv))
    return 0
