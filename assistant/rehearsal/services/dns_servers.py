"""The lab's names: knot as every authoritative server from the root down, unbound as resolvers."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import dns.update

from assistant.rehearsal.addresses import (
    ACME,
    AUTHORITATIVE,
    INSIDE_RESOLVER,
    MIRROR,
    RESOLVER,
    Address,
)
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.processes.daemon import Daemon
from assistant.rehearsal.services.services_root import ServicesRoot

LAB_ZONE = "lab.example"
SERVER_NAME = f"ns.{LAB_ZONE}"
ACME_NAME = f"acme.{LAB_ZONE}"
MIRROR_NAME = f"mirror.{LAB_ZONE}"
ALGORITHM = "hmac-sha256"
CACHE_SECONDS = 5
QUERY_TIMEOUT = 5.0


@dataclass(frozen=True)
class Tsig:
    """A key for RFC 2136 updates of one zone."""

    name: str
    algorithm: str
    secret: str
    """Base64."""
    server: str
    """The address updates are sent to, port 53."""
    zone: str


def new_tsig(name: str, zone: str) -> Tsig:
    """A key with a fresh secret."""
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    return Tsig(name, ALGORITHM, secret, AUTHORITATIVE.ipv4, zone)


class Resolver:
    """One unbound, with its own cache."""

    def __init__(self, services: ServicesRoot, name: str, address: Address) -> None:
        self._services = services
        self._name = name
        self._address = address
        self._program = Daemon("The resolver", services.log(name))

    async def start(self) -> None:
        """Start it; the authoritative server answers already. Raises RehearsalError."""
        conf = self._services.folder / f"{self._name}.conf"
        conf.write_text(_unbound_conf(self._name, self._address))
        program = ["/usr/sbin/unbound", "-d", "-p", "-c", f"/lab/{self._name}.conf"]
        await self._program.start(self._services.command(*program))
        await self._program.ready(lambda: _answers(self._address.ipv4))

    async def forget(self, name: str) -> None:
        """Drop what is remembered of a name and those below it."""
        flush = ["-c", f"/lab/{self._name}.conf", "flush_zone", name]
        await self._services.run(["/usr/sbin/unbound-control", *flush])

    async def stop(self) -> None:
        """Stop it."""
        await self._program.stop()


class Names:
    """The DNS servers. `key` may change everything, `narrow_key` only TXT records.

    These two are for the setups; the lab has a key of its own. `two_sided` adds a second resolver,
    the one of the inside.
    """

    def __init__(self, services: ServicesRoot, zones: Sequence[str], two_sided: bool) -> None:
        self._services = services
        self.zones = tuple(zones)
        self._own_key = new_tsig("lab-key", zones[0])
        self.key = new_tsig("operator-key", zones[0])
        self.narrow_key = new_tsig("certificate-key", zones[0])
        self._knot = Daemon("The authoritative DNS server", services.log("knot"))
        self._resolvers = [Resolver(services, "unbound", RESOLVER)]
        if two_sided:
            self._resolvers.append(Resolver(services, "unbound-inside", INSIDE_RESOLVER))

    async def start(self) -> None:
        """Start the servers. Raises RehearsalError."""
        lab = self._services.folder
        for folder in ("zones", "knot", "knot/db"):
            (lab / folder).mkdir()
        served = self._served()
        for zone in served:
            (lab / "zones" / _zone_file(zone)).write_text(_zone_text(zone, served))
        self._write_conf()
        (lab / "root.hints").write_text(
            f". 3600 NS {SERVER_NAME}.\n{SERVER_NAME}. 3600 A {AUTHORITATIVE.ipv4}\n"
            f"{SERVER_NAME}. 3600 AAAA {AUTHORITATIVE.ipv6}\n"
        )
        # knot first: unbound asks for the root's servers as soon as it starts.
        await self._knot.start(self._services.command("/usr/sbin/knotd", "-c", "/lab/knot.conf"))
        await self._knot.ready(lambda: _answers(AUTHORITATIVE.ipv4))
        await asyncio.gather(*(resolver.start() for resolver in self._resolvers))

    async def stop(self) -> None:
        """Stop the servers."""
        for resolver in self._resolvers:
            await resolver.stop()
        await self._knot.stop()

    async def take_keys(self, key: Tsig, narrow_key: Tsig) -> None:
        """Take changes by these two from now on, and by the two before no longer."""
        self.key, self.narrow_key = key, narrow_key
        self._write_conf()
        await self._services.run(["/usr/sbin/knotc", "-c", "/lab/knot.conf", "reload"])

    def _served(self) -> tuple[str, ...]:
        return _with_parents([*self.zones, LAB_ZONE])

    def _write_conf(self) -> None:
        (self._services.folder / "knot.conf").write_text(self._knot_conf(self._served()))

    async def set(self, name: str, kind: str, values: Sequence[str], ttl: int) -> None:
        """Make `values` all there is of `kind` at `name`, for the resolver too (ttl in seconds)."""
        update = self._update(name)
        update.replace(dns.name.from_text(name), ttl, kind, *values)
        await self._send(update, name)

    async def delete(self, name: str, kind: str | None) -> None:
        """Remove the records of `kind` (None: all) at `name`."""
        update = self._update(name)
        if kind is None:
            update.delete(dns.name.from_text(name))
        else:
            update.delete(dns.name.from_text(name), kind)
        await self._send(update, name)

    def _zone_of(self, name: str) -> str:
        wanted = dns.name.from_text(name)
        fitting = [z for z in (*self.zones, LAB_ZONE) if wanted.is_subdomain(dns.name.from_text(z))]
        if not fitting:
            raise RehearsalError(f"{name} is in no zone of the practice internet.")
        return max(fitting, key=len)

    def _update(self, name: str) -> dns.update.UpdateMessage:
        keyring = dns.tsigkeyring.from_text({self._own_key.name: self._own_key.secret})
        return dns.update.UpdateMessage(
            self._zone_of(name), keyring=keyring, keyalgorithm=dns.tsig.HMAC_SHA256
        )

    async def _send(self, update: dns.update.UpdateMessage, name: str) -> None:
        try:
            reply = await dns.asyncquery.tcp(update, AUTHORITATIVE.ipv4, timeout=QUERY_TIMEOUT)
        except (OSError, dns.exception.DNSException) as error:
            raise RehearsalError(f"The record of {name} could not be changed: {error}.") from error
        if reply.rcode() != dns.rcode.NOERROR:
            code = dns.rcode.to_text(reply.rcode())
            raise RehearsalError(f"The DNS server refused to change {name} ({code}).")
        # Tests change records all the time; nobody has to sit out the resolvers' caches.
        await asyncio.gather(*(resolver.forget(name) for resolver in self._resolvers))

    def _knot_conf(self, served: Sequence[str]) -> str:
        keys = "".join(
            f"  - id: {key.name}\n    algorithm: {key.algorithm}\n    secret: {key.secret}\n"
            for key in (self._own_key, self.key, self.narrow_key)
        )
        zones = "".join(
            f'  - domain: "{zone}"\n    file: "{_zone_file(zone)}"\n'
            + ("    acl: [all-records, only-txt]\n" if zone in (*self.zones, LAB_ZONE) else "")
            for zone in served
        )
        return f"""server:
    rundir: /lab/knot
    listen: [ {AUTHORITATIVE.ipv4}@53, "{AUTHORITATIVE.ipv6}@53" ]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: /lab/knot/db
