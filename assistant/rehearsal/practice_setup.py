"""The practice deployment: made-up answers, names and addresses for a rehearsal.

Only these differ from a real deployment; everything else is the code that real servers get.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from assistant.advice.options import OPTIONS
from assistant.answers import Answers
from assistant.plan.compile import compile_plan, planned_locks, planned_packages
from assistant.setup.model import (
    ROLES,
    DnsProvider,
    DnsUpdate,
    Host,
    LinkWay,
    Login,
    Mirror,
    Role,
    Settings,
    Setup,
)
from assistant.text import render

if TYPE_CHECKING:
    from assistant.rehearsal.lab import LabFacts, LabHost
    from assistant.rehearsal.services.dns_servers import Tsig

SERVER_LABEL = "im"
"""The practice service is called this within the lab's zone."""

OUTSIDE_LABEL = "out"
"""The second Matrix server, where there are two."""

HOME_PORT = 28448
"""The port of the home line in option 4: a high one, since providers close the usual ones."""

MESSAGES = 12
"""In each direction where there are two servers: few enough for Synapse's limit of messages in a
row, many enough that one lost packet does not decide the 95th percentile."""

PLACEHOLDER_ZONE = "family.example"


def practice_answers(option: int) -> Answers:
    """Answers of a made-up family to which the option is the right advice."""
    return Answers.model_validate(_ANSWERS[option])


