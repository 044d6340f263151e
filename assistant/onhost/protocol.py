"""What the assistant and the program on the host say to each other.

The assistant sends one request, a JSON object with a ``mode``. The host answers with events, one
JSON object a line on standard output, its name under ``event``; the last one is always ``result``
or ``error``.

Requests::

    {"mode": "inspect", "resources": [...], "resolve": {ID: "overwrite"|"keep"}}
    {"mode": "apply",   "run": RUN, "resources": [...], "secrets": {NAME: VALUE},
                        "resolve": {ID: "overwrite"|"keep"}, "host": NAME}
    {"mode": "follow",  "run": RUN or null (latest), "after": SEQ}
    {"mode": "confirm", "run": RUN, "token": TOKEN}
    {"mode": "stop",    "run": RUN}
    {"mode": "undo",    "run": NEW_RUN, "upto": null}
    {"mode": "status"}
    {"mode": "facts"}
    {"mode": "measure", "probes": [...], "deadline": SECONDS}
    {"mode": "accounts", "action": "create"|"remove"|"admin"|…, ...}
    {"mode": "link", "action": "status"|"request"|"sign"|"install", "host": NAME, ...}

Events of ``inspect``: one ``state`` per resource (``id``, ``action``: one of :data:`ACTIONS`,
``summary``, ``diff``), then ``result`` (``changes``, ``conflicts``).

Events of ``apply``, ``undo`` and ``follow`` carry ``seq`` (1, 2, … within a run) and ``at``
(seconds since 1970, the host's clock): ``run`` (``run``, ``total``), ``started`` (``id``,
``title``, ``index``), ``output`` (``id``, ``text``), ``changed`` / ``unchanged`` / ``kept``
(``id``, ``seconds``, ``summary``), ``failed`` (``id``, ``cause``, ``text``, ``tail``),
``confirm`` (``token``, ``seconds``), ``finished`` (``ok``, ``changed`` and ``failed``: how many,
``stopped``). Then, without a number, ``result`` (``run`` and what ``finished`` said). ``busy``
(``run``, ``since``) before ``error`` means another run holds the lock. While nothing happens for
a while, ``waiting`` (no number, no meaning) shows that the line is alive. A run that was cut off
ends with ``failed`` (cause ``interrupted``), ``finished`` and ``result``, made up by the follower.
An ``apply`` stopped by conflicts sends their ``state`` events before its ``error``; one whose
``run`` is already known on the host follows that run instead of starting it twice.

Events of ``measure``: ``measurement`` (one per attempt; see onhost.measure), ``listening`` and
``peer`` of its listeners, ``waiting`` while nothing happens.

``error`` (``cause``, ``text``, ``tail``) ends any mode that could not do its work.

Beside a ``text`` or ``summary`` that is a sentence of ours stand its ``template`` and, if it has
any, its ``values`` (one that is a sentence itself has a template and values in turn). A title is
its own template.
"""

from __future__ import annotations

STATE_DIR = "/var/lib/matrix-assistant"
"""On the host: state, runs with their journals and receipts (root only, mode 0700)."""

RUNTIME_DIR = "/run/matrix-assistant"
"""On the host: programs and requests of runs under way; gone with a reboot."""

UNIT_PREFIX = "matrix-assistant-run-"
"""Transient units that carry a run are called UNIT_PREFIX + RUN + ``.service``."""

ACTIONS = ("none", "create", "update", "run", "restart", "remove", "conflict", "unknown")
"""What an inspection says must happen to a resource. ``unknown``: cannot be told before others
have been applied (a service whose package is not there yet); it counts as a change."""

FAIL_CAUSES = (
    "disk-full", "apt-lock", "mirror", "read-only", "port-taken", "validation", "acme",
    "not-confirmed", "health", "postgres", "permission", "timeout", "conflict", "missing-secret",
    "command", "unsupported", "interrupted", "no-run", "clock", "name-resolution", "busy",
    "altered",
)  # fmt: skip
"""Causes a ``failed`` or ``error`` event may name, besides ``unknown``."""

MAX_LINE = 256 * 1024
"""Longest event line in bytes; the assistant drops a host that sends a longer one."""

MAX_OUTPUT = 8 * 1024
"""Longest text of one ``output`` event, in characters."""

PROCESS_NAME = "matrix-assistan"
"""What the program calls itself while it runs (the kernel keeps 15 characters): so that its own
temporary listeners are not mistaken for somebody's service, and an administrator knows it."""
