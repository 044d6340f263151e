"""Values for the tests of the screens: setups, findings, events and what comes out.

Every sentence is one of the program's own, so that pages read in Chinese too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from assistant.advice.options import OPTIONS
from assistant.answers import Answers
from assistant.common.errors import AssistantError
from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Mender, Remedy, Status
from assistant.remote import HostKey, Wanted
from assistant.setup.history import with_history
from assistant.setup.model import ROLES, HistoryEntry, Host, Login, Role, Setup
from assistant.setup.updates import with_findings
from assistant.text import msg
from assistant.wizard.draft import TOPICS, Draft, Step, TypedHost, TypedLogin, TypedProvider
from assistant.wizard.draft_to_setup import setup_from_draft

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ADDRESS = "203.0.113.9"
NAME = "chat.example.org"
SETUP_NAME = "family"
OUTSIDE = "outside"

ODD = "[red]no[/b] \x1b[31mred\x1b[0m \x1b]0;title\x07\u202e中文 [@click=app.quit]x[/]"
"""Text as a hostile host may send it; what may be seen of it is ``ODD_SHOWN``."""
ODD_SHOWN = "[red]no[/b] red 中文 [@click=app.quit]x[/]"

KEY = HostKey(
    text="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFqR4YkO8xIMDs0Cq1v3qWkGQkS3m6fXoQnT3i1sWc9F",
    algorithm="ssh-ed25519",
    fingerprint="SHA256:uNiVztksCsDhcc0u9e8BgrJXVGLOT2GYjXzbYI8KJ5w",
)
WANTED = Wanted("sudo", ADDRESS, "operator")

ANSWERS = Answers.model_validate(
    {
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
    }
)
"""Answers that lead to option 1."""


def error(cause: str = "timeout") -> AssistantError:
    """An error as services raise them."""
    return AssistantError(
        cause,
        msg(
            "The server {host} gave no answer. Check that it is switched on and try again.",
            host=OUTSIDE,
        ),
    )


def host(**more: Any) -> Host:
    """The one server of option 1, reached and known."""
    values: dict[str, Any] = {
        "name": OUTSIDE,
        "role": Role.OUTSIDE,
        "login": Login(address=ADDRESS, key_file="~/.ssh/id_ed25519", host_key=KEY.text),
        "public_ipv4": ADDRESS,
        "release": "trixie",
        **more,
    }
    return Host(**values)


def setup(**more: Any) -> Setup:
    """A Setup of option 1 without findings and history."""
    values: dict[str, Any] = {
        "name": SETUP_NAME,
        "created": NOW,
        "answers": ANSWERS,
        "option": 1,
        "server_name": NAME,
        "hosts": (host(),),
        **more,
    }
    return Setup(**values)


def typed_host(**more: Any) -> TypedHost:
    """The server as typed, reached already."""
    values: dict[str, Any] = {
        "login": TypedLogin(address=ADDRESS, user="root", key_file="~/.ssh/id_ed25519"),
        "public_ipv4": ADDRESS,
        "host_key": KEY.text,
        "release": "trixie",
        "reached": True,
        **more,
    }
    return TypedHost(**values)


def draft(step: Step = Step.QUESTIONS, **more: Any) -> Draft:
    """A draft with everything that is known when a step is entered."""
    values: dict[str, Any] = {"step": step}
    if step is not Step.QUESTIONS:
        values["answers"] = ANSWERS
    if step not in (Step.QUESTIONS, Step.ADVICE):
        values["option"] = 1
    if step in (Step.CHECKS, Step.REVIEW, Step.APPLY, Step.FINISH):
        values |= {
            "server_name": NAME,
            "server_name_confirmed": True,
            "acme_email": "anna@example.org",
            "hosts": {"outside": typed_host()},
            "setup": SETUP_NAME,
        }
    return Draft(**{**values, **more})


def _finding(
    check: str, subject: str, vantage: str, status: Status, cause: str = "", **more: Any
) -> Finding:
    more.setdefault("confidence", Confidence.CERTAIN)
    return Finding(
        check=check, subject=subject, vantage=vantage, status=status, cause=cause, **more
    )


FINDINGS: tuple[Finding, ...] = (
    _finding(
        "reachability",
        OUTSIDE,
        THIS_COMPUTER,
        Status.OK,
        summary=msg("{host} answers after {ms} ms.", host=OUTSIDE, ms=182),
        evidence=("tcp 203.0.113.9:22: ok, 182 ms",),
    ),
    _finding(
        "host",
        f"{OUTSIDE} system",
        OUTSIDE,
        Status.OK,
        summary=msg("{host} runs {system}.", host=OUTSIDE, system="Debian 13"),
    ),
    _finding(
        "host",
        f"{OUTSIDE} memory",
        OUTSIDE,
        Status.WARNING,
        "little-memory",
        summary=msg(
            "{host} has only {memory} MB of memory; 1 GB is better.", host=OUTSIDE, memory=960
        ),
        remedy=Remedy(
            who=Mender.PROVIDER,
            text=msg("It will do for a family. If it gets slow, rent the next larger size."),
        ),
    ),
    _finding(
        "dns",
        f"{NAME} A",
        THIS_COMPUTER,
        Status.FAILED,
        "record-missing",
        summary=msg("{name} has no {type} record yet.", name=NAME, type="A"),
        evidence=("ns1.example.org: NXDOMAIN", "ns2.example.org: NXDOMAIN"),
        remedy=Remedy(
            who=Mender.REGISTRAR,
            text=msg(
                "At the company where you manage {name}, add this record:\n{line}",
                name="example.org",
                line=f"{NAME}. 300 IN A {ADDRESS}",
            ),
        ),
    ),
    _finding(
        "dns",
        f"{NAME} AAAA",
        THIS_COMPUTER,
        Status.OK,
        summary=msg("{name} has no {type} record, as it should be.", name=NAME, type="AAAA"),
    ),
    _finding(
        "dns",
        f"{NAME} A",
        OUTSIDE,
        Status.UNKNOWN,
        "silent",
        confidence=Confidence.LOW,
        summary=msg(
            "The resolver of {vantage} gave no answer for {name}.", vantage=OUTSIDE, name=NAME
        ),
        remedy=Remedy(
            who=Mender.NOBODY,
            text=msg("Nothing to do: other resolvers were asked as well."),
        ),
    ),
    _finding(
        "ports-before",
        f"{OUTSIDE} tcp/80 {ADDRESS}",
        THIS_COMPUTER,
        Status.OK,
        summary=msg(
            "Port {port} of {host} can be reached from {vantage}.",
            port=80,
            host=OUTSIDE,
            vantage=THIS_COMPUTER,
        ),
    ),
    _finding(
        "ports-before",
        f"{OUTSIDE} tcp/443 {ADDRESS}",
        THIS_COMPUTER,
        Status.FAILED,
        "provider-firewall",
        confidence=Confidence.HIGH,
        summary=msg(
            "Nothing that {vantage} sends to port {port} of {host} arrives.",
            port=443,
            host=OUTSIDE,
            vantage=THIS_COMPUTER,
        ),
        evidence=("3 of 3 connections timed out", ODD_SHOWN),
        remedy=Remedy(
            who=Mender.PROVIDER,
            text=msg(
                "In your cloud provider's console, allow incoming TCP port {port} in the firewall"
                " or security group of {host}. Also look for a firewall on the server itself.",
                port=443,
                host=OUTSIDE,
            ),
        ),
    ),
    _finding(
        "tls",
        f"{OUTSIDE} {NAME} {ADDRESS}",
        THIS_COMPUTER,
        Status.SKIPPED,
        "earlier",
        summary=msg(
            "Not tried for {subject}: first this must come out well: {earlier}.",
            subject=NAME,
            earlier="ports-before",
        ),
    ),
    _finding(
        "tls",
        f"{OUTSIDE} {NAME} itself",
        OUTSIDE,
        Status.OK,
        summary=msg("The certificate of {name} is valid.", name=NAME),
    ),
)
"""Every status, two vantages, several subjects."""

GOOD_FINDINGS = tuple(
    _finding(f.check, f.subject, f.vantage, Status.OK, summary=f.summary)
    for f in FINDINGS
    if f.status is Status.OK
)
"""Only what is well."""


def with_odd_text(finding: Finding) -> Finding:
    """The finding with a host's hostile text in everything a host has a say in."""
    return finding.model_copy(
        update={
            "subject": ODD,
            "summary": msg("The certificate of {name} is valid.", name=ODD),
            "evidence": (ODD, ODD),
        }
    )


