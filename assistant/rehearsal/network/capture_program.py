"""Captures what passes an interface until it is told to end (SIGTERM). Standard library only.

Arguments: the file, the interface ("any" for all), then optionally a destination port: only TCP and
UDP packets that arrive for it are kept.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from assistant.rehearsal.network.pcap import Writer

ALL_PROTOCOLS = 0x0003
IP_PROTOCOLS = (0x0800, 0x86DD)
ATTACH_FILTER = 26
RECEIVE_BUFFER = 16 * 2**20


def main(argv: Sequence[str]) -> int:
    """Runs until SIGTERM; what arrived before the signal is in the file."""
    path, interface = Path(argv[0]), argv[1]
    port = int(argv[2]) if len(argv) > 2 else None
    wake, wake_write = os.pipe2(os.O_NONBLOCK)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGTERM, lambda *_: None)
    # SOCK_DGRAM: without the link's header, so what comes is an IP packet.
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    with socket.socket(socket.AF_PACKET, kind, socket.htons(ALL_PROTOCOLS)) as source:
        force = getattr(socket, "SO_RCVBUFFORCE", 33)
        source.setsockopt(socket.SOL_SOCKET, force, RECEIVE_BUFFER)
        if port is not None:
            _keep_only(source, port)
        if interface != "any":
            source.bind((interface, ALL_PROTOCOLS))
        writer = Writer(path)
        Path(f"{path}.ready").touch()
        while True:
            ready, _, _ = select.select([source.fileno(), wake], [], [])
            _drain(source, writer, arriving=port is not None)
            if wake in ready:
                writer.close()
                return 0


def _drain(source: socket.socket, writer: Writer, *, arriving: bool) -> None:
    with suppress(BlockingIOError):
        while True:
            data, (_, protocol, kind, *_) = source.recvfrom(2**17)
            if protocol in IP_PROTOCOLS and not (arriving and kind == socket.PACKET_OUTGOING):
                writer.write(data)


def _keep_only(source: socket.socket, port: int) -> None:
    """Let the kernel throw the rest away, so that a busy interface costs nothing.

    The classic BPF program: version 4: protocol at 9, destination port 2 behind the header;
    version 6: next header at 6, port at 42. Accept when TCP (6) or UDP (17) and the port fits.
    """
    program = [
        (0x30, 0, 0, 0),  # 0: A = byte 0
        (0x74, 0, 0, 4),  # 1: A >>= 4
        (0x15, 0, 6, 4),  # 2: 4? else 9
        (0x30, 0, 0, 9),  # 3: A = protocol
        (0x15, 1, 0, 6),  # 4
        (0x15, 0, 9, 17),  # 5: else 15
        (0xB1, 0, 0, 0),  # 6: X = length of the header
        (0x48, 0, 0, 2),  # 7: A = 16 bits at X + 2
        (0x05, 0, 0, 4),  # 8: to 13
        (0x30, 0, 0, 6),  # 9: A = next header
        (0x15, 1, 0, 6),  # 10
        (0x15, 0, 3, 17),  # 11: else 15
        (0x28, 0, 0, 42),  # 12: A = 16 bits at 42
        (0x15, 0, 1, port),  # 13: else 15
        (0x06, 0, 0, 0xFFFFFFFF),  # 14: take it
        (0x06, 0, 0, 0),  # 15: leave it
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    described = struct.pack("@HP", len(program), ctypes.addressof(code))
    source.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, described)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
