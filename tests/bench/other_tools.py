"""The same desired state for pyinfra and Ansible: what a plan says, as far as both can say it.

Packages, folders, files, accounts, services: those four fifths of a plan. Secrets become files that
must be there. What they have no word for (a certificate, a database, an environment of Python,
the firewall with its timer, a unit that is off and may be missing) is left out, which is to their
advantage.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.onhost.resources import Directory, File, Packages, Resource, Secret, Service, User
from assistant.plan.model import HostPlan
from assistant.rehearsal.cache import cache_root
from assistant.rehearsal.lab import LabFacts, LabHost

PINS = ("ansible-core==2.19.14", "pyinfra==3.10.0")
TOLD = (Packages, Directory, File, User, Service, Secret)

_PYINFRA = """\
import json
from pyinfra.operations import apt, files, server, systemd
for number, task in enumerate(json.load(open({tasks!r}))):
    how, kind = task["pyinfra"], task["kind"]
    name = "%d %s" % (number, kind)
    if kind == "packages":
        apt.packages(name=name, **how)
    elif kind == "directory":
        files.directory(name=name, **how)
    elif kind in ("file", "secret"):
        (files.put if kind == "file" else files.file)(name=name, **how)
    elif kind == "user":
        server.user(name=name, **how)
    else:
        systemd.service(name=name, **how)
"""


@dataclass(frozen=True)
class Tool:
    """A tool that brings a host to a state: ``argv`` and ``env`` run it, ``tasks`` steps long."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    tasks: int


def install() -> Path:
    """The folder with both tools, made once in the cache; needs the network the first time."""
    folder = cache_root().parent / "bench-tools" / "-".join(pin.replace("==", "-") for pin in PINS)
    # Environments of Python cannot be moved, so a mark says that one is whole.
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(folder / "bin/pip"), "install", "-q", *PINS], check=True)
        (folder / "complete").touch()
    return folder


def tasks_of(plan: HostPlan, folder: Path) -> list[dict[str, Any]]:
    """The steps of a plan for both tools; contents of files are put into ``folder``."""
    return [_task(resource, folder) for resource in plan.resources if _is_told(resource)]


def _is_told(resource: Resource) -> bool:
    # To them a unit that is to be off must be there all the same.
    off = isinstance(resource, Service) and not resource.running
    return isinstance(resource, TOLD) and not off


def _task(resource: Resource, folder: Path) -> dict[str, Any]:
    match resource:
        case Packages():
            both = {"apt": {"name": list(resource.names), "install_recommends": False}}
            ours = {"packages": list(resource.names), "no_recommends": True}
        case Directory():
            both = {"file": {**_placed(resource), "state": "directory"}}
            ours = {"path": resource.path, **_pyinfra_placed(resource)}
        case File():
            source = folder / f"file-{len(list(folder.iterdir()))}"
            source.write_text(resource.content, "utf-8")
            placed = _placed(resource)
            both = {"copy": {"src": str(source), "dest": placed.pop("path"), **placed}}
            ours = {"src": str(source), "dest": resource.path, **_pyinfra_placed(resource)}
        case Secret():
            both = {"file": {**_placed(resource), "state": "file"}}
            ours = {"path": resource.path, **_pyinfra_placed(resource)}
        case User():
            both = {"user": {"name": resource.name, "shell": resource.shell, "system": True}}
            ours = {"user": resource.name, "shell": resource.shell, "ensure_home": False}
        case Service():
            both = {"systemd": {"name": resource.unit, "enabled": True, "state": "started"}}
            ours = {"service": resource.unit, "enabled": True, "running": True}
        case _:
            raise TypeError(resource.kind)
    return {"kind": resource.kind, "ansible": both, "pyinfra": ours}


def _placed(resource: Directory | File | Secret) -> dict[str, Any]:
    return {
        "path": resource.path,
        "owner": resource.owner,
        "group": resource.group,
        "mode": resource.mode,
    }


def _pyinfra_placed(resource: Directory | File | Secret) -> dict[str, Any]:
    return {"user": resource.owner, "group": resource.group, "mode": resource.mode.lstrip("0")}


def tools(
    plan: HostPlan, host: LabHost, facts: LabFacts, known_hosts: Path, where: Path, folder: Path
) -> tuple[Tool, Tool]:
    """pyinfra and Ansible for a plan and a host, with the settings that make each fastest."""
    contents = folder / "contents"
    contents.mkdir()
    tasks = tasks_of(plan, contents)
    return (
        _pyinfra(tasks, host, facts, known_hosts, where, folder),
        _ansible(tasks, host, facts, known_hosts, where, folder),
    )


def _pyinfra(
    tasks: list[dict[str, Any]],
    host: LabHost,
    facts: LabFacts,
    known_hosts: Path,
    where: Path,
    folder: Path,
) -> Tool:
    listed, deploy, inventory = (folder / n for n in ("tasks.json", "deploy.py", "inventory.py"))
    listed.write_text(json.dumps(tasks), "utf-8")
    deploy.write_text(_PYINFRA.format(tasks=str(listed)), "utf-8")
    login = {
        "ssh_user": "root",
        "ssh_key": str(facts.operator_key),
        "ssh_known_hosts_file": str(known_hosts),
        "ssh_strict_host_key_checking": "yes",
    }
    inventory.write_text(f"hosts = [({host.ipv4!r}, {login!r})]\n", "utf-8")
    argv = (str(where / "bin/pyinfra"), "-y", str(inventory), str(deploy))
    return Tool("pyinfra", argv, {}, len(tasks))


def _ansible(
    tasks: list[dict[str, Any]],
    host: LabHost,
    facts: LabFacts,
    known_hosts: Path,
    where: Path,
    folder: Path,
) -> Tool:
    book, inventory = folder / "play.json", folder / "inventory.ini"
    steps = [
        {f"ansible.builtin.{name}": values for name, values in task["ansible"].items()}
        for task in tasks
    ]
    book.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": steps}]), "utf-8")
    inventory.write_text(
        f"{host.ipv4} ansible_user=root ansible_ssh_private_key_file={facts.operator_key}"
        " ansible_python_interpreter=/usr/bin/python3\n",
        "utf-8",
    )
    env = {
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_SSH_ARGS": (
            f"-o UserKnownHostsFile={known_hosts} -o StrictHostKeyChecking=yes"
            " -o ControlMaster=auto -o ControlPersist=5s"
        ),
    }
    argv = (str(where / "bin/ansible-playbook"), "-i", str(inventory), str(book))
    return Tool("ansible", argv, env, len(tasks))
