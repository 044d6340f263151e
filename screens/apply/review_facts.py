"""What a look at the servers found, together with what the plan knows of each thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.operations.run_time import about
from assistant.plan.estimates import expected_megabytes, expected_seconds
from assistant.text import Message, listed, msg
from screens.apply.change_tree import Change, changes_of

if TYPE_CHECKING:
    from assistant.onhost.resources import Resource
    from assistant.operations.apply import HostPreview
    from assistant.setup.model import Setup


@dataclass(frozen=True)
class Cost:
    """What the work on a host may take."""

    packages: int = 0
    megabytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Review:
    """What was found on the servers, ready to be shown."""

    previews: tuple[HostPreview, ...] = ()
    changes: Mapping[str, tuple[Change, ...]] | None = None
    costs: Mapping[str, Cost] | None = None

    @property
    def all(self) -> tuple[Change, ...]:
        """Every change on every host."""
        return tuple(change for some in (self.changes or {}).values() for change in some)


def reviewed(previews: Iterable[HostPreview], setup: Setup) -> Review:
    """The previews together with what the plan of the setup knows of each thing."""
    from assistant.onhost.resources import Packages, Virtualenv
    from assistant.plan.compile import compile_plan

    plan = compile_plan(setup)
    previews = tuple(previews)
    changes: dict[str, tuple[Change, ...]] = {}
    costs: dict[str, Cost] = {}
    for preview in previews:
        known: dict[str, Resource] = {
            resource.id: resource
            for host in plan.hosts
            if host.host == preview.host
            for resource in host.resources
        }
        more = {
            id: resource.names if isinstance(resource, Packages) else resource.requirements
            for id, resource in known.items()
            if isinstance(resource, (Packages, Virtualenv))
        }
        changes[preview.host] = changes_of(preview, more)
        meant = [known[c.id] for c in changes[preview.host] if c.id in known]
        costs[preview.host] = Cost(
            packages=sum(len(r.names) for r in meant if isinstance(r, Packages)),
            megabytes=expected_megabytes(meant),
            seconds=sum(expected_seconds(resource) for resource in meant),
        )
    return Review(previews, changes, costs)


def sums_of(review: Review) -> Message:
    """A line for each server: how much, how large, how long."""
    lines = []
    for preview in review.previews:
        cost = (review.costs or {}).get(preview.host, Cost())
        count = len(preview.changes)
        if not count:
            lines.append(msg("{host}: nothing to do, all is as planned", host=preview.host))
            continue
        parts = [msg("{count} of {total} things", count=count, total=preview.total)]
        if cost.packages == 1:
            parts.append(msg("1 package"))
        elif cost.packages:
            parts.append(msg("{count} packages", count=cost.packages))
        if cost.megabytes:
            parts.append(msg("about {size} MB of disk", size=cost.megabytes))
        parts.append(about(cost.seconds))
        lines.append(msg("{host}: {parts}", host=preview.host, parts=listed(parts)))
    message = lines[-1]
    for line in reversed(lines[:-1]):
        message = msg("{first}\n{rest}", first=line, rest=message)
    return message
