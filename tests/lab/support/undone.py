"""Everything taken back on all servers of an option; data and keys stay."""

from __future__ import annotations

import asyncio

from assistant.operations import apply
from assistant.operations.connections import Connections
from assistant.plan.compile import compile_plan
from assistant.remote import NoCredentials
from tests.lab.conftest import Practice, Standing
from tests.lab.support.manifests import manifest, undocumented

SYNAPSE_HOSTS = ("inside", "outside")
KEY = "etc/matrix-synapse/homeserver.signing.key"


async def _undone(standing: Standing) -> None:
    async with Connections(standing.setup, NoCredentials()) as connections:
        _, results = await apply.undo(connections, report=lambda _: None)
    assert {result.host for result in results} == set(standing.hosts)
    for result in results:
        assert result.ok, (result.host, result.text, result.tail)


def assert_taken_back(practice: Practice, standing: Standing, *, wrapped: bool = False) -> None:
    """Undo; everything that a plan names is as it was, but for what docs/undo.md lists.

    The servers are gone afterwards.
    """
    lab = practice.lab
    roots = {name: lab.root_of(host.name) for name, host in standing.hosts.items()}
    keys = {name: (roots[name] / KEY).read_bytes() for name in SYNAPSE_HOSTS}
    practice.run(_undone(standing))
    for plan in compile_plan(standing.setup).hosts:
        name, root = plan.host, roots[plan.host]
        named = {getattr(one, "path", "") for one in plan.resources} | {"/etc/hosts"}
        before, after = (
            {path: what for path, what in found.items() if path in named}
            for found in (standing.before[name], manifest(root))
        )
        differs = undocumented(before, after, wrapped=wrapped)
        assert differs == {}, (name, differs)
        rules, units = practice.run(_left(practice, standing.hosts[name].name))
        assert "matrix_assistant" not in rules, name
        assert [line for line in units.splitlines() if " active " in line] == [], name
    for name, key in keys.items():
        assert (roots[name] / KEY).read_bytes() == key
        databases = practice.run(_databases(practice, standing.hosts[name].name))
        assert "matrix-synapse" in databases.split(), name
    practice.take_down()


async def _left(practice: Practice, host: str) -> tuple[str, str]:
    units = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "*matrix*"]
    rules, listed = await asyncio.gather(
        practice.lab.exec(host, ["nft", "list", "ruleset"]), practice.lab.exec(host, units)
    )
    return rules.stdout, listed.stdout


async def _databases(practice: Practice, host: str) -> str:
    ask = ["psql", "-At", "-c", "SELECT datname FROM pg_database"]
    done = await practice.lab.exec(host, ["runuser", "-u", "postgres", "--", *ask])
    return done.stdout
