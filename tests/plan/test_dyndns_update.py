"""Dynamic DNS: what is learned, what must be written, how often, and that nothing leaks."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import dns.tsigkeyring
import dns.update
import pytest

from assistant.onhost import link_certificates as certificates
from assistant.onhost.resources import File, Secret, Service, Virtualenv
from assistant.plan.compile import compile_plan
from assistant.plan.errors import PlanError
from assistant.plan.host_programs import dyndns_update
from assistant.plan.host_programs.dyndns_update import State, UpdateError
from assistant.plan.recipes.dns import dyndns
from assistant.setup.model import DnsProvider, Role, Setup
from tests.support.option_setups import host, setup

NAME = "im.example.cn"
OLD, NEW = "241.0.8.2", "241.0.8.77"
TOKEN = "c2VjcmV0LXRva2VuLTEyMzQ1Ng=="
NOW = 1_800_000_000.0

# As the kernel prints it: address, index, prefix length, scope, flags, interface.
INTERFACES = """\
00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000021122fffe334455 02 40 20 80     eth0
fd000000000000000000000000000005 02 40 00 80     eth0
3fff0000000800000000000000000002 02 40 00 80     eth0
3fff0000000800001111222233334444 02 40 00 01     eth0
3fff0000000700000000000000000002 02 40 00 20     eth0
3fff0000000800005555000000000001 02 40 00 40     eth0
"""


class World:
    """The line, the DNS and the provider, as the program meets them."""

    def __init__(self, published: Mapping[str, tuple[str, ...] | None], ipv4: str = NEW) -> None:
        self.published = dict(published)
        self.ipv4 = ipv4
        self.interfaces = INTERFACES
        self.writes: list[dict[str, str]] = []
        self.refuses = False
        self.lag = False
        self.state = State()

    def config(self) -> dict[str, Any]:
        kinds = {key.split()[0] for key in self.published}
        return {"names": [NAME], "types": sorted(kinds), "ask": {}, "ttl": 60}

    def learn(self, ask: Mapping[str, Any]) -> str:
        if not self.ipv4:
            raise OSError("no route")
        return self.ipv4

    def look(self, config: Mapping[str, Any], name: str, kind: str) -> tuple[str, ...] | None:
        return self.published[f"{kind} {name}"]

    def write(self, config: Mapping[str, Any], token: str, changes: Mapping[str, str]) -> None:
        if self.refuses:
            raise UpdateError("refused")
        self.writes.append(dict(changes))
        if not self.lag:
            self.published.update({k: (v,) if v else () for k, v in changes.items()})

    def round(self, at: float) -> dict[str, str]:
        return dyndns_update.round_(
            self.config(),
            TOKEN,
            self.state,
            NOW + at,
            learn=self.learn,
            interfaces=lambda: self.interfaces,
            look=self.look,
            write=self.write,
        )


def test_a_new_address_is_written_once() -> None:
    world = World({f"A {NAME}": (OLD,)})
    assert world.round(0) == {f"A {NAME}": NEW}
    assert world.round(30) == {}
    assert world.round(600) == {}
    assert len(world.writes) == 1


def test_nothing_is_written_while_all_is_right() -> None:
    world = World({f"A {NAME}": (NEW,), f"AAAA {NAME}": ("3fff:0:8::2",)})
    assert world.round(0) == {}
    assert world.writes == []
    assert world.state.ipv6 == "3fff:0:8::2"


def test_a_second_change_waits_for_the_end_of_the_minute() -> None:
    world = World({f"A {NAME}": (OLD,)})
    world.round(0)
    world.ipv4 = "241.0.8.99"
    assert world.round(30) == {}
    assert world.round(59) == {}
    assert world.round(60) == {f"A {NAME}": "241.0.8.99"}


def test_a_provider_that_shows_it_late_is_not_asked_again_at_once() -> None:
    world = World({f"A {NAME}": (OLD,)})
    world.lag = True
    world.round(0)
    assert [at for at in range(60, 600, 60) if world.round(at)] == [300]


def test_a_refusal_is_asked_again_later_and_later() -> None:
    world = World({f"A {NAME}": (OLD,)})
    world.refuses = True
    tried = []
    for at in range(0, 7200, 30):
        before = world.state.failures
        with contextlib.suppress(UpdateError):
            world.round(at)
        if world.state.failures > before:
            tried.append(at)
    assert tried == [0, 60, 180, 420, 900, 1860, 3660, 5460]
    assert world.state.error == "refused"
    world.refuses = False
    assert world.round(7300) == {f"A {NAME}": NEW}
    assert (world.state.failures, world.state.error) == (0, "")


def test_a_line_that_is_down_changes_nothing_and_is_told() -> None:
    world = World({f"A {NAME}": (OLD,)}, ipv4="")
    with pytest.raises(UpdateError, match="no route"):
        world.round(0)
    assert world.writes == []
    assert "no route" in world.state.error
    world.ipv4 = NEW
    assert world.round(30) == {f"A {NAME}": NEW}
    assert world.state.error == ""


def test_ipv6_goes_on_while_ipv4_is_not_known() -> None:
    world = World({f"A {NAME}": (OLD,), f"AAAA {NAME}": ("3fff:0:7::2",)}, ipv4="")
    with pytest.raises(UpdateError):
        world.round(0)
    assert world.writes == [{f"AAAA {NAME}": "3fff:0:8::2"}]


def test_a_name_server_that_is_silent_does_not_cause_updates_without_end() -> None:
    world = World({f"A {NAME}": None})
    world.lag = True
    assert world.round(0) == {f"A {NAME}": NEW}
    assert [at for at in range(30, 3600, 30) if world.round(at)] == []
    world.ipv4 = OLD
    assert world.round(3600) == {f"A {NAME}": OLD}


def test_a_record_with_more_than_our_address_is_put_right() -> None:
    world = World({f"A {NAME}": (OLD, NEW)})
    assert world.round(0) == {f"A {NAME}": NEW}


def test_an_ipv6_address_that_is_gone_for_good_loses_its_record() -> None:
    world = World({f"AAAA {NAME}": ("3fff:0:8::2",)})
    world.interfaces = ""
    assert world.round(0) == {}
    assert world.round(570) == {}
    assert world.round(600) == {f"AAAA {NAME}": ""}
    assert world.round(1200) == {}
    world.interfaces = INTERFACES
    assert world.round(1260) == {f"AAAA {NAME}": "3fff:0:8::2"}


def test_only_lasting_global_addresses_count() -> None:
    assert dyndns_update.global_addresses(INTERFACES) == ("3fff:0:8::2",)


def test_an_address_that_still_holds_is_kept() -> None:
    assert dyndns_update.choose(("a", "b"), ["b"]) == "b"
    assert dyndns_update.choose(("a", "b"), ["c"]) == "a"
    assert dyndns_update.choose((), ["c"]) == ""


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("192.168.1.2", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("203.0.113.5", True),
        ("241.0.8.2", True),
        ("2001:db8::1", True),
    ],
)
def test_addresses_nobody_can_reach_are_not_published(address: str, good: bool) -> None:
    assert dyndns_update.public(address) is good


# Asking the setup's own server.


class Site:
    """A TLS server that says who calls, or whatever it is told to say."""

    def __init__(self, folder: Path, body: str, name: str = "inside") -> None:
        authority, key = str(folder / "a.pem"), str(folder / "a.key")
        certificates.make_authority(key, authority)
        mine = str(folder / "s.key")
        certificates.make_key(mine)
        request = certificates.make_request(mine, name)
        text = certificates.issue(request, name, authority=authority, key=key, server=True)
        (folder / "s.pem").write_text(text)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "s.pem", mine)
        self.authority = authority
        self.body = body
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
                with self.context.wrap_socket(connection, server_side=True) as line:
                    line.recv(4096)
                    line.sendall(f"HTTP/1.1 200 OK\r\nX: y\r\n\r\n{self.body}\n".encode())
            except OSError:
                if self.listener.fileno() < 0:
                    return

    def ask(self, name: str = "inside.link.invalid") -> dict[str, Any]:
        port = self.listener.getsockname()[1]
        return {"address": "127.0.0.1", "port": port, "name": name}


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> Any:
    def trust(site: Site) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", site.authority)

    return trust


def test_the_server_tells_the_address(tmp_path: Path, trusting: Any) -> None:
    site = Site(tmp_path, NEW)
    trusting(site)
    assert dyndns_update.line_address(site.ask()) == NEW
    for body, error in (("192.168.1.2", "not an address"), ("<html>", "IPv4 or IPv6")):
        site.body = body
        with pytest.raises(ValueError, match=error):
            dyndns_update.line_address(site.ask())
    site.body = "3fff:0:8::2"
    assert dyndns_update.line_address(site.ask()) == ""
    with pytest.raises(ssl.SSLError):
        dyndns_update.line_address(site.ask("im.example.cn"))
    site.listener.close()


def test_an_impostor_is_not_believed(tmp_path: Path) -> None:
    site = Site(tmp_path, OLD)
    with pytest.raises(ssl.SSLError):
        dyndns_update.line_address(site.ask())
    site.listener.close()


# Updates by RFC 2136, against a name server that checks the signature.


class NameServer:
    """Takes updates over TCP for one zone and answers questions over UDP."""

    def __init__(self) -> None:
        self.keys = dns.tsigkeyring.from_text({"home-key": ("hmac-sha256", TOKEN)})
        self.records: dict[tuple[str, str], list[str]] = {(NAME, "A"): [OLD]}
        self.ttls: list[int] = []
        self.rcode = dns.rcode.NOERROR
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        for work in (self.serve_tcp, self.serve_udp):
            threading.Thread(target=work, daemon=True).start()

    def serve_tcp(self) -> None:
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            with connection:
                size = int.from_bytes(connection.recv(2), "big")
                answer = self.answer(connection.recv(size))
                connection.sendall(len(answer).to_bytes(2, "big") + answer)

    def serve_udp(self) -> None:
        while True:
            try:
                data, peer = self.udp.recvfrom(4096)
                self.udp.sendto(self.answer(data), peer)
            except OSError:
                return

    def answer(self, data: bytes) -> bytes:
        message = dns.message.from_wire(data, keyring=self.keys)
        answer = dns.message.make_response(message)
        if isinstance(message, dns.update.UpdateMessage):
            answer.set_rcode(self.rcode if message.had_tsig else dns.rcode.REFUSED)
            if answer.rcode() == dns.rcode.NOERROR:
                self.take(message)
            return answer.to_wire()
        asked = message.question[0]
        name, kind = asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)
        if kind == "SOA" and name == "example.cn":
            text = f"{name}. 60 IN SOA ns.{name}. root.{name}. 1 2 3 4 5"
        else:
            values = self.records.get((name, kind), [])
            text = "\n".join(f"{name}. 60 IN {kind} {value}" for value in values)
        if text:
            answer.answer = [*dns.message.from_text(f";ANSWER\n{text}\n").answer]
        answer.flags |= dns.flags.AA
        return answer.to_wire()

    def take(self, message: dns.update.UpdateMessage) -> None:
        for rrset in message.update:
            key = (
                rrset.name.derelativize(message.zone[0].name).to_text(omit_final_dot=True),
                dns.rdatatype.to_text(rrset.rdtype),
            )
            if not rrset:
                self.records[key] = []
            else:
                self.records[key] = [str(one) for one in rrset]
                self.ttls.append(rrset.ttl)

    def config(self) -> dict[str, Any]:
        update = {
            "server": "127.0.0.1",
            "port": self.port,
            "key_name": "home-key",
            "algorithm": "HMAC-SHA256",
        }
        return {"names": [NAME], "types": ["A"], "ttl": 60, "provider": "rfc2136", "update": update}


@pytest.fixture
def server() -> Any:
    made = NameServer()
    yield made
    made.tcp.close()
    made.udp.close()


def test_an_update_replaces_the_record_and_its_time_to_live(server: NameServer) -> None:
    config = server.config()
    assert dyndns_update.published(config, NAME, "A") == (OLD,)
    dyndns_update.publish(config, TOKEN, {f"A {NAME}": NEW})
    assert dyndns_update.published(config, NAME, "A") == (NEW,)
    assert server.ttls == [60]
    dyndns_update.publish(config, TOKEN, {f"A {NAME}": ""})
    assert dyndns_update.published(config, NAME, "A") == ()


def test_a_refused_update_is_an_error(server: NameServer) -> None:
    server.rcode = dns.rcode.REFUSED
    with pytest.raises(UpdateError, match=r"refused to change im\.example\.cn \(REFUSED\)"):
        dyndns_update.publish(server.config(), TOKEN, {f"A {NAME}": NEW})


def test_an_error_never_holds_the_token(server: NameServer) -> None:
    config = server.config()
    for update in (config["update"] | {"port": 1}, config["update"] | {"algorithm": "HMAC-SHA999"}):
        with pytest.raises(UpdateError) as told:
            dyndns_update.publish(config | {"update": update}, TOKEN, {f"A {NAME}": NEW})
        assert TOKEN not in str(told.value)
        assert told.value.__suppress_context__


def test_a_name_server_that_is_not_there_says_nothing() -> None:
    config = {"update": {"server": "127.0.0.1", "port": 1}}
    assert dyndns_update.published(config, NAME, "A") is None


# Providers, through the library's interface.


class Client:
    """Stands in for dns-lexicon's client."""

    def __init__(self, records: list[dict[str, str]]) -> None:
        self.records = records
        self.calls: list[tuple[str, ...]] = []

    def list_records(self, kind: str, name: str) -> list[dict[str, str]]:
        return self.records

    def create_record(self, *words: str) -> None:
        self.calls.append(("create", *words))

    def update_record(self, *words: str) -> None:
        self.calls.append(("update", *words))

    def delete_record(self, *words: str) -> None:
        self.calls.append(("delete", *words))


