"""What the people of a practice internet have to be told about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assistant.rehearsal.addresses import INSIDE_RESOLVER, OPERATOR, RESOLVER
from assistant.rehearsal.hosts.provision import Trust
from assistant.rehearsal.processes.contain import SYSTEM_TRUST
from assistant.rehearsal.services.certificate_authority import DIRECTORY_URL
from assistant.rehearsal.services.dns_servers import MIRROR_NAME, Names, Tsig


@dataclass(frozen=True)
class LabFacts:
    """What a setup in the practice internet has to be told; fixed while the lab runs."""

    operator_ipv4: str
    operator_ipv6: str
    resolver_ipv4: str
    """The public resolver of the outside, and of everybody when there is no border."""
    resolver_ipv6: str
    inside_resolver_ipv4: str
    """The public resolver of the inside."""
    inside_resolver_ipv6: str
    debs_url: str
    """The Debian mirror: suites are release names, the component is main."""
    signing_key: str
    """The mirror's public key, armored."""
    wheels_url: str
    """A PEP 503 index, https with the lab's authority."""
    pip_conf: str
    """What /etc/pip.conf has to say on a host."""
    acme_directory: str
    acme_authority: Path
    """PEM of the authority of the ACME server's own API, and of the wheels' server."""
    acme_root: Path
    """PEM of the root of every certificate it issues."""
    trust_bundle: Path
    """PEM: the machine's public authorities and the lab's two."""
    tsig: Tsig
    """May change every record of the zone, as a user's key at a DNS provider."""
    tsig_txt: Tsig
    """May change TXT records only, as a server that renews certificates should."""
    zone: str
    operator_key: Path
    """The operator's private SSH key (ed25519, mode 0600)."""
    operator_public_key: str


def gather_facts(
    names: Names,
    trust: Trust,
    bundle: Path,
    key: Path,
    signing_key: str,
    *,
    two_sided: bool,
) -> LabFacts:
    """The facts of a lab that has started; writes the trust bundle.

    `trust` holds the services' own authority, then the root of the certificates issued.
    """
    authority, root = trust.certificates
    parts = [SYSTEM_TRUST] if SYSTEM_TRUST.exists() else []
    bundle.write_text("".join(part.read_text() for part in (*parts, authority, root)))
    wheels = f"https://{MIRROR_NAME}/simple/"
    inside_resolver = INSIDE_RESOLVER if two_sided else RESOLVER
    return LabFacts(
        operator_ipv4=OPERATOR.ipv4,
        operator_ipv6=OPERATOR.ipv6,
        resolver_ipv4=RESOLVER.ipv4,
        resolver_ipv6=RESOLVER.ipv6,
        inside_resolver_ipv4=inside_resolver.ipv4,
        inside_resolver_ipv6=inside_resolver.ipv6,
        debs_url=f"http://{MIRROR_NAME}/debian",
        signing_key=signing_key,
        wheels_url=wheels,
        pip_conf=f"[global]\nindex-url = {wheels}\n",
        acme_directory=DIRECTORY_URL,
        acme_authority=authority,
        acme_root=root,
        trust_bundle=bundle,
        tsig=names.key,
        tsig_txt=names.narrow_key,
        zone=names.zones[0],
        operator_key=key,
        operator_public_key=key.with_suffix(".pub").read_text().strip(),
    )
