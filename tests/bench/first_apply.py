"""A first apply of option 1, beside the same work done by hand on the host.

Run it as ``python -m tests.bench.first_apply [--rtt 0] [--runs 2]`` (root, Debian: it needs the
rehearsal). Two new servers of the same image in turns: one gets an apply; the other one script over
SSH with the same downloads, installations and initialisations in the same order (packages, Python
environments, database, first start, certificate, first administrator). Its configuration files
lie there already, and it checks nothing. It prints one JSON object; exit code 1: the target is
missed. **Target: at most 1.1 times the time by hand.**
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from assistant.onhost.resources import Directory, File, Packages, Secret, Virtualenv
from assistant.operations import apply, trust
from assistant.operations.connections import Connections
from assistant.plan.compile import compile_plan
from assistant.rehearsal.journey import confirm_by
from assistant.rehearsal.lab import Lab, LabHost
from assistant.rehearsal.make_ready import make_ready
from assistant.rehearsal.network.border import Border
from assistant.rehearsal.practice_setup import practice_setup
from assistant.rehearsal.processes.contain import is_contained, run_contained
from assistant.remote import NoCredentials
from assistant.setup.model import Setup
from tests.bench.reapply import print_err
from tests.lab.support.stocked import applied_as

TARGET = 1.1
LATER = "/root/later"
"""Where nginx's files wait until nginx, or its certificate, is there; and the locks."""

_SCRIPT = """\
set -eu
export DEBIAN_FRONTEND=noninteractive REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
get() {{ apt-get -qq -y --no-install-recommends install "$@" >/dev/null; }}
apt-get -qq update
get {base}
systemctl try-reload-or-restart ssh
/usr/lib/systemd/systemd-sysctl /etc/sysctl.d/90-matrix-assistant.conf
systemctl try-restart systemd-journald
get {postgresql}
systemctl enable -q --now postgresql
runuser -u postgres -- createuser matrix-synapse
runuser -u postgres -- createdb -O matrix-synapse -E UTF8 --locale C -T template0 matrix-synapse
useradd --system --user-group --home-dir /var/lib/matrix-synapse --shell /usr/sbin/nologin \
    matrix-synapse
mkdir -p /var/lib/matrix-synapse/media
chown -R matrix-synapse: /var/lib/matrix-synapse
chown -R root:matrix-synapse /etc/matrix-synapse
python3 -m venv {synapse}
{synapse}/bin/pip install -q --disable-pip-version-check --no-deps -r {later}/synapse.txt
systemctl daemon-reload
systemctl enable -q --now matrix-synapse
python3 - <<'PY'
import time, urllib.request
for _ in range(600):
    try:
        urllib.request.urlopen("http://127.0.0.1:8008/health", timeout=2)
        break
    except OSError:
        time.sleep(0.1)
else:
    raise SystemExit("Synapse did not come up")
PY
get {nginx}
mv {later}/matrix-assistant-http.conf /etc/nginx/conf.d/
systemctl daemon-reload
systemctl restart nginx
python3 -m venv {certbot}
{certbot}/bin/pip install -q --disable-pip-version-check --no-deps -r {later}/certbot.txt
{certbot}/bin/certbot certonly --quiet --non-interactive --agree-tos --no-eff-email \
    --register-unsafely-without-email --server {directory} --cert-name matrix-assistant \
    --key-type ecdsa --webroot --webroot-path /var/www/matrix-assistant/acme {domains}
mv {later}/matrix-assistant-https.conf /etc/nginx/conf.d/
nginx -t -q
systemctl reload nginx
{synapse}/bin/register_new_matrix_user --config /etc/matrix-synapse/homeserver.yaml --user admin \
    --password-file /var/lib/matrix-assistant/secrets/admin-password --admin \
    http://127.0.0.1:8008 >/dev/null
"""


def script(setup: Setup) -> str:
    """The commands for a person's own hands, from the plan's packages, versions and names."""
    (plan,) = compile_plan(setup).hosts
    packages = {r.group: " ".join(r.names) for r in plan.resources if isinstance(r, Packages)}
    return _SCRIPT.format(
        base=packages["base"],
        postgresql=packages["postgresql"],
        nginx=packages["nginx"],
        synapse="/opt/matrix-assistant/synapse/current",
        certbot="/opt/matrix-assistant/certbot/current",
        directory=setup.settings.acme_directory,
        domains=" ".join(f"-d {name}" for name in setup.names),
        later=LATER,
    )


