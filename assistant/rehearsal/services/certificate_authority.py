"""The lab's certificates: its own authority for the lab's services, and pebble as ACME server."""

from __future__ import annotations

import json
import ssl
from collections.abc import Sequence
from pathlib import Path

import httpx

from assistant.rehearsal.addresses import ACME, RESOLVER
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.processes.commands import run_async
from assistant.rehearsal.processes.daemon import Daemon
from assistant.rehearsal.services.dns_servers import ACME_NAME
from assistant.rehearsal.services.services_root import ServicesRoot

DIRECTORY_URL = f"https://{ACME_NAME}/dir"
MANAGEMENT_PORT = 15000
TIMEOUT = 30.0
VALIDITY = 90 * 86400
"""Seconds."""
DAYS = "3650"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


class ServiceAuthority:
    """A certificate authority for the servers that are part of the lab."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate = folder / "authority.pem"

    async def start(self) -> None:
        """Make the authority's key and certificate."""
        self._folder.mkdir()
        await run_async(
            [
                *("openssl", "req", "-x509", *NEW_KEY),
                *("-nodes", "-days", DAYS, "-subj", "/CN=Practice internet services"),
                # Python 3.13 refuses an authority without a key usage.
                *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
                *("-addext", "basicConstraints=critical,CA:TRUE"),
                *("-keyout", str(self._folder / "authority.key"), "-out", str(self.certificate)),
            ],
            timeout=TIMEOUT,
        )

    async def issue(self, names: Sequence[str], addresses: Sequence[str]) -> tuple[Path, Path]:
        """A certificate (with its chain) and key for `names`; returns their files."""
        key, request = self._folder / f"{names[0]}.key", self._folder / f"{names[0]}.csr"
        certificate, extensions = request.with_suffix(".pem"), request.with_suffix(".ext")
        await run_async(
            [
                *("openssl", "req", *NEW_KEY),
                *("-nodes", "-subj", f"/CN={names[0]}", "-keyout", str(key), "-out", str(request)),
            ],
            timeout=TIMEOUT,
        )
        alternative = [f"DNS:{name}" for name in names] + [f"IP:{each}" for each in addresses]
        extensions.write_text(
            f"subjectAltName={','.join(alternative)}\nextendedKeyUsage=serverAuth\n"
            "keyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n"
            "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
        )
        await run_async(
            [
                *("openssl", "x509", "-req", "-in", str(request), "-days", DAYS),
                *("-CA", str(self.certificate), "-CAkey", str(self._folder / "authority.key")),
                *("-CAcreateserial", "-extfile", str(extensions), "-out", str(certificate)),
            ],
            timeout=TIMEOUT,
        )
        return certificate, key


class Acme:
    """pebble: a small Let's Encrypt. Its root is new at every start."""

    def __init__(self, services: ServicesRoot, authority: ServiceAuthority, root: Path) -> None:
        self._services = services
        self._authority = authority
        self.root = root
        """Where the root certificate of everything it issues is written."""
        self._daemon = Daemon("The certificate authority", services.log("pebble"))

    async def start(self) -> None:
        """Start it and fetch its root. Raises RehearsalError."""
        folder = self._services.folder / "pebble"
        folder.mkdir()
        certificate, key = await self._authority.issue([ACME_NAME], [ACME.ipv4])
        (folder / "certificate.pem").write_bytes(certificate.read_bytes())
        (folder / "key.pem").write_bytes(key.read_bytes())
        settings = {
            "pebble": {
                "listenAddress": f"{ACME.ipv4}:443",
                "managementListenAddress": f"{ACME.ipv4}:{MANAGEMENT_PORT}",
                "certificate": "/lab/pebble/certificate.pem",
                "privateKey": "/lab/pebble/key.pem",
                "httpPort": 80,
                "tlsPort": 443,
                "ocspResponderURL": "",
                "externalAccountBindingRequired": False,
                # As the real one's certificates, so that renewal falls due as it does there.
                "certificateValidityPeriod": VALIDITY,
                "profiles": {"default": {"description": "", "validityPeriod": VALIDITY}},
                "retryAfter": {"authz": 1, "order": 1},
            }
        }
        (folder / "pebble.json").write_text(json.dumps(settings, indent=2))
        resolver = f"{RESOLVER.ipv4}:53"
        await self._daemon.start(
            self._services.command(
                *("/usr/bin/pebble", "-config", "/lab/pebble/pebble.json", "-dnsserver", resolver)
            ),
            env={"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
        )
        await self._daemon.ready(self._fetch_root)

    async def stop(self) -> None:
        """Stop it."""
        await self._daemon.stop()

    async def _fetch_root(self) -> bool:
        context = ssl.create_default_context(cafile=str(self._authority.certificate))
        url = f"https://{ACME.ipv4}:{MANAGEMENT_PORT}/roots/0"
        try:
            async with httpx.AsyncClient(verify=context, trust_env=False, timeout=5) as client:
                reply = await client.get(url)
        except httpx.HTTPError:
            return False
        if reply.status_code != 200:
            raise RehearsalError(f"The ACME server gave no root certificate ({reply.status_code}).")
        self.root.write_text(reply.text)
        return True
