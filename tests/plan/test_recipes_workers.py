"""Synapse's workers: only where they were asked for, and every request to a process that knows."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from assistant.onhost.resources import File, Packages, Service, Virtualenv
from assistant.plan.compile import compile_plan
from assistant.plan.host_paths import SYNAPSE_URL
from assistant.plan.model import HostPlan
from assistant.plan.recipes.matrix import synapse_settings, synapse_unit, workers
from assistant.setup.model import Setup
from tests.support.option_setups import setup

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def with_workers(option: int, count: int) -> Setup:
    made = setup(option)
    return made.model_copy(update={"settings": made.settings.model_copy(update={"workers": count})})


def ids(plan: HostPlan) -> list[str]:
    return [resource.id for resource in plan.resources]


def contents(plan: HostPlan) -> dict[str, str]:
    return {one.path: one.content for one in plan.resources if isinstance(one, File)}


def settings_of(plan: HostPlan) -> dict[str, Any]:
    text = contents(plan)[synapse_unit.HOMESERVER]
    loaded: dict[str, Any] = json.loads(text[text.index("{") :])
    return loaded


@pytest.mark.parametrize("option", [1, 2, 3, 4])
def test_workers_run_on_the_main_server_only(option: int) -> None:
    plan = compile_plan(with_workers(option, 2))
    main = "outside" if option == 1 else "inside"
    for host in plan.hosts:
        has = any("worker" in one or "redis" in one for one in ids(host))
        assert has == (host.host == main)
    none = compile_plan(setup(option))
    assert not any("worker" in one or "redis" in one for host in none.hosts for one in ids(host))
    for host in none.hosts:
        if host.host != "home":
            assert (
                f"proxy_pass {SYNAPSE_URL};"
                in contents(host)["/etc/nginx/conf.d/matrix-assistant-https.conf"]
            )


def test_everything_is_there_before_what_needs_it() -> None:
    plan = compile_plan(with_workers(1, 2)).hosts[0]
    order = ids(plan)
    for first, second in (
        (f"secret:{workers.REPLICATION_SECRET}", f"file:{synapse_unit.HOMESERVER}"),
        (f"service:{workers.REDIS_UNIT}", f"service:{synapse_unit.UNIT}"),
        (f"service:{synapse_unit.UNIT}", "service:matrix-synapse-worker@1.service"),
        ("service:matrix-synapse-worker@2.service", f"file:{workers.NGINX}"),
        (f"file:{workers.NGINX}", "file:/etc/nginx/conf.d/matrix-assistant-https.conf"),
    ):
        assert order.index(first) < order.index(second), (first, second)
    assert len(set(order)) == len(order)
    for resource in plan.resources:
        if isinstance(resource, Service):
            assert set(resource.after) <= set(order), resource.id
    program = next(
        one for one in plan.resources if isinstance(one, Virtualenv) and "synapse" in one.path
    )
    assert {"hiredis", "txredisapi"} < {one.split("==")[0] for one in program.requirements}
    packages = {n for one in plan.resources if isinstance(one, Packages) for n in one.names}
    assert "redis-tools" in packages
    assert "redis-server" not in packages, "its package would start a server of its own"


def test_processes_talk_on_the_host_itself_only() -> None:
    plan = compile_plan(with_workers(1, 8)).hosts[0]
    main = settings_of(plan)
    for listener in main["listeners"]:
        assert listener["bind_addresses"] == ["127.0.0.1"]
    assert main["redis"] == {"enabled": True, "path": workers.REDIS_SOCKET}
    assert main["federation_sender_instances"] == [f"worker-{n}" for n in range(1, 9)]
    redis = contents(plan)[workers.REDIS_CONFIG].splitlines()
    assert {"port 0", "unixsocketperm 700", 'save ""'} <= set(redis)
    ports = {8008, workers.REPLICATION_PORT}
    for number in range(1, 9):
        text = contents(plan)[f"{workers.FOLDER}/{number}.yaml"]
        worker = json.loads(text[text.index("{") :])
        (listener,) = worker["worker_listeners"]
        assert listener["bind_addresses"] == ["127.0.0.1"]
        assert listener["port"] not in ports
        ports.add(listener["port"])
        assert worker["worker_name"] in main["federation_sender_instances"]
    assert plan.open_tcp == compile_plan(setup(1)).hosts[0].open_tcp


def test_a_worker_lives_in_the_sandbox_of_synapse_and_ends_when_it_is_no_longer_named() -> None:
    plan = compile_plan(with_workers(1, 1)).hosts[0]
    main = contents(plan)[f"/etc/systemd/system/{synapse_unit.UNIT}"].splitlines()
    worker = contents(plan)[f"/etc/systemd/system/{workers.UNIT}"].splitlines()
    differing = set(main) ^ set(worker)
    assert all(
        re.match("(Description|After|PartOf|ExecStart|ExecCondition|WantedBy)=", line)
        for line in differing
    ), differing
    (condition,) = (line for line in worker if line.startswith("ExecCondition="))
    assert condition.endswith(f"-qF '\"worker-%i\"' {synapse_unit.HOMESERVER}")
    assert '"worker-1"' in contents(plan)[synapse_unit.HOMESERVER]
    assert '"worker-2"' not in contents(plan)[synapse_unit.HOMESERVER]
    assert "worker" not in contents(compile_plan(setup(1)).hosts[0])[synapse_unit.HOMESERVER]
    assert workers._HOMESERVER == synapse_unit.HOMESERVER
    assert workers._LOG == synapse_settings.LOG


CASES = {
    "/_matrix/client/v3/sync?timeout=30000": True,
    "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync": True,
    "/_matrix/client/v3/rooms/!a%2Fb:x/send/m.room.encrypted/1": True,
    "/_matrix/client/v3/rooms/!a:x/state": True,
    "/_matrix/client/v3/keys/query": True,
    "/_matrix/client/v3/room_keys/version": True,
    "/_matrix/federation/v1/send/123": True,
    "/_matrix/federation/v2/invite/!a:x/$e": True,
    "/_matrix/client/v3/rooms/!a:x/messages?dir=b": False,
    "/_matrix/client/v3/rooms/!a:x/typing/@b:x": False,
    "/_matrix/client/v3/rooms/!a:x/receipt/m.read/$e": False,
    "/_matrix/client/v3/sendToDevice/m.room.encrypted/1": False,
    "/_matrix/client/v3/login": False,
    "/_matrix/client/v3/syncer": False,
    "/_matrix/client/v3/user/@b:x/account_data/m.direct": False,
    "/_matrix/client/v1/media/upload": False,
    "/_matrix/media/v3/upload": False,
    "/_matrix/client/versions": False,
    "/_matrix/federation/v1/media/download/x": False,
    "/_matrix/key/v2/server": False,
}
"""Paths as clients send them, and whether a worker answers. Source: Synapse's manual."""


