"""Dynamic DNS: the public records of option 4 follow the address of the home line.

A look every 30 seconds, since whoever waits for a new address waits for the look, the update and
the record's time to live. Updates are a minute apart at least.
"""

from __future__ import annotations

import json

from assistant.onhost.resources import File, Resource, Secret, Service
from assistant.plan.dns_providers import provider_named
from assistant.plan.errors import PlanError
from assistant.plan.host_paths import CONFIG, LIBRARY, MANAGED, SECRETS
from assistant.plan.locks import LEXICON_EXTRAS
from assistant.plan.recipes.environments import environment
from assistant.plan.recipes.links import home_forward
from assistant.plan.recipes.templates import fill, host_program
from assistant.plan.records import HOME_TTL
from assistant.setup.model import DnsProvider, Host, Setup
from assistant.text import msg

VENV = "/opt/matrix-assistant/dyndns"
TOKEN = f"{SECRETS}/dyndns-token"
STATE = "/var/lib/matrix-assistant-dyndns/state.json"
"""What the program last found, wrote and could not do, for the diagnosis."""

SETTINGS = f"{CONFIG}/dyndns.json"
PROGRAM = f"{LIBRARY}/dyndns_update.py"
UNIT = "matrix-assistant-dyndns"
_UNITS = "/etc/systemd/system"


def resources(setup: Setup, host: Host) -> tuple[Resource, ...]:
    """The program, the token, and the timer; without a provider no timer runs.

    Then the records are kept current by something of the user's own, such as their router.
    """
    provider = setup.settings.provider
    if provider is None:
        off = Service(title="No dynamic DNS", unit=f"{UNIT}.timer", enabled=False, running=False)
        return (off,)
    program = File(
        title="Dynamic DNS: program", path=PROGRAM, content=host_program("dyndns_update.py")
    )
    settings = File(
        title="Dynamic DNS: settings",
        path=SETTINGS,
        content=f"{json.dumps(config(setup, host, provider), indent=1)}\n",
    )
    service = File(
        title="Dynamic DNS: how it runs",
        path=f"{_UNITS}/{UNIT}.service",
        content=fill(
            "dns/dyndns.service",
            MANAGED=MANAGED,
            PYTHON=f"{VENV}/current/bin/python",
            PROGRAM=PROGRAM,
            CONFIG=SETTINGS,
            TOKEN=TOKEN,
        ),
    )
    timer = File(
        title="Dynamic DNS: when it runs",
        path=f"{_UNITS}/{UNIT}.timer",
        content=fill("dns/dyndns.timer", MANAGED=MANAGED),
    )
    return (
        environment(
            lock_name(provider), title="Dynamic DNS: library", path=VENV, setup=setup, host=host
        ),
        _token(provider),
        program,
        settings,
        service,
        timer,
        Service(title="Dynamic DNS", unit=f"{UNIT}.timer", after=(timer.id, service.id)),
    )


def _token(provider: DnsProvider) -> Secret:
    """The token, below a line that says whose it is: another one's is not used in its place."""
    login = provider.update.key_name if provider.update else provider.account
    return Secret(
        title="Dynamic DNS: token",
        name="dyndns-token",
        form="provided",
        path=TOKEN,
        prefix=f"# {provider.name} {login}\n",
        suffix="\n",
    )


def lock_name(provider: DnsProvider) -> str:
    """The lock of the library with what this provider needs of it."""
    name = provider_named(provider.name).lexicon
    return f"lexicon-{name}" if name in LEXICON_EXTRAS else "lexicon"


def config(setup: Setup, host: Host, provider: DnsProvider) -> dict[str, object]:
    """What the program is told; nothing secret. :class:`PlanError` when something is missing."""
    # An address nobody knows yet is most likely an IPv4 one, which the server will tell.
    types = ["A"] if host.public_ipv4 or not host.public_ipv6 else []
    types += ["AAAA"] if host.public_ipv6 else []
    by_update = provider.name == "rfc2136"
    known = provider_named(provider.name)
    if by_update and provider.update is None:
        raise PlanError(
            "dns-update-missing",
            msg(
                "The records of {domain} are to be changed by DNS updates, but it is not known"
                " which server takes them. Fill in the server and its key.",
                domain=setup.server_name,
            ),
        )
    if not by_update and not known.lexicon:
        raise PlanError(
            "provider-unsupported",
            msg(
                "The records at {provider} cannot be changed from the home line. Let your router "
                "keep the address of {domain} current, or move the domain's DNS to another "
                "provider.",
                provider=provider.name,
                domain=setup.server_name,
            ),
        )
    address, _, port = home_forward.route(setup).rpartition(":")
    return {
        "names": list(setup.names),
        "types": types,
        "ttl": HOME_TTL,
        "ask": {"address": address.strip("[]"), "port": int(port), "name": setup.access_name},
        "provider": "rfc2136" if by_update else known.lexicon,
        "options": [known.account, known.token],
        "account": provider.account if known.account else "",
        "update": provider.update.model_dump() if by_update and provider.update else None,
    }
