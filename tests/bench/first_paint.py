"""How long the first full screen takes, beside the smallest program Textual can draw.

Run it as ``python -m tests.bench.first_paint [RUNS]``; it prints one JSON object. Both programs
start alternately on terminals of their own, so that whatever else the computer does meets both.
Exit code 1: the ratio of the medians is above the target.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

from tests.support.terminal import Terminal

TARGET = 1.3
ROOT = Path(__file__).parents[2]
PROGRAMS = {
    "one static": ([sys.executable, str(Path(__file__).with_name("one_static.py"))], ("Ready",)),
    # A line of the menu, the primary button and the last hint of the foot: the page is whole.
    "matrix-assistant": (
        [sys.executable, "-m", "assistant"],
        ("Practise on this computer", "Begin ⏎", "^q"),
    ),
}


def first_paint(name: str, home: Path) -> float:
    """Seconds from the start of a program to its first full screen."""
    argv, texts = PROGRAMS[name]
    env = {"XDG_DATA_HOME": str(home), "PYTHONDONTWRITEBYTECODE": ""}
    with Terminal(argv, env=env, cwd=ROOT, paint=texts) as terminal:
        terminal.wait_until(lambda: terminal.painted is not None, 30, "the first full screen")
        assert terminal.painted is not None
        return terminal.painted


def measure(runs: int) -> dict[str, object]:
    """Medians in milliseconds, and their ratio."""
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as home:
        for number in range(runs + 1):
            for name, seconds in times.items():
                taken = first_paint(name, Path(home))
                if number:  # the first one compiles and fills the caches
                    seconds.append(taken * 1000)
    medians = {name: statistics.median(found) for name, found in times.items()}
    ratio = medians["matrix-assistant"] / medians["one static"]
    return {
        "runs": runs,
        "median_ms": {name: round(value, 1) for name, value in medians.items()},
        "ratio": round(ratio, 3),
        "target": TARGET,
        "ok": ratio <= TARGET,
    }


if __name__ == "__main__":
    result = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
    print(json.dumps(result, indent=2))
    sys.exit(0 if result["ok"] else 1)