def checked_setup(findings: Sequence[Finding] = FINDINGS, **more: Any) -> Setup:
    """A Setup that was checked an hour after it was made."""
    return with_findings(setup(**more), tuple(findings), NOW.replace(hour=13))


def applied_setup(findings: Sequence[Finding] = GOOD_FINDINGS, **more: Any) -> Setup:
    """A Setup that was checked, applied and proven."""
    made = checked_setup(findings, **more)
    for what, detail in (("applied", "53"), ("canary", "10")):
        entry = HistoryEntry(
            at=NOW.replace(hour=14), what=what, host=OUTSIDE, run=RUN, detail=detail
        )
        made = with_history(made, entry)
    return made


RUN = "20260301-140000-c0ffee"


INSIDE_NAME = "im.example.cn"
INSIDE_ADDRESS = "198.51.100.4"
HOME_ADDRESS = "192.168.1.20"
HOME_PORT = "23517"


def typed_hosts(option: int) -> dict[str, TypedHost]:
    """All servers of an option as typed, reached already."""
    login = typed_host().login
    made = {
        "outside": typed_host(),
        "inside": typed_host(
            login=login.model_copy(update={"address": INSIDE_ADDRESS}),
            public_ipv4=INSIDE_ADDRESS,
            mirror="tuna",
        ),
        "home": typed_host(
            login=login.model_copy(update={"address": HOME_ADDRESS}), public_ipv4=""
        ),
    }
    return {role.value: made[role.value] for role in ROLES[option]}


