"""Public DNS records by the provider's own interface: looked at, and brought to the plan.

Providers are reached through dns-lexicon, a server of one's own (``rfc2136``) by signed updates.
The token stays in memory: it is in no message, and the library's own error texts, which may hold
it, are never shown. Everything is bounded in time; what could not be done is an outcome with a
sentence, not an exception.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.dns_records.lexicon import DnsCompany
from assistant.dns_records.rfc2136 import DnsServer
from assistant.dns_records.zones import Failed, Zones
from assistant.plan.model import Record
from assistant.setup.model import DnsProvider
from assistant.text import Message, msg

SECONDS = 120.0
"""How long one call may take in all."""

State = Literal["right", "wrong", "changed", "left", "failed"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one record.

    ``state``: ``right`` (nothing to do), ``wrong`` (looked at only, and differs), ``changed``,
    ``left`` (not ours to change now), ``failed``. ``found`` are the values there were before.
    """

    record: Record
    state: State
    found: tuple[str, ...] = ()
    text: Message

    @property
    def good(self) -> bool:
        """Whether the record is now as it must be, or will be without anybody."""
        return self.state in ("right", "changed", "left")


async def check(
    records: Sequence[Record],
    provider: DnsProvider,
    token: str,
    *,
    seconds: float = SECONDS,
) -> tuple[Outcome, ...]:
    """Look at the public records among these; nothing is changed. One outcome each, in order."""
    return await _each(records, provider, token, seconds, change=False)


async def set_records(
    records: Sequence[Record],
    provider: DnsProvider,
    token: str,
    *,
    seconds: float = SECONDS,
) -> tuple[Outcome, ...]:
    """Create, change and delete what the public records among these need. One outcome each.

    A record that a program keeps current is set only where there is none yet. A CNAME is taken
    away where an address must be, as a name cannot have both.
    """
    return await _each(records, provider, token, seconds, change=True)


async def _each(
    records: Sequence[Record], provider: DnsProvider, token: str, seconds: float, *, change: bool
) -> tuple[Outcome, ...]:
    public = [record for record in records if record.where == "public"]
    done: list[Outcome] = []
    stop = threading.Event()

    def work() -> None:
        try:
            zones = zones_of(provider, token)
        except Failed as failure:
            done.extend(_failed(record, failure.message) for record in public)
            return
        for record in public:
            if stop.is_set():
                return
            hidden = not any(r.name == record.name and r.must == "exist" for r in public)
            done.append(_one(zones, record, hidden=hidden, change=change))

    if not await _bounded(work, seconds):
        stop.set()
    late = msg("{provider} did not answer in time.", provider=provider.name)
    answered = list(done)
    return (*answered, *(_failed(record, late) for record in public[len(answered) :]))


async def _bounded(work: Callable[[], None], seconds: float) -> bool:
    """Run in a thread that nobody waits for at the end of the program; False when it took too long.

    The libraries wait as long as a connection stays open, and a thread cannot be stopped.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def whole() -> None:
        try:
            work()
        finally:
            # The loop may be gone by now.
            if not loop.is_closed():
                loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=whole, name="dns-provider", daemon=True).start()
    try:
        await asyncio.wait_for(ended.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _one(zones: Zones, record: Record, *, hidden: bool, change: bool) -> Outcome:
    try:
        zone = zones.of(record.name, hidden=hidden, ttl=record.ttl)
        found = zone.values(record.name, record.type)
        wanted = _normal(record.values) if record.must == "exist" else frozenset()
        if record.dynamic and (found or not wanted):
            text = msg("{name} {type} is kept current by the home host.", **_names(record))
            return Outcome(record=record, state="left", found=found, text=text)
        if _normal(found) == wanted:
            return Outcome(record=record, state="right", found=found, text=_right(record))
        if not change:
            return Outcome(record=record, state="wrong", found=found, text=_wrong(record, found))
        if wanted and record.type in ("A", "AAAA"):
            for other in zone.values(record.name, "CNAME"):
                zone.delete(record.name, "CNAME", other)
        there = _normal(found)
        for value in record.values:
            if not _normal((value,)) <= there:
                zone.create(record.name, record.type, value)
        for value in found:
            if not _normal((value,)) <= wanted:
                zone.delete(record.name, record.type, value)
        text = _changed(record, found)
        return Outcome(record=record, state="changed", found=found, text=text)
    except Failed as failure:
        return _failed(record, failure.message)


def _failed(record: Record, why: Message) -> Outcome:
    text = msg("{name} {type}: {why}", why=why, **_names(record))
    return Outcome(record=record, state="failed", text=text)


def _normal(values: Sequence[str]) -> frozenset[str]:
    # Providers differ in the dot at the end of a name, and in capitals.
    return frozenset(" ".join(value.lower().rstrip(".").split()) for value in values)


def _names(record: Record) -> dict[str, str]:
    return {"name": record.name, "type": record.type}


def _right(record: Record) -> Message:
    if record.must == "absent":
        return msg("{name} {type} is not there, as it must be.", **_names(record))
    return msg("{name} {type} is {values}.", values=", ".join(record.values), **_names(record))


def _wrong(record: Record, found: tuple[str, ...]) -> Message:
    values = {**_names(record), "found": ", ".join(found), "values": ", ".join(record.values)}
    if record.must == "absent":
        return msg("{name} {type} is {found}, and must not be there.", **values)
    if not found:
        return msg("{name} {type} is missing: it must be {values}.", **values)
    return msg("{name} {type} is {found} and must be {values}.", **values)


def _changed(record: Record, found: tuple[str, ...]) -> Message:
    values = {**_names(record), "found": ", ".join(found), "values": ", ".join(record.values)}
    if record.must == "absent":
        return msg("{name} {type} was {found} and is deleted.", **values)
    if not found:
        return msg("{name} {type} is created: {values}.", **values)
    return msg("{name} {type} was {found} and is now {values}.", **values)


def zones_of(provider: DnsProvider, token: str) -> Zones:
    """The zones at a provider; :class:`Failed` when something about the login is missing."""
    if not token.strip():
        raise Failed(msg("there is no token for {provider}.", provider=provider.name))
    if provider.name == "rfc2136":
        if provider.update is None:
            raise Failed(msg("it is not known which server takes the updates."))
        return DnsServer(provider.update, token.strip())
    return DnsCompany(provider, token.strip())
