"""The ``records`` command: DNS records to copy, or set at the provider with a token.

The token is asked for, or read from the section ``[dns]`` of the credentials file::

    [dns]
    token = "…"
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.cli.exit_codes import Exit
from assistant.cli.output import Output
from assistant.common.errors import InputError
from assistant.plan.model import Record
from assistant.text import Message, msg

if TYPE_CHECKING:
    from assistant.dns_records.publish import Outcome
    from assistant.setup.model import DnsProvider


def record_words(record: Record) -> Message:
    """A record in a line: where it belongs, ready to copy."""
    if record.where == "public":
        if record.must == "absent":
            return msg("DNS, must not exist: {line}", line=record.line)
        if not record.values:
            return msg("DNS, set by the home host: {line}", line=record.line)
        return msg("DNS, must exist: {line}", line=record.line)
    line = "\n".join(f"{value} {record.name}" for value in record.values)
    if record.where == "device":
        return msg("On every device, not in public DNS: {line}", line=line)
    return msg("On the server outside, by apply: {line}", line=line)


def record_json(record: Record) -> dict[str, Any]:
    """A record in JSON output."""
    return {
        "name": record.name,
        "type": record.type,
        "values": list(record.values),
        "must": record.must,
        "where": record.where,
        "ttl": record.ttl,
        "dynamic": record.dynamic,
    }


def records_command(args: argparse.Namespace, out: Output) -> Exit:
    """Show the records of the plan; with ``--set`` bring the public ones to it."""
    from assistant.cli.credentials import read_credentials
    from assistant.cli.open_setup import open_named
    from assistant.plan.compile import compile_plan

    given = read_credentials(Path(args.credentials)) if args.credentials else {}
    with open_named(args, out) as handle:
        setup = handle.setup
    records = compile_plan(setup).records
    for record in records:
        out.print(record_words(record))
    shown = [record_json(record) for record in records]
    if not args.set:
        out.json({"ok": True, "records": shown})
        return Exit.OK
    provider = _provider(setup.settings.provider)
    token = _token(given, provider, args, out)

    from assistant.dns_records.publish import set_records

    outcomes = asyncio.run(set_records(records, provider, token))
    good = all(outcome.good for outcome in outcomes)
    for outcome in outcomes:
        out.print(f"{'✓' if outcome.good else '✗'} {out.words(outcome.text)}")
    out.json({"ok": good, "records": shown, "outcomes": [_outcome_json(o) for o in outcomes]})
    return Exit.OK if good else Exit.NOT_OK


def _provider(provider: DnsProvider | None) -> DnsProvider:
    if provider is None:
        raise InputError(
            "no-provider",
            msg(
                "This setup does not say which company answers for your domain, so nothing can be"
                " set there. Copy the lines above, or name it: `matrix-assistant change provider`."
            ),
        )
    return provider


def _token(
    given: Mapping[str, Mapping[str, str]],
    provider: DnsProvider,
    args: argparse.Namespace,
    out: Output,
) -> str:
    import getpass
    import sys

    token = given.get("dns", {}).get("token", "")
    if not token and args.interactive:
        prompt = msg("Token for the DNS at {provider}: ", provider=provider.name)
        try:
            token = getpass.getpass(out.words(prompt), sys.stderr)
        except (EOFError, OSError):
            token = ""
    if not token:
        raise InputError(
            "no-token",
            msg(
                "Setting records needs your token of {provider}: type it when asked, or give a"
                ' credentials file with token = "…" in its section [dns].',
                provider=provider.name,
            ),
        )
    return token


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.record.name,
        "type": outcome.record.type,
        "state": outcome.state,
        "found": list(outcome.found),
        "text": str(outcome.text),
    }