def record(number: str, kind: str = "A", name: str = NAME) -> dict[str, str]:
    return {"id": number, "type": kind, "name": name}


@pytest.mark.parametrize(
    ("records", "value", "calls"),
    [
        ([], NEW, [("create", "A", NAME, NEW)]),
        ([record("1")], NEW, [("update", "1", "A", NAME, NEW)]),
        # Some list what merely resembles the question.
        ([record("7", "AAAA"), record("8", "A", "other.example.cn")], NEW,
         [("create", "A", NAME, NEW)]),
        ([record("1"), record("2")], NEW,
         [("update", "1", "A", NAME, NEW), ("delete", "2", "A", NAME)]),
        ([record("1"), record("2")], "", [("delete", "1", "A", NAME), ("delete", "2", "A", NAME)]),
    ],
)  # fmt: skip
def test_one_record_is_left_at_a_provider(
    records: list[dict[str, str]], value: str, calls: list[tuple[str, ...]]
) -> None:
    client = Client(records)
    dyndns_update._put(client, "A", NAME, value)
    assert client.calls == calls


# The whole program, and what the plan tells it.


def test_the_program_keeps_its_state_and_says_what_it_did(
    server: NameServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "token").write_text(f"# rfc2136 home-key\n{TOKEN}\n")
    config = tmp_path / "dyndns.json"
    config.write_text(json.dumps({**server.config(), "ask": {}}))
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(dyndns_update, "line_address", lambda _: NEW)
    assert dyndns_update.main(["--config", str(config)]) == 0
    assert capsys.readouterr().out == f"A {NAME} is now {NEW}.\n"
    state = dyndns_update.load(tmp_path / "state.json")
    assert (state.ipv4, state.written, state.error) == (NEW, {f"A {NAME}": NEW}, "")
    assert TOKEN not in (tmp_path / "state.json").read_text()

    def down(_: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(dyndns_update, "line_address", down)
    assert dyndns_update.main(["--config", str(config)]) == 1
    assert "no route to host" in capsys.readouterr().err
    assert "no route" in dyndns_update.load(tmp_path / "state.json").error


@pytest.mark.parametrize("text", ["", "{", "[]", '{"unknown": 1}', "null"])
def test_a_broken_state_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    assert dyndns_update.load(tmp_path / "state.json") == State()


def with_provider(provider: DnsProvider | None, **changes: Any) -> Setup:
    made = setup(4, **changes)
    settings = made.settings.model_copy(update={"provider": provider})
    return made.model_copy(update={"settings": settings})


def told(made: Setup) -> dict[str, Any]:
    provider = made.settings.provider
    assert provider is not None
    return dict(dyndns.config(made, made.host(Role.HOME), provider))


def test_the_plan_tells_names_kinds_and_the_way_to_ask() -> None:
    made = setup(4, spare_names=("chat-2.example.net",))
    config = told(made)
    assert config["names"] == [NAME, "chat-2.example.net"]
    assert config["types"] == ["A", "AAAA"]
    assert config["ttl"] == 60
    assert config["ask"] == {"address": "241.0.5.9", "port": 8450, "name": NAME}
    settings = made.settings.model_copy(update={"home_link": "wrapped"})
    wrapped = told(made.model_copy(update={"settings": settings}))
    assert wrapped["ask"] == {"address": "127.0.0.1", "port": 8442, "name": NAME}


def test_a_provider_is_called_what_its_library_calls_it() -> None:
    config = told(with_provider(DnsProvider(name="alidns", account="LTAI")))
    assert (config["provider"], config["account"]) == ("aliyun", "LTAI")
    assert config["options"] == ["auth_key_id", "auth_secret"]
    assert config["update"] is None


@pytest.mark.parametrize(
    ("provider", "cause"),
    [
        (DnsProvider(name="rfc2136"), "dns-update-missing"),
        (DnsProvider(name="huaweicloud"), "provider-unsupported"),
    ],
)
def test_what_cannot_work_is_refused(provider: DnsProvider, cause: str) -> None:
    with pytest.raises(PlanError) as refused:
        told(with_provider(provider))
    assert refused.value.cause == cause


def test_without_a_provider_there_is_no_dynamic_dns() -> None:
    resources = compile_plan(with_provider(None)).for_host("home").resources
    found = [resource for resource in resources if "dyndns" in resource.id]
    assert [one.running for one in found if isinstance(one, Service)] == [False]
    assert len(found) == 1


def test_the_token_is_a_secret_of_the_home_host_alone() -> None:
    plan = compile_plan(setup(4))
    for one in plan.hosts:
        names = [item.name for item in one.resources if isinstance(item, Secret)]
        assert ("dyndns-token" in names) == (one.host == "home")
    service = next(
        item.content
        for item in plan.for_host("home").resources
        if isinstance(item, File) and item.path.endswith("dyndns.service")
    )
    assert "LoadCredential=token:/var/lib/matrix-assistant/secrets/dyndns-token\n" in service
    assert "DynamicUser=yes" in service
    venvs = [one for one in plan.for_host("home").resources if isinstance(one, Virtualenv)]
    assert [one.requirements for one in venvs] == [("dns-lexicon==3.25.2",)]


def test_a_home_line_with_ipv6_alone_has_no_other_record() -> None:
    made = setup(4)
    only = tuple(
        host(Role.HOME, public_ipv4="") if one.role is Role.HOME else one for one in made.hosts
    )
    assert told(made.model_copy(update={"hosts": only}))["types"] == ["AAAA"]
    neither = tuple(
        host(Role.HOME, public_ipv4="", public_ipv6="") if one.role is Role.HOME else one
        for one in made.hosts
    )
    assert told(made.model_copy(update={"hosts": neither}))["types"] == ["A"]
