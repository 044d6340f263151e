"""Our files on a host, who it may speak with, its names and certificates. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from assistant.findings.model import Finding, Mender, Status
from assistant.onhost.handlers.firewall import RULES
from assistant.plan.recipes.matrix.synapse_unit import HOMESERVER, UNIT
from assistant.text import Message, msg
from checks.causes import remedy
from checks.host.follows import apply_again, finding

FRESH = 120.0
"""Seconds a renewed certificate may take until the web server shows it."""

_AGAIN = msg(
    "Apply the setup again. It shows each change and asks first where a file was edited by hand."
)


def judge_files(host: str, files: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """One finding per kind of difference, with the files it is about."""
    for what, (status, cause) in _KINDS.items():
        mine = [item for item in files if item.get("what") == what]
        if not mine:
            continue
        paths = ", ".join(str(item["path"]) for item in mine[:3])
        paths += ", …" if len(mine) > 3 else ""
        yield finding(
            host,
            cause,
            status,
            cause,
            _files_words(what, {"count": len(mine), "host": host, "paths": paths}),
            evidence=[f"{item['path']}: {what}, {item.get('age')} s ago" for item in mine],
            mend=apply_again(_AGAIN),
        )


_KINDS = {
    "missing": (Status.FAILED, "config-missing"),
    "rights": (Status.WARNING, "config-rights"),
    "by-hand": (Status.WARNING, "config-changed-by-hand"),
    "not-applied": (Status.WARNING, "config-not-applied"),
}


def _files_words(what: str, values: Mapping[str, Any]) -> Message:
    if what == "missing":
        return msg("Files of the assistant are missing on {host} ({count}): {paths}.", **values)
    if what == "rights":
        return msg("Owner or rights of files were changed on {host} ({count}): {paths}.", **values)
    if what == "by-hand":
        return msg("Files were changed by hand on {host} ({count}): {paths}.", **values)
    return msg("The setup has changed since it was last applied to {host}: {paths}.", **values)


def judge_federation(
    host: str,
    told: Mapping[str, Any],
    wanted: Collection[str] | None,
    units: Sequence[Mapping[str, Any]] = (),
) -> Iterator[Finding]:
    """Whether the settings let the server speak with exactly those it is meant to."""
    servers = told.get("servers")
    if wanted is None or not told.get("readable"):
        return
    found = {str(name) for name in servers} if isinstance(servers, (list, tuple)) else None
    if found == set(wanted):
        return
    values: dict[str, Any] = {"host": host}
    lacking = sorted(set(wanted) - (found or set())) if found is not None else []
    extra = sorted((found or set()) - set(wanted))
    if lacking:
        text = msg(
            "The Matrix server on {host} is not allowed to speak with {names}: messages there are"
            " refused.",
            names=", ".join(lacking),
            **values,
        )
    elif found is None:
        text = msg("The Matrix server on {host} speaks with every server in the world.", **values)
    else:
        text = msg(
            "The Matrix server on {host} may also speak with {names}, which is not planned.",
            names=", ".join(extra),
            **values,
        )
    yield finding(
        host,
        "federation-list",
        Status.FAILED if lacking else Status.WARNING,
        "federation-list-wrong",
        text,
        why=_not_yet(told, units),
        evidence=(f"federation_domain_whitelist: {sorted(found or ())}", HOMESERVER),
        mend=apply_again(_AGAIN),
    )


def _not_yet(told: Mapping[str, Any], units: Sequence[Mapping[str, Any]]) -> Message | None:
    running = next((unit for unit in units if unit.get("unit") == UNIT), None)
    written, started = told.get("age"), running.get("age") if running else None
    if not isinstance(written, (int, float)) or not isinstance(started, (int, float)):
        return None
    if written >= started:
        return None
    return msg("The file is newer than the running server: it counts at the next start.")


def judge_names(
    host: str, told: Mapping[str, Sequence[str]], wanted: Mapping[str, Collection[str]]
) -> Iterator[Finding]:
    """The names of the other server, which this one finds in its own hosts file."""
    missing = [name for name in sorted(wanted) if not told.get(name)]
    wrong = [
        name
        for name in sorted(wanted)
        if told.get(name) and {_plain(value) for value in told[name]} != set(wanted[name])
    ]
    for names, cause, text in (
        (missing, "hosts-record-missing",
         msg("{host} does not know where {names} is: the line is missing in its hosts file.",
             host=host, names=", ".join(missing))),
        (wrong, "hosts-record-wrong",
         msg("{host} looks for {names} at a wrong address, by its hosts file.",
             host=host, names=", ".join(wrong))),
    ):  # fmt: skip
        if names:
            shown = [f"{name}: {list(told.get(name) or ())}, not {sorted(wanted[name])}"
                     for name in names]  # fmt: skip
            yield finding(
                host, "hosts-file", Status.FAILED, cause, text, evidence=shown,
                mend=apply_again(_AGAIN),
            )  # fmt: skip


def _plain(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        return value


def judge_certificates(host: str, told: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Whether there is a certificate and the web server shows that very one."""
    values = {"host": host}
    for item in told:
        if not item.get("there"):
            yield finding(
                host, "certificate", Status.FAILED, "certificate-missing",
                msg("There is no certificate on {host}.", **values),
                evidence=(str(item.get("path")),),
                mend=apply_again(msg("Apply the setup again: it asks for a new one.")),
            )  # fmt: skip
        elif item.get("same") is False and float(item.get("age") or 0) > FRESH:
            yield finding(
                host, "certificate", Status.FAILED, "certificate-not-reloaded",
                msg("The web server on {host} still shows an older certificate than the one it"
                    " has.", **values),
                evidence=(f"{item.get('path')}: renewed {item.get('age')} s ago",),
                mend=remedy(Mender.YOU, msg(
                    "Run on {host}: systemctl reload nginx", **values)),
            )  # fmt: skip


def without(files: Sequence[Mapping[str, Any]], causes: Collection[str]) -> list[Mapping[str, Any]]:
    """The files that no finding of another rule is about: those say more than "changed"."""
    told = {
        HOMESERVER: {"federation-list-wrong"},
        "/etc/hosts": {"hosts-record-missing", "hosts-record-wrong"},
        RULES: {"firewall-rule-missing"},
    }
    return [item for item in files if not told.get(str(item.get("path")), set()) & set(causes)]
