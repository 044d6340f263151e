"""The two forms of the summary."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from assistant.advice.options import OPTIONS
from assistant.canary.model import CanaryResult
from assistant.change.todo import router_rule
from assistant.export import device_steps, operator, people, server_notes
from assistant.export.deployment_facts import (
    Audience,
    add_person_command,
    app_link,
    fingerprint,
    homeserver_url,
    places,
    timers,
)
from assistant.export.device_files import device_names, mobileconfig
from assistant.export.markdown import Page
from assistant.findings.model import Finding
from assistant.plan.model import Plan, Record
from assistant.setup.homeservers import homeservers
from assistant.setup.model import Host, Login, Setup
from assistant.text import Message, render

SUMMARY_VERSION = 1
"""Version of the JSON summary; a change that breaks readers raises it."""


def summary_markdown(
    setup: Setup,
    *,
    plan: Plan | None,
    findings: Sequence[Finding] = (),
    canary: CanaryResult | None = None,
    audience: Audience = "operator",
    language: str = "en",
) -> str:
    """The summary to read. Without a plan, what only it knows is left out."""
    page = Page(language)
    if audience == "people":
        people.write(page, setup, plan)
    else:
        operator.write(page, setup, plan, findings, canary)
    return page.text()


def summary_json(
    setup: Setup,
    *,
    plan: Plan | None,
    findings: Sequence[Finding] = (),
    canary: CanaryResult | None = None,
    audience: Audience = "operator",
    language: str = "en",
) -> dict[str, Any]:
    """The summary for programs: JSON values only, with a ``version``.

    Fields are picked one by one, so that nothing added to a Setup later gets out by itself.
    """

    def in_words(message: Message) -> str:
        return render(message, language)

    def words(message: Message | None) -> str | None:
        return None if message is None else in_words(message)

    option = OPTIONS[setup.option]
    records = plan.records if plan else ()
    summary: dict[str, Any] = {
        "version": SUMMARY_VERSION,
        "audience": audience,
        "server_name": setup.server_name,
        "homeserver_url": homeserver_url(setup),
        "app_link": app_link(setup),
        "option": {
            "number": option.number,
            "title": words(option.title),
            "notes": [words(note) for note in option.notes],
        },
        "servers": [
            {
                "for": words(server_notes.for_whom(setup, server)),
                "server_name": server.server_name,
                "homeserver_url": server.base_url,
                "app_link": server_notes.app_link(server),
                "spare_urls": list(server_notes.spare_urls(server)),
                "in_public_dns": not server.private,
            }
            for server in homeservers(setup)
        ],
        "visible": [words(fact) for fact in server_notes.visible(setup, plan)],
        "device_records": [
            record.line for record in records if record.where == "device" and record.must == "exist"
        ],
        "device_lines": device_steps.as_json(setup, records),
        "device_profile": _profile(setup, records),
    }
    if audience == "people":
        return summary
    summary |= {
        "setup": setup.name,
        "created": _time(setup.created),
        "admin": f"@{setup.settings.admin}:{setup.server_name}",
        "admins": {
            server.host.name: f"@{setup.settings.admin}:{server.server_name}"
            for server in homeservers(setup)
        },
        "links": [
            {"link": link.what, "from": link.start, "to": link.end, "way": link.way}
            for link in server_notes.links(setup)
        ],
        "router_rule": words(router_rule(setup)) if setup.option == 4 else None,
        "federation": setup.settings.federation,
        "hosts": [_host(host, plan) for host in setup.hosts],
        "records": [
            {
                "name": record.name,
                "type": record.type,
                "values": list(record.values),
                "must": record.must,
                "where": record.where,
                "why": words(record.why),
            }
            for record in records
        ],
        "plan": plan.digest if plan else None,
        "places": [
            {"what": place.what, "host": place.host, "path": place.path}
            for place in (places(plan) if plan else ())
        ],
        "commands": {
            **{
                name: ["matrix-assistant", name, "--setup", setup.name]
                for name in ("check", "canary", "status", "apply", "undo")
            },
            "add-person": add_person_command().split(" "),
        },
        "findings": [finding.to_json(in_words, evidence=False) for finding in findings],
        "canary": None if canary is None else canary.to_json(in_words),
        "history": [
            {
                "at": _time(entry.at),
                "what": entry.what,
                "host": entry.host,
                "run": entry.run,
                "ok": entry.ok,
                "detail": entry.detail,
            }
            for entry in setup.history
        ],
    }
    return summary


def _profile(setup: Setup, records: Sequence[Record]) -> str | None:
    names = device_names(records)
    return mobileconfig(setup, names) if names and setup.settings.private_resolver else None


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _login(login: Login) -> dict[str, Any]:
    return {
        "address": login.address,
        "port": login.port,
        "user": login.user,
        "host_key_fingerprint": fingerprint(login.host_key) or None,
    }


def _host(host: Host, plan: Plan | None) -> dict[str, Any]:
    planned = {one.host: one for one in plan.hosts}.get(host.name) if plan else None
    return {
        "name": host.name,
        "role": host.role.value,
        "ssh": _login(host.login),
        "jump": _login(host.jump) if host.jump else None,
        "public_ipv4": host.public_ipv4 or None,
        "public_ipv6": host.public_ipv6 or None,
        "open_tcp": list(planned.open_tcp) if planned else [],
        "open_udp": list(planned.open_udp) if planned else [],
        "timers": [
            {"unit": f"{timer.name}.timer", "calendar": timer.calendar}
            for timer in (timers(planned.resources) if planned else ())
        ],
    }
