"""The command line: the same functions as the screens, without screens.

Only this module and ``__main__`` know ``checks`` and ``screens``; they hand them on.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from assistant import __version__

if TYPE_CHECKING:
    from assistant.cli.output import Output

_EPILOG = """exit codes: 0 good · 1 done, but the outcome is not good · 2 wrong command line or
file · 3 a server could not be reached or logged in to · 4 a server stopped the work ·
5 a decision is needed first · 6 this computer stopped the work · 70 a defect of the program ·
130 interrupted"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line; see docs/cli.md."""
    parser = argparse.ArgumentParser(
        prog="matrix-assistant",
        description="From a few questions to a working, private Matrix server."
        " Without a command, the wizard starts.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, help_text: str, *, setup: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_text, description=help_text, epilog=_EPILOG)
        sub.add_argument("--json", action="store_true", help="one JSON object on standard output")
        if setup:
            which = sub.add_mutually_exclusive_group()
            which.add_argument("--setup", metavar="FILE", help="a saved setup: its file or name")
            which.add_argument("--answers", metavar="FILE", help="answers and servers (TOML)")
            sub.add_argument("--credentials", metavar="FILE", help="passwords (TOML, mode 0600)")
            sub.add_argument(
                "--unattended", action="store_true", help="ask nothing; fail where one would ask"
            )
        return sub

    sub = command("recommend", "Rank the four options for a file of answers.", setup=False)
    sub.add_argument("--answers", metavar="FILE", help="the answers (TOML or JSON)")
    sub.add_argument("--questions", action="store_true", help="list the questions and values")

    sub = command("plan", "Show what an apply would change; nothing is changed.")
    sub.add_argument("--no-diff", action="store_true", help="leave the diffs out")
    _decisions(sub)

    sub = command("check", "Measure from this computer and the servers, and say what was found.")
    sub.add_argument(
        "--phase",
        choices=("auto", "before", "after"),
        default="auto",
        help="before or after the service was applied (default: found from the history)",
    )

    sub = command("apply", "Bring the servers to the plan; again at any time.")
    sub.add_argument("--skip-checks", action="store_true", help="do not check first")
    _decisions(sub)

    command("canary", "Prove that encrypted messages arrive, with two temporary users.")
    command("undo", "Take back what was applied; databases, media and keys stay.")
    command("status", "What was done so far, and what the servers say.")

    sub = command("export", "The summary for everybody involved; no secrets in it.")
    sub.add_argument("--format", choices=("markdown", "json"), default="markdown")
    sub.add_argument("--audience", choices=("operator", "people"), default="operator")
    sub.add_argument("--language", choices=("en", "zh"), default="en")
    sub.add_argument("--output", metavar="FILE", help="write there instead of standard output")

    sub = command(
        "rehearse", "Practise everything on a small internet on this computer.", setup=False
    )
    sub.add_argument("--option", type=int, choices=(1, 2, 3, 4), default=1)
    sub.add_argument("--release", choices=("trixie", "bookworm"), default="trixie")
    sub.add_argument("--keep", action="store_true", help="leave the hosts up at the end")
    sub.add_argument("--contained", action="store_true", help=argparse.SUPPRESS)
    return parser


def _decisions(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--overwrite", metavar="ID", action="append", help="replace this hand-edited file"
    )
    sub.add_argument("--keep", metavar="ID", action="append", help="keep this hand-edited file")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code. Errors are told as sentences, never as tracebacks."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows another; it must never stop the work.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.command is None:
        return _start_screen()
    args.interactive = not getattr(args, "unattended", True) and sys.stdin.isatty()
    return _guarded(args)


def _start_screen() -> int:
    from screens.app import AssistantApp

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(
            "matrix-assistant draws its pages in a terminal, and this is none."
            " See `matrix-assistant --help` for the commands.",
            file=sys.stderr,
        )
        return 2
    AssistantApp().run()
    return 0


def _guarded(args: argparse.Namespace) -> int:
    from assistant.cli.exits import Exit, exit_for
    from assistant.cli.output import Output
    from assistant.errors import AssistantError

    out = Output(as_json=args.json)
    try:
        return _command(args.command)(args, out)
    except AssistantError as error:
        out.say(error.message)
        out.json({"ok": False, "error": {"cause": error.cause, "text": str(error.message)}})
        return int(exit_for(error))
    except KeyboardInterrupt:
        out.say("Interrupted. What already runs on a server goes on there; see `status`.")
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.LOCAL)
    except Exception as error:
        from assistant.cli.crash import write_report

        out.say(write_report(error))
        out.json({"ok": False, "error": {"cause": "internal", "text": type(error).__name__}})
        return int(Exit.INTERNAL)


def _command(name: str) -> Callable[[argparse.Namespace, Output], int]:
    """The function of a command; imported only now, so that others start fast."""
    if name == "rehearse":
        from assistant.cli.rehearse import rehearse_command
        from checks import run_checks

        return lambda args, out: rehearse_command(args, out, run_checks)
    from assistant.cli import commands

    function: Callable[[argparse.Namespace, Output], int] = getattr(commands, f"{name}_command")
    if name in ("check", "apply"):
        from checks import run_checks

        return lambda args, out: function(_with(args, checker=run_checks), out)
    return function


def _with(args: argparse.Namespace, **values: object) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(args), **values})
