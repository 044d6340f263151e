"""Which Setup a command works on: ``--setup``, ``--answers``, or the only one there is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from assistant.advice.recommendation import recommend
from assistant.cli.output import Output
from assistant.common.errors import InputError
from assistant.common.validation_messages import first_problem
from assistant.setup.answers_file import AnswersFile, read_answers_file
from assistant.setup.homeservers import renamed
from assistant.setup.model import ROLES, Host, Login, Role, Settings, Setup
from assistant.setup.store import SetupHandle, create_setup, list_setups, open_setup, setup_path
from assistant.text import msg
from assistant.wizard.draft_to_setup import home_port

DEFAULT_NAME = "matrix"
"""The name of a setup whose answers file gives none."""


@contextmanager
def open_named(args: argparse.Namespace, out: Output) -> Iterator[SetupHandle]:
    """The open Setup, locked against a second program until the block ends."""
    if args.answers:
        yield from _from_answers(Path(args.answers), out)
        return
    where = args.setup or _only_one()
    with open_setup(where) as handle:
        _notices(handle, out)
        yield handle


def _only_one() -> str:
    found = list_setups()
    if len(found) == 1:
        return str(found[0].path)
    if not found:
        raise InputError(
            "no-setup",
            msg(
                "There is no saved setup yet. Give --answers FILE (docs/cli.md shows one), or run"
                " matrix-assistant without a command."
            ),
        )
    names = ", ".join(item.name for item in found)
    raise InputError(
        "which-setup",
        msg("There are several setups: {names}. Say which with --setup NAME.", names=names),
    )


def _from_answers(path: Path, out: Output) -> Iterator[SetupHandle]:
    """The setup an answers file describes: made the first time, brought up to date later."""
    file = read_answers_file(path)
    name = file.setup.name or DEFAULT_NAME
    if not setup_path(name).exists():
        with create_setup(setup_from(file, path.name, None)) as handle:
            out.say(msg("Saved as the setup {name} in {path}.", name=name, path=handle.path))
            yield handle
        return
    with open_setup(name) as handle:
        _notices(handle, out)
        setup = setup_from(file, path.name, handle.setup)
        if setup != handle.setup:
            handle.save(setup)
        yield handle


def _notices(handle: SetupHandle, out: Output) -> None:
    for notice in handle.notices:
        out.say(notice)


def setup_from(file: AnswersFile, name: str, present: Setup | None) -> Setup:
    """The Setup that an answers file called ``name`` describes, on top of a saved one.

    What the program itself learned (host keys, releases, history) stays while it still belongs to
    the same server. :class:`InputError` says what the file lacks.
    """
    given = file.setup
    option = given.option or (present.option if present else recommend(file.answers).first)
    hosts = given.hosts if given.hosts is not None else (present.hosts if present else None)
    server_name = given.server_name or (present.server_name if present else None)
    outside_name = given.outside_name or (present.outside_name if present else "")
    setup_name, two = given.name or DEFAULT_NAME, Role.INSIDE in ROLES[option]
    lacking = [
        what
        for what, is_there in (
            ("server_name", server_name is not None),
            ("outside_name", bool(outside_name) or not two),
            ("[[setup.hosts]]", hosts is not None),
        )
        if not is_there
    ]
    if lacking:
        raise InputError(
            "answers-file-lacks",
            msg(
                "{file} says nothing of {lacking} in its section [setup]. Add it; docs/cli.md"
                " shows a whole file.",
                file=name,
                lacking=", ".join(lacking),
            ),
        )
    # Consent to the risks was given for those answers and that option, not for others.
    same = present is not None and present.answers == file.answers and present.option == option
    acknowledged = present.acknowledged if present is not None and same else ""
    base = {} if present is None else present.model_dump(exclude={"findings", "history"})
    values = {
        **base,
        "name": setup_name,
        "created": present.created if present else datetime.now(UTC),
        "answers": file.answers,
        "option": option,
        "acknowledged": given.acknowledged or acknowledged,
        "server_name": server_name,
        "access_name": given.access_name or _access_name(present, server_name),
        "access_port": given.access_port or _access_port(present, option, name=setup_name),
        "outside_name": outside_name if two else "",
        "hosts": tuple(_learned(host, present) for host in hosts or ()),
        "settings": given.settings or (present.settings if present else Settings()),
    }
    if given.spare_names is not None:
        values["spare_names"] = given.spare_names
    elif present is not None and present.server_name != server_name:
        values["spare_names"] = ()  # They were those of another server: the option has changed.
    try:
        setup = Setup.model_validate(values)
    except ValidationError as error:
        raise InputError("answers-file-invalid", first_problem(error, Setup, name, "")) from None
    if present is None:
        return setup
    _same_names(setup, present, name)
    return setup.model_copy(
        update={
            "history": present.history,
            "findings": present.findings,
            "set_aside": present.set_aside,
        }
    )


def _access_name(present: Setup | None, server_name: str | None) -> str | None:
    """What clients connect to when the file does not say: as it was, else the server name."""
    same = present is not None and present.server_name == server_name
    return present.access_name if present is not None and same else server_name


def _access_port(present: Setup | None, option: int, *, name: str) -> int:
    """The port when the file does not say: a home line needs a high one, all else has 443."""
    if option != 4:
        return 443
    return present.access_port if present is not None and present.option == 4 else home_port(name)


def _same_names(setup: Setup, present: Setup, file: str) -> None:
    """:class:`InputError` when a server would get another name than it was made with."""
    for role, old, new in renamed(present, setup):
        raise InputError(
            "server-name-changed",
            msg(
                "{file} says the server name of {host} is {new}, but this setup was made with"
                " {old}. A server name is for ever: it is part of every user id. Put {old} back, or"
                " choose another name for a new setup.",
                file=file,
                host=role.value,
                new=new,
                old=old,
            ),
        )


def _learned(host: Host, present: Setup | None) -> Host:
    """A host of the file with what the program had learned about that very server."""
    for known in present.hosts if present else ():
        if known.name != host.name:
            continue
        login = _keep_key(host.login, known.login)
        jump = host.jump
        if jump is not None and known.jump is not None:
            jump = _keep_key(jump, known.jump)
        same = login.host_key == known.login.host_key
        release = host.release or (known.release if same else "")
        return host.model_copy(update={"login": login, "jump": jump, "release": release})
    return host


def _keep_key(login: Login, known: Login) -> Login:
    if login.host_key or (login.address, login.port) != (known.address, known.port):
        return login
    return login.model_copy(update={"host_key": known.host_key})
