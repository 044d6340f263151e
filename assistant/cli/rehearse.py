"""The ``rehearse`` command: first outside (caches), then again inside the containment."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from assistant.cli.exits import Exit
from assistant.cli.output import Output
from assistant.run import Checker
from assistant.text import msg


def rehearse_command(args: argparse.Namespace, out: Output, checker: Checker) -> Exit:
    """Practise the whole of an option; ends with the report, and not 0 when any of it failed."""
    from assistant.rehearsal.outside import make_ready

    if args.contained:
        return _inside(args, out, checker)
    from assistant.rehearsal.contain import run_contained

    make_ready(args.option, (args.release,))
    command = [sys.executable, "-m", "assistant", "rehearse", "--contained"]
    command += ["--option", str(args.option), "--release", args.release]
    command += ["--json"] * args.json + ["--keep"] * args.keep
    code = run_contained(command)
    try:
        return Exit(code)
    except ValueError:
        return Exit.LOCAL


def _inside(args: argparse.Namespace, out: Output, checker: Checker) -> Exit:
    from assistant.rehearsal.journey import Journey
    from assistant.rehearsal.lab import Lab
    from assistant.rehearsal.outside import make_ready

    # The caches are full by now, so this only looks up where everything is.
    prepared = make_ready(args.option, (args.release,))

    async def work() -> Exit:
        workdir = Path(os.environ["MATRIX_ASSISTANT_LAB_DIR"])
        async with await Lab.start(prepared, workdir=workdir, report=out.say) as lab:
            outside = await lab.boot("outside", release=args.release)
            journey = Journey(
                lab, args.option, args.release, checker, say=out.say, progress=out.status
            )
            report = await journey.travel(outside)
            out.json(report.to_json())
            if report.error:
                out.say(report.error)
            out.print(
                msg("The rehearsal succeeded.") if report.ok else msg("The rehearsal failed.")
            )
            if args.keep:
                out.say(lab.describe())
                out.say(msg("The hosts stay up until you press Ctrl-C here."))
                await asyncio.Event().wait()
            return Exit.OK if report.ok else Exit.NOT_OK

    return asyncio.run(work())
