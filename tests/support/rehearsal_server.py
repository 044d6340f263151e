"""A server on a lab device: says each TCP client its address and echoes, logs numbered datagrams.

Arguments: port, log file, and optionally "flood": then every client is sent 16 MB instead.
"""

import asyncio
import socket
import struct
import sys
import time

FLOOD = 16 * 2**20


async def main(port: int, log: str, flood: bool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")[0].removeprefix("::ffff:")
        writer.write(b"x" * FLOOD if flood else peer.encode() + b"\n")
        try:
            while data := await reader.read(2**16):
                writer.write(data)
        except ConnectionError:
            pass

    both = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    await asyncio.start_server(talk, sock=both)
    file = open(log, "wb", buffering=0)  # noqa: PTH123, SIM115 - until it is killed

    class Log(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, _: object) -> None:
            file.write(data[:4] + struct.pack("!d", time.monotonic()))

    await asyncio.get_running_loop().create_datagram_endpoint(Log, ("0.0.0.0", port))
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1]), sys.argv[2], "flood" in sys.argv))
