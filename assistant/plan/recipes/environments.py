"""A Python environment of a host, as its lock says."""

from __future__ import annotations

from assistant.onhost.resources import Virtualenv
from assistant.plan.locks import LOCKS, lock
from assistant.plan.recipes.host.base import pip_conf
from assistant.setup.model import Host, Setup


def environment(name: str, *, title: str, path: str, setup: Setup, host: Host) -> Virtualenv:
    """The environment of a lock (one of :data:`LOCKS`), from the host's own index."""
    return Virtualenv(
        title=title,
        path=path,
        requirements=LOCKS[name].requirements,
        lock=lock(name),
        pip_conf=pip_conf(setup, host),
    )