def test_which_process_answers_by_the_expressions_alone() -> None:
    for path, worker in CASES.items():
        assert any(re.match(one, path) for one in workers._PATHS) == worker, path


class _Backend(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.seen: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Backend)
        self.server.seen.append(self.path)
        body = str(self.server.server_address[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def nginx(folder: Path, text: str, main: _Backend, backends: list[_Backend]) -> Iterator[int]:
    """A real nginx with the planned choice in front of stand-ins for Synapse's processes."""
    assert NGINX is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    text = text.replace(SYNAPSE_URL, f"http://127.0.0.1:{main.server_address[1]}")
    for number, backend in enumerate(backends):
        text = text.replace(
            f"127.0.0.1:{workers.FIRST_PORT + number};", f"127.0.0.1:{backend.server_address[1]};"
        )
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"pid {folder}/pid; error_log stderr; daemon off; events {{}} http {{ access_log off;"
        f" {temporary}\n{text}\nserver {{ listen 127.0.0.1:{port}; location ^~ /_matrix/ {{"
        f" proxy_pass {workers.CHOSEN}; }} }} }}"
    )
    process = subprocess.Popen([NGINX, "-c", str(config), "-p", str(folder), "-e", "stderr"])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=5)


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed on this computer")
def test_which_process_answers_by_a_real_nginx(tmp_path: Path) -> None:
    text = contents(compile_plan(with_workers(1, 3)).hosts[0])[workers.NGINX]
    main, pool = _Backend(), [_Backend() for _ in range(3)]
    with nginx(tmp_path, text, main, pool) as port:

        def ask(path: str, token: str = "") -> int:
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
            if token:
                request.add_header("Authorization", f"Bearer {token}")
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                return int(answer.read())

        own = main.server_address[1]
        for path, worker in CASES.items():
            assert (ask(path) != own) == worker, path
        asked = [path for backend in (main, *pool) for path in backend.seen]
        assert sorted(asked) == sorted(CASES), "paths must arrive as they were sent"
        sync = "/_matrix/client/v3/sync"
        for person in ("YW5uYQ", "b3R0bw", "bWVp"):
            phones = {ask(sync, f"syt_{person}_{device}_0abc") for device in ("one", "two", "six")}
            assert len(phones) == 1, "all devices of a person meet the same process"
        many = {ask(sync, f"syt_{number:04}_device_x") for number in range(40)}
        assert len(many) == 3, "and people spread over all of them"
