"""What is put on devices: the lines mean what they say, the profile asks for our names only."""

from __future__ import annotations

import contextlib
import plistlib
import shutil
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import dns.rrset
import pytest

from assistant import cli
from assistant.export.device_files import (
    DeviceName,
    device_files,
    device_names,
    dnsmasq_lines,
    hosts_lines,
    mobileconfig,
    openwrt_lines,
    public_below,
)
from assistant.plan.compile import compile_plan
from assistant.plan.host_paths import DOH_PORT
from assistant.plan.model import Record
from assistant.setup import store
from assistant.setup.model import Settings
from assistant.setup.store import create_setup
from assistant.text import msg
from tests.support.option_setups import setup

V4, V6 = "241.0.5.9", "3fff:0:5::9"
NAMES = (
    DeviceName(name="im.example.cn", addresses=(V4,)),
    DeviceName(name="spare.example.net", addresses=(V4, V6)),
)
DNSMASQ = shutil.which("dnsmasq") or shutil.which("dnsmasq", path="/usr/sbin:/usr/local/sbin")


def _record(**values: Any) -> Record:
    fields: dict[str, Any] = {"type": "A", "where": "device", "why": msg("why")}
    return Record(**(fields | values))


def test_only_address_records_for_devices_count() -> None:
    records = (
        _record(name="im.example.cn", values=(V4,)),
        _record(name="im.example.cn", type="AAAA", values=("3fff:0:5:0:0:0:0:9",)),
        _record(name="im.example.cn", type="HTTPS", values=(), must="absent"),
        _record(name="gone.example.cn", values=(V4,), must="absent"),
        _record(name="chat.example.org", values=(V4,), where="public"),
        _record(name="im.example.cn", values=(V4,), where="server"),
    )
    assert device_names(records) == (DeviceName(name="im.example.cn", addresses=(V4, V6)),)
    assert device_names(()) == ()


def test_the_lines() -> None:
    assert hosts_lines(NAMES) == (
        f"{V4} im.example.cn",
        f"{V4} spare.example.net",
        f"{V6} spare.example.net",
    )
    assert dnsmasq_lines(NAMES) == (
        f"address=/im.example.cn/{V4}",
        f"address=/spare.example.net/{V4}",
        f"address=/spare.example.net/{V6}",
        "local=/im.example.cn/",
        "local=/spare.example.net/",
    )
    assert openwrt_lines(NAMES[:1], ("out.im.example.cn",)) == (
        f"uci add_list dhcp.@dnsmasq[0].address='/im.example.cn/{V4}'",
        "uci add_list dhcp.@dnsmasq[0].server='/im.example.cn/'",
        "uci add_list dhcp.@dnsmasq[0].server='/out.im.example.cn/#'",
        "uci commit dhcp",
        "service dnsmasq restart",
    )


def test_a_public_name_below_a_private_one_is_found() -> None:
    made = setup(3, outside_name="o.im.example.cn")
    names = device_names(compile_plan(made).records)
    assert public_below(made, names) == ("o.im.example.cn",)
    assert "server=/o.im.example.cn/#" in device_files(made, compile_plan(made).records)[1].text
    assert public_below(setup(3), device_names(compile_plan(setup(3)).records)) == ()


def test_files_are_for_option_3_only_and_the_profile_needs_the_resolver() -> None:
    made = setup(3)
    kinds = [file.kind for file in device_files(made, compile_plan(made).records)]
    assert kinds == ["hosts", "dnsmasq", "openwrt"]
    with_resolver = made.model_copy(
        update={"settings": made.settings.model_copy(update={"private_resolver": True})}
    )
    files = device_files(with_resolver, compile_plan(made).records)
    assert [file.kind for file in files] == [*kinds, "mobileconfig"]
    assert len({file.name for file in files}) == len(files)
    assert device_files(setup(2), ()) == ()


@pytest.mark.parametrize("protocol", ["HTTPS", "TLS"])
def test_the_profile_asks_our_resolver_for_our_names_only(protocol: Any) -> None:
    made = setup(3, spare_names=("spare.example.net",))
    names = device_names(compile_plan(made).records)
    text = mobileconfig(made, names, protocol=protocol)
    read = plistlib.loads(text.encode())
    assert read["PayloadType"] == "Configuration"
    (payload,) = read["PayloadContent"]
    assert payload["PayloadType"] == "com.apple.dnsSettings.managed"
    settings = payload["DNSSettings"]
    assert settings["DNSProtocol"] == protocol
    assert settings["ServerAddresses"] == [V4]
    assert settings["SupplementalMatchDomains"] == ["im.example.cn", "spare.example.net"]
    if protocol == "HTTPS":
        assert settings["ServerURL"] == f"https://im.example.cn:{DOH_PORT}/dns-query"
        assert "ServerName" not in settings
    else:
        assert settings["ServerName"] == "im.example.cn"
        assert "ServerURL" not in settings
    ids = [read["PayloadUUID"], payload["PayloadUUID"]]
    assert len({uuid.UUID(one) for one in ids}) == 2
    assert read["PayloadIdentifier"] != payload["PayloadIdentifier"]


