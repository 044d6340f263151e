"""The way out to a larger deployment: values for Element Server Suite's Helm chart. Pure.

They carry over what makes this server what it is (names, rules, limits) and point to Kubernetes
secrets by name; what holds data or secrets is moved by hand, as docs/growing.md tells. Source of
the names: the chart's own examples (``charts/matrix-stack/ci/fragments``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assistant.common.errors import InputError
from assistant.plan.recipes.matrix.synapse_settings import homeserver_config
from assistant.setup.homeservers import Homeserver, homeservers
from assistant.setup.model import Setup
from assistant.text import msg

SECRET = "matrix-moved"  # noqa: S105 - the name of the secret in Kubernetes, not its value
"""The Kubernetes secret that docs/growing.md makes from the files of the old server."""

_OWN = frozenset(
    {
        # The chart writes these itself, for its own pods.
        "server_name",
        "public_baseurl",
        "serve_server_wellknown",
        "report_stats",
        "listeners",
        "log_config",
        "signing_key_path",
        "registration_shared_secret_path",
        "macaroon_secret_key_path",
        "form_secret_path",
        "database",
        "media_store_path",
        "redis",
        "instance_map",
        "worker_replication_secret_path",
        "federation_sender_instances",
        "pusher_instances",
        # Made for one small machine.
        "caches",
        "dynamic_thumbnails",
        # The near end of a wrapped link on the old machine.
        "ip_range_whitelist",
    }
)


def helm_values(setup: Setup, host: str = "") -> str:
    """The values file (YAML) for the Matrix server on a host, the main one by default.

    :class:`InputError` when there is no Matrix server on it.
    """
    servers = homeservers(setup)
    server = next((one for one in servers if host in ("", one.host.name)), None)
    if server is None:
        raise InputError("no-host", msg("There is no Matrix server on {host}.", host=host))
    head = [f"# {line}".rstrip() for line in _notes(setup, server)]
    return "\n".join([*head, *_yaml(_tree(setup, server), 0)]) + "\n"


def moved_settings(setup: Setup, server: Homeserver) -> dict[str, Any]:
    """The settings of Synapse that go along: rules and limits, nothing of this machine."""
    config = homeserver_config(setup, server.host)
    return {name: value for name, value in config.items() if name not in _OWN}


def _tree(setup: Setup, server: Homeserver) -> dict[str, Any]:
    def secret(key: str) -> dict[str, str]:
        return {"secret": SECRET, "secretKey": key}

    return {
        "serverName": server.server_name,
        "synapse": {
            "enabled": True,
            "ingress": {"host": server.access_name},
            "signingKey": secret("homeserver.signing.key"),
            "registrationSharedSecret": secret("registration_shared_secret"),
            "macaroon": secret("macaroon_secret_key"),
            "postgres": {
                "host": "CHANGE-ME",
                "port": 5432,
                "user": "synapse",
                "database": "synapse",
                "sslMode": "prefer",
                "password": secret("postgres_password"),
            },
            "workers": {
                name: {"enabled": True}
                for name in ("event-persister", "federation-inbound", "synchrotron")
            },
            "additional": {
                "50-moved.yaml": {
                    "config": _Block(json.dumps(moved_settings(setup, server), indent=2))
                }
            },
        },
        # Accounts log in with their passwords as before; moving them to the other way of logging
        # in is a step of its own, with no way back.
        "matrixAuthenticationService": {"enabled": False},
        "matrixRTC": {"enabled": False},
        "elementAdmin": {"enabled": False},
        "elementWeb": {"enabled": False},
    }


def _notes(setup: Setup, server: Homeserver) -> Iterator[str]:
    yield "Values for the Helm chart of Element Server Suite Community (matrix-stack)."
    yield f"Of {server.server_name}, now on {server.host.name}. docs/growing.md tells what to do."
    yield ""
    yield "NOT in here, to be moved by hand while the old server is stopped: the database, the"
    yield "photos and files, the signing key and the other secrets. Two servers that run under one"
    yield "name and key destroy each other's conversations: never start both."
    yield ""
    yield "Look at every CHANGE-ME."
    if server.access_name == server.server_name:
        yield "Server name and address are the same name here: let one ingress serve both, and try"
        yield "it before people depend on it."
    if server.names[2:] or (len(server.names) == 2 and server.access_name == server.server_name):
        spares = ", ".join(
            n for n in server.names if n not in (server.server_name, server.access_name)
        )
        yield f"The chart has one name for people to connect to. Left behind: {spares}."
    if setup.option != 1:
        yield "The chart knows nothing of the second server, records in /etc/hosts, links, the"
        yield "private resolver or the home line. What this setup has of them is yours to rebuild."
    if server.port != 443:
        yield f"People connect to port {server.port} of a home line: let it lead to the new place."


class _Block(str):
    """Text of several lines, written as a YAML literal block."""


def _yaml(tree: Mapping[str, Any], depth: int) -> Iterator[str]:
    space = "  " * depth
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield f"{space}{key}:"
            yield from _yaml(value, depth + 1)
        elif isinstance(value, _Block):
            yield f"{space}{key}: |"
            yield from _lines(value.split("\n"), depth + 1)
        else:
            # JSON's texts, numbers and truth values are YAML's.
            yield f"{space}{key}: {json.dumps(value)}"


def _lines(lines: Sequence[str], depth: int) -> Iterator[str]:
    return (f"{'  ' * depth}{line}" for line in lines)
