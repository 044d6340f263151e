"""What the summaries say, and what they never say."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from markdown_it import MarkdownIt

from assistant.advice.options import OPTIONS
from assistant.answers import Answers
from assistant.canary import CanaryResult, Direction
from assistant.export import app_link, homeserver_url, summary_json, summary_markdown
from assistant.export.deployment_facts import fingerprint
from assistant.findings.model import Confidence, Finding, Mender, Remedy, Status
from assistant.plan.compile import compile_plan
from assistant.plan.model import HostPlan, Plan, Record
from assistant.setup.model import HistoryEntry, Host, Login, Mirror, Role, Settings, Setup
from assistant.text import msg

KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + b"k" * 32).decode()
NASTY = "a`b | <script>x</script> [l](http://evil.example)\n# h"
SECRET = "hunter2-hunter2"
PARSER = MarkdownIt("commonmark").enable("table")


def _setup(**changes: Any) -> Setup:
    values: dict[str, Any] = {
        "name": "family",
        "created": datetime(2026, 11, 1, tzinfo=UTC),
        "answers": Answers(consequence="questioned"),
        "option": 1,
        "server_name": "chat.example.org",
        "hosts": (
            Host(
                name="outside",
                role=Role.OUTSIDE,
                login=Login(
                    address="203.0.113.7",
                    port=2222,
                    user="admin",
                    key_file="/home/someone/.ssh/private_name",
                    host_key=KEY,
                ),
                jump=Login(address="jump.example.net", user="hop"),
                public_ipv4="203.0.113.7",
                release="trixie",
            ),
        ),
        "settings": Settings(
            acme_email="someone@example.org",
            # As no model accepts it: should one be made all the same, it must not get out.
            mirror=Mirror.model_construct(
                uri=f"https://user:{SECRET}@mirror.example.net/debian",
                pip_conf=f"[global]\nindex-url = https://user:{SECRET}@pip.example.net\n",
            ),
        ),
        "history": (
            HistoryEntry(
                at=datetime(2026, 11, 2, 8, 30, tzinfo=timezone(timedelta(hours=8))),
                what="applied",
                host="outside",
                run="r1",
                ok=False,
                detail=NASTY,
            ),
        ),
    }
    return Setup(**(values | changes))


FINDINGS = (
    Finding(
        check="dns",
        subject="chat.example.org",
        vantage="this computer",
        status=Status.OK,
        summary=msg("The name is fine"),
        confidence=Confidence.HIGH,
    ),
    Finding(
        check="tls",
        subject=NASTY,
        vantage="outside",
        status=Status.FAILED,
        cause="reset",
        summary=msg("The server said {text}", text=NASTY),
        evidence=("raw evidence",),
        remedy=Remedy(who=Mender.PROVIDER, text=msg("Ask {who}", who=NASTY)),
        confidence=Confidence.HIGH,
    ),
)

CANARY = CanaryResult(
    directions=(
        Direction(
            sender="A",
            sender_server="chat.example.org",
            receiver_server="chat.example.org",
            sent=3,
            ms=(81.0, 92.4, 120.6),
        ),
    ),
    encrypted_on_server=True,
    removed=True,
)


def _markdown(setup: Setup, **more: Any) -> str:
    values: dict[str, Any] = {
        "plan": compile_plan(setup),
        "findings": FINDINGS,
        "canary": CANARY,
    }
    return summary_markdown(setup, **(values | more))


def _shown(markdown: str) -> str:
    """The text a reader sees; nothing may be a link, an image or HTML."""
    seen: list[str] = []
    for token in PARSER.parse(markdown):
        assert token.type != "html_block", token.content
        for child in token.children or []:
            assert child.type in ("text", "code_inline"), child
            seen.append(child.content)
        if token.type == "fence":
            seen.append(token.content)
    return "\n".join(seen)


def test_what_an_operator_reads() -> None:
    shown = _shown(_markdown(_setup()))
    for part in (
        "https://chat.example.org",
        "@admin:chat.example.org",
        "ssh -p 2222 admin@203.0.113.7",
        "ssh -p 22 hop@jump.example.net",
        fingerprint(KEY),
        "not confirmed yet",
        "22, 80, 443, 2222",
        "chat.example.org. 300 IN A 203.0.113.7",
        "chat.example.org AAAA",
        "/etc/matrix-synapse",
        "/etc/matrix-synapse/homeserver.signing.key",
        "/var/backups/matrix-assistant",
        "/etc/letsencrypt/live/matrix-assistant",
        "/var/lib/matrix-assistant/secrets/admin-password",
        "sudo systemctl start matrix-assistant-certbot.service",
        "sudo systemctl start matrix-assistant-backup.service",
        "matrix-assistant check --setup family",
        "matrix-assistant undo --setup family",
        "3 of 3 messages",
        "half within 92 ms, 95 % within 121 ms",
        "2026-11-02 00:30",
    ):
        assert part in shown, part
    for note in OPTIONS[1].notes:
        assert str(note) in shown
    assert shown.index("✗ failed") < shown.index("✓ ok"), "what is broken comes first"


def test_what_people_read() -> None:
    setup = _setup()
    markdown = _markdown(setup, audience="people")
    shown = _shown(markdown)
    for part in (
        homeserver_url(setup),
        app_link(setup),
        "Element X",
        "FluffyChat",
        "password",
        "@NAME:chat.example.org",
        "When it stops working",
    ):
        assert part in shown, part
    for part in ("203.0.113.7", "ssh", "jump.example.net", "SHA256", "/etc/", NASTY[:8], "✗"):
        assert part not in shown, f"{part} is not for everybody"
    assert shown.index(homeserver_url(setup)) < shown.index(app_link(setup))


@pytest.mark.parametrize("audience", ["operator", "people"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_texts_stay_texts(audience: str, language: str) -> None:
    markdown = _markdown(_setup(), audience=audience, language=language)
    _shown(markdown)
    tables = [t for t in PARSER.parse(markdown) if t.type == "tr_open"]
    assert len(tables) == (5 if audience == "operator" else 0)


@pytest.mark.parametrize("audience", ["operator", "people"])
def test_no_secret_gets_out(audience: Any) -> None:
    setup = _setup(acknowledged="I accept the risks of option 1")
    plan = compile_plan(setup)
    whole = _markdown(setup, audience=audience) + json.dumps(
        summary_json(setup, plan=plan, findings=FINDINGS, canary=CANARY, audience=audience)
    )
    for part in (
        SECRET,
        "mirror.example.net",
        "private_name",
        KEY.split()[1],
        "someone@example.org",
        "I accept",
        "questioned",
        "raw evidence",
    ):
        assert part not in whole, part


def test_json_is_plain_and_versioned() -> None:
    setup = _setup()
    plan = compile_plan(setup)
    summary = summary_json(setup, plan=plan, findings=FINDINGS, canary=CANARY)
    assert json.loads(json.dumps(summary)) == summary
    assert summary["version"] == 1
    assert summary["plan"] == plan.digest
    host = summary["hosts"][0]
    assert host["ssh"] == {
        "address": "203.0.113.7",
        "port": 2222,
        "user": "admin",
        "host_key_fingerprint": fingerprint(KEY),
    }
    assert host["jump"]["host_key_fingerprint"] is None
    assert {place["what"] for place in summary["places"]} == {
        "config",
        "data",
        "backups",
        "signing-key",
        "admin-password",
        "certificate",
    }
    assert [(r["type"], r["must"]) for r in summary["records"]] == [
        ("A", "exist"),
        ("AAAA", "absent"),
    ]
    assert (summary["canary"]["ok"], summary["canary"]["p95_ms"]) == (True, 120.6)
    assert summary["findings"][1]["summary"] == f"The server said {NASTY}", "raw in JSON"


def test_json_for_people_says_nothing_about_servers() -> None:
    setup = _setup()
    summary = summary_json(setup, plan=compile_plan(setup), audience="people")
    assert set(summary) == {
        "version",
        "audience",
        "server_name",
        "homeserver_url",
        "app_link",
        "option",
        "servers",
        "visible",
        "device_records",
        "device_lines",
        "device_profile",
    }


@pytest.mark.parametrize("audience", ["operator", "people"])
def test_without_plan_findings_and_canary(audience: Any) -> None:
    setup = _setup(history=())
    shown = _shown(summary_markdown(setup, plan=None, audience=audience))
    assert "https://chat.example.org" in shown
    assert summary_json(setup, plan=None)["canary"] is None


def test_records_for_devices_reach_the_people() -> None:
    setup = _setup()
    record = Record(
        name="in.example.org",
        type="A",
        values=("198.51.100.4", "198.51.100.5"),
        where="device",
        why=msg("Devices must know it"),
    )
    plan = Plan(
        option=1,
        server_name=setup.server_name,
        access_name=setup.access_name,
        hosts=(HostPlan(host="outside", resources=(), open_tcp=()),),
        records=(record,),
    )
    shown = _shown(summary_markdown(setup, plan=plan, audience="people"))
    assert "198.51.100.4 in.example.org\n198.51.100.5 in.example.org" in shown
    assert "address=/in.example.org/198.51.100.4" in shown
    assert summary_json(setup, plan=plan, audience="people")["device_records"] == [record.line]


def test_fingerprints_are_those_of_ssh() -> None:
    # As `ssh-keygen -lf` shows it for a key made for this test.
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICNu06suWxUupJMZFfM0O2IFIunR1V4WghHKW6Cwfn78"
    assert fingerprint(key) == "SHA256:Zk7llI/5fTO5Xwkwnc9tro59TzZygIEZ0BA7Ow/QwlU"
    assert fingerprint("ssh-ed25519 AAAA__") == "", "no base64"
    assert fingerprint("") == ""
    assert fingerprint("ssh-ed25519") == ""


def test_a_failed_canary_is_told() -> None:
    failed = CanaryResult(cause="tls", failure=msg("The certificate at {url} …", url=NASTY))
    shown = _shown(_markdown(_setup(), canary=failed))
    for part in ("0 of 0", "not proven", "removed: no", "The certificate at a`b"):
        assert part in shown


def test_exporting_needs_no_matrix_client() -> None:
    code = (
        "import sys, assistant.export, assistant.canary;"
        "sys.exit(any(m in sys.modules for m in ('nio', 'aiohttp', 'asyncssh', 'textual')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