def test_the_same_setup_gives_the_same_profile_and_another_one_another() -> None:
    made = setup(3)
    names = device_names(compile_plan(made).records)
    assert mobileconfig(made, names) == mobileconfig(made, names)
    # A new address must replace the profile that is installed, not stand beside it.
    moved = (DeviceName(name="im.example.cn", addresses=("241.0.5.10",)),)
    first, second = (plistlib.loads(mobileconfig(made, n).encode()) for n in (names, moved))
    assert first["PayloadUUID"] == second["PayloadUUID"]
    assert first["PayloadIdentifier"] == second["PayloadIdentifier"]
    other = setup(3, name="other", settings=Settings())
    assert plistlib.loads(mobileconfig(other, names).encode())["PayloadUUID"] not in str(first)


# -- a real dnsmasq ------------------------------------------------------------


class Upstream:
    """A DNS server that answers everything with another address and keeps what it was asked."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.asked: list[tuple[str, str]] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                data, address = self.socket.recvfrom(4096)
            except OSError:
                return
            query = dns.message.from_wire(data)
            question = query.question[0]
            kind = dns.rdatatype.to_text(question.rdtype)
            self.asked.append((question.name.to_text(omit_final_dot=True).lower(), kind))
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            if kind == "A":
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "192.0.2.1"))
            self.socket.sendto(answer.to_wire(), address)


@contextlib.contextmanager
def dnsmasq(folder: Path, lines: tuple[str, ...]) -> Iterator[tuple[int, Upstream]]:
    assert DNSMASQ is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    upstream = Upstream()
    config = folder / "dnsmasq.conf"
    config.write_text("".join(f"{line}\n" for line in lines))
    process = subprocess.Popen(
        [
            DNSMASQ,
            "--keep-in-foreground",
            f"--conf-file={config}",
            f"--port={port}",
            "--listen-address=127.0.0.1",
            "--bind-interfaces",
            "--no-resolv",
            "--no-hosts",
            "--user=",
            "--pid-file=",
            f"--server=127.0.0.1#{upstream.port}",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for _ in range(100):
            with contextlib.suppress(Exception):
                ask(port, "ready.test", "A", timeout=0.1)
                break
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.02)
        upstream.asked.clear()
        yield port, upstream
    finally:
        process.kill()
        process.wait(timeout=5)
        upstream.socket.close()


def ask(port: int, name: str, kind: str, timeout: float = 3) -> list[str]:
    answer = dns.query.udp(dns.message.make_query(name, kind), "127.0.0.1", timeout, port)
    return [item.to_text() for rrset in answer.answer for item in rrset]


@pytest.mark.skipif(DNSMASQ is None, reason="dnsmasq is not installed on this computer")
def test_dnsmasq_answers_our_names_and_asks_nobody_else_about_them(tmp_path: Path) -> None:
    with dnsmasq(tmp_path, dnsmasq_lines(NAMES, ("public.im.example.cn",))) as (port, upstream):
        assert ask(port, "im.example.cn", "A") == [V4]
        assert ask(port, "spare.example.net", "AAAA") == [V6]
        for kind in ("AAAA", "HTTPS", "SRV", "TXT", "CNAME", "NS"):
            assert ask(port, "im.example.cn", kind) == []
        assert ask(port, "_matrix-fed._tcp.im.example.cn", "SRV") == []
        assert upstream.asked == []
        assert ask(port, "public.im.example.cn", "A") == ["192.0.2.1"]
        assert ask(port, "www.example.org", "A") == ["192.0.2.1"]
        assert [name for name, _ in upstream.asked] == ["public.im.example.cn", "www.example.org"]


@pytest.mark.skipif(DNSMASQ is None, reason="dnsmasq is not installed on this computer")
def test_without_the_local_lines_questions_would_leave(tmp_path: Path) -> None:
    only_addresses = tuple(line for line in dnsmasq_lines(NAMES) if line.startswith("address="))
    with dnsmasq(tmp_path, only_addresses) as (port, upstream):
        assert ask(port, "im.example.cn", "A") == [V4]
        ask(port, "im.example.cn", "HTTPS")
        ask(port, "im.example.cn", "SRV")
        assert upstream.asked, "the reason for the local lines is gone; look at them again"


# -- the command line ----------------------------------------------------------


def test_the_files_are_written_by_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(store, "setups_folder", lambda: tmp_path)
    for option in (3, 2):
        with create_setup(setup(option, name=f"option-{option}"), folder=tmp_path):
            pass
    folder = tmp_path / "hand-out" / "here"
    assert cli.main(["export", "--setup", "option-3", "--devices", str(folder)]) == 0
    assert (folder / "matrix-hosts.txt").read_text() == f"{V4} im.example.cn\n"
    assert {file.name for file in folder.iterdir()} == {
        "matrix-hosts.txt",
        "matrix-dnsmasq.conf",
        "matrix-openwrt.sh",
    }
    assert "matrix-dnsmasq.conf" in capsys.readouterr().out
    assert cli.main(["export", "--setup", "option-2", "--devices", str(folder)]) == 2
    assert "option 3 alone" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    blocked = str(tmp_path / "file" / "below")
    assert cli.main(["export", "--setup", "option-3", "--devices", blocked]) == 2
    assert "could not be written" in capsys.readouterr().err
    assert cli.main(["export", "--setup", "option-3", "--format", "values"]) == 0
    assert 'serverName: "im.example.cn"' in capsys.readouterr().out
