"""Units, the database, and whether Synapse can serve, as the host itself saw them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assistant.findings.model import Finding, Mender, Status
from assistant.text import msg
from checks.causes import remedy
from checks.host.follows import apply_again, finding

UP = ("active", "reloading", "refreshing")
SETTLED = 300.0
"""Seconds after which a service that keeps being started again has calmed down."""

_NAMES = {
    "matrix-synapse.service": "Synapse",
    "nginx.service": "nginx",
    "postgresql.service": "PostgreSQL",
}


def called(unit: str) -> str:
    """A unit by the name of its program."""
    if unit.startswith("postgresql@"):
        return "PostgreSQL"
    return _NAMES.get(unit, unit)


def judge_units(host: str, units: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """One finding per unit that is switched off for good, is down, or keeps dying."""
    told: set[str] = set()
    for unit in sorted(units, key=_tells_most):
        name = str(unit["unit"])
        if called(name) in told:
            continue
        values = {"host": host, "service": called(name), "unit": name}
        words = [f"{name}: {unit.get('active')} ({unit.get('sub')}, {unit.get('result')})"]
        words += [str(line) for line in unit.get("words", ())]
        if unit.get("load") == "masked" or (unit.get("active") not in UP and not _coming(unit)):
            told.add(called(name))
        if unit.get("load") == "masked":
            yield finding(
                host,
                name,
                Status.FAILED,
                "unit-masked",
                msg("{service} was switched off for good on {host}.", **values),
                evidence=words,
                mend=remedy(
                    Mender.YOU,
                    msg("Run on {host}: systemctl unmask {unit}. Then apply again.", **values),
                ),
            )
        elif unit.get("active") not in UP and not _coming(unit):
            yield _down(host, unit, values, words)
        elif _dying(unit):
            yield finding(
                host,
                name,
                Status.WARNING,
                "service-restarting",
                msg("{service} on {host} keeps ending and being started again.", **values),
                evidence=words,
                mend=apply_again(),
            )


def _tells_most(unit: Mapping[str, Any]) -> tuple[bool, bool]:
    """A cluster of PostgreSQL says more than the unit that covers it, switched off most of all."""
    return (unit.get("load") != "masked", not str(unit["unit"]).startswith("postgresql@"))


def _coming(unit: Mapping[str, Any]) -> bool:
    return unit.get("active") == "activating" and not str(unit.get("sub")).startswith("auto")


def _dying(unit: Mapping[str, Any]) -> bool:
    age = unit.get("age")
    return int(unit.get("restarts") or 0) >= 3 and isinstance(age, (int, float)) and age < SETTLED


def _down(
    host: str, unit: Mapping[str, Any], values: Mapping[str, Any], words: Sequence[str]
) -> Finding:
    name = str(unit["unit"])
    if unit.get("result") == "oom-kill":
        return finding(
            host,
            name,
            Status.FAILED,
            "memory-exhausted",
            msg("{host} ran out of memory, and {service} was ended for it.", **values),
            evidence=words,
            mend=remedy(
                Mender.YOU,
                msg("Change to a size with more memory in your provider's console."),
            ),
        )
    cause = "database-down" if called(name) == "PostgreSQL" else "service-down"
    text = (
        msg("{service} is not installed on {host}.", **values)
        if unit.get("load") == "not-found"
        else msg("{service} does not run on {host}.", **values)
    )
    return finding(host, name, Status.FAILED, cause, text, evidence=words, mend=apply_again())


def judge_database(host: str, told: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether Synapse's own account can read and write; a full disk is named as such."""
    text = str(told.get("text", ""))
    low = text.lower()
    if told.get("wrote") and not told.get("recovering"):
        return
    values = {"host": host}
    if "no space left" in low:
        cause, words = "disk-full", msg("The database of {host} has no disk space left.", **values)
    elif told.get("recovering") or "read-only" in low:
        cause = "database-read-only"
        words = msg("The database of {host} can be read but not written.", **values)
    elif not told.get("up"):
        cause, words = "database-down", msg("The database of {host} cannot be reached.", **values)
    else:
        cause, words = "database-failing", msg("The database of {host} fails.", **values)
    mend = {
        "disk-full": _free_disk(),
        "database-down": apply_again(),
        "database-read-only": remedy(
            Mender.YOU,
            msg(
                "Somebody or something made it read-only: look at default_transaction_read_only"
                " and at the log of PostgreSQL on {host}.",
                **values,
            ),
        ),
    }.get(cause, remedy(Mender.YOU, msg("Look at the log of PostgreSQL on {host}.", **values)))
    yield finding(host, "database", Status.FAILED, cause, words, evidence=(text,), mend=mend)


def _free_disk() -> Any:
    return remedy(
        Mender.YOU, msg("Delete what you do not need on the server, or enlarge its disk.")
    )


def judge_synapse(
    host: str, health: Sequence[Mapping[str, Any]], login: Mapping[str, Any] | None
) -> Iterator[Finding]:
    """Whether Synapse answers on the host, and whether it can look an account up."""
    values = {"host": host}
    for item in health:
        status, error = item.get("status"), str(item.get("error", ""))
        if status == 200:
            continue
        shown = (f"{item.get('url')}: {error or status}",)
        hangs = "timed out" in error or "Timeout" in error
        cause = "synapse-hangs" if hangs else "synapse-down"
        text = (
            msg("The Matrix server on {host} runs but does not answer.", **values)
            if hangs
            else msg("The Matrix server does not answer on {host} itself.", **values)
        )
        yield finding(
            host, "synapse", Status.FAILED, cause, text, evidence=shown, mend=apply_again()
        )
        return
    if login is None or login.get("status") in (0, 403, 429):
        # 0 says nothing of its own where the health was asked at the same place and is fine, but
        # hanging on the database looks like that.
        if login is not None and login.get("status") == 0:
            yield _login_fails(host, str(login.get("error", "")))
        return
    yield _login_fails(host, f"{login.get('status')} {login.get('errcode', '')}")


def _login_fails(host: str, evidence: str) -> Finding:
    return finding(
        host,
        "login",
        Status.FAILED,
        "login-fails",
        msg("Nobody can log in on {host}: the Matrix server fails at looking up accounts.",
            host=host),
        evidence=(evidence,),
        mend=apply_again(msg("Apply the setup again; if it stays so, look at Synapse's log.")),
    )  # fmt: skip
