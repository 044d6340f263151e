"""A server whose packages and Python environments are there, and nothing else of ours: the cheap
start for tests that would otherwise install for a minute. And how such tests apply, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from assistant.operations import apply
from assistant.operations.accounts import HostAccounts
from assistant.operations.connections import Connections
from assistant.operations.follow import HostResult, followed
from assistant.plan.compile import compile_plan
from assistant.rehearsal.hosts.disks import DeployedImage
from assistant.rehearsal.lab import Lab, LabHost
from assistant.remote import NoCredentials
from assistant.setup.model import Setup
from tests.lab.conftest import Practice

OURS = (
    "/etc/letsencrypt",
    "/etc/matrix-assistant",
    "/etc/matrix-synapse",
    "/usr/local/lib/matrix-assistant",
    "/var/backups/matrix-assistant",
    "/var/lib/letsencrypt",
    "/var/lib/matrix-assistant",
    "/var/lib/matrix-synapse",
    "/var/log/letsencrypt",
    "/var/www/matrix-assistant",
)
"""What an undo keeps, or may leave empty: data, keys, what was learnt."""

LATER = "unattended-upgrades"
"""A package of the plan that the image lacks, so that something is to be fetched."""

_IMAGES: WeakKeyDictionary[Practice, DeployedImage] = WeakKeyDictionary()


def stocked_image(practice: Practice) -> DeployedImage:
    """The image, made once from the shared deployment by undoing that and erasing what it keeps."""
    if practice not in _IMAGES:
        _IMAGES[practice] = _make(practice)
    return _IMAGES[practice]


def _make(practice: Practice) -> DeployedImage:
    host, setup = practice.clone()

    def on_host(*argv: str) -> None:
        practice.run(practice.lab.exec(host.name, argv, timeout=120))

    spared = "/opt/matrix-assistant/synapse", "/opt/spared"
    on_host("mv", *spared)
    assert practice.run(undone(setup)).ok
    on_host("mv", *reversed(spared))
    on_host("rm", "-f", "/opt/matrix-assistant/synapse/current")
    for drop in ("dropdb", "dropuser"):
        on_host("runuser", "-u", "postgres", "--", drop, "matrix-synapse")
    on_host("sh", "-c", "userdel matrix-synapse; true")
    on_host("rm", "-rf", *OURS)
    on_host("dpkg", "--purge", "--force-depends", LATER)
    # Or apt would take from its cache what a mirror is to give.
    on_host("apt-get", "clean")
    on_host("systemctl", "reset-failed")
    practice.run(practice.lab.power_off(host.name))
    image = practice.run(practice.lab.snapshot(host.name))
    practice.forget_names()
    return image


def stocked(practice: Practice, **how: Any) -> tuple[LabHost, Setup]:
    """A host over that image, and the Setup for it."""
    host = practice.fresh(lower=stocked_image(practice), **how)
    return host, practice.setup_for(host)


Tell = Callable[[Mapping[str, Any]], None]


async def applied(setup: Setup, tell: Tell = lambda _: None, **how: Any) -> HostResult:
    """One apply to its end."""
    async with Connections(setup, NoCredentials()) as connections:
        _, (result,) = await apply.apply(connections, report=lambda p: tell(p.event), **how)
    return result


async def undone(setup: Setup) -> HostResult:
    """One undo to its end."""
    async with Connections(setup, NoCredentials()) as connections:
        _, (result,) = await apply.undo(connections, report=lambda _: None)
    return result


async def applied_as(
    setup: Setup,
    change: Callable[[dict[str, Any]], dict[str, Any] | None],
    tell: Tell = lambda _: None,
) -> HostResult:
    """An apply of the plan with resources (as JSON) changed, or left out where None."""
    (plan,) = compile_plan(setup).hosts
    resources = [new for value in plan.to_json() if (new := change(dict(value))) is not None]
    request = {"mode": "apply", "run": apply.new_run(), "host": plan.host, "resources": resources}
    async with Connections(setup, NoCredentials()) as connections:
        opener = connections.opener(plan.host)
        return await followed(opener, plan.host, request, lambda p: tell(p.event))


async def changes_nothing(setup: Setup) -> None:
    """Assert that the host is as planned."""
    result = await applied(setup)
    assert result.ok, result
    assert result.changes == (), result.changes


async def as_planned(setup: Setup) -> set[str]:
    """The resources of a host that an apply would leave alone."""
    async with Connections(setup, NoCredentials()) as connections:
        (preview,) = await apply.preview(connections)
    (plan,) = compile_plan(setup).hosts
    return {one.id for one in plan.resources} - {state["id"] for state in preview.changes}


@dataclass
class Talk:
    """Somebody who says things in a room of their own, on the server itself."""

    lab: Lab
    host: str
    token: str
    room: str
    events: list[str]

    async def say(self) -> None:
        """Send a message; it is acknowledged when this returns."""
        number = len(self.events)
        path = f"/rooms/{quote(self.room)}/send/m.room.message/said-{number}"
        body = {"msgtype": "m.text", "body": f"message {number}"}
        told = await _ask_synapse(self.lab, self.host, "PUT", path, self.token, body)
        self.events.append(told["event_id"])

    async def unreadable(self) -> list[str]:
        """Messages that were acknowledged and cannot be read any more."""
        lost = []
        for number, event in enumerate(self.events):
            path = f"/rooms/{quote(self.room)}/event/{quote(event)}"
            told = await _ask_synapse(self.lab, self.host, "GET", path, self.token)
            if told.get("content", {}).get("body") != f"message {number}":
                lost.append(event)
        return lost


async def begin_talk(lab: Lab, host: str, setup: Setup, name: str) -> Talk:
    """Make a user with a room on a server that runs."""
    async with Connections(setup, NoCredentials()) as connections:
        session = await connections.session(setup.hosts[0].name)
        (account,) = await HostAccounts(session).create([name])
    body = {"preset": "private_chat"}
    told = await _ask_synapse(lab, host, "POST", "/createRoom", account.access_token, body)
    return Talk(lab, host, account.access_token, told["room_id"], [])


async def answers(lab: Lab, host: str) -> bool:
    """Whether Synapse answers on its host."""
    return (await _on_host(lab, host, "GET", "/health", "", None)) is not None


async def _ask_synapse(
    lab: Lab, host: str, method: str, path: str, token: str, body: object = None
) -> dict[str, Any]:
    value = await _on_host(lab, host, method, f"/_matrix/client/v3{path}", token, body)
    assert value is not None, path
    told = json.loads(value)
    assert isinstance(told, dict)
    return told


_ASK = """\
import json, sys, urllib.request
url, method, token, body = json.load(sys.stdin)
data = None if body is None else json.dumps(body).encode()
headers = {"Authorization": "Bearer " + token} if token else {}
request = urllib.request.Request(url, data, headers, method=method)
print(urllib.request.urlopen(request, timeout=20).read().decode())
"""


async def _on_host(
    lab: Lab, host: str, method: str, path: str, token: str, body: object
) -> str | None:
    asked = json.dumps([f"http://127.0.0.1:8008{path}", method, token, body])
    done = await lab.exec(host, ["python3", "-c", _ASK], input=asked, check=False)
    return done.stdout if done.returncode == 0 else None
