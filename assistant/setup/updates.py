"""A Setup with one thing in it renewed."""

from __future__ import annotations

from datetime import datetime

from assistant.answers import Answers
from assistant.findings.model import Finding
from assistant.setup.model import RELEASES, FindingsRecord, Setup


def with_host_key(setup: Setup, host: str, key: str, *, jump: bool = False) -> Setup:
    """The Setup with a confirmed host key for one host (or its jump host)."""
    hosts = []
    for item in setup.hosts:
        if item.name == host:
            if jump and item.jump is not None:
                item = item.model_copy(
                    update={"jump": item.jump.model_copy(update={"host_key": key})}
                )
            else:
                item = item.model_copy(
                    update={"login": item.login.model_copy(update={"host_key": key})}
                )
        hosts.append(item)
    return setup.model_copy(update={"hosts": tuple(hosts)})


def with_release(setup: Setup, host: str, codename: str) -> Setup:
    """The Setup with the release a host told; one we do not know becomes empty."""
    known = codename if codename in RELEASES else ""
    hosts = tuple(
        item.model_copy(update={"release": known}) if item.name == host else item
        for item in setup.hosts
    )
    return setup.model_copy(update={"hosts": hosts})


def with_findings(setup: Setup, findings: tuple[Finding, ...], at: datetime) -> Setup:
    """The Setup with fresh findings, bound to its present inputs."""
    record = FindingsRecord(inputs=setup.inputs, at=at, findings=findings)
    return setup.model_copy(update={"findings": record})


def with_answers(setup: Setup, answers: Answers) -> Setup:
    """The Setup with other answers; findings and the acknowledgement no longer count."""
    if answers == setup.answers:
        return setup
    return setup.model_copy(update={"answers": answers, "findings": None, "acknowledged": ""})
