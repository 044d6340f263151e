"""The two ways to change records: a provider through dns-lexicon, a server by RFC 2136.

Blocking; used from a thread of :mod:`assistant.dns_records.publish`. Every failure is a
:class:`Failed` with a sentence of ours: what the libraries say may hold the token (in the address
of a request, say).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from assistant.plan.dns_providers import provider_named
from assistant.plan.public_suffix import parent_of
from assistant.setup.model import DnsProvider, DnsUpdate
from assistant.text import Message, msg

TIMEOUT = 10.0
"""Seconds for one exchange with a name server."""

_SLOW_TTL = 600
"""Seconds; the shortest that some providers take without a paid plan."""

T = TypeVar("T")


class Failed(Exception):  # noqa: N818 - an outcome, told as a sentence
    """Something could not be done; ``message`` is for people and holds no secret."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


class Zone(Protocol):
    """The records of one zone, by full names without a dot at the end."""

    def values(self, name: str, kind: str) -> tuple[str, ...]:
        """What there is of a kind under a name."""

    def create(self, name: str, kind: str, value: str) -> None:
        """Add one."""

    def delete(self, name: str, kind: str, value: str) -> None:
        """Take one away."""


class Zones(Protocol):
    """All zones that a login may change."""

    def of(self, name: str, *, hidden: bool, ttl: int) -> Zone:
        """The zone a name lies in. ``hidden``: the name must not be asked for in public."""


def zones_of(provider: DnsProvider, token: str) -> Zones:
    """The zones at a provider; :class:`Failed` when something about the login is missing."""
    if not token.strip():
        raise Failed(msg("there is no token for {provider}.", provider=provider.name))
    if provider.name == "rfc2136":
        if provider.update is None:
            raise Failed(msg("it is not known which server takes the updates."))
        return _Updates(provider.update, token.strip())
    return _Lexicon(provider, token.strip())


def _owned(name: str, *, hidden: bool) -> str:
    """The name to look for the zone by: without services, a hidden one never itself."""
    labels = name.split(".")
    while len(labels) > 2 and labels[0].startswith("_"):
        labels.pop(0)
    bare = ".".join(labels)
    return (parent_of(bare) or bare) if hidden else bare


class _Updates:
    """Signed updates (RFC 2136) to one server, which also answers what there is."""

    def __init__(self, update: DnsUpdate, secret: str) -> None:
        import dns.exception
        import dns.tsig
        import dns.tsigkeyring

        self._update = update
        self._address = _address_of(update.server)
        try:
            self.keyring: Any = dns.tsigkeyring.from_text(
                {update.key_name: (update.algorithm.lower(), secret)}
            )
        except Exception:
            # binascii's and dnspython's errors alike may show part of the key.
            raise Failed(msg("the key is not in the right form (base64).")) from None
        self._zones: dict[str, str] = {}

    def of(self, name: str, *, hidden: bool, ttl: int) -> Zone:
        """Asked at that server only, so a hidden name goes nowhere else."""
        bare = _owned(name, hidden=False)
        if bare not in self._zones:
            self._zones[bare] = self._find(bare)
        return _UpdateZone(self, self._zones[bare], ttl)

    def _find(self, name: str) -> str:
        import dns.message
        import dns.rdatatype

        labels = name.split(".")
        for start in range(len(labels)):
            zone = ".".join(labels[start:])
            answer = self.send(dns.message.make_query(zone, "SOA"))
            if any(
                found.rdtype == dns.rdatatype.SOA and found.name.to_text(True).lower() == zone
                for found in answer.answer
            ):
                return zone
        raise Failed(
            msg("{server} does not answer for {name}.", server=self._update.server, name=name)
        )

    def send(self, message: Any) -> Any:
        """One exchange over TCP; :class:`Failed` for everything but an answer."""
        import dns.exception
        import dns.query
        import dns.tsig

        server = self._update.server
        try:
            return dns.query.tcp(message, self._address, timeout=TIMEOUT, port=self._update.port)
        except dns.tsig.PeerError:
            raise Failed(
                msg("{server} does not accept the key, or its clock is wrong.", server=server)
            ) from None
        except (dns.exception.DNSException, OSError, EOFError):
            raise Failed(msg("{server} gives no proper answer.", server=server)) from None


class _UpdateZone:
    def __init__(self, server: _Updates, zone: str, ttl: int) -> None:
        self._server = server
        self._zone = zone
        self._ttl = ttl

    def values(self, name: str, kind: str) -> tuple[str, ...]:
        import dns.message
        import dns.rdatatype

        answer = self._server.send(dns.message.make_query(name, kind))
        wanted = dns.rdatatype.from_text(kind)
        return tuple(
            item.to_text()
            for found in answer.answer
            if found.rdtype == wanted and found.name.to_text(True).lower() == name
            for item in found
        )

    def create(self, name: str, kind: str, value: str) -> None:
        self._change(lambda update: update.add(f"{name}.", self._ttl, kind, value))

    def delete(self, name: str, kind: str, value: str) -> None:
        self._change(lambda update: update.delete(f"{name}.", kind, value))

    def _change(self, fill: Callable[[Any], None]) -> None:
        import dns.rcode
        import dns.update

        update = dns.update.UpdateMessage(self._zone, keyring=self._server.keyring)
        fill(update)
        code = self._server.send(update).rcode()
        if code != dns.rcode.NOERROR:
            raise Failed(
                msg(
                    "the server refuses the change ({code}): the key may not change this record.",
                    code=dns.rcode.to_text(code),
                )
            )


def _address_of(server: str) -> str:
    import socket

    try:
        return str(socket.getaddrinfo(server, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        raise Failed(msg("the server {server} has no address.", server=server)) from None


class _Lexicon:
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
        self._zones: dict[tuple[str, int], _LexiconZone] = {}

    def of(self, name: str, *, hidden: bool, ttl: int) -> Zone:
        """The zone is found in the public DNS, by the parent of a name that must not be there."""
        key = (_owned(name, hidden=hidden), ttl)
        if key not in self._zones:
            self._zones[key] = _LexiconZone(self, key[0], ttl)
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


class _LexiconZone:
    def __init__(self, provider: _Lexicon, domain: str, ttl: int) -> None:
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
