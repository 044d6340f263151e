"""Records changed through the interface of a DNS company, by dns-lexicon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from assistant.dns_records.zones import Failed, Zone, owned_zone
from assistant.plan.dns_providers import provider_named
from assistant.setup.model import DnsProvider
from assistant.text import Message, msg

T = TypeVar("T")
_SLOW_TTL = 600
"""Seconds; the shortest that some providers take without a paid plan."""


class DnsCompany:
    """A provider that dns-lexicon knows."""

    def __init__(self, provider: DnsProvider, token: str) -> None:
        known = provider_named(provider.name)
        if not known.lexicon:
            raise Failed(
                msg(
                    "records at {provider} cannot be changed by this version: copy the lines.",
                    provider=provider.name,
                )
            )
        self.provider = provider
        self._name = known.lexicon
        login = {known.token: token}
        if known.account and provider.account:
            login[known.account] = provider.account
        self._login = login
        self._zones: dict[tuple[str, int], _CompanyZone] = {}

    def of(self, name: str, *, hidden: bool, ttl: int) -> Zone:
        """The zone is found in the public DNS, by the parent of a name that must not be there."""
        key = (owned_zone(name, hidden=hidden), ttl)
        if key not in self._zones:
            self._zones[key] = _CompanyZone(self, key[0], ttl)
        return self._zones[key]

    def operations(self, domain: str, ttl: int) -> Any:
        """lexicon's operations on the zone of a domain, logged in."""
        from lexicon.client import Client
        from lexicon.config import ConfigResolver

        make: Any = ConfigResolver
        config = make().with_dict(
            {
                "provider_name": self._name,
                "domain": domain,
                "ttl": ttl,
                # Else it fetches a list of public suffixes from elsewhere, and guesses.
                "resolve_zone_name": True,
                self._name: self._login,
            }
        )
        return self.run(lambda: Client(config).__enter__())

    def run(self, work: Callable[[], T]) -> T:
        """The result of a call of the library, or :class:`Failed` with a sentence of ours."""
        try:
            return work()
        except Exception as error:
            raise Failed(_lexicon_words(error, self.provider.name)) from None


class _CompanyZone:
    def __init__(self, provider: DnsCompany, domain: str, ttl: int) -> None:
        self._provider = provider
        self._domain = domain
        self._ttl = ttl
        self._operations = provider.operations(domain, ttl)

    def values(self, name: str, kind: str) -> tuple[str, ...]:
        found = self._provider.run(lambda: self._operations.list_records(kind, name))
        return tuple(
            str(item["content"])
            for item in found
            if str(item.get("type", "")).upper() == kind
            and str(item.get("name", "")).rstrip(".").lower() == name
        )

    def create(self, name: str, kind: str, value: str) -> None:
        try:
            self._done(lambda: self._operations.create_record(kind, name, value))
        except Failed:
            if self._ttl >= _SLOW_TTL:
                raise
            # Free plans refuse short times; a record that is kept longer is better than none.
            self._ttl = _SLOW_TTL
            self._operations = self._provider.operations(self._domain, _SLOW_TTL)
            self._done(lambda: self._operations.create_record(kind, name, value))

    def delete(self, name: str, kind: str, value: str) -> None:
        self._done(lambda: self._operations.delete_record(rtype=kind, name=name, content=value))

    def _done(self, work: Callable[[], object]) -> None:
        if self._provider.run(work) is False:
            raise Failed(
                msg("{provider} refuses the change.", provider=self._provider.provider.name)
            )


def _lexicon_words(error: Exception, provider: str) -> Message:
    """A sentence for an exception of lexicon or of what it uses; never the exception's own text."""
    import requests
    from dns.exception import DNSException
    from lexicon.exceptions import AuthenticationError, ProviderNotAvailableError

    if isinstance(error, ProviderNotAvailableError):
        return msg(
            "records at {provider} cannot be changed by this version: copy the lines.",
            provider=provider,
        )
    response = getattr(error, "response", None)
    code = getattr(response, "status_code", None)
    if isinstance(error, AuthenticationError) or code in (401, 403):
        return msg(
            "{provider} does not accept the token, or it may not change this domain.",
            provider=provider,
        )
    if code == 429:
        return msg(
            "{provider} had too many requests. Try again in some minutes.", provider=provider
        )
    if isinstance(code, int):
        return msg("{provider} refuses the request (HTTP {code}).", provider=provider, code=code)
    if isinstance(error, requests.RequestException):
        return msg("{provider} cannot be reached from here.", provider=provider)
    if isinstance(error, DNSException):
        return msg("the zone of the domain cannot be found in the public DNS.")
    return msg(
        "{provider} gives an answer that cannot be used ({kind}).",
        provider=provider,
        kind=type(error).__name__,
    )
