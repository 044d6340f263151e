"""What else runs on a server and answers others: named before it closes, kept when it is chosen."""

from __future__ import annotations

import socket
import time

from assistant.operations.apply import preview
from assistant.operations.check import check
from assistant.operations.connections import Connections
from assistant.rehearsal.lab import LabHost
from assistant.remote import NoCredentials
from assistant.setup.model import Setup
from checks import run_checks
from tests.lab.conftest import Practice
from tests.lab.support.stocked import applied, changes_nothing, stocked, undone

ECHO = """\
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", {port}))
while True:
    data, back = s.recvfrom(100)
    s.sendto(b"pong", back)
"""
KEPT, OTHER = 51820, 3478


def serve(practice: Practice, host: LabHost, port: int) -> None:
    """A UDP service of the user's own, which also starts at boot."""
    root = practice.lab.root_of(host.name)
    (root / f"srv/echo-{port}.py").write_text(ECHO.format(port=port))
    (root / f"etc/systemd/system/echo-{port}.service").write_text(
        f"[Service]\nExecStart=/usr/bin/python3 /srv/echo-{port}.py\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )
    argv = ["systemctl", "enable", "--now", f"echo-{port}.service"]
    practice.run(practice.lab.exec(host.name, argv))


def answers(address: str, port: int) -> bool:
    """Whether a question gets an answer over UDP, tried for some seconds."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(5):
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.settimeout(1)
            try:
                asking.connect((address, port))
                asking.send(b"ping")
                return asking.recv(9) == b"pong"
            except OSError:
                time.sleep(0.3)
    return False


def keeping(setup: Setup, *ports: int | str) -> Setup:
    only = setup.hosts[0].model_copy(update={"keep_ports": ports})
    return setup.model_copy(update={"hosts": (only,)})


def test_udp_services_are_named_and_kept(practice: Practice) -> None:
    host, setup = stocked(practice)
    for port in (KEPT, OTHER):
        serve(practice, host, port)
        assert answers(host.ipv4, port) and answers(host.ipv6, port)

    async def look(setup: Setup) -> tuple[set[str], str]:
        async with Connections(setup, NoCredentials()) as connections:
            _, findings = await check(
                connections, run_checks, phase="before", only=("reachability", "host")
            )
            (shown,) = await preview(connections)
        closing = {f.subject for f in findings if f.cause == "port-will-close"}
        summary = next(s for s in shown.states if s["id"].startswith("firewall:"))["summary"]
        return closing, str(summary)

    closing, summary = practice.run(look(setup))
    assert closing == {f"outside port udp/{port}" for port in (KEPT, OTHER)}
    assert f"udp/{KEPT}" in summary and f"udp/{OTHER}" in summary

    setup = keeping(setup, f"udp/{KEPT}")
    closing, summary = practice.run(look(setup))
    assert closing == {f"outside port udp/{OTHER}"}
    assert f"udp/{KEPT}" not in summary and f"udp/{OTHER}" in summary

    assert practice.run(applied(setup)).ok
    assert answers(host.ipv4, KEPT) and answers(host.ipv6, KEPT)
    assert not answers(host.ipv4, OTHER)
    practice.run(changes_nothing(setup))

    practice.run(practice.lab.power_off(host.name))
    practice.run(practice.lab.power_on(host.name))
    settled = ["systemctl", "is-system-running", "--wait"]
    practice.run(practice.lab.exec(host.name, settled, check=False))
    assert answers(host.ipv4, KEPT) and not answers(host.ipv4, OTHER)

    assert practice.run(undone(setup)).ok
    assert answers(host.ipv4, KEPT) and answers(host.ipv6, OTHER)
    practice.remove(host)
