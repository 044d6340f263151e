"""Keep public records at the present address of this home line.

Written by matrix-assistant; it runs on the home host, started by a timer, in a Python environment
with dns-lexicon. The line's IPv4 address is learned from the setup's own server, which tells a
caller where it sees it come from; the IPv6 address is read from this host's interfaces. No third
party is asked. The token is read from a file that systemd hands over; what providers say is not
kept, as it may repeat the token.

``state.json`` in the state folder tells what was found, written, and what went wrong.
"""

from __future__ import annotations

import argparse
import importlib
import ipaddress
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PATH = "/.well-known/matrix-assistant/address"
SETTLE = 300
"""Seconds until a provider's own servers must show what was written."""

PAUSE = 60
"""Least seconds between two updates."""

LONGEST_PAUSE = 1800
"""Most seconds until a provider that refused is asked again."""

GONE = 600
"""Seconds an IPv6 address must be missing before its record is taken away."""

_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::/3",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    )
)
"""What cannot be the address of a line that others reach."""

# Bits of an address in /proc/net/if_inet6: temporary, failed, deprecated, tentative (if_addr.h).
_UNFIT = 0x01 | 0x08 | 0x20 | 0x40


class UpdateError(Exception):
    """An update that was not done; the text is safe to keep."""


@dataclass
class State:
    """What is known from earlier runs. Times are seconds since 1970; keys are ``TYPE NAME``."""

    checked: float = 0
    updated: float = 0
    ipv4: str = ""
    ipv6: str = ""
    no_ipv6_since: float = 0
    written: dict[str, str] = field(default_factory=dict)
    failures: int = 0
    not_before: float = 0
    error: str = ""
    error_at: float = 0


