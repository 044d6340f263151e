"""The firewall's rules, loaded into network namespaces: who gets through, and who is cut off."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from assistant.onhost.handlers.firewall import on_trial
from assistant.onhost.resources import Firewall
from assistant.onhost.system.sockets import (
    Socket,
    on_interfaces,
    redirected,
    without_askers,
)
from assistant.plan.compile import compile_plan
from assistant.setup.file_format import dump_setup, parse_setup
from tests.support.plan_setups import only, setup


def rules(*kept: int | str) -> Firewall:
    return only(compile_plan(setup(keep_ports=kept)), Firewall)


def test_ports_to_keep_know_their_protocol() -> None:
    plan = compile_plan(setup(keep_ports=(9000, "tcp/9001", "udp/51820", "53/udp")))
    assert {9000, 9001} <= set(plan.hosts[0].open_tcp)
    assert plan.hosts[0].open_udp == (53, 51820)
    assert "udp dport { 53, 51820 } accept" in only(plan, Firewall).content
    for wrong in ("udp/0", "sctp/5", True, "udp/5/udp", "51820 udp"):
        with pytest.raises(ValidationError):
            setup(keep_ports=(wrong,))


def test_a_saved_setup_keeps_them() -> None:
    made = setup(keep_ports=(8080, "udp/51820"))
    assert made.hosts[0].keep_ports == (8080, "udp/51820")
    assert parse_setup(dump_setup(made), "x").setup.hosts[0].keep_ports == (8080, "udp/51820")


def test_a_program_that_asks_serves_nobody() -> None:
    def udp(port: int, process: str, pid: int) -> Socket:
        return Socket("udp", "0.0.0.0", port, "7", process, pid=pid)

    shown = [
        udp(5353, "avahi-daemon", 7),
        udp(41000, "avahi-daemon", 7),
        udp(51820, "", 0),
        udp(3478, "python3", 8),
        udp(41641, "python3", 9),
        Socket("tcp", "::", 40000, "8", "avahi-daemon", pid=7),
    ]
    kept = without_askers(shown, range(32768, 61000))
    assert [s.port for s in kept] == [5353, 51820, 3478, 41641, 40000]


def test_what_containers_publish_is_not_closed() -> None:
    listed = """\
table ip nat {
	chain DOCKER {
		iifname "docker0" counter packets 0 bytes 0 return
		iifname != "docker0" tcp dport 8096 counter packets 0 bytes 0 dnat to 172.17.0.2:80
	}
}
table ip filter {
		tcp dport 443 counter accept
}
"""
    assert redirected(listed) == {("tcp", 8096, False)}
    lines = "3: virbr0    inet 192.168.122.1/24 brd 192.168.122.255 scope global virbr0\n"
    (bound,) = on_interfaces([Socket("udp", "192.168.122.1", 53, "5", "dnsmasq")], lines)
    assert bound.interface == "virbr0"


# Two namespaces joined by a pair of interfaces: "out" is the world, the other the server.
_SERVER = """
import socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("0.0.0.0", int(sys.argv[1])))
print("up", flush=True)
while True:
    data, back = udp.recvfrom(100)
    udp.sendto(b"pong", back)
"""


class Pair:
    """A server and the world, as network namespaces without any rule."""

    def __init__(self, name: str) -> None:
        self.host, self.world = f"{name}h", f"{name}w"
        self.programs: list[subprocess.Popen[bytes]] = []

    def run(self, where: str, *argv: str, given: str = "") -> str:
        done = subprocess.run(["ip", "netns", "exec", where, *argv], input=given, text=True,
                              capture_output=True, timeout=20, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def up(self, inner: str = "eth0") -> None:
        for name in (self.host, self.world):
            subprocess.run(["ip", "netns", "add", name], check=True)
            self.run(name, "ip", "link", "set", "lo", "up")
        peer = ["type", "veth", "peer", "name", "eth0", "netns", self.world]
        self.run(self.host, "ip", "link", "add", inner, *peer)
        for where, device, address in ((self.host, inner, "1"), (self.world, "eth0", "2")):
            self.run(where, "ip", "address", "add", f"192.0.2.{address}/24", "dev", device)
            self.run(where, "ip", "link", "set", device, "up")

    def serve(self, port: int) -> None:
        argv = ["ip", "netns", "exec", self.host, sys.executable, "-c", _SERVER, str(port)]
        program = subprocess.Popen(argv, stdout=subprocess.PIPE)
        self.programs.append(program)
        assert program.stdout is not None
        program.stdout.readline()

    def load(self, text: str) -> None:
        self.run(self.host, "nft", "-f", "-", given=text)

    def asks(self, port: int, source: int) -> bool:
        """Whether an answer comes from that port, asked from a port of the world."""
        code = textwrap.dedent(f"""
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind(("", {source})); s.settimeout(1); s.connect(("192.0.2.1", {port}))
            s.send(b"ping")
            try:
                print(s.recv(9).decode())
            except OSError:
                print("no")
        """)
        return self.run(self.world, sys.executable, "-c", code).strip() == "pong"

    def down(self) -> None:
        for program in self.programs:
            program.kill()
            program.wait()
            assert program.stdout is not None
            program.stdout.close()
        for name in (self.host, self.world):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


@pytest.fixture
def pair() -> Iterator[Pair]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    made = Pair(f"fw{os.getpid() % 10000}")
    try:
        yield made
    finally:
        made.down()


TRACKED = """\
table inet other {
    chain input {
        type filter hook input priority 0;
        ct state new counter
    }
}
"""
CLOSED = [Socket("udp", "0.0.0.0", 51820, "0")]


def test_nobody_confirms_through_what_is_about_to_close(pair: Pair) -> None:
    pair.up()
    pair.serve(51820)
    pair.load(TRACKED)
    assert pair.asks(51820, 4000)
    wall = rules()
    pair.load(wall.content)
    assert pair.asks(51820, 4000), "the flow is tracked, so the rules alone let it go on for now"
    pair.load(on_trial(wall.table, wall.content, CLOSED).decode())
    assert not pair.asks(51820, 4000), "on trial it is cut off at once"


def test_a_kept_udp_port_answers_all_along(pair: Pair) -> None:
    pair.up()
    pair.serve(51820)
    wall = rules("udp/51820")
    pair.load(wall.content)
    assert pair.asks(51820, 4001)
    pair.load(rules().content)
    assert not pair.asks(51820, 4002)


@pytest.mark.parametrize(
    ("interface", "answers"), [("wg0", True), ("virbr7", True), ("ens3", False)]
)
def test_what_comes_through_tunnels_and_bridges_is_let_in(
    pair: Pair, interface: str, answers: bool
) -> None:
    pair.up(interface)
    pair.serve(53)
    wall = rules()
    closed = [Socket("udp", "0.0.0.0", 53, "9")]
    pair.load(on_trial(wall.table, wall.content, closed).decode())
    assert pair.asks(53, 4003) is answers
