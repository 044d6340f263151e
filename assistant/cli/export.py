"""``matrix-assistant export``: the summary, device files, values for a larger deployment."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.cli.commands import job
from assistant.cli.exit_codes import Exit
from assistant.cli.output import Output
from assistant.common.atomic import write_private
from assistant.common.errors import AssistantError, InputError
from assistant.export import helm_values, summary_json, summary_markdown
from assistant.plan.compile import compile_plan
from assistant.text import msg

if TYPE_CHECKING:
    from assistant.plan import Plan
    from assistant.setup.model import Setup


def _save_devices(setup: Setup, plan: Plan, folder: Path, out: Output) -> Exit:
    """Write the files for devices and routers; what is there of the same name is replaced."""
    from assistant.export.device_files import device_files

    files = device_files(setup, plan.records)
    if not files:
        raise InputError(
            "no-devices",
            msg(
                "No device needs a record here: option 3 alone has names that are in no public DNS."
            ),
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            write_private(folder / file.name, file.text)
            title = file.title
            out.print(msg("{path}: {title}", path=str(folder / file.name), title=title))
    except OSError as error:
        raise AssistantError(
            "output-file",
            msg(
                "The files could not be written to {path}: {why}.",
                path=folder,
                why=error.strerror or "unknown",
            ),
        ) from None
    out.json({"ok": True, "files": [str(folder / file.name) for file in files]})
    return Exit.OK


def export_command(args: argparse.Namespace, out: Output) -> Exit:
    """The summary for everybody involved, as Markdown or JSON; no secrets in it."""
    with job(args, out) as task:
        setup = task.setup
        plan = compile_plan(setup)
        findings = setup.current_findings
        if args.devices:
            return _save_devices(setup, plan, Path(args.devices), out)
        if args.format == "values":
            text = helm_values(setup)
        elif args.format == "json" or out.as_json:
            value = summary_json(
                setup, plan=plan, findings=findings, canary=None, audience=args.audience
            )
            text = json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"
        else:
            text = summary_markdown(
                setup,
                plan=plan,
                findings=findings,
                canary=None,
                audience=args.audience,
                language=args.language or out.language,
            )
        if args.output:
            try:
                write_private(Path(args.output), text)
            except OSError as error:
                raise AssistantError(
                    "output-file",
                    msg(
                        "The summary could not be written to {path}: {why}.",
                        path=args.output,
                        why=error.strerror or "unknown",
                    ),
                ) from None
            out.say(msg("The summary is in {path}.", path=args.output))
        else:
            print(text, end="")
    return Exit.OK