def main(argv: Sequence[str] | None = None) -> int:
    """One round; 0 when records are right or were put right, 1 with a sentence when not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, type=Path)
    args = parser.parse_args(argv)
    config = json.loads(args.config.read_text("utf-8"))
    path = Path(os.environ["STATE_DIRECTORY"], "state.json")
    given = Path(os.environ["CREDENTIALS_DIRECTORY"], "token").read_text("utf-8")
    token = given.strip().rpartition("\n")[2]  # below the line that says whose it is
    state = load(path)
    try:
        done = round_(config, token, state, time.time())
    except UpdateError as error:
        save(path, state)
        sys.stderr.write(f"{error}\n")
        return 1
    save(path, state)
    for key, value in done.items():
        sys.stdout.write(f"{key} is now {value or 'removed'}.\n")
    return 0


def round_(
    config: Mapping[str, Any],
    token: str,
    state: State,
    now: float,
    *,
    learn: Callable[[Mapping[str, Any]], str] | None = None,
    interfaces: Callable[[], str] | None = None,
    look: Callable[[Mapping[str, Any], str, str], tuple[str, ...] | None] | None = None,
    write: Callable[[Mapping[str, Any], str, Mapping[str, str]], None] | None = None,
) -> dict[str, str]:
    """Learn, compare, update; ``state`` is filled in. Returns what was written.

    :class:`UpdateError` when something could not be learned or written.
    """
    state.checked = now
    trouble = ""
    if "A" in config["types"]:
        try:
            state.ipv4 = (learn or line_address)(config["ask"])
        except (OSError, ValueError) as error:
            state.ipv4, trouble = "", f"The server was not reached to learn the address: {error}"
    candidates = global_addresses((interfaces or _interfaces)())
    found = {
        f"{kind} {name}": (look or published)(config, name, kind)
        for name in config["names"]
        for kind in config["types"]
    }
    if "AAAA" in config["types"]:
        shown = {
            value for key, values in found.items() if key[:4] == "AAAA" for value in values or ()
        }
        state.ipv6 = choose(candidates, shown | {state.ipv6})
        state.no_ipv6_since = 0 if state.ipv6 else state.no_ipv6_since or now
    changes = decide(found, state, now)
    if changes:
        try:
            (write or publish)(config, token, changes)
        except UpdateError as error:
            state.failures += 1
            state.not_before = now + min(PAUSE * 2 ** (state.failures - 1), LONGEST_PAUSE)
            trouble = str(error)
        else:
            state.failures, state.not_before, state.updated = 0, now + PAUSE, now
            state.written.update(changes)
    if trouble:
        state.error, state.error_at = trouble, now
        raise UpdateError(trouble)
    if not state.failures:
        state.error = ""
    return changes


def decide(found: Mapping[str, tuple[str, ...] | None], state: State, now: float) -> dict[str, str]:
    """What must be written, by ``TYPE NAME``; an empty value means that the record must go.

    ``found`` is what is published, None where nobody could say. Nothing while a pause lasts, and
    nothing that was written lately and has merely not arrived everywhere.
    """
    if now < state.not_before:
        return {}
    changes = {}
    for key, values in found.items():
        wanted = state.ipv4 if key.startswith("A ") else state.ipv6
        last = state.written.get(key)
        if not wanted:
            gone = key.startswith("AAAA ") and 0 < state.no_ipv6_since <= now - GONE
            if gone and values and last != "":
                changes[key] = ""
            continue
        if values == (wanted,):
            continue
        if last == wanted and (values is None or now - state.updated < SETTLE):
            continue
        changes[key] = wanted
    return changes


def choose(candidates: Sequence[str], known: Iterable[str]) -> str:
    """The address that is published already if it still holds, else the first."""
    return next((one for one in candidates if one in set(known)), (*candidates, "")[0])


def global_addresses(text: str) -> tuple[str, ...]:
    """Addresses others can reach, in order, from the text of ``/proc/net/if_inet6``.

    Temporary ones do not count: they change every day by themselves.
    """
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 6 or int(words[4], 16) & _UNFIT or words[3] != "00":
            continue
        address = ipaddress.IPv6Address(int(words[0], 16))
        if public(str(address)):
            found.append(str(address))
    return tuple(sorted(found))


def public(address: str) -> bool:
    """Whether an address can belong to a line that others reach."""
    value = ipaddress.ip_address(address)
    return not any(value in network for network in _NEVER if network.version == value.version)


def _interfaces() -> str:
    try:
        return Path("/proc/net/if_inet6").read_text("ascii")
    except OSError:
        return ""


def line_address(ask: Mapping[str, Any]) -> str:
    """The line's IPv4 address as the setup's own server sees it; empty when it sees an IPv6 one.

    The server proves itself with its public certificate. ``ValueError`` for an address that is not
    a line's own, so that nobody can be reached at it.
    """
    context = ssl.create_default_context()
    with (
        socket.create_connection((ask["address"], ask["port"]), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=ask["name"]) as line,
    ):
        line.sendall(f"GET {PATH} HTTP/1.0\r\nHost: {ask['name']}\r\n\r\n".encode("ascii"))
        answer = b""
        while len(answer) < 65536 and (piece := line.recv(4096)):
            answer += piece
    head, _, body = answer.decode("ascii", "replace").partition("\r\n\r\n")
    if " 200 " not in head.split("\r\n")[0]:
        raise ValueError("it gave no proper answer")
    address = ipaddress.ip_address(body.strip())
    if address.version == 6:
        return ""
    if not public(str(address)):
        raise ValueError(f"it sees {address}, which is not an address of this line's own")
    return str(address)


def published(config: Mapping[str, Any], name: str, kind: str) -> tuple[str, ...] | None:
    """What the servers that answer for the name say of it, sorted; None when none of them does."""
    import dns.exception
    import dns.message
    import dns.query
    import dns.rcode
    import dns.rdatatype

    update = config.get("update")
    try:
        servers = [(update["server"], update["port"])] if update else authoritative(name)
    except (dns.exception.DNSException, OSError):
        return None
    query = dns.message.make_query(name, kind)
    query.flags &= ~dns.flags.RD
    for address, port in servers:
        try:
            answer, _ = dns.query.udp_with_fallback(query, address, port=port, timeout=3)
        except (dns.exception.DNSException, OSError):
            continue
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            continue
        wanted = dns.rdatatype.from_text(kind)
        values = [str(one) for rrset in answer.answer if rrset.rdtype == wanted for one in rrset]
        return tuple(sorted(values))
    return None


def authoritative(name: str) -> list[tuple[str, int]]:
    """Addresses of the servers that answer for a name, as (address, port), three at most."""
    import dns.exception
    import dns.resolver

    resolver = dns.resolver.Resolver()
    resolver.lifetime = 8
    found = []
    zone = dns.resolver.zone_for_name(name, resolver=resolver)
    for server in resolver.resolve(zone, "NS"):
        try:
            found += [(str(one), 53) for one in resolver.resolve(server.target, "A")]
        except dns.exception.DNSException:
            continue
        if len(found) >= 3:
            break
    return found[:3]


def publish(config: Mapping[str, Any], token: str, changes: Mapping[str, str]) -> None:
    """Write records, by ``TYPE NAME``; an empty value takes one away."""
    try:
        if config.get("update"):
            _by_update(config, token, changes)
        else:
            _by_provider(config, token, changes)
    except UpdateError:
        raise
    except Exception as error:
        # Whatever a provider's code raises; its text may hold the token, as part of an address.
        status = getattr(getattr(error, "response", None), "status_code", "")
        told = f"{type(error).__name__}{f', HTTP {status}' if status else ''}"
        raise UpdateError(f"{config['provider']} did not take the update ({told}).") from None


def _by_update(config: Mapping[str, Any], token: str, changes: Mapping[str, str]) -> None:
    # dns-lexicon's provider for this passes over the server's answer, and fails on names that
    # have a record already (3.25): so the library below it is used.
    import dns.name
    import dns.query
    import dns.rcode
    import dns.resolver
    import dns.tsigkeyring
    import dns.update

    update = config["update"]
    algorithm = str(update["algorithm"]).lower()
    if algorithm == "hmac-md5":
        algorithm = "hmac-md5.sig-alg.reg.int"
    keys = dns.tsigkeyring.from_text({update["key_name"]: (algorithm, token)})
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = [update["server"]], update["port"], 10
    for key, value in changes.items():
        kind, name = key.split(" ", 1)
        zone = dns.resolver.zone_for_name(name, resolver=resolver)
        message = dns.update.UpdateMessage(zone, keyring=keys)
        label = dns.name.from_text(name).relativize(zone)
        if value:
            message.replace(label, config["ttl"], kind, value)
        else:
            message.delete(label, kind)
        answer = dns.query.tcp(message, update["server"], port=update["port"], timeout=10)
        if answer.rcode() != dns.rcode.NOERROR:
            said = dns.rcode.to_text(answer.rcode())
            raise UpdateError(f"The DNS server refused to change {name} ({said}).")


def _by_provider(config: Mapping[str, Any], token: str, changes: Mapping[str, str]) -> None:
    client_of = importlib.import_module("lexicon.client").Client
    resolver = importlib.import_module("lexicon.config").ConfigResolver
    refused = importlib.import_module("lexicon.exceptions").AuthenticationError

    account, secret = config["options"]
    login = {secret: token} | ({account: config["account"]} if config["account"] else {})
    for key, value in changes.items():
        kind, name = key.split(" ", 1)
        # Providers' free plans take no TTL below ten minutes.
        for ttl in (config["ttl"], 600):
            settings = {
                "provider_name": config["provider"],
                "domain": name,
                "ttl": ttl,
                "resolve_zone_name": True,
                config["provider"]: login,
            }
            try:
                with client_of(resolver().with_dict(settings)) as client:
                    _put(client, kind, name, value)
                break
            except refused:
                raise UpdateError(f"{config['provider']} did not accept the token.") from None
            except Exception:
                if ttl == 600:
                    raise


def _put(client: Any, kind: str, name: str, value: str) -> None:
    there = [
        one["id"]
        for one in client.list_records(kind, name)
        if one["type"] == kind and str(one["name"]).rstrip(".").lower() == name
    ]
    if value and there:
        client.update_record(there.pop(0), kind, name, value)
    elif value:
        client.create_record(kind, name, value)
    for identifier in there:
        client.delete_record(identifier, kind, name)


def load(path: Path) -> State:
    """The state of the last round; an empty one when there is none that can be read."""
    try:
        told = json.loads(path.read_text("utf-8"))
        return State(**told)
    except (OSError, ValueError, TypeError):
        return State()


def save(path: Path, state: State) -> None:
    """Keep the state; a cut leaves the old one."""
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(state), indent=1) + "\n", "utf-8")
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main())
