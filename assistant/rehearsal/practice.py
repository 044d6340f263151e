"""The practice deployment: made-up answers, names and addresses for a rehearsal.

Only these differ from a real deployment; everything else is the code that real servers get.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from assistant.answers import Answers
from assistant.plan.compile import compile_plan, planned_packages, planned_wheels
from assistant.rehearsal.errors import RehearsalError
from assistant.setup import Host, Login, Mirror, Role, Settings, Setup

if TYPE_CHECKING:
    from assistant.rehearsal.lab import LabFacts, LabHost

SERVER_LABEL = "im"
"""The practice service is called this within the lab's zone."""

PLACEHOLDER_ZONE = "family.example"


def practice_answers(option: int) -> Answers:
    """Answers of a made-up family to which the option is the right advice."""
    try:
        return Answers.model_validate(_ANSWERS[option])
    except KeyError:
        raise RehearsalError(
            f"Option {option} cannot be rehearsed by this version yet; option 1 can."
        ) from None


def packages_and_wheels(option: int, release: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the lab's mirror must hold for an option: exactly what its plan would install."""
    host = Host(
        name="outside",
        role=Role.OUTSIDE,
        login=Login(address="241.0.2.2"),
        public_ipv4="241.0.2.2",
        release=release,  # type: ignore[arg-type]  # validated by the model
    )
    plan = compile_plan(_setup(option, PLACEHOLDER_ZONE, (host,), Settings(challenge="http-01")))
    return planned_packages(plan), planned_wheels(plan)


def practice_setup(option: int, release: str, facts: LabFacts, outside: LabHost) -> Setup:
    """The Setup for a lab host; its key is not yet confirmed and its release not yet learned."""
    host = Host(
        name="outside",
        role=Role.OUTSIDE,
        login=Login(
            address=outside.ipv4,
            port=outside.ssh_port,
            user="root",
            key_file=str(facts.operator_key),
            use_agent=False,
        ),
        public_ipv4=outside.ipv4,
        public_ipv6=outside.ipv6,
    )
    settings = Settings(
        mirror=practice_mirror(release, facts),
        acme_directory=facts.acme_directory,
        resolvers=(facts.resolver_ipv4,),
    )
    return _setup(option, facts.zone, (host,), settings)


def practice_mirror(release: str, facts: LabFacts) -> Mirror:
    """The package mirror setting for the lab's mirror."""
    return Mirror(
        uri=facts.debs_url,
        suites=release,
        signing_key=facts.signing_key,
        pip_conf=facts.pip_conf,
    )


def _setup(option: int, zone: str, hosts: tuple[Host, ...], settings: Settings) -> Setup:
    name = f"{SERVER_LABEL}.{zone}"
    return Setup(
        name="rehearsal",
        created=datetime.now(UTC),
        answers=practice_answers(option),
        option=option,  # type: ignore[arg-type]  # 1 to 4, checked by the caller
        server_name=name,
        access_name=name,
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
}
