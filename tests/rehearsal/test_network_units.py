"""Filters, packets, captures, scenarios and rules of the two sides, without root or network."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from assistant.rehearsal.addresses import Side, address, host_subnets, lan_prefix
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.network import pcap
from assistant.rehearsal.network.border import Border
from assistant.rehearsal.network.filters import DROP, PASS, Delay, Loss, Packet, build
from assistant.rehearsal.network.home_rules import Line, router_rules
from assistant.rehearsal.network.packets import ACK, SYN, is_link_local, parse
from assistant.rehearsal.network.wires import outage_rules
from assistant.rehearsal.scenario import read_scenario, scenario_names, shipped_scenario
from assistant.rehearsal.services.dns_queries import read_queries


def tcp(sequence: int, payload: bytes = b"", flags: int = ACK, port: int = 443) -> bytes:
    head = struct.pack("!HHIIBBHHH", 50000, port, sequence % 2**32, 7, 5 << 4, flags, 0, 0, 0)
    total = 20 + len(head) + len(payload)
    start = struct.pack("!BBHHHBBH", 0x45, 0, total, 0, 0x4000, 64, 6, 0)
    return start + bytes([241, 0, 1, 2]) + bytes([241, 0, 10, 2]) + head + payload


def udp6(payload: bytes, port: int = 53) -> bytes:
    length = 8 + len(payload)
    ends = bytes.fromhex("3fff00010010000000000000000000023fff0000000200000000000000000003")
    head = struct.pack("!IHBB", 6 << 28, length, 17, 64) + ends
    return head + struct.pack("!HHHH", 40000, port, length, 0) + payload


def written(path: Path, *packets: bytes) -> Path:
    writer = pcap.Writer(path)
    for packet in packets:
        writer.write(packet)
    writer.close()
    return path


def test_packets_are_read() -> None:
    part = parse(tcp(9, b"hello", SYN))
    assert part is not None
    assert part == ("241.0.1.2", "241.0.10.2", 6, 50000, 443, SYN, 9, 7, b"hello")
    six = parse(udp6(b"question"))
    assert six is not None
    assert (six.source, six.destination) == ("3fff:1:10::2", "3fff:0:2::3")
    assert (six.protocol, six.destination_port, six.payload) == (17, 53, b"question")
    assert parse(b"") is parse(b"\x45short") is parse(b"\x00" * 60) is None
    assert parse(tcp(9)[:30]) is not None


def test_talk_among_neighbours_does_not_cross() -> None:
    assert not is_link_local(tcp(1))
    assert not is_link_local(udp6(b""))
    assert is_link_local(tcp(1)[:16] + bytes([224, 0, 0, 22]) + tcp(1)[20:])
    assert is_link_local(udp6(b"")[:24] + bytes.fromhex("ff02" + "00" * 14) + udp6(b"")[40:])


def test_a_capture_finds_text_spread_over_segments(tmp_path: Path) -> None:
    last = 2**32 - 3
    path = written(
        tmp_path / "a.pcap",
        tcp(last - 1, flags=SYN),
        tcp(last, b"sec"),
        tcp(last + 6, b"age"),
        tcp(last + 3, b"ret mess"[:5]),
        tcp(last + 3, b"ret mess"[:3]),
        tcp(last + 9, b"?"),
        tcp(last, b"sec"),
        # The same ports, later, for another connection.
        tcp(77, flags=SYN),
        tcp(78, b"other"),
        tcp(5, flags=SYN, port=80),
        tcp(5, flags=SYN | ACK, port=80),
        udp6(b"in a datagram"),
    )
    assert next(iter(pcap.streams(path).values())) == b"secret me?other"
    assert pcap.contains(path, b"secret me")
    assert pcap.contains(path, b"other")
    assert pcap.contains(path, b"datagram")
    assert not pcap.contains(path, b"secrets")
    assert pcap.addressed_to(path, 443) == 2
    assert pcap.addressed_to(path, 80) == 1
    assert pcap.addressed_to(path, 8448) == 0


def test_a_capture_that_is_being_written_ends_early(tmp_path: Path) -> None:
    path = written(tmp_path / "a.pcap", tcp(1, b"one"), tcp(4, b"two"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-2])
    assert list(pcap.read(path)) == [tcp(1, b"one")]
    path.write_bytes(b"no capture at all, certainly")
    with pytest.raises(ValueError, match="not a capture"):
        list(pcap.read(path))


def test_questions_are_read_from_a_capture(tmp_path: Path) -> None:
    wire = bytes.fromhex("000101000001000000000000") + b"\x02Im\x07example\x00\x00\x01\x00\x01"
    path = written(tmp_path / "a.pcap", udp6(wire), udp6(b"no question"), udp6(wire, port=54))
    assert list(read_queries(path)) == [("3fff:1:10::2", "im.example", "A")]


def test_loss_has_the_share_that_was_asked_for() -> None:
    packet = Packet(tcp(1), outbound=True)
    loss = Loss(10, random.Random(1).random)  # noqa: S311
    dropped = sum(loss.look(packet, 0).drop for _ in range(10_000))
    assert 900 < dropped < 1100
    assert all(Loss(100).look(packet, 0) == DROP for _ in range(100))
    assert all(Loss(0).look(packet, 0) == PASS for _ in range(100))


def test_delay_is_half_the_round_trip_each_way() -> None:
    packet = Packet(tcp(1), outbound=False)
    assert Delay(150, 0).look(packet, 0).delay == 0.075
    delays = [Delay(100, 40).look(packet, 0).delay for _ in range(1000)]
    assert 0.03 <= min(delays) < 0.035
    assert 0.065 < max(delays) <= 0.07
    assert min(Delay(0, 40).look(packet, 0).delay for _ in range(1000)) == 0


def test_a_border_is_described_by_its_filters() -> None:
    assert Border().filters() == []
    first, second = build(Border(rtt_ms=150, loss_percent=2).filters())
    assert isinstance(first, Loss)
    assert isinstance(second, Delay)
    with pytest.raises(KeyError):
        build([{"kind": "dragons"}])
    with pytest.raises(TypeError):
        build([{"kind": "loss", "dragons": 1}])
    for wrong in ({"rtt_ms": -1}, {"loss_percent": 101}, {"jitter_ms": -0.1}):
        with pytest.raises(RehearsalError, match="no such border"):
            Border(**wrong)


def test_scenarios_that_come_with_the_program() -> None:
    assert set(scenario_names()) >= {"plain", "bad-line"}
    for name in scenario_names():
        assert shipped_scenario(name).line().mtu == 1492
    assert shipped_scenario("bad-line").border_value() == Border(600, 0, 10)
    with pytest.raises(RehearsalError, match="no scenario named dragons; there is bad-line"):
        shipped_scenario("dragons")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[border]\nrtt = 5", "wrong at border.rtt: Extra inputs"),
        ("[border]\nloss_percent = 101", "wrong at border.loss_percent"),
        ("[home]\nmtu = 100", "wrong at home.mtu"),
        ("[home]\nclosed_ports = [0]", "wrong at home.closed_ports.0"),
        ('[home]\nhairpin = "yes"', "wrong at home.hairpin"),
        ("[dragons]", "wrong at dragons"),
        ("[border", "not valid TOML"),
    ],
)
def test_a_wrong_scenario_is_told_where(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(RehearsalError, match=complaint):
        read_scenario(path)
    with pytest.raises(RehearsalError, match="cannot be read"):
        read_scenario(tmp_path / "none.toml")


def test_an_address_says_its_side() -> None:
    sides: tuple[Side, ...] = ("outside", "inside", "home")
    first = [address(host_subnets(side)[0]) for side in sides]
    assert [each.ipv4 for each in first] == ["241.0.10.2", "241.1.10.2", "241.2.10.2"]
    assert [each.ipv6 for each in first] == ["3fff:0:a::2", "3fff:1:a::2", "3fff:2:a::2"]
    assert lan_prefix(host_subnets("home")[0]) == "3fff:2:a:1::"


def test_the_router_forwards_what_it_is_told() -> None:
    rules = router_rules(Line(), "241.2.10.2", {8448: 2})
    assert "iifname eth0 ip daddr 241.2.10.2 tcp dport 8448 dnat to 192.168.1.2" in rules
    assert "ip6 daddr & ::ffff:ffff:ffff:ffff == ::2 tcp dport 8448 accept" in rules
    assert "tcp dport { 80, 443 } drop" in rules
    assert "maxseg" not in rules
    assert "frag-needed" not in rules
    other = router_rules(Line((), 1492, True, False, False), "241.2.10.2", {8448: 2})
    assert "iifname br0 ip daddr" not in other
    assert "80, 443" not in other
    assert "maxseg size set rt mtu" in other
    assert "frag-needed" in other


def test_outages_name_only_the_cut_wires() -> None:
    assert outage_rules(set()).splitlines() == ["table inet outage", "delete table inet outage"]
    assert 'iifname { "leg10", "leg266" } drop' in outage_rules({"leg266", "leg10"})
