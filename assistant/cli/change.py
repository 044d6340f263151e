"""``matrix-assistant change``: another option, name, address, port, provider, link, or size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from assistant.text import Message, msg

if TYPE_CHECKING:
    import argparse

    from assistant.change.changes import Change
    from assistant.cli.exit_codes import Exit
    from assistant.cli.output import Output
    from assistant.setup.model import DnsProvider, Host, Setup

Words = Callable[[Message], str]


def add_arguments(sub: argparse.ArgumentParser, words: Words) -> None:
    """What can be changed, each with its own arguments."""
    sub.add_argument(
        "--dry-run", action="store_true", help=words(msg("say what would be to do; save nothing"))
    )
    kinds = sub.add_subparsers(dest="what", metavar="WHAT", required=True)

    def kind(name: str, message: Message) -> argparse.ArgumentParser:
        return kinds.add_parser(name, help=words(message), description=words(message))

    one = kind("option", msg("another option, with all accounts kept"))
    one.add_argument("to", type=int, choices=(1, 2, 3, 4))
    one.add_argument(
        "--hosts",
        metavar="FILE",
        help=words(msg("the new servers, as [[setup.hosts]] of an answers file")),
    )
    one.add_argument("--server-name", default="", help=words(msg("of the new server in China")))
    one.add_argument("--access-name", default="", help=words(msg("what people there connect to")))
    one.add_argument("--port", type=int, help=words(msg("the high port of the home line")))
    one.add_argument(
        "--accept", default="", metavar="TEXT", help=words(msg("the sentence of options 3 and 4"))
    )

    one = kind("add-name", msg("a spare name for the main server"))
    one.add_argument("name")
    one = kind("remove-name", msg("give a spare name up"))
    one.add_argument("name")
    one = kind("access-name", msg("the name people connect to; user ids stay"))
    one.add_argument("name")

    one = kind("address", msg("another address of a server"))
    one.add_argument("host")
    one.add_argument("--ipv4", help=words(msg("public; empty for none")))
    one.add_argument("--ipv6", help=words(msg("public; empty for none")))
    one.add_argument("--login", metavar="ADDRESS", help=words(msg("where SSH connects to")))

    one = kind("port", msg("the high port of the home line (option 4)"))
    one.add_argument("port", type=int)

    one = kind("provider", msg("who answers for the domain's DNS; none to copy records by hand"))
    one.add_argument("name")
    one.add_argument("--account", default="", help=words(msg("public half of the login")))
    one.add_argument("--server", help=words(msg("for rfc2136: IP address of the DNS server")))
    one.add_argument("--update-port", type=int, default=53, help=words(msg("for rfc2136")))
    one.add_argument("--key-name", help=words(msg("for rfc2136: name of the TSIG key")))
    one.add_argument("--algorithm", default="HMAC-SHA256", help=words(msg("for rfc2136")))

    one = kind("link", msg("how a machine reaches the server in China"))
    one.add_argument("link", choices=("home", "outside"))
    one.add_argument("way", choices=("direct", "wrapped"))

    one = kind("workers", msg("worker processes of the main Matrix server; 0 for none"))
    one.add_argument("count", type=int)

    one = kind("remove-host", msg("take the machine at home out (option 4 becomes 3)"))
    one.add_argument("host")


def change_command(args: argparse.Namespace, out: Output) -> Exit:
    """Change a saved setup and say what is to be done besides; nothing is done on a server."""
    from datetime import UTC, datetime

    from assistant.change.changes import recorded
    from assistant.cli.exit_codes import Exit
    from assistant.cli.open_setup import open_named
    from assistant.common.errors import InputError

    if args.answers:
        raise InputError(
            "change-answers",
            msg(
                "A change is made to a saved setup (--setup NAME). A setup that comes from an"
                " answers file is changed in that file, else the file takes the change back."
            ),
        )
    with open_named(args, out) as handle:
        change = _changed(handle.setup, args)
        if not args.dry_run:
            handle.save(recorded(change, _detail(args), datetime.now(UTC)))
        setup = change.setup
    out.print(
        msg("Nothing was saved. With this change there would be to do:")
        if args.dry_run
        else msg("Saved in {path}. No server was touched. Now:", path=handle.path)
    )
    for number, todo in enumerate(change.todo, 1):
        out.print(f"{number}. {out.words(todo)}")
    out.json(
        {
            "ok": True,
            "saved": not args.dry_run,
            "setup": setup.name,
            "option": setup.option,
            "server_name": setup.server_name,
            "access_name": setup.access_name,
            "access_port": setup.access_port,
            "spare_names": list(setup.spare_names),
            "outside_name": setup.outside_name,
            "todo": [str(todo) for todo in change.todo],
        }
    )
    return Exit.OK


def _changed(setup: Setup, args: argparse.Namespace) -> Change:
    from assistant.change import changes

    match args.what:
        case "option":
            return changes.change_option(
                setup,
                args.to,
                hosts=_hosts(args.hosts),
                server_name=args.server_name,
                access_name=args.access_name,
                access_port=args.port,
                acknowledged=args.accept,
            )
        case "add-name":
            return changes.add_spare_name(setup, args.name)
        case "remove-name":
            return changes.remove_spare_name(setup, args.name)
        case "access-name":
            return changes.change_access_name(setup, args.name)
        case "address":
            return changes.change_address(
                setup, args.host, ipv4=args.ipv4, ipv6=args.ipv6, login_address=args.login
            )
        case "port":
            return changes.change_port(setup, args.port)
        case "provider":
            return changes.change_provider(setup, _provider(args))
        case "link":
            return changes.set_link(setup, args.link, args.way)
        case "workers":
            return changes.set_workers(setup, args.count)
        case _:
            return changes.remove_host(setup, args.host)


def _hosts(file: str | None) -> tuple[Host, ...]:
    from pathlib import Path

    from assistant.setup.answers_file import read_answers_file

    return (read_answers_file(Path(file)).setup.hosts or ()) if file else ()


def _provider(args: argparse.Namespace) -> DnsProvider | None:
    from pydantic import ValidationError

    from assistant.common.errors import InputError
    from assistant.common.validation_messages import first_problem
    from assistant.setup.model import DnsProvider

    if args.name == "none":
        return None
    values: dict[str, object] = {"name": args.name, "account": args.account}
    if args.server or args.key_name or args.name == "rfc2136":
        values["update"] = {
            "server": args.server or "",
            "port": args.update_port,
            "key_name": args.key_name or "",
            "algorithm": args.algorithm,
        }
    try:
        return DnsProvider.model_validate(values)
    except ValidationError as error:
        raise InputError(
            "change-provider", first_problem(error, DnsProvider, "provider", "")
        ) from None


def _detail(args: argparse.Namespace) -> str:
    """What was changed, for the history; addresses and names only."""
    words = [args.what]
    for name in ("to", "name", "host", "port", "link", "way", "count"):
        value = getattr(args, name, None)
        if value is not None:
            words.append(str(value))
    return " ".join(words)
