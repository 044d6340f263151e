"""Synapse's worker processes on the main server, for the day when one process is too slow.

Redis carries the news between the processes, over a unix socket that only their account reaches;
what needs an answer goes over the loopback address with a shared secret. The web server sends
syncing, federation and most of what apps ask to the workers, by person; everything else, and all
of it without workers, goes to the main process. Source: Synapse's manual, "Scaling synapse via
workers", and its configuration manual.
"""

from __future__ import annotations

import json
from typing import Any

from assistant.onhost.resources import (
    Directory,
    File,
    Packages,
    Resource,
    Secret,
    Service,
)
from assistant.plan.host_paths import (
    MANAGED,
    SYNAPSE_CONFIG,
    SYNAPSE_URL,
    SYNAPSE_USER,
    SYNAPSE_VENV,
)
from assistant.plan.recipes.templates import fill
from assistant.plan.routes import matrix_of
from assistant.setup.model import Host, Setup

UNIT = "matrix-synapse-worker@.service"
FOLDER = f"{SYNAPSE_CONFIG}/workers"
REPLICATION_SECRET = f"{SYNAPSE_CONFIG}/worker_replication_secret"
REPLICATION_PORT = 9093
FIRST_PORT = 8101
"""Worker N answers the web server on this port + N - 1 of the loopback address."""

REDIS_UNIT = "matrix-assistant-redis.service"
REDIS_RUNTIME = "matrix-assistant-redis"
REDIS_SOCKET = f"/run/{REDIS_RUNTIME}/redis.sock"
REDIS_CONFIG = f"{SYNAPSE_CONFIG}/redis.conf"

NGINX = "/etc/nginx/conf.d/matrix-assistant-workers.conf"
CHOSEN = "$matrix_assistant_synapse"
"""nginx's variable that says which process answers a request."""

_HOMESERVER = f"{SYNAPSE_CONFIG}/homeserver.yaml"
_LOG = f"{SYNAPSE_CONFIG}/log.yaml"
_PYTHON = f"{SYNAPSE_VENV}/current/bin/python"

_END = r"(/|\?|$)"
_PATHS = (
    # Syncing: what a busy server does most.
    r"/_matrix/client/(r0|v3)/sync(\?|$)",
    r"/_matrix/client/unstable/org\.matrix\.simplified_msc3575/sync(\?|$)",
    # Other servers. What one sends in is kept together by its address.
    r"/_matrix/federation/v1/(send|version|event|state|state_ids|backfill|get_missing_events|query"
    rf"|make_join|make_leave|event_auth|timestamp_to_event|user/devices|hierarchy){_END}",
    r"/_matrix/federation/v[12]/(send_join|send_leave|invite)/",
    rf"/_matrix/key/v2/query{_END}",
    # Reading rooms and writing into them. Not "messages": all of a room would have to meet the
    # same worker.
    r"/_matrix/client/(r0|v3)/rooms/[^/]+/(joined_members|context|members|state|event|send|redact"
    rf"|join|invite|leave|ban|unban|kick){_END}",
    rf"/_matrix/client/v1/rooms/[^/]+/(hierarchy|relations|threads|timestamp_to_event){_END}",
    rf"/_matrix/client/(r0|v3)/(createRoom|join|joined_rooms|profile){_END}",
    # Keys of encryption.
    r"/_matrix/client/(r0|v3|unstable)/(keys/(query|changes|claim|upload|device_signing/upload"
    rf"|signatures/upload)|room_keys){_END}",
    rf"/_matrix/client/(r0|v3)/(account/whoami|capabilities|user_directory/search){_END}",
)
"""What workers answer, as expressions for the path a client sent."""


def count(setup: Setup, host: Host) -> int:
    """How many workers a host runs: those of the setting on the main server, else none."""
    return setup.settings.workers if matrix_of(setup, host).main else 0


def settings(setup: Setup, host: Host) -> dict[str, Any]:
    """Synapse's settings for all processes, to lie over the others; empty without workers."""
    workers = _names(setup, host)
    if not workers:
        return {}
    return {
        "redis": {"enabled": True, "path": REDIS_SOCKET},
        "instance_map": {"main": {"host": "127.0.0.1", "port": REPLICATION_PORT}},
        "worker_replication_secret_path": REPLICATION_SECRET,
        # Each person's notifications and each other server stay with one of them.
        "federation_sender_instances": list(workers),
        "pusher_instances": list(workers),
    }


def listeners(setup: Setup, host: Host) -> list[dict[str, Any]]:
    """What the main process listens on besides: the workers' questions, on the host itself."""
    if not count(setup, host):
        return []
    return [
        {
            "port": REPLICATION_PORT,
            "type": "http",
            "tls": False,
            "bind_addresses": ["127.0.0.1"],
            "resources": [{"names": ["replication"], "compress": False}],
        }
    ]


def secrets(setup: Setup, host: Host) -> tuple[Secret, ...]:
    """The secret that processes show each other; must be there before the settings are checked."""
    if not count(setup, host):
        return ()
    return (
        Secret(
            title="Secret between Synapse's processes",
            name="worker-replication-secret",
            path=REPLICATION_SECRET,
            owner=SYNAPSE_USER,
            group=SYNAPSE_USER,
        ),
    )


