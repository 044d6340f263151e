"""What `run` makes of a setup without touching a host: sides of the canary, vantages, applies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from assistant import remote
from assistant.operations import apply, proof
from assistant.operations.connections import Connections
from assistant.operations.follow import HostResult, Report
from assistant.setup.homeservers import homeservers
from assistant.setup.model import Setup
from tests.support.option_setups import ADDRESSES, INSIDE_NAME, OUTSIDE_NAME, setup


class Session:
    """A host of which only its name matters."""

    def __init__(self, name: str) -> None:
        self.name = name


class Opened(Connections):
    """Connections that open nothing, and note what was asked for."""

    def __init__(self, made: Setup) -> None:
        super().__init__(made, remote.NoCredentials())
        self.opened: list[str] = []
        self.most = 0
        self._opening = 0

    @asynccontextmanager
    async def fresh(self, name: str) -> AsyncIterator[Any]:
        self.opened.append(name)
        self._opening += 1
        self.most = max(self.most, self._opening)
        await asyncio.sleep(0.01)
        self._opening -= 1
        yield Session(name)


@pytest.mark.parametrize(
    ("option", "sides"),
    [
        (1, [(OUTSIDE_NAME, f"https://{OUTSIDE_NAME}", "")]),
        (
            2,
            [
                (INSIDE_NAME, f"https://{INSIDE_NAME}", ""),
                (OUTSIDE_NAME, f"https://{OUTSIDE_NAME}", ""),
            ],
        ),
        (
            3,
            [
                # In no public DNS: the client has the record, as people's devices do.
                (INSIDE_NAME, f"https://{INSIDE_NAME}", ADDRESSES[setup(3).hosts[0].role][0]),
                (OUTSIDE_NAME, f"https://{OUTSIDE_NAME}", ""),
            ],
        ),
        (
            4,
            [
                (INSIDE_NAME, f"https://{INSIDE_NAME}:20443", ""),
                (OUTSIDE_NAME, f"https://{OUTSIDE_NAME}", ""),
            ],
        ),
    ],
)
def test_the_sides_of_a_canary(option: int, sides: list[tuple[str, str, str]]) -> None:
    made = tuple(map(proof.side, homeservers(setup(option))))
    assert [(side.server_name, side.base_url, side.address) for side in made] == sides


def test_every_host_is_a_vantage_and_all_are_reached_side_by_side() -> None:
    connections = Opened(setup(4))
    found = asyncio.run(connections.vantages())
    assert [vantage.host for vantage in found] == ["", "home", "inside", "outside"]
    assert sorted(connections.opened) == ["home", "inside", "outside"]
    assert connections.most == 3


class Keys:
    """Gives secrets, and notes who asked for which."""

    def __init__(self) -> None:
        self.asked: set[tuple[str, str]] = set()

    async def provided(self, name: str, host: str) -> str | None:
        self.asked.add((name, host))
        return f"{name} of {host}"


def test_links_come_first_and_each_host_gets_its_own_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    given: dict[str, Mapping[str, str]] = {}
    together = asyncio.Barrier(3)

    async def link(connections: Connections, report: Report) -> tuple[str, ...]:
        order.append("links")
        return ()

    async def followed(
        opener: object, host: str, request: Mapping[str, Any], report: Report
    ) -> HostResult:
        order.append(host)
        given[host] = request["secrets"]
        # Passed only when all three are under way at the same time.
        async with asyncio.timeout(5), together:
            return HostResult(host, request["run"], ok=True, seconds=0.0, changed=1)

    monkeypatch.setattr(apply, "link", link)
    monkeypatch.setattr(apply, "followed", followed)
    keys = Keys()

    async def main() -> tuple[HostResult, ...]:
        connections = Opened(setup(4))
        made, results = await apply.apply(connections, report=lambda _: None, secrets_from=keys)
        assert [entry.host for entry in made.history] == ["home", "inside", "outside"]
        return results

    results = asyncio.run(main())
    assert order[0] == "links"
    assert sorted(order[1:]) == ["home", "inside", "outside"]
    assert len({result.run for result in results}) == 3
    assert given["home"] == {"dyndns-token": "dyndns-token of home"}
    assert given["inside"] == {"dns-token": "dns-token of inside"}
    assert ("dns-token", "home") not in keys.asked
