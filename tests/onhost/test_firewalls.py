"""What other firewalls let in, read from their own files and words."""

from __future__ import annotations

from assistant.onhost.system.firewalls import by_firewalld, by_ufw

UFW = """\
*filter
### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 22 -j ACCEPT
### tuple ### limit any 60000:61000 0.0.0.0/0 any 0.0.0.0/0 in
### tuple ### allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 Nginx%20Full - in
### tuple ### allow tcp 5432 0.0.0.0/0 any 192.0.2.0/24 in
### tuple ### deny tcp 25 0.0.0.0/0 any 0.0.0.0/0 in
### tuple ### allow tcp 26 0.0.0.0/0 any 0.0.0.0/0 out
"""

FIREWALLD = """\
public (active)
  target: default
  interfaces: eth0
  services: dhcpv6-client ssh
  ports: 8080/tcp 6000-6007/udp
"""


def test_ufw() -> None:
    expected = ["tcp/22", "tcp/60000-61000", "udp/60000-61000", "tcp/80", "tcp/443"]
    assert by_ufw(UFW) == expected
    assert by_ufw(UFW, 'DEFAULT_INPUT_POLICY="ACCEPT"\n') == ["*"]


def test_firewalld() -> None:
    files = {"ssh": '<service><port protocol="tcp" port="22"/></service>'}
    read = by_firewalld(FIREWALLD, lambda name: files.get(name, ""))
    assert read == ["tcp/8080", "udp/6000-6007", "tcp/22"]
    assert by_firewalld(FIREWALLD.replace("default", "ACCEPT"), lambda _: "") == ["*"]
