"""A report about a run as plain text, for someone who helps."""

from __future__ import annotations

from collections.abc import Iterable

from assistant import __version__
from assistant.operations.run_state import HostRun
from assistant.text.sanitize import clean_text

_GLYPHS = {"waiting": ".", "running": ">", "done": "+", "same": "=", "kept": "-", "failed": "X"}


def report_text(name: str, runs: Iterable[HostRun], error: str = "") -> str:
    """What was done on each host, how it ended, the last lines. English, for experts."""
    lines = [f"matrix-assistant {__version__}, setup {name}", ""]
    if error:
        lines += [clean_text(error), ""]
    for run in runs:
        lines.append(f"== {run.host}: {run.what} {run.run}")
        lines.append(f"{run.settled} of {run.count} as wanted, {run.phase}, ok: {run.ok}")
        if run.failure is not None:
            failure = run.failure
            lines.append(f"failed at {failure.id or 'no step'} ({failure.cause}): {failure.text}")
            lines += [f"    {line}" for line in failure.tail]
        lines += ["", "steps (+ changed, = as it was, - kept, X failed, > working, . to come):"]
        lines += [f"  {_GLYPHS[step.state]} {step.id}  {step.seconds:.1f} s" for step in run.steps]
        lines += ["", f"last output ({len(run.log)} of {run.logged} lines):"]
        lines += [f"    {line}" for line in run.log]
        lines.append("")
    return "\n".join(clean_text(line) for line in lines) + "\n"