key:
{keys}acl:
  - id: all-records
    key: [ {self._own_key.name}, {self.key.name} ]
    action: [update, transfer]
  - id: only-txt
    key: {self.narrow_key.name}
    action: update
    update-type: [TXT]
template:
  - id: default
    storage: /lab/zones
    zonefile-sync: -1
zone:
{zones}"""


def _with_parents(zones: Sequence[str]) -> tuple[str, ...]:
    """The zones and every zone above them; the root is "."."""
    served = {"."}
    for zone in zones:
        labels = zone.strip(".").split(".")
        served |= {".".join(labels[i:]) for i in range(len(labels))}
    return tuple(sorted(served))


def _zone_file(zone: str) -> str:
    return "root.zone" if zone == "." else f"{zone}.zone"


def _zone_text(zone: str, served: Sequence[str]) -> str:
    origin = "." if zone == "." else f"{zone}."
    lines = [
        f"$ORIGIN {origin}",
        f"$TTL {CACHE_SECONDS}",
        f"@ SOA {SERVER_NAME}. hostmaster.{LAB_ZONE}. 1 3600 600 86400 1",
        f"@ NS {SERVER_NAME}.",
    ]
    for other in served:
        if other != "." and _parent(other) == zone:
            lines.append(f"{other}. NS {SERVER_NAME}.")
    if zone in (".", LAB_ZONE):
        lines += [f"{SERVER_NAME}. A {AUTHORITATIVE.ipv4}"]
        lines += [f"{SERVER_NAME}. AAAA {AUTHORITATIVE.ipv6}"]
    if zone == LAB_ZONE:
        # pebble listens on one address only.
        lines += [f"{ACME_NAME}. A {ACME.ipv4}"]
        lines += [f"{MIRROR_NAME}. A {MIRROR.ipv4}", f"{MIRROR_NAME}. AAAA {MIRROR.ipv6}"]
    return "\n".join(lines) + "\n"


def _parent(zone: str) -> str:
    return zone.partition(".")[2] or "."


def _unbound_conf(name: str, where: Address) -> str:
    return f"""server:
    interface: {where.ipv4}
    interface: {where.ipv6}
    access-control: 0.0.0.0/0 allow
    access-control: ::/0 allow
    module-config: "iterator"
    root-hints: /lab/root.hints
    cache-max-ttl: {CACHE_SECONDS}
    cache-max-negative-ttl: 1
    infra-host-ttl: 5
    num-threads: 1
    outgoing-interface: {where.ipv4}
    outgoing-interface: {where.ipv6}
    username: ""
    chroot: ""
    directory: /lab
    pidfile: ""
    use-syslog: no
    logfile: ""
    do-daemonize: no
remote-control:
    control-enable: yes
    control-interface: /lab/{name}.socket
    control-use-cert: no
"""


async def _answers(server: str) -> bool:
    query = dns.message.make_query(f"{SERVER_NAME}.", "A")
    try:
        reply = await dns.asyncquery.udp(query, server, timeout=0.5)
    except (OSError, dns.exception.DNSException):
        return False
    return reply.rcode() == dns.rcode.NOERROR and bool(reply.answer)
