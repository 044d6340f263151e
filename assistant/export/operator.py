"""The page for the operator: everything needed to run, mend and take back the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from assistant.advice.options import NOT_LEGAL_ADVICE, OPTIONS
from assistant.canary.model import CanaryResult, Direction
from assistant.change.todo import router_rule
from assistant.export import device_steps
from assistant.export.deployment_facts import add_person_command, fingerprint, places, timers
from assistant.export.markdown import Page
from assistant.export.server_notes import (
    app_link,
    for_whom,
    home_line_down,
    links,
    spare_urls,
    visible,
)
from assistant.findings.model import Finding, Status
from assistant.plan.model import Plan, Record
from assistant.setup.homeservers import Homeserver, homeservers
from assistant.setup.model import Host, Login, Setup
from assistant.text import Message, msg
from assistant.text.history_labels import history_words

_HISTORY = 20
"""How many of the latest entries are shown."""

_STATUS = {
    Status.OK: msg("✓ ok"),
    Status.WARNING: msg("! check"),
    Status.FAILED: msg("✗ failed"),
    Status.UNKNOWN: msg("? undecided"),
    Status.SKIPPED: msg("– not run"),
}
_WORST_FIRST = (Status.FAILED, Status.WARNING, Status.UNKNOWN, Status.OK, Status.SKIPPED)
_WHERE = {
    "public": msg("In the public DNS, at the company where the domain is registered:"),
    "device": msg("On every device, or on its router:"),
    "server": msg("In the hosts file of the other server (the assistant sees to it):"),
}


def write(
    page: Page,
    setup: Setup,
    plan: Plan | None,
    findings: Sequence[Finding],
    canary: CanaryResult | None,
) -> None:
    """Write the whole page."""
    page.heading(msg("Matrix service {name}: for the operator", name=setup.server_name), 1)
    page.paragraph(
        msg(
            "Keep this page where you find it when the service is down. It holds no secrets, but "
            "it says where your servers are: do not publish it."
        )
    )
    _overview(page, setup)
    _hosts(page, setup, plan)
    if setup.option == 4:
        _home_line(page, setup)
    if plan is not None:
        _records(page, plan.records)
        _devices(page, setup, plan)
        _files(page, plan)
    _visible(page, setup, plan)
    _upkeep(page, setup, plan)
    _findings(page, findings)
    _canary(page, canary)
    _history(page, setup)


def _overview(page: Page, setup: Setup) -> None:
    option = OPTIONS[setup.option]
    page.heading(msg("Overview"))
    servers = homeservers(setup)
    for server in servers:
        if len(servers) > 1:
            page.heading(for_whom(setup, server), 3)
            page.item(msg("On {host}", host=server.host.name))
        _server(page, setup, server)
    federation = {
        "own": msg("Exchanges messages with the servers of this setup only."),
        "open": msg("Exchanges messages with every Matrix server that asks."),
    }
    if len(servers) > 1:
        page.heading(msg("Between the servers"), 3)
    page.item(federation[setup.settings.federation])
    for link in links(setup):
        page.item(link.text)
    page.heading(
        msg("Option {number}: {title}", number=option.number, title=page.plain(option.title)), 3
    )
    page.paragraph(option.summary)
    for note in option.notes:
        page.item(note)
    page.paragraph(NOT_LEGAL_ADVICE)


def _server(page: Page, setup: Setup, server: Homeserver) -> None:
    page.item(
        msg(
            "Server name: {name}. It ends every user id, and can never be changed.",
            name=server.server_name,
        ),
        "name",
    )
    page.item(msg("Homeserver address for apps: {url}", url=server.base_url), "url")
    page.item(
        msg("Link that fills it in on phones (a convenience): {url}", url=app_link(server)), "url"
    )
    for url in spare_urls(server):
        page.item(msg("Spare address, for the same accounts: {url}", url=url), "url")
    page.item(
        msg("Administrator: {user}", user=f"@{setup.settings.admin}:{server.server_name}"), "user"
    )


def _login_line(login: Login) -> str:
    return f"ssh -p {login.port} {login.user}@{login.address}"


def _hosts(page: Page, setup: Setup, plan: Plan | None) -> None:
    page.heading(msg("Servers"))
    for host in setup.hosts:
        page.heading(msg("{name} ({role})", name=host.name, role=host.role.value), 3)
        _host(page, host)
        planned = {one.host: one for one in plan.hosts}.get(host.name) if plan else None
        if planned is not None:
            page.item(
                msg(
                    "Ports that must be open, also in the provider's own firewall: TCP {tcp}",
                    tcp=", ".join(map(str, planned.open_tcp)) or "–",
                )
            )
            if planned.open_udp:
                page.item(msg("and UDP {udp}", udp=", ".join(map(str, planned.open_udp))))


def _host(page: Page, host: Host) -> None:
    login = host.login
    page.item(
        msg(
            "Address {address}, SSH port {port}, user {user}",
            address=login.address,
            port=login.port,
            user=login.user,
        ),
        "address",
        "user",
    )
    for public in (host.public_ipv4, host.public_ipv6):
        if public:
            page.item(msg("Public address: {address}", address=public), "address")
    page.item(msg("Log in: {command}", command=_login_line(login)), "command")
    _host_key(page, login)
    if host.jump is not None:
        page.item(msg("By way of: {command}", command=_login_line(host.jump)), "command")
        _host_key(page, host.jump)


def _host_key(page: Page, login: Login) -> None:
    known = fingerprint(login.host_key)
    if known:
        page.item(
            msg(
                "Host key: {algorithm} {fingerprint}",
                algorithm=login.host_key.split()[0],
                fingerprint=known,
            ),
            "fingerprint",
        )
    else:
        page.item(msg("Host key: not confirmed yet"))


def _records(page: Page, records: Sequence[Record]) -> None:
    page.heading(msg("DNS records"))
    for where, introduction in _WHERE.items():
        wanted = [r for r in records if r.where == where and r.must == "exist"]
        if wanted:
            page.paragraph(introduction)
            page.block(*(line for record in wanted for line in record.line.split("\n")))
    absent = [record for record in records if record.must == "absent"]
    if absent:
        page.paragraph(msg("These must not exist:"))
    for record in absent:
        page.item(
            msg(
                "{record}: {why}",
                record=f"{record.name} {record.type}",
                why=page.plain(record.why),
            ),
            "record",
        )


def _home_line(page: Page, setup: Setup) -> None:
    page.heading(msg("The home line"))
    page.item(router_rule(setup))
    page.item(
        msg(
            "Give the machine a fixed address in the home network, in the router's list of"
            " devices, or the rule leads nowhere one day."
        )
    )
    page.heading(msg("When the home line is down"), 3)
    for step in home_line_down(setup):
        page.item(step)


def _devices(page: Page, setup: Setup, plan: Plan) -> None:
    if not device_steps.device_steps(setup, plan.records):
        return
    device_steps.write(page, setup, plan.records)
    page.item(
        msg(
            "Save the files for devices and routers: {command}",
            command=f"matrix-assistant export --setup {setup.name} --devices .",
        ),
        "command",
    )


def _visible(page: Page, setup: Setup, plan: Plan | None) -> None:
    page.heading(msg("Who can see what"))
    page.paragraph(
        msg("What is written in an encrypted conversation can be read on its devices only. But:")
    )
    for fact in visible(setup, plan):
        page.item(fact)


def _files(page: Page, plan: Plan) -> None:
    page.heading(msg("Where things are"))
    for place in places(plan):
        page.item(
            msg(
                "{host}: {title}: {path}",
                title=page.plain(place.title),
                host=place.host,
                path=place.path,
            ),
            "path",
        )
    page.paragraph(
        msg(
            "Backups lie on the server itself. Copy them elsewhere now and then: if the server is "
            "lost with its signing key and database, so is the service."
        )
    )


def _upkeep(page: Page, setup: Setup, plan: Plan | None) -> None:
    page.heading(msg("Day to day"))

    def command(does: Message, line: str) -> None:
        page.item(
            msg("{does}: {command}", does=page.plain(does), command=line),
            "command",
        )

    for name, does in (
        ("check", msg("Find out what is wrong")),
        ("canary", msg("Prove that encrypted messages arrive")),
        ("status", msg("See what was done and what the servers say")),
        ("apply", msg("Bring the servers back to the plan")),
        ("undo", msg("Take back what was applied (databases, media and keys stay)")),
    ):
        command(does, f"matrix-assistant {name} --setup {setup.name}")
    if plan is None:
        return
    for server in homeservers(setup):
        command(
            msg("Give somebody an account (on {host}; it asks for all)", host=server.host.name),
            add_person_command(),
        )
    command(
        msg("See what Synapse says (on the server)"),
        "sudo journalctl -u matrix-synapse.service -n 100",
    )
    for host in plan.hosts:
        for timer in timers(host.resources):
            page.item(
                msg(
                    "By itself on {host}: {what} ({calendar}). At once: {command}",
                    host=host.host,
                    what=timer.description,
                    calendar=timer.calendar,
                    command=f"sudo systemctl start {timer.name}.service",
                ),
                "command",
            )


def _findings(page: Page, findings: Sequence[Finding]) -> None:
    page.heading(msg("What the checks found"))
    if not findings:
        page.paragraph(msg("No checks were made for this setup as it is now."))
        return
    ordered = sorted(findings, key=lambda finding: _WORST_FIRST.index(finding.status))
    page.table(
        (msg("Status"), msg("Subject"), msg("Seen from"), msg("Found"), msg("What mends it")),
        (
            (
                _STATUS[finding.status],
                finding.subject,
                finding.vantage,
                finding.summary,
                finding.remedy.text if finding.remedy else "",
            )
            for finding in ordered
        ),
    )


def _canary(page: Page, canary: CanaryResult | None) -> None:
    page.heading(msg("Encrypted test conversation"))
    if canary is None:
        page.paragraph(msg("Not tried in this run."))
        return
    page.item(
        msg(
            "{delivered} of {sent} messages delivered and decrypted",
            delivered=canary.delivered,
            sent=canary.sent,
        )
    )
    for direction in canary.directions:
        _direction(page, direction)
    page.item(
        msg("Stored encrypted on every server: proven")
        if canary.encrypted_on_server
        else msg("Stored encrypted on every server: not proven")
    )
    page.item(msg("Test users removed: yes") if canary.removed else msg("Test users removed: no"))
    if canary.failure is not None:
        page.item(canary.failure)


def _direction(page: Page, direction: Direction) -> None:
    half, most = direction.p50_ms, direction.p95_ms
    if half is None or most is None:
        return
    page.item(
        msg(
            "{start} → {end}: half within {half:.0f} ms, 95 % within {most:.0f} ms",
            start=direction.sender_server,
            end=direction.receiver_server,
            half=half,
            most=most,
        )
    )


def _history(page: Page, setup: Setup) -> None:
    if not setup.history:
        return
    page.heading(msg("History"))
    page.table(
        (msg("When (UTC)"), msg("What"), msg("Server"), msg("Outcome"), msg("Detail")),
        (
            (
                entry.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M"),
                history_words(entry.what),
                entry.host,
                msg("ok") if entry.ok else msg("failed"),
                entry.detail,
            )
            for entry in setup.history[-_HISTORY:]
        ),
    )
