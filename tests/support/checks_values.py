"""Values the tests of the checks share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from assistant.answers import Answers
from assistant.findings.model import THIS_COMPUTER, Finding, Measurement
from assistant.plan.compile import compile_plan
from assistant.plan.model import HostPlan, Plan, Record
from assistant.setup.model import Host, Login, Role, Setup
from assistant.text import msg
from checks.check import Context
from tests.support.option_setups import setup as option_setup

ADDRESS = "203.0.113.9"
NAME = "chat.example.org"


def setup(**more: Any) -> Setup:
    """Option 1 with one host at a documentation address."""
    host = Host(
        name="outside",
        role=Role.OUTSIDE,
        login=Login(address=ADDRESS),
        public_ipv4=ADDRESS,
    )
    return Setup(
        name="family",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        answers=Answers(),
        option=1,
        server_name=NAME,
        access_name=NAME,
        hosts=(host,),
        **more,
    )


PLAN = Plan(
    option=1,
    server_name=NAME,
    access_name=NAME,
    hosts=(HostPlan(host="outside", resources=(), open_tcp=(22, 80, 443)),),
    records=(
        Record(name=NAME, type="A", values=(ADDRESS,), why=msg("Apps connect to it.")),
        Record(name=NAME, type="AAAA", values=(), must="absent", why=msg("No IPv6 here.")),
    ),
)


def measured(
    probe: str = "p", error: str = "", vantage: str = THIS_COMPUTER, kind: str = "tcp", **data: Any
) -> Measurement:
    """One measurement; ``data`` is what came back."""
    return Measurement(
        vantage=vantage, probe=probe, kind=kind, ok=not error, error=error, ms=20, data=data
    )


def context(**more: Any) -> Context:
    """What a check gets to look at, from this computer and the host."""
    values: dict[str, Any] = {
        "setup": setup(),
        "plan": PLAN,
        "phase": "before",
        "nonce": "nonce 1",
        "vantages": (THIS_COMPUTER, "outside"),
        "subjects": ("outside",),
        **more,
    }
    return Context(**values)


def of_option(option: int, **more: Any) -> Context:
    """What a check gets to look at in an option, from this computer and all its hosts.

    ``settings`` are changes of settings, ``changes`` changes of the setup; the rest is the
    context's.
    """
    made = option_setup(option, **more.pop("changes", {}))
    settings = made.settings.model_copy(update=more.pop("settings", {}))
    made = made.model_copy(update={"settings": settings})
    values: dict[str, Any] = {
        "setup": made,
        "plan": compile_plan(made),
        "phase": "after",
        "nonce": "nonce 1",
        "vantages": (THIS_COMPUTER, *(host.name for host in made.hosts)),
        "subjects": tuple(host.name for host in made.hosts),
        **more,
    }
    return Context(**values)


def texts(findings: Sequence[Finding]) -> str:
    """All words of findings, as they are shown: a template that lacks a value would raise."""
    words = [str(part) for f in findings for part in (f.summary, f.why or "")]
    words += [str(f.remedy.text) for f in findings if f.remedy is not None]
    assert not any("{" in word for word in words)
    return "\n".join(words)


def brief(findings: Sequence[Finding]) -> list[tuple[str, str, str]]:
    """(subject, status, cause) of findings."""
    return [(f.subject, f.status.value, f.cause) for f in findings]
