"""Three hosts stream a thousand events a second each: does the screen still answer keys?

Run it as ``python -m tests.bench.streaming [SECONDS]``; it prints one JSON object. The program
runs on a terminal of its own. A key is answered when what it changes stands on that terminal:
``?`` opens the help and closes it, ``l`` the log of the servers. Memory is what the kernel
counts as resident, once a second. Exit code 1: a target is missed.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.streaming_app import HOSTS, RATE
from tests.support.terminal import Terminal

ROOT = Path(__file__).parents[2]
P95_MS = 50.0
GROWTH_MB = 5.0
"""What may be added from the second quarter of the time to the last one."""
KEYS = (
    ("?", "Press s to stop after the present step", True),
    ("?", "Press s to stop after the present step", False),
    ("l", "│ Get:", True),
    ("l", "│ Get:", False),
)
"""Keys, and which text they make appear or go."""
PAUSE = 0.2
"""Seconds between an answer and the next key."""


SWITCH = 0.0005
"""Seconds until the emulator's thread lets the one run that notes when bytes arrive."""


def resident(pid: int) -> float:
    """Megabytes of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(seconds: float) -> dict[str, object]:
    """Latencies of keys in milliseconds, memory in megabytes, and whether both are good."""
    sys.setswitchinterval(SWITCH)
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told"
        argv = [sys.executable, "-m", "tests.bench.streaming_app"]
        with Terminal(argv, size=(120, 40), env={"BENCH_TOLD": str(told)}, cwd=ROOT) as terminal:
            terminal.wait("so far")
            latencies, memory = _watch(terminal, seconds)
            terminal.press("ctrl+q")
            terminal.wait_end()
        events = int(told.read_text("utf-8"))
    ordered = sorted(latencies)
    p95 = ordered[max(math.ceil(0.95 * len(ordered)), 1) - 1]
    quarter = len(memory) // 4
    growth = statistics.mean(memory[-quarter:]) - statistics.mean(memory[quarter : 2 * quarter])
    return {
        "hosts": len(HOSTS),
        "events_wanted": int(seconds * RATE * len(HOSTS)),
        "events": events,
        "keys": len(latencies),
        "p50_ms": round(statistics.median(latencies), 1),
        "p95_ms": round(p95, 1),
        "worst_ms": round(ordered[-1], 1),
        "p50_ms_by_key": {
            f"{key} {'opens' if opens else 'closes'}": round(
                statistics.median(latencies[number :: len(KEYS)]), 1
            )
            for number, (key, _, opens) in enumerate(KEYS)
        },
        "memory_mb": [round(value, 1) for value in memory],
        "growth_mb": round(growth, 2),
        "targets": {"p95_ms": P95_MS, "growth_mb": GROWTH_MB},
        "ok": p95 <= P95_MS and growth <= GROWTH_MB and events >= 0.9 * seconds * RATE * len(HOSTS),
    }


def _watch(terminal: Terminal, seconds: float) -> tuple[list[float], list[float]]:
    latencies: list[float] = []
    memory: list[float] = []
    begun = time.monotonic()
    while (now := time.monotonic() - begun) < seconds:
        if now >= len(memory):
            memory.append(resident(terminal.process.pid))
        key, text, appears = KEYS[len(latencies) % len(KEYS)]
        taken = terminal.answer(key, lambda: terminal.shows(text) is appears)  # noqa: B023
        latencies.append(taken * 1000)
        time.sleep(PAUSE)
    return latencies, memory


if __name__ == "__main__":
    result = measure(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
    print(json.dumps(result, indent=2))
    sys.exit(0 if result["ok"] else 1)
