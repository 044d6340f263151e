"""The rules of a home line: what the ISP closes, what the router translates and lets in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LAN_IPV4 = "192.168.1.0/24"
LAN_ROUTER = "192.168.1.1"


@dataclass(frozen=True)
class Line:
    """What a home line and its router are like."""

    ports_closed: tuple[int, ...] = (80, 443)
    """TCP ports the ISP lets nothing in to (dropped without a word)."""
    mtu: int = 1492
    """Bytes; PPPoE leaves 1492 of 1500."""
    mss_clamp: bool = False
    """Whether the router lowers TCP's segment size to what the line takes."""
    pmtu_replies: bool = True
    """Whether senders are told that a packet was too large; without it, it is a black hole."""
    hairpin: bool = True
    """Whether machines at home reach forwarded ports by the public address too."""


def router_rules(line: Line, wan_ipv4: str, forwards: Mapping[int, int]) -> str:
    """nftables' rules of the home router; `forwards` leads ports to LAN machines' numbers.

    Loading them again replaces the rules and keeps the connections. `eth0` is the line, `br0` the
    LAN. The ISP's part stands first, so that a capture at the line still sees what was tried.
    """
    closed = _set(line.ports_closed)
    isp = f"iifname eth0 tcp dport {closed} drop" if line.ports_closed else ""
    clamp = "oifname eth0 tcp flags syn tcp option maxseg size set rt mtu" if line.mss_clamp else ""
    black_hole = (
        ""
        if line.pmtu_replies
        else "icmp code frag-needed icmp type destination-unreachable drop\n"
        "    icmpv6 type packet-too-big drop"
    )
    translate, admit = [], []
    for port, number in sorted(forwards.items()):
        ways = ["iifname eth0"] + (["iifname br0"] if line.hairpin else [])
        target = f"192.168.1.{number}"
        translate += [
            f"{way} ip daddr {wan_ipv4} tcp dport {port} dnat to {target}" for way in ways
        ]
        suffix = f"ip6 daddr & ::ffff:ffff:ffff:ffff == ::{number:x}"
        admit.append(f"iifname eth0 {suffix} tcp dport {port} accept")
    lines = "\n    "
    return f"""\
table ip address_translation {{
  chain arriving {{ type nat hook prerouting priority dstnat; }}
  chain leaving {{ type nat hook postrouting priority srcnat; }}
}}
table inet line {{
  chain isp {{ type filter hook prerouting priority -310; }}
  chain forward {{ type filter hook forward priority filter; policy drop; }}
  chain input {{ type filter hook input priority filter; policy drop; }}
  chain output {{ type filter hook output priority filter; }}
}}
flush table ip address_translation
flush table inet line
table ip address_translation {{
  chain arriving {{
    {lines.join(translate)}
  }}
  chain leaving {{
    oifname eth0 masquerade
    iifname br0 oifname br0 ct status dnat masquerade
  }}
}}
table inet line {{
  chain isp {{
    {isp}
  }}
  chain forward {{
    {clamp}
    {black_hole}
    ct state established,related accept
    iifname br0 accept
    ct status dnat accept
    meta l4proto ipv6-icmp accept
    {lines.join(admit)}
  }}
  chain input {{
    ct state established,related accept
    iifname {{ lo, br0 }} accept
    meta l4proto {{ icmp, ipv6-icmp }} accept
  }}
  chain output {{
    {black_hole}
  }}
}}
"""


def _set(ports: tuple[int, ...]) -> str:
    return "{ " + ", ".join(str(port) for port in ports) + " }"