def option_draft(step: Step, option: Literal[2, 3, 4], **more: Any) -> Draft:
    """A draft of an option with two or three servers, everything known."""
    values: dict[str, Any] = {
        "option": option,
        "server_name": INSIDE_NAME,
        "server_name_confirmed": True,
        "outside_name": NAME,
        "outside_name_confirmed": True,
        "hosts": typed_hosts(option),
        "settled": TOPICS,
        "setup": SETUP_NAME,
    }
    if option == 2:
        values["filing"] = "京ICP备12345678号-1"
    else:
        accepted = OPTIONS[option].acknowledgement
        values["acknowledged"] = str(accepted)
        values["provider"] = TypedProvider(name="cloudflare")
    if option == 4:
        values["access_port"] = HOME_PORT
    return draft(step, **{**values, **more})


def option_setup(option: Literal[2, 3, 4], **more: Any) -> Setup:
    """The Setup of :func:`option_draft`."""
    made = setup_from_draft(option_draft(Step.CHECKS, option), None)
    return made.model_copy(update={"created": NOW, **more})


OPTION_FINDINGS: tuple[Finding, ...] = (
    *(
        _finding(
            "reachability",
            name,
            THIS_COMPUTER,
            Status.OK,
            summary=msg("{host} answers after {ms} ms.", host=name, ms=182),
        )
        for name in ("inside", "outside")
    ),
    *(
        _finding(
            "dns",
            f"{INSIDE_NAME} public",
            vantage,
            Status.OK,
            summary=msg(
                "{vantage} finds {name} in no public DNS, as it should be.",
                name=INSIDE_NAME,
                vantage=vantage,
            ),
        )
        for vantage in (THIS_COMPUTER, "inside", "outside")
    ),
    _finding(
        "dns",
        f"{NAME} A",
        THIS_COMPUTER,
        Status.FAILED,
        "record-missing",
        summary=msg("{name} has no {type} record yet.", name=NAME, type="A"),
    ),
)
"""Findings of two and three servers."""
