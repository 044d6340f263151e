"""The Plan: for each host an ordered list of resources, plus the records that must (not) exist."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from assistant.onhost.resources import Resource, to_json
from assistant.text import Message


@dataclass(frozen=True, kw_only=True)
class Record:
    """One DNS record. ``must`` is ``exist`` or ``absent``; ``where`` is the public DNS, the
    devices of the people, or the hosts file of a server. ``values`` are in presentation form,
    ``ttl`` is in seconds. ``dynamic``: a program keeps the record current, so the values are those
    known when the plan was made, none when nothing is known yet.
    """

    name: str
    type: Literal["A", "AAAA", "CNAME", "HTTPS", "SRV", "TXT", "CAA"]
    values: tuple[str, ...]
    must: Literal["exist", "absent"] = "exist"
    where: Literal["public", "device", "server"] = "public"
    why: Message
    ttl: int = 300
    dynamic: bool = False

    @property
    def line(self) -> str:
        """The record as lines of a zone file, ready to copy; without values what there must not be,
        or what is not known yet.
        """
        if not self.values:
            return f"{self.name}. IN {self.type}"
        return "\n".join(f"{self.name}. {self.ttl} IN {self.type} {value}" for value in self.values)


@dataclass(frozen=True, kw_only=True)
class HostPlan:
    """What one host must look like. ``open_tcp`` and ``open_udp`` may answer from outside."""

    host: str
    resources: tuple[Resource, ...]
    open_tcp: tuple[int, ...]
    open_udp: tuple[int, ...] = ()

    def to_json(self) -> list[dict[str, Any]]:
        """The resources as JSON objects, in order, as sent to the host."""
        return [to_json(resource) for resource in self.resources]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The plan of a whole Setup."""

    option: int
    server_name: str
    access_name: str
    hosts: tuple[HostPlan, ...]
    records: tuple[Record, ...]

    @property
    def digest(self) -> str:
        """Digest of all resources of all hosts: what was reviewed is what gets applied."""
        text = json.dumps({host.host: host.to_json() for host in self.hosts}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def for_host(self, name: str) -> HostPlan:
        """The plan of one host; ``KeyError`` when there is none of that name."""
        for host in self.hosts:
            if host.host == name:
                return host
        raise KeyError(name)
