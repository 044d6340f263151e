"""Certificates of wrapped links: made, carried, put in place and renewed with the real openssl."""

from __future__ import annotations

import contextlib
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from assistant.onhost import link_certificates as certificates
from assistant.onhost import links
from assistant.onhost.contract import HostError
from assistant.onhost.link_certificates import LinkError
from assistant.onhost.paths import Paths
from assistant.operations.link_certificates import lacking
from assistant.plan.host_paths import LINK_AUTHORITY_KEY, LINK_FILES
from assistant.plan.host_programs import link_authority, link_renewal
from assistant.plan.recipes.links.wrapped import AUTHORITY_NAME

pytestmark = pytest.mark.skipif(
    not Path("/usr/bin/openssl").exists(), reason="the openssl program, as on every Debian host"
)


class Hosts:
    """Hosts that are folders: each request goes to the program as it would on a real one."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def paths(self, host: str) -> Paths:
        return Paths(str(self.root / host))

    def file(self, host: str, name: str) -> Path:
        return self.root / host / LINK_FILES.lstrip("/") / name

    def ask(self, host: str, action: str, **values: Any) -> dict[str, Any]:
        events: list[dict[str, Any]] = []
        request = {"mode": "link", "action": action, "host": host, **values}
        links.run(request, events.append, self.paths(host))
        assert [event.pop("event") for event in events] == ["result"]
        return events[0]

    def broker(self, keeper: str, *clients: str) -> tuple[str, ...]:
        """What :func:`assistant.operations.link_certificates.link` does, without SSH."""
        states = {host: self.ask(host, "status") for host in (keeper, *clients)}
        wanted = lacking(keeper, states)
        asking = [host for host in wanted if host != keeper]
        requests = {host: self.ask(host, "request")["request"] for host in asking}
        if wanted:
            signed = self.ask(keeper, "sign", requests=requests)
            for host in asking:
                made = signed["certificates"][host]
                self.ask(host, "install", certificate=made, authority=signed["authority"])
        return wanted


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    return Hosts(tmp_path)


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Hosts:
    """Hosts with certificates, for tests that change none of them."""
    made = Hosts(tmp_path_factory.mktemp("linked"))
    made.broker("inside", "home", "outside")
    return made


@pytest.fixture
def ready(linked: Hosts, tmp_path: Path) -> Hosts:
    """Hosts with certificates, for tests that change them."""
    shutil.copytree(linked.root, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Hosts(tmp_path)


def test_every_host_gets_a_certificate_and_the_next_round_needs_none(hosts: Hosts) -> None:
    assert hosts.broker("inside", "home", "outside") == ("inside", "home", "outside")
    for host in ("inside", "home", "outside"):
        state = hosts.ask(host, "status")
        assert state["ready"], state
        assert 86 * 86400 < state["expires"] - time.time() < 91 * 86400
    assert hosts.broker("inside", "home", "outside") == ()


def test_keys_are_readable_by_root_only_and_stay_where_they_are(linked: Hosts) -> None:
    keys = {}
    for host in ("inside", "home", "outside"):
        key = linked.file(host, "key.pem")
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        keys[host] = key.read_text()
        assert not linked.file(host, "pending.key").exists()
    authority = linked.root / "inside" / LINK_AUTHORITY_KEY.lstrip("/")
    assert stat.S_IMODE(authority.stat().st_mode) == 0o600
    assert stat.S_IMODE(authority.parent.stat().st_mode) == 0o700
    keys["authority"] = authority.read_text()
    for host in ("inside", "home", "outside"):
        for path in (linked.root / host).rglob("*"):
            if path.is_file() and path.name != "key.pem" and path != authority:
                assert "PRIVATE" not in path.read_text()
    assert len(set(keys.values())) == 4


def test_answers_hold_no_private_key(hosts: Hosts) -> None:
    answers = [hosts.ask("home", "request"), hosts.ask("home", "status")]
    signed = hosts.ask("inside", "sign", requests={"home": answers[0]["request"]})
    assert "PRIVATE" not in repr((*answers, signed))
    assert signed["certificates"].keys() == {"home"}


def test_only_the_main_server_can_answer_and_only_the_others_can_ask(linked: Hosts) -> None:
    authority = linked.file("inside", "own-authority.pem")

    def passes(host: str, purpose: str) -> bool:
        words = ["openssl", "verify", "-purpose", purpose, "-CAfile", str(authority)]
        path = str(linked.file(host, "certificate.pem"))
        return subprocess.run([*words, path], capture_output=True, check=False).returncode == 0

    assert passes("inside", "sslserver")
    assert not passes("inside", "sslclient")
    assert passes("home", "sslclient")
    assert not passes("home", "sslserver")


def test_a_host_that_was_replaced_gets_a_new_one_alone(ready: Hosts) -> None:
    shutil.rmtree(ready.root / "home")
    assert ready.broker("inside", "home", "outside") == ("home",)


def test_a_lost_authority_means_new_ones_for_all(ready: Hosts) -> None:
    (ready.root / "inside" / LINK_AUTHORITY_KEY.lstrip("/")).unlink()
    assert ready.broker("inside", "home") == ("inside", "home")
    assert ready.broker("inside", "home") == ()


def test_a_cut_between_request_and_installation_is_mended_by_the_next_round(hosts: Hosts) -> None:
    hosts.ask("inside", "sign", requests={})
    waiting = hosts.ask("home", "request")["request"]
    assert hosts.file("home", "pending.key").exists()
    assert not hosts.ask("home", "status")["ready"]
    assert hosts.ask("home", "request")["request"] != ""
    hosts.ask("inside", "sign", requests={"home": waiting})
    assert hosts.broker("inside", "home") == ("home",)


@pytest.mark.parametrize(
    "request_text",
    [
        "",
        "nothing",
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        17,
    ],
)
def test_what_is_no_request_is_not_signed(hosts: Hosts, request_text: object) -> None:
    with pytest.raises(HostError) as told:
        hosts.ask("inside", "sign", requests={"home": request_text})
    assert told.value.cause == "validation"


def test_a_request_in_another_hosts_name_is_not_signed(hosts: Hosts) -> None:
    request = hosts.ask("home", "request")["request"]
    with pytest.raises(HostError, match="does not name outside"):
        hosts.ask("inside", "sign", requests={"outside": request})


@pytest.mark.parametrize("host", ["", "Home", "home/../x", "-x", "a" * 40, "home\n", None])
def test_only_names_of_hosts_are_names_of_hosts(hosts: Hosts, host: object) -> None:
    with pytest.raises(HostError):
        links.run({"action": "request", "host": host}, lambda _: None, hosts.paths("home"))


def test_a_certificate_for_another_key_is_refused_and_changes_nothing(ready: Hosts) -> None:
    before = ready.file("home", "certificate.pem").read_text()
    foreign = ready.ask("outside", "request")["request"]
    signed = ready.ask("inside", "sign", requests={"outside": foreign})
    ready.ask("home", "request")
    with pytest.raises(HostError, match="another key"):
        ready.ask(
            "home",
            "install",
            certificate=signed["certificates"]["outside"],
            authority=signed["authority"],
        )
    assert ready.file("home", "certificate.pem").read_text() == before
    assert ready.ask("home", "status")["ready"]
    assert len(list(ready.file("home", "versions").iterdir())) == 1


def test_a_worn_certificate_is_not_ready(ready: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    late = time.time() + 62 * 86400
    monkeypatch.setattr("assistant.onhost.links.time.time", lambda: late)
    state = ready.ask("home", "status")
    assert not state["ready"]
    assert "third" in state["why"]


def test_names_agree_with_the_plan() -> None:
    assert links.FOLDER == LINK_FILES
    assert links.AUTHORITY_KEY == LINK_AUTHORITY_KEY
    assert certificates.AUTHORITY == AUTHORITY_NAME


def test_files_change_in_one_step(ready: Hosts) -> None:
    first = ready.file("home", "current").readlink()
    shutil.copy(ready.file("home", "key.pem"), ready.file("home", "pending.key"))
    certificate = ready.file("home", "certificate.pem").read_text()
    authority = ready.file("home", "authority.pem").read_text()
    ready.ask("home", "install", certificate=certificate, authority=authority)
    assert ready.file("home", "current").readlink() != first
    for name in ("authority.pem", "certificate.pem", "key.pem"):
        assert ready.file("home", name).readlink() == Path("current", name)


# Renewal over the link: the two programs that stay on the hosts, with nginx's part left out.


class Signing:
    """The signing service, one connection at a time, as systemd would hand them to it."""

    def __init__(self, hosts: Hosts, allowed: list[str], proxy: bytes) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.folder = str(hosts.file("inside", ""))
        self.allowed, self.proxy = allowed, proxy
        self.credentials = hosts.root / "credentials"
        self.credentials.mkdir()
        key = hosts.root / "inside" / LINK_AUTHORITY_KEY.lstrip("/")
        shutil.copy(key, self.credentials / "authority.key")
        shutil.copy(hosts.file("inside", "key.pem"), self.credentials / "server.key")
        self.errors: list[str] = []
        self.thread = threading.Thread(target=self.answer, daemon=True)
        self.thread.start()

    @property
    def dial(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def answer(self) -> None:
        while True:
            try:
                outer, _ = self.listener.accept()
            except OSError:
                return
            near, far = socket.socketpair()
            # What nginx does: a line of its own in front, then the bytes as they come.
            near.sendall(self.proxy)
            for one, other in ((outer, near), (near, outer)):
                threading.Thread(target=self.copy, args=(one, other), daemon=True).start()
            try:
                link_authority.serve(
                    certificates, far, self.folder, str(self.credentials), self.allowed
                )
            except Exception as error:
                self.errors.append(str(error))
            far.close()

    def said(self) -> list[str]:
        """What went wrong, once the connection under way has ended."""
        deadline = time.monotonic() + 10
        while not self.errors and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.errors

    @staticmethod
    def copy(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)


@pytest.fixture
def signing(ready: Hosts) -> Iterator[Signing]:
    service = Signing(ready, ["home"], b"PROXY TCP4 241.0.8.2 241.0.5.9 40000 8449\r\n")
    yield service
    service.listener.close()


def test_a_renewal_brings_a_new_key_and_certificate(ready: Hosts, signing: Signing) -> None:
    before = {name: ready.file("home", name).read_text() for name in ("key.pem", "certificate.pem")}
    folder = str(ready.file("home", ""))
    link_renewal.renew(certificates, folder, "home", signing.dial)
    assert ready.ask("home", "status")["ready"]
    for name, text in before.items():
        assert ready.file("home", name).read_text() != text
    assert signing.errors == []


def test_a_host_cannot_renew_in_anothers_name(ready: Hosts, signing: Signing) -> None:
    before = ready.file("home", "certificate.pem").read_text()
    with pytest.raises(OSError, match="refused"):
        link_renewal.renew(certificates, str(ready.file("home", "")), "outside", signing.dial)
    assert "does not name home" in signing.said()[0]
    assert ready.file("home", "certificate.pem").read_text() == before


def test_a_host_that_left_the_setup_gets_nothing(ready: Hosts, signing: Signing) -> None:
    with pytest.raises(OSError, match="refused"):
        link_renewal.renew(certificates, str(ready.file("outside", "")), "outside", signing.dial)
    assert "outside is not a server of this setup" in signing.said()[0]


def test_a_stranger_is_not_even_heard(
    ready: Hosts, signing: Signing, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Hosts(tmp_path_factory.mktemp("other"))
    other.broker("inside", "home")
    # Its own authority signed it; it trusts ours, to get as far as it can.
    trusted = ready.file("inside", "own-authority.pem").read_text()
    other.file("home", "authority.pem").write_text(trusted)
    with pytest.raises(OSError):
        link_renewal.renew(certificates, str(other.file("home", "")), "home", signing.dial)
    assert len(signing.said()) == 1
    assert "certificate" in signing.said()[0].lower()


def test_a_connection_without_the_proxy_line_is_closed(ready: Hosts) -> None:
    service = Signing(ready, ["home"], b"")
    with pytest.raises(OSError):
        link_renewal.renew(certificates, str(ready.file("home", "")), "home", service.dial)
    service.listener.close()
    assert service.said() == ["A connection that does not come through the link."]


def test_the_keeper_renews_its_own_when_worn(ready: Hosts) -> None:
    folder = str(ready.file("inside", ""))
    key = str(ready.root / "inside" / LINK_AUTHORITY_KEY.lstrip("/"))
    before = ready.file("inside", "certificate.pem").read_text()
    assert not link_authority.renew(certificates, folder, "inside", key, time.time())
    assert ready.file("inside", "certificate.pem").read_text() == before
    late = time.time() + 62 * 86400
    assert link_authority.renew(certificates, folder, "inside", key, late)
    assert ready.file("inside", "certificate.pem").read_text() != before
    assert certificates.ready(folder, "inside").name == "inside"


def test_the_programs_start_as_they_lie_on_a_host(ready: Hosts, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    for module in (certificates, link_authority, link_renewal):
        assert module.__file__
        shutil.copy(module.__file__, library)
    words = [sys.executable, "-I", str(library / "link_renewal.py"), "--host", "home"]
    words += ["--folder", str(ready.file("home", "")), "--dial", "127.0.0.1:9"]
    fresh = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (fresh.returncode, fresh.stdout, fresh.stderr) == (0, "", "")
    forced = subprocess.run([*words, "--now"], capture_output=True, text=True, check=False)
    assert forced.returncode == 1
    assert forced.stderr.startswith("The certificate for the link could not be renewed:")
    assert "Traceback" not in forced.stderr


def test_certificates_stand_alone() -> None:
    source = Path(str(import_module("assistant.onhost.link_certificates").__file__)).read_text()
    assert "assistant." not in source


def test_an_openssl_that_is_missing_is_said(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("assistant.onhost.link_certificates.subprocess.run", gone)
    with pytest.raises(HostError, match="openssl is missing"):
        hosts.ask("home", "request")


def test_a_read_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "certificate.pem"
    path.write_text("x")
    with pytest.raises(LinkError):
        certificates.read(str(path))
    assert [one.name for one in tmp_path.iterdir()] == ["certificate.pem"]