def packages_and_locks(option: int, release: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the lab's mirror must hold for an option: exactly what its plan would install.

    Links are taken to be wrapped, which needs everything that direct ones need, and Synapse to have
    a worker, for the day it gets one.
    """
    hosts = tuple(
        Host(
            name=role.value,
            role=role,
            login=Login(address=f"241.0.2.{number}"),
            public_ipv4=f"241.0.2.{number}",
            release=release,  # type: ignore[arg-type]  # validated by the model
        )
        for number, role in enumerate(ROLES[option], 2)
    )
    update = DnsUpdate(server="241.0.2.2", key_name="key")
    settings = _settings(option, update, update, "wrapped").model_copy(update={"workers": 1})
    plan = compile_plan(_setup(option, PLACEHOLDER_ZONE, hosts, settings))
    return planned_packages(plan), planned_locks(plan)


def practice_setup(
    option: int,
    release: str,
    facts: LabFacts,
    hosts: Mapping[str, LabHost],
    *,
    line_ipv4: str = "",
    links: LinkWay = "direct",
    zone: str = "",
) -> Setup:
    """The Setup for lab hosts, by role; keys are not yet confirmed, releases not yet learned.

    ``line_ipv4`` is the home line's address, ``zone`` another zone than the lab's first one.
    """
    settings = _settings(option, _update(facts.tsig_txt), _update(facts.tsig), links)
    settings = settings.model_copy(
        update={
            "mirror": practice_mirror(release, facts),
            "acme_directory": facts.acme_directory,
            "resolvers": tuple(dict.fromkeys((facts.inside_resolver_ipv4, facts.resolver_ipv4))),
        }
    )
    made = tuple(practice_host(role, facts, hosts[role.value], line_ipv4) for role in ROLES[option])
    return _setup(option, zone or facts.zone, made, settings)


def practice_mirror(release: str, facts: LabFacts) -> Mirror:
    """The package mirror setting for the lab's mirror."""
    return Mirror(
        uri=facts.debs_url,
        suites=release,
        signing_key=facts.signing_key,
        pip_conf=facts.pip_conf,
    )


@dataclass(frozen=True)
class PracticeSecrets:
    """The secrets a user would type: the lab's own keys for its zone."""

    facts: LabFacts

    async def provided(self, name: str, host: str) -> str | None:
        """See :class:`assistant.operations.apply.SecretSource`."""
        keys = {"dns-token": self.facts.tsig_txt, "dyndns-token": self.facts.tsig}
        return keys[name].secret if name in keys else None


def _update(key: Tsig) -> DnsUpdate:
    return DnsUpdate(server=key.server, key_name=key.name, algorithm=key.algorithm.upper())


def _settings(option: int, certificates: DnsUpdate, records: DnsUpdate, links: LinkWay) -> Settings:
    if option == 1:
        return Settings()
    settings = Settings(canary_messages=MESSAGES, home_link=links, outside_link=links)
    if option == 2:
        return settings
    return settings.model_copy(
        update={
            "challenge": "dns-01",
            "dns_update": certificates,
            "provider": DnsProvider(name="rfc2136", update=records),
            "private_resolver": option == 3,
        }
    )


def practice_host(role: Role, facts: LabFacts, host: LabHost, line_ipv4: str = "") -> Host:
    """A lab host as a server of a Setup; ``line_ipv4`` is the home line's address."""
    return Host(
        name=role.value,
        role=role,
        login=Login(
            address=host.ipv4,
            port=host.ssh_port,
            user="root",
            key_file=str(facts.operator_key),
            use_agent=False,
        ),
        # A host at home is logged in to at its address in the LAN; the public one is the line's.
        public_ipv4=line_ipv4 if role is Role.HOME else host.ipv4,
        public_ipv6=host.ipv6,
    )


def _setup(option: int, zone: str, hosts: tuple[Host, ...], settings: Settings) -> Setup:
    name = f"{SERVER_LABEL}.{zone}"
    two = Role.INSIDE in ROLES[option]
    sentence = OPTIONS[option].acknowledgement
    return Setup(
        name="rehearsal",
        created=datetime.now(UTC),
        answers=practice_answers(option),
        option=option,  # type: ignore[arg-type]  # 1 to 4, checked by the caller
        acknowledged=render(sentence, "en") if sentence is not None else "",
        server_name=name,
        access_name=name,
        access_port=HOME_PORT if option == 4 else 443,
        outside_name=f"{OUTSIDE_LABEL}.{zone}" if two else "",
        hosts=hosts,
        settings=settings,
    )


_ANSWERS: dict[int, dict[str, object]] = {
    # A family with most of its people abroad, who want no trouble for those who are not.
    1: {
        "people": "mostly_outside",
        "mainland_server": "no",
        "operator": "nobody_inside",
        "filing": "will_not",
        "consequence": "none",
        "device_records": "no",
        "traffic": "photos",
        "skill": "beginner",
        "outage": "day",
        "phones": ["ios_foreign", "android_no_google"],
        "federation": "own",
    },
    # A company's families, with a domain on file.
    2: {
        "people": "mostly_inside",
        "mainland_server": "yes",
        "operator": "company",
        "filing": "same_cloud",
        "consequence": "none",
        "device_records": "no",
        "home_line": "none",
        "traffic": "photos",
        "skill": "some",
        "outage": "day",
        "phones": ["ios_foreign", "android_no_google"],
        "federation": "own",
    },
    # A handful of people who know what they do, with every device in one pair of hands.
    3: {
        "people": "mostly_inside",
        "mainland_server": "yes",
        "operator": "individual",
        "filing": "will_not",
        "consequence": "questioned",
        "device_records": "yes",
        "home_line": "none",
        "traffic": "photos",
        "skill": "expert",
        "outage": "week",
        "phones": ["ios_foreign", "android_no_google"],
        "federation": "own",
    },
    # The same people with phones they do not look after, and a home line that can be reached.
    4: {
        "people": "mostly_inside",
        "mainland_server": "yes",
        "operator": "individual",
        "filing": "will_not",
        "consequence": "questioned",
        "device_records": "no",
        "home_line": "public_ipv4",
        "port_forwarding": "yes",
        "line_loss": "yes",
        "traffic": "calls",
        "skill": "expert",
        "outage": "week",
        "phones": ["ios_foreign", "android_no_google"],
        "federation": "own",
    },
}
