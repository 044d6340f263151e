"""Values for the tests of the screens: what an apply, a canary and trying a server report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from assistant.canary.model import CanaryEvent, CanaryResult, Direction, Line
from assistant.dns_records.publish import Outcome
from assistant.onhost.said import fields, said
from assistant.operations.apply import HostPreview
from assistant.operations.follow import HostResult, Progress
from assistant.plan.model import Record
from assistant.text import msg
from screens.services.protocol import ReachStep
from tests.support.screens_values import ADDRESS, INSIDE_NAME, NAME, ODD, OUTSIDE, RUN

_CONFIG_DIFF = """\
--- /etc/matrix-synapse/homeserver.yaml
+++ /etc/matrix-synapse/homeserver.yaml
@@ -1,4 +1,4 @@
 server_name: chat.example.org
-max_upload_size: 100M
+max_upload_size: 50M
 enable_registration: false
"""


def _state(action: str, id: str, title: str, summary: str = "", diff: str = "") -> dict[str, Any]:
    return {
        "event": "state",
        "id": id,
        "title": title,
        "action": action,
        **fields("summary", summary),
        "diff": diff,
    }


STATES: tuple[dict[str, Any], ...] = (
    _state("none", "packages:base", "Basic packages"),
    _state("create", "packages:postgresql", "PostgreSQL", "postgresql is not installed"),
    _state("create", "user:matrix-synapse", "Account of Synapse"),
    _state("create", "directory:/etc/matrix-synapse", "Folder for Synapse's settings"),
    _state("create", "virtualenv:/opt/matrix-assistant/synapse", "Synapse"),
    _state("create", "secret:/etc/matrix-synapse/form_secret", "Secret for web forms"),
    _state(
        "update",
        "file:/etc/matrix-synapse/homeserver.yaml",
        "Synapse: settings",
        "the file differs",
        _CONFIG_DIFF,
    ),
    _state("unknown", "service:matrix-synapse.service", "Start Synapse"),
    _state("create", "firewall:matrix_assistant", "Firewall"),
    _state("create", "certificate:matrix-assistant", "Certificate"),
    _state("run", "command:first-admin", "Account of the administrator"),
    _state("restart", "service:nginx.service", "Web server: take port 443"),
)
CONFLICT = _state(
    "conflict",
    "file:/etc/nginx/conf.d/matrix-assistant-https.conf",
    "Web server: port 443",
    said("edited by hand since the last apply"),
    f"--- as written\n+++ on the server\n@@ -1 +1 @@\n-listen 443;\n+listen 443; # {ODD}\n",
)
PREVIEWS = (HostPreview(OUTSIDE, 53, STATES),)
PREVIEWS_CONFLICT = (HostPreview(OUTSIDE, 53, (*STATES, CONFLICT)),)
PREVIEWS_NOTHING = (HostPreview(OUTSIDE, 53, (STATES[0],)),)

_APPLIED = (
    ("packages:base", "Basic packages"),
    ("packages:postgresql", "PostgreSQL"),
    ("user:matrix-synapse", "Account of Synapse"),
    ("virtualenv:/opt/matrix-assistant/synapse", "Synapse"),
    ("file:/etc/matrix-synapse/homeserver.yaml", "Synapse: settings"),
    ("service:matrix-synapse.service", "Start Synapse"),
    ("firewall:matrix_assistant", "Firewall"),
    ("certificate:matrix-assistant", "Certificate"),
    ("command:first-admin", "Account of the administrator"),
)


def progress(host: str, events: Sequence[Mapping[str, Any]]) -> tuple[Progress, ...]:
    """Events of a run as the app gets them, numbered and dated."""
    return tuple(
        Progress(host, {"seq": seq, "at": 1772373600.0 + seq, **event})
        for seq, event in enumerate(events, 1)
    )


def apply_events(
    *, fail_at: int | None = None, finished: bool = True, host: str = OUTSIDE
) -> tuple[Progress, ...]:
    """A whole apply of nine resources: output, a lost connection, a firewall to confirm.

    ``fail_at`` is the number of the resource (from 1) that fails.
    """
    events: list[dict[str, Any]] = [
        {"event": "run", "run": RUN, "what": "apply", "total": len(_APPLIED)}
    ]
    failed = 0
    for index, (id, title) in enumerate(_APPLIED, 1):
        if index == 1:
            events.append({"event": "unchanged", "id": id, "seconds": 0.0, "summary": ""})
            continue
        events.append({"event": "started", "id": id, "title": title, "index": index})
        events.append({"event": "output", "id": id, "text": f"Setting up {title} …\n"})
        if index == fail_at:
            failed = 1
            events.append(
                {
                    "event": "failed",
                    "id": id,
                    "cause": "disk-full",
                    "text": "The disk of the server is full.",
                    "tail": ["E: write error - No space left on device", ODD],
                }
            )
            break
        if id.startswith("virtualenv"):
            events.append({"event": "output", "id": id, "text": ODD + "\n"})
            events.append(
                {"event": "reconnecting", "attempt": 1, "wait": 1.0, "cause": "connection-lost"}
            )
        if id.startswith("firewall"):
            events.append({"event": "confirm", "token": "t0", "seconds": 60})
            events.append({"event": "confirmed", "token": "t0"})
        events.append({"event": "changed", "id": id, "seconds": 1.5, "summary": "done"})
    changed = sum(event["event"] == "changed" for event in events)
    if finished:
        end = {"ok": not failed, "changed": changed, "failed": failed, "stopped": False}
        events.append({"event": "finished", **end})
        events.append({"event": "result", "run": RUN, **end})
    return progress(host, events)


APPLY_EVENTS = apply_events()
APPLY_RESULTS = (
    HostResult(
        OUTSIDE, RUN, True, 184.0, changed=8, changes=tuple(id for id, _ in _APPLIED[1:])
    ),
)  # fmt: skip
APPLY_FAILED_EVENTS = apply_events(fail_at=4)
APPLY_FAILED = (
    HostResult(
        OUTSIDE,
        RUN,
        False,
        61.0,
        changed=2,
        failed="virtualenv:/opt/matrix-assistant/synapse",
        cause="disk-full",
        said=msg("The disk of the server is full."),
        tail=("E: write error - No space left on device", ODD),
        changes=("packages:postgresql", "user:matrix-synapse"),
    ),
)

_TALK = (
    ("A", "The kettle sings at noon 7f3a", 61.0),
    ("B", "Seven boats on the lake 7f3a", 74.0),
    ("A", "Rain is due on Thursday 7f3a", 58.0),
    ("B", "Bring the blue umbrella 7f3a", 66.0),
)
CANARY_EVENTS: tuple[CanaryEvent, ...] = (
    CanaryEvent(
        step="clean", message=msg("Removing test users that an earlier run left behind")
    ),
    CanaryEvent(step="create", message=msg("Making two test users")),
    CanaryEvent(step="login", message=msg("Logging in as both")),
    CanaryEvent(step="room", message=msg("Meeting in a new encrypted room")),
    CanaryEvent(step="keys", message=msg("Exchanging keys")),
    *(
        CanaryEvent(
            step="message",
            message=msg(
                "{sender} → {receiver}: {text}",
                sender=sender,
                receiver="B" if sender == "A" else "A",
                text=text,
            ),
            sender=sender,
            ms=ms,
        )
        for sender, text, ms in _TALK
    ),
    CanaryEvent(step="proof", message=msg("Reading what the servers stored")),
    CanaryEvent(
        step="proof",
        message=msg("Every stored message is encrypted; no text is in the clear"),
    ),
    CanaryEvent(step="remove", message=msg("Removing the test users")),
    CanaryEvent(step="remove", message=msg("The test users are gone")),
)  # fmt: skip


def _direction(sender: Literal["A", "B"]) -> Direction:
    ms = tuple(ms for name, _, ms in _TALK if name == sender)
    return Direction(sender=sender, sender_server=NAME, receiver_server=NAME, sent=2, ms=ms)


CANARY_RESULT = CanaryResult(
    directions=(_direction("A"), _direction("B")),
    encrypted_on_server=True,
    removed=True,
    transcript=tuple(
        Line(sender="A" if sender == "A" else "B", text=text, ms=ms) for sender, text, ms in _TALK
    ),
    seconds=3.4,
)
CANARY_TWO = CANARY_RESULT.model_copy(
    update={
        "directions": (
            _direction("A").model_copy(
                update={"sender_server": INSIDE_NAME, "receiver_server": NAME}
            ),
            _direction("B").model_copy(
                update={"sender_server": NAME, "receiver_server": INSIDE_NAME}
            ),
        )
    }
)
"""The same between two servers."""
CANARY_FAILED = CanaryResult(
    cause="unreachable",
    failure=msg(
        "{url} cannot be reached from here: the connection failed or broke.", url=f"https://{NAME}"
    ),
    removed=True,
    seconds=30.0,
)
CANARY_FAILED_EVENTS = (
    *CANARY_EVENTS[:3],
    CanaryEvent(step="login", message=CANARY_FAILED.failure or msg("?"), ok=False),
)

REACH_STEPS: tuple[ReachStep, ...] = (
    ReachStep("reached", "running"),
    ReachStep("reached", "ok"),
    ReachStep("key", "running"),
    ReachStep("key", "ok"),
    ReachStep("login", "running"),
    ReachStep("login", "ok"),
    ReachStep("sudo", "running"),
    ReachStep("sudo", "ok"),
    ReachStep("release", "running"),
    ReachStep("release", "ok"),
)
REACH_FAILED = (*REACH_STEPS[:5], ReachStep("login", "failed"))

SUMMARY = f"""# {NAME}

- Server: {ADDRESS}
- Administrator: @admin:{NAME}
"""

RECORDS_SET = (
    Outcome(
        record=Record(name=NAME, type="A", values=(ADDRESS,), why=msg("Apps connect to it.")),
        state="changed",
        text=msg("{name} {type} was added.", name=NAME, type="A"),
    ),
)
"""What a DNS company says after the record was set."""
