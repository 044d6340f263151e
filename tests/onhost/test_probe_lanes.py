"""Probes on one path, one after the other; hellos of exact sizes; what TCP had to repeat."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from assistant.onhost.probes import batch
from assistant.onhost.probes.tls import context, hello_size


@pytest.fixture
def server() -> Iterator[int]:
    """A port that accepts and hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                listening.accept()[0].close()
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    listening.close()


def run(*probes: dict[str, Any]) -> list[tuple[str, bool]]:
    events: list[dict[str, Any]] = []
    batch.run({"probes": [{"timeout": 2, **probe} for probe in probes], "deadline": 10},
              events.append)  # fmt: skip
    return [(e["probe"], e["ok"]) for e in events if e["event"] == "measurement"]


def tcp(name: str, port: int, **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": "tcp", "host": "127.0.0.1", "port": port, "lane": "l", **more}


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def test_a_lane_keeps_its_order_and_leaves_out_what_need_not_be_tried(server: int) -> None:
    shut = closed_port()
    told = run(
        tcp("a", server, repeat=3, until_ok=True),
        tcp("never", server, after_failure=["a"]),
        tcp("b", shut),
        tcp("then", server, after_failure=["a", "b"]),
        tcp("gate", shut, repeat=2, gate=True),
        tcp("behind", server),
    )
    assert told == [("a", True), ("b", False), ("then", True), ("gate", False), ("gate", False)]


def test_hellos_have_the_size_that_was_asked_for() -> None:
    name = "matrix.example.org"
    assert hello_size(context(size="small"), name) <= 600
    assert hello_size(context(size="large"), name) > 1500
    assert hello_size(context(size="brief"), name) <= 600


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts repeats for programs")
def test_a_connection_tells_what_it_repeated(server: int) -> None:
    events: list[dict[str, Any]] = []
    probe = {"id": "a", "kind": "tcp", "host": "127.0.0.1", "port": server, "timeout": 2}
    batch.run({"probes": [probe], "deadline": 5}, events.append)
    data = next(e for e in events if e["event"] == "measurement")["data"]
    assert data["again"] == 0 and data["sent"] >= 1
