"""The ``rehearse`` command: first outside (caches), then again inside the containment."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.cli.exit_codes import Exit
from assistant.cli.output import Output
from assistant.operations.check import Checker
from assistant.text import msg

if TYPE_CHECKING:
    from assistant.rehearsal.scenario import Scenario


def rehearse_command(args: argparse.Namespace, out: Output, checker: Checker) -> Exit:
    """Practise the whole of an option; ends with the report, and not 0 when any of it failed."""
    from assistant.rehearsal.make_ready import make_ready

    if args.contained:
        return _inside(args, out, checker)
    from assistant.rehearsal.processes.contain import run_contained

    _scenario(args)  # a mistake in it is told before anything starts
    make_ready((args.release,))
    command = [sys.executable, "-m", "assistant", "rehearse", "--contained"]
    command += ["--option", str(args.option), "--release", args.release]
    for name in ("rtt", "jitter", "loss", "scenario", "links"):
        value = getattr(args, name)
        command += [] if value is None else [f"--{name}", str(value)]
    command += ["--json"] * args.json + ["--keep"] * args.keep
    code = run_contained(command)
    try:
        return Exit(code)
    except ValueError:
        return Exit.LOCAL


def _scenario(args: argparse.Namespace) -> Scenario:
    """What is wrong with this internet: the scenario's file, and over it what was typed."""
    from assistant.rehearsal.scenario import Scenario, read_scenario

    scenario = read_scenario(Path(args.scenario)) if args.scenario else Scenario()
    typed = {"rtt_ms": args.rtt, "jitter_ms": args.jitter, "loss_percent": args.loss}
    given = {name: value for name, value in typed.items() if value is not None}
    border = scenario.border.model_copy(update=given)
    return scenario.model_copy(update={"border": border})


def _inside(args: argparse.Namespace, out: Output, checker: Checker) -> Exit:
    from assistant.rehearsal.journey import Journey, boot_hosts
    from assistant.rehearsal.lab import Lab
    from assistant.rehearsal.make_ready import make_ready

    # The caches are full by now, so this only looks up where everything is.
    prepared = make_ready((args.release,))
    scenario = _scenario(args)
    border = scenario.border_value()

    async def work() -> Exit:
        workdir = Path(os.environ["MATRIX_ASSISTANT_LAB_DIR"])
        async with await Lab.start(
            prepared, workdir=workdir, report=out.say, border=border if border.filters() else None
        ) as lab:
            journey = Journey(
                lab,
                args.option,
                args.release,
                checker,
                say=out.say,
                progress=out.status,
                border=border,
                links=args.links,
            )
            hosts = await boot_hosts(lab, args.option, args.release, line=scenario.line())
            report = await journey.travel(hosts)
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