def lay_out(root: Path, setup: Setup) -> None:
    """Put the plan's folders, files and secrets into a host's file system."""
    (plan,) = compile_plan(setup).hosts
    (root / LATER[1:]).mkdir(mode=0o700)
    for resource in plan.resources:
        if isinstance(resource, Directory):
            (root / resource.path[1:]).mkdir(parents=True, exist_ok=True)
        elif isinstance(resource, File):
            nginx = resource.path.startswith("/etc/nginx/")
            path = root / (f"{LATER}/{Path(resource.path).name}" if nginx else resource.path)[1:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(resource.content, "utf-8")
            path.chmod(0o644)
        elif isinstance(resource, Virtualenv):
            (root / f"{LATER}/{Path(resource.path).name}.txt"[1:]).write_text(resource.lock)
        elif isinstance(resource, Secret):
            path = root / resource.path[1:]
            path.parent.mkdir(parents=True, exist_ok=True)
            value = secrets.token_urlsafe(32)
            if resource.form == "synapse-signing-key":
                value = f"ed25519 a_hand {secrets.token_urlsafe(32)}\n"
            path.write_text(resource.prefix + value + resource.suffix, "utf-8")
            path.chmod(0o644)
    conf = root / "etc/pip.conf"
    if setup.settings.mirror is not None:
        conf.write_text(setup.settings.mirror.pip_conf, "utf-8")


async def made(lab: Lab, name: str) -> tuple[LabHost, Setup]:
    """A new server with a name of its own, reached and trusted; its release is known."""
    host = await lab.boot(name)
    setup = practice_setup(1, "trixie", lab.facts, {"outside": host})
    service = f"{name}.{lab.facts.zone}"
    setup = setup.model_copy(update={"server_name": service, "access_name": service})
    await lab.dns_set(service, "A", [host.ipv4])
    await lab.dns_set(service, "AAAA", [host.ipv6])
    setup = await trust.trust(setup, confirm_by({"outside": host}), NoCredentials())
    async with Connections(setup, NoCredentials()) as connections:
        return host, await trust.learn(connections)


async def by_us(lab: Lab, name: str) -> float:
    """Seconds of a first apply."""
    host, setup = await made(lab, name)
    async with Connections(setup, NoCredentials()) as connections:
        begun = time.monotonic()
        _, (result,) = await apply.apply(connections, report=lambda _: None)
        taken = time.monotonic() - begun
    if not result.ok:
        raise RuntimeError(f"{result.failed}: {result.text} {result.tail}")
    await lab.remove(host.name)
    return taken


async def by_hand(lab: Lab, name: str) -> float:
    """Seconds of the script."""
    host, setup = await made(lab, name)
    mirror = await applied_as(setup, lambda value: value if value["kind"] == "mirror" else None)
    if not mirror.ok:
        raise RuntimeError(mirror.text)
    lay_out(lab.root_of(host.name), setup)
    argv = ["ssh", "-F", "none", "-i", str(lab.facts.operator_key), "-o", "BatchMode=yes"]
    argv += ["-o", f"UserKnownHostsFile={lab.known_hosts()}", f"root@{host.ipv4}", "sh", "-s"]
    begun = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(script(setup).encode()), 900)
    taken = time.monotonic() - begun
    if process.returncode:
        raise RuntimeError(output.decode(errors="replace")[-3000:])
    await lab.remove(host.name)
    return taken


async def inside(rtt: int, runs: int) -> dict[str, Any]:
    """The whole of it, within the containment."""
    ours: list[float] = []
    hand: list[float] = []
    border = Border(rtt_ms=rtt)
    async with await Lab.start(make_ready(("trixie",)), report=print_err, border=border) as lab:
        for number in range(runs):
            hand.append(await by_hand(lab, f"hand-{number}"))
            ours.append(await by_us(lab, f"ours-{number}"))
            print_err(f"by hand {hand[-1]:.1f} s, ours {ours[-1]:.1f} s")
    ratio = statistics.median(ours) / statistics.median(hand)
    return {
        "rtt_ms": rtt,
        "by_hand_seconds": [round(one, 1) for one in hand],
        "apply_seconds": [round(one, 1) for one in ours],
        "ratio": round(ratio, 2),
        "target": TARGET,
        "ok": ratio <= TARGET,
    }


def main() -> int:
    """Prepare outside, measure inside."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rtt", type=int, default=0)
    parser.add_argument("--runs", type=int, default=2)
    args = parser.parse_args()
    if not is_contained():
        make_ready(("trixie",))
        return run_contained([sys.executable, "-m", "tests.bench.first_apply", *sys.argv[1:]])
    result = asyncio.run(inside(args.rtt, args.runs))
    print(json.dumps(result, indent=2))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
