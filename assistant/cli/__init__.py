"""The command line: the same functions as the screens, without screens.

Only this module and ``__main__`` know ``checks`` and ``screens``; they hand them on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from assistant import __version__
from assistant.text import LANGUAGES, Message, language_of_locale, msg, render

if TYPE_CHECKING:
    import argparse

    from assistant.cli.output import Output

_EPILOG = msg(
    "exit codes: 0 good · 1 done, but the outcome is not good · 2 wrong command line or"
    " file · 3 a server could not be reached or logged in to · 4 a server stopped the work ·"
    " 5 a decision is needed first · 6 this computer stopped the work · 70 a defect of the"
    " program · 130 interrupted"
)


def build_parser(language: str = "en") -> argparse.ArgumentParser:
    """The parser of the command line, with its help in a language; see docs/cli.md."""
    import argparse  # not at the top: the wizard starts without it

    def words(message: Message) -> str:
        return render(message, language).replace("%", "%%")

    parser = argparse.ArgumentParser(
        prog="matrix-assistant",
        description=words(
            msg(
                "From a few questions to a working, private Matrix server. Without a command, the"
                " wizard starts."
            )
        ),
        epilog=words(_EPILOG),
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--practice-inside", action="store_true", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, message: Message, *, setup: bool = True) -> argparse.ArgumentParser:
        help_text = words(message)
        sub = commands.add_parser(
            name, help=help_text, description=help_text, epilog=words(_EPILOG)
        )
        sub.add_argument(
            "--json", action="store_true", help=words(msg("one JSON object on standard output"))
        )
        if setup:
            which = sub.add_mutually_exclusive_group()
            which.add_argument(
                "--setup", metavar="FILE", help=words(msg("a saved setup: its file or name"))
            )
            which.add_argument(
                "--answers", metavar="FILE", help=words(msg("answers and servers (TOML)"))
            )
            sub.add_argument(
                "--credentials", metavar="FILE", help=words(msg("passwords (TOML, mode 0600)"))
            )
            sub.add_argument(
                "--unattended",
                action="store_true",
                help=words(msg("ask nothing; fail where one would ask")),
            )
        return sub

    sub = command("recommend", msg("Rank the four options for a file of answers."), setup=False)
    sub.add_argument("--answers", metavar="FILE", help=words(msg("the answers (TOML or JSON)")))
    sub.add_argument(
        "--questions", action="store_true", help=words(msg("list the questions and values"))
    )

    sub = command("plan", msg("Show what an apply would change; nothing is changed."))
    sub.add_argument("--no-diff", action="store_true", help=words(msg("leave the diffs out")))
    _decisions(sub, words)

    sub = command(
        "check", msg("Measure from this computer and the servers, and say what was found.")
    )
    sub.add_argument(
        "--phase",
        choices=("auto", "before", "after"),
        default="auto",
        help=words(
            msg("before or after the service was applied (default: found from the history)")
        ),
    )

    sub = command("apply", msg("Bring the servers to the plan; again at any time."))
    sub.add_argument("--skip-checks", action="store_true", help=words(msg("do not check first")))
    _decisions(sub, words)

    command("canary", msg("Prove that encrypted messages arrive, with two temporary users."))
    sub = command("undo", msg("Take back what was applied; databases, media and keys stay."))
    sub.add_argument("--host", metavar="NAME", help=words(msg("on this server only")))
    command("status", msg("What was done so far, and what the servers say."))

    sub = command("records", msg("The DNS records to copy, or to set at your provider."))
    sub.add_argument(
        "--set", action="store_true", help=words(msg("set them; asks for the provider's token"))
    )

    from assistant.cli.change import add_arguments

    sub = command("change", msg("Change your mind: option, names, addresses, links."))
    add_arguments(sub, words)

    sub = command("export", msg("The summary for everybody involved; no secrets in it."))
    sub.add_argument("--format", choices=("markdown", "json", "values"), default="markdown")
    sub.add_argument(
        "--devices",
        metavar="FOLDER",
        help=words(msg("save the files for devices and routers there (option 3)")),
    )
    sub.add_argument("--audience", choices=("operator", "people"), default="operator")
    sub.add_argument("--language", choices=LANGUAGES)
    sub.add_argument(
        "--output", metavar="FILE", help=words(msg("write there instead of standard output"))
    )

    sub = command(
        "rehearse", msg("Practise everything on a small internet on this computer."), setup=False
    )
    sub.add_argument("--option", type=int, choices=(1, 2, 3, 4), default=1)
    sub.add_argument("--release", choices=("trixie", "bookworm"), default="trixie")
    sub.add_argument(
        "--rtt",
        metavar="MS",
        type=_upto(10_000),
        help=words(msg("round trip across the border, in milliseconds")),
    )
    sub.add_argument(
        "--jitter",
        metavar="MS",
        type=_upto(10_000),
        help=words(msg("by how much the round trip varies, in milliseconds")),
    )
    sub.add_argument(
        "--loss",
        metavar="PERCENT",
        type=_upto(90),
        help=words(msg("share of the packets that get lost at the border")),
    )
    sub.add_argument(
        "--scenario",
        metavar="FILE",
        help=words(msg("what is wrong with the internet to practise on (TOML)")),
    )
    sub.add_argument(
        "--links",
        choices=("direct", "wrapped"),
        default="direct",
        help=words(msg("how the hosts reach the server in China (default: direct)")),
    )
    sub.add_argument(
        "--keep", action="store_true", help=words(msg("leave the hosts up at the end"))
    )
    sub.add_argument("--contained", action="store_true", help=argparse.SUPPRESS)
    return parser


def _upto(highest: float) -> Callable[[str], float]:
    """A number from 0 to `highest`, as typed on a command line."""

    def number(text: str) -> float:
        value = float(text)
        if not 0 <= value <= highest:
            raise ValueError(text)
        return value

    number.__name__ = f"number from 0 to {highest}"  # argparse names it when it refuses a value
    return number


def _decisions(sub: argparse.ArgumentParser, words: Callable[[Message], str]) -> None:
    sub.add_argument(
        "--overwrite",
        metavar="ID",
        action="append",
        help=words(msg("replace this hand-edited file")),
    )
    sub.add_argument(
        "--keep", metavar="ID", action="append", help=words(msg("keep this hand-edited file"))
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code. Errors are told as sentences, never as tracebacks."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows another; it must never stop the work.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    if not (sys.argv[1:] if argv is None else argv):
        return _start_screen(inside=False)  # at once: the parser is for those who type more
    args = build_parser(language_of_locale()).parse_args(argv)
    if args.command is None:
        return _start_screen(inside=args.practice_inside)
    args.interactive = not getattr(args, "unattended", True) and sys.stdin.isatty()
    return _guarded(args)


def _start_screen(*, inside: bool) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        message = msg(
            "matrix-assistant draws its pages in a terminal, and this is none. See"
            " `matrix-assistant --help` for the commands."
        )
        print(render(message, language_of_locale()), file=sys.stderr)
        return 2
    from assistant.cli import start_screen

    return start_screen.inside() if inside else start_screen.start()


def _guarded(args: argparse.Namespace) -> int:
    from assistant.cli.exit_codes import Exit, exit_for
    from assistant.cli.output import Output
    from assistant.common.errors import AssistantError

    out = Output(as_json=args.json, language=language_of_locale())
    try:
        return _command(args.command)(args, out)
    except AssistantError as error:
        out.say(error.message)
        out.json({"ok": False, "error": {"cause": error.cause, "text": str(error.message)}})
        return int(exit_for(error))
    except KeyboardInterrupt:
        out.say(msg("Interrupted. What already runs on a server goes on there; see `status`."))
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.LOCAL)
    except Exception as error:
        from assistant.common.crash_report import write_report

        out.say(write_report(error))
        out.json({"ok": False, "error": {"cause": "internal", "text": type(error).__name__}})
        return int(Exit.INTERNAL)


def _command(name: str) -> Callable[[argparse.Namespace, Output], int]:
    """The function of a command; imported only now, so that others start fast."""
    if name == "rehearse":
        from assistant.cli.rehearse import rehearse_command
        from checks import run_checks

        return lambda args, out: rehearse_command(args, out, run_checks)
    if name == "records":
        from assistant.cli.records import records_command

        return records_command
    if name == "change":
        from assistant.cli.change import change_command

        return change_command
    if name == "export":
        from assistant.cli.export import export_command

        return export_command
    from assistant.cli import commands

    function: Callable[[argparse.Namespace, Output], int] = getattr(commands, f"{name}_command")
    if name in ("check", "apply"):
        from checks import run_checks

        return lambda args, out: function(_with(args, checker=run_checks), out)
    return function


def _with(args: argparse.Namespace, **values: object) -> argparse.Namespace:
    import argparse

    return argparse.Namespace(**{**vars(args), **values})