def redis_resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """Redis, before Synapse starts; it runs as Synapse's account, which must be there."""
    if not count(setup, host):
        return ()
    config = _file(
        "Redis: settings",
        REDIS_CONFIG,
        fill(
            "matrix/redis.conf",
            MANAGED=MANAGED,
            SOCKET=REDIS_SOCKET,
            FOLDER=f"/run/{REDIS_RUNTIME}",
        ),
    )
    unit = File(
        title="Redis: unit",
        path=f"/etc/systemd/system/{REDIS_UNIT}",
        content=fill(
            "matrix/redis.service",
            MANAGED=MANAGED,
            USER=SYNAPSE_USER,
            CONFIG=REDIS_CONFIG,
            HOMESERVER=_HOMESERVER,
            RUNTIME=REDIS_RUNTIME,
        ),
    )
    return (
        Packages(title="Redis", group="redis", names=("redis-tools",)),
        config,
        unit,
        Service(title="Start Redis", unit=REDIS_UNIT, after=(config.id, unit.id)),
    )


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """The workers themselves, after Synapse has started with its settings.

    A worker that the settings no longer name does not start any more (``ExecCondition``), nor does
    Redis without any; and the main process takes them along when it is restarted. So with fewer
    workers the others stop by themselves.
    """
    if not count(setup, host):
        return ()
    from assistant.plan.recipes.matrix import synapse_unit

    unit = File(
        title="Synapse's workers: unit",
        path=f"/etc/systemd/system/{UNIT}",
        content=synapse_unit.unit_text(
            title="Matrix server (Synapse), worker %i",
            run=f"synapse.app.generic_worker --config-path {_HOMESERVER}"
            f" --config-path {FOLDER}/%i.yaml",
            unit=("After=matrix-synapse.service", "PartOf=matrix-synapse.service"),
            service=(f"ExecCondition=/usr/bin/grep -qF '\"worker-%i\"' {_HOMESERVER}",),
            # With the main process, also when somebody stops and starts that by hand.
            wanted_by="matrix-synapse.service",
        ),
    )
    found: list[Resource] = [
        Directory(
            title="Folder for settings of Synapse's workers",
            path=FOLDER,
            group=SYNAPSE_USER,
            mode="0750",
        ),
        unit,
    ]
    shared = (
        f"virtualenv:{SYNAPSE_VENV}",
        f"file:{_HOMESERVER}",
        f"file:{_LOG}",
        f"secret:{REPLICATION_SECRET}",
    )
    for number, name in enumerate(_names(setup, host), 1):
        port = FIRST_PORT + number - 1
        config = _file(
            f"Synapse's worker {number}: settings",
            f"{FOLDER}/{number}.yaml",
            f"# {MANAGED}\n{json.dumps(_worker(name, port), indent=2)}\n",
            validate=(_PYTHON, "-I", "-m", "synapse.config", "-c", _HOMESERVER, "-c", "{path}"),
        )
        found += [
            config,
            Service(
                title=f"Start Synapse's worker {number}",
                unit=UNIT.replace("@.", f"@{number}."),
                after=(*shared, config.id, unit.id),
                health_url=f"http://127.0.0.1:{port}/health",
                health_seconds=120,
            ),
        ]
    return tuple(found)


def upstreams(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """nginx's choice between the processes; must come before the site that uses it."""
    total = count(setup, host)
    if not total:
        return ()
    return (
        File(
            title="Web server: which process answers",
            path=NGINX,
            content=fill(
                "web/nginx-workers.conf",
                MANAGED=MANAGED,
                SERVERS=tuple(
                    f"server 127.0.0.1:{port};" for port in range(FIRST_PORT, FIRST_PORT + total)
                ),
                PATHS=tuple(f'"~^{path}" http://matrix_assistant_workers;' for path in _PATHS),
                SYNAPSE=SYNAPSE_URL,
            ),
            check=("/usr/sbin/nginx", "-t", "-q"),
        ),
    )


def proxied(setup: Setup, host: Host) -> str:
    """Where the site sends requests: the main process, or what :func:`upstreams` chooses."""
    return CHOSEN if count(setup, host) else SYNAPSE_URL


def _names(setup: Setup, host: Host) -> tuple[str, ...]:
    return tuple(f"worker-{number}" for number in range(1, count(setup, host) + 1))


def _worker(name: str, port: int) -> dict[str, Any]:
    return {
        "worker_app": "synapse.app.generic_worker",
        "worker_name": name,
        "worker_log_config": _LOG,
        "worker_listeners": [
            {
                "port": port,
                "type": "http",
                "tls": False,
                "x_forwarded": True,
                "bind_addresses": ["127.0.0.1"],
                "resources": [{"names": ["client", "federation"], "compress": False}],
            }
        ],
    }


def _file(title: str, path: str, content: str, validate: tuple[str, ...] = ()) -> File:
    return File(
        title=title,
        path=path,
        content=content,
        group=SYNAPSE_USER,
        mode="0640",
        validate=validate,
    )
